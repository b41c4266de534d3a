"""The approvers' pages: enrol an authenticator, sign in with it, read a manifest, approve or decline.

Owns routes and words. They have a session of their own, which opens no picture and no encounter; an officer's session is
worth nothing here. What an authenticator signs is computed in the browser from the very bytes that the page shows.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Body, Depends, FastAPI, Form, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from wayseal.export.manifest import decode_manifest
from wayseal.flow.consent import decline_export, show_ballot
from wayseal.model.clock import from_text, to_text
from wayseal.model.errors import Refused, WaysealError
from wayseal.station.approver_desk import ApproverDesk
from wayseal.station.exports import describe_export, describe_votes, list_described
from wayseal.station.site import Site
from wayseal.web.problems import advise_problem

COOKIE = "wayseal_approver"
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


class ApproverGone(Exception):  # noqa: N818 - a state, not an error
    """No approver is signed in at this browser."""


def add_export_routes(app: FastAPI, page: Callable[..., Response], site: Site, zone: ZoneInfo) -> None:
    """Add everything under `/exports`. `page` renders a template for nobody's session."""
    desk = ApproverDesk(site)
    app.state.approvers = desk

    @app.exception_handler(ApproverGone)
    def to_sign_in(request: Request, _: Exception) -> Response:
        """Send people to the approvers' sign-in page, and scripts a plain 401."""
        if "text/html" in request.headers.get("accept", "") and request.method == "GET":
            return RedirectResponse("/exports/sign-in", status_code=303)
        return Response(status_code=401)

    _add_door_routes(app, page, desk)
    _add_export_pages(app, page, desk, zone)
    _add_vote_routes(app, desk)


def current_approver(request: Request) -> str:
    """Return the approver of a request. Raises `ApproverGone` without one."""
    desk: ApproverDesk = request.app.state.approvers
    found = desk.sessions.find(request.cookies.get(COOKIE))
    if found is None:
        raise ApproverGone
    return found


Approving = Annotated[str, Depends(current_approver)]
Answer = Annotated[dict[str, Any], Body()]


def _add_door_routes(app: FastAPI, page: Callable[..., Response], desk: ApproverDesk) -> None:
    @app.get("/exports/sign-in", response_class=HTMLResponse)
    def sign_in_page(request: Request) -> Response:
        return page(request, "exports_sign_in.html", None)

    @app.post("/exports/sign-in/options")
    def sign_in_options(body: Answer) -> Response:
        return _json(lambda: desk.ask_sign_in(_text(body, "approver")))

    @app.post("/exports/sign-in")
    def sign_in(request: Request, body: Answer) -> Response:
        try:
            token = desk.sign_in(_text(body, "approver"), _text(body, "ticket"), _credential(body))
        except WaysealError as error:
            return _refusal(error)
        answer = JSONResponse({"next": "/exports"})
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=secure, path="/exports")
        return answer

    @app.post("/exports/sign-out")
    def sign_out(request: Request) -> Response:
        desk.sessions.end(request.cookies.get(COOKIE))
        answer = RedirectResponse("/exports/sign-in", status_code=303)
        answer.delete_cookie(COOKIE, path="/exports")
        return answer

    @app.get("/exports/enrol", response_class=HTMLResponse)
    def enrol_page(request: Request) -> Response:
        return page(request, "exports_enrol.html", None)

    @app.post("/exports/enrol/options")
    def enrol_options(body: Answer) -> Response:
        return _json(lambda: desk.ask_enrolment(_text(body, "approver")))

    @app.post("/exports/enrol")
    def enrol(body: Answer) -> Response:
        return _json(lambda: {"ledger_index": desk.enrol(
            _text(body, "approver"), _text(body, "code"), _text(body, "ticket"), _credential(body)
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
        return _json(lambda: desk.ask_approval(approver, export.upper()))

    @app.post("/exports/{export}/approval")
    def approve(export: str, approver: Approving, body: Answer) -> Response:
        return _json(lambda: {"ledger_index": desk.approve(
            approver, export.upper(), _text(body, "checkpoint"), _credential(body)
        ), "next": f"/exports/{export.upper()}"})  # fmt: skip


def _show_row(row: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Return an export as the templates want it: words for its state, times here and in UTC."""
    state = row["state"]
    return row | {
        "state_name": _STATES.get(state, state),
        "shape": _SHAPES.get(state, "▲"),
        "requested": _show_time(row["requested_at"], zone),
        "expires": _show_time(row["expires_at"], zone),
        "given": [one | {"when": _show_time(one["at"], zone)} for one in row["approvals"]],
        "missing": max(0, row["needed"] - len(row["approvals"])) if state == "requested" else 0,
    }


def _show_time(text: str, zone: ZoneInfo) -> dict[str, str]:
    moment: datetime = from_text(text)
    return {"utc": to_text(moment), "local": f"{moment.astimezone(zone):%d %b %Y %H:%M}"}


def _text(body: dict[str, Any], name: str) -> str:
    """Return a text of a script's message. Raises `Refused` for anything else."""
    value = body.get(name)
    if not isinstance(value, str) or len(value) > 4096:
        raise Refused("that message is not what this page sends")
    return value


def _credential(body: dict[str, Any]) -> dict[str, Any]:
    """Return an authenticator's answer in a script's message. Raises `Refused` for anything else."""
    value = body.get("credential")
    if not isinstance(value, dict):
        raise Refused("that message is not what this page sends")
    return value


def _json(act: Callable[[], dict[str, Any]]) -> Response:
    """Return what an act answers, or its refusal, for a script."""
    try:
        return JSONResponse(act())
    except WaysealError as error:
        return _refusal(error)


def _refusal(error: WaysealError) -> Response:
    return JSONResponse({"error": str(error), "hint": advise_problem(error)}, status_code=error.http_status)
