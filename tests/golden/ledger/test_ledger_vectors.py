"""The published vectors: Wayseal and a reader that shares no code with it agree, and each defect is refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import independent_ledger_reader as independent
import make_ledger_vectors as make
import pytest

from wayseal.ledger import proof
from wayseal.ledger.checkpoint import SeedSigner, log_keys, verify_checkpoint, witness_keys
from wayseal.ledger.entry import decode_entry
from wayseal.ledger.note import parse_vkey
from wayseal.ledger.offline import parse_proof
from wayseal.ledger.policy import parse_policy
from wayseal.ledger.tiles import verify_export
from wayseal.ledger.witness import Witness
from wayseal.ledger.witness_setup import create_witness
from wayseal.model.errors import Invalid, LedgerBroken, Refused

FOLDER = make.FOLDER


def load(name: str) -> Any:
    """Return one vector file's content."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


KEYS = load("keys")
VKEYS = [vkey for found in KEYS["vkeys"].values() for vkey in found]
CHECKPOINT = (FOLDER / "export" / "checkpoint").read_text(encoding="utf-8")
ENTRIES = load("entries")
POLICIES = load("policies")


def test_keys_come_from_their_seeds() -> None:
    """The published seeds make the published verifier keys."""
    for name, seeds in KEYS["seeds_ed25519_mldsa44"].items():
        signer = SeedSigner(*map(bytes.fromhex, seeds))
        keys = log_keys(KEYS["origin"], signer) if name == "log" else witness_keys(name, signer)
        assert [str(key) for key in keys] == KEYS["vkeys"][name]


def test_merkle_vectors_hold() -> None:
    """Roots and proofs are those that RFC 6962's recursion, written separately, gives and accepts."""
    vectors = load("merkle")
    leaves = [independent.sha(b"\x00" + bytes.fromhex(leaf)) for leaf in vectors["leaves"]]
    roots = [independent.tree_hash(leaves[: size + 1]) for size in range(9)]
    assert [root.hex() for root in roots] == vectors["roots_of_sizes_1_to_9"]
    for case in vectors["inclusion"]:
        path = [bytes.fromhex(value) for value in case["proof"]]
        proof.verify_inclusion(
            case["index"], case["size"], leaves[case["index"]], path, roots[case["size"] - 1]
        )
    for case in vectors["consistency"]:
        path = [bytes.fromhex(value) for value in case["proof"]]
        proof.verify_consistency(
            case["first"], case["second"], roots[case["first"] - 1], roots[case["second"] - 1], path
        )


@pytest.mark.parametrize("place", range(len(ENTRIES["valid"])))
def test_valid_entries_are_read(place: int) -> None:
    """Each valid entry is read, and has the published leaf hash."""
    data = ENTRIES["valid"][place]["bytes"].encode()
    assert decode_entry(data)["type"] in data.decode()
    assert proof.hash_leaf(data).hex() == ENTRIES["valid"][place]["leaf_hash"]


@pytest.mark.parametrize("defect", ENTRIES["invalid"])
def test_invalid_entries_are_refused(defect: str) -> None:
    """Each entry with one defect is refused."""
    with pytest.raises(LedgerBroken):
        decode_entry(ENTRIES["invalid"][defect].encode())


def test_export_is_accepted_by_both() -> None:
    """The exported folder verifies here and with the independent reader, with all six signatures, and holds the entries."""
    size, entries, signed = independent.check_export(FOLDER / "export", VKEYS)
    found = verify_export(FOLDER / "export", [parse_vkey(vkey) for vkey in VKEYS])
    assert (
        (size, len(signed)) == (found.size, 6) == (make.SIZE, len(found.signatures) + len(found.cosignatures))
    )
    assert [json.loads(entry) for entry in entries] == make.make_entries()


@pytest.mark.parametrize("name", ["tile/entries/000", "tile/0/001.p/3", "tile/1/000.p/1", "checkpoint"])
def test_damaged_export_is_refused_by_both(tmp_path: Path, name: str) -> None:
    """One bit of one exported file changed, and neither accepts the folder."""
    shutil.copytree(FOLDER / "export", tmp_path / "export")
    file = tmp_path / "export" / name
    data = bytearray(file.read_bytes())
    data[30] ^= 1
    file.write_bytes(data)
    with pytest.raises(Exception):  # noqa: B017, PT011 - the independent reader has no errors of its own
        independent.check_export(tmp_path / "export", VKEYS)
    with pytest.raises(LedgerBroken):
        verify_export(tmp_path / "export", [parse_vkey(vkey) for vkey in VKEYS])


def test_offline_proof_is_accepted_by_both() -> None:
    """The published proof verifies its entry under every key, here and independently, and no other entry."""
    text = (FOLDER / "entry-258.tlog-proof").read_text(encoding="utf-8")
    entry = (FOLDER / "entry-258.json").read_bytes()
    assert len(independent.check_offline(text, entry, VKEYS)) == 6
    checkpoint, good = parse_proof(text).verify(entry, [parse_vkey(vkey) for vkey in VKEYS])
    assert (checkpoint.size, len(good)) == (make.SIZE, 6)
    with pytest.raises(ValueError, match="path"):
        independent.check_offline(text, entry + b" ", VKEYS)
    with pytest.raises(LedgerBroken):
        parse_proof(text).verify(entry + b" ", [parse_vkey(vkey) for vkey in VKEYS])


@pytest.mark.parametrize("defect", load("checkpoints-invalid"))
def test_invalid_checkpoints_are_refused(defect: str) -> None:
    """Each checkpoint with one defect is refused."""
    with pytest.raises((Invalid, LedgerBroken)):
        verify_checkpoint(load("checkpoints-invalid")[defect], [parse_vkey(vkey) for vkey in VKEYS])


@pytest.mark.parametrize("name", POLICIES["accepts"])
def test_policies_that_accept(name: str) -> None:
    """Each of these policies accepts the published checkpoint."""
    assert parse_policy(POLICIES["accepts"][name]).verify(CHECKPOINT)[0].size == make.SIZE


@pytest.mark.parametrize("name", POLICIES["refuses"])
def test_policies_that_refuse(name: str) -> None:
    """Each of these policies is well formed and does not accept the published checkpoint."""
    with pytest.raises((Refused, LedgerBroken)):
        parse_policy(POLICIES["refuses"][name]).verify(CHECKPOINT)


@pytest.mark.parametrize("name", POLICIES["malformed"])
def test_malformed_policies_are_refused(name: str) -> None:
    """Each policy with one defect is refused."""
    with pytest.raises(Invalid):
        parse_policy(POLICIES["malformed"][name])


@pytest.mark.parametrize("place", range(len(load("witness")["requests"])))
def test_witness_answers_as_published(tmp_path: Path, place: int) -> None:
    """A witness that cosigned 100 entries gives each published request its published answer."""
    vectors = load("witness")
    create_witness(tmp_path / "w", name="w3.example", anchor=tmp_path / "anchor")
    witness = Witness(tmp_path / "w", make.LOG_KEYS, clock=make.clock)
    assert witness.add_checkpoint(f"old 0\n\n{vectors['before']}".encode()).status == 200
    case = vectors["requests"][place]
    answer = witness.add_checkpoint(case["body"].encode())
    assert answer.status == case["status"]
    assert answer.text == case.get("answer", answer.text)
