"""The tables of oversight as screens and sheets show them: vendors, equipment, findings, what ends soon, one device's probes.

Owns which rows a filter leaves. Everything in them is the register's and computed; nothing here writes.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from wayseal.assess.catalogue import advise_result, load_catalogue
from wayseal.flow.oversee.describe import (
    assessment_row,
    equipment_row,
    list_finding_rows,
    list_vendor_rows,
    show_equipment,
)
from wayseal.flow.oversee.desk import Desk, view
from wayseal.flow.oversee.duties import list_attention
from wayseal.flow.oversee.schedule import LOOK_BACK, latest_full
from wayseal.model.clock import to_text
from wayseal.model.errors import NotFound
from wayseal.model.oversight import AssessmentKind, Result
from wayseal.store.oversight import assessments as assessment_rows
from wayseal.store.oversight import equipment as equipment_rows
from wayseal.store.oversight import vendors as vendor_rows

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Filter:
    """What a table shows: everything, or one organisation's and those under it, one lane's, only what is wrong or overdue."""

    vendor: str | None = None
    lane: str | None = None
    wrong: bool = False


COLUMNS: Final = {
    "vendors": ("vendor", "tier", "under", "standing", "since", "reasons", "equipment", "assessed", "due", "findings"),
    "equipment": (
        "equipment", "kind", "organisation", "lane", "passing", "last_full", "full_due", "last_run", "daily_due", "findings",
    ),
    "attention": ("what", "subject", "due", "overdue"),
    "findings": ("subject", "probe", "reason", "opened", "poam", "owner", "due", "overdue", "do"),
}  # fmt: skip
"""The tables and their columns, in order."""
_WRONG: Final = frozenset((Result.FAIL.value, Result.ERROR.value))


def read_table(desk: Desk, name: str, chosen: Filter) -> list[Row]:
    """Return a table's rows; of the keys, `COLUMNS` names those to show. Raises `NotFound` for a table that there is not."""
    readers = {
        "vendors": _read_vendors, "equipment": _read_equipment, "attention": _read_attention, "findings": _read_findings
    }  # fmt: skip
    if name not in readers:
        raise NotFound("there is no such table", hint=f"There are {', '.join(readers)}.")
    return readers[name](desk, chosen)


def list_choices(desk: Desk) -> dict[str, list[str]]:
    """Return the organisations and lanes that a filter can name."""
    with view(desk) as rows:
        vendors = [one.id for one in vendor_rows.list_vendors(rows)]
        lanes = {one.lane for one in equipment_rows.list_equipment(rows) if one.lane is not None}
    return {"vendors": sorted(vendors), "lanes": sorted(lanes)}


def show_device(desk: Desk, device: str) -> Row:
    """Return one device with the probes of its newest assessments, failures first, and the plans for its findings.

    Raises `NotFound`, and `Integrity` for evidence that was altered.
    """
    row = show_equipment(desk, device)
    with view(desk) as rows:
        newest = _list_newest(rows, device)
        runs = [assessment_row(assessment_rows.get_assessment(rows, one)) for one in newest]
    known = {spec.id: spec for spec in load_catalogue()}
    for run in runs:
        for probe in run["probes"]:
            spec = known.get(probe["id"])
            if spec is None:
                probe |= {"title": "", "do": ""}
                continue
            probe |= {"title": spec.title, "do": advise_result(spec, Result(probe["result"]))}
        run["probes"].sort(key=lambda probe: (probe["result"] not in _WRONG, probe["id"]))
    return row | {"runs": runs, "plans": list_finding_rows(desk, subject=device, open_only=False)}


def _list_newest(rows: Connection, device: str) -> list[str]:
    """Return the ids of the newest full run, and of the newest daily one when it came after it."""
    done = assessment_rows.list_drawn(rows, equipment=device, limit=LOOK_BACK)
    daily = [one for one in done if one.kind is AssessmentKind.DAILY and one.finished_at is not None]
    full = latest_full(rows, device)
    found = [] if full is None else [full]
    found += [one for one in daily[:1] if full is None or one.drawn_at > full.drawn_at]
    return [one.id for one in found]


def _read_vendors(desk: Desk, chosen: Filter) -> list[Row]:
    """Return organisations, each followed by those under it; `depth` says how far down it is."""
    everybody = list_vendor_rows(desk)
    ordered = _nest_under(everybody, None, 0)
    mine = None if chosen.vendor is None else _below(everybody, chosen.vendor)
    return [
        row
        for row in ordered
        if (mine is None or row["vendor"] in mine) and not (chosen.wrong and not row["reasons"])
    ]


def _nest_under(rows: Sequence[Row], under: str | None, depth: int) -> list[Row]:
    found = []
    for row in rows:
        if row["under"] == under:
            found.append(row | {"depth": depth})
            found += _nest_under(rows, row["vendor"], depth + 1)
    return found


def _below(rows: Sequence[Row], vendor: str) -> set[str]:
    """Return an organisation and all under it."""
    return {row["vendor"] for row in rows if vendor in row["chain"]}


def _read_equipment(desk: Desk, chosen: Filter) -> list[Row]:
    now = desk.clock()
    mine = None if chosen.vendor is None else _below(list_vendor_rows(desk), chosen.vendor)
    found = []
    with view(desk) as rows:
        for device in equipment_rows.list_equipment(rows, lane=chosen.lane):
            if mine is not None and device.organisation not in mine:
                continue
            row = equipment_row(desk, rows, device, now) | _last_runs(rows, device.id)
            if not chosen.wrong or row["overdue"] or not row["passing"]:
                found.append(row)
    return found


def _last_runs(rows: Connection, device: str) -> Row:
    """Return when a device was last assessed in full, and when any probes last ran."""
    done = assessment_rows.list_drawn(rows, equipment=device, limit=LOOK_BACK)
    last = max((one.finished_at for one in done if one.finished_at is not None), default=None)
    full = latest_full(rows, device)
    full_at = None if full is None else full.finished_at
    return {
        "last_full": None if full_at is None else to_text(full_at),
        "last_run": None if last is None else to_text(last),
    }


def _read_attention(desk: Desk, chosen: Filter) -> list[Row]:
    """Return what ends or falls due; a POA&M item stands under what its finding is about."""
    found = list_attention(desk)
    subjects = _subjects(desk, chosen)
    with view(desk) as rows:
        about = {one.id: one for one in assessment_rows.list_findings(rows, open_only=True)}
        items = {one.id: about.get(one.finding) for one in assessment_rows.list_items(rows, open_only=True)}
    table = []
    for one in found:
        finding = items.get(one.subject)
        subject = one.subject if finding is None else finding.subject
        if (subjects is None or subject in subjects) and (one.overdue or not chosen.wrong):
            named = subject if finding is None else f"{subject} {finding.probe}"
            table.append(
                {"what": one.what, "subject": named, "due": to_text(one.due), "overdue": one.overdue}
            )
    return table


def _read_findings(desk: Desk, chosen: Filter) -> list[Row]:
    subjects = _subjects(desk, chosen)
    return [
        row
        for row in list_finding_rows(desk)
        if (row["overdue"] or not chosen.wrong) and (subjects is None or row["subject"] in subjects)
    ]


def _subjects(desk: Desk, chosen: Filter) -> Collection[str] | None:
    """Return whom and what findings and dates may be about under a filter; None is everything."""
    if chosen.vendor is None and chosen.lane is None:
        return None
    mine = None if chosen.vendor is None else _below(list_vendor_rows(desk), chosen.vendor)
    with view(desk) as rows:
        devices = [
            one
            for one in equipment_rows.list_equipment(rows, lane=chosen.lane)
            if mine is None or one.organisation in mine
        ]
        found = {one.id for one in devices}
        found |= {chosen.lane} if chosen.lane is not None else set()
        if chosen.lane is None and mine is not None:
            found |= mine
            found |= {one.id for one in vendor_rows.list_contracts(rows) if one.organisation in mine}
            found |= {one.id for one in vendor_rows.list_people(rows) if one.organisation in mine}
    return found
