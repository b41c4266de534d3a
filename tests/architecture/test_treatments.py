"""The table of treatments exchanges steps that capture still has."""

import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from wayseal.vision import bestshot, partly, restore, settle
from wayseal.vision.optics import LaneOptics

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "explanation" / "treatments.md"

sys.path.append(str(ROOT / "tools"))  # tools are scripts that import each other by name


def test_every_exchange_changes_a_step() -> None:
    """Each exchange but the first replaces something that capture calls, and everything is as before after it."""
    import treatments_exchanges

    modules = (bestshot, partly, restore, settle)
    before = [dict(vars(module)) for module in modules]
    for name, exchange in treatments_exchanges.EXCHANGES.items():
        with ExitStack() as stack:
            exchange(stack, LaneOptics())
            changed = [dict(vars(module)) for module in modules] != before
        assert changed == (name != treatments_exchanges.SHIPPED), name
    assert [dict(vars(module)) for module in modules] == before


@pytest.mark.parametrize("part", ["As filmed", "Noise 15", "Rules"])
def test_tables_are_there(part: str) -> None:
    """The page has the tables that the tool prints."""
    assert f"**{part}" in TABLE.read_text(encoding="utf-8")
