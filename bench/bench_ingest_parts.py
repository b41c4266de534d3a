"""Where the processor's time goes when a record is sealed, taken in and kept: each primitive alone, each step whole, the rest between.

CPU microseconds of one thread, least of several rounds; files lie in memory, so that no disk is waited for. Also what the ingest
goals would need at least: the primitives' own time beside the times that bench_ingest measured. Writes bench/results/ingest_parts.json.
"""

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wayseal.flow.encounter import receipt_bytes
from wayseal.model.custody import EpochKey, Kind, SealedRecord
from wayseal.model.ids import RecordId, epoch_id, new_ulid
from wayseal.seal.device import SealChain
from wayseal.seal.envelope import parse_record, verify_record
from wayseal.seal.keys import EpochVault, FileKeeper, PassphraseCost, Roster, SigningIdentity, parse_roster
from wayseal.seal.keys.roster import sign_roster
from wayseal.seal.suite import wrap_key
from wayseal.store.centre import Arrival, CentreStore, open_centre, put_records
from wayseal.store.outbox import Outbox

RESULTS = Path(__file__).parent / "results"
NOW = datetime(2026, 11, 22, 7, 9, tzinfo=UTC)
EPOCH = epoch_id("citizen", NOW)
SIZES = {"template, 2 kB": 2_000, "face, 200 kB": 200_000}
ROUNDS = 9
MEMORY = Path("/dev/shm")  # noqa: S108 - files of noise, removed at the end; without it the disk is used


def measure(act: Callable[[], object], *, seconds: float = 0.03) -> float:
    """Return the CPU microseconds of one call: the least of several rounds, since other processes only ever add."""
    start = time.thread_time()
    act()
    calls = max(1, int(seconds / max(time.thread_time() - start, 1e-6)))
    rounds = []
    for _ in range(ROUNDS):
        start = time.thread_time()
        for _ in range(calls):
            act()
        rounds.append((time.thread_time() - start) / calls)
    return min(rounds) * 1e6


def measure_primitives(size: int, key: EpochKey, lane: SigningIdentity) -> dict[str, float]:
    """Return what suite 1 asks for at least, on a body of `size` bytes; the format wants two digests over all of it."""
    body, data_key, info = os.urandom(size), os.urandom(32), os.urandom(49)
    cipher, signature = AESGCM(data_key), lane.sign(info)
    public = Ed25519PublicKey.from_public_bytes(lane.public)
    return {
        "wrap (X-Wing, HKDF, AES)": measure(lambda: wrap_key(key.public, data_key, info)),
        "body (AES-256-GCM)": measure(lambda: cipher.encrypt(info[:12], body, info)),
        "one SHA-256 of the body": measure(lambda: hashlib.sha256(body).digest()),
        "signature (Ed25519)": measure(lambda: lane.sign(info)),
        "verifying one": measure(lambda: public.verify(signature, info)),
    }


def measure_record(
    size: int, seal: Callable[[bytes], SealedRecord], key: EpochKey, lane: SigningIdentity
) -> dict[str, float]:
    """Return a record's steps beside the primitives in them: sealing at the lane, reading and verifying at the centre."""
    body = os.urandom(size)
    record, parts = seal(body), measure_primitives(size, key, lane)
    wrap, cipher, digest, sign, verify = parts.values()
    steps = {
        "seal": (measure(lambda: seal(body)), wrap + cipher + 2 * digest + sign),
        "parse": (measure(lambda: parse_record(record.data)), digest),
        "verify": (measure(lambda: verify_record(record, lane.public)), verify + digest),
    }
    told = {f"{name}, {what}": value for name, both in steps.items() for what, value in zip(("whole", "primitives"), both, strict=True)}  # fmt: skip
    return {name: round(value, 1) for name, value in {**parts, **told}.items()}


def measure_keeping(
    seal: Callable[[bytes], SealedRecord], store: CentreStore, outbox: Outbox
) -> dict[str, float]:
    """Return the microseconds a record of keeping sealed records of 2 kB, alone, a vehicle's seven and sixteen at once."""

    def put(records: Sequence[SealedRecord]) -> None:
        put_records(store, [Arrival(record, None, 0) for record in records])

    found = {}
    for name, keep in (("centre", put), ("outbox", outbox.put)):
        for group in (1, 7, 16):
            rounds = []
            for _ in range(ROUNDS):
                waiting = [[seal(bytes(2000)) for _ in range(group)] for _ in range(24)]
                start = time.thread_time()
                for records in waiting:
                    keep(records)
                rounds.append((time.thread_time() - start) / (24 * group))
            found[f"{name}, {group}"] = round(min(rounds) * 1e6, 1)
    return found


def measure_papers(record: SealedRecord, key: EpochKey, lane: SigningIdentity) -> dict[str, float]:
    """Return the microseconds of what a delivery needs beside its records: its roster, new and known, and a receipt's text."""

    def make(version: int) -> bytes:
        devices = {f"lane-{number}": os.urandom(32) for number in range(300)}
        return sign_roster(Roster(version, NOW, NOW.replace(hour=23), (key,) * 24, devices, {}), [lane])

    fresh = [make(version) for version in range(1, 9)]
    times = []
    for data in fresh:
        start = time.thread_time()
        parse_roster(data, [lane.public])
        times.append(time.thread_time() - start)
    known = fresh[-1]
    return {
        "roster of 300 lanes, new": round(min(times) * 1e6, 1),
        "the same, known": round(measure(lambda: parse_roster(bytearray(known), [lane.public])), 1),
        "receipt": round(measure(lambda: receipt_bytes(record.header.object_id, record.sha256, 12_345)), 1),
    }


def reckon_bounds(primitives_us: float) -> dict[str, float]:
    """Return what the goals I2 and I3 ask for beside what the primitives take, with the rates that bench_ingest measured."""
    ways = json.loads((RESULTS / "ingest.json").read_text(encoding="utf-8"))["ways"]
    one, many = ways["centre, 1"], ways["PostgreSQL bytea, 16"]
    whole = 1e6 / one["records_s_median"]
    rest = whole * (1 - one["crypto_share"])
    return {
        "one record, whole": round(whole),
        "of it not sealing": round(rest),
        "sealing may take for a share of 0.15": round(rest * 0.15 / 0.85),
        "sealing may take for three times PostgreSQL": round(1e6 / (3 * many["records_s_median"])),
        "sealing took beside the keeping": round(
            1e6 / ways["centre, 16"]["records_s_median"] * ways["centre, 16"]["crypto_share"]
        ),
        "primitives alone": round(primitives_us),
        "share if sealing were its primitives": round(primitives_us / (primitives_us + rest), 3),
    }


def run(folder: Path) -> dict[str, Any]:
    """Measure everything in a fresh folder."""
    keeper = FileKeeper.create(
        folder / "keeper", b"a passphrase for the bench", cost=PassphraseCost(64, 1, 1)
    )
    key = EpochVault(keeper, folder / "epochs", lambda: NOW).create_epoch(EPOCH)
    lane = SigningIdentity.load_or_create("lane-1", keeper, folder / "identities")
    chain = SealChain(lane, "lane-1")

    def seal(body: bytes) -> SealedRecord:
        name = RecordId(new_ulid(NOW))
        return chain.seal(body, object_id=name, kind=Kind.FACE, epoch_keys=[key], sealed_at=NOW)

    store = open_centre(folder / "store")
    outbox = Outbox(folder / "outbox", clock=lambda: NOW, verify_receipt=lambda _: None)
    records = {name: measure_record(size, seal, key, lane) for name, size in SIZES.items()}
    answer = {
        "unit": "CPU microseconds, one thread",
        "load_average": round(os.getloadavg()[0], 1),
        "a record": records,
        "keeping, a record": measure_keeping(seal, store, outbox),
        "papers": measure_papers(seal(bytes(2000)), key, lane),
        "bounds of a 200 kB record": reckon_bounds(records["face, 200 kB"]["seal, primitives"]),
    }
    store.close()
    outbox.close()
    return answer


def main() -> None:
    """Measure, write the JSON and print it."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        answer = run(Path(folder))
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(answer, indent=1)
    (RESULTS / "ingest_parts.json").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
