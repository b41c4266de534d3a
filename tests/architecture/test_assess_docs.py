"""The page about assessments from outside: its plan is one that the program reads, and its table of papers is the code's."""

import re
from pathlib import Path

from wayseal.assess.document.vendor import REQUIRED_CLAUSES
from wayseal.assess.outside.view import OutsideView
from wayseal.station.papers import decode_plan

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "assess-from-outside.md"


def test_plan_on_page() -> None:
    """The plan on the page is read whole, and each of its parts is one that the prober has."""
    text = re.search(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert text is not None
    parts = decode_plan(text[1].encode())
    assert set(parts) >= {"cameras", "managed", "peer", "egress", "lane", "inbound", "cloud", "time"}
    known = set(OutsideView.__dataclass_fields__) | {"inserted_at"}
    assert set(parts) <= known


def test_papers_on_page() -> None:
    """The page names every paper and every clause that a document part asks for."""
    page = PAGE.read_text(encoding="utf-8")
    code = "".join(
        file.read_text(encoding="utf-8")
        for file in (Path(__file__).parents[2] / "src/wayseal/assess/document").glob("*.py")
    )
    asked = set(re.findall(r'read_document\(\s*view, f?"([a-z-]+)', code))
    assert len(asked) == 8
    for name in asked | set(REQUIRED_CLAUSES):
        assert f"`{name}" in page
