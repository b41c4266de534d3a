"""Nineteen leaks against a thousand recipients, on a real site: look-up, registration, reading, ledger and all.

Needs the folder of test pictures (WAYSEAL_TEST_DATA, else ../shared/data). Two hundred faces pass a lane; nineteen of them were
exported to a thousand recipients each, and one copy of each leaks, changed in one of six ways. Writes bench/results/trace.json.
"""

import json
import secrets
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
from bench_marks import find_faces

from wayseal.export.markcode import NEWEST, Channel
from wayseal.flow.marking import mark_at_lane, mark_encoded
from wayseal.flow.trace import trace_file
from wayseal.flow.trace_lookup import Scope
from wayseal.flow.trace_verdict import combine_readings, log_trace
from wayseal.model.border import Direction, Frame, Occupant, Quality, Seat, Shot, VehiclePass
from wayseal.model.custody import Kind, Purpose
from wayseal.model.ids import RecordId, new_ulid
from wayseal.station.lane import LaneStation
from wayseal.station.site import Site, init_site, open_site
from wayseal.station.tracing import open_tracing
from wayseal.store import records as record_rows
from wayseal.store.engine import read
from wayseal.testing.leaks import crop, photograph, screenshot, shrink, to_jpeg, to_png
from wayseal.vision.picture import encode_picture, read_picture
from wayseal.vision.portrait import PortraitReader

RESULT = Path(__file__).parent / "results" / "trace.json"
LEAKS, RECIPIENTS, FACES = 19, 1000, 200
WAYS = (
    lambda face: to_jpeg(face, 50), lambda face: to_png(shrink(face, 0.5)), lambda face: to_jpeg(crop(face, 0.1), 80),
    lambda face: to_png(screenshot(face)), lambda face: to_jpeg(photograph(face, zoom=1.8), 75),
    lambda face: to_png(np.ascontiguousarray(face[:, ::-1])),
)  # fmt: skip


class Ready:
    """A capture whose vehicles are made already."""

    def feed(self, _frame: Frame) -> list[VehiclePass]:
        """Return no vehicle."""
        return []

    def finish(self) -> list[VehiclePass]:
        """Return no vehicle."""
        return []


def make_vehicles(now: datetime) -> Iterator[VehiclePass]:
    """Vehicles with six of the test faces each."""
    reader, seats = PortraitReader(), list(Seat)
    people: list[Occupant] = []
    for file in find_faces(FACES):
        bgr = read_picture(file)
        bgr = shrink(bgr, min(1.0, 480 / max(bgr.shape[:2])))
        face = reader.read_main(bgr)
        shot = Shot(0, now, face.found.box, face.found.landmarks, 0.9, 40.0, Quality(70), face.template)
        people.append(Occupant(seats[len(people)], shot, encode_picture(bgr), face.template, 1))
        if len(people) == len(seats):
            yield VehiclePass(1, now, now, 20.0, None, tuple(people), len(people), 30)
            people = []


def fill(site: Site) -> list[RecordId]:
    """Let the faces pass a lane; return their records."""
    host = site.open_lane("lane1")
    lane = LaneStation(
        host, Ready(), direction=Direction.ENTRY, keys=site.roster_keys(host), clock=site.clock,
        deliver=lambda encounter, records: site.receive(encounter, records, direction=Direction.ENTRY),
        mark=mark_at_lane(site.marker.lane_key("lane1")),
    )  # fmt: skip
    for seen in make_vehicles(site.clock()):
        lane.keep(seen)
    found: list[RecordId] = []
    for encounter in lane.send_pending():
        with read(site.store.engine) as connection:
            found += [
                row.object_id
                for row in record_rows.list_encounter_records(connection, encounter)
                if row.kind is Kind.FACE
            ]
    return found


def leak(site: Site, records: list[RecordId], folder: Path) -> list[tuple[Path, str, RecordId]]:
    """Export nineteen records to a thousand recipients and leak one copy of each; return (file, recipient, record)."""
    marks = {f"agency-{number:04d}": new_ulid(site.clock()) for number in range(RECIPIENTS)}
    site.ledger.append([
        {
            "type": "export-release", "object": new_ulid(site.clock()), "manifest_sha256": "00" * 32, "records": records[:LEAKS],
            "recipe": NEWEST.number, "recipient": name, "mark": mark,
        }
        for name, mark in marks.items()
    ])  # fmt: skip
    made, tracer = [], site.principal("thief", "tracer")
    for number, record in enumerate(records[:LEAKS]):
        name = f"agency-{(number * 37) % RECIPIENTS:04d}"
        (body,) = site.opener.read_now(tracer, [record], Purpose.INCIDENT_RESPONSE)
        key = site.keys.mark_root().key(Channel.EXPORT, marks[name])
        file = folder / f"leak-{number:02d}"
        file.write_bytes(WAYS[number % len(WAYS)](read_picture(mark_encoded(body, key, record).data)))
        made.append((file, name, record))
    return made


def main() -> None:
    """Measure and write the result."""
    cv2.setNumThreads(1)
    secret = secrets.token_hex(16).encode()
    with tempfile.TemporaryDirectory() as folder:
        init_site(Path(folder) / "home", secret, evaluation=True)
        with open_site(Path(folder) / "home", secret) as site:
            records = fill(site)
            leaks = leak(site, records, Path(folder))
            wall, cpu = time.perf_counter(), time.process_time()
            work = open_tracing(site, "analyst", "tracer", Scope())
            readings = combine_readings([trace_file(work, file) for file, _, _ in leaks])
            log_trace(site.ledger, "analyst", readings, site.clock)
            report = {
                "leaks": len(leaks), "recipients": RECIPIENTS, "faces_in_scope": len(records),
                "wall_seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu,
                "originals_found": sum(one.record == record for one, (_, _, record) in zip(readings, leaks, strict=True)),
                "attributed": sum(one.attributed for one in readings),
                "to_the_right_recipient": sum(
                    one.best is not None and one.attributed and one.best.recipient == name
                    for one, (_, name, _) in zip(readings, leaks, strict=True)
                ),
                "z_min": min(one.z or 0.0 for one in readings), "openings": work.originals.opened,
            }  # fmt: skip
    RESULT.write_text(json.dumps(report, indent=1) + "\n")
    print(report)


if __name__ == "__main__":
    main()
