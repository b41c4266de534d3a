"""The attack model is true as far as tests can say: each claim names tests, and each of these tests is there."""

import ast
import re
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security" / "attack-model.md").read_text(encoding="utf-8")
CLAIMS = re.findall(r"^\| (C-\d+) \| (.*?) \| (.*?) \|$", PAGE, re.MULTILINE)
REMAINS = re.findall(r"^\| (S-\d+) \| (.*?) \| (.*?) \|$", PAGE, re.MULTILINE)


@lru_cache
def list_tests(file: Path) -> frozenset[str]:
    """Return the names of a file's tests that assert something or expect an error."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and any(isinstance(one, ast.Assert | ast.With | ast.Call) for one in ast.walk(node))
    )


@pytest.mark.parametrize(("number", "claim", "tests"), CLAIMS, ids=[number for number, _, _ in CLAIMS])
def test_claim_names_tests_that_exist(number: str, claim: str, tests: str) -> None:
    """A claim has a text and at least one test, and every test that it names is in the file that it names."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", tests)
    assert claim, number
    assert named, f"{number} names no test"
    missing = [f"{file}::{name}" for file, name in named if name not in list_tests(ROOT / file)]
    assert missing == []


def test_numbers_have_no_gaps() -> None:
    """Claims and remains are numbered from 1 without a gap: nothing was quietly taken out."""
    assert [number for number, _, _ in CLAIMS] == [f"C-{place}" for place in range(1, len(CLAIMS) + 1)]
    assert [number for number, _, _ in REMAINS] == [f"S-{place}" for place in range(1, len(REMAINS) + 1)]


def test_each_remainder_says_what_limits_it() -> None:
    """What an attacker still can do stands beside what limits it, or a dash for nothing."""
    assert all(what and limit for _, what, limit in REMAINS)
