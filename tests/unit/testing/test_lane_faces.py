"""Faces come from where the user says, and a head is cut from its background at life size."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from lanesamples import draw_face

from wayseal.model.errors import BadPicture, Invalid, NotFound
from wayseal.testing.lane import FacePicture, load_carried, read_people
from wayseal.testing.lane.faces import cut_head, find_eyes, read_picture


def save_face(path: Path) -> None:
    """Write the drawn face as PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), draw_face().pixels)


def test_head_is_life_size_and_level() -> None:
    """A turned head comes out with level eyes 63 mm apart and without the background's corners."""
    face = draw_face()
    turn = cv2.getRotationMatrix2D((200, 240), 20, 1.0)
    turned = cv2.warpAffine(face.pixels, turn, (400, 480), borderMode=cv2.BORDER_REPLICATE)
    eyes = [tuple(turn @ np.array([x, y, 1.0])) for x, y in face.eyes]
    head = cut_head(FacePicture(turned, (eyes[0], eyes[1])))
    assert head.px_per_m == pytest.approx(80 / 0.063, rel=1e-6)
    green = np.clip(head.pixels[..., 1] - np.maximum(head.pixels[..., 0], head.pixels[..., 2]), 0, None)
    half = green.shape[1] // 2
    rows, columns = np.indices(green.shape)
    left, right = green.copy(), green.copy()
    left[:, half:], right[:, :half] = 0, 0
    places = [
        ((side * columns).sum() / side.sum(), (side * rows).sum() / side.sum()) for side in (left, right)
    ]
    assert places[1][0] - places[0][0] == pytest.approx(80, abs=1.0)
    assert places[1][1] == pytest.approx(places[0][1], abs=1.0)
    assert head.pixels[2, 2, 3] < 0.05
    assert head.pixels[round(head.eye[1]) + 60, round(head.eye[0]), 3] > 0.95


def test_carried_portraits_have_eyes_where_they_are_said_to_be() -> None:
    """Each carried portrait's eyes are found by the detector at the listed places; the first one is enrolled."""
    people = load_carried()
    assert [person.enrolled for person in people] == [True, False][: len(people)]
    for person in people:
        found = find_eyes(person.shown.pixels)
        assert found is not None
        np.testing.assert_allclose(
            found, person.shown.eyes, atol=0.08 * (person.shown.eyes[1][0] - person.shown.eyes[0][0])
        )
        assert person.same_picture


def test_table_names_people_eyes_and_enrolment(tmp_path: Path) -> None:
    """Rows of one identity are one traveller: the last picture is shown, the others enrol."""
    for name in ("a.png", "b.png"):
        save_face(tmp_path / name)
    table = tmp_path / "faces.csv"
    table.write_text(
        "path,identity,lx,ly,rx,ry,enrolled\na.png,P1,160,220,240,220,1\nb.png,P1,160,220,240,220,1\na.png,P2,160,220,240,220,0\n"
    )
    first, second = read_people(table)
    assert (first.identity, first.enrolled, second.enrolled) == ("P1", True, False)
    assert first.shown.eyes == ((160.0, 220.0), (240.0, 220.0))
    assert first.enrolling == (str(tmp_path / "a.png"),)
    assert not first.same_picture
    assert second.same_picture


def test_folder_names_people_by_subfolder_or_file(tmp_path: Path) -> None:
    """In a folder, pictures of one subfolder, or of one stem before the last underscore, show one person."""
    portrait = load_carried()[0].shown.pixels
    for name in ("P1/x.png", "P1/y.png", "P2_0.png", "P2_1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / name), portrait)
    (tmp_path / "notes.txt").write_text("no picture")
    assert {person.identity: len(person.pictures) for person in read_people(tmp_path)} == {"P1": 2, "P2": 2}


def test_nothing_usable_is_said_so(tmp_path: Path) -> None:
    """No such place, an empty folder, and pictures without a face all end in NotFound with a hint."""
    with pytest.raises(NotFound):
        read_people(tmp_path / "nowhere")
    with pytest.raises(NotFound):
        read_people(tmp_path)
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((200, 200, 3), 128, np.uint8))
    with pytest.raises(NotFound):
        read_people(tmp_path)


@pytest.mark.parametrize("text", ["name\nx\n", "path,identity,lx,ly,rx,ry\na.png,P1,one,2,3,4\n"])
def test_broken_tables_are_refused(tmp_path: Path, text: str) -> None:
    """A table without its columns, or with words for numbers, is refused."""
    (tmp_path / "faces.csv").write_text(text)
    with pytest.raises(Invalid):
        read_people(tmp_path / "faces.csv")


@pytest.mark.parametrize("data", [b"", b"not a picture"])
def test_broken_pictures_are_refused(tmp_path: Path, data: bytes) -> None:
    """Zero bytes and nonsense are BadPicture, and the message names no file."""
    (tmp_path / "secret-name.png").write_bytes(data)
    with pytest.raises(BadPicture) as caught:
        read_picture(tmp_path / "secret-name.png")
    assert "secret-name" not in str(caught.value)


def test_missing_picture_is_refused(tmp_path: Path) -> None:
    """A picture that is not there is BadPicture with the system's reason."""
    with pytest.raises(BadPicture, match="No such file"):
        read_picture(tmp_path / "gone.png")
