"""May a face be a picture of one: cues from what surrounds it, as one advisory score.

Wording as in ISO/IEC 30107-3: a presentation is bona fide or an attack. The score advises an officer and never refuses
anybody (R-19); what is surely a sheet where nobody need sit is not counted as somebody. What a lane's camera cannot resolve is not looked for: ink dots and screen pixels are a tenth of a
millimetre, a face camera's pixel a whole one; nor is relief, which the points of a face show too coarsely
(docs/explanation/capture.md). Sees one track of one vehicle, and never a gallery.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields, replace
from functools import cache
from importlib.resources import files
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from wayseal.model.border import Occupant, Pixels, Seat
from wayseal.vision.detect import Detection

MAY_BE_PICTURE = "may_be_a_picture"
"""Reason on an occupant whose face may be a print, a screen or a mask: the officer looks, nothing is refused."""
NOT_COUNTED = "picture_not_counted"
"""Reason on a seat where nobody need sit, whose face is surely a picture: it is no occupant, and the officer looks."""
UNIT = 20
"""Pixels of a surround in one distance between the eyes."""
_SURE = 95.0  # score from which edges alone are surely a sheet's: nineteen in twenty where sheets and faces are as common
_SIDE, _ABOVE, _BELOW = 2.4, 2.6, 3.0
_WIDEST = 2.35  # eye distances beside the face up to which a sheet's edge is sought, as far as can be
_UPRIGHT_RUN, _LEVEL_RUN = 3.2, 2.4
"""Eye distances over which a sheet's edge is straight; a head-rest's is shorter and rounded."""
_Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PresentationCues:
    """What speaks for a picture, both over the surround's contrast.

    `edges` is how straight and strong the third of four sides around the face is: a sheet of paper, a tablet. `rim` is the
    closed outline of a cut-out mask.
    """

    edges: float
    rim: float


def cut_surround(bgr: Pixels, found: Detection) -> Pixels:
    """Return the upright surround of a face, `UNIT` pixels to the distance between its eyes, repeated at the frame's rim."""
    eyes = found.landmarks[:2].mean(axis=0)
    scale = UNIT / max(found.inter_eye_px, 1.0)
    shift = np.array([_SIDE * UNIT, _ABOVE * UNIT]) - scale * eyes
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    size = (round(2 * _SIDE * UNIT), round((_ABOVE + _BELOW) * UNIT))
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    cut = cv2.warpAffine(bgr, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cut, dtype=np.uint8)


def measure_cues(surrounds: Sequence[Pixels]) -> PresentationCues | None:
    """Return the middle cues of one track's surrounds; None without any. A reflection is in one look and gone in the next."""
    if not surrounds:
        return None
    each = [_measure_look(cv2.cvtColor(one, cv2.COLOR_BGR2GRAY).astype(np.float32)) for one in surrounds]
    edges, rim = np.median(each, axis=0)
    return PresentationCues(float(edges), float(rim))


def score_presentation(cues: PresentationCues) -> float:
    """Return how much the cues speak for a picture, 0-100: the estimated chance in percent where both are as common."""
    weights = _load_weights()
    values = (np.array(astuple(cues)) - weights["mean"]) / weights["scale"]
    return _percent(weights["intercept"] + np.array(weights["coefficients"]) @ np.clip(values, -4, 4))


def is_suspicious(score: float) -> bool:
    """Return whether an officer should be told."""
    return score >= float(_load_weights()["threshold"])


def is_sheet(cues: PresentationCues) -> bool:
    """Return whether the straight edges alone speak for a sheet of paper or a screen: an oval outline may be a mask that somebody wears."""
    weights = _load_weights()
    edges = (cues.edges - weights["mean"][0]) / weights["scale"][0]
    sure = _percent(weights["intercept"] + weights["coefficients"][0] * edges) >= _SURE
    return sure and is_suspicious(score_presentation(cues))


def _percent(total: float) -> float:
    """Return the chance, in percent, that log-odds stand for."""
    return 100.0 / (1.0 + float(np.exp(-total)))


def discount_picture(person: Occupant) -> Occupant:
    """Return somebody who is surely a picture, on a seat where nobody need sit, as no occupant: nothing to keep or search.

    A vehicle that moves has a driver, who counts whatever is seen there. The look stays, and so do the reasons.
    """
    if NOT_COUNTED not in person.reasons:
        return person
    if person.seat is Seat.DRIVER:
        return replace(person, reasons=tuple(one for one in person.reasons if one != NOT_COUNTED))
    return Occupant(person.seat, person.best, None, None, person.shots, person.reasons)


def _measure_look(light: _Floats) -> tuple[float, float]:
    """Return (edges, rim) of one surround's brightness."""
    spread = max(float(light.std()), 2.0)
    smooth = cv2.GaussianBlur(light, (0, 0), 0.8)
    across = np.asarray(cv2.Sobel(smooth, cv2.CV_32F, 1, 0) / (8 * spread))
    down = np.asarray(cv2.Sobel(smooth, cv2.CV_32F, 0, 1) / (8 * spread))
    return _find_frame(across, down), _find_rim(across, down)


def _find_frame(across: _Floats, down: _Floats) -> float:
    """Return the strength of the third strongest straight side around the face."""
    upright = np.abs(cv2.blur(across, (1, round(_UPRIGHT_RUN * UNIT)), borderType=cv2.BORDER_REPLICATE))
    level = np.abs(cv2.blur(down, (round(_LEVEL_RUN * UNIT), 1), borderType=cv2.BORDER_REPLICATE))
    middle = slice(_row(-0.6), _row(1.2))
    left = upright[middle, _column(-_WIDEST) : _column(-1.0)]
    right = upright[middle, _column(1.0) : _column(_WIDEST)]
    near = slice(_column(-0.5), _column(0.5))
    top, bottom = level[_row(-2.5) : _row(-1.3), near], level[_row(1.7) : _row(2.9), near]
    sides = sorted(float(part.max()) for part in (left, right, top, bottom))
    return sides[1]


def _find_rim(across: _Floats, down: _Floats) -> float:
    """Return the strength of the strongest oval outline around the face, over the share of it that is closed."""
    best = 0.0
    for size in np.arange(0.85, 1.25, 0.05):
        x, y = 1.22 * size * np.cos(_TURNS), 0.5 + 1.68 * size * np.sin(_TURNS)
        rows = np.clip(np.round((y + _ABOVE) * UNIT).astype(int), 0, across.shape[0] - 1)
        columns = np.clip(np.round((x + _SIDE) * UNIT).astype(int), 0, across.shape[1] - 1)
        outward = across[rows, columns] * np.cos(_TURNS) + down[rows, columns] * np.sin(_TURNS)
        best = max(best, float(np.percentile(np.abs(outward), 30)))
    return best


def _row(units: float) -> int:
    """Return the row that lies so many eye distances below the eyes."""
    return round((_ABOVE + units) * UNIT)


def _column(units: float) -> int:
    """Return the column that lies so many eye distances right of the eyes' middle."""
    return round((_SIDE + units) * UNIT)


_TURNS = np.linspace(0, 2 * np.pi, 72, endpoint=False)


@cache
def _load_weights() -> dict[str, Any]:
    """Return the fitted weights (tools/fit_presentation.py); their names must be the cues'."""
    data = tomllib.loads(files("wayseal.vision").joinpath("presentation_weights.toml").read_text())
    assert tuple(data["names"]) == tuple(field.name for field in fields(PresentationCues))  # noqa: S101
    return data
