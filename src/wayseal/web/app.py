"""The officer's first screen: the live lane and one encounter, server-rendered, on loopback.

Owns routes and headers. No logic: it asks the portal. No image leaves except under a release that is on the ledger.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI, Form, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles

from wayseal.model.border import Seat, Verdict
from wayseal.model.errors import NotFound
from wayseal.model.ids import EncounterId, check_name
from wayseal.station.approver_desk import ApproverDesk
from wayseal.station.badge import OFFICER
from wayseal.station.shift import list_lanes
from wayseal.station.signing_desk import SigningDesk
from wayseal.station.site import Site
from wayseal.web.approvals import add_approval_routes
from wayseal.web.approver import add_approver_door
from wayseal.web.console import HERE, Console
from wayseal.web.door import add_door_routes
from wayseal.web.duty import DutyWatch, add_duty_routes, show_stopped
from wayseal.web.exports import add_export_routes
from wayseal.web.incidents import add_incident_routes
from wayseal.web.ledger import add_ledger_routes
from wayseal.web.oversight import add_oversight_routes
from wayseal.web.problems import add_problem_pages
from wayseal.web.roles import Doorkeeper, check_routes
from wayseal.web.session import Session, Sessions, SignedIn, SignedOut
from wayseal.web.views import COMPARED, add_crossing, list_verdicts

SHOWN = 30
MOST_BODY = 256 * 1024
"""Bytes that a form may have; the longest, an authenticator's answer, has some thousand. The framework itself knows no bound."""
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


def create_app(site: Site, code: str) -> FastAPI:
    """Return the console of an open site; officers sign in with `code`."""
    console = Console(site, Sessions(code, site.clock))
    app = FastAPI(
        title="Wayseal console", docs_url=None, redoc_url=None, openapi_url=None,
        dependencies=[Depends(Doorkeeper(site))],
    )  # fmt: skip
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    app.state.sessions = console.sessions

    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        """Refuse cross-site posts and endless ones, and set headers on every answer."""
        if request.method == "POST" and not _same_origin(request):
            return Response("cross-site request refused", status_code=403, headers=HEADERS)
        if not _is_short(request):
            return Response("request too large", status_code=413, headers=HEADERS)
        response = await call_next(request)
        response.headers.update(HEADERS)
        return response

    @app.exception_handler(SignedOut)
    def to_sign_in(request: Request, _: Exception) -> Response:
        """Send people to the sign-in page, and scripts a plain 401."""
        if "text/html" in request.headers.get("accept", "") and request.method == "GET":
            return RedirectResponse("/sign-in", status_code=303)
        return Response(status_code=401)

    add_problem_pages(app, console)
    add_door_routes(app, console)
    _add_lane_routes(app, console)
    _add_encounter_routes(app, console)
    _add_picture_routes(app)
    add_duty_routes(app, console.page, site, console.zone)
    add_oversight_routes(app, console.page, site, console.zone)
    add_incident_routes(app, console.page, site, console.zone)
    add_ledger_routes(app, console.page, site, console.zone)
    approvers = ApproverDesk(site)
    add_approver_door(app, approvers)
    add_export_routes(app, console.page, approvers, console.zone)
    add_approval_routes(app, console.page, SigningDesk(approvers), console.zone)
    check_routes(app)
    return app


def _same_origin(request: Request) -> bool:
    """Return whether a post comes from one of our own pages."""
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == request.headers.get("host")


def _is_short(request: Request) -> bool:
    """Return whether a request says how long its body is, and that is not too long: nobody has signed in yet when it is read."""
    length = request.headers.get("content-length", "0")
    told = "transfer-encoding" not in request.headers and length.isascii() and length.isdigit()
    return told and len(length) < 9 and int(length) <= MOST_BODY


def _add_lane_routes(app: FastAPI, console: Console) -> None:
    @app.get("/", response_class=HTMLResponse)
    def all_lanes(request: Request, session: SignedIn) -> Response:
        return lane_page(request, session, None)

    @app.get("/lanes/{lane}", response_class=HTMLResponse)
    def one_lane(request: Request, lane: str, session: SignedIn) -> Response:
        return lane_page(request, session, check_name(lane, what="lane id"))

    def lane_page(request: Request, session: Session, lane: str | None) -> Response:
        rows = console.portal(session).rows(lane=lane, limit=SHOWN)
        stopped = show_stopped(console.site, console.zone)
        lanes = sorted({*list_lanes(console.site), *(one["subject"] for one in stopped)})
        return console.page(
            request, "lane.html", session, lane=lane, lanes=lanes, vehicles=console.lines(session, rows),
            disarmed=[one for one in stopped if lane in (None, one["subject"])],
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
    """Send an event without content when the list of vehicles has changed, or what is on duty; the page then asks for it.

    Nobody but an officer is told of vehicles.
    """
    yield ": connected\n\n"
    last: object = None
    for beat in count():
        if await request.is_disconnected() or session.ends <= console.site.clock():
            return
        if beat % 2 == 0 and session.role == OFFICER:
            rows = await run_in_threadpool(console.portal(session).rows, limit=SHOWN)
            state = [(row.id, row.document, row.status) for row in rows]
            if state != last:
                if last is not None:
                    yield "event: vehicle\ndata: changed\n\n"
                last = state
        for name in await run_in_threadpool(duty.look):
            yield f"event: {name}\ndata: changed\n\n"
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
                person["references"] = [one is not None for one in opened.references]
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
    def reference_picture(
        release: str, session: SignedIn, of: Annotated[int, Query(ge=1, le=COMPARED)] = 1
    ) -> Response:
        opened = session.shown.get(release)
        picture = None if opened is None else next(iter(opened.references[of - 1 : of]), None)
        if opened is None or picture is None:
            raise NotFound("no reference picture is open in this session", hint="Open the pictures again.")
        opened.references[of - 1] = None
        return Response(picture.data, media_type=picture.media_type)
