"""What is wrong and who mends it by when: every finding with its plan of action, those that are late first."""

from wayseal.assess.catalogue import load_catalogue
from wayseal.flow.oversee.describe import list_finding_rows
from wayseal.flow.reports.value import Figure, Report, Section, Sources, Table, new_report
from wayseal.model.clock import from_text

TITLE = "Findings and plan of action"


def build(sources: Sources) -> Report:
    """Return the report."""
    titles = {probe.id: f"{probe.id}: {probe.title}" for probe in load_catalogue()}
    found = list_finding_rows(sources.desk, open_only=False)
    rows = [{**row, "probe": titles.get(row["probe"], row["probe"])} for row in found]
    waiting = sorted((row for row in rows if row["closed"] is None), key=lambda row: str(row["due"] or ""))
    mended = [row for row in rows if row["closed"] is not None]
    late = sum(bool(row["overdue"]) for row in waiting)
    looked = bool(sources.desk.ledger.find(type="attest"))  # where nobody looked, nothing open says nothing
    days = [(from_text(row["closed"]) - from_text(row["opened"])).total_seconds() / 86400 for row in mended]
    command = "wayseal equipment findings"
    figures = [
        Figure("Open", len(waiting), command, looked or None if not waiting else False),
        Figure("Overdue", late, command, looked or None if late == 0 else False),
        Figure("Closed", len(mended), f"{command} --all"),
        Figure(
            "Days from finding to mending, on average", f"{sum(days) / len(days):.1f}" if days else "none yet"
        ),
    ]
    columns = {
        "subject": "At", "probe": "Probe or duty", "reason": "What is wrong", "owner": "Who mends it", "due": "By",
        "overdue": "Overdue", "opened": "Since",
    }  # fmt: skip
    done = {
        "subject": "At",
        "probe": "Probe or duty",
        "opened": "Opened",
        "closed": "Closed",
        "owner": "Who mended it",
    }
    return new_report(sources, "findings", TITLE, [
        Section("Figures", figures=figures),
        Section("To be mended", tables=[Table("open", "Open findings", columns, waiting)]),
        Section("Mended", tables=[Table("closed", "Closed findings", done, mended)]),
    ])  # fmt: skip
