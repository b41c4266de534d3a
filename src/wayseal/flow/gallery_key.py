"""The key of a gallery: held by the key keeper under `gallery/<name>/<number>`, used to seal the gallery's manifest.

Forgetting a traveller can take a new key and destroy the old one; then backups of the gallery made before open no more,
for anybody. Joins `seal.keys` and `match.gallery`. What must never happen: a key in a file other than wrapped.
"""

import os
import struct
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wayseal.flow.second import SecondBook
from wayseal.match.calibrate import Calibration, read_calibration, shipped_calibration
from wayseal.match.gallery import Gallery, create_gallery, open_gallery
from wayseal.match.manifest import MANIFEST, write_file
from wayseal.match.portraits import PortraitBook
from wayseal.model.errors import NotFound, SealBroken
from wayseal.model.ids import check_name
from wayseal.seal.keys import KeyKeeper
from wayseal.seal.keys.durable import lock_folder

_CALIBRATION = ".calibration"  # no gallery's name begins with a dot
_CALIBRATION_KEY = f"gallery/{_CALIBRATION}/00000001"
_HEAD = struct.Struct("<BH")
_NONCE = 12


class KeeperCipher:
    """Seals under a fresh data key that the keeper wraps: `label size, wrap size | label | wrap | nonce | ciphertext`.

    Opening uses the key named in what was sealed, which must belong to the same gallery.
    """

    def __init__(self, keeper: KeyKeeper, gallery: str, label: str) -> None:
        self._keeper = keeper
        self._prefix = key_prefix(gallery)
        self._label = label

    def seal(self, data: bytes, context: bytes) -> bytes:
        """Return `data` sealed under this cipher's key."""
        key = bytearray(AESGCM.generate_key(256))
        wrap = self._keeper.wrap(self._label, key, context)
        head = _HEAD.pack(len(self._label), len(wrap)) + self._label.encode() + wrap
        nonce = os.urandom(_NONCE)
        sealed = AESGCM(key).encrypt(nonce, data, head + context)
        key[:] = bytes(len(key))
        return head + nonce + sealed

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Return what was sealed. Raises `SealBroken`, or `NotFound` when the key was destroyed."""
        label, wrap, head = _parse_head(sealed)
        if not label.startswith(self._prefix):
            raise SealBroken("a manifest of another gallery")
        key = self._keeper.unwrap(label, wrap, context)
        body = sealed[head:]
        try:
            return AESGCM(key).decrypt(body[:_NONCE], body[_NONCE:], sealed[:head] + context)
        except (InvalidTag, ValueError):
            raise SealBroken("a gallery's manifest was altered") from None
        finally:
            key[:] = bytes(len(key))


def key_prefix(gallery: str) -> str:
    """Return what the labels of a gallery's keys begin with."""
    return f"gallery/{gallery}/"


def open_site_gallery(
    keeper: KeyKeeper,
    root: Path,
    name: str,
    *,
    model_sha256: str | None = None,
    dimension: int = 0,
) -> Gallery:
    """Open a gallery of a site; make it when it is new and `model_sha256` and `dimension` say for which model.

    It is searched with the site's own calibration of the model, or the shipped one. Raises `NotFound` for a gallery that is not there and not to be made.
    """
    check_name(name, what="gallery name")
    labels = sorted(_labels(keeper, name))
    if not labels:
        if model_sha256 is None:
            raise NotFound(f"no gallery {name!r}", hint="List what there is: wayseal gallery list.")
        labels = [_next_label(keeper, name)]
        keeper.create_key(labels[-1])
    cipher = KeeperCipher(keeper, name, labels[-1])

    def calibrate(model: str) -> Calibration | None:
        return read_site_calibration(keeper, root, model) or shipped_calibration(model)

    try:
        gallery = open_gallery(root, name, cipher=cipher, calibrate=calibrate)
        _destroy_older(keeper, gallery)
    except NotFound:
        if model_sha256 is None:
            raise
    else:
        return gallery
    return create_gallery(
        root, name, model_sha256=model_sha256, dimension=dimension, cipher=cipher, calibrate=calibrate
    )


def forget_traveller(
    keeper: KeyKeeper, gallery: Gallery, traveller: str, *, books: Sequence[PortraitBook | SecondBook] = ()
) -> int:
    """Erase a traveller here and in every older copy of the gallery; return how many templates went.

    `books` is what else is kept of them. The gallery's manifest is sealed under a new key, then all its older keys are destroyed. Raises `NotFound`.
    """
    if traveller not in gallery.loaded:
        raise NotFound("no such traveller in the gallery", gallery=gallery.name)
    for book in books:
        book.forget(traveller)
    with lock_folder(gallery.folder):  # a key that somebody else is about to seal under is not an old one
        label = _next_label(keeper, gallery.name)
        keeper.create_key(label)
        gone = gallery.forget(traveller, cipher=KeeperCipher(keeper, gallery.name, label))
        _destroy_older(keeper, gallery)
    return gone


def _destroy_older(keeper: KeyKeeper, gallery: Gallery) -> None:
    """Destroy the keys that are older than the one of the manifest: also those that a crash has left."""
    used, _, _ = _parse_head((gallery.folder / MANIFEST).read_bytes())
    for label in _labels(keeper, gallery.name):
        if label < used:
            keeper.destroy(label)


def write_site_calibration(keeper: KeyKeeper, root: Path, calibration: Calibration) -> None:
    """Make a calibration the site's own for its model, in place of an older one. Sealed: nobody else can lower a threshold."""
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not keeper.has_key(_CALIBRATION_KEY):
        keeper.create_key(_CALIBRATION_KEY)
    cipher = KeeperCipher(keeper, _CALIBRATION, _CALIBRATION_KEY)
    path = _calibration_path(root, calibration.model_sha256)
    part = path.with_suffix(".part")
    write_file(part, cipher.seal(calibration.to_json().encode(), calibration.model_sha256.encode()))
    part.replace(path)


def read_site_calibration(keeper: KeyKeeper, root: Path, model_sha256: str) -> Calibration | None:
    """Return the site's own calibration of a model, None when it made none. Raises `SealBroken` for an altered one."""
    path = _calibration_path(root, model_sha256)
    if not path.exists():
        return None
    cipher = KeeperCipher(keeper, _CALIBRATION, _CALIBRATION_KEY)
    return read_calibration(cipher.open(path.read_bytes(), model_sha256.encode()).decode())


def _calibration_path(root: Path, model_sha256: str) -> Path:
    """Return where a model's calibration lies."""
    return root / f"calibration-{model_sha256[:16]}.sealed"


def _labels(keeper: KeyKeeper, name: str) -> list[str]:
    """Return the labels of a gallery's live keys."""
    return [label for label in keeper.labels() if label.startswith(key_prefix(name))]


def _next_label(keeper: KeyKeeper, name: str) -> str:
    """Return a label that no key of the gallery has; labels sort by age."""
    numbers = [int(label.rsplit("/", 1)[1]) for label in _labels(keeper, name)]
    return f"{key_prefix(name)}{max(numbers, default=0) + 1:08d}"


def _parse_head(sealed: bytes) -> tuple[str, bytes, int]:
    """Return (label, wrap, size of the head). Raises `SealBroken` for what is no sealed manifest."""
    try:
        label_size, wrap_size = _HEAD.unpack_from(sealed)
        end = _HEAD.size + label_size + wrap_size
        label = sealed[_HEAD.size : _HEAD.size + label_size].decode("ascii")
    except (struct.error, UnicodeDecodeError):
        raise SealBroken("not a gallery's manifest") from None
    return label, sealed[_HEAD.size + label_size : end], end
