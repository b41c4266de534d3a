"""Still pictures in and out: any common file to BGR pixels or a clear refusal, and BGR pixels to a JPEG in memory.

Owns limits on size and format. It writes no file, and no error it raises carries a pixel or a name.
"""

import io
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from wayseal.model.border import Pixels, PlainImage
from wayseal.model.errors import BadPicture, NotFound
from wayseal.vision.detect import Detection, FaceDetector, keep_best, move_detection

MAX_PIXELS = 100_000_000
MAX_BYTES = 200_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "PPM", "BMP", "GIF", "JPEG2000")
_PHONE_FORMATS = {
    b"ftyp" + brand for brand in (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif", b"avis")
}
_PHONE_HINT = "Save it as JPEG or PNG: what telephones call HEIC is not read."
SEARCH_SIDE = 1280
"""The longer side, in pixels, at which a still is searched for faces; YuNet was measured there."""
WIDE_FACE = 300.0
"""Face height in searched pixels from which a second, smaller search is worth its 2 ms."""


def read_picture(source: bytes | Path, *, longest: int | None = None) -> Pixels:
    """Return a still picture as (height, width, 3) BGR, upright by its EXIF mark; grey, palette, CMYK and 16 bits too.

    With `longest`, a picture at least twice as long is reduced to about that many pixels a side while it is decoded.
    Of several pictures in a file (GIF, WebP, TIFF) the first counts. Raises `NotFound` for a missing file and `BadPicture`, whose
    fact `reason` is one of `empty`, `not_a_picture`, `heic_not_read`, `truncated`, `too_large`.
    """
    data = _read_bytes(source) if isinstance(source, Path) else source
    if not data:
        raise BadPicture("the picture file is empty", reason="empty")
    if len(data) > MAX_BYTES:
        raise BadPicture("the picture file is too large", reason="too_large", bytes=len(data))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _decode(data, longest)
        except UnidentifiedImageError:
            if data[4:12] in _PHONE_FORMATS:
                raise BadPicture("a HEIC or AVIF picture", reason="heic_not_read", hint=_PHONE_HINT) from None
            raise BadPicture("not a picture that can be read", reason="not_a_picture") from None
        except Image.DecompressionBombError:
            raise BadPicture("the picture has too many pixels", reason="too_large") from None
        except (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, OverflowError):
            raise BadPicture("the picture is cut off or damaged", reason="truncated") from None
        except MemoryError:
            raise BadPicture("the picture needs too much memory", reason="too_large") from None


def encode_picture(bgr: Pixels, *, quality: int = 92) -> PlainImage:
    """Return BGR pixels as a JPEG in memory (4:4:4 from quality 90 on, so that marks and faces keep their colour)."""
    sampling = "444" if quality >= 90 else "420"
    data = simplejpeg.encode_jpeg(
        np.ascontiguousarray(bgr), quality=quality, colorspace="BGR", colorsubsampling=sampling
    )
    return PlainImage(bytes(data), width=bgr.shape[1], height=bgr.shape[0])


def faces_in(bgr: Pixels, detector: FaceDetector, *, threshold: float = 0.6) -> list[Detection]:
    """Return the faces of a still, largest first, in its own pixels; large pictures are searched at 1280 px.

    A face that fills much of the picture (passport crops, close-ups) is more than the detector sees at once: then, and when
    nothing is found, the picture is searched again small and with a border, and the better score of each face counts.
    """
    height, width = bgr.shape[:2]
    scale = min(1.0, SEARCH_SIDE / max(height, width))
    whole = (0.0, 0.0, float(width), float(height))
    found = detector.detect_region(bgr, whole, scale=scale, threshold=threshold)
    if not found or max(face.box[3] for face in found) * scale > WIDE_FACE:
        found = keep_best([*found, *_detect_bordered(bgr, detector, threshold)])
    return sorted(found, key=lambda face: face.box[2] * face.box[3], reverse=True)


def _detect_bordered(bgr: Pixels, detector: FaceDetector, threshold: float) -> list[Detection]:
    """Return the faces found when the picture is shrunk to 320 px and given a border: faces that fill the picture."""
    height, width = bgr.shape[:2]
    if min(height, width) < 8:
        return []
    scale = 320 / max(height, width)
    small = cv2.resize(
        bgr, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA
    )
    edge = 80
    framed = cv2.copyMakeBorder(small, edge, edge, edge, edge, cv2.BORDER_REPLICATE)
    return [
        move_detection(face, scale=1 / scale, x=-edge / scale, y=-edge / scale)
        for face in detector.detect(np.asarray(framed, dtype=np.uint8), threshold=threshold)
    ]


def _read_bytes(path: Path) -> bytes:
    """Return a picture file's bytes. Raises `NotFound` or `BadPicture`; the path is not repeated, it may name a person."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadPicture("the picture file is too large", reason="too_large")
        return path.read_bytes()
    except FileNotFoundError:
        raise NotFound(
            "there is no such picture file", hint="Paths are relative to the CSV.", reason="missing"
        ) from None
    except OSError as error:
        raise BadPicture(f"the picture file cannot be read: {error.strerror}", reason="unreadable") from None


def _decode(data: bytes, longest: int | None = None) -> Pixels:
    """Return the pixels of an encoded picture; errors are the codec's own."""
    image: Any = Image.open(io.BytesIO(data), formats=FORMATS)
    if image.width * image.height > MAX_PIXELS:
        raise Image.DecompressionBombError
    if image.width < 1 or image.height < 1:
        raise UnidentifiedImageError
    if longest is not None:
        image.draft(None, (longest, longest))  # JPEG only: an eighth of the pixels is an eighth of the work
    image.load()
    if longest is not None and max(image.size) >= 2 * longest:
        image = image.reduce(max(image.size) // longest)
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        return np.asarray(cv2.cvtColor(_reduce_depth(np.asarray(image)), cv2.COLOR_GRAY2BGR), dtype=np.uint8)
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, (255, 255, 255, 255)), layer)
    return np.ascontiguousarray(np.asarray(image.convert("RGB"))[..., ::-1])


def _reduce_depth(values: NDArray[Any]) -> Pixels:
    """Return deeper grey as 8 bits: full scale is 255, 4,095 or 65,535, the smallest that holds the brightest pixel."""
    wide = np.nan_to_num(values.astype(np.float32))
    top = float(wide.max(initial=0))
    full = next((scale for scale in (1.0, 255.0, 4095.0, 65535.0) if top <= scale), top)
    if full == 1.0 and not np.issubdtype(values.dtype, np.floating):
        full = 255.0
    return np.asarray(np.clip(wide * (255.0 / full), 0, 255), dtype=np.uint8)
