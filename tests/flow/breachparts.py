"""A small stage for the breach drill, with cheap passphrases."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from wayseal.seal.keys import PassphraseCost
from wayseal.testing.breach import Found, Outcome, Scale, Stage, find_act, open_stage, play_act
from wayseal.testing.breach.story import REMAINS

SMALL = Scale(
    live=14,
    old=3,
    canary_one_in=4,
    pictures_burst=80,
    shared_factor=1,
    seconds=10.0,
    exported=4,
    shown=2,
    taken=2,
)
SABOTAGED = Scale(
    live=8,
    old=3,
    canary_one_in=500,
    pictures_burst=400,
    shared_factor=1,
    seconds=10.0,
    exported=2,
    shown=1,
    taken=1,
)


@contextmanager
def small_stage(folder: Path, scale: Scale) -> Iterator[Stage]:
    """Give a stage whose keepers cost little to open: nothing here attacks a passphrase."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PassphraseCost.__init__, "__defaults__", (64, 1, 4))
        with open_stage(folder, scale) as stage:
            yield stage


def play(stage: Stage, name: str) -> Found:
    """Play one act by its name."""
    return play_act(stage, find_act(name))


def is_broken(found: Found, *faults: str) -> bool:
    """Say whether an act was found open, with none of the design's excuses, for one of these faults."""
    told = set(found.evidence.get("faults", ()))
    return found.outcome is Outcome.OPEN and REMAINS not in found.evidence and bool(told & set(faults))
