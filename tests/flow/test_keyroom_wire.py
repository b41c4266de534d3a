"""The keyroom's messages: what is written is read again, and bytes that are no message are refused, whatever they are."""

import socket
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wayseal.flow.request import Proven, UnwrapBatch, UnwrapRequest
from wayseal.flow.spent import StaleProof
from wayseal.ledger.checkpoint import SeedSigner, log_keys
from wayseal.model.border import PlainImage
from wayseal.model.clock import utc_now
from wayseal.model.custody import EpochKey, Kind, SealedRecord
from wayseal.model.errors import (
    Erased,
    Integrity,
    Invalid,
    NoIntent,
    QuotaExceeded,
    Unavailable,
    WaysealError,
)
from wayseal.model.ids import RecordId, epoch_id, new_ulid
from wayseal.model.problem import encode_error
from wayseal.seal.device import seal_body
from wayseal.seal.suite import derive_public
from wayseal.station.keyroom_trust import Client, decode_trust, encode_trust, found_trust, list_roles
from wayseal.station.keyroom_wire import (
    decode_batch,
    decode_error,
    decode_message,
    encode_batch,
    encode_message,
    join_records,
    read_frame,
    split_records,
)

HASHES = st.lists(st.binary(min_size=32, max_size=32), max_size=20).map(tuple)


def make_record() -> SealedRecord:
    """Return a sealed record of random noise."""
    now = utc_now()
    return seal_body(
        PlainImage(b"\xff\xd8noise", 1, 1).data, object_id=RecordId(new_ulid(now)), lane="lane1", kind=Kind.FACE,
        epoch_keys=[EpochKey(epoch_id("citizen", now), derive_public(bytearray(32)))], sealed_at=now,
        signer=SeedSigner(bytes(32)),
    )  # fmt: skip


RECORD = make_record()
BATCHES = st.builds(
    UnwrapBatch,
    checkpoint=st.text(st.characters(codec="utf-8"), max_size=200),
    since=st.integers(0, 2**64 - 1),
    consistency=HASHES,
    requests=st.lists(
        st.builds(
            UnwrapRequest,
            record=st.just(RECORD),
            intent=st.builds(
                Proven, entry=st.binary(max_size=300), index=st.integers(0, 2**64 - 1), path=HASHES
            ),
        ),
        max_size=3,
    ).map(tuple),
)


@given(BATCHES)
@settings(max_examples=60, deadline=None)
def test_batch_comes_back(batch: UnwrapBatch) -> None:
    """What an opener sends is what the gate gets."""
    assert decode_batch(memoryview(encode_batch(batch))) == batch


@given(BATCHES, st.data())
@settings(max_examples=150, deadline=None)
def test_altered_batch(batch: UnwrapBatch, data: st.DataObject) -> None:
    """A cut, lengthened or altered batch is another batch or an error, never a crash; cut or lengthened it is always an error."""
    good = bytes(encode_batch(batch))
    cut = data.draw(st.integers(0, len(good) - 1))
    with pytest.raises(WaysealError):
        decode_batch(memoryview(good[:cut]))
    with pytest.raises(WaysealError):
        decode_batch(memoryview(good + data.draw(st.binary(min_size=1, max_size=9))))
    altered = bytearray(good)
    altered[data.draw(st.integers(0, len(good) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        assert decode_batch(memoryview(altered)) != batch
    except WaysealError as error:
        assert str(error)  # noqa: PT017 - either outcome is right


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_noise_is_refused(noise: bytes) -> None:
    """Noise is no message, no batch, no list of records with a rest, and no trust file."""
    for parse in (
        lambda: decode_message(noise, ("op", "args")),
        lambda: decode_batch(memoryview(noise + b"!")),
        lambda: decode_trust(noise),
    ):
        with pytest.raises(WaysealError):
            parse()
    try:
        assert join_records(split_records(memoryview(noise))) == noise
    except Invalid:
        assert noise


@pytest.mark.parametrize(
    "payload",
    [
        b'\0\0\0\x12{"op":1, "args":2}',
        b"\0\0\0\x02[]",
        b'\0\0\0\x16{"args":{},"op":"a","op":1}',
        b'\0\0\0\x04{"op',
        b"\x00\x04\x00\x01" + b"[" * 262_145,
        b"",
        b"\0\0",
    ],
    ids=["spaces", "list", "twice", "cut", "deep", "empty", "short"],
)  # fmt: skip
def test_message_has_one_spelling(payload: bytes) -> None:
    """A head that is not canonical JSON with exactly the wanted names is refused."""
    with pytest.raises(Invalid):
        decode_message(payload, ("op", "args"))


def test_too_much_for_one_message() -> None:
    """What would not fit is refused where it is made, before anything is sent."""
    with pytest.raises(Invalid, match="too much"):
        encode_message({"op": "x" * 300_000, "args": {}})
    with pytest.raises(Invalid, match="no request"):
        encode_batch(UnwrapBatch("", -1, (), ()))
    with pytest.raises(Invalid, match="no ledger"):
        encode_batch(UnwrapBatch("", 0, (b"short",), ()))


@pytest.mark.parametrize("kind", [Erased, NoIntent, QuotaExceeded, StaleProof, Unavailable, Integrity])
def test_error_keeps_its_kind(kind: type[WaysealError]) -> None:
    """An error arrives as it was raised: exit code, hint and facts."""
    sent = kind("a sentence", hint="a hint", epoch="citizen/2026-11-22T07Z")
    head = decode_message(
        encode_message({"answer": None, "error": encode_error(sent)}), ("answer", "error")
    ).head
    came = decode_error(head["error"])
    assert (type(came), str(came), came.hint, came.facts) == (kind, str(sent), sent.hint, sent.facts)


@pytest.mark.parametrize(
    "value", [None, 7, {}, {"kind": "SystemExit", "message": "m", "hint": "h", "facts": {}}]
)
def test_unknown_error_is_unavailable(value: object) -> None:
    """An error that this program does not know is never taken for anything else."""
    assert type(decode_error(value)) is Unavailable


def test_slow_frame_is_dropped() -> None:
    """A frame that begins and does not end is given up; what was announced is never kept for it."""
    one, other = socket.socketpair()
    with one, other:
        other.sendall((2**20).to_bytes(4, "big") + b"half")
        with pytest.raises(TimeoutError):
            read_frame(one, limit=2**21, within_s=0.05)
        other.sendall(b"\0\0")
        threading.Thread(target=other.close).start()
        with pytest.raises(Invalid):
            read_frame(one, limit=2**21, within_s=5)


def test_trust_comes_back() -> None:
    """The list of clients has one spelling; another client, role or key is another list."""
    log = log_keys("agency/port", SeedSigner(bytes(32), bytes(32)))
    rules = 'permit (principal in Role::"officer", action, resource); forbid (principal in Role::"vendor", action, resource);'
    assert list_roles(rules) == {"officer"}
    trust = found_trust(log, ("centre", bytes(32)), rules)
    assert decode_trust(encode_trust(trust)) == trust
    more = trust.admit(Client("console", b"\1" * 32, frozenset({"officer"})))
    assert encode_trust(more) != encode_trust(trust)
    with pytest.raises(Integrity):
        decode_trust(encode_trust(trust) + b" ")
    for client in (
        Client("A b", bytes(32), frozenset()),
        Client("a", b"", frozenset()),
        Client("a", bytes(32), frozenset({"R"})),
    ):
        with pytest.raises(Invalid):
            trust.admit(client)
