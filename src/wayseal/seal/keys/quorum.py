"""Documents that several people sign: one canonical body, one Ed25519 signature a person, and how many count.

Owns the outer form `{"body": base64, "signatures": {SHA-256 of key: base64}}` (RFC 8785). What a body means is its
reader's business; the `domain` keeps one kind of document from being taken for another.
"""

import base64
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wayseal.model.errors import Integrity, Invalid
from wayseal.seal.device import DeviceSigner
from wayseal.seal.strict import decode_canonical, encode_canonical
from wayseal.seal.suite import sha256

LIMIT: Final = 8 * 1024 * 1024
_FIELDS: Final = ("body", "signatures")


def sign_document(domain: str, body: bytes, signers: Sequence[DeviceSigner]) -> bytes:
    """Return the document with one signature for each signer."""
    message = _message(domain, body)
    signatures = {sha256(signer.public).hex(): encode_bytes(signer.sign(message)) for signer in signers}
    return encode_canonical({"body": encode_bytes(body), "signatures": signatures})


def merge_signatures(documents: Sequence[bytes]) -> bytes:
    """Return one document with the signatures of all, which people made apart. Raises `Integrity` for different bodies."""
    taken = [_take_apart(document) for document in documents]
    if len({body for body, _ in taken}) != 1:
        raise Integrity("the signatures are for different documents", hint="All have to sign the same draft.")
    merged = {
        digest: encode_bytes(signature) for _, signatures in taken for digest, signature in signatures.items()
    }
    return encode_canonical({"body": encode_bytes(taken[0][0]), "signatures": merged})


def read_body(data: bytes) -> bytes:
    """Return a document's body without believing it: what somebody looks at before signing."""
    return _take_apart(data)[0]


def count_signatures(domain: str, data: bytes, publics: Collection[bytes]) -> int:
    """Return how many different of these people (raw Ed25519 keys) signed.

    Signatures of strangers do not count; one under a known key that does not verify is `Integrity`.
    """
    return _count(domain, *_take_apart(data), publics)


def _count(domain: str, body: bytes, signatures: Mapping[str, bytes], publics: Collection[bytes]) -> int:
    """Return how many of these people signed a document that is taken apart already."""
    known = {sha256(public).hex(): public for public in publics}
    message, count = _message(domain, body), 0
    for digest, signature in signatures.items():
        if digest not in known:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(known[digest]).verify(signature, message)
        except (InvalidSignature, ValueError):
            raise Integrity("a signature on the document does not verify") from None
        count += 1
    return count


def verify_quorum(
    domain: str, data: bytes, publics: Collection[bytes], *, needed: int, whose: str = "the officials"
) -> bytes:
    """Return the body that at least `needed` of these people signed. Raises `Integrity`, which says `whose`, when they are too few."""
    if not 1 <= needed <= len({bytes(public) for public in publics}):
        raise Invalid("the quorum cannot be met", hint="Ask for 1 to as many signatures as there are people.")
    body, signatures = _take_apart(data)
    signed = _count(domain, body, signatures, publics)
    if signed < needed:
        raise Integrity(f"{signed} valid signatures, {needed} are needed", hint=f"Let more of {whose} sign.")
    return body


def encode_bytes(data: bytes) -> str:
    """Return bytes as base64 text."""
    return base64.b64encode(data).decode()


def decode_bytes(text: Any) -> bytes:
    """Return the bytes of canonical base64 text. Raises `Invalid` otherwise."""
    try:
        data = base64.b64decode(text, validate=True)
    except (ValueError, TypeError):
        raise Invalid("not base64") from None
    if encode_bytes(data) != text:
        raise Invalid("not canonical base64")
    return data


def decode_publics(entries: Any) -> dict[str, bytes]:
    """Return named raw Ed25519 keys. Raises `Invalid` for anything else."""
    if not isinstance(entries, Mapping):
        raise Invalid("names and keys are malformed")
    publics = {name: decode_bytes(text) for name, text in entries.items()}
    if any(len(public) != 32 for public in publics.values()):
        raise Invalid("an Ed25519 key is malformed")
    return publics


def encode_publics(publics: Mapping[str, bytes]) -> dict[str, str]:
    """Return named raw keys as texts."""
    return {name: encode_bytes(public) for name, public in publics.items()}


def _message(domain: str, body: bytes) -> bytes:
    return domain.encode() + b"\n" + body


def _take_apart(data: bytes) -> tuple[bytes, dict[str, bytes]]:
    """Return body and signatures. Raises `Integrity` for bytes that are no signed document."""
    if len(data) > LIMIT:
        raise Integrity("the signed document is longer than 8 MiB")
    try:
        outer = decode_canonical(data, _FIELDS)
        return decode_bytes(outer["body"]), _decode_signatures(outer["signatures"])
    except Invalid as error:
        raise Integrity(f"the signed document is damaged: {error}", hint="Fetch it again.") from None


def _decode_signatures(entries: Any) -> dict[str, bytes]:
    if not isinstance(entries, dict):
        raise Invalid("signatures are malformed")
    return {digest: decode_bytes(text) for digest, text in entries.items()}
