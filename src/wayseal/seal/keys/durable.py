"""Small files that must be whole or absent, and small files that must go: atomic writes, wiping, one lock a folder.

Owns no meaning. Everything here is durable when it returns (fsync of the file and of its folder).
"""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from wayseal.model.errors import Integrity, StoreFull, Unavailable

_UNFINISHED = ".unfinished-"
_CACHE_TAG = (
    b"Signature: 8a477f597d28d172789f06886806bc55\n"
    b"# Keys here must not be in any backup: a copy would outlive their destruction.\n"
)


def file_name(label: str, suffix: str) -> str:
    """Return the file name of a label: percent-encoded, so that it stays inside its folder, then the suffix."""
    return quote(label, safe="") + suffix


def label_of(name: str, suffix: str) -> str:
    """Return the label that `file_name` made this name from."""
    return unquote(name.removesuffix(suffix))


def make_folder(folder: Path, *, keep_out_of_backups: bool = False) -> None:
    """Create a private folder (0700), if asked with the tag file by which backup programs know to leave it out."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    tag = folder / "CACHEDIR.TAG"
    if keep_out_of_backups and not tag.exists():
        write_file(tag, _CACHE_TAG)


def write_file(path: Path, data: bytes) -> None:
    """Write a private file (0600) that is either wholly there or not at all, and replaces what was there.

    Raises `StoreFull` or `Unavailable`; then nothing has changed.
    """
    unfinished = path.with_name(_UNFINISHED + secrets.token_hex(8))
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        kind = StoreFull if error.errno in {28, 122, 27} else Unavailable
        raise kind(f"cannot write a key file: {error.strerror}") from None


def wipe_file(path: Path) -> None:
    """Overwrite a file with zeros, then remove it. No error when it is not there.

    On flash and on journaling or copying file systems the old bytes may survive elsewhere on the medium.
    """
    try:
        with path.open("r+b") as file:
            file.write(bytes(path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise Unavailable(f"cannot destroy a key file: {error.strerror}") from None
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the folder's entries durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold the folder's lock against other processes and threads; unfinished files of the dead are removed first.

    Not reentrant: a keeper has a folder of its own, and whoever holds another folder's lock may call it.
    """
    with (folder / ".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for stale in folder.glob(_UNFINISHED + "*"):
            wipe_file(stale)
        yield


def read_json(path: Path, names: Mapping[str, type]) -> dict[str, Any]:
    """Return a small JSON file's object with exactly these names and types.

    Raises `FileNotFoundError`, `Unavailable` when it cannot be read, `Integrity` when it is damaged.
    """
    try:
        fields = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unavailable(f"cannot read the key file {path.name}: {error.strerror}") from None
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict) or fields.keys() != names.keys():
        raise Integrity(f"the key file {path.name} is damaged")
    if not all(type(fields[name]) is kind for name, kind in names.items()):
        raise Integrity(f"the key file {path.name} is damaged")
    return fields
