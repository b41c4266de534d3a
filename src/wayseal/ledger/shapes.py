"""What a value on the ledger may look like: identifiers, codes, times, counts and digests of things that are not people.

Owns the shapes and nothing else. There is deliberately no shape for free text, names of people, plates or pictures.
"""

import re
from collections.abc import Callable
from typing import Any

from wayseal.model.clock import from_text
from wayseal.model.errors import Invalid

Shape = Callable[[Any], bool]
"""Says whether a value has the shape. Never raises."""

MAX_LIST = 1000
_MAX_INT = 2**53 - 1  # the largest integer that RFC 8785 represents exactly


def _pattern(expression: str) -> Shape:
    compiled = re.compile(expression)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def any_of(*shapes: Shape) -> Shape:
    """Return the shape of a value that has at least one of `shapes`."""
    return lambda value: any(shape(value) for shape in shapes)


def one_of(*words: str) -> Shape:
    """Return the shape of a value that is one of `words`."""
    return lambda value: isinstance(value, str) and value in words


def list_of(shape: Shape) -> Shape:
    """Return the shape of a list of 1 to 1,000 different values that each have `shape`."""

    def check(value: Any) -> bool:
        if not isinstance(value, list) or not 1 <= len(value) <= MAX_LIST:
            return False
        return all(shape(item) for item in value) and len(set(value)) == len(value)

    return check


def _is_time(value: Any) -> bool:
    if not TIME_TEXT(value):
        return False
    try:
        from_text(value)
    except Invalid:
        return False
    return True


def is_count(value: Any) -> bool:
    """Say whether `value` is an integer from 0 that RFC 8785 represents exactly; a boolean is not."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_INT


def is_fraction(value: Any) -> bool:
    """Say whether `value` is a number from -1 to 1: a threshold or a rate."""
    return isinstance(value, int | float) and not isinstance(value, bool) and -1 <= value <= 1


def is_flag(value: Any) -> bool:
    """Say whether `value` is true or false."""
    return isinstance(value, bool)


TIME_TEXT = _pattern(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z")
TIME: Shape = _is_time
"""Aware UTC with milliseconds, as `model.clock.to_text` writes it."""
ULID = _pattern(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
NAME = _pattern(r"[a-z0-9][a-z0-9._-]{0,62}")
"""A lane, gallery, organisation, recipient, equipment or class, or a code from a published list."""
PRINCIPAL = _pattern(r"[a-z0-9][a-z0-9._:-]{0,62}")
"""An account, not a person's name: `officer:b17`, `system:sweep`. No `@`: an e-mail address is personal data."""
EPOCH = _pattern(r"[a-z0-9][a-z0-9_-]{0,30}/\d{4}-\d{2}-\d{2}T\d{2}Z")
DIGEST = _pattern(r"[0-9a-f]{64}")
"""SHA-256 of ciphertext, a public key, a policy, a model, a configuration: never of anything about a person."""
SIGNATURE = _pattern(r"[0-9a-f]{128}")
"""An Ed25519 signature, in hex."""
TAG = _pattern(r"[0-9a-f]{64}")
"""HMAC-SHA-256 under a secret key, the only form in which a person's identifier may be referred to."""
DEVICE = any_of(NAME, DIGEST)
USB_ID = _pattern(r"[0-9a-f]{4}")
VERSION = _pattern(r"[0-9][0-9a-z.+-]{0,31}")
KIND = one_of("face", "plate", "scene", "template", "document")
RESULT = one_of("pass", "fail", "error", "not_applicable")
SERIAL = _pattern(r"[A-Za-z0-9][A-Za-z0-9._:/+-]{0,63}")
"""A device's serial number, as its maker wrote it."""
REGISTER = one_of("organisation", "contract", "person", "equipment", "component", "medium")
CYCLE = one_of("full", "daily", "change")


def list_fields(shape: Shape, *names: str) -> dict[str, Shape]:
    """Return the fields of these names, all of one shape."""
    return dict.fromkeys(names, shape)
