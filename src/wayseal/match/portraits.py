"""What is kept of enrolled travellers beside their templates, one sealed file each: reference pictures, for officers' eyes.

Owns one folder a book. A file is found by a keyed tag of the traveller's id; without the key nobody can tell whose file is
whose. Nothing here compares faces.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from wayseal.match.manifest import TemplateCipher, write_file
from wayseal.model.border import PlainImage
from wayseal.model.errors import SealBroken

_SUFFIX = ".portrait"
_CONTEXT = b"wayseal-portrait/v1/"


class PictureCipher(TemplateCipher, Protocol):
    """Seals each picture under a key of its own, which can be destroyed."""

    def destroy(self, context: bytes) -> None:
        """Destroy the key of a context: no copy of what it sealed opens any more."""


class SealedBook:
    """One sealed body a traveller, in one folder. `tag` gives a traveller's keyed tag (bytes), `context` what it is."""

    def __init__(
        self, folder: Path, cipher: PictureCipher, tag: Callable[[str], bytes], *, context: bytes, suffix: str
    ) -> None:
        self._folder = folder
        self._cipher = cipher
        self._tag = tag
        self._context = context
        self._suffix = suffix

    def put_body(self, traveller: str, body: bytes) -> None:
        """Keep a traveller's body in place of an older one; whole or not at all, durable when it returns."""
        path = self._path(traveller)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        write_file(part, self._cipher.seal(body, self._context + self._tag(traveller)))
        part.replace(path)
        _sync(path.parent)

    def get_body(self, traveller: str) -> bytes | None:
        """Return a traveller's body, in memory only, or None when there is none. Raises `SealBroken` when altered."""
        try:
            sealed = self._path(traveller).read_bytes()
        except FileNotFoundError:
            return None
        return self._cipher.open(sealed, self._context + self._tag(traveller))

    def forget(self, traveller: str) -> bool:
        """Destroy a body's key, so that no copy of it opens, and remove it; say whether there was one. Durable."""
        self._cipher.destroy(self._context + self._tag(traveller))
        path = self._path(traveller)
        try:
            with path.open("r+b") as file:
                file.write(bytes(path.stat().st_size))
                file.flush()
                os.fsync(file.fileno())
            path.unlink()
        except FileNotFoundError:
            return False
        _sync(path.parent)
        return True

    def _path(self, traveller: str) -> Path:
        name = self._tag(traveller).hex()
        return self._folder / name[:2] / f"{name}{self._suffix}"


class PortraitBook(SealedBook):
    """A gallery's reference pictures."""

    def __init__(self, folder: Path, cipher: PictureCipher, tag: Callable[[str], bytes]) -> None:
        super().__init__(folder, cipher, tag, context=_CONTEXT, suffix=_SUFFIX)

    def put(self, traveller: str, picture: PlainImage) -> None:
        """Keep a traveller's picture in place of an older one; whole or not at all, durable when it returns."""
        size = picture.width.to_bytes(4, "big") + picture.height.to_bytes(4, "big")
        self.put_body(traveller, size + picture.data)

    def get(self, traveller: str) -> PlainImage | None:
        """Return a traveller's picture, in memory only, or None when there is none. Raises `SealBroken` when altered."""
        body = self.get_body(traveller)
        if body is None:
            return None
        if len(body) < 8:
            raise SealBroken("a reference picture has another layout")
        return PlainImage(body[8:], int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big"))


def _sync(folder: Path) -> None:
    """Make a folder's entries durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
