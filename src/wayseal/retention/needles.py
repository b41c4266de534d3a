"""Known plaintext to look for: plates in any spelling, template and seed bytes, canary pixels. Never printed.

Owns the matching of texts whatever their case, separators and width of characters; the bytes of exact needles are matched
by `residue` beside the signatures.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

import numpy as np

from wayseal.model.errors import Invalid

_SEPARATORS = b" -._\t\x00\xb7"
_UPPER = bytes(range(256)).upper()
_SHORTEST_TEXT = 5
_FEW = 4
"""Texts up to which one search for each is quicker than one for all."""
_SHORTEST_EXACT = 8


@dataclass(frozen=True, slots=True)
class Needles:
    """What must not be anywhere: texts (plates) and exact bytes by kind (`template`, `key-seed`, `canary`, ...).

    Raises `Invalid` for texts under 5 letters and digits and bytes under 8: they would be found by chance.
    """

    texts: tuple[str, ...] = field(default=(), repr=False)
    exact: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        for text in self.texts:
            if len(_squeeze(text.encode())) < _SHORTEST_TEXT or not text.isascii():
                raise Invalid(
                    "a text needle is too short", hint="Give at least 5 letters and digits (ASCII)."
                )
        for _, data in self.exact:
            if len(data) < _SHORTEST_EXACT or len(set(data)) < 3:
                raise Invalid("a byte needle is too short or too plain", hint="Give at least 8 varied bytes.")

    def find_texts(self, chunk: bytes) -> Iterator[int]:
        """Yield the offset of each text in a chunk: any case, with separators, as ASCII, UTF-8 or UTF-16."""
        if not self.texts:
            return
        known = {_squeeze(text.encode()): text for text in self.texts}
        for mark in _find_marks(_squeeze(chunk), known.keys()):
            yield from (found.start() for found in _loosen(known[mark]).finditer(chunk))


def _find_marks(data: bytes, marks: Collection[bytes]) -> list[bytes]:
    """Return those of the marks that stand in a run of bytes, in one pass however many there are: places where two bytes fit first."""
    if len(marks) <= _FEW or len(data) < 4:
        return [mark for mark in marks if mark in data]
    starts: dict[bytes, list[bytes]] = {}
    for mark in marks:
        starts.setdefault(mark[:4], []).append(mark)
    fits = np.zeros(65536, bool)
    fits[[int.from_bytes(start[:2], "little") for start in starts]] = True
    found: dict[bytes, None] = {}
    for odd in (0, 1):
        pairs = np.frombuffer(data, "<u2", max(0, len(data) - odd) // 2, odd)
        for place in 2 * np.flatnonzero(fits[pairs]) + odd:
            for mark in starts.get(data[place : place + 4], ()):
                if data.startswith(mark, place):
                    found[mark] = None
    return list(found)


def _squeeze(data: bytes) -> bytes:
    """Return data in upper case without separators and without the zero bytes of UTF-16."""
    return data.translate(_UPPER, _SEPARATORS)


def _loosen(text: str) -> re.Pattern[bytes]:
    """Return the pattern of a text with up to three separator bytes between characters, two of them UTF-16 zeros."""
    letters = [re.escape(bytes((code,))) for code in _squeeze(text.encode())]
    return re.compile(rb"[ \-._\t\x00\xb7]{0,4}".join(letters), re.IGNORECASE)
