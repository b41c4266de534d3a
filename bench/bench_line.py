"""The whole line on lane videos: what custody costs beside seeing, and how soon an answer is there.

CPU time by thread: the seeing thread decodes, tracks, detects, embeds and reads plates; the other seals, logs, stores,
opens, searches and records. The goal is that sealing and ledger take no more than 2 % of the whole.

How soon: all videos go through one lane again and again, at the camera's pace, on a clock that counts this process's CPU
seconds and skips the time in which nothing is left to do. That is one core to itself: on a shared machine wall time would
measure the other processes. What it leaves out is waiting for the disk.
"""

import json
import os
import secrets
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from wayseal.flow import identify
from wayseal.ledger.log import Ledger
from wayseal.model.border import Encounter, Frame
from wayseal.seal.device import SealChain
from wayseal.station import onehost
from wayseal.station.assemble import open_one_host
from wayseal.station.galleries import import_list
from wayseal.station.lane import LaneStation
from wayseal.station.matcher import Matcher
from wayseal.station.relay import Relay
from wayseal.station.site import init_site, open_site
from wayseal.vision.frames import open_source

RESULT = Path(__file__).parent / "results" / "line.json"
ROUNDS = 5
STILL_S = 1.0
"""Seconds for which each video's last picture stays, so that its vehicles are gone before the next one begins."""
spent: dict[str, float] = defaultdict(float)


class CoreClock:
    """The time of one core that has nothing else to do: CPU seconds of this process, plus the waits that `wait_for` skips."""

    def __init__(self) -> None:
        self._skipped = -time.process_time()
        self.busy: Callable[[], bool] = lambda: False

    def __call__(self) -> float:
        """Return the seconds since the start."""
        return time.process_time() + self._skipped

    def wait_for(self, moment: float) -> None:
        """Come back when it is `moment`: the other thread works on meanwhile, and when it has done, time jumps."""
        while self() < moment and self.busy():
            time.sleep(0.0005)
        self._skipped += max(0.0, moment - self())


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


def chain_videos(videos: list[Path], rounds: int, clock: CoreClock) -> Iterator[Frame]:
    """Give the frames of all videos, as often as asked, as one stream at the camera's pace: one second of quiet between them."""
    index, seconds, began = 0, 0.0, None
    for video in videos * rounds:
        with open_source(str(video)) as source:
            offset, step, last = seconds, 1 / 30, None
            for frame in source:
                began = began or frame.time
                step = frame.seconds - last.seconds if last is not None else step
                seconds, last = offset + frame.seconds, frame
                clock.wait_for(seconds)
                yield replace(frame, index=index, seconds=seconds, time=began + timedelta(seconds=seconds))
                index += 1
            assert last is not None
            assert began is not None
            for _ in range(round(STILL_S / step)):
                seconds, index = seconds + step, index + 1
                clock.wait_for(seconds)
                yield replace(last, index=index - 1, seconds=seconds, time=began + timedelta(seconds=seconds))
            seconds += step


def note_work(clock: CoreClock) -> None:
    """Let the clock know when the other thread has something to do: more was handed over than is settled."""
    handed: list[object] = []
    settled: list[object] = []

    def note(owner: type, name: str, list_: list[object]) -> None:
        original: Callable[..., Any] = getattr(owner, name)

        def noted(*args: Any, **kwargs: Any) -> Any:
            try:
                return original(*args, **kwargs)
            finally:
                list_.append(name)

        setattr(owner, name, noted)

    note(Relay, "put", handed)
    note(onehost.OneHost, "_settle", settled)
    clock.busy = lambda: len(handed) > len(settled)


def main() -> None:
    """Measure and write the result. An argument says how often the videos are played."""
    video, gallery = find_video()
    videos = sorted(video.parent.glob("*.mp4"))
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
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
            clock = CoreClock()
            for module in (onehost, identify):
                module.monotonic = clock  # type: ignore[attr-defined]
            note_work(clock)
            started = time.process_time()
            summary = host.run(chain_videos(videos, rounds, clock))
            whole = time.process_time() - started
    delays = [answer.capture_to_result_s for answer in answers]
    result = {
        "videos": len(videos), "rounds": rounds, "frames": summary.frames, "vehicles": summary.vehicles,
        "load_average": round(os.getloadavg()[0], 1),
        "seal_and_ledger_share_of_cpu": (spent["seal"] + spent["ledger"]) / whole,
        "whole_custody_share_of_cpu": (spent["keep"] + spent["send"] + spent["answer"]) / whole,
        "cpu_seconds": whole, "frames_per_cpu_second": summary.frames / whole,
        "capture_to_result_s": {
            name: float(np.percentile(delays, share)) for name, share in (("p50", 50), ("p95", 95), ("p99", 99), ("most", 100))
        },
    }  # fmt: skip
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
