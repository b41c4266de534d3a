"""Strict reading: bytes taken in order and never past the end, and JSON that has exactly one encoding.

Owns no format. Every reader of untrusted bytes in this package goes through here; all of it raises `Invalid`.
"""

import json
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

import rfc8785

from wayseal.model.clock import from_text, to_text
from wayseal.model.errors import Invalid
from wayseal.model.ids import check_name, check_staff


class ByteReader:
    """A cursor over bytes. `take` either gives exactly what was asked for or raises `Invalid`."""

    __slots__ = ("_view", "position")

    def __init__(self, data: bytes | memoryview) -> None:
        self._view = memoryview(data)
        self.position = 0

    @property
    def left(self) -> int:
        """How many bytes have not been taken yet."""
        return len(self._view) - self.position

    def view(self, size: int, what: str) -> memoryview:
        """Return the next `size` bytes without copying them."""
        if size > self.left:
            raise Invalid(f"cut off inside the {what}: {size} bytes expected, {self.left} there")
        self.position += size
        return self._view[self.position - size : self.position]

    def take(self, size: int, what: str) -> bytes:
        """Return the next `size` bytes."""
        return bytes(self.view(size, what))

    def number(self, size: int, what: str) -> int:
        """Return the next `size` bytes as an unsigned big-endian number."""
        return int.from_bytes(self.view(size, what), "big")


def encode_canonical(fields: Mapping[str, object]) -> bytes:
    """Return the fields as RFC 8785 JSON."""
    return rfc8785.dumps(dict(fields))  # type: ignore[arg-type]  # its type is recursive; wrong values raise


def decode_canonical(raw: bytes, names: Collection[str]) -> dict[str, Any]:
    """Return the JSON object that `raw` encodes. Raises `Invalid` unless it is canonical and has exactly these names."""
    try:
        fields = json.loads(raw.decode("utf-8"))
        canonical = rfc8785.dumps(fields)
    except (ValueError, RecursionError):  # rfc8785's errors are ValueErrors
        raise Invalid("not canonical JSON") from None
    if not isinstance(fields, dict) or canonical != raw:
        raise Invalid("not canonical JSON")
    if set(fields) != set(names):
        raise Invalid("a field is missing or unknown")
    return fields


def decode_time(text: Any) -> datetime:
    """Return the time that a canonical text names (UTC, milliseconds, Z). Raises `Invalid`, without repeating the text."""
    try:
        moment = from_text(text) if isinstance(text, str) else None
    except Invalid:
        moment = None
    if moment is None or to_text(moment) != text:
        raise Invalid("a time is not in canonical form")
    return moment


def is_name(text: str) -> bool:
    """Return whether a text can name a lane. For texts from outside, which no error may repeat."""
    return _passes(check_name, text)


def is_staff(text: str) -> bool:
    """Return whether a text can be somebody's staff id, with colons or without."""
    return _passes(check_staff, text)


def _passes(check: Callable[[str], object], text: str) -> bool:
    try:
        check(text)
    except Invalid:
        return False
    return True
