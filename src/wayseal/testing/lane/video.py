"""Writes a scene as an H.264 video with its ground truth beside it, and as a table that enrols its travellers.

The only module of the simulator that writes files, and only where the caller says.
"""

import csv
import errno
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from wayseal.model.errors import StoreFull, Unavailable
from wayseal.testing.lane.render import render_frames
from wayseal.testing.lane.scene import LaneScene, check_scene
from wayseal.testing.lane.truth import FORMAT, NOTE, describe_vehicle

Advance = Callable[[int], None]
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def describe_video(scene: LaneScene, name: str, frames: int) -> dict[str, Any]:
    """Return the truth's `video` part; `params` holds everything that the scene says of camera, weather and motion."""
    camera = scene.camera
    params = {
        "seed": scene.seed, "mode": str(scene.motion), "scene": scene.name, "vehicles": len(scene.vehicles),
        "shutter": round(1 / camera.exposure_s, 3), "crf": scene.crf, "seconds": scene.seconds,
        **{f"camera_{key}": value for key, value in asdict(camera).items()},
        **{key: str(value) if key == "light" else value for key, value in asdict(scene.weather).items()},
        "transmission": [vehicle.transmission for vehicle in scene.vehicles],
        "halts": [asdict(halt) for halt in scene.halts],
    }  # fmt: skip
    return {
        "file": name, "frames": frames, "fps": camera.fps, "width": camera.width, "height": camera.height,
        "focal_px": camera.focal_px, "z_capture_m": camera.z_capture_m,
        "px_per_m_at_capture": round(camera.px_per_m, 3), "exposure_s": camera.exposure_s, "params": params,
    }  # fmt: skip


def render_video(scene: LaneScene, out: Path, advance: Advance | None = None) -> dict[str, Any]:
    """Write `out` (H.264 in MP4) and its truth beside it (`.json`); return the truth. `advance` hears of each picture.

    Raises `Invalid` for a scene that cannot be drawn, `StoreFull` when the disk takes no more, `Unavailable` when the
    place cannot be written to. A video that could not be finished is removed.
    """
    check_scene(scene)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        frames = _encode(scene, out, advance)
        truth = {
            "format": FORMAT,
            "note": NOTE,
            "video": describe_video(scene, out.name, len(frames)),
            "vehicles": [
                describe_vehicle(number, each) for number, each in enumerate(scene.vehicles, start=1)
            ],
            "frames": frames,
        }
        out.with_suffix(".json").write_text(json.dumps(truth), encoding="utf-8")
    except OSError as error:
        with suppress(OSError):
            out.unlink(missing_ok=True)
        kind = StoreFull if error.errno in _FULL else Unavailable
        raise kind(f"the video could not be written: {error.strerror or 'unknown cause'}") from None
    return truth


def _encode(scene: LaneScene, out: Path, advance: Advance | None) -> list[dict[str, Any]]:
    """Write the pictures to a video file and return the truth of each."""
    entries: list[dict[str, Any]] = []
    with av.open(str(out), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(scene.camera.fps))
        stream.width, stream.height, stream.pix_fmt = scene.camera.width, scene.camera.height, "yuv420p"
        # As a camera encodes: no look-ahead. x264's look-ahead is also not repeatable at every picture size.
        stream.options = {"crf": str(scene.crf), "preset": "veryfast", "tune": "zerolatency", "threads": "1"}
        for pixels, entry in render_frames(scene):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="bgr24")))
            entries.append(entry)
            if advance is not None:
                advance(1)
        container.mux(stream.encode())
    return entries


def write_gallery(scene: LaneScene, out: Path, record_class: str = "default") -> int:
    """Write a CSV `path,identity,class` that enrols the scene's enrolled travellers; return how many pictures it lists.

    Paths are relative to the CSV's folder, as a gallery's import wants them. No picture is copied.
    """
    rows = {
        (os.path.relpath(path, out.parent.absolute()), occupant.identity)
        for vehicle in scene.vehicles
        for occupant in vehicle.occupants
        for path in occupant.gallery
    }
    with out.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines)
        writer.writerow(["path", "identity", "class"])
        writer.writerows((path, identity, record_class) for path, identity in sorted(rows))
    return len(rows)
