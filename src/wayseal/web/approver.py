"""Who of the approvers is at this browser, and how the pages' script and the server talk to each other.

Owns the approvers' cookie. Their session opens no picture and no encounter; an officer's session is worth nothing to it.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Body, Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from wayseal.model.clock import from_text, to_text
from wayseal.model.errors import Refused, WaysealError
from wayseal.station.approver_desk import ApproverDesk
from wayseal.web.problems import advise_problem

COOKIE = "wayseal_approver"


class ApproverGone(Exception):  # noqa: N818 - a state, not an error
    """No approver is signed in at this browser."""


def add_approver_door(app: FastAPI, desk: ApproverDesk) -> None:
    """Let routes find the approvers' sessions, and send whoever has none to the sign-in."""
    app.state.approvers = desk

    @app.exception_handler(ApproverGone)
    def to_sign_in(request: Request, _: Exception) -> Response:
        """Send people to the approvers' sign-in page, and scripts a plain 401."""
        if "text/html" in request.headers.get("accept", "") and request.method == "GET":
            return RedirectResponse("/exports/sign-in", status_code=303)
        return Response(status_code=401)


def current_approver(request: Request) -> str:
    """Return the approver of a request. Raises `ApproverGone` without one."""
    desk: ApproverDesk = request.app.state.approvers
    found = desk.sessions.find(request.cookies.get(COOKIE))
    if found is None:
        raise ApproverGone
    return found


Approving = Annotated[str, Depends(current_approver)]
Answer = Annotated[dict[str, Any], Body()]


def read_text(body: dict[str, Any], name: str) -> str:
    """Return a text of a script's message. Raises `Refused` for anything else."""
    value = body.get(name)
    if not isinstance(value, str) or len(value) > 4096:
        raise Refused("that message is not what this page sends")
    return value


def read_credential(body: dict[str, Any]) -> dict[str, Any]:
    """Return an authenticator's answer in a script's message. Raises `Refused` for anything else."""
    value = body.get("credential")
    if not isinstance(value, dict):
        raise Refused("that message is not what this page sends")
    return value


def answer_script(act: Callable[[], dict[str, Any]]) -> Response:
    """Return what an act answers, or its refusal, for a script."""
    try:
        return JSONResponse(act())
    except WaysealError as error:
        return refuse_script(error)


def refuse_script(error: WaysealError) -> Response:
    """Return a refusal for a script."""
    return JSONResponse({"error": str(error), "hint": advise_problem(error)}, status_code=error.http_status)


def show_time(text: str, zone: ZoneInfo) -> dict[str, str]:
    """Return a time in UTC, and as the site's clocks show it."""
    moment: datetime = from_text(text)
    return {"utc": to_text(moment), "local": f"{moment.astimezone(zone):%d %b %Y %H:%M}"}
