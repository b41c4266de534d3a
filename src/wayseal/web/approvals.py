"""The pages of second persons: what waits for them, what exactly they would sign, sign or decline, and their own credentials.

Owns routes and words. What an authenticator signs is computed in the browser from the very bytes that the page shows; what a
signature is worth the keyroom decides.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse

from wayseal.export.approval import Subject
from wayseal.flow.waiting import Place, Waiting
from wayseal.model.errors import Refused
from wayseal.station.signing import describe_waiting
from wayseal.station.signing_desk import Page, SigningDesk
from wayseal.web.approver import Answer, Approving, answer_script, read_credential, read_text, show_time
from wayseal.web.problems import say_problem

DECLINE_REASONS = {
    Subject.RELEASE: (
        ("not-necessary", "not necessary for the purpose"), ("not-their-lane", "not a lane of their work"),
        ("too-many", "too many at once"), ("not-asked", "they say that they did not ask"), ("other", "another reason"),
    ),
    Subject.GRANT: (
        ("not-on-duty", "not on duty now"), ("wrong-lanes", "the wrong lanes"),
        ("not-asked", "they say that they did not sign in"), ("other", "another reason"),
    ),
    Subject.HOLD: (
        ("no-ground", "no ground to keep them"), ("too-many", "too many records"), ("too-long", "for too long"),
        ("not-asked", "I was not asked"), ("other", "another reason"),
    ),
    Subject.REINSTATEMENT: (
        ("not-assessed", "not assessed well enough"), ("not-agreed", "they shall not come back"),
        ("not-asked", "I was not asked"), ("other", "another reason"),
    ),
    Subject.LIFT: (
        ("still-needed", "the records are still needed"), ("not-asked", "I was not asked"), ("other", "another reason"),
    ),
}  # fmt: skip
_STATES = {
    Place.WAITS: ("◇", "refer", "waits for a signature"), Place.SIGNED: ("●", "match", "signed"),
    Place.DECLINED: ("×", "documents", "declined"), Place.OPENED: ("■", "documents", "opened"),  # noqa: RUF001 - a shape
    Place.DONE: ("■", "documents", "carried out"),
    Place.OVER: ("○", "documents", "its time is over"),
}  # fmt: skip


class Heap(StrEnum):
    """Where a page's address puts what it is about."""

    RELEASES = "releases"
    GRANTS = "grants"
    HOLDS = "holds"
    REINSTATEMENTS = "reinstatements"
    LIFTS = "lifts"


_ABOUT = {
    Heap.RELEASES: Subject.RELEASE, Heap.GRANTS: Subject.GRANT, Heap.HOLDS: Subject.HOLD,
    Heap.REINSTATEMENTS: Subject.REINSTATEMENT, Heap.LIFTS: Subject.LIFT,
}  # fmt: skip
LISTED = (Subject.GRANT, Subject.RELEASE, Subject.HOLD, Subject.LIFT, Subject.REINSTATEMENT)
"""What is listed, in this order."""
_HEAPS = {about: heap for heap, about in _ABOUT.items()}


def add_approval_routes(
    app: FastAPI, page: Callable[..., Response], desk: SigningDesk, zone: ZoneInfo
) -> None:
    """Add everything under `/approvals`. `page` renders a template for nobody's session."""

    @app.get("/approvals", response_class=HTMLResponse)
    def waiting(request: Request, approver: Approving) -> Response:
        keys = [
            key | {"enrolled": show_time(key["enrolled_at"], zone)} for key in desk.list_credentials(approver)
        ]
        listed = _list_waiting(desk, approver, zone)
        return page(request, "approvals.html", None, approver=approver, keys=keys, **listed)

    @app.get("/approvals/waiting", response_class=HTMLResponse)
    def list_alone(request: Request, approver: Approving) -> Response:
        """Give the list alone: the page's script asks for it again and again."""
        listed = _list_waiting(desk, approver, zone)
        return page(request, "approvals_waiting.html", None, approver=approver, **listed)

    @app.get("/approvals/credentials/{key}/draft")
    def draft(key: str, approver: Approving) -> Response:
        name = f"{approver}-{key[:8]}.appointment"
        head = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(desk.draft(approver, key), media_type="application/octet-stream", headers=head)

    @app.get("/approvals/{heap}/{matter}", response_class=HTMLResponse)
    def one_matter(request: Request, heap: Heap, matter: str, approver: Approving) -> Response:
        found = desk.look(approver, _ABOUT[heap], matter)
        shown = _show_page(found, approver, zone) | _find_next(desk, approver, zone, matter)
        return page(request, "approval.html", None, approver=approver, **shown)

    _add_signing_routes(app, desk)


def _list_waiting(desk: SigningDesk, approver: str, zone: ZoneInfo) -> dict[str, list[dict[str, Any]]]:
    """Return what waits for somebody and what they have signed, as the templates want it."""
    found = [one for about in LISTED for one in desk.list_waiting(approver, about)]
    matters = [_show(one, approver, zone) for one in found]
    return {
        "exports": [
            row | {"until": show_time(row["expires_at"], zone)} for row in desk.list_exports(approver)
        ],
        "matters": [one for one in matters if not one["mine"]],
        "signed": [one for one in matters if one["mine"]],
    }


def _find_next(desk: SigningDesk, approver: str, zone: ZoneInfo, matter: str) -> dict[str, Any]:
    """Return where the next matter is that waits for somebody beside this one, and how many do."""
    waiting = _list_waiting(desk, approver, zone)["matters"]
    ids = [one["id"] for one in waiting]
    at = ids.index(matter.upper()) + 1 if matter.upper() in ids else 0
    others = [one for one in (*waiting[at:], *waiting[:at]) if one["id"] != matter.upper()]
    first = f"/approvals/{others[0]['heap']}/{others[0]['id']}" if others else None
    return {"next": first, "others": len(others)}


def _add_signing_routes(app: FastAPI, desk: SigningDesk) -> None:
    @app.post("/approvals/{heap}/{matter}/ballot")
    def ballot(heap: Heap, matter: str, approver: Approving) -> Response:
        return answer_script(lambda: desk.ask(approver, _ABOUT[heap], matter))

    @app.post("/approvals/{heap}/{matter}/approval")
    def approve(heap: Heap, matter: str, approver: Approving, body: Answer) -> Response:
        return answer_script(lambda: {"ledger_index": desk.sign(
            approver, _ABOUT[heap], matter, read_text(body, "checkpoint"), read_credential(body)
        ), "next": f"/approvals/{heap}/{matter.upper()}"})  # fmt: skip

    @app.post("/approvals/{heap}/{matter}/decline-ballot")
    def decline_ballot(heap: Heap, matter: str, approver: Approving, body: Answer) -> Response:
        return answer_script(
            lambda: desk.ask_decline(approver, _ABOUT[heap], matter, reason=_read_reason(body, heap))
        )

    @app.post("/approvals/{heap}/{matter}/decline")
    def decline(heap: Heap, matter: str, approver: Approving, body: Answer) -> Response:
        return answer_script(lambda: {"ledger_index": desk.decline(
            approver, _ABOUT[heap], matter, read_text(body, "checkpoint"), read_credential(body),
            reason=_read_reason(body, heap),
        ), "next": f"/approvals/{heap}/{matter.upper()}"})  # fmt: skip


def _read_reason(body: dict[str, Any], heap: Heap) -> str:
    """Return the code of a reason on the list. Raises `Refused` for anything else."""
    reason = read_text(body, "reason")
    if reason not in dict(DECLINE_REASONS[_ABOUT[heap]]):
        raise Refused("that is not a reason on the list")
    return reason


def _show(one: Waiting, approver: str, zone: ZoneInfo) -> dict[str, Any]:
    """Return a matter as the templates want it: words for its state, times here and in UTC."""
    row = describe_waiting(one)
    shape, tone, name = _STATES[one.place]
    given = [
        given | {"when": show_time(given["at"], zone), "good": show_time(given["good_until"], zone)}
        for given in row["signed_by"]
    ]
    mine = [entry for entry in given if entry["by"] == approver]
    good = one.place is Place.SIGNED or one.matter.about not in (Subject.RELEASE, Subject.GRANT)
    return row | {
        "heap": _HEAPS[one.matter.about].value, "id": one.matter.id, "about": one.matter.about.value, "asker": one.matter.asker,
        "shape": shape, "tone": tone, "state_name": name, "asked": show_time(row["asked_at"], zone), "ends": show_time(row["until"], zone),
        "given": given, "mine": mine[-1] if mine and good else None,
        "purpose_name": row["purpose"].replace("_", " "),
    }  # fmt: skip


def _show_page(found: Page, approver: str, zone: ZoneInfo) -> dict[str, Any]:
    """Return what one page shows beside the approver."""
    shown = _show(found.waiting, approver, zone)
    words = dict(DECLINE_REASONS[found.waiting.matter.about])
    return {
        "one": shown | {"reason_name": words.get(shown["reason"] or "", shown["reason"])},
        "paper": found.ballot.manifest.decode(),
        "paper_sha256": found.sha256,
        "reasons": DECLINE_REASONS[found.waiting.matter.about],
        "open": found.waiting.is_open,
        "refusal": None if found.refusal is None else say_problem(found.refusal),
    }
