"""A drill's lane computer as a process: `python -m wayseal.testing.breach.lane_child HOME SEED OCCUPANTS`.

It is `station.remote_lane` on the home that it was enrolled with; only the camera is made up. Each line on stdin is a number
of vehicles to let pass; each vehicle that is sealed is a line on stdout, as `lane run` prints it. Holds what a lane holds.
"""

import json
import os
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from wayseal.model.clock import utc_now
from wayseal.station.lane_home import open_lane_home
from wayseal.station.remote_lane import RemoteLane
from wayseal.testing.breach.cast import Cast, Parade, make_frames

APART = timedelta(seconds=1.6)
"""Between two frames, by their own time, of which every other one shows a vehicle."""


def _hear_orders() -> Iterator[datetime]:
    """Yield the moment of each frame: as many as each line on stdin says, until it ends."""
    moment = utc_now() - timedelta(minutes=50)
    for line in sys.stdin:
        for _ in range(2 * int(line)):
            moment = min(moment + APART, utc_now())
            yield moment


def _tell(line: dict[str, Any]) -> None:
    """Say what was sealed."""
    sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Let vehicles pass until stdin ends, then deliver what waits."""
    home, seed, occupants = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    secret = Path(os.environ["WAYSEAL_PASSPHRASE_FILE"]).read_bytes().strip()
    with open_lane_home(home, secret) as lane:
        running = RemoteLane(lane, lane.link, Parade(Cast(seed, occupants)), _tell)
        _tell({"ready": True})
        summary = running.run(make_frames(_hear_orders()), drain_s=30.0)
        _tell({"delivered": summary.delivered, "waiting": summary.waiting})


if __name__ == "__main__":
    main()
