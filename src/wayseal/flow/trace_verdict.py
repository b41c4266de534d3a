"""What several leaks say together, what goes on the ledger, and the contract's lines.

One recipient who is faintly in many pictures is named when chance cannot explain it. Two files of one record are one piece of
evidence, not two. Owns no picture; recipients are staff ids and organisations.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from wayseal.export.markcode import Channel
from wayseal.export.markscore import COMBINED, combine_chances
from wayseal.flow.trace import Reading, Recipient
from wayseal.ledger.log import Ledger
from wayseal.model.clock import Clock, to_text
from wayseal.model.ids import RecordId, new_ulid

_PART = 3.0
"""Standard deviations that a picture must itself show to count as part of what is attributed together."""


def combine_readings(readings: Sequence[Reading]) -> list[Reading]:
    """Return the readings, in order, with those attributed that suffice only together (corrected p < 1e-9)."""
    together = {who for who, chance in weigh_recipients(readings).items() if chance < COMBINED}
    return [_settle(reading, together) for reading in readings]


def weigh_recipients(readings: Sequence[Reading]) -> dict[Recipient, float]:
    """Return for each recipient how likely an innocent one is so much suspected in all files together, at most.

    Every record counts once, by its worst file times the number of its files; the whole counts all recipients.
    """
    chances: dict[Recipient, dict[RecordId, list[float]]] = defaultdict(lambda: defaultdict(list))
    for reading in readings:
        if reading.record is not None:
            for who, suspicion in reading.chances.items():
                chances[who][reading.record].append(suspicion.chance)
    return {
        who: min(
            1.0, len(chances) * combine_chances(min(1.0, len(one) * min(one)) for one in records.values())
        )
        for who, records in chances.items()
    }


def _settle(reading: Reading, together: set[Recipient]) -> Reading:
    """Return a reading, attributed to whoever of those named together is most in it: a person before a lane."""
    if reading.attributed and reading.best is not None and reading.best.channel is not Channel.LANE:
        return reading
    named = [reading.chances[who] for who in together & reading.chances.keys()]
    enough = [one for one in named if one.z >= _PART]
    best = max(enough, key=lambda one: (one.candidate.channel is not Channel.LANE, one.z), default=None)
    if best is None or (reading.attributed and best.candidate.channel is Channel.LANE):
        return reading
    return replace(reading, best=best.candidate, z=best.z, attributed=True, reason="marks_together")


def log_trace(
    ledger: Ledger, actor: str, readings: Sequence[Reading], clock: Clock, *, incident: str | None = None
) -> list[int]:
    """Write what was found on the ledger: an entry for the trace, and one for each file whose original was found.

    Where the trace serves an incident, each entry names it.
    """
    about = {} if incident is None else {"incident": incident}
    entries = [
        _entry(actor, clock, attributed=reading.attributed) | _found(reading) | about
        for reading in readings
        if reading.record is not None
    ]
    named = any(reading.attributed for reading in readings)
    whole = _entry(actor, clock, attributed=named) | {"files": len(readings)} | about
    return ledger.append([whole, *entries])


def _entry(actor: str, clock: Clock, *, attributed: bool) -> dict[str, Any]:
    """Return the fields that every `leak` entry has."""
    now = clock()
    outcome = "attributed" if attributed else "inconclusive"
    return {"type": "leak", "time": to_text(now), "object": new_ulid(now), "actor": actor, "outcome": outcome}


def _found(reading: Reading) -> dict[str, Any]:
    """Return what a `leak` entry says of one file: never the file's name, which may be a person's."""
    fields: dict[str, Any] = {"records": [reading.record]}
    if reading.attributed and reading.best is not None:
        fields |= {"channel": reading.best.channel.value, "recipient": reading.best.recipient}
        if reading.best.channel is not Channel.LANE:
            fields["mark"] = reading.best.mark
    return fields


def describe_reading(reading: Reading) -> dict[str, Any]:
    """Return one element of `leak trace --json`; an innocent best candidate is not named."""
    named = reading.best if reading.attributed else None
    decoys = reading.decoys
    return {
        "file": reading.file,
        "record": reading.record,
        "recipient": None if named is None else named.recipient,
        "channel": None if named is None else named.channel.value,
        "z": None if reading.z is None else round(reading.z, 2),
        "decoys": {"n": len(decoys), "max": round(float(decoys.max()), 2) if len(decoys) else None},
        "decision": "attributed" if reading.attributed else "inconclusive",
        "reason": reading.reason,
        "mark": None if named is None else named.mark,
        "also": [{"recipient": who, "z": z} for who, z in reading.also],
        "agreement": None if reading.agreement is None else round(reading.agreement, 3),
        "covered": None if reading.covered is None else round(reading.covered, 3),
    }
