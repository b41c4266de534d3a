"""Where weight files come from: a package that carries them, a directory of an air-gapped site, or the cache folder.

A carrier is located by its metadata and read as data. This module never imports a carrier, never downloads, and never
returns bytes whose SHA-256 is not the asked one.
"""

import hashlib
import os
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from wayseal.model.errors import NotFound, Unavailable, WrongModel


def model_folder() -> Path:
    """Return the folder of derived model files: `WAYSEAL_MODELS`, else inside the environment, else the user's cache."""
    named = os.environ.get("WAYSEAL_MODELS")
    if named:
        return Path(named)
    inside = Path(sys.prefix) / "share" / "wayseal" / "models"
    nearest = next(path for path in (inside, *inside.parents) if path.exists())
    if os.access(nearest, os.W_OK) or inside.is_dir():
        return inside
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "wayseal" / "models"


def find_carried(package: str, version: str, path: str) -> Path:
    """Return where an installed package keeps a file, without importing it.

    Raises `NotFound` when the package or file is not there, `WrongModel` when the package has another version.
    """
    try:
        carrier = distribution(package)
    except PackageNotFoundError:
        raise NotFound(
            f"the weight carrier {package} is not installed",
            hint=f"Install it without its dependencies ({package}=={version}), or give its files: "
            "wayseal models install --from DIR.",
        ) from None
    if carrier.version != version:
        raise WrongModel(f"the weight carrier {package} has version {carrier.version}, not {version}")
    found = Path(str(carrier.locate_file(path)))
    if not found.is_file():
        raise NotFound(f"{package} {version} holds no file {path}", hint="Install the carrier again.")
    return found


def read_pinned(path: Path, sha256: str, *, hint: str | None = None) -> bytes:
    """Return a file's bytes when their SHA-256 (hex) is `sha256`. Raises `WrongModel`, or `NotFound` when it is missing.

    `hint` says what to do about another file; by default, to install the shipped one again.
    """
    data = read_model(path)
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise WrongModel(f"{path.name} is not the pinned file", hint=hint, expected=sha256, found=found)
    return data


def read_model(path: Path) -> bytes:
    """Return a model file's bytes, unchecked: the caller compares them with a pin. Raises `NotFound` or `Unavailable`."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise NotFound(
            f"no model file {path.name}", hint="Install the models: wayseal models install."
        ) from None
    except OSError as error:
        raise Unavailable(f"cannot read {path.name}: {error.strerror}") from None


def write_model(path: Path, data: bytes) -> None:
    """Write a model file whole or not at all: a temporary name beside it, fsync, rename. Raises `Unavailable`."""
    waiting = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with waiting.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        waiting.replace(path)
    except OSError as error:
        waiting.unlink(missing_ok=True)
        raise Unavailable(
            f"cannot write {path.name}: {error.strerror}",
            hint="Name a folder that can be written with WAYSEAL_MODELS.",
        ) from None
