"""The pages of incidents: open one, watch its clocks, see what it concerns, tell those who must be told, take the evidence away.

Owns routes and how times are read. Everything on them comes from the ledger; nothing is opened.
"""

import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import BackgroundTasks, FastAPI, Form, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse

from wayseal.flow.incident import (
    close_incident,
    contain_incident,
    describe_incident,
    find_incident,
    list_incidents,
    note_notice,
    open_incident,
)
from wayseal.flow.scope import Scope, describe_scope
from wayseal.model.clock import from_text, to_text
from wayseal.model.errors import Invalid, WaysealError
from wayseal.model.ids import check_ulid
from wayseal.model.oversight import Incident, SubjectKind
from wayseal.station.incident_zip import zip_pack
from wayseal.station.incidents import list_clocks, list_rules, scope_known
from wayseal.station.site import Site
from wayseal.web.duty import say_due
from wayseal.web.problems import say_problem
from wayseal.web.roles import OPENERS
from wayseal.web.session import SignedIn

REASONS = ("copied-images", "stolen-disk", "leaked-picture", "misused-access", "lost-device", "ransomware")
FIGURES = (
    ("images", "pictures concerned"), ("people", "people in them, at most"), ("proven_opened", "proven opened"),
    ("reachable", "could have been reached"), ("still_live", "still live"),
)  # fmt: skip
"""The five figures that nobody could give in 2019 (R-77)."""

Page = Callable[..., Response]


def add_incident_routes(app: FastAPI, page: Page, site: Site, zone: ZoneInfo) -> None:
    """Add `/incidents` and what is under it. `page` renders a template."""
    _add_list_routes(app, page, site, zone)
    _add_one_routes(app, page, site, zone)
    _add_act_routes(app, site)


def _add_list_routes(app: FastAPI, page: Page, site: Site, zone: ZoneInfo) -> None:
    def show(request: Request, session: SignedIn, status: int = 200, **values: Any) -> Response:
        found = [_show(site, one, None, zone) for one in reversed(list_incidents(site.ledger))]
        kinds = [one.value for one in SubjectKind]
        return page(
            request, "incidents.html", session, status, incidents=found, kinds=kinds, reasons=REASONS, may_open=session.role in OPENERS,
            now_utc=to_text(site.clock()), latest=_local_input(site.clock(), zone),
            earliest=_local_input(site.clock() - timedelta(days=1), zone), **values,
        )  # fmt: skip

    @app.get("/incidents", response_class=HTMLResponse)
    def incidents(request: Request, session: SignedIn) -> Response:
        return show(request, session)

    @app.post("/incidents")
    def open_one(
        *,
        request: Request,
        session: SignedIn,
        kind: Annotated[SubjectKind, Form()],
        subject: Annotated[str, Form(max_length=64)],
        reason: Annotated[str, Form(max_length=63)],
        since: Annotated[str, Form(max_length=32)],
        until: Annotated[str, Form(max_length=32)] = "",
        detected: Annotated[str, Form(max_length=32)] = "",
    ) -> Response:
        now = site.clock()
        try:
            opened = open_incident(
                site.ledger, session.officer, reason=reason, subject_kind=kind, subject=subject.strip(),
                since=_read_local(since, zone), until=_read_local(until, zone, now), detected=_read_local(detected, zone, now),
                clock=site.clock,
            )  # fmt: skip
        except Invalid as error:
            return show(request, session, error.http_status, problem=say_problem(error))
        site.sign_checkpoint()
        return RedirectResponse(f"/incidents/{opened.id}", status_code=303)


def _add_one_routes(app: FastAPI, page: Page, site: Site, zone: ZoneInfo) -> None:
    @app.get("/incidents/{incident}", response_class=HTMLResponse)
    def one(request: Request, session: SignedIn, incident: str) -> Response:
        known, scope, uncounted = find_incident(site.ledger, check_ulid(incident)), None, ""
        try:
            known, scope, _ = scope_known(site, known.id)
        except WaysealError as error:
            uncounted = say_problem(error)
        return page(
            request, "incident.html", session, incident=_show(site, known, scope, zone), uncounted=uncounted,
            scope=None if scope is None else describe_scope(scope, None), figures=FIGURES, may_act=session.role in OPENERS,
            recipients=sorted({rule.recipient for rule in list_rules(site)}), now_utc=to_text(site.clock()),
        )  # fmt: skip

    @app.post("/incidents/{incident}/pack")
    def pack(incident: str) -> Response:
        place = Path(tempfile.mkdtemp(prefix="pack-", dir=site.home))
        try:
            file = zip_pack(site, check_ulid(incident), place)
        except BaseException:
            shutil.rmtree(place)
            raise
        after = BackgroundTasks()
        after.add_task(shutil.rmtree, place)
        return FileResponse(file, media_type="application/zip", filename=file.name, background=after)


def _add_act_routes(app: FastAPI, site: Site) -> None:
    def go_on(known: Incident) -> Response:
        site.sign_checkpoint()
        return RedirectResponse(f"/incidents/{known.id}", status_code=303)

    @app.post("/incidents/{incident}/notified")
    def notified(
        incident: str, session: SignedIn, recipient: Annotated[str, Form(max_length=63)]
    ) -> Response:
        told = recipient.strip()
        return go_on(
            note_notice(site.ledger, session.officer, check_ulid(incident), recipient=told, clock=site.clock)
        )

    @app.post("/incidents/{incident}/contained")
    def contained(incident: str, session: SignedIn) -> Response:
        return go_on(contain_incident(site.ledger, session.officer, check_ulid(incident), clock=site.clock))

    @app.post("/incidents/{incident}/closed")
    def closed(incident: str, session: SignedIn) -> Response:
        known, scope = find_incident(site.ledger, check_ulid(incident)), None
        if known.subject is not None:
            known, scope, _ = scope_known(site, known.id)
        duties = list_clocks(site, known, scope)
        return go_on(close_incident(site.ledger, session.officer, known.id, duties=duties, clock=site.clock))


def _show(site: Site, incident: Incident, scope: Scope | None, zone: ZoneInfo) -> dict[str, Any]:
    """Return an incident as the templates want it: times here, each clock in words."""
    now = site.clock()
    people = {rule.code: rule.people for rule in list_rules(site)}
    told = describe_incident(incident, list_clocks(site, incident, scope), now)
    for duty in told["duties"]:
        due, met = (None if duty[name] is None else from_text(duty[name]) for name in ("due", "met"))
        duty["running"] = due is not None and met is None and told["closed"] is None
        duty["said"] = say_due(due, now) if due is not None else "not due: fewer people than its threshold"
        duty["people"] = people[duty["duty"]] if scope is None else 0
        duty["met_local"] = None if met is None else _local(met, zone)
    for name in ("since", "until", "detected", "opened", "contained", "closed"):
        told[f"{name}_local"] = None if told[name] is None else _local(from_text(told[name]), zone)
    told["notified"] = [{**one, "local": _local(from_text(one["time"]), zone)} for one in told["notified"]]
    return told


def _local(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%d %b %Y %H:%M}"


def _local_input(moment: datetime, zone: ZoneInfo) -> str:
    """Return a time as a browser's field for date and time wants it."""
    return f"{moment.astimezone(zone):%Y-%m-%dT%H:%M}"


def _read_local(text: str, zone: ZoneInfo, otherwise: datetime | None = None) -> datetime:
    """Return the UTC time that a field names in the site's zone. Raises `Invalid` for no time where one is needed."""
    if not text.strip() and otherwise is not None:
        return otherwise
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise Invalid(f"not a time: {text[:20]!r}", hint="Write it as 2026-11-22T07:09.") from None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)).astimezone(UTC)
