"""Fuzz target of what people sign beside exports: petitions, a yes and a no about them, the keyroom's seal, and the state kept of them.

No crash, no hang; no seal but the keyroom's is kept, a no is never a yes, and no petition waits longer than it may.
`python tests/fuzz/fuzz_petition.py [libFuzzer options] [CORPUS]` runs it under atheris, coverage-guided (group `fuzz`).
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fuzzing import mutate_corpus, run_atheris

from wayseal.export.approval import Approval, Subject, decline_paper, decode_approval, encode_approval
from wayseal.flow.petition import (
    LIFE,
    LIFT,
    REINSTATEMENT,
    TYPES,
    PetitionBook,
    decode_petitions,
    drop_false_seal,
    encode_petitions,
    petition_entry,
    read_petition,
    seal_entry,
    settled_entry,
)
from wayseal.ledger.entry import decode_entry, encode_entry
from wayseal.model.clock import from_text, to_text
from wayseal.model.disclosure import CredentialForm
from wayseal.model.errors import Invalid, LedgerBroken

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
NAME, HOLD = "01KB3Z6V8N4Q0T2Y5RWXEJ7MCH", "01KB3Z6V8N4Q0T2Y5RWXEJ7MCJ"
SUBJECTS = (Subject.GRANT, Subject.HOLD, Subject.REINSTATEMENT, Subject.LIFT, Subject.DECLINE)
FACTS: dict[str, dict[str, Any]] = {
    REINSTATEMENT: {"subject": "camera-vendor", "suspension": 3, "assessment": HOLD},
    LIFT: {"hold": HOLD, "reason": "case-closed"},
}


class Keyroom:
    """The keyroom's signing key, the same in every run."""

    _key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"fuzzed keyroom").digest())
    public = _key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """Return a signature."""
        return self._key.sign(message)


def make_petition(about: str, now: datetime = NOW) -> dict[str, Any]:
    """Return the entry of a petition."""
    return petition_entry(
        about, NAME, actor="chief-1", approvers=("boss-1", "boss-2"), now=now, facts=FACTS[about]
    )


def make_words(about: str) -> list[dict[str, Any]]:
    """Return the entries of a yes and a no about the petition that is entry 0."""
    matter = {"object": NAME, "actor": "boss-1", "intent": 0, "time": to_text(NOW)}
    proof = {"approval_sha256": "ab" * 32, "key_sha256": "cd" * 32, "checkpoint_size": 1}
    return [
        {"type": f"{about}-approve", "role": "supervisor", **matter, **proof},
        {"type": f"{about}-decline", "reason": "not-now", **matter, **proof},
    ]


def make_approval(about: Subject) -> bytes:
    """Return the file of an approval."""
    lines = f"agency/port\n7\n{'A' * 43}=\n"
    proof = {"signature": "00" * 64}
    return encode_approval(
        Approval(NAME, "boss-1", "ab" * 32, lines, CredentialForm.ED25519, "ef" * 32, proof, about)
    )


SEALED = tuple(
    encode_entry(seal_entry(settled_entry(read_petition(make_petition(about), 0), (NAME,), NOW), Keyroom()))
    for about in TYPES
)


def load_corpus() -> list[bytes]:
    """Return every entry about a petition, sealed ones too, one at the end of time, and an approval about each subject."""
    late = {**make_petition(LIFT, LAST - LIFE), "time": to_text(LAST)}
    entries = [late, *(make_petition(about) for about in TYPES)]
    entries += [word for about in TYPES for word in make_words(about)]
    return [*map(encode_entry, entries), *SEALED, *map(make_approval, SUBJECTS)]


def check_input(data: bytes) -> None:
    """Feed bytes to every reader. Raises AssertionError for an acceptance, and whatever a reader should not raise."""
    for about in SUBJECTS:
        with suppress(Invalid):
            assert encode_approval(decode_approval(data, about)) == data, "an approval has two spellings"
    with suppress(LedgerBroken):
        entry = decode_entry(data)
        check_entry_read(entry, data)


def check_entry_read(entry: Mapping[str, Any], data: bytes) -> None:
    """Judge what the program makes of an entry that parsed."""
    kept = drop_false_seal(entry, Keyroom.public)
    assert "keyroom_seal" not in kept or data in SEALED, "a seal is kept that the keyroom did not make"
    for about in SUBJECTS:
        assert not _is_entry(decline_paper(about, data, "not-now")), "a no is an entry of the ledger"
    about, _, word = entry["type"].rpartition("-")
    if entry["type"] not in TYPES.values() and not (about in TYPES and word in {"approve", "decline"}):
        return
    for first in TYPES:
        book = PetitionBook({NAME: read_petition(make_petition(first), 0)})
        book.apply(1, entry)
        assert decode_petitions(encode_petitions(book)) == book, "the state does not come back"
        for one in book.waiting.values():
            since = NOW if one.index == 0 else from_text(entry["time"])
            assert one.expires_at - since <= LIFE, "a petition waits longer than it may"


def _is_entry(data: bytes) -> bool:
    try:
        decode_entry(data)
    except LedgerBroken:
        return False
    return True


def mutate(corpus: list[bytes], count: int, seed: int) -> Iterator[bytes]:
    """Give `count` damaged inputs; cuts and doubles are of digits, fields and digests."""
    return mutate_corpus(corpus, count, seed, cuts=(1, 2, 4, 32, 64), doubles=(1, 2, 32, 64))


if __name__ == "__main__":
    run_atheris(check_input)
