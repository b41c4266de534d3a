"""Size buckets: how much a sealed body is padded, so that its length says little about what it shows. Pure.

The buckets are Padmé's (Nikitin et al., "Reducing metadata leakage from encrypted files and communication with PURBs",
PETS 2019) above a floor of 512 bytes: a length of about n bits keeps its leading log2(n) bits and rounds the rest up,
which costs at most 12 % and leaves O(log log) bits of the length visible.
"""

from typing import Final

from wayseal.model.errors import Invalid

FLOOR: Final = 512
LARGEST: Final = 64 * 1024 * 1024
_END = 0x80


def bucket_size(length: int) -> int:
    """Return the padded size of a body of `length` bytes: the smallest bucket that also takes the end marker."""
    size = max(length + 1, FLOOR)
    exponent = size.bit_length() - 1
    step = 1 << (exponent - exponent.bit_length())
    return -(-size // step) * step


def padded_size(length: int) -> int:
    """Return the bucket of a body that is to be sealed. Raises `Invalid` for one over 64 MiB - 1."""
    size = bucket_size(length)
    if size > LARGEST:
        raise Invalid(
            f"a body of {length} bytes is too large to seal", hint="Bodies have at most 64 MiB - 1 bytes."
        )
    return size


def pad_into(buffer: memoryview, body: bytes) -> None:
    """Fill a buffer of `padded_size(len(body))` bytes with `body`, the byte 0x80 and zeros."""
    end = len(body)
    buffer[:end] = body
    buffer[end] = _END
    buffer[end + 1 :] = bytes(len(buffer) - end - 1)


def pad_body(body: bytes) -> bytes:
    """Return `body`, the byte 0x80 and zeros up to its bucket. Raises `Invalid` for a body over 64 MiB - 1."""
    padded = bytearray(padded_size(len(body)))
    pad_into(memoryview(padded), body)
    return bytes(padded)


def unpad_body(padded: bytes | bytearray) -> bytes | None:
    """Return the body inside its padding, or None when the padding is not exactly what `pad_body` makes."""
    end = padded.rfind(_END)
    if end < 0 or padded.count(0, end) != len(padded) - end - 1 or bucket_size(end) != len(padded):
        return None
    return bytes(memoryview(padded)[:end])
