"""Fuzz target of the sealed record, the re-wrap block, the roster and the key files: no crash, no hang, no acceptance.

`python tests/fuzz/fuzz_envelope.py [libFuzzer options] [CORPUS]` runs it under atheris, coverage-guided (group `fuzz`).
`check_input` is a plain function, so that the ordinary suite runs it over a short corpus without atheris.
"""

import base64
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from fuzzing import mutate_corpus, run_atheris

from wayseal.model.custody import EpochKey
from wayseal.model.errors import Integrity, Invalid, SealBroken
from wayseal.model.ids import EpochId
from wayseal.seal.envelope import decode_header, encode_header, parse_record, read_envelope, verify_record
from wayseal.seal.inspect import describe_record
from wayseal.seal.keys import Roster, SigningIdentity, parse_roster, sign_roster
from wayseal.seal.padding import pad_body, unpad_body
from wayseal.seal.rewrap import decode_rewrap, encode_rewrap, verify_block

VECTORS = Path(__file__).resolve().parents[2] / "docs" / "spec" / "vectors" / "sealed-record"
LANE = SigningIdentity("lane-1", b"\x01" * 32)  # the published test keys
KEYROOM = SigningIdentity("keyroom", b"\x02" * 32)
OFFICIAL = SigningIdentity("official", b"\x04" * 32)


def load_corpus() -> list[bytes]:
    """Return the published records and one roster: what mutations start from."""
    files = sorted(VECTORS.glob("*valid-*.json"))
    return [base64.b64decode(json.loads(path.read_text())["record"]) for path in files] + [make_roster()]


def make_roster() -> bytes:
    """Return a roster signed by the test official."""
    start = datetime(2026, 11, 22, 7, tzinfo=UTC)
    key = EpochKey(EpochId("citizen/2026-11-22T07Z"), bytes(1216))
    people = {"lane-1": LANE.public}
    roster = Roster(1, start, start + timedelta(hours=1), (key,), people, {"keyroom": KEYROOM.public})
    return sign_roster(roster, [OFFICIAL])


_ROSTER = make_roster()


def list_originals() -> frozenset[bytes]:
    """Return the originals of the published records that parse: nothing else can be signed by the published keys."""
    originals = set()
    for record in load_corpus():
        try:
            originals.add(record[: len(read_envelope(record).original)])
        except SealBroken:
            continue
    return frozenset(originals)


_SIGNED = list_originals()


def check_input(data: bytes) -> None:
    """Feed bytes to every parser. Raises AssertionError for an acceptance, and whatever a parser should not raise."""
    _check_record(data)
    _check_roster(data)
    for decode, encode in ((decode_header, encode_header), (decode_rewrap, encode_rewrap)):
        try:
            fields = decode(data)
        except Invalid:
            continue
        assert encode(fields) == data, "a header has two encodings"
    body = unpad_body(data)
    assert body is None or pad_body(body) == data, "a body has two paddings"


def _check_record(data: bytes) -> None:
    try:
        record = parse_record(data)
    except SealBroken:
        return
    envelope = read_envelope(data)
    assert len(envelope.original) + sum(len(block.data) for block in envelope.rewraps) == len(data)
    describe_record(data, device_public=LANE.public, keyroom_publics=[KEYROOM.public])
    for block in envelope.rewraps:
        try:
            verify_block(block, [KEYROOM.public])
        except Invalid:
            return
    try:
        verify_record(record, LANE.public)
    except SealBroken:
        return
    assert data[: len(envelope.original)] in _SIGNED, "a forgery verifies"


def _check_roster(data: bytes) -> None:
    try:
        parse_roster(data, [OFFICIAL.public])
    except Integrity:
        return
    assert data == _ROSTER, "an altered roster is accepted"


mutate = partial(mutate_corpus, cuts=(1, 2, 16, 1184), doubles=(1, 4, 1200))


if __name__ == "__main__":
    run_atheris(check_input)
