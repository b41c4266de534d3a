"""How many lanes the cores sustain, and what the next core buys: real lane processes side by side on one clip each.

A lane process is the whole line: decode, track, detect, embed, plate, seal, ledger, store, search, answer. CPU seconds a
video second are what counts (they include what lanes take from each other's caches and memory); wall time is given beside
the load of the machine. Writes bench/results/lanes.json. `bench_lanes.py N` runs N rounds, without it two.
"""

import csv
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from bench_line import find_video

from wayseal.flow.measure.lane_setup import read_gallery_list
from wayseal.station.assemble import open_one_host
from wayseal.station.galleries import import_list
from wayseal.station.site import init_site, open_site
from wayseal.vision.frames import open_source

RESULT = Path(__file__).parent / "results" / "lanes.json"
FPS = 30
ROUNDS = 2
EMPTY_FRAMES = 150
TRAVELLERS = 20
BUSIEST_HOUR = 81  # vehicles an hour in the busiest lane, round the clock (CBP, San Ysidro)
UNLOCK = "unlock"  # the throw-away passphrase of a lane's site


def make_home(folder: Path, gallery: Path) -> None:
    """Make a site with the first travellers of a gallery; the passphrase lies beside it for the lane's process.

    A search of a few thousand is a thousandth of a lane's time, so a few travellers will do.
    """
    secret = secrets.token_hex(16).encode()
    folder.mkdir()
    (folder / UNLOCK).write_bytes(secret)
    init_site(folder / "home", secret, evaluation=True)
    with open_site(folder / "home", secret) as site:
        import_list(site, shorten_list(gallery, folder / "gallery.csv"), "bench")


def shorten_list(gallery: Path, out: Path) -> Path:
    """Write the first rows of a gallery's list with whole paths, and return where."""
    with out.open("w", encoding="utf-8") as target:
        writer = csv.writer(target)
        writer.writerow(["path", "identity"])
        for picture, identity in read_gallery_list(gallery)[:TRAVELLERS]:
            writer.writerow([picture.resolve(), identity])
    return out


def run_lane(folder: Path, video: Path, cores: set[int]) -> dict[str, float]:
    """Run the whole line over a clip in this process; return CPU and wall seconds of the stream alone."""
    os.sched_setaffinity(0, cores)
    cv2.setNumThreads(1)
    with open_site(folder / "home", (folder / UNLOCK).read_bytes()) as site:
        host = open_one_host(site, "lane1", gallery="bench", direction=None, on_encounter=lambda _: None)
        print("ready", flush=True)
        sys.stdin.readline()  # all lanes begin together
        with open_source(str(video)) as frames:
            cpu, wall = time.process_time(), time.perf_counter()
            summary = host.run(iter(frames))
            return {
                "cpu_s": time.process_time() - cpu,
                "wall_s": time.perf_counter() - wall,
                "video_s": summary.frames / FPS,
                "vehicles": summary.vehicles,
            }


def start_lane(folder: Path, video: Path, cores: set[int]) -> subprocess.Popen[str]:
    """Start a lane's process on some cores, one thread a library."""
    where = ",".join(map(str, sorted(cores)))
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).resolve()), str(folder), str(video), where],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def run_lanes(folders: list[Path], video: Path, cores: set[int]) -> list[dict[str, float]]:
    """Run one lane a folder, all at once, and return what each took."""
    lanes = [start_lane(folder, video, cores) for folder in folders]
    for lane in lanes:
        assert lane.stdout is not None
        assert lane.stdout.readline().strip() == "ready", "a lane did not start"
    for lane in lanes:
        assert lane.stdin is not None
        lane.stdin.write("go\n")
        lane.stdin.flush()
    return [json.loads(lane.communicate()[0].splitlines()[-1]) for lane in lanes]


def make_empty(video: Path, out: Path) -> None:
    """Write a clip of the empty lane: the clip's first picture with a camera's noise."""
    with open_source(str(video)) as source:
        first = next(iter(source)).colour()
    draw = np.random.default_rng(1)
    with av.open(str(out), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "23", "threads": "1"})
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv420p"
        for _ in range(EMPTY_FRAMES):
            noise = draw.normal(0, 2, first.shape[:2])[:, :, None]
            picture = np.clip(first + noise, 0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())


def summarise(lanes: list[dict[str, float]]) -> dict[str, float]:
    """Return what lanes running at once cost: CPU a video second each, and video seconds a wall second together."""
    video = sum(lane["video_s"] for lane in lanes)
    return {
        "cpu_s_a_video_s": sum(lane["cpu_s"] for lane in lanes) / video,
        "video_s_a_wall_s": video / max(lane["wall_s"] for lane in lanes),
    }


def pick(runs: list[dict[str, float]]) -> dict[str, float]:
    """Return the median round by CPU, of two the quieter."""
    return sorted(runs, key=lambda one: one["cpu_s_a_video_s"])[(len(runs) - 1) // 2]


def measure(video: Path, gallery: Path, folder: Path, rounds: int) -> dict[str, Any]:
    """Return every arrangement's figures, rounds in turn so that the machine's mood falls on all alike."""
    cores = sorted(os.sched_getaffinity(0))
    homes = [folder / f"lane{number}" for number in range(2 * len(cores[:2]))]
    make_home(homes[0], gallery)
    for home in homes[1:]:
        shutil.copytree(homes[0], home)
    make_empty(video, folder / "empty.mp4")
    ways = {
        "1 lane on 1 core": (homes[:1], {cores[0]}),
        "2 lanes on 2 cores": (homes[:2], set(cores[:2])),
        "4 lanes on 2 cores": (homes[:4], set(cores[:2])),
    }
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    empty = []
    for _ in range(rounds):
        for name, (used, where) in ways.items():
            runs[name].append(summarise(run_lanes(used, video, where)))
            print(name, runs[name][-1], flush=True)
        empty.append(summarise(run_lanes(homes[:1], folder / "empty.mp4", {cores[0]})))
        print("empty", empty[-1], flush=True)
    return {
        "cores": len(cores),
        "ways": {name: pick(found) for name, found in runs.items()},
        "empty": pick(empty),
    }


def conclude(found: dict[str, Any], in_view_s: float) -> dict[str, float]:
    """Return the lanes a core and two cores sustain: always a vehicle in view, and at the busiest lane's traffic."""
    one = found["ways"]["1 lane on 1 core"]["cpu_s_a_video_s"]
    two = found["ways"]["2 lanes on 2 cores"]["cpu_s_a_video_s"]
    duty = BUSIEST_HOUR * in_view_s / 3600
    idle = found["empty"]["cpu_s_a_video_s"]
    return {
        "lanes_one_core_always_busy": 1 / one,
        "lanes_two_cores_always_busy": 2 / two,
        "second_core_buys_of_the_first": (2 / two) / (1 / one) - 1,
        "share_of_time_with_a_vehicle_at_81_an_hour": duty,
        "lanes_two_cores_at_81_vehicles_an_hour": 2 / (duty * two + (1 - duty) * idle),
    }


def main() -> None:
    """Run one lane, or measure all and write the result."""
    if len(sys.argv) == 4:
        cores = set(map(int, sys.argv[3].split(",")))
        print(json.dumps(run_lane(Path(sys.argv[1]), Path(sys.argv[2]), cores)), flush=True)
        return
    video, gallery = find_video()
    with tempfile.TemporaryDirectory(prefix="bench-lanes-") as name:
        rounds = int(sys.argv[1]) if len(sys.argv) == 2 else ROUNDS
        found = measure(video, gallery, Path(name), rounds)
    with av.open(str(video)) as container:
        frames = container.streams.video[0].frames
    vehicles = len(json.loads(video.with_suffix(".json").read_text(encoding="utf-8"))["vehicles"])
    answer = {
        "video": video.name,
        "rounds": rounds,
        "load_average": round(os.getloadavg()[0], 1),
        **found,
        "sustained": conclude(found, frames / FPS / vehicles),
    }
    RESULT.write_text(json.dumps(answer, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(answer, indent=1))


if __name__ == "__main__":
    main()
