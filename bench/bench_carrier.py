"""A vehicle's records from lane to receipt over mutual TLS, beside taking them in without a network and beside a bare fsync.

Writes bench/results/carrier.json and prints it. The limit is the same bytes appended to a file and flushed once a vehicle, in
the same round; wall times on a shared disk scatter, so the ratios are medians of interleaved rounds. CPU is of both sides.
"""

import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from wayseal.model.border import Direction
from wayseal.model.clock import utc_now
from wayseal.model.custody import Kind, SealedRecord
from wayseal.model.ids import EncounterId, RecordId, new_ulid
from wayseal.station.centre_run import invite_lane, open_centre_server
from wayseal.station.lane_home import LaneHome, join_lane, open_lane_home
from wayseal.station.site import Site, init_site, open_site

RESULT = Path(__file__).parent / "results" / "carrier.json"
PARTS = (
    [(Kind.FACE, 200_000)] * 2 + [(Kind.TEMPLATE, 2_000)] * 2 + [(Kind.PLATE, 200_000), (Kind.SCENE, 200_000)]
)
DOCUMENT = (Kind.DOCUMENT, 2_000)
ROUNDS = 9
VEHICLES = 8
SECRET = b"a passphrase for the benchmark"


def seal_vehicle(lane: LaneHome) -> tuple[EncounterId, list[SealedRecord]]:
    """Return one vehicle's sealed records: noise of the usual sizes."""
    roster = lane.host.known_roster()
    assert roster is not None
    now = utc_now()
    keys = roster.keys_for("citizen", now)
    records = [
        lane.host.chain.seal(
            os.urandom(size), object_id=RecordId(new_ulid(now)), kind=kind, epoch_keys=keys, sealed_at=now
        )
        for kind, size in [*PARTS, DOCUMENT]
    ]
    return EncounterId(new_ulid(now)), records


def time_vehicles(
    lane: LaneHome, take: Callable[[EncounterId, list[SealedRecord]], object]
) -> tuple[float, float]:
    """Return wall and CPU seconds of one vehicle; sealing is not counted."""
    vehicles = [seal_vehicle(lane) for _ in range(VEHICLES)]
    wall, cpu = time.perf_counter(), time.process_time()
    for encounter, records in vehicles:
        take(encounter, records)
    return (time.perf_counter() - wall) / VEHICLES, (time.process_time() - cpu) / VEHICLES


def write_flushed(file: int, records: list[SealedRecord]) -> None:
    """Append a vehicle's bytes and flush them once."""
    os.write(file, b"".join(record.data for record in records))
    os.fdatasync(file)


def measure(site: Site, lane: LaneHome, folder: Path) -> dict[str, list[tuple[float, float]]]:
    """Return the rounds of each way, interleaved."""
    way = Direction.ENTRY
    file = os.open(folder / "limit", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    ways: dict[str, Callable[[EncounterId, list[SealedRecord]], object]] = {
        "fsync": lambda _, records: write_flushed(file, records),
        "intake": lambda encounter, records: site.receive(encounter, records, direction=way),
        "carrier": lambda encounter, records: lane.link.deliver(encounter, records, way),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for number in range(ROUNDS + 1):
        for name, take in ways.items():
            took = time_vehicles(lane, take)
            if number:
                found[name].append(took)
    os.close(file)
    return found


def time_handshakes(lane: LaneHome, count: int) -> float:
    """Return the CPU seconds of both sides for one connection with its handshake and one small request."""
    start = time.process_time()
    for _ in range(count):
        lane.link.close()
        lane.link.read_health()
    return (time.process_time() - start) / count


def summarise(found: dict[str, list[tuple[float, float]]], lane: LaneHome) -> dict[str, object]:
    """Return the medians and their ratios."""
    limit = [wall for wall, _ in found["fsync"]]
    ratios = {
        name: statistics.median(base / wall for base, (wall, _) in zip(limit, found[name], strict=True))
        for name in ("intake", "carrier")
    }
    cpu = {name: statistics.median(spent for _, spent in rounds) * 1e3 for name, rounds in found.items()}
    wall = statistics.median(took for took, _ in found["carrier"])
    seen = lane.link.negotiated
    return {
        "records_a_vehicle": len(PARTS) + 1,
        "group": None if seen is None else seen.group,
        "vehicles_per_s_one_lane": round(1 / wall, 1),
        "rate_over_fsync_limit": {name: round(ratio, 3) for name, ratio in ratios.items()},
        "cpu_ms_a_vehicle": {name: round(spent, 2) for name, spent in cpu.items()},
        "cpu_carrier_over_intake": round(cpu["carrier"] / cpu["intake"], 2),
        "cpu_ms_a_connection": round(time_handshakes(lane, 40) * 1e3, 2),
    }


def main() -> None:
    """Measure on a fresh site and lane, and write the figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        init_site(folder / "home", SECRET, evaluation=True)
        with (
            open_site(folder / "home", SECRET) as site,
            open_centre_server(
                site, "127.0.0.1:0", gallery=None, on_encounter=print, warn=lambda _: None
            ) as (server, _),
        ):
            server.desk.on_received = lambda *_: None  # what is measured is taking in, not answering
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            address = f"127.0.0.1:{server.server_address[1]}"
            join_lane(folder / "lane", invite_lane(site, "lane1", direction=None, address=address), SECRET)
            with open_lane_home(folder / "lane", SECRET) as lane:
                answer = lane.link.fetch_roster(lane.host.charter.version)
                lane.host.accept_roster(answer.roster)
                figures = summarise(measure(site, lane, folder), lane)
            server.shutdown()
            thread.join()
    RESULT.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
