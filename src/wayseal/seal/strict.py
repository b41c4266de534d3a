"""Strict reading: bytes taken in order and never past the end, and JSON that has exactly one encoding.

Owns no format. Every reader of untrusted bytes in this package goes through here; all of it raises `Invalid`.
"""

import json
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, Never

import rfc8785

from wayseal.model.clock import from_text, to_text
from wayseal.model.errors import Invalid
from wayseal.model.ids import check_name, check_staff

_LARGEST: Final = 2**53 - 1  # what RFC 8785 lets a whole number be


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
    if all(_is_plain(name) and _is_plain(value) for name, value in fields.items()):
        return _spell(dict(fields))
    return rfc8785.dumps(dict(fields))  # type: ignore[arg-type]  # its type is recursive; wrong values raise


def decode_canonical(raw: bytes, names: Collection[str]) -> dict[str, Any]:
    """Return the JSON object that `raw` encodes. Raises `Invalid` unless it is canonical and has exactly these names."""
    try:
        fields, canonical = _respell(raw)
    except (ValueError, RecursionError):  # rfc8785's errors are ValueErrors
        raise Invalid("not canonical JSON") from None
    if not isinstance(fields, dict) or canonical != raw:
        raise Invalid("not canonical JSON")
    if set(fields) != set(names):
        raise Invalid("a field is missing or unknown")
    return fields


class _UnusualError(ValueError):
    """A number that only rfc8785 spells as the norm wants it."""


def _respell(raw: bytes) -> tuple[Any, bytes]:
    """Return the value that JSON spells and its RFC 8785 form. Raises `ValueError` or `RecursionError` for what has none.

    Of ASCII without fractions the standard library makes the same bytes, in C (a test compares the two).
    """
    if raw.isascii():
        with suppress(_UnusualError):
            value = _PLAIN.decode(raw.decode("ascii"))
            return value, _spell(value)
    value = json.loads(raw.decode("utf-8"))
    return value, rfc8785.dumps(value)


def _spell(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8")


def _is_plain(value: object) -> bool:
    """Say whether the standard library spells a value as RFC 8785 does: ASCII text, or a whole number that it allows."""
    return (type(value) is str and value.isascii()) or (type(value) is int and abs(value) <= _LARGEST)


def _read_whole(text: str) -> int:
    number = int(text)
    if abs(number) > _LARGEST:
        raise _UnusualError
    return number


def _give_up(_text: str) -> Never:
    raise _UnusualError


_PLAIN: Final = json.JSONDecoder(parse_float=_give_up, parse_int=_read_whole, parse_constant=_give_up)


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
