"""The words of the duty screen: each code that exists has one, and each command that they name exists."""

import re
from collections.abc import Iterator

import click
import pytest

from wayseal.cli.main import root
from wayseal.flow.drift import LIMITS
from wayseal.flow.oversee.fitness import ORDER
from wayseal.station.arming import ADVICE
from wayseal.web import words

TEXTS = [
    *ADVICE.values(), *words.NEXT.values(), *words.NEXT_KINDS.values(), words._LANE_HEALTH, words._RATE,
    *words._GENERAL.values(), *words._PARTICULAR.values(),
]  # fmt: skip


def list_commands() -> Iterator[list[str]]:
    """Every command that a text names, as its words up to the first that is no word of a command."""
    for text in TEXTS:
        for found in re.findall(r"wayseal ((?:[a-z][a-z-]*\b ?)+)", text):
            yield found.split()


@pytest.mark.parametrize("said", sorted(set(map(tuple, list_commands()))))
def test_command_exists(said: tuple[str, ...]) -> None:
    """Each `wayseal NOUN VERB` that a line tells people to type is a command."""
    group: click.Command = root
    for word in said:
        if not isinstance(group, click.Group):
            break
        found = group.get_command(click.Context(group), word)
        assert found is not None, f"wayseal {' '.join(said)}"
        group = found
    assert not isinstance(group, click.Group), f"wayseal {' '.join(said)} is a noun without a verb"


def test_every_reason_has_words() -> None:
    """Whatever disarms a lane is said in words, with what to do."""
    assert set(words.REASONS) == set(ORDER) == set(ADVICE)


@pytest.mark.parametrize("measure", LIMITS)
def test_lane_health_has_words(measure: str) -> None:
    """Each alarm of lane health has a word of its own, and says what to do."""
    assert ("alarm", f"lane-{measure}") in words.NOTES
    assert "wayseal lane health" in words.advise_note("alarm", f"lane-{measure}", "lane1")


def test_unknown_code() -> None:
    """A code that nobody gave words to is shown as it is, with a command to look further."""
    assert words.name_note("alarm", "something-new") == "Alarm: something new"
    assert words.advise_note("alarm", "something-new", "x") == "wayseal ledger show --type alarm"
