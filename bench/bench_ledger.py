"""The ledger beside pymerkle's SQLite tree in one run: durable appends, proofs, verification, 184,000 entries recomputed.

Both keep the same entries on the same disk; ours also checks each entry's form, indexes it six ways and stores the tree's inner
nodes. Rates are per CPU second of one process (wall seconds beside them for what waits for the disk): read them as ratios.
Writes bench/results/ledger.json and prints a table.
"""

import json
import os
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pymerkle

from wayseal.ledger import proof
from wayseal.ledger.check import verify_ledger
from wayseal.ledger.checkpoint import (
    SeedSigner,
    cosign_checkpoint,
    log_keys,
    read_checkpoint,
    verify_checkpoint,
)
from wayseal.ledger.entry import encode_entry
from wayseal.ledger.log import Ledger
from wayseal.ledger.reader import FILE_NAME
from wayseal.ledger.tiles import export_tiles, verify_export
from wayseal.model.clock import utc_now
from wayseal.model.ids import new_ulid

RESULT = Path(__file__).parent / "results" / "ledger.json"
ENTRIES = 184_000
SIGNER = SeedSigner(b"\x01" * 32, b"\x02" * 32)
ORIGIN = "bench.example/ledger"
ROUNDS = 5


def make_entries(count: int) -> list[dict[str, Any]]:
    """Return capture entries as a lane logs them, about 300 bytes each."""
    now = utc_now()
    entry = {
        "type": "capture", "time": "2026-11-22T07:00:00.000Z", "lane": "lane-1", "epoch": "citizen/2026-11-22T07Z",
        "kind": "face", "device": "lane-1", "size": 212_992,
    }  # fmt: skip
    return [
        {**entry, "object": new_ulid(now), "encounter": new_ulid(now), "sealed_sha256": os.urandom(32).hex()}
        for _ in range(count)
    ]


def time_act(act: Callable[[], object]) -> tuple[float, float]:
    """Return CPU and wall seconds of one call."""
    cpu, wall = time.process_time(), time.perf_counter()
    act()
    return time.process_time() - cpu, time.perf_counter() - wall


def compare(ours: Callable[[], object], theirs: Callable[[], object], count: int) -> dict[str, float]:
    """Return rates per CPU and wall second of both, the median of interleaved rounds of `count` operations each."""
    runs: dict[str, list[tuple[float, float]]] = {"ours": [], "pymerkle": []}
    for _ in range(ROUNDS):
        runs["ours"].append(time_act(ours))
        runs["pymerkle"].append(time_act(theirs))
    answer = {}
    for name, pairs in runs.items():
        answer[f"{name}_per_cpu_s"] = round(count / statistics.median(cpu for cpu, _ in pairs))
        answer[f"{name}_per_wall_s"] = round(count / statistics.median(wall for _, wall in pairs))
    answer["ratio_cpu"] = round(answer["ours_per_cpu_s"] / answer["pymerkle_per_cpu_s"], 2)
    answer["ratio_wall"] = round(answer["ours_per_wall_s"] / answer["pymerkle_per_wall_s"], 2)
    return answer


def append_groups(
    append: Callable[[list[Any]], object], entries: Sequence[Any], group: int
) -> Callable[[], None]:
    """Return an act that appends all entries in groups, each flushed before the next."""

    def act() -> None:
        for start in range(0, len(entries), group):
            append(list(entries[start : start + group]))

    return act


def measure_appends(folder: Path) -> dict[str, dict[str, float]]:
    """Return the rates of durable appends, singly and in groups."""
    ledger = Ledger.create(folder / "appends", origin=ORIGIN)
    other = pymerkle.SqliteTree(str(folder / "appends.db"))
    results = {}
    for group, count in ((1, 300), (16, 3200), (256, 10_240)):
        entries = make_entries(count)
        data = [encode_entry(entry) for entry in entries]

        def theirs(chunk: list[bytes]) -> None:
            if len(chunk) == 1:
                other.append_entry(chunk[0])
            else:
                other.append_entries(chunk)

        results[f"append in groups of {group}"] = compare(
            append_groups(ledger.append, entries, group), append_groups(theirs, data, group), count
        )
    ledger.close()
    other.close()
    return results


def fill(folder: Path) -> tuple[Ledger, pymerkle.SqliteTree]:
    """Return both logs with 184,000 equal entries, ours with a signed checkpoint."""
    ledger = Ledger.create(folder / "full", origin=ORIGIN)
    ledger.write_keys(SIGNER)
    other = pymerkle.SqliteTree(str(folder / "full.db"))
    for _ in range(0, ENTRIES, 4000):
        entries = make_entries(4000)
        ledger.append(entries)
        other.append_entries([encode_entry(entry) for entry in entries])
    ledger.sign_checkpoint(SIGNER)
    return ledger, other


def measure_proofs(ledger: Ledger, other: pymerkle.SqliteTree) -> dict[str, dict[str, float]]:
    """Return the rates of proofs made and verified at 184,000 entries."""
    root, dice = ledger.root(), random.Random(1)
    assert other.get_root() == root, "the two trees differ"
    places = [dice.randrange(ENTRIES) for _ in range(1000)]
    paths = [(place, proof.hash_leaf(ledger.raw(place)), ledger.inclusion(place)) for place in places]
    their_paths = [(leaf, other.prove_inclusion(place + 1)) for place, leaf, _ in paths]
    firsts = [ledger.consistency(place + 1) for place in places]
    roots = [ledger.root(place + 1) for place in places[:200]]
    theirs = [other.prove_consistency(place + 1, ENTRIES) for place in places[:200]]
    return {
        "inclusion proof": compare(
            lambda: [ledger.inclusion(place, ENTRIES) for place in places],
            lambda: [other.prove_inclusion(place + 1, ENTRIES) for place in places], len(places),
        ),
        "consistency proof": compare(
            lambda: [ledger.consistency(place + 1, ENTRIES) for place in places],
            lambda: [other.prove_consistency(place + 1, ENTRIES) for place in places], len(places),
        ),
        "verify inclusion": compare(
            lambda: [proof.verify_inclusion(place, ENTRIES, leaf, path, root) for place, leaf, path in paths],
            lambda: [pymerkle.verify_inclusion(leaf, root, path) for leaf, path in their_paths], len(places),
        ),
        "verify consistency": compare(
            lambda: [
                proof.verify_consistency(place + 1, ENTRIES, first, root, path)
                for place, first, path in zip(places, roots, firsts, strict=False)
            ],
            lambda: [pymerkle.verify_consistency(first, root, path) for first, path in zip(roots, theirs, strict=True)],
            len(roots),
        ),
    }  # fmt: skip


def measure_recompute(ledger: Ledger, folder: Path) -> dict[str, dict[str, float]]:
    """Return how long 184,000 entries take to recompute, in CPU seconds: bare, with every check, and from an export."""
    data = ledger.raw_entries(0, ENTRIES)

    def ours() -> None:
        tree = proof.CompactRange()
        for entry in data:
            tree.append(proof.hash_leaf(entry))
        assert tree.root() == ledger.root()

    def theirs() -> None:
        tree = pymerkle.InmemoryTree()
        tree.append_entries(data)
        assert tree.get_root() == ledger.root()

    export, _ = time_act(lambda: export_tiles(ledger, folder / "export"))
    check, _ = time_act(lambda: verify_ledger(ledger.folder / FILE_NAME, log_keys(ORIGIN, SIGNER)))
    outside, _ = time_act(lambda: verify_export(folder / "export", log_keys(ORIGIN, SIGNER)))
    return {
        f"recompute {ENTRIES:,} in memory (theirs keeps all nodes)": compare(ours, theirs, ENTRIES),
        f"ours only, {ENTRIES:,} entries, CPU seconds": {
            "verify the ledger": round(check, 2), "export tiles": round(export, 2), "verify the export": round(outside, 2)
        },
    }  # fmt: skip


def measure_signing(ledger: Ledger) -> dict[str, float]:
    """Return CPU microseconds of signing, cosigning and verifying a checkpoint with both algorithms."""
    note = str(ledger.latest_checkpoint())
    keys, point = log_keys(ORIGIN, SIGNER), read_checkpoint(note)
    acts: dict[str, Callable[[], object]] = {
        "cosign (Ed25519 and ML-DSA-44)": lambda: cosign_checkpoint(point, "w", SIGNER, clock=utc_now),
        "verify (Ed25519 and ML-DSA-44)": lambda: verify_checkpoint(note, keys),
    }
    return {
        name: round(statistics.median(time_many(act) for _ in range(ROUNDS)) * 1e6)
        for name, act in acts.items()
    }


def time_many(act: Callable[[], object]) -> float:
    """Return the CPU seconds of one call, from a hundred."""
    return time_act(lambda: [act() for _ in range(100)])[0] / 100


def main() -> None:
    """Measure everything, write the JSON and print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        results = measure_appends(folder)
        ledger, other = fill(folder)
        results |= measure_proofs(ledger, other)
        results |= measure_recompute(ledger, folder)
        answer = {
            "machine": "2 shared cores, AMD EPYC, AVX-512",
            "unit": "operations a CPU second and a wall second, one process",
            "pymerkle": pymerkle.__version__,
            "results": results,
            "checkpoint_us": measure_signing(ledger),
            "bytes_per_entry": round((ledger.folder / FILE_NAME).stat().st_size / ENTRIES),
            "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }
        ledger.close()
        other.close()
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(answer, indent=1) + "\n")
    print(
        "| operation | ours / CPU s | pymerkle / CPU s | ratio | ours / wall s | pymerkle / wall s | ratio |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, row in results.items():
        if "ratio_cpu" in row:
            print(
                f"| {name} | {row['ours_per_cpu_s']:,} | {row['pymerkle_per_cpu_s']:,} | {row['ratio_cpu']} "
                f"| {row['ours_per_wall_s']:,} | {row['pymerkle_per_wall_s']:,} | {row['ratio_wall']} |"
            )
        else:
            print(f"\n{name}: " + ", ".join(f"{what} {value}" for what, value in row.items()))
    print(
        f"checkpoint, CPU microseconds: {answer['checkpoint_us']}; {answer['bytes_per_entry']} bytes an entry"
    )


if __name__ == "__main__":
    main()
