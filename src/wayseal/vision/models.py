"""The recognition models: their manifests, pins, derived files and sessions.

Owns which file is which model and under what licence. A session is only ever made from bytes whose pin was checked in
the same call; nothing is downloaded, and no carrier package is imported.
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import onnxruntime

from wayseal.model.errors import Invalid, NotFound, WrongModel
from wayseal.vision.carriers import find_carried, model_folder, read_model, read_pinned, write_model

DETECTOR = "yunet-2023mar"
EMBEDDER = "sface-2021dec"
PLATE_FINDER = "ppocr-v6-det-small"
PLATE_READER = "ppocr-v6-rec-small"

LICENCE_CLASSES = ("free", "research-only", "commercial", "unknown")
_HEX = re.compile(r"[0-9a-f]{64}")
_KEY_TYPES: dict[str, Any] = {
    "size": int,
    "dim": int,
    "mean": (int, float),
    "std": (int, float),
    "min_strength": (int, float),
    "thresholds": Mapping,
}
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


@dataclass(frozen=True, slots=True)
class ModelManifest:
    """What one model is, where its weights come from, how to feed it, and what may be done with it.

    `sha256` and `size` are of the weight file as its author published it; that hash is the model's identity, kept in each
    template. `derived_*` pin the rewritten file that runs, for carried models that need a rewrite (`derive`).
    Input value = (pixel - mean) / std, in `channel_order`, laid out as `layout`.
    """

    name: str
    task: str
    file: str
    sha256: str
    size: int
    licence: str
    licence_class: str
    channel_order: str = "BGR"
    mean: float = 0.0
    std: float = 1.0
    input: str = ""
    layout: str = "NCHW"
    dim: int = 0
    metric: str = ""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    min_strength: float = 0.0
    training_note: str = ""
    calibrated_on: str = ""
    origin: str = ""
    package: str = ""
    package_version: str = ""
    package_path: str = ""
    derive: str = ""
    derived_sha256: str = ""
    derived_content: str = ""

    @property
    def derived_file(self) -> str:
        """The name of the rewritten file in the model folder."""
        return f"{self.name}.onnx"


def list_models() -> list[ModelManifest]:
    """Return the shipped models, then those the user added, each by name order in its group."""
    own = sorted(model_folder().glob("*.toml")) if model_folder().is_dir() else []
    added = [parse_manifest(path.read_bytes()) for path in own]
    return [*_shipped().values(), *added]


def find_model(name: str) -> ModelManifest:
    """Return a model's manifest. Raises `NotFound`."""
    for manifest in list_models():
        if manifest.name == name:
            return manifest
    raise NotFound(f"no model named {name[:63]!r}", hint="wayseal models list shows which there are.")


def load_session(name: str) -> onnxruntime.InferenceSession:
    """Return a one-thread inference session of a model whose file was checked just now; derives it on first use.

    Raises `WrongModel` when a file is not the pinned one, `NotFound` when it is not there.
    """
    manifest = find_model(name)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(
        read_runnable(manifest), sess_options=options, providers=["CPUExecutionProvider"]
    )


def read_runnable(manifest: ModelManifest) -> bytes:
    """Return the checked bytes of the file that runs: the derived one, or the weight file itself where none is needed."""
    if not manifest.derive:
        return read_source(manifest)
    path = model_folder() / manifest.derived_file
    if not path.is_file():
        return install_model(manifest)
    return _check_derived(manifest, read_model(path))


def read_source(manifest: ModelManifest, folder: Path | None = None) -> bytes:
    """Return the published weight file, checked: from `folder` when given, else the model folder or the carrier."""
    kept = (folder or model_folder()) / manifest.file
    if folder is None and manifest.package and not kept.is_file():
        kept = find_carried(manifest.package, manifest.package_version, manifest.package_path)
    return read_pinned(kept, manifest.sha256)


def install_model(manifest: ModelManifest, folder: Path | None = None) -> bytes:
    """Put a model's runnable file into the model folder and return its bytes. `folder` holds the weights when given."""
    source = read_source(manifest, folder)
    if manifest.derive:
        # Late, because only the rewrite needs the 31 MB onnx package.
        from wayseal.vision.models_derive import DERIVATIONS  # noqa: PLC0415

        derived = _check_derived(manifest, DERIVATIONS[manifest.derive](source))
        write_model(model_folder() / manifest.derived_file, derived)
        return derived
    if folder is not None:
        write_model(model_folder() / manifest.file, source)
    return source


def add_model(manifest_path: Path) -> ModelManifest:
    """Take in a user's face model: a TOML manifest with its ONNX file beside it. The hash and size must be the manifest's.

    Raises `Invalid` for a bad manifest, `NotFound` or `WrongModel` for the file; then nothing is installed.
    """
    try:
        text = manifest_path.read_bytes()
    except OSError as error:
        raise NotFound(
            f"cannot read the manifest: {error.strerror}", hint="Give the path of a TOML file."
        ) from None
    manifest = parse_manifest(text)
    if manifest.name in _shipped():
        raise Invalid(f"{manifest.name} is a shipped model", hint="Give your model another name.")
    if manifest.package or manifest.derive:
        raise Invalid("a user's model has no package and no derivation", hint="Name only the ONNX file.")
    weights = read_pinned(manifest_path.parent / manifest.file, manifest.sha256)
    if len(weights) != manifest.size:
        raise WrongModel(f"{manifest.file} has another size than its manifest says", found=len(weights))
    _check_input(manifest, weights)
    write_model(model_folder() / manifest.file, weights)
    write_model(model_folder() / f"{manifest.name}.toml", text)
    return manifest


def parse_manifest(text: bytes) -> ModelManifest:
    """Return the manifest that a TOML document holds. Unknown or missing keys, and values out of range, raise `Invalid`."""
    try:
        values = tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise Invalid(
            "the manifest is not TOML", hint="See docs/reference/models.md for an example."
        ) from None
    return _build_manifest(values)


@cache
def _shipped() -> dict[str, ModelManifest]:
    """Return the manifests in the package, by name."""
    table = tomllib.loads(files("wayseal.vision").joinpath("models.toml").read_text())
    manifests = [_build_manifest({"name": name, **values}) for name, values in table.items()]
    return {manifest.name: manifest for manifest in manifests}


def _build_manifest(values: dict[str, Any]) -> ModelManifest:
    """Return a manifest from its keys, every one checked."""
    known = {item.name: item for item in fields(ModelManifest)}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise Invalid(
            f"unknown keys in the manifest: {', '.join(unknown)[:200]}", hint="See docs/reference/models.md."
        )
    try:
        manifest = ModelManifest(**values)
    except TypeError as error:
        raise Invalid(f"the manifest is incomplete: {error}", hint="See docs/reference/models.md.") from None
    _check_values(manifest)
    return manifest


def _check_values(manifest: ModelManifest) -> None:
    """Raise `Invalid` when a manifest's value has the wrong type or is out of range."""
    for item in fields(manifest):
        value = getattr(manifest, item.name)
        if isinstance(value, bool) or not isinstance(value, _KEY_TYPES.get(item.name, str)):
            raise Invalid(f"{item.name} has the wrong type", hint="See docs/reference/models.md.")
    problems = [
        (not _NAME.fullmatch(manifest.name), "name: use a-z, 0-9, dot, dash and underscore"),
        (not _HEX.fullmatch(manifest.sha256), "sha256: 64 lower-case hexadecimal digits"),
        (Path(manifest.file).name != manifest.file or not manifest.file, "file: a bare file name"),
        (manifest.size <= 0, "size: the file's size in bytes"),
        (
            manifest.licence_class not in LICENCE_CLASSES,
            f"licence_class: one of {', '.join(LICENCE_CLASSES)}",
        ),
        (manifest.channel_order not in {"RGB", "BGR"}, "channel_order: RGB or BGR"),
        (manifest.std == 0, "std: not zero"),
        (manifest.layout not in {"NCHW", "NHWC"}, "layout: NCHW or NHWC"),
        (manifest.task == "face_embedding" and manifest.metric != "cosine", "metric: cosine"),
        (manifest.task == "face_embedding" and not 16 <= manifest.dim <= 4096, "dim: 16 to 4096"),
    ]
    for wrong, problem in problems:
        if wrong:
            raise Invalid(f"the manifest's {problem}", hint="See docs/reference/models.md for an example.")


def _check_derived(manifest: ModelManifest, data: bytes) -> bytes:
    """Return a derived file's bytes when they are the pinned ones, or carry the pinned weights and graph."""
    if hashlib.sha256(data).hexdigest() == manifest.derived_sha256:
        return data
    from wayseal.vision.models_derive import content_digest  # noqa: PLC0415 - only another onnx version gets here

    if content_digest(data) != manifest.derived_content:
        raise WrongModel(f"{manifest.derived_file} is not the pinned file", expected=manifest.derived_content)
    return data


def _check_input(manifest: ModelManifest, weights: bytes) -> None:
    """Raise `WrongModel` unless the ONNX takes 112x112 faces and gives `dim` numbers, as its manifest says."""
    try:
        session = onnxruntime.InferenceSession(weights, providers=["CPUExecutionProvider"])
    except Exception:  # noqa: BLE001 - onnxruntime's exceptions share no base of their own
        raise WrongModel(f"{manifest.file} does not load as an ONNX model") from None
    sides = [side for side in session.get_inputs()[0].shape if isinstance(side, int) and side > 3]
    last = session.get_outputs()[0].shape[-1]
    if sides not in ([112, 112], []) or (isinstance(last, int) and last != manifest.dim):
        raise WrongModel(f"{manifest.file} does not take 112x112 faces or give {manifest.dim} numbers")
