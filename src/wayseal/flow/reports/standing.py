"""Where each organisation stands, and why: contract, training, equipment, findings, and who works under whom."""

from typing import Any

from wayseal.flow.oversee.describe import list_vendor_rows, show_vendor
from wayseal.flow.reports.value import Figure, Report, Section, Sources, Table, new_report, say

TITLE = "Standing of each organisation"


def build(sources: Sources) -> Report:
    """Return the report: all organisations, then a section for each that is not the agency."""
    rows = list_vendor_rows(sources.desk)
    columns = {
        "vendor": "Organisation", "tier": "Tier", "under": "Works under", "standing": "Standing", "reasons": "Why not",
        "people": "People", "equipment": "Devices", "assessed": "Assessed", "findings": "Open findings",
    }  # fmt: skip
    shown = [{**row, "reasons": say(row["reasons"])} for row in rows]
    suspended = sum(row["standing"] == "suspended" for row in rows)
    clear = sum(not row["reasons"] for row in rows)
    figures = [
        Figure("Organisations", len(rows), "wayseal vendor list"),
        Figure("With nothing against them", clear, "wayseal vendor list", bool(rows) and clear == len(rows)),
        Figure("Suspended", suspended, "wayseal vendor list", suspended == 0),
    ]
    whole = Section(
        "All organisations", figures=figures, tables=[Table("vendors", "Standing", columns, shown)]
    )
    each = [_one(sources, str(row["vendor"])) for row in rows if row["tier"] != "agency"]
    return new_report(sources, "vendor-standing", TITLE, [whole, *each])


def _one(sources: Sources, vendor: str) -> Section:
    """Return what is known of one organisation."""
    known: dict[str, Any] = show_vendor(sources.desk, vendor)
    reasons = say(known["reasons"])
    text = [
        f"Works under {' and '.join(known['chain'][1:])}."
        if known["chain"][1:]
        else "Holds a contract of its own.",
        f"Against it: {'; '.join(reasons)}." if reasons else "Nothing is against it.",
    ]
    if known["below"]:
        text.append(f"Below it: {', '.join(known['below'])}.")
    tables = [
        Table(
            f"{vendor}-contracts", "Contracts",
            {
                "contract": "Contract", "state": "State", "permitted": "Permitted data", "place": "Place", "ends": "Ends",
                "returned": "Returned", "destroyed": "Destroyed",
            }, known["contracts"],
        ),
        Table(
            f"{vendor}-people", "People, by staff id",
            {"person": "Staff id", "role": "Role", "training_until": "Training until", "training_valid": "In force", "left": "Left"},
            known["staff"],
        ),
        Table(
            f"{vendor}-findings", "Open findings",
            {"subject": "At", "probe": "Probe or duty", "reason": "What is wrong", "opened": "Since"}, known["open_findings"],
        ),
    ]  # fmt: skip
    return Section(vendor, text, tables=[table for table in tables if table.rows])
