"""How much of the third parties' equipment is assessed: the figure that was one partner of twenty-seven in 2020."""

from wayseal.flow.oversee.describe import list_coverage, list_equipment_rows, list_lane_rows
from wayseal.flow.oversee.duties import list_attention
from wayseal.flow.reports.value import Figure, Report, Section, Sources, Table, new_report, say, share
from wayseal.model.clock import to_text

TITLE = "Assessment coverage"


def build(sources: Sources) -> Report:
    """Return the report."""
    site, *vendors = list_coverage(sources.desk)
    devices = list_equipment_rows(sources.desk)
    return new_report(
        sources, "coverage", TITLE, [_figures(sources, site), _table(vendors), _devices(devices), _lanes(sources), _soon(sources)]
    )  # fmt: skip


def _figures(sources: Sources, site: dict[str, object]) -> Section:
    total, assessed, passing = (int(str(site[name])) for name in ("total", "assessed", "passing"))
    rules = sources.desk.rules
    text = (
        f"Each device is assessed against the whole catalogue every {rules.full.days} days and after each change, and by the daily "
        f"probes every {rules.daily.total_seconds() / 3600:.0f} hours. Due and overdue are computed from that, never entered."
    )
    command = "wayseal equipment coverage"
    figures = [
        Figure("Devices in use", total, "wayseal equipment list"),
        share("Assessed within the cycle", assessed, total, command),
        Figure("Due", total - assessed, command, assessed == total if total else None),
        share("Passing everything, freshly", passing, total, command),
    ]
    return Section("The figure", [text], figures)


def _table(vendors: list[dict[str, object]]) -> Section:
    columns = {
        "of": "Organisation",
        "total": "Devices",
        "assessed": "Assessed",
        "due": "Due",
        "passing": "Passing",
    }
    return Section("By organisation", tables=[Table("vendors", "Coverage by organisation", columns, vendors)])


def _devices(devices: list[dict[str, object]]) -> Section:
    columns = {
        "equipment": "Device", "kind": "Kind", "model": "Model", "organisation": "Organisation", "lane": "Lane",
        "passing": "Passing", "full_due": "Full assessment due", "daily_due": "Daily probes due", "overdue": "Overdue",
        "findings": "Open findings",
    }  # fmt: skip
    rows = [{**row, "kind": str(row["kind"]).replace("_", " ")} for row in devices]
    return Section("By device", tables=[Table("devices", "Devices", columns, rows)])


def _lanes(sources: Sources) -> Section:
    rows = [{**row, "reasons": say(row["reasons"])} for row in list_lane_rows(sources.desk)]
    columns = {
        "lane": "Lane", "fit": "May have its next key", "enforced": "Enforced", "reasons": "Why not", "told": "Was told",
        "since": "Since",
    }  # fmt: skip
    return Section("Lanes", tables=[Table("lanes", "Lanes and their next epoch key", columns, rows)])


def _soon(sources: Sources) -> Section:
    rows = [
        {"what": one.what, "subject": one.subject, "due": to_text(one.due), "overdue": one.overdue}
        for one in list_attention(sources.desk)
    ]
    columns = {"what": "What", "subject": "Of", "due": "Ends or falls due", "overdue": "Overdue"}
    days = sources.desk.rules.ahead.days
    title = f"Needs attention within {days} days"
    return Section(title, tables=[Table("attention", title, columns, rows)])
