"""The recognition models: their manifests, pins, derived files and sessions.

Owns which file is which model and under what licence. A session is only ever made from bytes whose pin was checked in
the same call; nothing is downloaded, and no carrier package is imported.
"""

import hashlib
import os
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import onnxruntime

from wayseal.model.errors import Invalid, NotFound, WaysealError, WrongModel
from wayseal.vision.carriers import find_carried, model_folder, read_model, read_pinned, write_model
from wayseal.vision.models_manifest import ModelManifest, build_manifest, parse_manifest

DETECTOR = "yunet-2023mar"
EMBEDDER = "sface-2021dec"
PLATE_FINDER = "ppocr-v6-det-small"
PLATE_READER = "ppocr-v6-rec-small"
SECOND_OPINION = "dlib-resnet-v1"
OPTIONAL = "second_opinion"
"""The task of models that nothing needs: they are used where their file was brought."""
_ACTIVE = "face-model"


def shipped_models() -> list[ModelManifest]:
    """Return the models that come with Wayseal."""
    return list(_shipped().values())


def list_models() -> list[ModelManifest]:
    """Return the shipped models, then those the user added, each by name order in its group."""
    own = sorted(model_folder().glob("*.toml")) if model_folder().is_dir() else []
    added = [parse_manifest(path.read_bytes()) for path in own]
    return [*_shipped().values(), *added]


def find_model(name: str) -> ModelManifest:
    """Return a model's manifest. Raises `NotFound`."""
    if name in _shipped():  # a damaged manifest of a user's model must not stop the shipped ones
        return _shipped()[name]
    for manifest in list_models():
        if manifest.name == name:
            return manifest
    raise NotFound(f"no model named {name[:63]!r}", hint="wayseal models list shows which there are.")


def active_model() -> str:
    """Return the name of the face model in use: `WAYSEAL_FACE_MODEL`, else what `use_model` chose, else the shipped one."""
    named = os.environ.get("WAYSEAL_FACE_MODEL")
    chosen = model_folder() / _ACTIVE
    return named or (chosen.read_text(encoding="ascii").strip() if chosen.is_file() else EMBEDDER)


def use_model(name: str) -> ModelManifest:
    """Make an installed face model the one that lanes and galleries use; its file is checked first.

    Galleries keep to the model that they were made with, so every traveller must be enrolled again. Raises `NotFound`,
    `Invalid` for a model that is not for faces, `WrongModel`.
    """
    manifest = find_model(name)
    if manifest.task != "face_embedding":
        raise Invalid(f"{name} makes no face templates", hint="wayseal models list shows each model's task.")
    read_runnable(manifest)
    write_model(model_folder() / _ACTIVE, f"{name}\n".encode("ascii"))
    return manifest


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
    """Return the published weight file, checked: from `folder` or the model folder when it lies there, else the carrier."""
    kept = (folder or model_folder()) / manifest.file
    if manifest.package and not kept.is_file():
        kept = find_carried(manifest.package, manifest.package_version, manifest.package_path)
    return read_pinned(kept, manifest.sha256)


def install_all(folder: Path | None = None) -> list[ModelManifest]:
    """Install every shipped model and return them; an optional one whose file is not at hand is left out."""
    done = []
    for manifest in shipped_models():
        try:
            install_model(manifest, folder)
        except NotFound:
            if manifest.task != OPTIONAL:
                raise
        else:
            done.append(manifest)
    return done


def install_model(manifest: ModelManifest, folder: Path | None = None) -> bytes:
    """Put a model's runnable file into the model folder and return its bytes. `folder` holds the weights when given."""
    source = read_source(manifest, folder)
    if manifest.derive:
        derived = _check_derived(manifest, derive_graph(manifest.derive, source))
        write_model(model_folder() / manifest.derived_file, derived)
        return derived
    if folder is not None:
        write_model(model_folder() / manifest.file, source)
    return source


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """Whether one model's file is there and is the pinned one; `problem` is empty when it is."""

    manifest: ModelManifest
    problem: str = ""
    tampered: bool = False


def check_models() -> list[ModelCheck]:
    """Return one verdict a model, reading and hashing every file that would run; an optional one may be absent."""
    verdicts = []
    for manifest in list_models():
        try:
            read_runnable(manifest)
        except WrongModel as error:
            verdicts.append(ModelCheck(manifest, str(error), tampered=True))
        except WaysealError as error:
            if manifest.task != OPTIONAL:
                verdicts.append(ModelCheck(manifest, str(error)))
        else:
            verdicts.append(ModelCheck(manifest))
    return verdicts


def derive_graph(name: str, source: bytes) -> bytes:
    """Return the rewrite of a weight file that a manifest's `derive` names."""
    # Late, because only a rewrite needs the 31 MB onnx package.
    from wayseal.vision.models_derive import derive_detector, derive_embedder, derive_reader  # noqa: PLC0415
    from wayseal.vision.models_dlib import derive_dlib  # noqa: PLC0415

    rewrites = {
        "yunet": derive_detector,
        "sface": derive_embedder,
        "dlib": derive_dlib,
        "ppocr-rec": derive_reader,
    }
    return rewrites[name](source)


_OWN_PIN = "Fetch the file again, or pin another one: its SHA-256 and size stand in the manifest."


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
    _check_own(manifest)
    path = manifest_path.parent / manifest.file
    if not path.is_file():
        raise NotFound(f"no file {manifest.file} beside the manifest", hint="Put the ONNX file beside it.")
    weights = read_pinned(path, manifest.sha256, hint=_OWN_PIN)
    if len(weights) != manifest.size:
        raise WrongModel(
            f"{manifest.file} has another size than its manifest says", hint=_OWN_PIN, found=len(weights)
        )
    _check_input(manifest, weights)
    write_model(model_folder() / manifest.file, weights)
    write_model(model_folder() / f"{manifest.name}.toml", text)
    return manifest


def _check_own(manifest: ModelManifest) -> None:
    """Raise `Invalid` when a user's manifest claims what only shipped models may, or a shipped model's names."""
    taken = {name for shipped in _shipped().values() for name in (shipped.file, shipped.derived_file)}
    problems = [
        (manifest.name in _shipped(), f"{manifest.name} is a shipped model", "Give your model another name."),
        (manifest.task != "face_embedding", "only face models can be added", 'Set task = "face_embedding".'),
        (
            manifest.file in taken or not manifest.file.endswith(".onnx"),
            "the file's name",
            "Name it NAME.onnx.",
        ),
        (bool(manifest.package or manifest.derive), "a package or derivation", "Name only the ONNX file."),
    ]
    for wrong, problem, hint in problems:
        if wrong:
            raise Invalid(f"the manifest cannot be taken: {problem}", hint=hint)


@cache
def _shipped() -> dict[str, ModelManifest]:
    """Return the manifests in the package, by name."""
    table = tomllib.loads(files("wayseal.vision").joinpath("models.toml").read_text())
    manifests = [build_manifest({"name": name, **values}) for name, values in table.items()]
    return {manifest.name: manifest for manifest in manifests}


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
        raise WrongModel(
            f"{manifest.file} does not load as an ONNX model", hint="Export it again, as one file."
        ) from None
    sides = [side for side in session.get_inputs()[0].shape if isinstance(side, int) and side > 3]
    last = session.get_outputs()[0].shape[-1]
    if sides not in ([112, 112], []) or (isinstance(last, int) and last != manifest.dim):
        raise WrongModel(
            f"{manifest.file} does not take 112x112 faces or give {manifest.dim} numbers",
            hint="Set dim to how many numbers it gives; no other size of face is taken.",
        )
