"""What a key keeper is: it holds key-encryption keys (KEKs) by label, uses them, and can destroy one for good.

Three keepers ship: `file_keeper` (passphrase), `hsm_keeper` (PKCS#11) and `tpm_keeper` (TPM 2). One contract test suite
runs against all three. A KEK never leaves its keeper and has no copy beyond the keeper's own replicas; nobody holds a
key in escrow.
"""

import re
from typing import Protocol

from wayseal.model.errors import Integrity, Invalid, NotFound

_LABEL = re.compile(r"[a-z0-9][A-Za-z0-9._/-]{0,79}")


class KeyKeeper(Protocol):
    """A holder of KEKs. A label is `citizen/2026-11-22T07Z` or `identity/ledger`; at most 80 of a-z A-Z 0-9 . _ / -."""

    def create_key(self, label: str) -> None:
        """Make a fresh AES-256 KEK that is durable when this returns. Raises `Invalid` when the label is taken."""

    def has_key(self, label: str) -> bool:
        """Return whether a KEK of this label is alive."""

    def wrap(self, label: str, secret: bytes | bytearray, context: bytes) -> bytes:
        """Return `secret` encrypted and authenticated under the KEK, bound to `context`. Raises `NotFound`."""

    def unwrap(self, label: str, blob: bytes, context: bytes) -> bytearray:
        """Return the secret in a buffer that the caller zeroes.

        Raises `NotFound` without the KEK, `Integrity` when blob or context is not what was wrapped.
        """

    def destroy(self, label: str) -> None:
        """Destroy the KEK; durable when this returns. A label that is not there (any more) is no error."""

    def labels(self) -> tuple[str, ...]:
        """Return the labels of the live KEKs in alphabetical order."""

    def describe(self) -> str:
        """Return in one line what holds the keys and what its destruction is worth; no secret, no path."""


def check_label(label: str) -> str:
    """Return `label` when it can name a KEK. Raises `Invalid` otherwise."""
    if not _LABEL.fullmatch(label) or ".." in label:
        raise Invalid("not a key label", hint="Labels look like citizen/2026-11-22T07Z or identity/ledger.")
    return label


def no_key(label: str) -> NotFound:
    """Return the error for a KEK that is not there."""
    return NotFound(
        f"the keeper has no key {label}", hint="It was destroyed, or it never was in this keeper."
    )


def wrong_wrap(label: str) -> Integrity:
    """Return the error for a blob that this KEK did not wrap in this context."""
    return Integrity(f"what was wrapped under the key {label} was altered, or is from elsewhere")
