"""A measure as one printable HTML page: its tables, and its curves inside. It carries no picture of anybody."""

import html
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wayseal.model.errors import Invalid

Table = tuple[str, tuple[str, ...], list[tuple[object, ...]]]
"""A title, its columns, its rows."""

_STYLE = (
    "body{font:14px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:1rem 0}td,th{border:1px solid #999;padding:.2rem .6rem;text-align:left}"
    "svg{max-width:100%;height:auto}@media print{body{margin:0}}"
)


def save_page(path: Path, title: str, tables: Sequence[Table], figure: Any | None) -> None:
    """Write one page with tables and a matplotlib figure, where there is one. Raises `Invalid` when it cannot be written."""
    drawing = ""
    if figure is not None:
        picture = io.StringIO()
        figure.savefig(picture, format="svg")
        drawing = picture.getvalue()
        drawing = drawing[drawing.index("<svg") :]
    body = "".join(_as_html(table) for table in tables)
    page = (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(title)}</title><style>{_STYLE}</style>"
        f"<h1>{html.escape(title)}</h1>{body}{drawing}</html>\n"
    )
    try:
        path.write_text(page, encoding="utf-8")
    except OSError:
        raise Invalid("cannot write the page", hint="Name a file in a folder that is there.") from None


def _as_html(table: Table) -> str:
    """Return a table as HTML."""
    title, columns, rows = table
    lines: list[Sequence[object]] = [columns, *rows]
    cells = [
        "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in line)
        for tag, line in zip(["th", *["td"] * len(rows)], lines, strict=True)
    ]
    return (
        f"<h2>{html.escape(title)}</h2><table>" + "".join(f"<tr>{line}</tr>" for line in cells) + "</table>"
    )
