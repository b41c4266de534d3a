"""Sealing beside its limit: what a record costs over plain AES-256-GCM of the same bytes, in CPU time of one process.

Writes bench/results/seal.json and prints a table. Ratios are what counts; microseconds depend on the machine.
"""

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wayseal.model.custody import EpochKey, Kind, SealedRecord
from wayseal.model.ids import EpochId, RecordId
from wayseal.seal.device import seal_body
from wayseal.seal.envelope import verify_record
from wayseal.seal.keys import EpochVault, FileKeeper, PassphraseCost, SigningIdentity
from wayseal.seal.open import open_body, rewrap_record, unwrap_data_key

RESULT = Path(__file__).parent / "results" / "seal.json"
NOW = datetime(2026, 11, 22, 7, 9, tzinfo=UTC)
SIZES = {"template, 2 kB": 2_000, "plate, 20 kB": 20_000, "face, 200 kB": 200_000, "scene, 2 MB": 2_000_000}
ROUNDS = 9
LANE = SigningIdentity("lane-1", b"\x01" * 32)


def measure(act: Callable[[], object], *, seconds: float = 0.1) -> float:
    """Return the CPU microseconds of one call: the median over rounds of as many calls as fill `seconds`."""
    start = time.process_time()
    act()
    calls = max(1, int(seconds / max(time.process_time() - start, 1e-6)))
    rounds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(calls):
            act()
        rounds.append((time.process_time() - start) / calls)
    return statistics.median(rounds) * 1e6


def measure_size(size: int, vault: EpochVault, keys: dict[str, EpochKey]) -> dict[str, float]:
    """Return the microseconds of each step for a body of `size` bytes, and their ratio to plain AES-256-GCM."""
    body, cipher = os.urandom(size), AESGCM(os.urandom(32))

    def seal() -> SealedRecord:
        return seal_body(
            body, object_id=RecordId("01KB3Z6V8N4Q0T2Y5RWXEJ7MCH"), lane="lane-1", kind=Kind.FACE,
            epoch_keys=[keys["short"]], sealed_at=NOW, signer=LANE,
        )  # fmt: skip

    record = seal()

    def read() -> bytes:
        return open_body(record, unwrap_data_key(record, vault, device_public=LANE.public))

    def keep() -> SealedRecord:
        return rewrap_record(
            record, vault, keys["long"], reason="decision.refer", rewrapped_at=NOW, signer=LANE,
            device_public=LANE.public,
        )  # fmt: skip

    steps = {
        "aes_gcm_us": measure(lambda: cipher.encrypt(os.urandom(12), body, b"")),
        "seal_us": measure(seal),
        "verify_us": measure(lambda: verify_record(record, LANE.public)),
        "open_us": measure(read),
        "rewrap_us": measure(keep),
    }
    steps["seal_over_aes_gcm"] = steps["seal_us"] / steps["aes_gcm_us"]
    steps["overhead_bytes"] = len(record.data) - size
    return {name: round(value, 1) for name, value in steps.items()}


def main() -> None:
    """Measure every size, write the JSON and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        keeper = FileKeeper.create(
            Path(folder) / "keeper", b"bench passphrase", cost=PassphraseCost(64, 1, 1)
        )
        vault = EpochVault(keeper, Path(folder) / "epochs", lambda: NOW)
        keys = {
            name: vault.create_epoch(EpochId(f"{record_class}/2026-11-22T07Z"))
            for name, record_class in (("short", "citizen"), ("long", "non_citizen"))
        }
        results: dict[str, Any] = {name: measure_size(size, vault, keys) for name, size in SIZES.items()}
    RESULT.parent.mkdir(exist_ok=True)
    answer = {
        "machine": "2 shared cores, AMD EPYC, AVX-512",
        "unit": "CPU microseconds, one thread",
        "sizes": results,
    }
    RESULT.write_text(json.dumps(answer, indent=1) + "\n")
    print("| body | plain AES-256-GCM | seal | ratio | verify | open | re-wrap | overhead |")
    print("|---|---|---|---|---|---|---|---|")
    for name, row in results.items():
        print(
            f"| {name} | {row['aes_gcm_us']:.0f} µs | {row['seal_us']:.0f} µs | {row['seal_over_aes_gcm']:.1f} "
            f"| {row['verify_us']:.0f} µs | {row['open_us']:.0f} µs | {row['rewrap_us']:.0f} µs | {row['overhead_bytes']:,.0f} B |"
        )


if __name__ == "__main__":
    main()
