"""What is sealed inside records comes back as it was, and nothing else is taken for it."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wayseal.flow import documents
from wayseal.model.border import (
    Band,
    Candidate,
    Crossing,
    Decision,
    Direction,
    Encounter,
    OccupantResult,
    Outcome,
    Plate,
    Seat,
    Template,
    Verdict,
)
from wayseal.model.errors import SealBroken
from wayseal.model.ids import CrossingId, EncounterId, RecordId

START = datetime(1970, 1, 1, tzinfo=UTC)
moments = st.integers(1_577_836_800_000, 2_208_988_800_000).map(lambda ms: START + timedelta(milliseconds=ms))
ids = st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", min_size=26, max_size=26)
words = st.text(min_size=1, max_size=20)
shares = st.integers(0, 10_000).map(lambda number: number / 10_000)
candidates = st.builds(Candidate, words, shares, st.sampled_from(Band))
occupants = st.builds(
    OccupantResult, seat=st.sampled_from(Seat), outcome=st.sampled_from(Outcome), quality=st.none() | st.integers(0, 100),
    reasons=st.lists(words, max_size=3).map(tuple), inter_eye_px=st.none() | shares, record=st.none() | ids.map(RecordId),
    candidates=st.lists(candidates, max_size=4).map(tuple), frame=st.none() | st.integers(0, 9999),
    box=st.none() | st.tuples(*[st.integers(0, 1000).map(float)] * 4),
)  # fmt: skip
plates = st.builds(Plate, text=words, region=st.none() | words, reads=st.integers(1, 9), confidence=shares)
encounters = st.builds(
    Encounter, id=ids.map(EncounterId), lane=words, direction=st.sampled_from(Direction), time=moments,
    speed_mph=st.none() | shares, plate=st.none() | plates, plate_record=st.none() | ids.map(RecordId),
    occupants_seen=st.integers(0, 9), occupants=st.lists(occupants, max_size=6).map(tuple), gallery=words,
    gallery_size=st.integers(0, 10**6), threshold=shares, fpir_target=shares, model_sha256=words, capture_to_result_s=shares,
)  # fmt: skip
crossings = st.builds(
    Crossing, id=ids.map(CrossingId), encounter=ids.map(EncounterId), seat=st.sampled_from(Seat), traveller=st.none() | words,
    direction=st.sampled_from(Direction), lane=words, time=moments, plate=st.none() | words,
    decision=st.none() | st.builds(Decision, st.sampled_from(Verdict), words, words, moments),
    paired_with=st.none() | ids.map(CrossingId),
)  # fmt: skip


@given(encounters)
def test_answer_round_trip(encounter: Encounter) -> None:
    """An answer is read back exactly, whatever is in it."""
    body = documents.pack_json(documents.answer_document(encounter))
    again = documents.parse_answer(body)
    assert documents.pack_json(documents.answer_document(again)) == body
    assert (again.occupants, again.time, again.direction) == (
        encounter.occupants,
        encounter.time,
        encounter.direction,
    )


@given(crossings)
def test_crossing_round_trip(crossing: Crossing) -> None:
    """A crossing is read back exactly; its pairing comes from the row."""
    body = documents.pack_json(documents.crossing_document(crossing))
    assert documents.parse_crossing(body, paired_with=crossing.paired_with) == crossing


@given(
    arrays(np.float32, st.integers(1, 600), elements=st.floats(-1, 1, width=32)),
    st.binary(min_size=32, max_size=32),
)
def test_template_round_trip(vector: np.ndarray, model: bytes) -> None:
    """A template of any dimension is read back to the bit."""
    body = documents.pack_template(Template(vector, model.hex(), 12.5))
    again = documents.unpack_template(body)
    assert again.vector.tobytes() == vector.tobytes()
    assert (again.model_sha256, again.strength) == (model.hex(), 12.5)


@given(st.binary(max_size=200))
def test_other_bytes_are_no_template(body: bytes) -> None:
    """Anything else is refused."""
    with pytest.raises(SealBroken):
        documents.unpack_template(body)


@given(
    st.binary(max_size=200)
    | st.sampled_from([b"[]", b'{"document":"answer","v":2}', b'{"document":"pass","v":1}', b"1"])
)
def test_other_bytes_are_no_answer(body: bytes) -> None:
    """Bytes, other versions and other documents are refused."""
    with pytest.raises(SealBroken):
        documents.unpack_json(body, "answer")


def test_nothing_prints_a_person() -> None:
    """The values that carry pixels, templates and plates print sizes and nothing else."""
    template = Template(np.ones(4, np.float32), "ab" * 32, 1.0)
    plate = Plate("SECRET1", "tx", 3, 0.9)
    assert "SECRET1" not in repr(plate)
    assert repr(template) == "Template(4 dimensions, model abababab)"
