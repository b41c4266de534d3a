"""Named secrets that live wrapped under a KEK of their own: seeds of signing identities, the key of the blind index.

Owns one file a secret; in the clear a secret is only in memory, in a buffer that the caller zeroes.
"""

import os
from pathlib import Path
from typing import Final

from wayseal.model.ids import check_name
from wayseal.seal.keys.durable import file_name, lock_folder, make_folder, write_file
from wayseal.seal.keys.keeper import KeyKeeper

_SUFFIX: Final = ".secret"


def load_secret(keeper: KeyKeeper, folder: Path, *, purpose: str, name: str, size: int) -> bytearray:
    """Return the secret of that purpose and name (`size` bytes), made at random now unless it exists.

    Raises `NotFound` when its KEK is gone and `Integrity` when its file was altered or moved.
    """
    label = f"{purpose}/{check_name(name)}"
    make_folder(folder)
    path = folder / file_name(label, _SUFFIX)
    context = b"wayseal-secret/v1/" + label.encode()
    with lock_folder(folder):
        if path.exists():
            return keeper.unwrap(label, path.read_bytes(), context)
        if not keeper.has_key(label):
            keeper.create_key(label)
        secret = bytearray(os.urandom(size))
        write_file(path, keeper.wrap(label, secret, context))
        return secret
