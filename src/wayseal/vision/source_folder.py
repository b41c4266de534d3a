"""A folder of pictures as a stream of frames, in the order of the numbers in their names."""

import re
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Self

import cv2
import numpy as np

from wayseal.model.border import Frame
from wayseal.model.clock import Clock, utc_now
from wayseal.model.errors import BadPicture, Invalid, NotFound
from wayseal.vision.frames import SourceCounts
from wayseal.vision.picture import read_picture

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".pgm", ".ppm", ".pnm", ".tif", ".tiff"})


class FolderSource:
    """Pictures of one folder, `rate` of them a second; sizes may differ. A picture that will not decode is counted."""

    def __init__(self, folder: Path, *, rate: float = 30.0, clock: Clock = utc_now) -> None:
        if rate <= 0:
            raise Invalid("pictures a second must be more than 0", hint="30 is usual.")
        if not folder.is_dir():
            raise NotFound(
                "there is no such folder of pictures", hint="Give a folder that holds JPEG or PNG files."
            )
        paths = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()]
        if not paths:
            raise BadPicture(
                "the folder holds no pictures", hint=f"Looked for {', '.join(sorted(SUFFIXES))}."
            )
        self._paths = sorted(paths, key=_number_key)
        self._rate = rate
        self._clock = clock
        self._closed = False
        self.counts = SourceCounts()
        self.frames_total: int | None = len(paths)
        self.live = False

    def __iter__(self) -> Iterator[Frame]:
        """Give the pictures in order; a file that will not decode leaves a gap in time and index.

        Raises `BadPicture` at the end when none did: a lane that saw nothing must not look like an empty one.
        """
        started = self._clock()
        for place, path in enumerate(self._paths):
            if self._closed:
                return
            try:
                bgr = read_picture(path)
            except (BadPicture, NotFound):
                self.counts.broken += 1
                continue
            seconds = place / self._rate
            luma = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
            frame = Frame(
                place,
                started + timedelta(seconds=seconds),
                seconds,
                luma,
                partial(np.asarray, bgr),
            )
            self.counts.frames += 1
            yield frame
        if not self.counts.frames:
            raise BadPicture(
                "none of the folder's pictures can be read", hint="Check that they open elsewhere."
            )

    def close(self) -> None:
        """End the iteration before the next picture."""
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _number_key(path: Path) -> list[tuple[int, int, str]]:
    """Return a key that sorts frame9 before frame10."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]
