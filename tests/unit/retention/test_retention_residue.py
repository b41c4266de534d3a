"""The residue scanner finds each planted thing in every kind of container, and nothing in what is sealed."""

import base64
import os
import sqlite3
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, mlkem, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from wayseal.model.errors import Invalid
from wayseal.retention import residue
from wayseal.retention.needles import Needles
from wayseal.retention.residue import Residue, scan, system_places
from wayseal.retention.vectors import find_vectors

PICTURE = np.random.default_rng(7).integers(0, 256, (40, 56, 3)).astype(np.uint8)
PLATE = "8KJT242"
SEED = bytes(range(40, 72))
CANARY = PICTURE[3:5, 10:30].tobytes()


def encode(extension: str) -> bytes:
    """Return the test picture in a format."""
    return bytes(cv2.imencode(extension, PICTURE[..., 0] if extension == ".pgm" else PICTURE)[1])


def unit(size: int, seed: int = 3) -> bytes:
    """Return a face template's bytes: a float32 vector of length one."""
    vector = np.random.default_rng(seed).normal(size=size).astype(np.float32)
    return (vector / np.linalg.norm(vector)).astype(np.float32).tobytes()


def private_bytes(
    key: object, encoding: Encoding = Encoding.DER, kind: PrivateFormat = PrivateFormat.PKCS8
) -> bytes:
    """Return a private key in the clear."""
    return key.private_bytes(encoding, kind, NoEncryption())  # type: ignore[attr-defined,no-any-return]


def video(name: str, kind: str) -> bytes:
    """Return ten frames as H.264 in a container, or raw."""
    import io

    file = io.BytesIO()
    with av.open(file, "w", format=kind) as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(10):
            frame = av.VideoFrame.from_ndarray(np.resize(PICTURE, (48, 64, 3)), format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert name
    return file.getvalue()


RSA = rsa.generate_private_key(65537, 2048)
AGE = b"AGE-SECRET-KEY-1" + b"QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54KHCE"
PLANTS: dict[str, tuple[str, bytes]] = {
    "jpeg": ("jpeg", encode(".jpg")),
    "jpeg without its end": ("jpeg", encode(".jpg")[:300]),
    "jpeg without its start": ("jpeg-fragment", encode(".jpg")[170:]),
    "jpeg in base64": ("jpeg-base64", base64.b64encode(encode(".jpg"))),
    "jpeg in lines of base64": ("jpeg-base64", base64.encodebytes(encode(".jpg"))),
    "jpeg in hexadecimal": ("jpeg-hex", encode(".jpg").hex().encode()),
    "png": ("png", encode(".png")),
    "png in base64": ("png-base64", base64.b64encode(encode(".png"))),
    "webp": ("riff", encode(".webp")),
    "bmp": ("bmp", encode(".bmp")),
    "tiff": ("tiff", encode(".tiff")),
    "pgm": ("netpbm", encode(".pgm")),
    "ppm": ("netpbm", encode(".ppm")),
    "mp4": ("mp4", video("mp4", "mp4")),
    "h264": ("h264", video("h264", "h264")),
    "matroska": ("matroska", video("mkv", "matroska")),
    "avi": ("riff", video("avi", "avi")),
    "template of 128": ("template", unit(128)),
    "template of 512": ("template", unit(512)),
    "array": ("array", b"\x93NUMPY\x01\0v\0{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }" + bytes(70)),
    "plate": ("plate", b"plate=8KJT242;"),
    "plate in lower case": ("plate", b'{"plate":"8kjt242"}'),
    "plate with separators": ("plate", b"TX 8KJ-T 242"),
    "plate in UTF-16": ("plate", "8KJT242".encode("utf-16-le")),
    "plate in UTF-16 with separators": ("plate", "8KJ T-242".encode("utf-16-be")),
    "ed25519 key": ("key-pkcs8", private_bytes(ed25519.Ed25519PrivateKey.generate())),
    "x25519 key": ("key-pkcs8", private_bytes(x25519.X25519PrivateKey.generate())),
    "p256 key": ("key-pkcs8", private_bytes(ec.generate_private_key(ec.SECP256R1()))),
    "ml-kem key": ("key-pkcs8", private_bytes(mlkem.MLKEM768PrivateKey.generate())),
    "ml-dsa key": ("key-pkcs8", private_bytes(mldsa.MLDSA44PrivateKey.generate())),
    "rsa key": ("key-pkcs8", private_bytes(RSA)),
    "rsa key, old form": ("key-pkcs1", private_bytes(RSA, kind=PrivateFormat.TraditionalOpenSSL)),
    "pem key": ("key-pem", private_bytes(RSA, Encoding.PEM)),
    "old pem key": ("key-pem", private_bytes(RSA, Encoding.PEM, PrivateFormat.TraditionalOpenSSL)),
    "age key": ("key-age", AGE),
    "openssh key": ("key-openssh", b"openssh-key-v1\0\0\0\0\x04none"),
    "raw seed": ("key-seed", SEED),
    "canary pixels": ("canary", CANARY),
}  # fmt: skip
NEEDLES = Needles(texts=(PLATE,), exact=(("key-seed", SEED), ("canary", CANARY)))


def noise(size: int, seed: int = 1) -> bytes:
    """Return pseudo-random bytes, as sealed records are."""
    return np.random.default_rng(seed).bytes(size)


def kinds(found: Residue) -> set[str]:
    """Return the kinds of all findings."""
    return {finding.kind for finding in found.findings}


def into_file(folder: Path, data: bytes) -> int:
    """Write a file of its own."""
    (folder / "file.bin").write_bytes(data)
    return 0


def into_segment(folder: Path, data: bytes) -> int:
    """Write into the middle of sealed bytes, at an odd offset."""
    (folder / "2026-11-22T12Z.seg").write_bytes(noise(70_001) + data + noise(3_000, 2))
    return 70_001


def into_database(folder: Path, data: bytes) -> int:
    """Write a row of a SQLite database that is still open, so that it stands in the write-ahead log."""
    connection = sqlite3.connect(folder / "rows.sqlite")
    connection.execute("PRAGMA page_size=65536")  # one page holds the row; others are torn over several
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute("CREATE TABLE t (a BLOB)")
    connection.execute("INSERT INTO t VALUES (?)", (data,))
    connection.commit()
    copy = (folder / "rows.sqlite-wal").read_bytes()
    connection.close()
    (folder / "rows.sqlite").unlink()
    (folder / "rows.sqlite-wal").write_bytes(copy)
    return -1


def into_deleted_row(folder: Path, data: bytes) -> int:
    """Write a row of a database without secure delete and delete it again: the page keeps the bytes."""
    connection = sqlite3.connect(folder / "rows.sqlite")
    connection.execute("PRAGMA page_size=65536")
    connection.execute("PRAGMA secure_delete=OFF")
    connection.execute("CREATE TABLE t (a BLOB)")
    connection.execute("INSERT INTO t VALUES (?)", (data,))
    connection.commit()
    connection.execute("DELETE FROM t")
    connection.commit()
    connection.close()
    return -1


def into_core(folder: Path, data: bytes) -> int:
    """Write into a core file between pages of zeros."""
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 4, 62)
    (folder / "core.4711").write_bytes(head + bytes(8192 - len(head)) + data + bytes(8192))
    return 8192


def into_archive(folder: Path, data: bytes) -> int:
    """Write into an uncompressed archive."""
    with zipfile.ZipFile(folder / "copy.zip", "w") as archive:
        archive.writestr("inside", data)
    return -1


CONTAINERS = [into_file, into_segment, into_database, into_deleted_row, into_core, into_archive]


@pytest.mark.parametrize("place", CONTAINERS, ids=lambda place: place.__name__)
@pytest.mark.parametrize("name", PLANTS)
def test_planted_things_are_found(tmp_path: Path, name: str, place: Callable[[Path, bytes], int]) -> None:
    """Each kind of plaintext is found in each kind of container, at the byte where it stands."""
    kind, data = PLANTS[name]
    offset = place(tmp_path, data)
    found = scan([tmp_path], NEEDLES)
    assert kind in kinds(found), found
    if offset >= 0:
        assert all(offset - 8 <= f.offset < offset + len(data) for f in found.findings)


@pytest.mark.parametrize("name", PLANTS)
@pytest.mark.parametrize("shift", [0, 1, 7, 40])
def test_found_across_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, shift: int) -> None:
    """What stands across the boundary of two chunks is found once, at its place."""
    monkeypatch.setattr(residue, "CHUNK", 4096)
    kind, data = PLANTS[name]
    (tmp_path / "a").write_bytes(noise(2 * 4096 - shift, 5) + data + noise(500, 6))
    found = [f for f in scan([tmp_path], NEEDLES).findings if f.kind == kind]
    assert found
    assert len({f.offset for f in found}) == len(found)
    start = 2 * 4096 - shift
    assert all(start - 8 <= f.offset < start + len(data) for f in found)


def test_sealed_bytes_give_no_finding(tmp_path: Path) -> None:
    """64 MB of random bytes give nothing, with every needle in force."""
    (tmp_path / "sealed").write_bytes(noise(64 * 10**6, 11))
    found = scan([tmp_path], NEEDLES)
    assert found.findings == ()
    assert found.scanned_bytes == 64 * 10**6


def test_checks_reject_what_only_starts_right(tmp_path: Path) -> None:
    """Forty thousand marks with random bytes behind them, as 4 TB of sealed bytes hold by chance, give no finding."""
    marks = sorted({s.mark[:4] for s in residue.SIGNATURES if len(s.mark) >= 4})
    generator = np.random.default_rng(5)
    rows = generator.integers(0, 256, (40_001, 96), dtype=np.uint8)
    chosen = generator.integers(0, len(marks), 40_000)
    rows[1:, :4] = np.frombuffer(b"".join(marks), np.uint8).reshape(-1, 4)[chosen]
    (tmp_path / "marks").write_bytes(rows.tobytes())
    assert scan([tmp_path]).findings == ()


def test_ordinary_texts_give_no_finding(tmp_path: Path) -> None:
    """Source code, JSON, logs, zeros and a public key are not taken for plaintext of people."""
    (tmp_path / "code.py").write_bytes(Path(residue.__file__).read_bytes() * 20)
    (tmp_path / "zeros").write_bytes(bytes(3_000_000))
    (tmp_path / "public.pem").write_bytes(
        b"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7\n"
    )
    (tmp_path / "numbers").write_bytes(np.arange(100_000, dtype=np.float32).tobytes())
    (tmp_path / "empty").write_bytes(b"")
    assert scan([tmp_path], NEEDLES).findings == ()


def test_model_weights_are_not_templates(tmp_path: Path) -> None:
    """A million weights of a network give no template; one matrix of templates among them gives its rows."""
    weights = np.random.default_rng(1).normal(0, 0.05, 1_000_000).astype(np.float32).tobytes()
    (tmp_path / "model.onnx").write_bytes(weights)
    assert scan([tmp_path]).findings == ()
    rows = b"".join(unit(512, seed) for seed in range(6))
    (tmp_path / "model.onnx").write_bytes(weights[:800_000] + rows + weights[800_000:])
    assert {f.offset for f in scan([tmp_path]).findings} == {800_000 + 2048 * n for n in range(6)}


@given(seed=st.integers(0, 10_000), size=st.sampled_from([128, 512]), before=st.integers(0, 3000))
@settings(max_examples=40, deadline=None)
def test_templates_at_any_offset(seed: int, size: int, before: int) -> None:
    """A template is found once at any offset between sealed bytes, there or, where its ends are tiny, a number away."""
    data = noise(before, seed) + unit(size, seed) + noise(2000, seed + 1)
    (found,) = find_vectors(data)
    assert abs(found - before) <= 8


def test_needles_are_never_shown() -> None:
    """What is looked for is not in the representation of needles, and too short needles are refused."""
    assert PLATE not in repr(NEEDLES)
    assert str(SEED) not in repr(NEEDLES)
    for texts in (("AB1",), ("A-B-1-2",), ("é12345",)):
        with pytest.raises(Invalid):
            Needles(texts=texts)
    for data in (b"short", bytes(64)):
        with pytest.raises(Invalid):
            Needles(exact=(("canary", data),))


def test_links_and_sockets_are_not_followed(tmp_path: Path) -> None:
    """A link below a scanned folder is not followed, a file with two names is read once, a lost file is reported."""
    (tmp_path / "scanned").mkdir()
    (tmp_path / "outside.jpg").write_bytes(encode(".jpg"))
    (tmp_path / "scanned" / "link").symlink_to(tmp_path / "outside.jpg")
    (tmp_path / "scanned" / "one").write_bytes(noise(1000))
    os.link(tmp_path / "scanned" / "one", tmp_path / "scanned" / "two")
    os.mkfifo(tmp_path / "scanned" / "pipe")
    found = scan([tmp_path / "scanned"])
    assert (found.findings, found.scanned_bytes) == ((), 1000)
    assert len(scan([tmp_path / "outside.jpg"]).findings) >= 1


def test_progress_adds_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The progress function is told every byte once."""
    monkeypatch.setattr(residue, "CHUNK", 1 << 16)
    (tmp_path / "a").write_bytes(noise(1_000_000))
    told: list[int] = []
    found = scan([tmp_path], progress=told.append)
    assert sum(told) == found.scanned_bytes == 1_000_000
    assert len(told) > 5


def test_system_places_are_real() -> None:
    """The list of places outside the home names only what is there."""
    assert all(place.exists() for place in system_places())
    assert system_places()


@given(
    texts=st.lists(st.text("ABC012", min_size=5, max_size=7), min_size=6, max_size=40, unique=True),
    data=st.binary(max_size=300),
    spelled=st.lists(
        st.tuples(st.integers(0, 39), st.sampled_from(["", "-", " "]), st.booleans()), max_size=6
    ),
)
def test_many_texts_are_found_like_one(
    texts: list[str], data: bytes, spelled: list[tuple[int, str, bool]]
) -> None:
    """However many texts are sought at once, each is found where it would be found alone, in any case and with separators."""
    for number, gap, small in spelled:
        text = gap.join(texts[number % len(texts)])
        data += (text.lower() if small else text).encode() + b"#"
    together = sorted(Needles(texts=tuple(texts)).find_texts(data))
    alone = sorted(at for text in texts for at in Needles(texts=(text,)).find_texts(data))
    assert together == alone
