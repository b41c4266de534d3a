"""The evidence bundle: JSON lines, canonical, one for each probe between a header and a seal. Format and strict reader.

    {"bundle": "wayseal-evidence-1", "equipment", "device", "nonce", "facts_sha256", "started_at", "finished_at", "probes", "pcrs"}
    {"probe", "control", "version", "result", "reason", "observed_at", "evidence", "evidence_sha256"}   one for each of `probes`
    {"quote": {"attest", "signature"} | null}            base64; over SHA-256(nonce | SHA-256(all lines before this one))
    {"signature": hex}                                   Ed25519 over "wayseal-evidence/v1" | SHA-256(all lines before this one)

One bundle has exactly one encoding. Reading one believes nothing: `verify.verify_bundle` does that.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import rfc8785

from wayseal.assess.host.facts import BOOT_PCRS
from wayseal.assess.probe import EVIDENCE_LIMIT, REASON_LIMIT, clean_reason
from wayseal.assess.quote import SIZE_LIMIT, Quote
from wayseal.model.clock import from_text, to_text
from wayseal.model.errors import Integrity, Invalid
from wayseal.model.oversight import Observation, Result

FORMAT: Final = "wayseal-evidence-1"
SIGNED: Final = b"wayseal-evidence/v1"
BUNDLE_LIMIT: Final = 16 * 2**20
LINE_LIMIT: Final = EVIDENCE_LIMIT + 64 * 1024
_HEX64 = re.compile(r"[0-9a-f]{64}")
_HEADER = frozenset(
    ("bundle", "device", "equipment", "facts_sha256", "finished_at", "nonce", "pcrs", "probes", "started_at")
)
_LINE = frozenset(
    ("control", "evidence", "evidence_sha256", "observed_at", "probe", "reason", "result", "version")
)


@dataclass(frozen=True, slots=True)
class Header:
    """What a bundle says of itself. `device` is the SHA-256 of the device's public key; `pcrs` the values it claims."""

    equipment: str
    device: str
    nonce: str
    facts_sha256: str
    started_at: datetime
    finished_at: datetime
    probes: tuple[str, ...]
    pcrs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle taken apart, not yet believed."""

    header: Header
    observations: tuple[Observation, ...]
    quote: Quote | None
    evidence_digest: bytes
    """SHA-256 of the header's and the observations' lines."""
    signed_digest: bytes
    signature: bytes


def encode_bundle(
    header: Header, observations: Sequence[Observation], quote: Quote | None, sign: Callable[[bytes], bytes]
) -> bytes:
    """Return the bytes of a bundle, signed."""
    quoted = None
    if quote is not None:
        quoted = {
            "attest": base64.b64encode(quote.attest).decode(),
            "signature": base64.b64encode(quote.signature).decode(),
        }
    signed = _encode_evidence_lines(header, observations) + _line({"quote": quoted})
    signature = sign(SIGNED + hashlib.sha256(signed).digest())
    return signed + _line({"signature": signature.hex()})


def quote_challenge(header: Header, observations: Sequence[Observation]) -> bytes:
    """Return the 32 bytes that the TPM must quote: SHA-256 of the nonce and the digest of the evidence."""
    digest = hashlib.sha256(_encode_evidence_lines(header, observations)).digest()
    return challenge(header.nonce, digest)


def challenge(nonce: str, evidence_digest: bytes) -> bytes:
    """Return SHA-256 of the nonce (hex) and the digest of the evidence."""
    return hashlib.sha256(bytes.fromhex(nonce) + evidence_digest).digest()


def _encode_evidence_lines(header: Header, observations: Sequence[Observation]) -> bytes:
    """Return the lines that the quote covers."""
    first = {
        "bundle": FORMAT,
        "device": header.device,
        "equipment": header.equipment,
        "facts_sha256": header.facts_sha256,
        "finished_at": to_text(header.finished_at),
        "nonce": header.nonce,
        "pcrs": dict(header.pcrs),
        "probes": list(header.probes),
        "started_at": to_text(header.started_at),
    }
    return _line(first) + b"".join(map(_encode_observation, observations))


def _encode_observation(one: Observation) -> bytes:
    """Return the line of one observation."""
    return _line(
        {
            "control": one.control,
            "evidence": json.loads(one.evidence),
            "evidence_sha256": one.evidence_sha256,
            "observed_at": to_text(one.observed_at),
            "probe": one.probe,
            "reason": one.reason,
            "result": one.result.value,
            "version": one.version,
        }
    )


def _line(fields: Mapping[str, Any]) -> bytes:
    return rfc8785.dumps(dict(fields)) + b"\n"


def parse_bundle(raw: bytes) -> Bundle:
    """Return a bundle taken apart. Raises `Integrity` for bytes that are none; repeats nothing of them."""
    if len(raw) > BUNDLE_LIMIT or not raw.endswith(b"\n"):
        raise Integrity("not an evidence bundle")
    lines = raw[:-1].split(b"\n")
    if len(lines) < 3:
        raise Integrity("not an evidence bundle")
    evidence = b"".join(line + b"\n" for line in lines[:-2])
    signed = evidence + lines[-2] + b"\n"
    seal = _read_line(lines[-1], frozenset(("signature",)))["signature"]
    if not isinstance(seal, str) or not re.fullmatch(r"[0-9a-f]{128}", seal):
        raise Integrity("not an evidence bundle: its signature has no form")
    return Bundle(
        header=_read_header(_read_line(lines[0], _HEADER)),
        observations=tuple(_read_observation(_read_line(line, _LINE)) for line in lines[1:-2]),
        quote=_read_quote(_read_line(lines[-2], frozenset(("quote",)))["quote"]),
        evidence_digest=hashlib.sha256(evidence).digest(),
        signed_digest=hashlib.sha256(signed).digest(),
        signature=bytes.fromhex(seal),
    )


def _read_line(line: bytes, names: frozenset[str]) -> dict[str, Any]:
    """Return the object of one line, which must be canonical JSON with exactly these names."""
    fields, canonical = None, b""
    try:
        fields = json.loads(line) if len(line) <= LINE_LIMIT else None
        canonical = rfc8785.dumps(fields)
    except (ValueError, RecursionError):  # rfc8785's errors are ValueErrors
        pass
    if canonical != line or not isinstance(fields, dict) or set(fields) != names:
        raise Integrity("a line of the evidence bundle is not canonical, or has other fields")
    return fields


def _read_header(fields: Mapping[str, Any]) -> Header:
    """Return the header of a line's fields."""
    hexes = (fields["device"], fields["facts_sha256"], fields["nonce"])
    probes, pcrs = fields["probes"], fields["pcrs"]
    if fields["bundle"] != FORMAT or not all(_is_digest(one) for one in hexes):
        raise Integrity("not an evidence bundle of this format")
    if not isinstance(fields["equipment"], str) or not isinstance(probes, list) or not isinstance(pcrs, dict):
        raise Integrity("the evidence bundle's header is malformed")
    known = {str(number) for number in BOOT_PCRS}
    if not all(isinstance(one, str) for one in probes) or not (
        set(pcrs) <= known and all(map(_is_digest, pcrs.values()))
    ):
        raise Integrity("the evidence bundle's header is malformed")
    return Header(
        equipment=fields["equipment"],
        device=fields["device"],
        nonce=fields["nonce"],
        facts_sha256=fields["facts_sha256"],
        started_at=_read_time(fields["started_at"]),
        finished_at=_read_time(fields["finished_at"]),
        probes=tuple(probes),
        pcrs=pcrs,
    )


def _read_observation(fields: Mapping[str, Any]) -> Observation:
    """Return the observation of a line's fields; its evidence must have the digest that it names."""
    texts = ("control", "evidence_sha256", "probe", "reason", "version")
    if not all(isinstance(fields[name], str) and _is_plain(fields[name]) for name in texts):
        raise Integrity("an observation of the evidence bundle is malformed")
    evidence = rfc8785.dumps(fields["evidence"])
    if hashlib.sha256(evidence).hexdigest() != fields["evidence_sha256"]:
        raise Integrity("evidence that does not have the digest that it names")
    if fields["result"] not in [one.value for one in Result]:
        raise Integrity("an observation of the evidence bundle has no known result")
    return Observation(
        probe=fields["probe"],
        control=fields["control"],
        version=fields["version"],
        result=Result(fields["result"]),
        reason=fields["reason"],
        observed_at=_read_time(fields["observed_at"]),
        evidence=evidence,
        evidence_sha256=fields["evidence_sha256"],
    )


def _read_quote(value: Any) -> Quote | None:
    """Return the quote of a line, or None for null."""
    if value is None:
        return None
    if not isinstance(value, dict) or set(value) != {"attest", "signature"}:
        raise Integrity("the evidence bundle's quote is malformed")
    try:
        parts = [base64.b64decode(value[name], validate=True) for name in ("attest", "signature")]
    except (binascii.Error, ValueError, TypeError):
        raise Integrity("the evidence bundle's quote is malformed") from None
    if any(len(part) > SIZE_LIMIT for part in parts):
        raise Integrity("the evidence bundle's quote is too long")
    if [base64.b64encode(part).decode() for part in parts] != [value["attest"], value["signature"]]:
        raise Integrity("the evidence bundle's quote has another spelling")
    return Quote(*parts)


def _read_time(text: Any) -> datetime:
    """Return the time of a canonical text."""
    try:
        moment = from_text(text) if isinstance(text, str) else None
    except Invalid:
        moment = None
    if moment is None or to_text(moment) != text:
        raise Integrity("a time of the evidence bundle is not in canonical form")
    return moment


def _is_plain(text: str) -> bool:
    return len(text) <= REASON_LIMIT and clean_reason(text) == text


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and _HEX64.fullmatch(value) is not None
