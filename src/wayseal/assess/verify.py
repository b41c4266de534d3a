"""Believing a host's evidence: the one place where a bundle becomes observations, or is refused with a reason.

Owns the order of the checks. It takes nothing on the host's word but what the device's own key signed for this nonce, in this
window, against these facts; what was booted it takes from the TPM's quote alone.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wayseal.assess.bundle import SIGNED, Bundle, challenge, parse_bundle
from wayseal.assess.catalogue import ProbeSpec
from wayseal.assess.host.facts import HostFacts
from wayseal.assess.probe import REASON_LIMIT, broken, observe
from wayseal.assess.quote import verify_quote
from wayseal.model.clock import Clock
from wayseal.model.errors import Integrity, WaysealError
from wayseal.model.oversight import Observation, Result

TOLERANCE: Final = timedelta(minutes=5)
"""How far a host's clock may be from the assessor's before its bundle is refused; probe 23 is the strict one."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the assessor knows of a host before it answers."""

    equipment: str
    nonce: bytes
    asked_at: datetime
    specs: tuple[ProbeSpec, ...]
    facts: HostFacts
    device_public: bytes
    quote_public: bytes | None = None
    """The quoting key in PEM, registered when the host was enrolled; None for a host that has no TPM."""


def verify_bundle(raw: bytes, expected: Expected, now: datetime) -> tuple[Observation, ...]:
    """Return the observations of a bundle that answers this question, in the order asked. Raises `Integrity` otherwise.

    1. It is signed by the equipment's device key. 2. It answers our nonce, for this equipment, against our facts.
    3. Its times are within the time since we asked, give or take five minutes. 4. It has each probe asked for once, in the
    catalogue's version, with evidence of the right digest. 5. The TPM quoted nonce, evidence and measurements. Without a
    registered quoting key, or without a quote, step 5 makes probe 13 fail instead, whatever the host said of it.
    """
    bundle = parse_bundle(raw)
    _verify_signature(bundle, expected.device_public)  # 1
    header = bundle.header
    if header.nonce != expected.nonce.hex():  # 2
        raise Integrity("evidence for another nonce: replayed, or of another assessment")
    if header.equipment != expected.equipment:
        raise Integrity("evidence of another piece of equipment")
    if header.facts_sha256 != expected.facts.sha256:
        raise Integrity("the host was not measured against what was declared of it")
    _verify_times(bundle, expected.asked_at, now)  # 3
    _verify_probes(bundle, expected.specs)  # 4
    return _judge_quote(bundle, expected)  # 5


def _verify_signature(bundle: Bundle, device_public: bytes) -> None:
    """Raise `Integrity` unless the device signed the bundle and it names that device."""
    try:
        Ed25519PublicKey.from_public_bytes(device_public).verify(
            bundle.signature, SIGNED + bundle.signed_digest
        )
    except InvalidSignature:
        raise Integrity("the evidence bundle is not signed by the device, or was changed") from None
    if bundle.header.device != hashlib.sha256(device_public).hexdigest():
        raise Integrity("the evidence bundle names another device")


def _verify_times(bundle: Bundle, asked_at: datetime, now: datetime) -> None:
    """Raise `Integrity` unless everything happened in order, after we asked and before we read it."""
    header = bundle.header
    times = [header.started_at, *(one.observed_at for one in bundle.observations), header.finished_at]
    if times != sorted(times):
        raise Integrity("the evidence's times are not in order")
    if times[0] < asked_at - TOLERANCE or times[-1] > now + TOLERANCE:
        early = asked_at - times[0]
        late = times[-1] - now
        minutes = round(max(early, late).total_seconds() / 60)
        raise Integrity(
            f"the evidence is from outside the assessment, by {minutes} minutes: old, or the host's clock is wrong"
        )


def _verify_probes(bundle: Bundle, specs: Sequence[ProbeSpec]) -> None:
    """Raise `Integrity` unless there is one observation of each probe asked for, in order, in the catalogue's version."""
    seen = tuple(one.probe for one in bundle.observations)
    asked = tuple(spec.id for spec in specs)
    if len(set(seen)) != len(seen):
        raise Integrity("the evidence has a probe twice")
    if seen != asked or bundle.header.probes != asked:
        missing = sorted(set(asked) - set(seen))
        raise Integrity(
            f"the evidence lacks probes ({', '.join(missing)})"
            if missing
            else "the evidence has other probes than asked for"
        )
    for one, spec in zip(bundle.observations, specs, strict=True):
        if one.version != spec.version or one.control != spec.control:
            raise Integrity(f"the evidence of {spec.id} is of another version of the probe")


def _judge_quote(bundle: Bundle, expected: Expected) -> tuple[Observation, ...]:
    """Return the observations, with probe 13 failed when the TPM does not vouch for it. Raises `Integrity` for a wrong quote."""
    if bundle.quote is not None and expected.quote_public is not None:
        extra = challenge(bundle.header.nonce, bundle.evidence_digest)
        verify_quote(bundle.quote, expected.quote_public, extra, bundle.header.pcrs)
        wrong = bundle.header.pcrs != dict(expected.facts.pcrs)
        unvouched = "the TPM signed other measurements than were declared" if wrong else None
    elif expected.quote_public is not None:
        unvouched = "the host has a registered quoting key, and no quote came"
    else:
        unvouched = "no quoting key is registered: nothing but the host's word shows what was booted"
    if unvouched is None:
        return bundle.observations
    return tuple(_fail(one, unvouched) if one.probe == "p13" else one for one in bundle.observations)


def _fail(one: Observation, reason: str) -> Observation:
    """Return an observation as a failure, with the reason before its own."""
    if one.result is not Result.PASS:
        return one
    return replace(one, result=Result.FAIL, reason=f"{reason}; the host said: {one.reason}"[:REASON_LIMIT])


def refuse_host(specs: Sequence[ProbeSpec], error: WaysealError, clock: Clock) -> tuple[Observation, ...]:
    """Return an error for each probe asked for, with the reason why the host's evidence cannot be believed.

    For a bundle that `verify_bundle` refused, or a host that never answered: never a pass, always a reason.
    """
    return tuple(observe(spec, broken(f"no evidence: {error}"), clock) for spec in specs)
