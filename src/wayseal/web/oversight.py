"""The pages of oversight: organisations, equipment, findings and what ends soon, with filters in the address; one device; one vendor.

Owns routes. It reads the register and changes nothing: acts on it are commands.
"""

from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse

from wayseal.flow.duty_tables import COLUMNS, Filter, list_choices, read_table, show_device
from wayseal.flow.oversee.describe import list_coverage, show_evidence, show_vendor
from wayseal.model.clock import to_text
from wayseal.model.ids import check_name
from wayseal.station.site import Site
from wayseal.web.session import SignedIn
from wayseal.web.tables import TITLES, send_sheet, show_rows

_CAPTIONS = {
    "attention": "Needs attention: overdue, or ends within {days} days",
    "vendors": "Organisations, each under the one whose contract it works under",
    "equipment": "Equipment: when it was last assessed, and when it is due",
    "findings": "Open findings and their plan of action: who mends it, and by when",
}


def read_filter(vendor: str = "", lane: str = "", show: Annotated[str, Query(max_length=16)] = "") -> Filter:
    """Return the filter that an address names. Raises `Invalid` for a malformed name."""
    return Filter(
        check_name(vendor, what="organisation id") if vendor else None,
        check_name(lane, what="lane id") if lane else None,
        wrong=show == "wrong",
    )


Chosen = Annotated[Filter, Depends(read_filter)]


Cells = Callable[[Any, tuple[str, ...]], dict[str, Any]]
"""From rows and the names of columns to what a template shows."""


def add_oversight_routes(app: FastAPI, page: Callable[..., Response], site: Site, zone: ZoneInfo) -> None:
    """Add `/oversight` and what is under it. `page` renders a template."""

    def cells(rows: Any, columns: tuple[str, ...]) -> dict[str, Any]:
        return {
            "titles": [TITLES.get(name, name.replace("_", " ").capitalize()) for name in columns],
            "rows": show_rows(rows, columns, zone, site.clock()),
        }

    _add_table_routes(app, page, site, cells)
    _add_detail_routes(app, page, site, cells)


def _add_table_routes(app: FastAPI, page: Callable[..., Response], site: Site, cells: Cells) -> None:
    @app.get("/oversight", response_class=HTMLResponse)
    def oversight(request: Request, session: SignedIn, chosen: Chosen) -> Response:
        said = {
            "vendor": chosen.vendor,
            "lane": chosen.lane,
            "show": "wrong" if chosen.wrong else None,
        }
        query = urlencode({name: value for name, value in said.items() if value})
        tables = [
            {
                "name": name,
                "caption": caption.format(days=site.settings.oversight.ahead_days),
                **cells(read_table(site.oversight, name, chosen), _shown(name)),
            }
            for name, caption in _CAPTIONS.items()
        ]
        return page(
            request, "oversight.html", session, tables=tables, query=query, chosen=chosen,
            choices=list_choices(site.oversight), coverage=list_coverage(site.oversight), now=to_text(site.clock()),
        )  # fmt: skip

    @app.get("/oversight/tables/{name}.csv")
    def sheet(name: str, chosen: Chosen) -> Response:
        rows = read_table(site.oversight, name, chosen)
        columns = COLUMNS[name]
        return send_sheet(name, [{column: row[column] for column in columns} for row in rows], columns)


def _add_detail_routes(app: FastAPI, page: Callable[..., Response], site: Site, cells: Cells) -> None:
    @app.get("/oversight/equipment/{device}", response_class=HTMLResponse)
    def equipment(request: Request, session: SignedIn, device: str) -> Response:
        found = show_device(site.oversight, check_name(device, what="equipment id"))
        findings = cells(found["plans"], ("probe", "reason", "opened", "closed", "poam", "owner", "due"))
        return page(
            request, "equipment.html", session, device=found, findings=findings,
            due=cells([found], ("passing", "full_due", "daily_due", "findings")),
        )  # fmt: skip

    @app.get("/oversight/equipment/{device}/evidence/{assessment}/{probe}", response_class=HTMLResponse)
    def evidence(request: Request, session: SignedIn, device: str, assessment: str, probe: str) -> Response:
        found = show_evidence(site.oversight, assessment, probe)
        return page(
            request, "evidence.html", session, seen=found, device=check_name(device, what="equipment id")
        )

    @app.get("/oversight/vendors/{vendor}", response_class=HTMLResponse)
    def one_vendor(request: Request, session: SignedIn, vendor: str) -> Response:
        found = show_vendor(site.oversight, check_name(vendor, what="organisation id"))
        return page(
            request, "vendor.html", session, vendor=found,
            standing=cells([found], ("tier", "under", "standing", "since", "reasons", "assessed", "due", "findings")),
            contracts=cells(found["contracts"], ("contract", "state", "permitted", "place", "starts", "ends", "returned", "destroyed")),
            people=cells(found["staff"], ("person", "role", "training_until", "training_valid", "left")),
            equipment=cells(found["devices"], ("equipment", "kind", "lane", "passing", "full_due", "daily_due")),
            findings=cells(found["open_findings"], ("subject", "probe", "reason", "opened")),
        )  # fmt: skip


def _shown(name: str) -> tuple[str, ...]:
    """Return a table's columns on the screen: the tree shows whom an organisation is under, and the page of a finding its duty."""
    return tuple(column for column in COLUMNS[name] if (name, column) != ("vendors", "under"))
