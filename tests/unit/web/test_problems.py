"""What a refused request says to a person: words, never the name of a class or a command line."""

import re
from collections.abc import Iterator

import pytest

from wayseal.model.errors import NotFound, Refused, Unapproved, WaysealError
from wayseal.web.problems import STEPS, TITLES, advise_problem, name_problem, say_problem


def every_kind(kind: type[WaysealError] = WaysealError) -> Iterator[type[WaysealError]]:
    """Every kind of error that this program knows."""
    yield kind
    for below in kind.__subclasses__():
        yield from every_kind(below)


@pytest.mark.parametrize("kind", [one for one in every_kind() if one.__module__ == "wayseal.model.errors"])
def test_every_kind_has_words(kind: type[WaysealError]) -> None:
    """Each kind has a title that is not its name and a step that is no command, also where its own hint is one."""
    known = next(one for one in kind.__mro__ if one in TITLES)
    assert known is not WaysealError or kind is WaysealError
    error = kind("the message")
    assert kind.__name__ not in name_problem(error)
    assert not re.search(r"wayseal |--", advise_problem(error))
    assert advise_problem(kind("the message", hint="wayseal release approve RELEASE")) == STEPS[known]
    assert say_problem(error).startswith("the message. ")


def test_hint_for_people_stays() -> None:
    """A hint that somebody wrote for people is what the page says."""
    assert advise_problem(NotFound("x", hint="Go back.")) == "Go back."
    assert "--as" not in advise_problem(Refused("x", hint="Give --as NAME."))


def test_kind_of_another_room() -> None:
    """A kind that this module does not know has the words of the one above it."""

    class Odd(Unapproved):
        """A kind that another room made."""

    assert name_problem(Odd("x")) == TITLES[Unapproved]
