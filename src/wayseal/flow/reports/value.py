"""What a report is: sections of prose, figures and tables, and the state of the ledger that they were computed from.

Owns the values and the words for codes. A kind of report is a function from `Sources` to `Report`; `kinds` lists them.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wayseal.flow.oversee.desk import Desk

_WORDS = {
    "suspended": "suspended", "no-contract": "no contract in force", "assessment-due": "an assessment is due",
    "open-findings": "findings are open", "no-equipment": "no equipment is registered", "never-assessed": "never assessed",
    "assessment-failed": "its last assessment failed", "assessment-overdue": "its full assessment is overdue",
    "changed-since-assessment": "changed since its last assessment", "daily-probes-failed": "its daily probes failed",
    "daily-probes-overdue": "its daily probes are overdue", "assessment-unfinished": "an assessment was not finished",
    "poam-overdue": "something was not mended in time", "no-notice": "no public notice in force",
    "no-sign-off": "not signed off by operations and IT", "organisation-suspended": "its organisation is suspended",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sources:
    """What reports are computed from."""

    desk: Desk
    evaluation: bool = False

    @property
    def now(self) -> datetime:
        """The time of the report."""
        return self.desk.clock()


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its name; `shown_by` is the command that gives it again. `good` is None where it is neither good nor bad."""

    name: str
    value: object
    shown_by: str = ""
    good: bool | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns; `name` is its name for `--csv`. Cells are texts, numbers, booleans, None or lists of texts."""

    name: str
    title: str
    columns: Mapping[str, str]
    """Heading by key of a row, in order."""
    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report."""

    title: str
    text: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """A report, ready to be rendered. `ledger_size` and `ledger_root` (base64) say what it was computed from."""

    kind: str
    title: str
    site: str
    made: datetime
    evaluation: bool
    ledger_size: int
    ledger_root: str
    sections: Sequence[Section]

    def tables(self) -> dict[str, Table]:
        """Return every table by its name."""
        return {table.name: table for section in self.sections for table in section.tables}


def new_report(sources: Sources, kind: str, title: str, sections: Sequence[Section]) -> Report:
    """Return a report with where and when it was made."""
    ledger = sources.desk.ledger
    size = ledger.size
    root = base64.b64encode(ledger.root(size)).decode()
    return Report(kind, title, sources.desk.site, sources.now, sources.evaluation, size, root, sections)


def say(codes: Sequence[str]) -> list[str]:
    """Return codes as words."""
    return [_WORDS.get(code, code.replace("-", " ")) for code in codes]


def share(name: str, part: int, whole: int, shown_by: str) -> Figure:
    """Return how many of all, good when it is all of them: where there is nothing, nothing is shown to be good."""
    return Figure(name, percent(part, whole), shown_by, whole > 0 and part == whole)


def percent(part: int, whole: int) -> str:
    """Return a share as people read it: `3 of 4 (75 %)`, or `none` where there is nothing."""
    return "none" if whole == 0 else f"{part} of {whole} ({100 * part / whole:.0f} %)"
