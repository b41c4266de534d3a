"""Files that a maker or feed signed: bytes, and a detached Ed25519 signature beside them (`NAME.sig`, 64 bytes)."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wayseal.assess.host.view import HostView

SIGNED_LIMIT = 32 * 2**20


def read_signed(view: HostView, name: str) -> tuple[bytes | None, str | None]:
    """Return a file's bytes and what is wrong with its signature: None when a declared signer made it."""
    data = view.read_bytes(name, limit=SIGNED_LIMIT)
    if data is None:
        return None, f"{name} is not there"
    signature = view.read_bytes(f"{name}.sig", limit=1024)
    if signature is None:
        return data, f"{name} is not signed"
    for signer in view.facts.signers:
        try:
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(signer)).verify(signature, data)
        except (InvalidSignature, ValueError):
            continue
        return data, None
    return data, f"{name} is not signed by a declared signer"
