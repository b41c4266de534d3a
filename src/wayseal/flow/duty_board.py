"""What stands now, for whoever is on duty: lanes, clocks of incidents, what recipients owe, findings overdue, coverage.

Computed at each look from ledger and register; owns what belongs on the board and what comes first. It names codes and
subjects; the screens own the words. Opens nothing and writes nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any, Final

from wayseal.flow.egress_duty import WATCH_GAP
from wayseal.flow.followup import Duty
from wayseal.flow.incident import NotificationRule, list_incidents, list_notifications
from wayseal.flow.oversee.describe import (
    list_coverage,
    list_equipment_rows,
    list_finding_rows,
    list_lane_rows,
)
from wayseal.flow.oversee.desk import Desk, view
from wayseal.flow.oversee.duties import list_attention
from wayseal.ledger.reader import LedgerReader
from wayseal.model.clock import from_text
from wayseal.model.oversight import Incident
from wayseal.store.oversight import duties as duty_rows

MOST: Final = 12
"""Of each kind that are shown; the rest is counted."""


class Weight(IntEnum):
    """How soon somebody must act."""

    NOW = 0
    SOON = 1
    FINE = 2


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that stands: its kind and code, whom or what it is about, since when, and until when something must be done.

    `more` are further codes: a lane's other reasons, an incident's recipient.
    """

    kind: str
    code: str
    subject: str
    weight: Weight
    since: datetime | None = None
    due: datetime | None = None
    more: tuple[str, ...] = ()
    people: int = 0
    """The duty counts only when at least this many people are concerned."""
    device: str | None = None
    """Of a lane: the first of its devices that does not pass, or else its first."""
    organisation: str | None = None
    """Who maintains that device."""


@dataclass(frozen=True, slots=True)
class Board:
    """The items, most pressing first; how many of each kind were left off; and the figures of oversight."""

    items: tuple[Item, ...]
    left_off: Mapping[str, int]
    figures: Mapping[str, int]
    now: datetime


def build_board(
    desk: Desk, *, lanes: Iterable[str], rules: Sequence[NotificationRule], owed: Sequence[Duty], extra: Sequence[Item] = ()
) -> Board:  # fmt: skip
    """Return what stands now at a site. `lanes` are those that its settings and folders name, `owed` what recipients owe."""
    now = desk.clock()
    findings = list_finding_rows(desk)
    attention = list_attention(desk)
    items = [
        *extra,
        *_list_clocks(desk.ledger, rules, now),
        *_list_lanes(desk, lanes),
        *_list_owed(owed),
        *_list_findings(findings),
    ]
    items.sort(key=lambda item: (item.weight, item.due is None, item.due or now))
    kept: list[Item] = []
    count: dict[str, int] = {}
    for item in items:
        count[item.kind] = count.get(item.kind, 0) + 1
        if count[item.kind] <= MOST or item.kind == "lane":
            kept.append(item)
    left_off = {kind: n - MOST for kind, n in count.items() if n > MOST and kind != "lane"}
    site = list_coverage(desk)[0]
    figures = {
        "assessed": site["assessed"], "due": site["due"], "total": site["total"], "findings": len(findings),
        "findings_overdue": sum(row["overdue"] for row in findings), "attention": len(attention),
        "attention_overdue": sum(one.overdue for one in attention),
    }  # fmt: skip
    return Board(tuple(kept), left_off, figures, now)


def list_stopped(desk: Desk, lane: str | None = None) -> list[Item]:
    """Return the lanes that were told to stop, or the one named if it was, with every reason of now; fit ones arm by themselves."""
    with view(desk) as rows:
        stopped = [one.lane for one in duty_rows.list_lane_states(rows).values() if not one.armed]
    known = {item.subject: item for item in _list_lanes(desk, ())}
    return [known[name] for name in sorted(stopped) if lane in (None, name)]


def _list_lanes(desk: Desk, lanes: Iterable[str]) -> Iterator[Item]:
    """Yield every lane: disarmed, about to be, late, armed, or not under oversight."""
    rows = {row["lane"]: row for row in list_lane_rows(desk)}
    devices: dict[str, Mapping[str, Any]] = {}
    for device in sorted(list_equipment_rows(desk), key=lambda one: bool(one["passing"])):
        devices.setdefault(device["lane"], device)
    for lane in sorted({*lanes, *rows}):
        yield _judge_row(lane, rows.get(lane), devices.get(lane, {}))


def _judge_row(lane: str, row: Mapping[str, Any] | None, device: Mapping[str, Any]) -> Item:
    if row is None:
        return Item("lane", "not-under-oversight", lane, Weight.SOON)
    stopped = row["told"] == "disarmed"
    if not row["fit"]:
        code, weight = ("disarmed" if stopped else "loses-its-key"), Weight.NOW
    elif not row["enforced"]:
        code, weight = "not-under-oversight", Weight.SOON
    elif stopped or row["reasons"]:
        code, weight = ("arms-again" if stopped else "late"), Weight.SOON
    else:
        code, weight = "armed", Weight.FINE
    since = None if row["since"] is None else from_text(row["since"])
    return Item(
        "lane", code, lane, weight, since, more=tuple(row["reasons"]), device=device.get("equipment"),
        organisation=device.get("organisation"),
    )  # fmt: skip


def _list_clocks(ledger: LedgerReader, rules: Sequence[NotificationRule], now: datetime) -> Iterator[Item]:
    """Yield each open incident, which is to be contained and closed, and each of its clocks that still runs."""
    for incident in list_incidents(ledger):
        if incident.closed_at is not None:
            continue
        code, weight = ("open", Weight.NOW) if incident.contained_at is None else ("contained", Weight.SOON)
        yield Item("incident", code, incident.id, weight, incident.opened_at, more=(incident.reason,))
        yield from _list_running(incident, rules, now)


def _list_running(incident: Incident, rules: Sequence[NotificationRule], now: datetime) -> Iterator[Item]:
    people = {rule.code: rule.people for rule in rules}
    for duty in list_notifications(rules, incident, None):
        if duty.due is None or duty.met_at is not None:
            continue
        weight = Weight.NOW if people[duty.code] == 0 or duty.is_overdue(now) else Weight.SOON
        yield Item(
            "clock", incident.reason, incident.id, weight, incident.opened_at, duty.due, (duty.recipient,), people[duty.code]
        )  # fmt: skip


def _list_owed(owed: Sequence[Duty]) -> Iterator[Item]:
    """Yield what recipients of exports owe and is overdue."""
    for one in owed:
        yield Item("owed", one.alarm, one.export, Weight.NOW, due=one.since, more=(one.recipient,))


def _list_findings(rows: Sequence[Mapping[str, Any]]) -> Iterator[Item]:
    """Yield findings that are overdue, and ports that nobody watches."""
    for row in rows:
        silent = row["probe"] == WATCH_GAP
        if not silent and not row["overdue"]:
            continue
        due = None if row["due"] is None else from_text(row["due"])
        kind, owner = ("silence" if silent else "finding"), row["owner"] or ""
        yield Item(kind, row["probe"], row["subject"], Weight.NOW, from_text(row["opened"]), due, (owner,))
