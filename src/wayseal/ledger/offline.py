"""Self-contained proofs that an entry is on the ledger (C2SP tlog-proof): one file that verifies without a network.

Owns the format and its verification. Whose signatures count is the caller's policy or keys.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from wayseal.ledger.checkpoint import Checkpoint, GoodSignature, read_checkpoint, verify_checkpoint
from wayseal.ledger.note import MAX_NOTE, VerifierKey, decode_base64, decode_decimal, parse_note
from wayseal.ledger.policy import Policy
from wayseal.ledger.proof import HASH_SIZE, hash_leaf, verify_inclusion
from wayseal.model.errors import Invalid

_HEADER = "c2sp.org/tlog-proof@v1"
MAX_HASHES = 63
MAX_PROOF = 2 * MAX_NOTE


@dataclass(frozen=True, slots=True)
class OfflineProof:
    """Entry `index`, the sibling hashes from its leaf up, and the checkpoint they lead to. `str()` is the file."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    extra: bytes | None = None
    """Anything its maker wanted to send along. It is not authenticated: never trust it."""

    def __str__(self) -> str:
        lines = [_HEADER]
        if self.extra is not None:
            lines.append(f"extra {base64.b64encode(self.extra).decode()}")
        lines.append(f"index {self.index}")
        lines += [base64.b64encode(value).decode() for value in self.hashes]
        return "\n".join(lines) + "\n\n" + self.checkpoint

    def verify(
        self, entry: bytes, trusted: Policy | Sequence[VerifierKey]
    ) -> tuple[Checkpoint, list[GoodSignature]]:
        """Return the checkpoint and its good signatures, when `entry` is entry `index` of a log that `trusted` vouches for.

        Raises `LedgerBroken` when the proof or a signature is wrong, `Refused` when the policy's quorum is missing.
        """
        if isinstance(trusted, Policy):
            checkpoint, good = trusted.verify(self.checkpoint)
        else:
            checkpoint, good = verify_checkpoint(self.checkpoint, trusted)
        verify_inclusion(self.index, checkpoint.size, hash_leaf(entry), self.hashes, checkpoint.root)
        return checkpoint, good


def parse_proof(data: bytes | str) -> OfflineProof:
    """Return the proof a `.tlog-proof` file spells. Raises `Invalid` for anything but the specified form."""
    if len(data) > MAX_PROOF:
        raise Invalid("a proof that is too long")
    try:
        text = data.decode() if isinstance(data, bytes) else data
    except UnicodeDecodeError:
        raise Invalid("a proof that is not UTF-8") from None
    head, gap, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    if not gap or lines.pop(0) != _HEADER or not lines:
        raise Invalid(
            "not a proof of the form tlog-proof@v1", hint="Proof files begin with c2sp.org/tlog-proof@v1."
        )
    extra = None
    if lines[0].startswith("extra "):
        extra = decode_base64(lines.pop(0).removeprefix("extra "), "the extra data")
    if not lines or not lines[0].startswith("index "):
        raise Invalid("a proof without an index")
    index = decode_decimal(lines.pop(0).removeprefix("index "), "the index")
    if len(lines) > MAX_HASHES:
        raise Invalid("a proof with too many hashes")
    hashes = tuple(decode_base64(line, "a proof hash") for line in lines)
    if any(len(value) != HASH_SIZE for value in hashes):
        raise Invalid("a proof hash that has not 32 bytes")
    read_checkpoint(checkpoint)
    return OfflineProof(index, hashes, str(parse_note(checkpoint)), extra)
