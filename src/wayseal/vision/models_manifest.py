"""What a model says of itself: the manifest, and the checks a manifest must pass before anything is loaded.

Owns the keys of a manifest and their meaning. It reads no file and loads no model.
"""

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from wayseal.model.errors import Invalid

LICENCE_CLASSES = ("free", "research-only", "commercial", "unknown")
_HEX = re.compile(r"[0-9a-f]{64}")
_KEY_TYPES: dict[str, Any] = {
    "size": int,
    "dim": int,
    "mean": (int, float),
    "std": (int, float),
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
        """The name of the rewritten file in the model folder; another rewrite gets another name."""
        return f"{self.name}-{self.derived_content[:12]}.onnx"


def parse_manifest(text: bytes) -> ModelManifest:
    """Return the manifest that a TOML document holds. Unknown or missing keys, and values out of range, raise `Invalid`."""
    try:
        values = tomllib.loads(text.decode())
    except (
        ValueError,
        RecursionError,
    ):  # not UTF-8, not TOML, a number of thousands of digits, or nested too deep
        raise Invalid(
            "the manifest is not TOML", hint="See docs/reference/models.md for an example."
        ) from None
    return build_manifest(values)


def build_manifest(values: dict[str, Any]) -> ModelManifest:
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
        (not math.isfinite(manifest.mean), "mean: a finite number"),
        (not math.isfinite(manifest.std) or manifest.std == 0, "std: a finite number, not zero"),
        (manifest.layout not in {"NCHW", "NHWC"}, "layout: NCHW or NHWC"),
        (manifest.task == "face_embedding" and manifest.metric != "cosine", "metric: cosine"),
        (manifest.task == "face_embedding" and not 16 <= manifest.dim <= 4096, "dim: 16 to 4096"),
    ]
    for wrong, problem in problems:
        if wrong:
            raise Invalid(f"the manifest's {problem}", hint="See docs/reference/models.md for an example.")
