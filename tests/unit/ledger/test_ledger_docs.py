"""The specification and the how-tos say what the code does: every type, field, verb and limit is there."""

import re
from pathlib import Path

import pytest

from wayseal.cli import ledger as ledger_commands
from wayseal.cli import witness as witness_commands
from wayseal.ledger.entry import COMMON, ENTRY_TYPES, MAX_ENTRY
from wayseal.ledger.note import MAX_NOTE, MAX_SIGNATURES
from wayseal.ledger.witness import MAX_REQUEST

DOCS = Path(__file__).resolve().parents[3] / "docs"
SPECIFICATION = (DOCS / "spec" / "ledger.md").read_text(encoding="utf-8")
HOWTOS = "".join(
    (DOCS / "howto" / f"{name}.md").read_text(encoding="utf-8")
    for name in ("verify-the-ledger", "lost-witness")
)


@pytest.mark.parametrize("name", sorted(ENTRY_TYPES))
def test_each_type_is_specified(name: str) -> None:
    """A type's row lists exactly the fields it needs and may have."""
    (row,) = re.findall(rf"^\| `{name}` \| (.*) \| (.*) \|$", SPECIFICATION, re.MULTILINE)
    needs, may = (set(re.findall(r"`([a-z0-9_]+)`", cell)) for cell in row)
    assert (needs, may) == (set(ENTRY_TYPES[name].needs), set(ENTRY_TYPES[name].may))


def test_no_type_is_specified_that_is_not_there() -> None:
    """The table of types has no row too many, and the common fields are all named."""
    table = SPECIFICATION.split("| type | needs | may have |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)) == set(ENTRY_TYPES)
    sentence = SPECIFICATION.split("any entry may also have")[1].split(".")[0]
    assert set(re.findall(r"`([a-z0-9_]+)`", sentence)) == set(COMMON)


def test_limits_are_specified() -> None:
    """The page's numbers are the code's."""
    for limit in (MAX_ENTRY, MAX_NOTE, MAX_REQUEST):
        assert f"{limit:,}" in SPECIFICATION
    assert f"{MAX_SIGNATURES} signature lines" in SPECIFICATION


def test_commands_in_the_how_tos_exist() -> None:
    """Each `wayseal ledger` and `wayseal witness` line uses verbs and options that exist, and each verb is shown."""
    groups = {"ledger": ledger_commands.command, "witness": witness_commands.command}
    shown = set()
    for noun, verb, rest in re.findall(r"wayseal (ledger|witness) ([a-z-]+)((?:[^\n`]|\\\n)*)", HOWTOS):
        command = groups[noun].commands[verb]
        options = {name for parameter in command.params for name in parameter.opts}
        assert set(re.findall(r"(?<!\S)--[a-z-]+", rest)) <= options, (noun, verb)
        shown.add(verb)
    assert shown >= {"verify", "prove", "check-proof", "show", "publish", "init", "run", "resume", "status"}
