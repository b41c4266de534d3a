"""One vehicle as the commands tell it: a JSON line, or some words for people.

Owns what those words may name. Output that is kept outlives the record: a service manager writes it to a log of its own, which no
erasure reaches. So plates and travellers are named on a terminal only, or where somebody asks for JSON.
"""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wayseal.cli.common import spell_json
from wayseal.cli.voices import Voice

if TYPE_CHECKING:
    from wayseal.model.border import Encounter

UNNAMED = "Plates and travellers are named on a terminal only, since a log outlives its records; --json names them anywhere."
_WORDS = {"no_match": "check documents", "refer": "compare"}


def tell_vehicles(out: Voice, errors: Voice, *, as_json: bool) -> "Callable[[Encounter], None]":
    """Return what says each vehicle on `out`. Where nobody will be named, `errors` says so at once."""
    from wayseal.flow.documents import encounter_line

    named = sys.stdout.isatty()
    if not (as_json or named):
        errors.say(UNNAMED)

    def tell(encounter: "Encounter") -> None:
        line = encounter_line(encounter)
        out.say(spell_json(line) if as_json else describe_vehicle(line, named=named))

    return tell


def describe_vehicle(line: dict[str, Any], *, named: bool) -> str:
    """Return one vehicle for people, a line for it and one for each person; plate and travellers only where `named`."""
    plate = _name_plate(line, named=named)
    speed = "" if line["speed_mph"] is None else f", {line['speed_mph']:.0f} mph"
    lines = [f"{line['time']}  {plate}  {line['occupants_seen']} seen{speed}  {line['encounter']}"]
    for person in line["occupants"]:
        best = person["candidates"][0] if named and person["candidates"] else None
        who = f"{best['traveller']} ({best['score']:.2f})" if best else ""
        why = "; ".join(reason.replace("_", " ") for reason in person["reasons"])
        word = _WORDS.get(person["outcome"], person["outcome"].replace("_", " "))
        lines.append(f"    {person['seat'].replace('_', ' '):16} {word:16} {who:28} {why}".rstrip())
    return "\n".join(lines)


def _name_plate(line: dict[str, Any], *, named: bool) -> str:
    """Return the plate's text, or only whether one was read."""
    if not line["plate"]:
        return "no plate read"
    return str(line["plate"]["text"]) if named else "plate read"
