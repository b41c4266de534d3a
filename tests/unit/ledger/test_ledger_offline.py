"""Self-contained proofs: what verifies offline is on the ledger, at that place, and nothing else verifies."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledgersite import LOG_KEYS, make_capture, make_ledger

from wayseal.ledger.entry import encode_entry
from wayseal.ledger.log import Ledger
from wayseal.ledger.offline import OfflineProof, parse_proof
from wayseal.ledger.policy import parse_policy
from wayseal.model.errors import Invalid, LedgerBroken

LOG_ONLY = f"log {LOG_KEYS[0]}\nquorum none\n"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """A ledger that these tests only read."""
    return make_ledger(tmp_path_factory.mktemp("offline") / "ledger", 77)


@pytest.mark.parametrize("index", [0, 1, 63, 64, 76])
def test_proof_verifies_under_keys_and_policy(shared: Ledger, index: int) -> None:
    """A written proof reads back and verifies the entry's bytes, under keys or under a policy."""
    proof = shared.prove(index)
    again = parse_proof(str(proof).encode())
    assert again == proof
    assert again.verify(shared.raw(index), LOG_KEYS)[0].size == 77
    assert again.verify(shared.raw(index), parse_policy(LOG_ONLY))[0].root == shared.root()


@pytest.mark.parametrize(
    "entry", [b"", b"\x00", encode_entry(make_capture(6)), encode_entry(make_capture(5)) + b"\n"]
)
def test_other_entries_do_not_verify(shared: Ledger, entry: bytes) -> None:
    """The proof of entry 5 proves no other bytes."""
    with pytest.raises(LedgerBroken):
        shared.prove(5).verify(entry, LOG_KEYS)


def test_another_place_does_not_verify(shared: Ledger) -> None:
    """The proof of entry 5 does not show it at another index."""
    proof = shared.prove(5)
    for index in (0, 4, 6, 69, 77, 10**12):
        with pytest.raises(LedgerBroken):
            OfflineProof(index, proof.hashes, proof.checkpoint).verify(shared.raw(5), LOG_KEYS)


def test_extra_data_is_carried_and_not_believed(shared: Ledger) -> None:
    """Extra data survive the round trip and do not matter to the proof."""
    proof = shared.prove(5)
    carried = parse_proof(str(OfflineProof(5, proof.hashes, proof.checkpoint, b"for the file")))
    assert carried.extra == b"for the file"
    carried.verify(shared.raw(5), LOG_KEYS)


@settings(max_examples=300)
@given(st.integers(0, 10**6), st.sampled_from(["flip", "cut", "double", "insert"]))
def test_altered_proofs_are_refused(shared: Ledger, seed: int, what: str) -> None:
    """A proof file with a byte changed, cut, doubled or inserted is refused, or still says exactly the same thing."""
    proof = shared.prove(5)
    data = bytearray(str(proof).encode())
    place = seed % len(data)
    if what == "flip":
        data[place] ^= 1 << (seed % 8)
    elif what == "cut":
        del data[place]
    elif what == "double":
        data.insert(place, data[place])
    else:
        data[place:place] = b"\n"
    try:
        found = parse_proof(bytes(data))
        checkpoint, good = found.verify(shared.raw(5), LOG_KEYS)
    except (Invalid, LedgerBroken):
        return
    assert (found.index, found.hashes, checkpoint.root, len(good)) == (5, proof.hashes, shared.root(), 2)


@pytest.mark.parametrize("text", [
    "", "c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v1\n\n", "c2sp.org/tlog-proof@v2\nindex 1\n\n{note}",
    "c2sp.org/tlog-proof@v1\nindex 01\n\n{note}", "c2sp.org/tlog-proof@v1\nindex -1\n\n{note}", "c2sp.org/tlog-proof@v1\n\n{note}",
    "c2sp.org/tlog-proof@v1\nextra AAAA\n\n{note}", "c2sp.org/tlog-proof@v1\nextra A\nindex 1\n\n{note}", "c2sp.org/tlog-proof@v1\nindex 1\nAAAA\n\n{note}",
    "c2sp.org/tlog-proof@v1\nindex 1\nextra AAAA\n\n{note}", "c2sp.org/tlog-proof@v1\nindex 1\n\n", "c2sp.org/tlog-proof@v1\r\nindex 1\n\n{note}",
    "c2sp.org/tlog-proof@v1\nindex 1\n" + ("A" * 43 + "=\n") * 64 + "\n{note}",
])  # fmt: skip
def test_malformed_proofs_are_refused(shared: Ledger, text: str) -> None:
    """Every deviation from the specified form is refused."""
    with pytest.raises(Invalid):
        parse_proof(text.replace("{note}", str(shared.latest_checkpoint())))
