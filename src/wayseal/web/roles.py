"""Who may use which page: one table for all routes. A route that is not in it answers nobody, and the console does not start.

Owns the table and its enforcement. What a role may open is policy's and the gate's to say; this is what it may see.
"""

from collections.abc import Iterator
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute

from wayseal.model.errors import Refused
from wayseal.station.badge import ASSESSOR, OFFICER, ROLES, check_badge
from wayseal.station.site import Site
from wayseal.web.session import Session, current_session

ANYBODY: Final = frozenset({"anybody"})
"""Reached without a session: the doors."""
APPROVER: Final = frozenset({"approver"})
"""Reached with an approver's session only, which their pages check themselves."""
OFFICERS: Final = frozenset({OFFICER})
STAFF: Final = frozenset(ROLES) - {ASSESSOR}
OVERSEERS: Final = STAFF - {OFFICER}
ASSESSORS: Final = OVERSEERS | {ASSESSOR}
OPENERS: Final = frozenset({"privacy_officer", "security_officer"})
"""Who opens incidents, writes that somebody was told, and takes evidence away."""

ROUTES: Final[dict[str, frozenset[str]]] = {
    "GET /sign-in": ANYBODY,
    "POST /sign-in": ANYBODY,
    "POST /sign-out": ANYBODY,
    "GET /": OFFICERS,
    "GET /lanes/{lane}": OFFICERS,
    "GET /vehicles": OFFICERS,
    "GET /events": STAFF | {ASSESSOR},
    "GET /encounters/{encounter}": OFFICERS,
    "POST /encounters/{encounter}/occupants/{seat}/open": OFFICERS,
    "POST /encounters/{encounter}/occupants/{seat}/decision": OFFICERS,
    "GET /releases/{release}/picture": OFFICERS,
    "GET /references/{release}/picture": OFFICERS,
    "GET /duty": STAFF,
    "GET /duty/board": STAFF,
    "GET /duty/notes": STAFF,
    "GET /oversight": ASSESSORS,
    "GET /oversight/tables/{name}.csv": ASSESSORS,
    "GET /oversight/equipment/{device}": ASSESSORS,
    "GET /oversight/equipment/{device}/evidence/{assessment}/{probe}": ASSESSORS,
    "GET /oversight/vendors/{vendor}": ASSESSORS,
    "GET /incidents": OVERSEERS,
    "POST /incidents": OPENERS,
    "GET /incidents/{incident}": OVERSEERS,
    "POST /incidents/{incident}/pack": OPENERS,
    "POST /incidents/{incident}/notified": OPENERS,
    "POST /incidents/{incident}/contained": OPENERS,
    "POST /incidents/{incident}/closed": OPENERS,
    "GET /ledger": OVERSEERS,
    "GET /ledger/checkpoint": OVERSEERS,
    "GET /ledger/{index}": OVERSEERS,
    "GET /ledger/{index}/entry.json": OVERSEERS,
    "GET /ledger/{index}/proof": OVERSEERS,
    "GET /exports/sign-in": ANYBODY,
    "POST /exports/sign-in/options": ANYBODY,
    "POST /exports/sign-in": ANYBODY,
    "POST /exports/sign-out": ANYBODY,
    "GET /exports/enrol": ANYBODY,
    "POST /exports/enrol/options": ANYBODY,
    "POST /exports/enrol": ANYBODY,
    "GET /exports": APPROVER,
    "GET /exports/{export}": APPROVER,
    "POST /exports/{export}/decline": APPROVER,
    "POST /exports/{export}/ballot": APPROVER,
    "POST /exports/{export}/approval": APPROVER,
    "GET /approvals": APPROVER,
    "GET /approvals/waiting": APPROVER,
    "GET /approvals/credentials/{key}/draft": APPROVER,
    "GET /approvals/{heap}/{matter}": APPROVER,
    "POST /approvals/{heap}/{matter}/ballot": APPROVER,
    "POST /approvals/{heap}/{matter}/approval": APPROVER,
    "POST /approvals/{heap}/{matter}/decline": APPROVER,
    "POST /approvals/{heap}/{matter}/decline-ballot": APPROVER,
}
"""Method and path of every route, and whom it answers."""
MENU: Final = (
    ("/", "Lanes"), ("/duty", "Duty"), ("/oversight", "Oversight"), ("/incidents", "Incidents"), ("/ledger", "Ledger")
)  # fmt: skip


class Doorkeeper:
    """Refuses whoever a route is not for, before the route runs. Made for one site."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def __call__(self, request: Request) -> None:
        """Let a request through. Raises `SignedOut`, or `Refused` for a route that is not this role's or not in the table."""
        allowed = ROUTES.get(f"{request.method} {request.scope['route'].path}", frozenset())
        if allowed in (ANYBODY, APPROVER):
            return
        session = current_session(request)
        if session.role not in allowed:
            names = ", ".join(sorted(ROLES[role] for role in allowed)) or "nobody"
            raise Refused("this page is not for your role", hint=f"It is for: {names}.", role=session.role)
        check_badge(self._site, session.officer, session.role)


def list_routes(app: FastAPI) -> Iterator[str]:
    """Yield method and path of every route of an app; the static files have no method."""
    for route in app.routes:
        if isinstance(route, APIRoute):
            yield from (f"{method} {route.path}" for method in sorted(route.methods or ()))


def check_routes(app: FastAPI) -> None:
    """Raise `Refused` unless the table names exactly the routes of the app."""
    found = set(list_routes(app))
    if strangers := found ^ set(ROUTES):
        raise Refused(
            "the console's routes are not those of its table of roles", routes=", ".join(sorted(strangers))
        )


def is_for(role: str | None, path: str) -> bool:
    """Say whether a page is worth a link for a role."""
    return role is not None and role in ROUTES.get(f"GET {path}", frozenset())


def list_menu(session: Session) -> list[dict[str, Any]]:
    """Return the pages that a session's role may see, for the bar."""
    return [{"path": path, "name": name} for path, name in MENU if is_for(session.role, path)]


def find_home(role: str) -> str:
    """Return the page that a role begins at."""
    return next((path for path, _ in MENU if is_for(role, path)), "/sign-in")
