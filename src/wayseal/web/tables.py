"""Tables as the templates want them: a word, a shape and a colour for each state, links, times here and in UTC, and as a sheet.

Owns how a cell looks. It chooses no row.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from fastapi import Response

from wayseal.flow.sheet import write_sheet
from wayseal.model.clock import from_text

TITLES: Final = {
    "vendor": "Organisation", "tier": "Tier", "under": "Under", "standing": "Standing", "since": "Since", "reasons": "Reasons",
    "equipment": "Equipment", "assessed": "Assessed", "due": "Due", "findings": "Findings", "kind": "Kind",
    "organisation": "Organisation", "lane": "Lane", "passing": "Passes", "last_full": "Last full", "full_due": "Full due",
    "last_run": "Last probes", "daily_due": "Daily due", "what": "What", "subject": "About", "overdue": "Overdue",
    "probe": "Probe", "reason": "Why", "opened": "Opened", "poam": "POA&M item", "owner": "Owner", "do": "Do", "closed": "Closed", "permitted": "Permitted data",
    "training_valid": "Trained", "training_until": "Training until",
}  # fmt: skip
_TIMES: Final = frozenset(
    ("since", "last_full", "last_run", "opened", "closed", "starts", "ends", "left", "training_until")
)
_DATES: Final = frozenset(("full_due", "daily_due"))
_WORDS: Final = {
    ("standing", "active"): ("●", "good", "active"), ("standing", "suspended"): ("▲", "bad", "suspended"),
    ("passing", True): ("●", "good", "passes"), ("passing", False): ("▲", "bad", "does not pass"),
    ("overdue", True): ("▲", "bad", "overdue"), ("overdue", False): ("●", "good", "in time"),
    ("training_valid", True): ("●", "good", "valid"), ("training_valid", False): ("▲", "bad", "run out"),
    ("state", "in force"): ("●", "good", "in force"), ("state", "ended"): ("■", "soon", "ended"),
}  # fmt: skip
_PAGES: Final = {
    "vendor": "/oversight/vendors/", "organisation": "/oversight/vendors/", "equipment": "/oversight/equipment/"
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its words, and where there is one its shape, tone, page and time in UTC. `head` heads its row."""

    text: str
    shape: str = ""
    tone: str = ""
    href: str = ""
    utc: str = ""
    head: bool = False
    depth: int = 0


def show_rows(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    zone: ZoneInfo,
    now: datetime,
    *,
    linked: bool = True,
) -> list[list[Cell]]:
    """Return rows as cells, in the order of the columns. The first heads its row."""
    return [
        [
            _show_cell(row, name, zone, now, head=place == 0, linked=linked)
            for place, name in enumerate(columns)
        ]
        for row in rows
    ]


def _show_cell(
    row: Mapping[str, Any], name: str, zone: ZoneInfo, now: datetime, *, head: bool, linked: bool
) -> Cell:
    value = row[name]
    depth = int(row.get("depth", 0)) if head else 0
    if value is None or value == []:
        return Cell("-", head=head)
    if isinstance(value, str | bool) and (name, value) in _WORDS:
        shape, tone, text = _WORDS[name, value]
        return Cell(text, shape, tone, head=head)
    if name in _TIMES or name in _DATES or (name == "due" and isinstance(value, str)):
        moment = from_text(value)
        late = name not in _TIMES and moment <= now and row.get("closed") is None
        text = f"{moment.astimezone(zone):%d %b %Y %H:%M}" + (", overdue" if late else "")
        return Cell(text, "▲" if late else "", "bad" if late else "", utc=value, head=head)
    if isinstance(value, list):
        text = ", ".join(str(one).replace("-", " ") for one in value)
        shape, tone = ("▲", "soon") if name == "reasons" else ("", "")
        return Cell(text, shape, tone, head=head)
    if name == "kind":
        return Cell(str(value).replace("_", " "), head=head)
    page = _PAGES.get(name) if linked and isinstance(value, str) else None
    return Cell(str(value), href=page + value if page else "", head=head, depth=depth)


def send_sheet(name: str, rows: Sequence[Mapping[str, Any]], heading: Sequence[str]) -> Response:
    """Return rows as a CSV file to keep, its heading also without rows. Lists become texts with semicolons."""
    text = io.StringIO()
    write_sheet([{key: _flatten(value) for key, value in row.items()} for row in rows], text, heading)
    head = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=head)


def _flatten(value: object) -> object:
    return "; ".join(map(str, value)) if isinstance(value, list) else value
