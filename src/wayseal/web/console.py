"""The console's desk: the open site, its sessions and its templates, and what they do together for the routes.

Owns how a page is rendered and how a picture is opened for a session. No rule: it asks the portal, which asks the gate.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import Request, Response
from fastapi.templating import Jinja2Templates

from wayseal.flow.waiting import check_declined
from wayseal.model.border import PlainImage
from wayseal.model.errors import NotFound, QuotaExceeded, Unapproved
from wayseal.model.ids import RecordId
from wayseal.station.badge import OFFICER, ROLES
from wayseal.station.portal import Portal, open_portal
from wayseal.station.shift import cover_lane, end_shift, is_signed
from wayseal.station.site import Site
from wayseal.store.encounters import StoredEncounter
from wayseal.web.roles import find_home, is_for, list_menu
from wayseal.web.session import Opened, Session, Sessions
from wayseal.web.views import show_shift, show_vehicle

HERE = Path(__file__).parent


class Console:
    """The site, its sessions and its templates, for the routes."""

    def __init__(self, site: Site, sessions: Sessions) -> None:
        self.site = site
        self.sessions = sessions
        self.zone = ZoneInfo(site.settings.time_zone)
        self.templates = Jinja2Templates(HERE / "templates")

    def page(
        self, request: Request, name: str, session: Session | None, status: int = 200, **values: Any
    ) -> Response:
        """Return a rendered page."""
        site = {
            "name": self.site.settings.site, "time_zone": self.site.settings.time_zone,
            "zone_now": f"{self.site.clock().astimezone(self.zone):%Z}",
            "evaluation": self.site.facts.evaluation,
        }  # fmt: skip
        shift = session.shifts[-1] if session is not None and session.shifts else None
        context = {
            "site": site, "officer": None if session is None else session.officer,
            "shift": None if shift is None else show_shift(shift, self.zone, signed=is_signed(self.site, shift)), "path": request.url.path,
            **_describe_role(session), **values,
        }  # fmt: skip
        return self.templates.TemplateResponse(request, name, context, status_code=status)

    def portal(self, session: Session) -> Portal:
        """Return an officer's window on the site."""
        return open_portal(self.site, session.officer, session.role)

    def begin(self, session: Session) -> None:
        """Take the session grant of an officer's shift, as far as there are lanes yet."""
        if session.role != OFFICER:
            return
        cover_lane(self.site, self.portal(session).who, session.shifts, session.lanes)

    def end(self, session: Session) -> None:
        """End the grants of a session that was signed out."""
        for shift in session.shifts:
            end_shift(self.site, self.portal(session).who, shift)

    def open_pictures(
        self, session: Session, row: StoredEncounter, person: dict[str, Any], gallery: str
    ) -> Opened:
        """Open an occupant's picture under the session's grant, and then a reference picture of each traveller to compare.

        A release that waits for a second person's approval is tried again, not replaced; one that was declined is told once.
        """
        portal, place = self.portal(session), (row.id, person["seat"])
        cover_lane(self.site, portal.who, session.shifts, session.lanes, lane=row.lane)
        waiting = session.waiting.pop(place, None)
        if waiting is not None:
            check_declined(self.site.ledger, waiting)
        release = waiting or portal.request_release(RecordId(person["record"]))
        try:
            picture = portal.open_release(release)
        except Unapproved:
            session.waiting[place] = release
            raise
        references: list[PlainImage | None] = []
        with suppress(QuotaExceeded):  # the lane's picture is open and shall be seen
            for one in person["compared"]:
                references.append(portal.reference(gallery, one["traveller"], release))  # noqa: PERF401 - those before the allowance ended stay
        return Opened(release, picture, references)

    def lines(self, session: Session, rows: list[StoredEncounter]) -> list[dict[str, Any]]:
        """Return rows as vehicles; what is on this screen already is not opened a second time."""
        portal = self.portal(session)
        fresh = [row for row in rows if row.id not in session.hidden and not self._still_shown(session, row)]
        for line in portal.lines(fresh):
            session.remember(line)
        session.hidden |= {row.id for row in fresh if row.id not in session.lines}
        return [show_vehicle(session.lines[row.id], self.zone) for row in rows if row.id in session.lines]

    def line(self, session: Session, row: StoredEncounter) -> dict[str, Any]:
        """Return one row as a vehicle. Raises `NotFound` for one that is not to be shown."""
        found = self.lines(session, [row])
        if not found:
            raise NotFound("there is no such vehicle", hint="Go back to the lanes and choose from there.")
        return found[0]

    def _still_shown(self, session: Session, row: StoredEncounter) -> bool:
        known = session.lines.get(row.id)
        return known is not None and known["status"] == row.status.value and known["gallery"] is not None


def _describe_role(session: Session | None) -> dict[str, Any]:
    """Return what templates show of a role: its name, its pages, and which links are worth showing."""
    if session is None:
        return {"role_name": None, "menu": [], "home": "/sign-in", "may": lambda _: False}
    return {
        "role_name": ROLES[session.role],
        "menu": list_menu(session),
        "home": find_home(session.role),
        "may": lambda path: is_for(session.role, path),
    }
