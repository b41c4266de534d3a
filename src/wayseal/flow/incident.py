"""Incidents from opening to closing, as entries of the ledger: who must be told, by when, and whether they were.

The ledger is the only place where an incident is kept. Owns the order open, contained, notified, closed; computes what is
overdue and never lets anybody type it. Opens no record.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from wayseal.flow.scope import Scope
from wayseal.ledger.log import Ledger
from wayseal.ledger.reader import LedgerReader
from wayseal.model.clock import Clock, from_text, to_text
from wayseal.model.errors import Invalid, NotFound, Refused
from wayseal.model.ids import check_name, new_ulid
from wayseal.model.oversight import Incident, Notification, SubjectKind


@dataclass(frozen=True, slots=True)
class NotificationRule:
    """Who must be told within `within` of the detection or the opening, when at least `people` are concerned."""

    code: str
    recipient: str
    within: timedelta
    from_detection: bool
    people: int = 0


def open_incident(
    ledger: Ledger,
    actor: str,
    *,
    reason: str,
    subject_kind: SubjectKind,
    subject: str,
    since: datetime,
    until: datetime,
    detected: datetime,
    clock: Clock,
) -> Incident:
    """Write that an incident is open, and return it. Raises `Invalid` for a time span that is none or lies in the future."""
    now = clock()
    check_name(reason, what="reason code")
    if not since < until <= now + timedelta(minutes=1) or detected > now + timedelta(minutes=1):
        raise Invalid(
            "the time in question ends before it begins, or in the future",
            hint="Give --since before --until.",
        )
    entry = {
        "type": "incident", "time": to_text(now), "object": new_ulid(now), "actor": actor, "reason": reason, "status": "open",
        "subject_kind": subject_kind.value, "subject": subject, "since": to_text(since), "until": to_text(until),
        "detected": to_text(detected),
    }  # fmt: skip
    ledger.append([entry])
    return _begin(entry)


def note_notice(ledger: Ledger, actor: str, incident: str, *, recipient: str, clock: Clock) -> Incident:
    """Write that somebody was told, and return the incident as it is now."""
    return _go_on(
        ledger, actor, incident, "notified", clock, recipient=check_name(recipient, what="recipient")
    )


def contain_incident(ledger: Ledger, actor: str, incident: str, *, clock: Clock) -> Incident:
    """Write that no more can be lost, and return the incident as it is now."""
    return _go_on(ledger, actor, incident, "contained", clock)


def close_incident(
    ledger: Ledger, actor: str, incident: str, *, duties: Sequence[Notification], clock: Clock
) -> Incident:
    """Write that an incident is closed. Raises `Refused` before it is contained, and while somebody who must be told was not."""
    if find_incident(ledger, incident).contained_at is None:
        raise Refused(
            "nobody has written yet that no more can be lost",
            hint="Write that it is contained first, then close it.",
            incident=incident,
        )
    untold = [duty.recipient for duty in duties if duty.due is not None and duty.met_at is None]
    if untold:
        raise Refused(
            "somebody who must be told was not",
            hint="wayseal incident notify INCIDENT --to RECIPIENT",
            untold=", ".join(untold),
        )
    return _go_on(ledger, actor, incident, "closed", clock)


def list_incidents(ledger: LedgerReader) -> list[Incident]:
    """Return every incident as the ledger tells it, oldest first."""
    found: dict[str, Incident] = {}
    for entry in map(ledger.entry, ledger.find(type="incident")):
        known = found.get(entry["object"])
        found[entry["object"]] = _begin(entry) if known is None else _follow(known, entry)
    return list(found.values())


def find_incident(ledger: LedgerReader, incident: str) -> Incident:
    """Return one incident. Raises `NotFound`."""
    entries = [ledger.entry(index) for index in ledger.find(type="incident", object=incident)]
    if not entries:
        raise NotFound("no such incident", incident=incident)
    known = _begin(entries[0])
    for entry in entries[1:]:
        known = _follow(known, entry)
    return known


def list_notifications(
    rules: Sequence[NotificationRule], incident: Incident, scope: Scope | None
) -> list[Notification]:
    """Return who must be told and by when. Without a scope the number of people is unknown and every duty is due.

    The agency's own clock is met by opening the incident here: then the agency knows.
    """
    told = {"agency": incident.opened_at}
    for recipient, when in incident.notified:
        told.setdefault(recipient, when)
    duties = []
    for rule in rules:
        starts = incident.detected_at if rule.from_detection else incident.opened_at
        concerned = scope is None or scope.people >= rule.people
        due = starts + rule.within if concerned else None
        duties.append(Notification(rule.code, rule.recipient, due, told.get(rule.recipient)))
    return duties


def describe_incident(incident: Incident, duties: Sequence[Notification], now: datetime) -> dict[str, Any]:
    """Return an incident and its clocks as JSON."""
    status = "closed" if incident.closed_at else "contained" if incident.contained_at else "open"
    return {
        "incident": incident.id,
        "status": status,
        "reason": incident.reason,
        "subject": None
        if incident.subject_kind is None
        else {"kind": incident.subject_kind.value, "id": incident.subject},
        "lane": incident.lane,
        "since": _text(incident.since),
        "until": _text(incident.until),
        "detected": to_text(incident.detected_at),
        "opened": to_text(incident.opened_at),
        "contained": _text(incident.contained_at),
        "closed": _text(incident.closed_at),
        "notified": [{"recipient": who, "time": to_text(when)} for who, when in incident.notified],
        "duties": [
            {
                "duty": duty.code, "recipient": duty.recipient, "due": _text(duty.due), "met": _text(duty.met_at),
                "overdue": duty.is_overdue(now),
                "seconds_left": None if duty.due is None or duty.met_at else int((duty.due - now).total_seconds()),
            }
            for duty in duties
        ],
    }  # fmt: skip


def _go_on(ledger: Ledger, actor: str, incident: str, status: str, clock: Clock, **fields: str) -> Incident:
    """Write the next entry of an incident that is not closed."""
    known = find_incident(ledger, incident)
    if known.closed_at is not None:
        raise Refused(
            "the incident is closed", hint="Open another one that refers to what is new.", incident=incident
        )
    entry = {
        "type": "incident", "time": to_text(clock()), "object": incident, "actor": actor, "reason": known.reason,
        "status": status, **fields,
    }  # fmt: skip
    ledger.append([entry])
    return _follow(known, entry)


def _begin(entry: Mapping[str, Any]) -> Incident:
    """Return the incident that its first entry opens."""
    opened = from_text(entry["time"])
    kind = entry.get("subject_kind")
    return Incident(
        id=entry["object"],
        reason=entry["reason"],
        opened_at=opened,
        detected_at=_moment(entry.get("detected")) or opened,
        subject_kind=None if kind is None else SubjectKind(kind),
        subject=entry.get("subject"),
        since=_moment(entry.get("since")),
        until=_moment(entry.get("until")),
        lane=entry.get("lane"),
    )


def _follow(incident: Incident, entry: Mapping[str, Any]) -> Incident:
    """Return the incident after one more entry."""
    when, status = from_text(entry["time"]), entry.get("status")
    if status == "notified":
        return replace(incident, notified=(*incident.notified, (entry["recipient"], when)))
    if status == "contained":
        return replace(incident, contained_at=incident.contained_at or when)
    if status == "closed":
        return replace(incident, closed_at=when)
    return incident


def _moment(text: str | None) -> datetime | None:
    return None if text is None else from_text(text)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else to_text(moment)
