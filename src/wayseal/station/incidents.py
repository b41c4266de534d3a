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
from wayseal.flow.policy import Principal
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
from wayseal.seal.suite import sha256
from wayseal.station.keyroom_trust import list_roles
from wayseal.station.site import Site
from wayseal.store.crossings import list_traveller_crossings
from wayseal.store.engine import read
from wayseal.store.oversight.equipment import list_equipment
from wayseal.store.oversight.vendors import find_person
from wayseal.store.records import list_encounter_records


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
    devices, equipment = _find_devices(site, kind, subject)
    question = Question(kind, subject, since, until, devices, equipment)
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
    """Write an incident's evidence pack and return its `incident.json`."""
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
    """What policy would have let a subject open, at some hour of the time in question, for some purpose."""

    def __init__(self, site: Site, question: Question) -> None:
        self._policy = site.policy
        text = (site.home / "policy" / "site.cedar").read_text(encoding="utf-8")
        roles = _list_subject_roles(site, question) or sorted(list_roles(text))
        organisation = (
            question.id if question.kind is SubjectKind.ORGANISATION else site.settings.organisation
        )
        self._people = [Principal(id=question.id, role=role, organisation=organisation) for role in roles]
        hours = int((question.until - question.since) / timedelta(hours=1)) + 1
        self._moments = [question.since + timedelta(hours=hour) for hour in range(min(24, hours))]

    def may_open(self, kind: str, record_class: str, lane: str) -> bool:
        """Say whether any rule allows it."""
        header = SealHeader(
            object_id=RecordId(new_ulid(self._moments[0])), lane=lane, device="0" * 64,
            epoch=epoch_id(record_class, self._moments[0]), record_class=record_class, kind=Kind(kind), padded_size=0,
            previous="0" * 64, sealed_at=self._moments[0],
        )  # fmt: skip
        return any(
            self._policy.ask(who, "open", header, purpose, moment).allowed
            for who in self._people
            for purpose in Purpose
            for moment in self._moments
        )


def _list_subject_roles(site: Site, question: Question) -> list[str]:
    """Return the registered role of a person; none when the register does not know them."""
    if question.kind is not SubjectKind.PRINCIPAL:
        return []
    with read(site.store.engine) as connection:
        person = find_person(connection, question.id)
    return [] if person is None else [person.role]


def _find_devices(site: Site, kind: SubjectKind, subject: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return (sealing keys, equipment ids) of a device by lane, equipment id or key, or of an organisation's devices."""
    if kind is SubjectKind.PRINCIPAL:
        return frozenset(), frozenset()
    with read(site.store.engine) as connection:
        known = list_equipment(connection)
    if kind is SubjectKind.ORGANISATION:
        mine = [device for device in known if device.organisation == subject]
    else:
        mine = [device for device in known if subject in {device.id, device.lane, device.device_sha256}]
    lanes = {device.lane for device in mine if device.lane}
    roster = site.keyroom.read_roster()
    on_roster = {} if roster is None else {name: sha256(key).hex() for name, key in roster.devices.items()}
    keys = {on_roster[name] for name in {*lanes, subject} if name in on_roster}
    keys |= {device.device_sha256 for device in mine if device.device_sha256}
    if kind is SubjectKind.DEVICE and len(subject) == 64:
        keys.add(subject)
    if kind is SubjectKind.DEVICE and not keys:
        raise Invalid("no such device", hint="Give a lane, an equipment id, or a sealing key's SHA-256.")
    return frozenset(keys), frozenset(device.id for device in mine)
