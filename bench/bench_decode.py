"""Reading a video beside FFmpeg itself: what the frame source adds to bare decoding, and what colour would cost every frame.

The limit is a loop that decodes with the same FFmpeg libraries, one thread, and does nothing else. Where the program
`ffmpeg` is at hand (on the path, or named in WAYSEAL_FFMPEG) it decodes the same file beside it. CPU time; rounds in turn.
Writes bench/results/decode.json.
"""

import json
import os
import resource
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import av
from bench_line import find_video

from wayseal.vision.frames import open_source

RESULT = Path(__file__).parent / "results" / "decode.json"
ROUNDS = 5


def decode_bare(video: Path) -> int:
    """Decode with FFmpeg alone and return the frames."""
    with av.open(str(video)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        return sum(1 for _ in container.decode(video=0))


def run_ffmpeg(program: str, video: Path) -> float:
    """Let the program decode on one thread and throw the pictures away; return the CPU seconds that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    order = [program, "-v", "error", "-threads", "1", "-i", str(video), "-f", "null", "-"]
    subprocess.run(order, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def read_frames(video: Path) -> int:
    """Read with the frame source, touching no colour."""
    with open_source(str(video)) as source:
        return sum(1 for _ in source)


def read_colour(video: Path) -> int:
    """Read with the frame source, making the colour picture of every frame, as a plain loop does."""
    with open_source(str(video)) as source:
        return sum(frame.colour().shape[2] // 3 for frame in source)


def main() -> None:
    """Measure all in turn and write the ratios."""
    video, _ = find_video()
    program = os.environ.get("WAYSEAL_FFMPEG") or shutil.which("ffmpeg")
    ways: dict[str, Callable[[Path], int]] = {
        "bare": decode_bare,
        "source": read_frames,
        "source_with_colour": read_colour,
    }
    times: dict[str, list[float]] = {name: [] for name in [*ways, *(["ffmpeg"] if program else [])]}
    frames = 0
    for _ in range(ROUNDS):
        for name, act in ways.items():
            start = time.process_time()
            frames = act(video)
            times[name].append(time.process_time() - start)
        if program:
            times["ffmpeg"].append(run_ffmpeg(program, video))
    middle = {name: statistics.median(found) for name, found in times.items()}
    answer = {
        "video": video.name,
        "frames": frames,
        "ms_a_frame": {name: 1e3 * value / frames for name, value in middle.items()},
        "source_over_bare": middle["source"] / middle["bare"],
        "with_colour_over_bare": middle["source_with_colour"] / middle["bare"],
        "source_over_ffmpeg": middle["source"] / middle["ffmpeg"] if program else None,
        "streams_a_core": frames / 30 / middle["source"],
    }
    RESULT.write_text(json.dumps(answer, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(answer, indent=1))


if __name__ == "__main__":
    main()
