"""Make the published evidence bundles: `.venv/bin/python tests/golden/evidence/make_evidence_vectors.py`. Needs swtpm and tpm2-tools.

A TPM's quote cannot be made again byte for byte; the test verifies the published files and never rewrites them.
"""

import dataclasses
import hashlib
import json
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ROOT = Path(__file__).resolve().parents[3]
sys.path += [str(ROOT / "tests/unit/assess"), str(ROOT / "tests/unit/seal")]

from sealdevices import run_tpm  # noqa: E402 - found by the line above
from test_host_quote import HANDLE, Tpm, make_key  # noqa: E402

from wayseal.assess.bundle import Header, encode_bundle, quote_challenge  # noqa: E402
from wayseal.assess.catalogue import find_probe  # noqa: E402
from wayseal.assess.host.facts import BOOT_PCRS, HostFacts  # noqa: E402
from wayseal.assess.host.view import run_command  # noqa: E402
from wayseal.assess.probe import failed, observe, passed  # noqa: E402
from wayseal.assess.quote import Quote, take_quote  # noqa: E402
from wayseal.model.clock import to_text  # noqa: E402
from wayseal.model.oversight import Observation  # noqa: E402

FOLDER = ROOT / "docs" / "spec" / "vectors" / "evidence"
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
NONCE = bytes(range(32))
SEED = bytes((0x31,)) * 32
KEY = Ed25519PrivateKey.from_private_bytes(SEED)
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes((0x32,)) * 32)
PUBLIC = KEY.public_key().public_bytes_raw()
SPECS = tuple(find_probe(name) for name in ("p01", "p06", "p13"))


def make_parts(facts: HostFacts) -> tuple[Header, list[Observation]]:
    """Return header and observations of an honest host, one of whose probes fails."""
    pcrs = dict(facts.pcrs)
    seen = [
        passed("no driver for removable storage is loaded or can be", drivers={"uas": {"loaded": False}}),
        failed("core dumps go to core, not to |/bin/false", core_pattern="core", memlock=None),
        passed("booted as declared, from the signed root", pcrs=pcrs, verity_root=facts.verity_root),
    ]
    observations = [observe(spec, one, lambda: NOW) for spec, one in zip(SPECS, seen, strict=True)]
    header = Header(
        equipment="lane1-host",
        device=hashlib.sha256(PUBLIC).hexdigest(),
        nonce=NONCE.hex(),
        facts_sha256=facts.sha256,
        started_at=NOW,
        finished_at=NOW,
        probes=tuple(spec.id for spec in SPECS),
        pcrs=pcrs,
    )
    return header, observations


def make_bundles(facts: HostFacts, tpm: Tpm) -> Mapping[str, bytes]:
    """Return every published bundle by its name, which says what is wrong with it."""
    header, seen = make_parts(facts)
    edited = [dataclasses.replace(seen[0], reason="all is well"), *seen[1:]]

    def quote(of: Header) -> Quote:
        return take_quote(run_command, HANDLE, BOOT_PCRS, quote_challenge(of, seen), tcti=tpm.tcti)

    good = quote(header)

    def sign(observations: list[Observation] = seen, **changes: object) -> bytes:
        return encode_bundle(dataclasses.replace(header, **changes), observations, None, KEY.sign)

    valid = encode_bundle(header, seen, good, KEY.sign)
    elsewhere = {**header.pcrs, "4": "ab" * 32}
    return {
        "valid-quoted": valid,
        "valid-without-quote": sign(),
        "invalid-byte-edited": valid.replace(b"core dumps go to core", b"core dumps go to cora"),
        "invalid-line-missing": b"\n".join([*valid.split(b"\n")[:1], *valid.split(b"\n")[2:]]),
        "invalid-space-added": valid.replace(b'{"bundle":', b'{"bundle": ', 1),
        "invalid-signed-by-stranger": encode_bundle(header, seen, good, STRANGER.sign),
        "invalid-other-nonce": sign(nonce="ff" * 32),
        "invalid-other-equipment": sign(equipment="lane2-host"),
        "invalid-other-facts": sign(facts_sha256="00" * 32),
        "invalid-other-device": sign(device="00" * 32),
        "invalid-an-hour-early": sign(started_at=NOW - timedelta(hours=1)),
        "invalid-probe-missing": sign(seen[:2]),
        "invalid-probe-twice": sign([*seen[:2], seen[1]]),
        "invalid-probe-of-other-version": sign([dataclasses.replace(seen[0], version="0"), *seen[1:]]),
        "invalid-evidence-digest": sign([dataclasses.replace(seen[0], evidence=b'{"drivers":{}}'), *seen[1:]]),
        "invalid-edited-after-quote": encode_bundle(header, edited, good, KEY.sign),
        "invalid-measurements-of-another-boot": encode_bundle(
            dataclasses.replace(header, pcrs=elsewhere), seen, quote(dataclasses.replace(header, pcrs=elsewhere)), KEY.sign
        ),
        "invalid-quote-signature": encode_bundle(
            header, seen, Quote(good.attest, good.signature[:-1] + bytes((good.signature[-1] ^ 1,))), KEY.sign
        ),
    }  # fmt: skip


def main() -> None:
    """Write the vectors."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, run_tpm(Path(name)) as tcti:
        tpm = make_key(tcti, Path(name), ["-G", "ecc", "-g", "sha256", "-s", "ecdsa"])
        tpm.extend(7)
        facts = HostFacts(chassis_serial="CASE-001", pcrs=tpm.pcrs(), verity_root="5c" * 32)
        for title, data in make_bundles(facts, tpm).items():
            (FOLDER / f"{title}.jsonl").write_bytes(data)
        known = {
            "asked_at": to_text(NOW - timedelta(seconds=2)),
            "device_public": PUBLIC.hex(),
            "device_seed": SEED.hex(),
            "equipment": "lane1-host",
            "facts": facts.encode().decode(),
            "nonce": NONCE.hex(),
            "probes": [{"id": spec.id, "control": spec.control, "version": spec.version} for spec in SPECS],
            "quote_public": tpm.public.decode(),
            "received_at": to_text(NOW + timedelta(seconds=2)),
        }
        (FOLDER / "known.json").write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
