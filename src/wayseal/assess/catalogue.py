"""The 31 probes as a catalogue: what each is about, where it runs, how often, and how soon a failure must be mended.

Owns `catalogue.toml` and its checks. Judges nothing: the probes themselves are in `host`, `outside` and `document`.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, Final

from wayseal.model.errors import Invalid, NotFound
from wayseal.model.oversight import EquipmentKind, Result

PROBE_COUNT: Final = 31
_CONTROL = re.compile(r"(AC|AU|CM|CP|IA|IR|MA|MP|PE|PS|PT|RA|SA|SC|SI|SR)-[1-9]\d?(\([1-9]\d?\))?")
_ID = re.compile(r"p(0[1-9]|[12]\d|3[01])")


class Where(StrEnum):
    """From where a part of a probe looks."""

    HOST = "host"
    OUTSIDE = "outside"
    DOCUMENT = "document"


class Cadence(StrEnum):
    """How often a probe runs: every day, or with each full assessment only."""

    DAILY = "daily"
    FULL = "full"


class Severity(StrEnum):
    """How bad a failure is."""

    MODERATE = "moderate"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class ProbeSpec:
    """One probe of the catalogue. `where` lists its parts; all of them must have been seen for a pass."""

    id: str
    title: str
    controls: tuple[str, ...]
    where: tuple[Where, ...]
    kinds: tuple[EquipmentKind, ...]
    cadence: Cadence
    severity: Severity
    mend_days: int
    advice: str
    version: str

    @property
    def control(self) -> str:
        """The SP 800-53 r5 control that results name."""
        return self.controls[0]


ERROR_ADVICE: Final = (
    "The probe could not look, which counts as a failure. Give it what its reason names (a tool, a right, an address, a paper "
    "that must be filed, a host that answers), then assess again: only then is it known whether anything else is wrong."
)
"""What to do about a probe that ended with an error: the fault that it would look for may not be there at all."""


def advise_result(spec: ProbeSpec, result: Result) -> str:
    """Return what a technician does about a probe's result."""
    return ERROR_ADVICE if result is Result.ERROR else spec.advice


@cache
def load_catalogue() -> tuple[ProbeSpec, ...]:
    """Return the shipped catalogue in the order of the ids, all 31 of them."""
    text = files("wayseal.assess").joinpath("catalogue.toml").read_text(encoding="utf-8")
    specs = parse_catalogue(text)
    if len(specs) != PROBE_COUNT:
        raise Invalid("the catalogue has not 31 probes", hint="Install the package again.")
    return specs


def find_probe(probe: str) -> ProbeSpec:
    """Return the probe with that id. Raises `NotFound`."""
    for spec in load_catalogue():
        if spec.id == probe:
            return spec
    raise NotFound(
        "there is no such probe", hint="Probes are p01 to p31: see the reference page of the probes."
    )


def parse_catalogue(text: str) -> tuple[ProbeSpec, ...]:
    """Return the probes that a TOML text describes. Raises `Invalid` for one that breaks a rule."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise Invalid("the catalogue is not TOML") from None
    return tuple(_parse_probe(name, fields) for name, fields in sorted(table.items()))


def _parse_probe(name: str, fields: Mapping[str, Any]) -> ProbeSpec:
    """Return one probe; every field must be there, and no other."""
    try:
        spec = ProbeSpec(
            id=name,
            **{
                **fields,
                "controls": tuple(fields["controls"]),
                "where": tuple(Where(one) for one in fields["where"]),
                "kinds": tuple(EquipmentKind(one) for one in fields["kinds"]),
                "cadence": Cadence(fields["cadence"]),
                "severity": Severity(fields["severity"]),
            },
        )
    except (KeyError, TypeError, ValueError):
        raise Invalid("a probe of the catalogue has a missing, unknown or wrong field") from None
    _check_probe(spec)
    return spec


def _check_probe(spec: ProbeSpec) -> None:
    """Raise `Invalid` unless the values make sense."""
    if not _ID.fullmatch(spec.id):
        raise Invalid("a probe's id is p01 to p31")
    if not spec.controls or not all(_CONTROL.fullmatch(one) for one in spec.controls):
        raise Invalid("a control id is not of SP 800-53 r5", probe=spec.id)
    if not spec.where or not spec.kinds or not 1 <= spec.mend_days <= 365:
        raise Invalid("a probe needs parts, kinds and 1 to 365 days to mend", probe=spec.id)
    if not all((spec.title, spec.advice, spec.version)):
        raise Invalid("a probe needs a title, advice and a version", probe=spec.id)
