"""Lists as CSV: the heading is there also where no row is, and it is the one that rows have."""

import csv
import io
from collections.abc import Iterator

import click
import pytest
from session import Session

from wayseal.cli.main import root
from wayseal.cli.sheets import HEADINGS

MORE = {
    "egress guard status": ["--device", "host-1"],
    "vendor report": ["agency"],
    "ledger show": ["--type", "incident"],
}
"""What a command needs besides its words; of the ledger, a type that a new home has no entry of."""
FULL = {"vendor report", "vendor list", "equipment coverage"}
"""A new home has a row for these: the agency itself, and all of its equipment, which is none."""
ALWAYS = {"equipment assess"}
"""These have rows whenever they answer: one for each probe."""


def list_commands(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command with its words."""
    for name in group.list_commands(click.Context(group)):
        found = group.get_command(click.Context(group), name)
        assert found is not None
        if isinstance(found, click.Group):
            yield from list_commands(found, (*words, name))
        else:
            yield " ".join((*words, name)), found


def test_every_list_has_a_heading() -> None:
    """Each command with --csv as a switch is in the table of headings, and nothing else is."""
    assert isinstance(root, click.Group)
    named = {
        words
        for words, command in list_commands(root)
        if any("--csv" in one.opts and getattr(one, "is_flag", False) for one in command.params)
    }
    assert named - ALWAYS == set(HEADINGS)


def test_00_init(ws: Session) -> None:
    """A home in which nothing has happened."""
    assert ws.call("init", "--json").code == 0
    assert (
        ws.call("vendor", "attention").code == 0
    )  # from its first act on the register knows the agency itself


@pytest.mark.parametrize("words", sorted(HEADINGS))
def test_heading_without_rows(ws: Session, words: str) -> None:
    """A list of nothing prints its heading, and the rows of a list that has some stand under the same."""
    answer = ws.call(*words.split(), *MORE.get(words, []), "--csv")
    assert answer.code == 0, answer.err
    head, *rows = csv.reader(io.StringIO(answer.out))
    assert tuple(head) == HEADINGS[words]
    assert bool(rows) == (words in FULL)
