"""What a drill tells: acts, what trying them found out, and when an open door is one that the design admits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from wayseal.model.errors import Invalid

if TYPE_CHECKING:
    from wayseal.testing.breach.stage import Stage

REMAINS = "remains"
"""The field of an open act's evidence that says what of the attack model's "still can" it is."""


class Outcome(StrEnum):
    """What came of an act: refused, taken and unreadable, readable and traced to whoever had it, or none of these."""

    BLOCKED = "blocked"
    USELESS = "useless"
    TRACED = "traced"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Found:
    """What trying an act found out. The evidence holds numbers, ids and codes; never a person, a plate or a key."""

    outcome: Outcome
    evidence: Mapping[str, Any]

    def __post_init__(self) -> None:
        """Refuse a remainder on an act that is not open: it would read as an excuse for nothing."""
        if self.outcome is not Outcome.OPEN and REMAINS in self.evidence:
            raise Invalid("only an open act has a remainder")

    @classmethod
    def judge(cls, good: Outcome, faults: Mapping[str, bool], evidence: Mapping[str, Any]) -> "Found":
        """Return the good outcome, or open with the names of the faults that were found."""
        found = sorted(name for name, bad in faults.items() if bad)
        if found:
            return cls(Outcome.OPEN, {"faults": found, **evidence})
        return cls(good, evidence)


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that the subcontractor or the thief does. `test` proves the control besides this drill."""

    name: str
    act: str
    control: str
    test: str
    play: "Callable[[Stage], Found]"


@dataclass(frozen=True, slots=True)
class Step:
    """One act of a drill that was played."""

    number: int
    act: Act
    found: Found

    @property
    def is_admitted(self) -> bool:
        """Say whether the outcome is one that the design promises, or an open one that it admits and that names its bound."""
        return self.found.outcome is not Outcome.OPEN or bool(self.found.evidence.get(REMAINS))

    def describe(self) -> dict[str, Any]:
        """Return the step as the contract's JSON."""
        return {
            "step": self.number,
            "name": self.act.name,
            "act": self.act.act,
            "control": self.act.control,
            "outcome": self.found.outcome.value,
            "evidence": dict(self.found.evidence),
            "test": self.act.test,
        }
