"""Incidents at a site: who the subject is, what policy would have let them open, and what a traveller is told.

Owns the joining of register, roster, policy and books. Opens no record, and learns no more of a traveller than the ids that
they show.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from wayseal.flow.incident import NotificationRule, describe_incident, find_incident, list_notifications
from wayseal.flow.pack import write_pack
from wayseal.flow.pack_seal import seal_pack
from wayseal.flow.policy import USUAL, Circumstances, Principal
from wayseal.flow.reports.incident import build_incident, list_recommendations
from wayseal.flow.reports.render import write_report
from wayseal.flow.reports.value import Sources
from wayseal.flow.scope import Question, Scope, scope_incident
from wayseal.flow.scope_facts import Facts
from wayseal.ledger.checkpoint import log_keys
from wayseal.model.clock import to_text
from wayseal.model.custody import Kind, Purpose, RecordStatus, SealHeader
from wayseal.model.errors import Invalid, Unavailable
from wayseal.model.ids import RecordId, epoch_id, new_ulid
from wayseal.model.oversight import Incident, Notification, SubjectKind
from wayseal.station.incident_subject import ask_about, list_acting_roles
from wayseal.station.site import Site
from wayseal.store.crossings import list_traveller_crossings
from wayseal.store.engine import read
from wayseal.store.records import list_encounter_records

FAVOURED = Circumstances(granted=True, witnesses=True, witnessed=True, approvals=2)
"""What somebody with colleagues who approve can have: a grant, witnesses who have seen it, and their signatures."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One pass of a traveller: how many of the vehicle's pictures an incident concerns, and what became of them."""

    time: datetime
    lane: str
    concerned: int
    opened: int
    still_live: int


def list_rules(site: Site) -> tuple[NotificationRule, ...]:
    """Return who must be told of an incident here."""
    return tuple(
        NotificationRule(
            duty.code, duty.recipient, timedelta(hours=duty.hours), duty.runs_from == "detected", duty.people
        )
        for duty in site.settings.incident.duties
    )


def list_clocks(site: Site, incident: Incident, scope: Scope | None) -> list[Notification]:
    """Return the incident's notifications with what is due and what was done."""
    return list_notifications(list_rules(site), incident, scope)


def scope_subject(
    site: Site,
    kind: SubjectKind,
    subject: str,
    *,
    since: datetime,
    until: datetime,
    on_progress: Callable[[int], None] = lambda _: None,
) -> tuple[Scope, Facts]:
    """Return what an incident about somebody or something concerns, and the facts behind it. Signs the ledger first, so that everything counts."""
    site.sign_checkpoint()
    question = ask_about(site, kind, subject, since=since, until=until)
    return scope_incident(
        site.ledger,
        log_keys(site.ledger.origin, site.keys.log_signer),
        question,
        may_open=_Reach(site, question).may_open,
        on_progress=on_progress,
    )


def scope_known(
    site: Site, incident_id: str, *, on_progress: Callable[[int], None] = lambda _: None
) -> tuple[Incident, Scope, Facts]:
    """Return an incident, what it concerns and the facts behind it. Raises `NotFound`, `Invalid` for one that has no subject."""
    incident = find_incident(site.ledger, incident_id)
    if None in (incident.subject_kind, incident.subject, incident.since, incident.until):
        raise Invalid(
            "this incident has no subject to scope",
            hint="It came from the books: wayseal reconcile names its records.",
        )
    kind, since, until = incident.subject_kind, incident.since, incident.until
    assert kind is not None and since is not None and until is not None  # noqa: S101, PT018 - checked above, for the type checker
    scope, facts = scope_subject(
        site, kind, str(incident.subject), since=since, until=until, on_progress=on_progress
    )
    return incident, scope, facts


def find_sightings(site: Site, scope: Scope, traveller: str) -> list[Sighting]:
    """Return a traveller's passes of which an incident concerns pictures, from the id in the documents they show (R-48).

    A picture of the vehicle counts for everybody in it. Passes whose crossing record has expired are not found: then nothing
    ties the traveller to any picture any more.
    """
    concerned, opened = frozenset(scope.records), frozenset((*scope.opened, *scope.exported))
    with read(site.store.engine) as connection:
        rows = list_traveller_crossings(connection, site.keys.index.tag("traveller", traveller))
        found = []
        for row in rows:
            records = list_encounter_records(connection, row.encounter)
            hit = [one for one in records if one.object_id in concerned]
            found.append(
                Sighting(
                    row.time, row.lane, len(hit), sum(one.object_id in opened for one in hit),
                    sum(one.status is not RecordStatus.ERASED for one in hit),
                )
            )  # fmt: skip
    return found


def pack_incident(
    site: Site, incident_id: str, folder: Path, *, on_progress: Callable[[int], None] = lambda _: None
) -> dict[str, Any]:
    """Write an incident's evidence pack, seal it on the ledger, and return its `incident.json`."""
    incident, scope, facts = scope_known(site, incident_id, on_progress=on_progress)
    shown = describe_incident(incident, list_clocks(site, incident, scope), site.clock())
    sources = Sources(site.oversight, evaluation=site.facts.evaluation)
    told = write_pack(
        folder, site.ledger, shown, scope, facts,
        keys=log_keys(site.ledger.origin, site.keys.log_signer), recommendations=list_recommendations(sources),
        on_progress=on_progress,
    )  # fmt: skip
    report = build_incident(sources, shown, told["scope"])
    write_report(report, folder / "report.html")
    with suppress(Unavailable):  # where the PDF's libraries are not installed; the page is there
        write_report(report, folder / "report.pdf")
    seal_pack(folder, site.ledger, incident.id, time=to_text(site.clock()), sign=site.sign_checkpoint)
    return told


def log_answer(site: Site, incident: str, actor: str, count: int) -> int:
    """Write that a traveller's question was answered, without saying whose, and return the entry's index."""
    entry = {
        "type": "answer",
        "object": incident,
        "actor": actor,
        "count": count,
        "time": to_text(site.clock()),
    }
    return site.ledger.append([entry])[0]


class _Reach:
    """What policy would have let a subject open, at some hour of the time in question, for some purpose, at its most favourable."""

    def __init__(self, site: Site, question: Question) -> None:
        self._policy = site.policy
        self._known = question.rules_known
        organisation = (
            question.id if question.kind is SubjectKind.ORGANISATION else site.settings.organisation
        )
        self._people = [
            Principal(id=question.id, role=role, organisation=organisation)
            for role in list_acting_roles(site, question)
        ]
        last = question.until - timedelta(milliseconds=1)
        hours = int((last - question.since) / timedelta(hours=1)) + 1
        self._moments = [question.since + timedelta(hours=hour) for hour in range(min(24, hours))] + [last]

    def may_open(self, kind: str, record_class: str, lane: str) -> bool:
        """Say whether any rule allows it. Where other rules were in force then, nobody can tell, and it counts as allowed."""
        if not self._known:
            return True
        header = SealHeader(
            object_id=RecordId(new_ulid(self._moments[0])), lane=lane, device="0" * 64,
            epoch=epoch_id(record_class, self._moments[0]), record_class=record_class, kind=Kind(kind), padded_size=0,
            previous="0" * 64, sealed_at=self._moments[0],
        )  # fmt: skip
        return any(
            self._policy.ask(who, "open", header, purpose, moment, how=how).allowed
            for who in self._people
            for purpose in Purpose
            for moment in self._moments
            for how in (USUAL, FAVOURED)
        )
