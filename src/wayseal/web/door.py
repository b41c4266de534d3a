"""Signing in and out of the console: staff id, code, role and lanes of the shift.

Owns routes. Who somebody is the register says, as far as it knows them; an officer's shift begins with a grant.
"""

from typing import Annotated, Any

from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from wayseal.model.errors import WaysealError
from wayseal.model.ids import check_name, check_staff
from wayseal.station.badge import ASSESSOR, OFFICER, ROLES, check_badge, name_role
from wayseal.station.shift import list_lanes
from wayseal.web.console import Console
from wayseal.web.problems import say_problem
from wayseal.web.roles import find_home
from wayseal.web.session import COOKIE, Session

ASKABLE = {role: name for role, name in ROLES.items() if role != ASSESSOR}


def add_door_routes(app: FastAPI, console: Console) -> None:
    """Add `/sign-in` and `/sign-out`."""

    def show(request: Request, status: int = 200, **values: Any) -> Response:
        lanes = list_lanes(console.site)
        return console.page(request, "sign_in.html", None, status, lanes=lanes, roles=ASKABLE, **values)

    @app.get("/sign-in", response_class=HTMLResponse)
    def sign_in_page(request: Request) -> Response:
        return show(request)

    @app.post("/sign-in")
    def sign_in(
        *,
        request: Request,
        officer: Annotated[str, Form()],
        code: Annotated[str, Form()],
        role: Annotated[str, Form()] = OFFICER,
        lane: Annotated[tuple[str, ...], Form()] = (),
    ) -> Response:
        try:
            lanes = frozenset(check_name(one, what="lane id") for one in lane) or None
            session, token = _open(console, check_staff(officer), code, role, lanes)
        except WaysealError as error:
            problem = say_problem(error)
            return show(request, error.http_status, problem=problem, wanted=officer[:63], wanted_role=role)
        answer = RedirectResponse(find_home(session.role), status_code=303)
        answer.set_cookie(
            COOKIE, token, httponly=True, samesite="strict", secure=request.url.scheme == "https"
        )
        return answer

    @app.post("/sign-out")
    def sign_out(request: Request) -> Response:
        session = console.sessions.sign_out(request.cookies.get(COOKIE))
        if session is not None:
            console.end(session)
        answer = RedirectResponse("/sign-in", status_code=303)
        answer.delete_cookie(COOKIE)
        return answer


def _open(
    console: Console, staff: str, code: str, asked: str, lanes: frozenset[str] | None
) -> tuple[Session, str]:
    """Return a new session and its token. The code is checked first: without it nothing is said about anybody.

    Raises what refuses the person; then there is no session.
    """
    token = console.sessions.sign_in(staff, code, lanes)
    try:
        session = console.sessions.find(token)
        assert session is not None  # noqa: S101 - it was made a moment ago
        session.role = name_role(console.site, staff, asked)
        check_badge(console.site, staff, session.role)
        console.begin(session)
    except BaseException:
        console.sessions.sign_out(token)
        raise
    return session, token
