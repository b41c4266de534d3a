"""The officer's first screen: the live lane and one encounter, server-rendered, on loopback.

Owns routes and headers. No logic: it asks the portal. No image leaves except under a release that is on the ledger.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from fastapi import Depends, FastAPI, Form, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates

from wayseal.model.border import Seat, Verdict
from wayseal.model.errors import NotFound, QuotaExceeded, Unapproved, WaysealError
from wayseal.model.ids import EncounterId, RecordId, check_name
from wayseal.station.arming import list_disarmed
from wayseal.station.portal import Portal, open_portal
from wayseal.station.shift import cover_lane, end_shift, list_lanes
from wayseal.station.site import Site
from wayseal.store.encounters import StoredEncounter
from wayseal.web.duty import DutyWatch, add_duty_routes
from wayseal.web.exports import add_export_routes
from wayseal.web.session import Opened, Session, Sessions
from wayseal.web.views import add_crossing, list_verdicts, show_shift, show_vehicle

HERE = Path(__file__).parent
COOKIE = "wayseal_session"
SHOWN = 30
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class SignedOut(Exception):  # noqa: N818 - a state, not an error
    """Nobody is signed in at this browser."""


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
            "evaluation": self.site.facts.evaluation,
        }  # fmt: skip
        shift = session.shifts[-1] if session is not None and session.shifts else None
        context = {
            "site": site, "officer": None if session is None else session.officer,
            "shift": None if shift is None else show_shift(shift, self.zone), **values,
        }  # fmt: skip
        return self.templates.TemplateResponse(request, name, context, status_code=status)

    def portal(self, session: Session) -> Portal:
        """Return an officer's window on the site."""
        return open_portal(self.site, session.officer, "officer")

    def begin(self, session: Session) -> None:
        """Take the session grant of a shift, as far as there are lanes yet."""
        cover_lane(self.site, self.portal(session).who, session.shifts, session.lanes)

    def end(self, session: Session) -> None:
        """End the grants of a session that was signed out."""
        for shift in session.shifts:
            end_shift(self.site, self.portal(session).who, shift)

    def open_pictures(
        self, session: Session, row: StoredEncounter, person: dict[str, Any], gallery: str
    ) -> Opened:
        """Open an occupant's picture under the session's grant, and then the best candidate's reference picture.

        A release that waits for a second person's approval is tried again, not replaced.
        """
        portal, place = self.portal(session), (row.id, person["seat"])
        cover_lane(self.site, portal.who, session.shifts, session.lanes, lane=row.lane)
        release = session.waiting.pop(place, None) or portal.request_release(RecordId(person["record"]))
        try:
            picture = portal.open_release(release)
        except Unapproved:
            session.waiting[place] = release
            raise
        reference = None
        if person["candidates"]:
            with suppress(QuotaExceeded):  # the lane's picture is open and shall be seen
                reference = portal.reference(gallery, person["candidates"][0]["traveller"], release)
        return Opened(release, picture, reference)

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


def create_app(site: Site, code: str) -> FastAPI:
    """Return the console of an open site; officers sign in with `code`."""
    console = Console(site, Sessions(code, site.clock))
    app = FastAPI(title="Wayseal console", docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    app.state.console = console

    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        """Refuse cross-site posts, and set headers on every answer."""
        if request.method == "POST" and not _same_origin(request):
            return Response("cross-site request refused", status_code=403, headers=HEADERS)
        response = await call_next(request)
        response.headers.update(HEADERS)
        return response

    @app.exception_handler(SignedOut)
    def to_sign_in(request: Request, _: Exception) -> Response:
        """Send people to the sign-in page, and scripts a plain 401."""
        if "text/html" in request.headers.get("accept", "") and request.method == "GET":
            return RedirectResponse("/sign-in", status_code=303)
        return Response(status_code=401)

    @app.exception_handler(WaysealError)
    def to_problem(request: Request, error: Exception) -> Response:
        """Show an error of Wayseal's own with its hint."""
        if not isinstance(error, WaysealError):
            raise error
        session = console.sessions.find(request.cookies.get(COOKIE))
        return console.page(
            request, "problem.html", session, error.http_status, number=error.http_status,
            title=type(error).__name__, message=str(error), hint=error.hint, facts=error.facts,
        )  # fmt: skip

    @app.exception_handler(HTTPStatus.NOT_FOUND)
    def to_no_page(request: Request, _: Exception) -> Response:
        """Show the problem page for an address that the console does not have."""
        return to_problem(
            request, NotFound("there is no such page", hint="Go back to the lanes and choose from there.")
        )

    _add_session_routes(app, console)
    _add_lane_routes(app, console)
    _add_encounter_routes(app, console)
    _add_picture_routes(app)
    add_duty_routes(
        app, console.page, current_session, ledger=site.ledger, clock=site.clock, zone=console.zone
    )
    add_export_routes(app, console.page, site, console.zone)
    return app


def current_session(request: Request) -> Session:
    """Return the session of a request. Raises `SignedOut` without one."""
    console: Console = request.app.state.console
    session = console.sessions.find(request.cookies.get(COOKIE))
    if session is None:
        raise SignedOut
    return session


SignedIn = Annotated[Session, Depends(current_session)]


def _same_origin(request: Request) -> bool:
    """Return whether a post comes from one of our own pages."""
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == request.headers.get("host")


def _add_session_routes(app: FastAPI, console: Console) -> None:
    @app.get("/sign-in", response_class=HTMLResponse)
    def sign_in_page(request: Request) -> Response:
        return console.page(request, "sign_in.html", None, lanes=list_lanes(console.site))

    @app.post("/sign-in")
    def sign_in(
        request: Request,
        officer: Annotated[str, Form()],
        code: Annotated[str, Form()],
        lane: Annotated[tuple[str, ...], Form()] = (),
    ) -> Response:
        token = None
        try:
            lanes = frozenset(check_name(one, what="lane id") for one in lane) or None
            token = console.sessions.sign_in(check_name(officer, what="staff id"), code, lanes)
            session = console.sessions.find(token)
            if session is not None:
                console.begin(session)
        except WaysealError as error:
            console.sessions.sign_out(token)
            return console.page(
                request, "sign_in.html", None, error.http_status, problem=f"{error}. {error.hint}",
                wanted=officer[:63], lanes=list_lanes(console.site),
            )  # fmt: skip
        answer = RedirectResponse("/", status_code=303)
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


def _add_lane_routes(app: FastAPI, console: Console) -> None:
    @app.get("/", response_class=HTMLResponse)
    def all_lanes(request: Request, session: SignedIn) -> Response:
        return lane_page(request, session, None)

    @app.get("/lanes/{lane}", response_class=HTMLResponse)
    def one_lane(request: Request, lane: str, session: SignedIn) -> Response:
        return lane_page(request, session, check_name(lane, what="lane id"))

    def lane_page(request: Request, session: Session, lane: str | None) -> Response:
        rows = console.portal(session).rows(lane=lane, limit=SHOWN)
        lanes = sorted(path.name for path in (console.site.home / "lanes").glob("*"))
        return console.page(
            request, "lane.html", session, lane=lane, lanes=lanes, vehicles=console.lines(session, rows),
            disarmed=list_disarmed(console.site, lane),
        )  # fmt: skip

    @app.get("/vehicles", response_class=HTMLResponse)
    def vehicles(request: Request, session: SignedIn, lane: str = "") -> Response:
        rows = console.portal(session).rows(lane=lane or None, limit=SHOWN)
        return console.page(request, "vehicles.html", session, vehicles=console.lines(session, rows))

    @app.get("/events")
    async def events(request: Request, session: SignedIn) -> Response:
        duty = await run_in_threadpool(DutyWatch, console.site.ledger, console.site.clock)
        return StreamingResponse(_watch(request, console, session, duty), media_type="text/event-stream")


async def _watch(request: Request, console: Console, session: Session, duty: DutyWatch) -> AsyncIterator[str]:
    """Send an event without content when the list of vehicles has changed, or what is on duty; the page then asks for it."""
    last: object = None
    for beat in count():
        if await request.is_disconnected() or session.ends <= console.site.clock():
            return
        if beat % 2 == 0:
            rows = await run_in_threadpool(console.portal(session).rows, limit=SHOWN)
            state = [(row.id, row.document, row.status) for row in rows]
            if state != last:
                yield "event: vehicle\ndata: changed\n\n" if last is not None else ": connected\n\n"
                last = state
        if await run_in_threadpool(duty.look):
            yield "event: duty\ndata: changed\n\n"
        await asyncio.sleep(0.25)


def _add_encounter_routes(app: FastAPI, console: Console) -> None:
    @app.get("/encounters/{encounter}", response_class=HTMLResponse)
    def show(request: Request, encounter: str, session: SignedIn) -> Response:
        portal = console.portal(session)
        row = portal.row(encounter)
        vehicle = console.line(session, row)
        crossings = {} if vehicle["erased"] else portal.crossings(row.id)
        for person in vehicle["occupants"]:
            add_crossing(person, crossings.get(Seat(person["seat"])))
            opened = session.opened.pop((row.id, person["seat"]), None)
            if opened is not None:
                person["picture"] = opened.release.id
                person["reference"] = opened.release.id if opened.reference else None
                session.show(opened)
        return console.page(
            request, "encounter.html", session, vehicle=vehicle, verdicts=list_verdicts(vehicle["direction"])
        )

    @app.post("/encounters/{encounter}/occupants/{seat}/open")
    def open_pictures(encounter: str, seat: Seat, session: SignedIn) -> Response:
        portal = console.portal(session)
        row = portal.row(encounter)
        vehicle = console.line(session, row)
        person = next((p for p in vehicle["occupants"] if p["seat"] == seat.value), None)
        if person is None or person["record"] is None:
            raise NotFound("there is no picture of that seat", hint="Go back and choose another occupant.")
        session.opened[(row.id, seat.value)] = console.open_pictures(session, row, person, vehicle["gallery"])
        return RedirectResponse(f"/encounters/{row.id}#{seat.value}", status_code=303)

    @app.post("/encounters/{encounter}/occupants/{seat}/decision")
    def decide(
        *,
        encounter: str,
        seat: Seat,
        session: SignedIn,
        verdict: Annotated[Verdict, Form()],
        reason: Annotated[str, Form(max_length=200)],
        traveller: Annotated[str, Form(max_length=63)] = "",
    ) -> Response:
        portal = console.portal(session)
        row = portal.row(encounter)
        portal.decide(
            EncounterId(row.id), seat, verdict=verdict, reason=reason, traveller=traveller.strip() or None
        )
        return RedirectResponse(f"/encounters/{row.id}#{seat.value}", status_code=303)


def _add_picture_routes(app: FastAPI) -> None:
    @app.get("/releases/{release}/picture")
    def picture(release: str, session: SignedIn) -> Response:
        opened = session.shown.get(release)
        if opened is None or opened.picture is None:
            raise NotFound("that release is not open in this session", hint="Open the picture again.")
        picture, opened.picture = opened.picture, None
        return Response(picture, media_type="image/jpeg")

    @app.get("/references/{release}/picture")
    def reference_picture(release: str, session: SignedIn) -> Response:
        opened = session.shown.get(release)
        if opened is None or opened.reference is None:
            raise NotFound("no reference picture is open in this session", hint="Open the pictures again.")
        picture, opened.reference = opened.reference, None
        return Response(picture.data, media_type=picture.media_type)
