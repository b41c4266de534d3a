"""The on-host collector: runs the host parts of the probes and returns one signed bundle of what they saw.

Owns which probes run and the order; `bundle` has the format. Imports the standard library, `cryptography` and `rfc8785` only, so
that it starts on a lane computer in a fraction of a second. A host can lie in its bundle: that is what the TPM's quote and the
outside parts are for (docs/adr/0080-a-lying-host.md).
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from wayseal.assess.bundle import Header, encode_bundle, quote_challenge
from wayseal.assess.catalogue import Cadence, ProbeSpec, Where
from wayseal.assess.host import (
    boot,
    crypto,
    disk,
    hardening,
    keys,
    machine,
    media,
    memory,
    software,
    usbguard,
)
from wayseal.assess.host.facts import BOOT_PCRS
from wayseal.assess.host.view import HostView
from wayseal.assess.probe import PATIENCE_S, Subject, run_part
from wayseal.assess.quote import Quote, take_quote
from wayseal.model.clock import Clock
from wayseal.model.errors import Unavailable
from wayseal.model.oversight import EquipmentKind, Observation

HOST_MODULES = (boot, crypto, disk, hardening, keys, machine, media, memory, software, usbguard)
"""The modules whose import registers the host parts."""

Progress = Callable[[Observation], None]


@dataclass(frozen=True, slots=True)
class Signer:
    """The host's device key: its raw Ed25519 public half, and what signs with it."""

    public: bytes
    sign: Callable[[bytes], bytes]


def host_probes(
    catalogue: Sequence[ProbeSpec], kind: EquipmentKind, *, daily: bool = False
) -> tuple[ProbeSpec, ...]:
    """Return the probes of which a host of that kind owes a part; with `daily`, those of every day only."""
    return tuple(
        spec
        for spec in catalogue
        if Where.HOST in spec.where and kind in spec.kinds and (not daily or spec.cadence is Cadence.DAILY)
    )


def assess_host(
    equipment: str,
    kind: EquipmentKind,
    view: HostView,
    specs: Sequence[ProbeSpec],
    *,
    nonce: bytes,
    signer: Signer,
    clock: Clock,
    limit_s: float = PATIENCE_S,
    progress: Progress = lambda _observation: None,
) -> bytes:
    """Return the signed bundle of the host parts of `specs`, quoted by the TPM when the host has one.

    `nonce` is the assessor's, 32 bytes. Never raises for what a probe meets: that is an error in its observation.
    """
    subject = Subject(kind, {Where.HOST: replace(view, nonce=nonce, clock=clock)})
    started, observations = clock(), list[Observation]()
    for spec in specs:
        observations.append(run_part(spec, Where.HOST, subject, clock, limit_s=limit_s))
        progress(observations[-1])
    header = Header(
        equipment=equipment,
        device=hashlib.sha256(signer.public).hexdigest(),
        nonce=nonce.hex(),
        facts_sha256=view.facts.sha256,
        started_at=started,
        finished_at=clock(),
        probes=tuple(spec.id for spec in specs),
        pcrs=boot.read_pcrs(view),
    )
    quote = _quote(view, header, observations)
    return encode_bundle(header, observations, quote, signer.sign)


def _quote(view: HostView, header: Header, observations: Sequence[Observation]) -> Quote | None:
    """Return the TPM's quote over nonce and evidence, or None when the host has no TPM or it gives none."""
    if not view.exists("/sys/class/tpm/tpm0"):
        return None
    try:
        extra = quote_challenge(header, observations)
        return take_quote(view.run, view.facts.quote_handle, BOOT_PCRS, extra, tcti=view.facts.tcti)
    except Unavailable:
        return None
