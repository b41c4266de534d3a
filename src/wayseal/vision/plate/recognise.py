"""What the recogniser sees in a rectified line: a probability for each of A-Z and 0-9, column by column, in two ways.

Owns pre-processing of the text recogniser (PP-OCRv6 rec), the folding of its 18,709 classes into the 36 characters that
plates have, and the second reading of its features by `letters`. It decides nothing.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from wayseal.model.border import Pixels
from wayseal.vision.plate.letters import LetterNet, load_letters
from wayseal.vision.plate.text_lines import Session

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
HEIGHT = 48
COPYRIGHT = "©"
_ROUND = [ALPHABET.index(sign) + 1 for sign in "O0"]
Columns = NDArray[np.float32]
"""(T, 37) probabilities: index 0 is "no character here" (blank, hyphen, emblem), then `ALPHABET`."""
# Capitals of another alphabet that the network may prefer for the same shapes, by code point.
GREEK = dict(
    zip(
        map(chr, (913, 914, 917, 918, 919, 921, 922, 924, 925, 927, 929, 932, 933, 935)),
        "ABEZHIKMNOPTYX",
        strict=True,
    )
)


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """One look at one line, read by the general reader of print and, where wanted, by the reader of plates.

    `credit` is how surely the line opens with a copyright sign.
    """

    general: Columns = field(repr=False)
    plate: Columns | None = field(default=None, repr=False)
    credit: float = 0.0


class Recogniser:
    """Reads rectified lines. The session's file names its own classes, so a renumbered file still reads right."""

    def __init__(self, session: Session, letters: LetterNet | None = None) -> None:
        self.session = session
        self.letters = letters or load_letters()
        self.name: str = session.get_inputs()[0].name  # type: ignore[attr-defined]
        classes = session.get_modelmeta().custom_metadata_map["character"].split("\n")  # type: ignore[attr-defined]
        self.members = [fold_classes(classes, letter) for letter in ALPHABET]
        self.credit = classes.index(COPYRIGHT) + 1 if COPYRIGHT in classes else 0

    def read_lines(self, crops: Sequence[Pixels]) -> list[Sight]:
        """Return each crop's columns by both readers. Crops are 48 pixels high and of any width; equal widths go in one batch."""
        answers: dict[int, Sight] = {}
        for width in sorted({crop.shape[1] for crop in crops}):
            places = [place for place, crop in enumerate(crops) if crop.shape[1] == width]
            feed = (
                np.stack([crops[place] for place in places]).transpose(0, 3, 1, 2).astype(np.float32) / 127.5
                - 1.0
            )
            raw, features = self.session.run(None, {self.name: np.ascontiguousarray(feed)})
            for place, classes, felt in zip(places, raw, features, strict=True):
                folded = self._fold_columns(classes)
                answers[place] = Sight(
                    folded, self.letters.read_features(felt), self._find_credit(classes, folded)
                )
        return [answers[place] for place in range(len(crops))]

    def _find_credit(self, raw: NDArray[np.float32], folded: Columns) -> float:
        """Return the highest probability of a copyright sign before the first letter or digit; 0 where the file knows none."""
        before = int(np.argmax(np.append(folded[:, 0] < 0.5, True)))
        return float(raw[:before, self.credit].max(initial=0.0)) if self.credit else 0.0

    def _fold_columns(self, raw: NDArray[np.float32]) -> Columns:
        """Return (T, 37) from the network's (T, classes): look-alikes summed, everything else counted as no character."""
        folded = np.empty((raw.shape[0], len(ALPHABET) + 1), np.float32)
        for column, members in enumerate(self.members, start=1):
            folded[:, column] = raw[:, members].sum(axis=1)
        folded[:, 0] = np.clip(1.0 - folded[:, 1:].sum(axis=1), 1e-9, 1.0)
        return folded


def share_round(columns: Columns) -> Columns:
    """Return columns in which O and 0 have equal shares of what they have together.

    Many issuers draw both alike, and the drawn plates that taught the reader of plates say as often the one as the other:
    which of them it is, is for the general reader's measured confusions and the grammar.
    """
    shared = columns.copy()
    shared[:, _ROUND] = columns[:, _ROUND].mean(axis=1, keepdims=True)
    return shared


def fold_classes(classes: Sequence[str], letter: str) -> list[int]:
    """Return the network's class numbers that look like `letter`: both cases, accented forms, Greek capitals.

    Class 0 is the CTC blank, so the metadata's first character is class 1.
    """
    return [number for number, name in enumerate(classes, start=1) if _fold_character(name) == letter]


def _fold_character(name: str) -> str:
    """Return the plate character that a class stands for, or an empty string."""
    if len(name) != 1:
        return ""
    base = unicodedata.normalize("NFKD", name)[0]
    upper = GREEK.get(base, base.upper())
    return upper if upper in ALPHABET and len(upper) == 1 else ""


def stretch_contrast(bgr: Pixels) -> Pixels:
    """Return the picture with its 1st to 99th brightness percentiles spread over the whole range (dark or hazy plates)."""
    luma = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY) if bgr.ndim == 3 else bgr
    low, high = np.percentile(luma, (1, 99))
    if high - low < 4:
        return bgr
    table = np.clip((np.arange(256) - low) * (255.0 / (high - low)), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(bgr, table), np.uint8)


def even_contrast(bgr: Pixels) -> Pixels:
    """Return the picture with its brightness spread tile by tile (K. Zuiderveld 1994): text shows in the dark and beside headlights."""
    split = cv2.cvtColor(bgr, cv2.COLOR_BGR2LAB)
    split[..., 0] = cv2.createCLAHE(3.0, (8, 8)).apply(split[..., 0])
    return np.asarray(cv2.cvtColor(split, cv2.COLOR_LAB2BGR), np.uint8)
