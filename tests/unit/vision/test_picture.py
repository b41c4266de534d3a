"""Still pictures: every ordinary form is read upright and in 8 bits; everything else is refused with a reason."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from wayseal.model.border import Pixels
from wayseal.model.errors import BadPicture, NotFound
from wayseal.vision.detect import FaceDetector
from wayseal.vision.picture import encode_picture, faces_in, read_picture


def encode(image: Image.Image, form: str, **options: object) -> bytes:
    """Return a Pillow image as a file's bytes."""
    out = io.BytesIO()
    image.save(out, form, **options)  # type: ignore[arg-type]
    return out.getvalue()


def gradient(mode: str = "RGB") -> Image.Image:
    """Return a 60x40 picture: dark left, bright right, in a mode."""
    ramp = np.tile(np.linspace(0, 255, 60).astype(np.uint8), (40, 1))
    return Image.fromarray(ramp).convert("RGB").convert(mode)


@pytest.mark.parametrize(
    ("mode", "form"),
    [("RGB", "PNG"), ("L", "PNG"), ("P", "PNG"), ("1", "PNG"), ("LA", "PNG"), ("RGBA", "PNG"), ("RGB", "JPEG"),
     ("L", "JPEG"), ("CMYK", "JPEG"), ("RGB", "WEBP"), ("RGB", "TIFF"), ("CMYK", "TIFF"), ("L", "PPM"), ("RGB", "BMP"),
     ("P", "GIF"), ("YCbCr", "JPEG")],
)  # fmt: skip
def test_ordinary_forms(mode: str, form: str) -> None:
    """Each ordinary mode and format gives (40, 60, 3) BGR with the ramp from dark to bright."""
    bgr = read_picture(encode(gradient(mode), form))
    assert bgr.shape == (40, 60, 3)
    assert bgr.dtype == np.uint8
    columns = bgr.mean(axis=(0, 2))
    assert columns[:6].mean() < 60
    assert columns[-6:].mean() > 195


@pytest.mark.parametrize(("full", "dtype"), [(65535, np.uint16), (4095, np.uint16)])
@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bits(full: int, dtype: type, form: str) -> None:
    """16-bit and 12-bit-in-16 grey pictures span 0-255, whichever full scale they use."""
    ramp = np.tile(np.linspace(0, full, 60).astype(dtype), (40, 1))
    bgr = read_picture(encode(Image.fromarray(ramp), form))
    assert bgr[:, 0].max() == 0
    assert bgr[:, -1].min() == 255
    assert abs(float(bgr[:, 30].mean()) - 255 * 30 / 59) < 2


def test_sixteen_bit_grey_pgm() -> None:
    """A 16-bit PGM, as some industrial cameras write it, is read."""
    ramp = np.tile(np.linspace(0, 65535, 60).astype(">u2"), (40, 1))
    assert read_picture(b"P5\n60 40\n65535\n" + ramp.tobytes())[:, -1].min() == 255


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation: int) -> None:
    """Each of the eight EXIF orientations is turned upright: the bright corner comes back to where it was."""
    upright = np.zeros((40, 60, 3), np.uint8)
    upright[:10, :10] = 255
    turned = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.transpose(1, 0, 2), 6: np.rot90(upright), 7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    bgr = read_picture(encode(Image.fromarray(np.ascontiguousarray(turned)), "PNG", exif=exif))
    assert np.array_equal(bgr, upright)


def test_transparency_is_white() -> None:
    """Transparent pixels become white paper, not what happens to lie under them."""
    layer = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert read_picture(encode(layer, "PNG")).min() == 255


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "empty"), (b"x", "not_a_picture"), (b"%PDF-1.7 not a picture", "not_a_picture"), (bytes(1000), "not_a_picture")],
)  # fmt: skip
def test_no_picture(data: bytes, reason: str) -> None:
    """Bytes that are no picture are refused with a reason code and a hint."""
    with pytest.raises(BadPicture) as caught:
        read_picture(data)
    assert caught.value.facts["reason"] == reason
    assert caught.value.hint


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_truncated(form: str, share: float) -> None:
    """A cut-off file is refused, never read as half a face over grey."""
    noise = np.random.default_rng(1).integers(0, 255, (120, 160, 3), np.uint8)
    data = encode(Image.fromarray(noise), form)
    with pytest.raises(BadPicture) as caught:
        read_picture(data[: int(len(data) * share)])
    assert caught.value.facts["reason"] in {"truncated", "not_a_picture"}


@pytest.mark.parametrize("brand", [b"heic", b"mif1", b"avif"])
def test_telephone_formats_are_named(brand: bytes) -> None:
    """A HEIC or AVIF file is refused by its name, with what to do about it."""
    with pytest.raises(BadPicture) as caught:
        read_picture(bytes([0, 0, 0, 24]) + b"ftyp" + brand + bytes(400))
    assert caught.value.facts["reason"] == "heic_not_read"
    assert "JPEG" in caught.value.hint


@pytest.mark.parametrize("form", ["GIF", "WEBP"])
def test_animation_gives_its_first(form: str) -> None:
    """Of an animated picture the first counts."""
    frames = [Image.new("RGB", (40, 30), (level, level, level)) for level in (10, 120, 240)]
    out = io.BytesIO()
    frames[0].save(out, form, save_all=True, append_images=frames[1:])
    assert abs(float(read_picture(out.getvalue()).mean()) - 10) < 4


@pytest.mark.parametrize("share", [0.5, 0.95])
def test_cut_progressive(share: float) -> None:
    """A progressive JPEG without its last scans is refused, though it would show a coarse picture."""
    noise = np.random.default_rng(1).integers(0, 255, (120, 160, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "JPEG", progressive=True)
    with pytest.raises(BadPicture) as caught:
        read_picture(out.getvalue()[: int(len(out.getvalue()) * share)])
    assert caught.value.facts["reason"] == "truncated"


def test_pixel_limit() -> None:
    """A small file that unpacks to more than 100 megapixels is refused before it is unpacked."""
    bomb = encode(Image.new("1", (20000, 10000)), "PNG")
    assert len(bomb) < 100_000
    with pytest.raises(BadPicture) as caught:
        read_picture(bomb)
    assert caught.value.facts["reason"] == "too_large"


def test_forty_megapixels_are_read(detector: FaceDetector) -> None:
    """40 megapixels are within the limit; searching them works at a bounded size."""
    bgr = read_picture(encode(Image.new("L", (8000, 5000), 128), "JPEG"))
    assert bgr.shape == (5000, 8000, 3)
    assert faces_in(bgr, detector) == []


def test_one_pixel(detector: FaceDetector) -> None:
    """A picture of one pixel is read and shows no face."""
    bgr = read_picture(encode(Image.new("RGB", (1, 1), (9, 8, 7)), "PNG"))
    assert bgr.tolist() == [[[7, 8, 9]]]
    assert faces_in(bgr, detector) == []


def test_missing_file(tmp_path: Path) -> None:
    """A missing file is not found; the error does not repeat a name that may be a person's."""
    with pytest.raises(NotFound) as caught:
        read_picture(tmp_path / "jane_doe.jpg")
    assert "jane" not in caught.value.diagnostics()


def test_folder_as_picture(tmp_path: Path) -> None:
    """A folder in a picture's place is refused."""
    with pytest.raises(BadPicture):
        read_picture(tmp_path)


@settings(max_examples=150)
@given(st.binary(max_size=300), st.integers(0, 5))
def test_any_bytes(data: bytes, start: int) -> None:
    """No bytes, also behind a picture's first bytes, make the reader fail in another way than `BadPicture`."""
    heads = [
        b"",
        b"\xff\xd8\xff\xe0",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\x20\0\0\0WEBPVP8 ",
        b"P5\n4 4\n255\n",
        b"II*\0",
    ]
    try:
        bgr = read_picture(heads[start] + data)
    except BadPicture as error:
        assert error.facts["reason"]  # noqa: PT017 - both outcomes are right, a reason must be there
    else:
        assert bgr.ndim == 3


@settings(max_examples=60)
@given(st.integers(0, 1500), st.integers(1, 255), st.sampled_from(["JPEG", "PNG", "WEBP"]))
def test_one_flipped_byte(place: int, mask: int, form: str) -> None:
    """A picture with one damaged byte is read or refused, never something else."""
    data = bytearray(encode(gradient(), form))
    data[place % len(data)] ^= mask
    try:
        assert read_picture(bytes(data)).shape[2] == 3
    except BadPicture as error:
        assert error.facts["reason"]  # noqa: PT017 - both outcomes are right, a reason must be there


def test_encoded_picture_keeps_its_colours() -> None:
    """Encoding gives a JPEG of the same size and nearly the same colours; its print shows sizes only."""
    bgr = np.zeros((40, 60, 3), np.uint8)
    bgr[:, :30] = (200, 40, 90)
    plain = encode_picture(bgr)
    assert (plain.width, plain.height, plain.media_type) == (60, 40, "image/jpeg")
    assert np.abs(read_picture(plain.data).astype(int) - bgr).mean() < 3
    assert "bytes" in repr(plain)
    assert "xff" not in repr(plain)
    assert len(encode_picture(bgr, quality=50).data) < len(plain.data)


def test_face_filling_the_picture(detector: FaceDetector, astronaut: Pixels) -> None:
    """A close-up that fills its picture is found, at its place, as a passport crop often is."""
    close = np.asarray(cv2.resize(astronaut[68:172, 182:264], None, fx=14, fy=14), dtype=np.uint8)
    found = faces_in(close, detector)
    assert len(found) == 1
    x, y, width, height = found[0].box
    assert abs(x + width / 2 - close.shape[1] / 2) < 0.2 * close.shape[1]
    assert abs(y + height / 2 - close.shape[0] / 2) < 0.25 * close.shape[0]


def test_largest_face_first(detector: FaceDetector, astronaut: Pixels) -> None:
    """Several faces come largest first."""
    scene = np.full((600, 900, 3), 100, np.uint8)
    scene[:512, :512] = astronaut
    scene[100:356, 600:856] = cv2.resize(astronaut, (256, 256))
    found = faces_in(scene, detector)
    assert len(found) == 2
    assert found[0].box[2] > found[1].box[2] * 1.5
