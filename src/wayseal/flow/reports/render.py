"""A report as one HTML page that needs nothing else, and as a PDF of it. Fetches nothing, from nowhere."""

import re
from collections.abc import Sequence
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, NoReturn

from jinja2 import Environment, StrictUndefined
from PIL import ImageFile

from wayseal.flow.reports.value import Report
from wayseal.model.clock import from_text
from wayseal.model.errors import Invalid, Unavailable
from wayseal.seal.keys.durable import write_file

_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z")
SUFFIXES: Final = (".html", ".pdf")


def render_html(report: Report) -> str:
    """Return the page. Every value is escaped; times are shown to the minute, in UTC."""
    folder = files("wayseal.flow.reports")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(folder.joinpath("report.html").read_text(encoding="utf-8"))
    css = folder.joinpath("report.css").read_text(encoding="utf-8")
    return template.render(report=report, css=_Raw(css), cell=show_cell, when=_show_time)


class _Raw(str):
    """Our own style sheet, which needs no escaping."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)


def _show_time(moment: datetime) -> str:
    """Return a time for people."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def show_cell(value: Any) -> str:
    """Return a cell as people read it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return _show_time(from_text(value)) if _TIME.fullmatch(value) else value.replace(" %", "\u00a0%")
    if isinstance(value, Sequence):
        return "; ".join(show_cell(one) for one in value) or "-"
    return f"{value:,}" if isinstance(value, int) else str(value)


def render_pdf(report: Report) -> bytes:
    """Return the PDF, tagged for screen readers. Raises `Unavailable` where WeasyPrint's libraries are not installed."""
    try:
        import weasyprint  # noqa: PLC0415 - its system libraries may be missing, and HTML needs none
    except OSError:
        raise Unavailable(
            "the PDF's libraries are not installed", hint="Install Pango, or make .html."
        ) from None
    ImageFile.LOAD_TRUNCATED_IMAGES = (
        False  # WeasyPrint sets it for the whole process; travellers' pictures must be whole
    )
    document = weasyprint.HTML(string=render_html(report), url_fetcher=_refuse)
    return bytes(document.write_pdf(pdf_variant="pdf/ua-1"))


def _refuse(url: str) -> NoReturn:
    """A report names nothing outside itself."""
    raise ValueError(url.partition(":")[0])


def write_report(report: Report, out: Path) -> int:
    """Write a report as its suffix says, whole or not at all, and return its bytes. Raises `Invalid` for another suffix."""
    if out.suffix not in SUFFIXES:
        raise Invalid("a report is written as .html or .pdf", hint="--out FILE.html or FILE.pdf")
    data = render_pdf(report) if out.suffix == ".pdf" else render_html(report).encode()
    write_file(out, data)
    return len(data)
