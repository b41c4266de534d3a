"""The approvers' pages: enrol an authenticator, sign in with it, read a manifest, approve or decline.

Owns routes and words. They have a session of their own, which opens no picture and no encounter; an officer's session is
worth nothing here. What an authenticator signs is computed in the browser from the very bytes that the page shows.
"""

from collections.abc import Callable
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from wayseal.export.manifest import decode_manifest
from wayseal.flow.consent import decline_export, show_ballot
from wayseal.model.errors import Refused, WaysealError
from wayseal.station.approver_desk import ApproverDesk
from wayseal.station.exports import describe_export, describe_votes, list_described
from wayseal.web.approver import (
    COOKIE,
    Answer,
    Approving,
    answer_script,
    read_credential,
    read_text,
    refuse_script,
    show_time,
)

DECLINE_REASONS = (
    ("not-necessary", "not necessary for the purpose"),
    ("too-many-records", "too many records"),
    ("wrong-legal-basis", "the legal basis does not carry it"),
    ("wrong-recipient", "the wrong recipient or key"),
    ("other", "another reason"),
)
_STATES = {
    "requested": "waits for approval", "lapsed": "ran out before it was released", "declined": "declined",
    "released": "released, no receipt yet", "received": "received", "expired": "time over, deletion not attested",
    "deleted": "deletion attested",
}  # fmt: skip
_SHAPES = {"requested": "◇", "declined": "×", "lapsed": "○", "released": "◆", "received": "●", "deleted": "■"}  # noqa: RUF001 - a shape


def add_export_routes(
    app: FastAPI, page: Callable[..., Response], desk: ApproverDesk, zone: ZoneInfo
) -> None:
    """Add everything under `/exports`. `page` renders a template for nobody's session."""
    _add_door_routes(app, page, desk)
    _add_export_pages(app, page, desk, zone)
    _add_vote_routes(app, desk)


def _add_door_routes(app: FastAPI, page: Callable[..., Response], desk: ApproverDesk) -> None:
    @app.get("/exports/sign-in", response_class=HTMLResponse)
    def sign_in_page(request: Request) -> Response:
        return page(request, "exports_sign_in.html", None)

    @app.post("/exports/sign-in/options")
    def sign_in_options(body: Answer) -> Response:
        return answer_script(lambda: desk.ask_sign_in(read_text(body, "approver")))

    @app.post("/exports/sign-in")
    def sign_in(request: Request, body: Answer) -> Response:
        try:
            token = desk.sign_in(
                read_text(body, "approver"), read_text(body, "ticket"), read_credential(body)
            )
        except WaysealError as error:
            return refuse_script(error)
        answer = JSONResponse({"next": "/approvals"})
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=secure)
        return answer

    @app.post("/exports/sign-out")
    def sign_out(request: Request) -> Response:
        desk.sessions.end(request.cookies.get(COOKIE))
        answer = RedirectResponse("/exports/sign-in", status_code=303)
        answer.delete_cookie(COOKIE)
        return answer

    @app.get("/exports/enrol", response_class=HTMLResponse)
    def enrol_page(request: Request) -> Response:
        return page(request, "exports_enrol.html", None)

    @app.post("/exports/enrol/options")
    def enrol_options(body: Answer) -> Response:
        return answer_script(lambda: desk.ask_enrolment(read_text(body, "approver")))

    @app.post("/exports/enrol")
    def enrol(body: Answer) -> Response:
        return answer_script(lambda: {"ledger_index": desk.enrol(
            read_text(body, "approver"), read_text(body, "code"), read_text(body, "ticket"), read_credential(body)
        ), "next": "/exports/sign-in"})  # fmt: skip


def _add_export_pages(
    app: FastAPI, page: Callable[..., Response], desk: ApproverDesk, zone: ZoneInfo
) -> None:
    @app.get("/exports", response_class=HTMLResponse)
    def all_exports(request: Request, approver: Approving) -> Response:
        shown = [_show_row(row, zone) for row in list_described(desk.desk)[:200]]
        return page(
            request, "exports.html", None, approver=approver, exports=shown, votes=describe_votes(desk.desk)
        )

    @app.get("/exports/{export}", response_class=HTMLResponse)
    def one_export(request: Request, export: str, approver: Approving) -> Response:
        row = describe_export(desk.desk, export.upper())
        ballot = show_ballot(desk.desk, row["export"], approver)
        manifest = decode_manifest(ballot.manifest)
        mine = any(one["approver"] == approver for one in row["approvals"])
        rules = desk.desk.rules
        return page(
            request, "export.html", None, approver=approver, export=_show_row(row, zone), mine=mine,
            manifest=ballot.manifest.decode(), reasons=DECLINE_REASONS, rules=rules,
            records=manifest.records, key_sha256=manifest.key_sha256,
        )  # fmt: skip

    @app.post("/exports/{export}/decline")
    def decline(export: str, approver: Approving, reason: Annotated[str, Form()]) -> Response:
        if reason not in dict(DECLINE_REASONS):
            raise Refused("that is not a reason on the list")
        decline_export(desk.desk, approver, export.upper(), reason=reason)
        return RedirectResponse(f"/exports/{export.upper()}", status_code=303)


def _add_vote_routes(app: FastAPI, desk: ApproverDesk) -> None:
    @app.post("/exports/{export}/ballot")
    def ballot(export: str, approver: Approving) -> Response:
        return answer_script(lambda: desk.ask_approval(approver, export.upper()))

    @app.post("/exports/{export}/approval")
    def approve(export: str, approver: Approving, body: Answer) -> Response:
        return answer_script(lambda: {"ledger_index": desk.approve(
            approver, export.upper(), read_text(body, "checkpoint"), read_credential(body)
        ), "next": f"/exports/{export.upper()}"})  # fmt: skip


def _show_row(row: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Return an export as the templates want it: words for its state, times here and in UTC."""
    state = row["state"]
    return row | {
        "state_name": _STATES.get(state, state),
        "shape": _SHAPES.get(state, "▲"),
        "requested": show_time(row["requested_at"], zone),
        "expires": show_time(row["expires_at"], zone),
        "given": [one | {"when": show_time(one["at"], zone)} for one in row["approvals"]],
        "missing": max(0, row["needed"] - len(row["approvals"])) if state == "requested" else 0,
    }
