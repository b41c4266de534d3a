"""Attacks on custody around the gate: keeping for ever, foreign records, receipts for nothing, copies that outlive a promise."""

from dataclasses import replace
from datetime import timedelta

import pytest
from lineparts import Line, MovableClock, make_vehicle

from wayseal.flow.policy import Principal
from wayseal.flow.release import Gate
from wayseal.model.border import Seat
from wayseal.model.custody import Purpose
from wayseal.model.errors import NoIntent, Refused
from wayseal.model.ids import EpochId, RecordId, epoch_id
from wayseal.seal.envelope import parse_record
from wayseal.store.centre import read_record

OFFICER = Principal("officer-7", "officer", "agency")


def first_face(line: Line, clock: MovableClock) -> RecordId:
    """Let a vehicle pass and return the record of its driver's face."""
    answer = line.drive(line.lane(), make_vehicle(clock, {Seat.DRIVER: 1}))
    assert answer.occupants[0].record is not None
    return answer.occupants[0].record


def test_nothing_is_kept_from_a_later_hour(line: Line, clock: MovableClock) -> None:
    """A record is re-wrapped to the present hour of a class: an epoch of another year would keep it until then."""
    face = first_face(line, clock)
    for later in (EpochId("citizen/2099-01-01T00Z"), epoch_id("citizen", clock.now + timedelta(days=2))):
        with pytest.raises(Refused, match="another hour"):
            line.site.opener.keep(OFFICER, face, later, reason="decision.refer")
        assert not line.site.keyroom.vault.has(later)
    kept = line.site.opener.keep(OFFICER, face, epoch_id("non_citizen", clock.now), reason="decision.refer")
    assert kept.record_class == "non_citizen"


def test_rewrap_needs_its_own_entry(line: Line, clock: MovableClock) -> None:
    """An intent to open keeps nothing, and an entry that says to keep a record keeps it there, for that reason, and opens nothing."""
    opener, gate = line.site.opener, line.site.opener.keys
    assert isinstance(gate, Gate)
    face = first_face(line, clock)
    record = parse_record(read_record(line.site.store, face))
    epoch = epoch_id("non_citizen", clock.now)
    opened = opener.request(OFFICER, [face], Purpose.RECLASSIFICATION)
    with pytest.raises(NoIntent):
        gate.rewrap(OFFICER, opener._prove([record], opened), to_epoch=epoch, reason="decision.refer")
    entry = {
        "type": "reclass", "object": face, "actor": OFFICER.id, "reason": "decision.refer", "from_class": "citizen",
        "to_class": "non_citizen", "to_epoch": epoch,
    }  # fmt: skip
    (index,) = line.site.ledger.append([entry])
    batch = opener._prove([record], [replace(opened[0], ledger_index=index)])
    with pytest.raises(NoIntent):
        gate.rewrap(OFFICER, batch, to_epoch=epoch_id("ees", clock.now), reason="decision.refer")
    with pytest.raises(NoIntent):
        gate.rewrap(OFFICER, batch, to_epoch=epoch, reason="audit")
    with pytest.raises(NoIntent):
        gate.unwrap(OFFICER, batch)
    assert len(gate.rewrap(OFFICER, batch, to_epoch=epoch, reason="decision.refer")) == 1
