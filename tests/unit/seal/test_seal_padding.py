"""Size buckets: what they cost, what they hide, and that they come off again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayseal.model.errors import Invalid
from wayseal.seal.padding import LARGEST, bucket_size, pad_body, unpad_body


@given(body=st.binary(max_size=5000))
def test_padding_comes_off(body: bytes) -> None:
    """A padded body gives back the body, and any other length or filling gives nothing."""
    padded = pad_body(body)
    assert len(padded) == bucket_size(len(body))
    assert unpad_body(padded) == body
    assert unpad_body(padded + b"\0") is None
    assert unpad_body(bytes(len(padded))) is None
    assert unpad_body(padded[:-1] + b"\x01") is None or padded[-1] == 0x80


@given(length=st.integers(512, LARGEST - 1))
def test_padding_is_cheap(length: int) -> None:
    """Above the floor padding costs at most 12 % and one byte, and buckets never go down."""
    size = bucket_size(length)
    assert length < size <= (length + 1) * 1.12
    assert bucket_size(size - 1) == size
    assert bucket_size(length + 1) >= size


def test_buckets_are_few() -> None:
    """Between 100 kB and 400 kB, where pictures lie, there are no more than 70 different sizes."""
    assert len({bucket_size(length) for length in range(100_000, 400_000, 97)}) <= 70


def test_too_large_is_refused() -> None:
    """A body that would not fit the largest bucket is refused before it is copied."""
    with pytest.raises(Invalid, match="too large"):
        pad_body(bytes(LARGEST))
