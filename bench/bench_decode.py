"""Reading a video beside FFmpeg itself: what the frame source adds to bare decoding, and what colour would cost every frame.

The limit is a loop that decodes with the same FFmpeg libraries, one thread, and does nothing else. CPU time; rounds in turn.
Writes bench/results/decode.json.
"""

import json
import statistics
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


def read_frames(video: Path) -> int:
    """Read with the frame source, touching no colour."""
    with open_source(str(video)) as source:
        return sum(1 for _ in source)


def read_colour(video: Path) -> int:
    """Read with the frame source, making the colour picture of every frame, as a plain loop does."""
    with open_source(str(video)) as source:
        return sum(frame.colour().shape[2] // 3 for frame in source)


def main() -> None:
    """Measure all three in turn and write the ratios."""
    video, _ = find_video()
    ways: dict[str, Callable[[Path], int]] = {
        "bare": decode_bare,
        "source": read_frames,
        "source_with_colour": read_colour,
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    frames = 0
    for _ in range(ROUNDS):
        for name, act in ways.items():
            start = time.process_time()
            frames = act(video)
            times[name].append(time.process_time() - start)
    middle = {name: statistics.median(found) for name, found in times.items()}
    answer = {
        "video": video.name,
        "frames": frames,
        "ms_a_frame": {name: 1e3 * value / frames for name, value in middle.items()},
        "source_over_bare": middle["source"] / middle["bare"],
        "with_colour_over_bare": middle["source_with_colour"] / middle["bare"],
        "streams_a_core": frames / 30 / middle["source"],
    }
    RESULT.write_text(json.dumps(answer, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(answer, indent=1))


if __name__ == "__main__":
    main()
