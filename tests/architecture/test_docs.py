"""The documents say what is true: generated pages are current, words occur in code, links lead somewhere, costs are told."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])
CODE = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py")).lower()


def test_generated_pages_are_current() -> None:
    """The pages of commands and settings are what the code says now: every command and every field is there."""
    answer = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "generate_docs.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


def list_words() -> list[str]:
    """Return the glossary's words."""
    table = (DOCS / "reference" / "glossary.md").read_text(encoding="utf-8")
    return [
        row.split("|")[1].strip()
        for row in table.splitlines()
        if row.startswith("| ") and "word |" not in row
    ]


@pytest.mark.parametrize("word", list_words())
def test_glossary_word_is_used(word: str) -> None:
    """A word of the glossary is a word of the code."""
    assert re.search(re.escape(word.lower()).replace(r"\ ", "[ _]?"), CODE), word


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Each relative link and picture of a page exists."""
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", text)
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", sorted((DOCS / "adr").glob("0*.md")), ids=lambda page: page.name)
def test_decisions_tell_their_costs(page: Path) -> None:
    """A decision record says what was decided and what it costs."""
    text = page.read_text(encoding="utf-8").lower()
    assert "cost" in text or "negative" in text
    assert page.name in (DOCS / "adr" / "index.md").read_text(encoding="utf-8"), (
        "not listed in docs/adr/index.md"
    )


def test_readme_names_the_two_commands() -> None:
    """A stranger finds the two commands that do everything."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make demo" in text
    assert "make test" in text


def test_no_unfinished_words() -> None:
    """No code says that something is still to be done."""
    assert re.findall(r"\b(?:TODO|FIXME|XXX|NotImplementedError)\b", CODE, re.IGNORECASE) == []
