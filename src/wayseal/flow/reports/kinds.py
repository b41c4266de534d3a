"""Which reports there are. To add one: a module with `TITLE` and `build(sources)`, and a line here."""

from collections.abc import Callable
from dataclasses import dataclass

from wayseal.flow.reports import coverage, evidence, findings, pilot, standing
from wayseal.flow.reports.value import Report, Sources
from wayseal.model.errors import NotFound


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of report: its name for the command, its title, and how it is built."""

    name: str
    title: str
    build: Callable[[Sources], Report]


KINDS = {
    kind.name: kind
    for kind in (
        Kind("coverage", coverage.TITLE, coverage.build),
        Kind("vendor-standing", standing.TITLE, standing.build),
        Kind("findings", findings.TITLE, findings.build),
        Kind("poam", findings.TITLE, findings.build),
        Kind("pilot", pilot.TITLE, pilot.build),
        Kind("evidence", evidence.TITLE, evidence.build),
    )
}


def make_report(name: str, sources: Sources) -> Report:
    """Return a report of that kind. Raises `NotFound`."""
    kind = KINDS.get(name)
    if kind is None:
        raise NotFound("there is no such report", hint="Reports: " + ", ".join(KINDS))
    return kind.build(sources)
