"""TPM 2 quotes: asking the host's TPM for one, and reading and judging what it signed, without a TPM at hand.

The structure is TPMS_ATTEST of the TPM 2.0 Library, part 2, 10.12.12; signatures are TPMT_SIGNATURE, 11.3.4: ECDSA or RSASSA
with SHA-256. The quoting key is restricted: the TPM signs with it only what the TPM itself made.
"""

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from wayseal.assess.host.view import Run
from wayseal.model.errors import Integrity, Invalid, Unavailable

GENERATED: Final = 0xFF544347
_QUOTE: Final = 0x8018
_SHA256: Final = 0x000B
_RSASSA: Final = 0x0014
_ECDSA: Final = 0x0018
SIZE_LIMIT: Final = 4096


@dataclass(frozen=True, slots=True)
class Quote:
    """What the TPM signed (TPMS_ATTEST) and its signature (TPMT_SIGNATURE), as bytes."""

    attest: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Attest:
    """What a quote says: the caller's 32 bytes, which SHA-256 PCRs, the digest over them, and how often it started."""

    extra: bytes
    pcrs: tuple[int, ...]
    pcr_digest: bytes
    reset_count: int


def take_quote(run: Run, handle: str, pcrs: Sequence[int], extra: bytes, *, tcti: str = "") -> Quote:
    """Return a quote over SHA-256 PCRs by the key at a persistent handle. Raises `Unavailable` when the TPM gives none.

    `tcti` says how to reach the TPM as tpm2-tools know it; empty for the system's own. What passes through files in a private folder for a moment is public: the quote itself.
    """
    with tempfile.TemporaryDirectory(prefix="wayseal-quote-") as folder:
        attest, signature = Path(folder, "attest"), Path(folder, "signature")
        selection = "sha256:" + ",".join(map(str, pcrs))
        done = run(
            ["tpm2_quote", "-c", handle, "-l", selection, "-q", extra.hex(), "-g", "sha256",
             "-m", str(attest), "-s", str(signature), *(["-T", tcti] if tcti else [])]
        )  # fmt: skip
        if done.code or not attest.exists() or not signature.exists():
            raise Unavailable(
                "the TPM gave no quote", hint="Check the quoting key's handle with tpm2_readpublic."
            )
        return Quote(attest.read_bytes(), signature.read_bytes())


def verify_quote(quote: Quote, public_pem: bytes, extra: bytes, values: Mapping[str, str]) -> Attest:
    """Return what the quote says once its signature, its 32 bytes and the digest of `values` are right.

    `values` are PCR values in hex by number, all of which the quote must cover and no other. Raises `Integrity`.
    """
    _verify_signature(quote, public_pem)
    attest = parse_attest(quote.attest)
    if attest.extra != extra:
        raise Integrity("the quote is not for this nonce and this evidence")
    numbers = sorted(map(int, values))
    joined = b"".join(bytes.fromhex(values[str(number)]) for number in numbers)
    if attest.pcrs != tuple(numbers) or attest.pcr_digest != hashlib.sha256(joined).digest():
        raise Integrity("the quoted measurements are not those that the host told")
    return attest


def parse_attest(raw: bytes) -> Attest:
    """Return what a TPMS_ATTEST of a quote says. Raises `Integrity` for anything else."""
    reader = _Reader(raw)
    if reader.number(4) != GENERATED or reader.number(2) != _QUOTE:
        raise Integrity("not a quote that a TPM made")
    reader.sized()  # the signer's qualified name
    extra = reader.sized()
    reader.take(8)  # clock, in milliseconds
    reset_count = reader.number(4)
    reader.take(4 + 1 + 8)  # restarts, whether the clock is safe, firmware version
    pcrs = _read_selection(reader)
    digest = reader.sized()
    reader.finish()
    return Attest(extra, pcrs, digest, reset_count)


def _read_selection(reader: "_Reader") -> tuple[int, ...]:
    """Return the selected PCRs; exactly one bank, SHA-256."""
    if reader.number(4) != 1 or reader.number(2) != _SHA256:
        raise Integrity("the quote is not over SHA-256 measurements alone")
    bits = int.from_bytes(reader.take(reader.number(1)), "little")
    return tuple(number for number in range(bits.bit_length()) if bits >> number & 1)


def _verify_signature(quote: Quote, public_pem: bytes) -> None:
    """Raise `Integrity` unless the key of the PEM signed the quote's bytes."""
    reader = _Reader(quote.signature)
    scheme, digest = reader.number(2), reader.number(2)
    parts = [reader.sized(), reader.sized()] if scheme == _ECDSA else [reader.sized()]
    reader.finish()
    try:
        key = load_pem_public_key(public_pem)
    except ValueError:
        raise Invalid(
            "not a public key in PEM", hint="Register the key that tpm2_readpublic -f pem gives."
        ) from None
    try:
        if digest == _SHA256 and scheme == _ECDSA and isinstance(key, ec.EllipticCurvePublicKey):
            r, s = (int.from_bytes(part, "big") for part in parts)
            key.verify(encode_dss_signature(r, s), quote.attest, ec.ECDSA(hashes.SHA256()))
            return
        if digest == _SHA256 and scheme == _RSASSA and isinstance(key, rsa.RSAPublicKey):
            key.verify(parts[0], quote.attest, padding.PKCS1v15(), hashes.SHA256())
            return
    except InvalidSignature:
        pass
    raise Integrity("the quote is not signed by the host's quoting key")


class _Reader:
    """Big-endian numbers and counted bytes in order; `Integrity` for whatever does not fit."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        if self._at + size > len(self._data):
            raise Integrity("the quote is cut short")
        self._at += size
        return self._data[self._at - size : self._at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def sized(self) -> bytes:
        return self.take(self.number(2))

    def finish(self) -> None:
        if self._at != len(self._data):
            raise Integrity("the quote has bytes at its end")
