"""The published roster and charter: made again byte for byte, and verified without any of our code."""

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wayseal.model.custody import EpochKey
from wayseal.model.ids import EpochId
from wayseal.seal.keys import Roster, SigningIdentity, sign_roster
from wayseal.seal.keys.ceremony import add_signature, draft_charter, finish_charter, look_at
from wayseal.seal.keys.charter import read_first_charter, read_roster
from wayseal.seal.suite import derive_public

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "spec" / "vectors" / "roster"
START = datetime(2026, 11, 22, 7, tzinfo=UTC)
PEOPLE = {
    name: SigningIdentity(name, bytes((number,)) * 32)
    for number, name in enumerate(
        ("keyroom", "lane-1", "agency-counsel", "privacy-officer", "security-officer"), start=0x21
    )
}
OFFICIALS = ("agency-counsel", "privacy-officer", "security-officer")


def make_roster() -> bytes:
    """Return the published roster."""
    epochs = (EpochId("citizen/2026-11-22T07Z"), EpochId("non_citizen/2026-11-22T07Z"))
    keys = tuple(EpochKey(epoch, derive_public(bytes((0x11 + at,)) * 32)) for at, epoch in enumerate(epochs))
    publics = {name: person.public for name, person in PEOPLE.items()}
    roster = Roster(
        version=3,
        issued_at=START,
        valid_until=START + timedelta(hours=1),
        epoch_keys=keys,
        devices={"lane-1": publics["lane-1"]},
        keyrooms={"keyroom": publics["keyroom"]},
    )
    return sign_roster(roster, [PEOPLE["keyroom"]])


def make_charter() -> bytes:
    """Return the published charter: two of three officials, both signatures made apart."""
    draft = draft_charter(
        "port",
        officials={name: PEOPLE[name].public for name in OFFICIALS},
        needed=2,
        roster_signers={"keyroom": PEOPLE["keyroom"].public},
        issued_at=START,
        days=365,
    )
    return finish_charter([add_signature(draft, PEOPLE[name]) for name in OFFICIALS[:2]])


def make_keys() -> bytes:
    """Return the file of the signers' seeds."""
    seeds = {name: (bytes((number,)) * 32).hex() for number, name in enumerate(PEOPLE, start=0x21)}
    return json.dumps(seeds, indent=1).encode() + b"\n"


def test_vectors_are_made_again() -> None:
    """Documents and keys are byte for byte what the code makes now."""
    assert (FOLDER / "keys.json").read_bytes() == make_keys()
    assert (FOLDER / "roster.json").read_bytes() == make_roster()
    assert (FOLDER / "charter.json").read_bytes() == make_charter()


def test_vectors_are_believed() -> None:
    """The charter is accepted by its fingerprint, and the roster under the charter."""
    data = (FOLDER / "charter.json").read_bytes()
    charter = read_first_charter(data, fingerprint=look_at(data).fingerprint)
    roster = read_roster((FOLDER / "roster.json").read_bytes(), charter=charter, now=START)
    assert [key.epoch for key in roster.keys_for("citizen", START)] == ["citizen/2026-11-22T07Z"]


def test_signatures_hold_without_our_code() -> None:
    """Each signature verifies over domain, newline and body, by the specification and the cryptography library alone."""
    publics = {hashlib.sha256(person.public).hexdigest(): person.public for person in PEOPLE.values()}
    for name, signers in (("roster", 1), ("charter", 2)):
        outer = json.loads((FOLDER / f"{name}.json").read_bytes())
        body = base64.b64decode(outer["body"])
        assert json.loads(body)["format"] == f"wayseal-{name}/v1"
        assert len(outer["signatures"]) == signers
        for digest, signature in outer["signatures"].items():
            message = f"wayseal-{name}/v1\n".encode() + body
            Ed25519PublicKey.from_public_bytes(publics[digest]).verify(base64.b64decode(signature), message)
