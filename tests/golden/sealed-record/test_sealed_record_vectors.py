"""The published vectors: Wayseal and a reader that shares no code with it agree, and each defect is refused where it must be."""

import base64
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import independent_record_reader as independent_reader
import make_record_vectors as make_vectors
import pytest

from wayseal.model.errors import SealBroken
from wayseal.model.ids import EpochId
from wayseal.seal.envelope import encode_wraps, parse_record, signed_bytes, verify_record
from wayseal.seal.keys import EpochVault, FileKeeper, PassphraseCost
from wayseal.seal.keys.vault import seed_context
from wayseal.seal.open import open_body, unwrap_data_key, verify_rewraps
from wayseal.seal.padding import pad_body
from wayseal.seal.suite import derive_public, key_id

FOLDER = make_vectors.FOLDER
SPECIFICATION = FOLDER.parents[1] / "sealed-record.md"
KEYS = json.loads((FOLDER / "keys.json").read_text())
DEVICE, KEYROOM = bytes.fromhex(KEYS["device_public"]), bytes.fromhex(KEYS["keyroom_public"])
VALID = sorted(path.stem for path in FOLDER.glob("valid-*.json"))
INVALID = sorted(path.stem for path in FOLDER.glob("invalid-*.json"))
NOW = datetime(2026, 11, 22, 7, 30, tzinfo=UTC)


def load(name: str) -> tuple[bytes, dict[str, Any]]:
    """Return a vector's record and its other fields."""
    fields = json.loads((FOLDER / f"{name}.json").read_text())
    return base64.b64decode(fields["record"]), fields


@pytest.fixture(scope="module")
def vaults(tmp_path_factory: pytest.TempPathFactory) -> dict[str, EpochVault]:
    """A vault with the published epochs' keys, and one that has the citizen epoch's replica."""
    made = {}
    for name, chosen in (
        ("first", lambda key: "replica" not in key),
        ("replica", lambda key: "replica" in key),
    ):
        folder = tmp_path_factory.mktemp(name)
        keeper = FileKeeper.create(folder / "keeper", b"vectors for all", cost=PassphraseCost(64, 1, 1))
        made[name] = EpochVault(keeper, folder / "epochs", lambda: NOW)
        for entry in KEYS["epochs"]:
            if chosen(entry["name"]):
                _put_epoch(made[name], folder / "epochs", bytes.fromhex(entry["seed"]), entry["name"])
    return made


def _put_epoch(vault: EpochVault, folder: Path, seed: bytes, name: str) -> None:
    epoch = EpochId("citizen/2026-11-22T07Z" if "replica" in name else name)
    public = derive_public(seed)
    vault.keeper.create_key(epoch)
    fields = {
        "epoch": epoch,
        "public": base64.b64encode(public).decode(),
        "seed": base64.b64encode(vault.keeper.wrap(epoch, seed, seed_context(epoch, public))).decode(),
        "created_at": "2026-11-22T07:00:00.000Z",
    }
    (folder / f"{epoch.replace('/', '%2F')}.epoch").write_text(json.dumps(fields))


def test_published_keys_belong_together() -> None:
    """Each public key is the one that its seed makes, for us and for the independent reader."""
    for entry in KEYS["epochs"]:
        seed, public = bytes.fromhex(entry["seed"]), base64.b64decode(entry["public"])
        assert derive_public(seed) == independent_reader.public_of(seed) == public


@pytest.mark.parametrize("name", VALID)
def test_valid_vector_opens(name: str, vaults: dict[str, EpochVault]) -> None:
    """A valid record opens to the published body and data key."""
    data, fields = load(name)
    record = parse_record(data)
    key = unwrap_data_key(record, vaults["first"], device_public=DEVICE, keyroom_publics=[KEYROOM])
    assert bytes(key).hex() == KEYS["data_key"]
    assert open_body(record, key).hex() == fields["body"]


@pytest.mark.parametrize("name", VALID)
def test_valid_vector_opens_independently(name: str) -> None:
    """A reader written from the specification alone finds the same header and body, under every published key."""
    data, fields = load(name)
    header, wraps = parse_record(data).header, 0
    for entry in KEYS["epochs"]:
        seed = bytes.fromhex(entry["seed"])
        identifier = key_id(derive_public(seed))
        if identifier in data:
            read, body = independent_reader.read(data, {identifier: seed}, DEVICE, KEYROOM)
            assert (read["object_id"], body.hex()) == (header.object_id, fields["body"])
            wraps += 1
    assert wraps == {"valid-two-replicas": 2, "valid-rewrapped": 2, "valid-rewrapped-twice": 3}.get(name, 1)


def test_replica_opens_too(vaults: dict[str, EpochVault]) -> None:
    """A record sealed to two keepers opens with the second alone."""
    data, fields = load("valid-two-replicas")
    record = parse_record(data)
    assert (
        open_body(record, unwrap_data_key(record, vaults["replica"], device_public=DEVICE)).hex()
        == fields["body"]
    )


@pytest.mark.parametrize("name", VALID)
def test_valid_vector_is_reproduced(name: str) -> None:
    """From the published keys and the vector's own wraps, every other byte of the original record is made again."""
    data, fields = load(name)
    envelope = verify_record(parse_record(data), DEVICE)
    draft = make_vectors.Draft(header=envelope.header_bytes, padded=pad_body(bytes.fromhex(fields["body"])))
    start, header, _, nonce, ciphertext, _ = draft.parts()
    wraps = encode_wraps(envelope.wraps)
    signature = make_vectors.LANE.sign(signed_bytes(envelope.header_bytes, wraps, nonce, ciphertext))
    assert b"".join((start, header, wraps, nonce, ciphertext, signature)) == data[: len(envelope.original)]
    assert hashlib.sha256(data[: len(envelope.original)]).hexdigest() == envelope.original_sha256


@pytest.mark.parametrize("name", INVALID)
def test_invalid_vector_is_refused(name: str, vaults: dict[str, EpochVault]) -> None:
    """Each defect is refused at the step that the vector names, and nothing is opened."""
    data, fields = load(name)
    if fields["fails_at"] == "parse":
        with pytest.raises(SealBroken):
            parse_record(data)
        return
    record = parse_record(data)
    if fields["fails_at"] == "signature":
        with pytest.raises(SealBroken, match=r"sign|device"):
            verify_rewraps(verify_record(record, DEVICE), [KEYROOM])
    else:
        verify_record(record, DEVICE)
    with pytest.raises(SealBroken, match=record.header.object_id):
        open_body(
            record, unwrap_data_key(record, vaults["first"], device_public=DEVICE, keyroom_publics=[KEYROOM])
        )


def test_every_defect_is_published() -> None:
    """Generator, folder and specification know the same vectors, and every stored one has the generator's bytes but wraps."""
    makers = {
        "parse": make_vectors.malformed_records,
        "signature": make_vectors.forged_records,
        "open": make_vectors.unopenable_records,
    }
    made = {f"invalid-{name}": stage for stage, maker in makers.items() for name in maker()}
    assert {name: load(name)[1]["fails_at"] for name in INVALID} == made
    assert [f"valid-{name}" for name in sorted(make_vectors.valid_records())] == VALID
    text = SPECIFICATION.read_text()
    for name in (*VALID, *INVALID):
        assert f"`{name}`" in text, name


def test_xwing_as_its_authors_publish_it() -> None:
    """Seed to public key, and ciphertext to shared secret, are those of the X-Wing draft's first test vector."""
    known = json.loads((Path(__file__).parent / "xwing-draft.json").read_text())
    seed = bytes.fromhex(known["seed"])
    public = derive_public(seed).hex()
    assert public.startswith(known["public_starts"])
    assert public.endswith(known["public_ends"])
    assert independent_reader.decapsulate(seed, bytes.fromhex(known["ciphertext"])).hex() == known["shared"]
