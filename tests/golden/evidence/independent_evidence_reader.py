"""A reader of evidence bundles written from `docs/spec/evidence.md` alone, without any of our code."""

import base64
import hashlib
import json
import struct
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_public_key


class NotBelievedError(Exception):
    """The bundle is refused; the text is the number of the rule."""


def check(rule: str, *, holds: bool) -> None:
    """Refuse unless a rule holds."""
    if not holds:
        raise NotBelievedError(rule)


def canonical(value: Any) -> bytes:
    """Return RFC 8785 JSON, for values whose texts are ASCII and whose numbers are integers, as those of the vectors are."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def read(data: bytes, known: dict[str, Any]) -> dict[str, str]:
    """Return the result of each probe. Raises `NotBelievedError`."""
    lines = data.split(b"\n")
    check("1", holds=lines.pop() == b"" and len(lines) >= 3)
    parsed = [json.loads(line) for line in lines]
    check("1", holds=[canonical(value) for value in parsed] == lines)
    header, seen, quote, seal = parsed[0], parsed[1:-2], parsed[-2]["quote"], parsed[-1]["signature"]
    evidence = b"".join(line + b"\n" for line in lines[:-2])
    signed = evidence + lines[-2] + b"\n"
    message = b"wayseal-evidence/v1" + hashlib.sha256(signed).digest()
    public = bytes.fromhex(known["device_public"])
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(bytes.fromhex(seal), message)
    except InvalidSignature:
        raise NotBelievedError("2") from None
    check("2", holds=header["device"] == hashlib.sha256(public).hexdigest())
    check("3", holds=header["nonce"] == known["nonce"] and header["equipment"] == known["equipment"])
    check("3", holds=header["facts_sha256"] == hashlib.sha256(known["facts"].encode()).hexdigest())
    times = [
        datetime.fromisoformat(text)
        for text in [header["started_at"], *(one["observed_at"] for one in seen), header["finished_at"]]
    ]
    slack = timedelta(minutes=5)
    check("4", holds=times == sorted(times))
    check("4", holds=times[0] >= datetime.fromisoformat(known["asked_at"]) - slack)
    check("4", holds=times[-1] <= datetime.fromisoformat(known["received_at"]) + slack)
    wanted = [(one["id"], one["control"], one["version"]) for one in known["probes"]]
    check("5", holds=[(one["probe"], one["control"], one["version"]) for one in seen] == wanted)
    check("5", holds=header["probes"] == [name for name, _, _ in wanted])
    for one in seen:
        check("5", holds=hashlib.sha256(canonical(one["evidence"])).hexdigest() == one["evidence_sha256"])
    results = {one["probe"]: one["result"] for one in seen}
    if quote is None:
        return {**results, "p13": "fail"}
    verify_quote(quote, header, hashlib.sha256(evidence).digest(), known)
    return results


def verify_quote(quote: dict[str, str], header: dict[str, Any], digest: bytes, known: dict[str, Any]) -> None:
    """Refuse unless the TPM's key signed the nonce, the evidence and the measurements of the header."""
    attest, signature = (base64.b64decode(quote[name]) for name in ("attest", "signature"))
    scheme, algorithm, size = struct.unpack_from(">HHH", signature)
    r = signature[6 : 6 + size]
    s = signature[8 + size :]
    check("6", holds=(scheme, algorithm) == (0x18, 0x0B))
    key = load_pem_public_key(known["quote_public"].encode())
    assert isinstance(key, ec.EllipticCurvePublicKey)
    try:
        both = encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
        key.verify(both, attest, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise NotBelievedError("6") from None
    check("6", holds=attest[:6] == bytes.fromhex("ff5443478018"))
    at = 6 + 2 + struct.unpack_from(">H", attest, 6)[0]
    extra = attest[at + 2 : at + 34]
    check("6", holds=extra == hashlib.sha256(bytes.fromhex(header["nonce"]) + digest).digest())
    at += 2 + 32 + 8 + 4 + 4 + 1 + 8
    count, bank, width = struct.unpack_from(">IHB", attest, at)
    mask = int.from_bytes(attest[at + 7 : at + 7 + width], "little")
    numbers = [number for number in range(24) if mask >> number & 1]
    check("6", holds=(count, bank) == (1, 0x0B) and numbers == sorted(map(int, header["pcrs"])))
    joined = b"".join(bytes.fromhex(header["pcrs"][str(number)]) for number in numbers)
    check("6", holds=attest[at + 9 + width :] == hashlib.sha256(joined).digest())
