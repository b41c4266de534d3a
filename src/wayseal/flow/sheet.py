"""Rows as comma-separated values that a spreadsheet can open without running anything that stands in a cell."""

import csv
from collections.abc import Mapping, Sequence
from typing import TextIO


def write_sheet(rows: Sequence[Mapping[str, object]], target: TextIO, heading: Sequence[str]) -> None:
    """Write rows under the names of the first one, or the heading alone where there is none.

    Cells that a spreadsheet would run as a formula begin with an apostrophe.
    """
    writer = csv.DictWriter(target, fieldnames=list(rows[0]) if rows else list(heading))
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _disarm_cell(cell) for name, cell in row.items()})


def _disarm_cell(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t")) else cell
