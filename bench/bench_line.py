"""The whole line on one lane video: what custody costs beside seeing, and how soon an answer is there.

CPU time by thread: the seeing thread decodes, tracks, detects, embeds and reads plates; the other seals, logs, stores,
opens, searches and records. The goal is that sealing and ledger take no more than 2 % of the whole.
"""

import json
import os
import secrets
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from wayseal.ledger.log import Ledger
from wayseal.model.border import Encounter
from wayseal.seal.device import SealChain
from wayseal.station.assemble import open_one_host
from wayseal.station.galleries import import_list
from wayseal.station.lane import LaneStation
from wayseal.station.matcher import Matcher
from wayseal.station.site import init_site, open_site
from wayseal.vision.frames import open_source

RESULT = Path(__file__).parent / "results" / "line.json"
spent: dict[str, float] = defaultdict(float)


def count_cpu(owner: type, name: str, label: str) -> None:
    """Add the CPU seconds of a method's calls to a label."""
    original: Callable[..., Any] = getattr(owner, name)

    def counted(*args: Any, **kwargs: Any) -> Any:
        started = time.thread_time()
        try:
            return original(*args, **kwargs)
        finally:
            spent[label] += time.thread_time() - started

    setattr(owner, name, counted)


def find_video() -> tuple[Path, Path]:
    """Return a lane video and a gallery list: of the test data where it is, else of the demonstration."""
    root = Path(os.environ.get("WAYSEAL_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    if (root / "lane").is_dir():
        return root / "lane" / "d09_mid_3occ_convoy.mp4", root / "lane" / "gallery.csv"
    demo = Path(__file__).resolve().parents[1] / ".cache" / "demo"
    if not (demo / "lane.mp4").exists():
        sys.exit("bench line: run make demo first, or set WAYSEAL_TEST_DATA")
    return demo / "lane.mp4", demo / "gallery.csv"


def main() -> None:
    """Measure and write the result."""
    video, gallery = find_video()
    secret = secrets.token_hex(16).encode()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        init_site(home, secret, evaluation=True)
        with open_site(home, secret) as site:
            import_list(site, gallery, "bench")
            count_cpu(SealChain, "seal", "seal")
            count_cpu(Ledger, "append", "ledger")
            count_cpu(Ledger, "sign_checkpoint", "ledger")
            count_cpu(LaneStation, "keep", "keep")
            count_cpu(LaneStation, "send_pending", "send")
            count_cpu(Matcher, "answer", "answer")
            answers: list[Encounter] = []
            host = open_one_host(site, "lane1", gallery="bench", direction=None, on_encounter=answers.append)
            with open_source(str(video)) as frames:
                started = time.process_time()
                summary = host.run(iter(frames))
                whole = time.process_time() - started
    delays = [answer.capture_to_result_s for answer in answers]
    result = {
        "video": video.name, "frames": summary.frames, "vehicles": summary.vehicles,
        "seal_and_ledger_share_of_cpu": (spent["seal"] + spent["ledger"]) / whole,
        "whole_custody_share_of_cpu": (spent["keep"] + spent["send"] + spent["answer"]) / whole,
        "cpu_seconds": whole, "frames_per_cpu_second": summary.frames / whole,
        "capture_to_result_p95_s": float(np.percentile(delays, 95)) if delays else None,
    }  # fmt: skip
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
