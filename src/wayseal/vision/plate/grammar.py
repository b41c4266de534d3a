"""Jurisdiction grammars: which strings are likely to be plates, and whose.

Owns `jurisdictions.toml` and the arithmetic on it. A grammar weighs readings that the recogniser made; it never adds a
character, and a string that fits no series stays possible (vanity plates), only less likely.
"""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from importlib.resources import files
from itertools import product

from wayseal.model.errors import Invalid

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIGITS = "0123456789"
FREE_SHARE = 0.08
"""Share of plates that follow no series: vanity, special issues, series that the table lacks."""
FREE_LENGTHS = {1: 0.002, 2: 0.008, 3: 0.02, 4: 0.07, 5: 0.18, 6: 0.32, 7: 0.34, 8: 0.05, 9: 0.01}
SWITCH = 0.2
"""How often a letter follows a digit, or a digit a letter, on a plate that follows no series."""
VANITY_O = 0.15
"""How often a round glyph on a North American vanity plate is registered as the letter O rather than as zero: most motor-vehicle
departments take no O, and the labels of 150 such plates (openalpr/benchmarks seg_and_ocr) agree."""
SURE_REGION = 0.6
WORD_MATCH = 0.8
PRINTED_MATCH = 0.72
WORD_ODDS = 200.0
SHAPES = {"short": (2.7, 0.22), "wide": (3.9, 0.16)}
"""By shape: the median aspect of the number's outline as the detector draws it, and the spread of its logarithm."""


@dataclass(frozen=True, slots=True)
class Jurisdiction:
    """One issuer: its code, how common it is, its series, the letters it uses, and the words it prints.

    `starts` are the district codes that its numbers begin with; none means that any beginning is in use.
    """

    code: str
    name: str
    weight: float
    patterns: tuple[str, ...]
    letters: str = LETTERS
    words: tuple[str, ...] = ()
    shape: str = "wide"
    starts: frozenset[str] = frozenset()

    def starts_of(self, pattern: str) -> frozenset[str]:
        """Return the codes that numbers of a series may begin with: those of its shape that cover its first run of signs."""
        run = len(pattern) - len(pattern.lstrip(pattern[0]))
        return frozenset(
            one for one in self.starts if len(one) >= run and pattern.startswith(pattern_of(one))
        )


@dataclass(frozen=True, slots=True)
class RegionGuess:
    """Whose plate it is, with its probability; `code` is None when no jurisdiction reaches `SURE_REGION`."""

    code: str | None
    probability: float


class Grammar:
    """Prior probabilities of plate strings from a list of jurisdictions."""

    def __init__(self, jurisdictions: Sequence[Jurisdiction]) -> None:
        if not jurisdictions:
            raise Invalid(
                "no jurisdictions given", hint="Give at least one jurisdiction, or use load_jurisdictions()."
            )
        self.jurisdictions = tuple(jurisdictions)
        total = self._weight = sum(one.weight for one in jurisdictions)
        self._series: dict[str, list[tuple[Jurisdiction, float, frozenset[str]]]] = {}
        for one in jurisdictions:
            for rank, pattern in enumerate(one.patterns):
                share = (1 - FREE_SHARE) * one.weight / total * _rank_share(rank, len(one.patterns))
                starts = one.starts_of(pattern)
                self._series.setdefault(pattern, []).append(
                    (one, share / _count_numbers(one, pattern, starts), starts)
                )

    def log_odds(self, text: str, evidence: Mapping[str, float] | None = None) -> float:
        """Return how much likelier `text` is as a plate than as random characters (natural logarithm).

        Random characters of the same length: so the length of a string is neither a merit nor a fault. `evidence` comes
        from `weigh_evidence`.
        """
        known = evidence or {}
        series = sum(share * known.get(one.code, 1.0) for one, share in self._matches(text))
        shares = sum(one.weight * known.get(one.code, 1.0) for one in self.jurisdictions)
        short = (
            sum(one.weight * known.get(one.code, 1.0) for one in self.jurisdictions if one.shape == "short")
            / shares
        )
        vanity = self._free(text) * (1 - short + short * VANITY_O ** text.count("O"))
        chance = vanity + series * self._weight / shares
        return math.log(chance) + len(text) * math.log(36)

    def weigh_evidence(self, printed: Sequence[str] = (), aspect: float | None = None) -> dict[str, float]:
        """Return the odds that a plate's look gives to jurisdictions, by code; those not listed have 1.

        `printed` are words read beside the number; `aspect` is the width over the height of the number's outline, which
        tells plates of 12 by 6 inches from plates of 520 by 110 mm.
        """
        shapes = {} if aspect is None else {name: _shape_chance(name, aspect) for name in SHAPES}
        evidence = {}
        for one in self.jurisdictions:
            odds = shapes.get(one.shape, 1.0)
            likeness = max((_similarity(word, seen) for word in one.words for seen in printed), default=0.0)
            if likeness >= WORD_MATCH:
                odds *= WORD_ODDS**likeness
            if odds != 1.0:
                evidence[one.code] = odds
        return evidence

    def is_printed(self, text: str) -> bool:
        """Tell whether a string is one of the words that issuers print beside the number, or nearly so."""
        words = (word for one in self.jurisdictions for word in one.words if len(word) >= 4)
        return any(_similarity(word, text) >= PRINTED_MATCH for word in words)

    def fits_series(self, text: str) -> bool:
        """Tell whether some jurisdiction issues a series that `text` fits."""
        return any(True for _ in self._matches(text))

    def guess_region(self, text: str, evidence: Mapping[str, float] | None = None) -> RegionGuess:
        """Return whose plate it is, by its series and by the evidence of `weigh_evidence`.

        A state's name that was read counts up to `WORD_ODDS` to one for that state; a pattern alone is seldom enough.
        """
        known = evidence or {}
        free = self._free(text)
        shares = sum(one.weight * known.get(one.code, 1.0) for one in self.jurisdictions)
        chances = {
            one.code: free * one.weight * known.get(one.code, 1.0) / shares for one in self.jurisdictions
        }
        for one, share in self._matches(text):
            chances[one.code] += share * known.get(one.code, 1.0) * self._weight / shares
        best = max(chances, key=chances.__getitem__)
        probability = chances[best] / sum(chances.values())
        return RegionGuess(best if probability >= SURE_REGION else None, probability)

    def _free(self, text: str) -> float:
        """Return the probability of `text` as a plate that follows no series: runs of letters and runs of digits."""
        chance = FREE_SHARE * FREE_LENGTHS.get(len(text), 1e-5)
        before = ""
        for kind in pattern_of(text):
            chance *= 0.5 if not before else SWITCH if kind != before else 1 - SWITCH
            chance /= 26.0 if kind == "A" else 10.0
            before = kind
        return chance

    def _matches(self, text: str) -> list[tuple[Jurisdiction, float]]:
        """Return the jurisdictions whose series `text` fits, with its probability under each."""
        series = self._series.get(pattern_of(text), ())
        return [
            (one, share)
            for one, share, starts in series
            if _uses_letters(text, one.letters) and _begins_with(text, starts)
        ]


def _shape_chance(shape: str, aspect: float) -> float:
    """Return how likely a number's outline has this aspect on plates of a shape (log-normal, with one odd one in ten)."""
    middle, spread = SHAPES[shape]
    off = (math.log(max(aspect, 0.1)) - math.log(middle)) / spread
    return 0.9 * math.exp(-0.5 * off * off) / spread + 0.1


def pattern_of(text: str) -> str:
    """Return a string's pattern: A for each letter, 9 for each digit."""
    return "".join("9" if character in DIGITS else "A" for character in text)


def _uses_letters(text: str, letters: str) -> bool:
    """Tell whether all letters of a string are among those an issuer uses."""
    return letters == LETTERS or all(character in DIGITS or character in letters for character in text)


def _begins_with(text: str, starts: frozenset[str]) -> bool:
    """Tell whether a string begins with one of some codes; with none given every beginning will do."""
    return not starts or any(text[:size] in starts for size in {len(one) for one in starts})


def _count_numbers(one: Jurisdiction, pattern: str, starts: frozenset[str]) -> float:
    """Return how many numbers a series has."""

    def fill(signs: str) -> float:
        return float(len(one.letters) ** signs.count("A") * 10 ** signs.count("9"))

    return sum(fill(pattern[len(code) :]) for code in starts) if starts else fill(pattern)


def _expand_start(code: str) -> list[str]:
    """Return the beginnings that one entry stands for: # in it is any digit."""
    return ["".join(signs) for signs in product(*(DIGITS if sign == "#" else sign for sign in code))]


def _rank_share(rank: int, count: int) -> float:
    """Return the share of an issuer's plates in its series number `rank`: the first listed are the commoner."""
    return (1 / (rank + 1)) / sum(1 / (place + 1) for place in range(count))


@cache
def _similarity(word: str, seen: str) -> float:
    """Return how well a printed word was read, 0 to 1; a fragment of four letters or less must be the whole word."""
    if not seen or abs(len(word) - len(seen)) > max(2, len(word) // 3):
        return 0.0
    if len(word) <= 4:
        return float(word == seen)
    return SequenceMatcher(None, word, seen, autojunk=False).ratio()


@cache
def load_jurisdictions() -> tuple[Jurisdiction, ...]:
    """Return the jurisdictions that ship with the package."""
    text = files("wayseal.vision.plate").joinpath("jurisdictions.toml").read_text("utf-8")
    return parse_jurisdictions(tomllib.loads(text))


def parse_jurisdictions(table: Mapping[str, object]) -> tuple[Jurisdiction, ...]:
    """Return jurisdictions from a parsed TOML table. Raises `Invalid` when one is malformed."""
    rows = table.get("jurisdiction")
    if not isinstance(rows, list):
        raise Invalid(
            "no jurisdictions in the table",
            hint="Use [[jurisdiction]] tables with code, weight and patterns.",
        )
    return tuple(_parse_one(row) for row in rows)


def _parse_one(row: Mapping[str, object]) -> Jurisdiction:
    """Return one jurisdiction from its table."""
    try:
        one = Jurisdiction(
            code=str(row["code"]),
            name=str(row["name"]),
            weight=float(str(row["weight"])),
            patterns=tuple(str(item) for item in row["patterns"]),  # type: ignore[attr-defined]
            letters=str(row.get("letters", LETTERS)),
            words=tuple(str(item) for item in row.get("words", ())),  # type: ignore[attr-defined]
            shape=str(row.get("shape", "wide")),
            starts=frozenset(
                start for code in str(row.get("starts", "")).split() for start in _expand_start(code)
            ),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Invalid(
            f"malformed jurisdiction: {error}", hint="It needs code, name, weight and patterns."
        ) from None
    odd = any(set(pattern) - {"A", "9"} for pattern in one.patterns)
    if one.weight <= 0 or not one.patterns or odd or one.shape not in SHAPES:
        raise Invalid(
            f"malformed jurisdiction {one.code}",
            hint="The weight is positive; patterns are made of A and 9; the shape is short or wide.",
        )
    return one
