"""Fuzz target of what a host sends about itself: the evidence bundle, its TPM quote, and the facts it was measured against.

No crash, no hang; nothing that the device did not sign is believed; and what parses is written back as it came.
`python tests/fuzz/fuzz_evidence.py [libFuzzer options] [CORPUS]` runs it under atheris, coverage-guided (group `fuzz`).
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fuzzing import mutate_corpus, run_atheris

from wayseal.assess.bundle import Bundle, Header, encode_bundle, parse_bundle
from wayseal.assess.catalogue import find_probe
from wayseal.assess.host.facts import HostFacts, decode_facts
from wayseal.assess.probe import observe, passed
from wayseal.assess.quote import Quote, parse_attest
from wayseal.assess.verify import Expected, verify_bundle
from wayseal.model.errors import Integrity, Invalid

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"fuzzed device").digest())
PUBLIC = KEY.public_key().public_bytes_raw()
SPECS = (find_probe("p01"), find_probe("p13"))
FACTS = HostFacts(chassis_serial="CASE-001", disk_serials=("A", "B"), pcrs={"0": "ab" * 32})
EXPECTED = Expected("host", bytes(32), NOW, SPECS, FACTS, PUBLIC)
ATTEST = (
    b"\xffTCG\x80\x18\x00\x04name\x00\x20" + bytes(range(32)) + bytes(8 + 4 + 4 + 1 + 8)
    + b"\x00\x00\x00\x01\x00\x0b\x03\x95\x08\x00\x00\x20" + bytes(32)
)  # fmt: skip


def make_bundle(quote: Quote | None) -> bytes:
    """Return a bundle of two probes, signed by the device."""
    header = Header(
        equipment="host",
        device=hashlib.sha256(PUBLIC).hexdigest(),
        nonce=EXPECTED.nonce.hex(),
        facts_sha256=FACTS.sha256,
        started_at=NOW,
        finished_at=NOW,
        probes=tuple(spec.id for spec in SPECS),
        pcrs={"0": "ab" * 32},
    )
    seen = [
        observe(spec, passed("as it should be", list=[1, None, {"a": True}]), lambda: NOW) for spec in SPECS
    ]
    return encode_bundle(header, seen, quote, KEY.sign)


SIGNED = (make_bundle(None), make_bundle(Quote(ATTEST, b"\x00\x18\x00\x0b\x00\x01\x01\x00\x01\x01")))


def load_corpus() -> list[bytes]:
    """Return two bundles, a quote and facts: what mutations start from."""
    return [*SIGNED, ATTEST, FACTS.encode()]


def check_input(data: bytes) -> None:
    """Feed bytes to every parser. Raises AssertionError for an acceptance, and whatever a parser should not raise."""
    try:
        bundle = parse_bundle(data)
        assert _write(bundle) == data, "a bundle has two spellings"
        verify_bundle(data, EXPECTED, NOW)
        assert data in SIGNED, "a bundle is believed that the device did not sign"
    except Integrity:
        pass
    with suppress(Integrity):
        parse_attest(data)
    with suppress(Invalid):
        assert decode_facts(data).encode() == data, "facts have two spellings"


def _write(bundle: Bundle) -> bytes:
    """Return a bundle as bytes again, with the signature that it came with."""
    return encode_bundle(bundle.header, bundle.observations, bundle.quote, lambda _message: bundle.signature)


def mutate(corpus: list[bytes], count: int, seed: int) -> Iterator[bytes]:
    """Give `count` damaged inputs; cuts and doubles are of digests, numbers and lines."""
    return mutate_corpus(corpus, count, seed, cuts=(1, 2, 4, 32, 64, 300), doubles=(1, 2, 32, 64, 500))


if __name__ == "__main__":
    run_atheris(check_input)
