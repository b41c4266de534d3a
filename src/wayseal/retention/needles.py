"""Known plaintext to look for: plates in any spelling, template and seed bytes, canary pixels. Never printed.

Owns the matching of texts whatever their case, separators and width of characters; the bytes of exact needles are matched
by `residue` beside the signatures.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from wayseal.model.errors import Invalid

_SEPARATORS = b" -._\t\x00\xb7"
_UPPER = bytes(range(256)).upper()
_SHORTEST_TEXT = 5
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
        squeezed = _squeeze(chunk)
        for text in self.texts:
            if _squeeze(text.encode()) in squeezed:
                yield from (found.start() for found in _loosen(text).finditer(chunk))


def _squeeze(data: bytes) -> bytes:
    """Return data in upper case without separators and without the zero bytes of UTF-16."""
    return data.translate(_UPPER, _SEPARATORS)


def _loosen(text: str) -> re.Pattern[bytes]:
    """Return the pattern of a text with up to three separator bytes between characters, two of them UTF-16 zeros."""
    letters = [re.escape(bytes((code,))) for code in _squeeze(text.encode())]
    return re.compile(rb"[ \-._\t\x00\xb7]{0,4}".join(letters), re.IGNORECASE)
