"""Galleries on disk: nothing in the clear, nothing left of the forgotten, whole after any crash."""

import errno
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from gallery_cipher import MemoryCipher
from hypothesis import given, settings
from hypothesis import strategies as st
from made_faces import DIMENSION, MODEL, MakeFaces, as_template

from wayseal.match import gallery as room
from wayseal.match.calibrate import Calibration
from wayseal.match.gallery import Gallery, create_gallery, list_galleries, open_gallery
from wayseal.match.search import search
from wayseal.match.segment import read_frames
from wayseal.model.border import Outcome
from wayseal.model.errors import Invalid, NotFound, SealBroken, StoreFull, WrongModel


def make(root: Path, name: str = "port", calibration: Calibration | None = None) -> Gallery:
    """Return a new gallery."""
    return create_gallery(
        root,
        name,
        model_sha256=MODEL,
        dimension=DIMENSION,
        cipher=MemoryCipher(),
        calibrate=lambda _: calibration,
    )


def reopen(root: Path, key: bytes = b"k" * 32, calibration: Calibration | None = None) -> Gallery:
    """Return the gallery as another process would load it."""
    return open_gallery(root, "port", cipher=MemoryCipher(key), calibrate=lambda _: calibration)


def all_bytes(root: Path) -> bytes:
    """Return every byte of every file, with the file names."""
    return b"".join(
        str(path).encode() + path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()
    )


def test_enrolled_is_found_after_reopening(
    tmp_path: Path, make_faces: MakeFaces, calibration: Calibration
) -> None:
    """What was added is there after reopening, in order, and a search finds it."""
    faces = make_faces(40)
    gallery = make(tmp_path)
    for number in range(20):
        gallery.add([f"T-{number}"], [as_template(faces[number])])
    gallery.add_many([f"T-{number}" for number in range(20, 40)], faces[20:])
    again = reopen(tmp_path, calibration=calibration)
    assert again.travellers() == gallery.travellers() == [f"T-{number}" for number in range(40)]
    answer = search(as_template(faces[33]), again.loaded)
    assert (answer.outcome, answer.candidates[0].traveller) == (Outcome.MATCH, "T-33")
    assert list_galleries(tmp_path) == ["port"]


def test_nothing_in_the_clear(tmp_path: Path, make_faces: MakeFaces) -> None:
    """No traveller id and no part of a template is in any file or file name."""
    faces = make_faces(6)
    gallery = make(tmp_path)
    gallery.add_many([f"TRAVELLER-{number}" for number in range(6)], faces)
    gallery.forget("TRAVELLER-2")
    held = all_bytes(tmp_path)
    assert b"TRAVELLER" not in held
    assert not any(
        face[start : start + 2].tobytes() in held for face in faces for start in range(0, DIMENSION, 2)
    )


def test_forget_leaves_no_byte(
    tmp_path: Path, make_faces: MakeFaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After forgetting, no sealed byte that held the traveller is in any file, the others stay, at most three syncs."""
    monkeypatch.setattr(room, "_ROLL", 1000)
    faces = make_faces(30)
    gallery = make(tmp_path)
    for number in range(30):
        gallery.add_many([f"T-{number % 10}"], faces[number : number + 1])
    folder = tmp_path / "port"
    held = [
        segment
        for segment in gallery._segments
        if any("T-4" in batch.travellers for batch, _ in read_frames(segment, folder))
    ]
    assert 1 < len(held) < len(gallery._segments)
    frames = [segment.path(folder).read_bytes()[27:] for segment in held]
    pieces = [frame[start : start + 16] for frame in frames for start in range(0, len(frame) - 16, 16)]
    syncs = []
    for name in ("fsync", "fdatasync"):
        real = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda descriptor, real=real: (syncs.append(descriptor), real(descriptor))
        )
    assert gallery.forget("T-4") == 3
    assert len(syncs) <= 3
    left = all_bytes(tmp_path)
    assert not any(piece in left for piece in pieces)
    again = reopen(tmp_path)
    assert sorted(again.travellers()) == sorted(f"T-{number}" for number in range(10) if number != 4)
    assert again.size == 27
    with pytest.raises(NotFound):
        again.forget("T-4")


def test_old_copies_stay_shut_after_a_new_key(tmp_path: Path, make_faces: MakeFaces) -> None:
    """Forgetting under a new key: a copy of the folder made before does not open with the key that remains."""
    gallery = make(tmp_path)
    gallery.add_many(["gone", "stays"], make_faces(2))
    before = {path.name: path.read_bytes() for path in (tmp_path / "port").iterdir()}
    gallery.forget("gone", cipher=MemoryCipher(b"n" * 32))
    assert reopen(tmp_path, b"n" * 32).travellers() == ["stays"]
    with pytest.raises(SealBroken):
        reopen(tmp_path)
    for path in (tmp_path / "port").iterdir():
        path.unlink()
    for name, data in before.items():
        (tmp_path / "port" / name).write_bytes(data)
    with pytest.raises(SealBroken):
        reopen(tmp_path, b"n" * 32)


def test_other_processes_see_changes(tmp_path: Path, make_faces: MakeFaces) -> None:
    """A matcher that has the gallery open sees additions and forgettings of another process at its next refresh."""
    faces = make_faces(4)
    writer = make(tmp_path)
    reader = reopen(tmp_path)
    assert not reader.refresh()
    writer.add_many(["a", "b"], faces[:2])
    assert reader.refresh()
    assert reader.travellers() == ["a", "b"]
    reader.add_many(["c"], faces[2:3])
    writer.forget("a")
    assert writer.travellers() == ["b", "c"]
    assert reader.refresh()
    assert reader.travellers() == ["b", "c"]
    writer.forget("c")
    assert reader.current().travellers() == ["b"]
    writer.rekey(MemoryCipher(b"n" * 32))
    assert reopen(tmp_path, b"n" * 32).travellers() == ["b"]


@given(script=st.lists(st.tuples(st.sampled_from("afr"), st.integers(0, 5)), max_size=14))
@settings(max_examples=15, deadline=None)
def test_any_history_reloads(
    tmp_path_factory: pytest.TempPathFactory, make_faces: MakeFaces, script: list[tuple[str, int]]
) -> None:
    """After any additions, forgettings and reopenings the files hold exactly who should be there."""
    root = tmp_path_factory.mktemp("history")
    gallery, wanted, faces = make(root), dict.fromkeys(map(str, range(6)), 0), make_faces(6)
    for verb, who in script:
        if verb == "a":
            gallery.add_many([str(who)] * 2, faces[[who, who]])
            wanted[str(who)] += 2
        elif verb == "f" and wanted[str(who)]:
            assert gallery.forget(str(who)) == wanted[str(who)]
            wanted[str(who)] = 0
        else:
            gallery = reopen(root)
        assert gallery.size == sum(wanted.values())
    assert set(reopen(root).travellers()) == {name for name, count in wanted.items() if count}


def test_knows_its_templates(tmp_path: Path, make_faces: MakeFaces) -> None:
    """A gallery says whether a traveller has this very template, also after reopening and forgetting others."""
    faces = make_faces(3)
    make(tmp_path).add_many(["a", "b", "a"], faces)
    gallery = reopen(tmp_path)
    gallery.forget("b")
    assert gallery.holds("a", faces[0])
    assert gallery.holds("a", faces[2])
    assert not gallery.holds("a", faces[1])
    assert not gallery.holds("b", faces[1])


def test_unfinished_append_is_dropped(tmp_path: Path, make_faces: MakeFaces) -> None:
    """A frame that a crash cut short is ignored, and the next addition takes its place."""
    faces = make_faces(3)
    make(tmp_path).add_many(["a"], faces[:1])
    path = next((tmp_path / "port").glob("*.segment"))
    whole = path.read_bytes()
    gallery = reopen(tmp_path)
    gallery.add_many(["b"], faces[1:2])
    longer = path.read_bytes()
    for cut in range(len(whole), len(longer)):
        path.write_bytes(longer[:cut])
        again = reopen(tmp_path)
        assert again.travellers() == ["a"]
    again.add_many(["c"], faces[2:])
    assert reopen(tmp_path).travellers() == ["a", "c"]


def test_tampering_is_refused(tmp_path: Path, make_faces: MakeFaces) -> None:
    """A changed bit before the last frame, a missing segment, or another key: the gallery does not open."""
    faces = make_faces(3)
    gallery = make(tmp_path)
    for number in range(3):
        gallery.add_many([str(number)], faces[number : number + 1])
    path = next((tmp_path / "port").glob("*.segment"))
    whole = path.read_bytes()
    for place in (3, 60, len(whole) // 2):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(SealBroken):
            reopen(tmp_path)
    path.unlink()
    with pytest.raises(SealBroken):
        reopen(tmp_path)
    with pytest.raises(SealBroken):
        reopen(tmp_path, b"x" * 32)


def test_closed_segment_cannot_be_cut(
    tmp_path: Path, make_faces: MakeFaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A closed segment that lost whole frames at its end is refused: the manifest knows how many there were."""
    monkeypatch.setattr(room, "_ROLL", 500)
    faces = make_faces(8)
    gallery = make(tmp_path)
    for number in range(8):
        gallery.add_many([str(number)], faces[number : number + 1])
    closed = next(one for one in gallery._segments if one.frames and one.frames > 1)
    path = closed.path(tmp_path / "port")
    path.write_bytes(path.read_bytes()[: -(path.stat().st_size - 27) // closed.frames])
    with pytest.raises(SealBroken):
        reopen(tmp_path)


def test_full_disk_changes_nothing(
    tmp_path: Path, make_faces: MakeFaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk is full, adding and forgetting say so and the gallery is as before."""
    gallery = make(tmp_path)
    gallery.add_many(["a", "b"], make_faces(2))

    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", refuse)
        with pytest.raises(StoreFull):
            gallery.add_many(["c"], make_faces(1))
        with pytest.raises(StoreFull):
            gallery.forget("a")
    assert gallery.travellers() == ["a", "b"]
    assert reopen(tmp_path).travellers() == ["a", "b"]
    gallery.add_many(["c"], make_faces(1))
    assert reopen(tmp_path).travellers() == ["a", "b", "c"]


def test_wrong_input_refused(tmp_path: Path, make_faces: MakeFaces) -> None:
    """Another model, numbers that are none, missing ids, a bad or repeated name: refused, nothing added."""
    gallery = make(tmp_path)
    face = make_faces(1)
    with pytest.raises(WrongModel):
        gallery.add(["a"], [as_template(face[0], "1" * 64)])
    for names, rows in ((["a"], face * np.nan), ([""], face), (["a", "b"], face)):
        with pytest.raises(Invalid):
            gallery.add_many(names, rows)
    for name in ("port", "../port", "PORT"):
        with pytest.raises(Invalid):
            make(tmp_path, name)
    with pytest.raises(NotFound):
        open_gallery(tmp_path, "other", cipher=MemoryCipher())
    assert reopen(tmp_path).size == 0


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import numpy as np
from gallery_cipher import MemoryCipher
from wayseal.match import gallery as room
room._ROLL = 4000
made = room.open_gallery(Path(sys.argv[1]), "port", cipher=MemoryCipher())
rows = np.eye(32, dtype=np.float32)
number = int(sys.argv[3])
while True:
    made.add_many([f"T-{number}"], rows[number % 32][None])
    print("+", number, flush=True)
    if number % 3 == 2:
        made.forget(f"T-{number - 1}")
        print("-", number - 1, flush=True)
    number += 1
"""


def test_killed_while_saving(tmp_path: Path) -> None:
    """Killed at any moment, the gallery opens and holds all that was acknowledged and nothing that was forgotten."""
    make(tmp_path)
    delays = np.random.default_rng(3).uniform(0.0, 0.15, 5)
    present, number = set(), 0
    for delay in delays:
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(Path(__file__).parent), str(number)],
            stdout=subprocess.PIPE,
            text=True,
        ) as child:
            assert child.stdout is not None
            lines = [child.stdout.readline()]
            with suppress(subprocess.TimeoutExpired):
                child.wait(timeout=float(delay))
            child.kill()
            lines += child.stdout.read().splitlines()
        for line in lines:
            verb, which = line.split()
            (present.add if verb == "+" else present.discard)(int(which))
            number = max(number, int(which) + 1)
        found = {int(name[2:]) for name in reopen(tmp_path).travellers()}
        unacknowledged = found ^ present
        assert unacknowledged <= {number, number - 2, number - 1}
        present = found
        number = max(found, default=0) + 3
    assert len(present) > 5
