"""Sheets that a spreadsheet opens without running what stands in a cell."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from wayseal.flow.sheet import write_sheet


@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=20),
        min_size=1,
        max_size=5,
    )
)
def test_no_cell_is_a_formula(cells: list[str]) -> None:
    """Every cell comes back as it was, but one that would be a formula, which begins with an apostrophe; an empty one stays empty."""
    text = io.StringIO(newline="")
    write_sheet([{"cell": cell, "number": -1} for cell in cells], text, ("cell", "number"))
    back = list(csv.DictReader(io.StringIO(text.getvalue(), newline="")))
    assert [row["number"] for row in back] == ["-1"] * len(cells)
    for cell, row in zip(cells, back, strict=True):
        assert row["cell"][:1] not in set("=+-@\t")
        assert row["cell"].removeprefix("'") == cell.removeprefix("'")


def test_no_rows() -> None:
    """Without rows the heading stands there, so that a script finds its columns."""
    text = io.StringIO()
    write_sheet([], text, ("cell", "number"))
    assert text.getvalue().splitlines() == ["cell,number"]
