"""An incident as a report: what it concerns, what must be told and was, what is left, and how all of it is checked.

Made for one incident and not from the list of kinds; `wayseal incident pack` writes it beside the evidence. Shows no person.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from wayseal.flow.reports import evidence
from wayseal.flow.reports.value import Figure, Report, Section, Sources, Table, new_report

TITLE = "Incident"


def build_incident(sources: Sources, incident: Mapping[str, Any], scope: Mapping[str, Any]) -> Report:
    """Return the report on an incident (`describe_incident`) and its scope (`describe_scope`), with the auditors' three answers."""
    sections = [
        _summary(incident, scope),
        _duties(incident),
        _spread(scope),
        *evidence.build(sources).sections,
        _recount(scope),
    ]
    return new_report(sources, "incident", f"{TITLE} {incident['incident']}", sections)


def list_recommendations(sources: Sources) -> list[dict[str, Any]]:
    """Return the answers to the three recommendations with their figures, as JSON."""
    return [
        {
            "title": section.title,
            "figures": [
                {"name": one.name, "value": one.value, "shown_by": one.shown_by, "good": one.good}
                for one in section.figures
            ],
        }
        for section in evidence.build(sources).sections
    ]


def _summary(incident: Mapping[str, Any], scope: Mapping[str, Any]) -> Section:
    subject = scope["subject"]
    text = [
        (
            f"Reason: {incident['reason'].replace('-', ' ')}. About the {subject['kind']} {subject['id']}, from {scope['since']} to {scope['until']}. "
            f"Status: {incident['status']}."
        ),
        (
            "A picture counts as opened when the ledger holds both the request and the end of the opening; as reachable when policy would have "
            "let the subject open it while its key lived, or when a device saw it live while its attestation was not good."
        ),
    ]
    figures = [
        Figure("Pictures concerned", scope["images"], "wayseal incident scope"),
        Figure("People in them, at most", scope["people"], "wayseal incident scope"),
        Figure("Proven opened", scope["proven_opened"], "ledger/evidence", scope["proven_opened"] == 0),
        Figure("Exported under a ceremony", scope["exported"], "wayseal export list"),
        Figure("Could have been reached", scope["reachable"], "records.csv"),
        Figure("Openings whose end is not on the ledger", scope["unfinished"], "", scope["unfinished"] == 0),
        Figure("Still live", scope["still_live"], "records.csv"),
        Figure("Already erased: nobody can open them any more", scope["already_erased"], "records.csv"),
    ]
    return Section("What it concerns", text, figures)


def _duties(incident: Mapping[str, Any]) -> Section:
    columns = {"recipient": "Who", "due": "By", "met": "Told", "overdue": "Overdue"}
    times = [
        {"what": name, "time": incident[name]}
        for name in ("detected", "opened", "contained", "closed")
        if incident[name] is not None
    ]
    return Section(
        "Who must be told",
        tables=[
            Table("times", "Times", {"what": "What", "time": "When"}, times),
            Table("duties", "Notifications", columns, incident["duties"]),
            Table("notified", "Told so far", {"recipient": "Who", "time": "When"}, incident["notified"]),
        ],
    )


def _spread(scope: Mapping[str, Any]) -> Section:
    return Section(
        "Where and when",
        tables=[
            _count_table("lanes", "Lane", scope["lanes"]),
            _count_table("days", "Day", scope["days"]),
            _count_table("classes", "Record class", scope["classes"]),
        ],
    )


def _count_table(name: str, heading: str, counts: Mapping[str, int]) -> Table:
    rows: Sequence[Mapping[str, Any]] = [{"name": one, "images": count} for one, count in counts.items()]
    return Table(name, f"Pictures by {heading.lower()}", {"name": heading, "images": "Pictures"}, rows)


def _recount(scope: Mapping[str, Any]) -> Section:
    span = scope["proofs"]["span"]
    text = [
        (
            f"The figures were counted over {span['end'] - span['begin']:,} ledger entries, which the root {scope['root']} covers. The signed "
            "checkpoint, the entries and the proofs are beside this page: wayseal incident verify FOLDER counts them again without this site, "
            "and README.md says how another program does."
        ),
    ]
    return Section("How to check it", text)
