"""How soon a suspended organisation is refused, while others go on opening through the same keyroom process.

Writes bench/results/suspend.json. Wall times, and they say so: the promise is one second. Each round suspends another
organisation whose person opens records as fast as they can, with two more threads of other people doing the same.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from bench_keyroom import RUN, SECRET, keep_record

from wayseal.flow.oversee.register import add_vendor
from wayseal.flow.policy import Principal
from wayseal.model.custody import Kind, Purpose
from wayseal.model.errors import Refused
from wayseal.model.ids import RecordId
from wayseal.model.oversight import Tier
from wayseal.station.overseer import suspend
from wayseal.station.site import Site, init_site, open_site

RESULT = Path(__file__).parent / "results" / "suspend.json"
ROUNDS = 200
GENEROUS = ("KEYROOM__PICTURES_BURST", "KEYROOM__PICTURES_PER_HOUR", "RELEASE__BULK_PER_HOUR")


def open_until(
    site: Site, who: Principal, record: RecordId, stop: threading.Event, opened: list[float]
) -> None:
    """Open one record again and again, noting when each opening began that then succeeded; end at the first refusal."""
    while not stop.is_set():
        began = time.perf_counter()
        try:
            site.opener.read_now(who, [record], Purpose.PRIMARY_INSPECTION)
        except Refused:
            opened.append(-time.perf_counter())
            return
        opened.append(began)


def time_round(site: Site, name: str, record: RecordId) -> tuple[float, float, bool]:
    """Return (seconds to the first refusal, seconds of the command, whether anything opened that was begun after it)."""
    opened: list[float] = []
    stop = threading.Event()
    person = threading.Thread(
        target=open_until, args=(site, Principal("someone", "officer", name), record, stop, opened)
    )
    person.start()
    while not opened:
        time.sleep(0.001)
    start = time.perf_counter()
    suspend(site, name, reason="benchmark", actor="officer:chief")
    done = time.perf_counter()
    person.join(30)
    stop.set()
    refused = -opened[-1]
    return refused - start, done - start, any(begun > done for begun in opened)


def main() -> None:
    """Suspend 200 organisations under load, and write the quantiles."""
    for name in GENEROUS:
        os.environ[f"WAYSEAL_{name}"] = "1000000000"
    with tempfile.TemporaryDirectory() as folder:
        home, secret = Path(folder) / "home", Path(folder) / "secret"
        secret.write_bytes(SECRET)
        init_site(home, SECRET, evaluation=True)
        command = [sys.executable, "-c", RUN, "--home", str(home), "keyroom", "run"]
        environment = os.environ | {"WAYSEAL_PASSPHRASE_FILE": str(secret)}
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as server:
            assert server.stdout is not None
            server.stdout.readline()
            rounds = measure_rounds(home)
            server.terminate()
    refused, command_s, after = (list(column) for column in zip(*rounds, strict=True))
    answer = {
        "what": "wall seconds from the call of vendor suspend, two other people opening meanwhile",
        "rounds": len(rounds),
        "load_average": round(os.getloadavg()[0], 1),
        "to_first_refusal_p50": round(statistics.median(refused), 3),
        "to_first_refusal_p99": round(sorted(refused)[int(0.99 * len(refused))], 3),
        "to_first_refusal_max": round(max(refused), 3),
        "command_p50": round(statistics.median(command_s), 3),
        "opened_after_the_command": sum(after),
    }
    RESULT.write_text(json.dumps(answer, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(answer, indent=1))


def measure_rounds(home: Path) -> list[tuple[float, float, bool]]:
    """Return the rounds."""
    with open_site(home, SECRET) as site:
        site.keyroom.publish_roster(site.ledger, devices={"centre": site.keys.identity.public})
        record = keep_record(site, Kind.FACE, 20_000).header.object_id
        for number in range(ROUNDS):
            add_vendor(site.oversight, f"firm{number}", tier=Tier.PRIME, under=None, actor="officer:chief")
        stop = threading.Event()
        others = [
            threading.Thread(
                target=open_until,
                args=(site, Principal(f"other{number}", "officer", "agency"), record, stop, []),
            )
            for number in range(2)
        ]
        for one in others:
            one.start()
        rounds = [time_round(site, f"firm{number}", record) for number in range(ROUNDS)]
        stop.set()
        for one in others:
            one.join()
    return rounds


if __name__ == "__main__":
    main()
