"""PDQ hashes are the reference implementation's, bit for bit, and stay near through what they promise to survive."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wayseal.vision.pdq import NEAR, count_differences, hash_jpeg, hash_picture, read_hash
from wayseal.vision.picture import encode_picture

REFERENCE = {
    (64, 64): "f455c2a0956e6a135babb5510d44ba5d46a1997e6c479ddb661509ad72f8c4e1",
    (100, 80): "91f7ae245aebebdb883d12e2a524f1a9e37e8e51b63528e9e6dc087912d015e0",
    (183, 121): "5b2946ca9b3a3466cd44c25ceeb97801c197a73f40efcbcb1bfbff82e204060c",
    (250, 250): "5da7b9aee3bb072136af64394c6c0d6c476d1fe77cc7f8cef0c0c183c983c000",
    (480, 640): "8fe79fe71dc718d639ee398e79defd7ff87ef87c6038e0bcf0fe008000000000",
    (37, 513): "ad64b57b5697f539aaeeb3ae06000ac7a3285cd7dabbf56d8be62a000dc38064",
    (512, 512): "fcfeb8fe18c635cf39ee31ed3fef3fef0fc30f8307813d4f354d300800000600",
    (720, 1280): "fffefffe17cb0fc72fd73fdfb7ef530a39e8a1283a140c4706110883a0080100",
}
"""What the package pdqhash 0.2.8 (the reference code) gives for `paint` at these sizes."""


def paint(height: int, width: int) -> np.ndarray:
    """A picture of whole numbers that needs no random generator."""
    y, x = np.mgrid[:height, :width]
    board = 90 * ((x // (width // 5 + 1) + y // (height // 4 + 1)) % 2)
    return ((y * y * 3 // height + x * 5 + (x * y) // (7 + width // 9) + board) % 256).astype(np.uint8)


@pytest.mark.parametrize("size", sorted(REFERENCE))
def test_equals_the_reference(size: tuple[int, int]) -> None:
    """The hash of each size is the one that the reference code gives."""
    assert np.packbits(hash_picture(paint(*size))).tobytes().hex() == REFERENCE[size]


def test_stays_near_when_smaller_and_recompressed() -> None:
    """Half the size and JPEG stay within the limit; a cut by a fifth does not: it is an index, not a proof."""
    rng = np.random.default_rng(5)
    plane = cv2.GaussianBlur(rng.integers(0, 256, (300, 240), dtype=np.uint8), (0, 0), 4)
    plane = cv2.normalize(plane, None, 0, 255, cv2.NORM_MINMAX)
    kept = hash_picture(plane)
    half = cv2.resize(plane, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    table = np.stack([hash_picture(half), hash_picture(np.ascontiguousarray(plane[60:, 20:]))])
    near, far = count_differences(kept, table)
    assert near <= NEAR < far


def test_jpeg_hash_reads_back() -> None:
    """The hexadecimal form holds the bits; bytes that are no JPEG have no hash."""
    plane = paint(120, 90)
    made = hash_jpeg("face.driver", encode_picture(np.dstack([plane] * 3)).data)
    assert count_differences(read_hash(made["face.driver"]), hash_picture(plane)[None])[0] <= 8
    assert hash_jpeg("face.driver", b"\xff\xd8 no picture") == {}


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90))
def test_any_size_has_a_hash(height: int, width: int) -> None:
    """A picture of any size, down to one pixel, has 256 bits."""
    assert hash_picture(paint(height, width)).shape == (256,)
