"""Unwraps through the keyroom's socket beside the same unwraps in this process, in CPU time of both sides together.

Writes bench/results/keyroom.json and prints it. The ratio is what the process boundary costs; it grows with the record's
size, since the gate checks the device's signature over the whole record.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from wayseal.flow.policy import Principal
from wayseal.flow.release import Opener
from wayseal.model.clock import utc_now
from wayseal.model.custody import Kind, Purpose, SealedRecord
from wayseal.model.ids import EncounterId, RecordId, new_ulid
from wayseal.seal.device import seal_body
from wayseal.station.site import Site, init_site, open_site
from wayseal.store.centre import Arrival, put_records

RESULT = Path(__file__).parent / "results" / "keyroom.json"
RUN = "import sys; from wayseal.cli.main import main; sys.argv[0] = 'wayseal'; main()"
SIZES = {"template, 2 kB": (Kind.TEMPLATE, 2_000), "face, 200 kB": (Kind.FACE, 200_000)}
BATCHES = {"one at a time": 1, "sixteen at a time": 16}
ROUNDS = 5
TOTAL = 64
MATCHER = Principal("matcher", "matcher", "agency")
OFFICER = Principal("officer-7", "officer", "agency")
SECRET = b"a passphrase for the benchmark"


def keep_record(site: Site, kind: Kind, size: int) -> SealedRecord:
    """Seal noise as the centre's own device, and store it."""
    now = utc_now()
    record = seal_body(
        os.urandom(size), object_id=RecordId(new_ulid(now)), lane="lane1", kind=kind,
        epoch_keys=site.keyroom.keys_for("citizen"), sealed_at=now, signer=site.keys.identity,
    )  # fmt: skip
    put_records(site.store, [Arrival(record, EncounterId(new_ulid(now)), 0)])
    return record


def time_unwraps(opener: Opener, record: SealedRecord, batch: int, server: int | None) -> float:
    """Return the CPU microseconds of one unwrap, of this process and the server; proofs are made beforehand, untimed."""
    who, purpose = (
        (MATCHER, Purpose.MATCHING)
        if record.header.kind is Kind.TEMPLATE
        else (OFFICER, Purpose.PRIMARY_INSPECTION)
    )
    spent = 0.0
    for _ in range(TOTAL // batch):
        releases = opener.request(who, [record.header.object_id] * batch, purpose)
        request = opener._prove([record] * batch, releases)  # noqa: SLF001 - only the unwrap is measured
        start = time.process_time() + _read_cpu(server)
        opener.keys.unwrap(who, request)
        spent += time.process_time() + _read_cpu(server) - start
    return spent / TOTAL * 1e6


def _read_cpu(process: int | None) -> float:
    """Return the CPU seconds of another process, to the nanosecond where the kernel tells them."""
    if process is None:
        return 0.0
    threads = Path(f"/proc/{process}/task").glob("*/schedstat")
    return sum(int(one.read_text(encoding="ascii").split()[0]) for one in threads) / 1e9


def measure_home(home: Path, server: int | None) -> dict[str, float]:
    """Return the median microseconds by size and batch."""
    found: dict[str, float] = {}
    with open_site(home, SECRET) as site:
        site.keyroom.publish_roster(site.ledger, devices={"centre": site.keys.identity.public})
        for size, (kind, length) in SIZES.items():
            record = keep_record(site, kind, length)
            for name, batch in BATCHES.items():
                rounds = [time_unwraps(site.opener, record, batch, server) for _ in range(ROUNDS)]
                found[f"{size}, {name}"] = statistics.median(rounds)
    return found


def main() -> None:
    """Measure in process, then over the socket, and write the ratios."""
    os.environ["WAYSEAL_KEYROOM__PICTURES_BURST"] = "1000000"
    os.environ["WAYSEAL_RELEASE__BULK_PER_HOUR"] = "1000000"
    with tempfile.TemporaryDirectory() as folder:
        home, secret = Path(folder) / "home", Path(folder) / "secret"
        secret.write_bytes(SECRET)
        init_site(home, SECRET, evaluation=True)
        inside = measure_home(home, None)
        command = [sys.executable, "-c", RUN, "--home", str(home), "keyroom", "run"]
        environment = os.environ | {"WAYSEAL_PASSPHRASE_FILE": str(secret)}
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as server:
            assert server.stdout is not None
            server.stdout.readline()
            outside = measure_home(home, server.pid)
            server.terminate()
    answer = {
        name: {
            "in_process_us": round(inside[name]), "over_socket_us": round(outside[name]),
            "socket_over_in_process": round(outside[name] / inside[name], 2),
        }
        for name in inside
    }  # fmt: skip
    RESULT.write_text(json.dumps(answer, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(answer, indent=1))


if __name__ == "__main__":
    main()
