"""A picture leaks: from the file back to the session, export or lane that it came from, on a real site."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from leakparts import capture_faces, cut_face
from lineparts import Line

from wayseal.export.mark import mark_picture, measure_psnr
from wayseal.export.markcode import NEWEST, RECIPES, Channel
from wayseal.flow.erase import erase_due
from wayseal.flow.marking import mark_at_lane
from wayseal.flow.trace import Reading, trace_file
from wayseal.flow.trace_lookup import Scope
from wayseal.flow.trace_verdict import combine_readings, describe_reading, log_trace
from wayseal.model.border import Pixels
from wayseal.model.custody import Purpose
from wayseal.model.errors import Refused
from wayseal.model.ids import RecordId, new_ulid
from wayseal.station.portal import open_portal
from wayseal.station.tracing import open_tracing
from wayseal.testing.leaks import average, crop, photograph, screenshot, shrink, to_jpeg, to_png
from wayseal.vision.picture import encode_picture, read_picture


def show(line: Line, record: RecordId, officer: str = "officer-1") -> Pixels:
    """What an officer's screen shows of a record."""
    portal = open_portal(line.site, officer, "officer")
    return read_picture(portal.open_release(portal.request_release(record)))


def open_sealed(line: Line, record: RecordId) -> bytes:
    """The sealed picture itself, as the lane marked it."""
    tracer = line.site.principal("tracer", "tracer")
    (body,) = line.site.opener.read_now(tracer, [record], Purpose.INCIDENT_RESPONSE)
    return body


def export(line: Line, record: RecordId, recipient: str) -> Pixels:
    """What a recipient gets of a record, with the ledger entry that an export writes."""
    body = open_sealed(line, record)
    mark = new_ulid(line.clock())
    line.site.ledger.append([
        {
            "type": "export-release", "object": new_ulid(line.clock()), "manifest_sha256": "ab" * 32, "records": [record],
            "recipient": recipient, "mark": mark, "recipe": NEWEST.number,
        }
    ])  # fmt: skip
    return read_picture(line.site.marker.mark_for_export(body, mark, record).data)


def trace(line: Line, tmp_path: Path, *leaks: bytes, scope: Scope = Scope()) -> list[Reading]:  # noqa: B008 - frozen
    """The readings of leaked files."""
    work = open_tracing(line.site, "analyst", "tracer", scope)
    readings = []
    for number, leak in enumerate(leaks):
        file = tmp_path / f"leak-{number}"
        file.write_bytes(leak)
        readings.append(trace_file(work, file))
    return combine_readings(readings)


def test_shown_pictures_are_marked_and_logged(line: Line) -> None:
    """What an officer is shown is never the sealed picture itself: its mark is the release's, and the ledger had it first."""
    (record,) = capture_faces(line, (20,))
    portal = open_portal(line.site, "officer-1", "officer")
    release = portal.request_release(record)
    shown = portal.open_release(release)
    assert shown != open_sealed(line, record)
    assert measure_psnr(read_picture(open_sealed(line, record)), read_picture(shown)) > 36
    (index,) = line.site.ledger.find(type="render", object=record)
    entry = line.site.ledger.entry(index)
    assert (entry["mark"], entry["release"], entry["actor"]) == (release.id, release.id, "officer-1")


def test_copies_of_an_older_recipe(line: Line, tmp_path: Path) -> None:
    """A copy that was given away before marks were written as now still names its recipient, beside copies of today's recipe."""
    (record,) = capture_faces(line, (4,))
    body, mark = open_sealed(line, record), new_ulid(line.clock())
    line.site.ledger.append([
        {
            "type": "export-release", "object": new_ulid(line.clock()), "manifest_sha256": "ab" * 32, "records": [record],
            "recipient": "agency-old", "mark": mark,
        }
    ])  # fmt: skip
    key = line.site.keys.mark_root().key(Channel.EXPORT, mark)
    old = mark_picture(read_picture(body), key, record, RECIPES[1])
    new = export(line, record, "agency-new")
    readings = trace(line, tmp_path, to_jpeg(old, 50), to_jpeg(new, 50), to_jpeg(average([old, new]), 75))
    said = [describe_reading(one) for one in readings]
    assert [one["recipient"] for one in said[:2]] == ["agency-old", "agency-new"]
    named = {said[2]["recipient"], *(one["recipient"] for one in said[2]["also"])}
    assert named == {"agency-old", "agency-new"}


def test_lane_of_an_older_recipe(line: Line, tmp_path: Path) -> None:
    """A lane whose program marks as before is named by what leaks from it, and no other lane is."""
    key = line.site.marker.lane_key("lane1")

    def mark_as_before(data: bytes, record: RecordId) -> bytes:
        return encode_picture(mark_picture(read_picture(data), key, record, RECIPES[1]), quality=92).data

    (record,) = capture_faces(line, (6,), mark=mark_as_before)
    (reading,) = trace(line, tmp_path, to_jpeg(read_picture(open_sealed(line, record)), 60))
    said = describe_reading(reading)
    assert (said["channel"], said["recipient"], said["decision"]) == ("lane", "lane1", "attributed")


def test_names_the_session(line: Line, tmp_path: Path) -> None:
    """What an officer saw, cut and recompressed, names that officer and that record; another officer of it stays unnamed."""
    records = capture_faces(line, (1, 2, 3))
    leaked = show(line, records[1], "officer-7")
    show(line, records[1], "officer-8")
    (reading,) = trace(line, tmp_path, to_jpeg(crop(leaked, 0.1), 50))
    said = describe_reading(reading)
    assert (said["record"], said["recipient"], said["channel"]) == (records[1], "officer-7", "session")
    assert said["decision"] == "attributed"
    assert said["z"] > 7 > said["decoys"]["max"]
    assert said["decoys"]["n"] >= 1000
    assert said["also"] == []


@pytest.mark.parametrize(
    "attack",
    [
        lambda face: to_jpeg(face, 50),
        lambda face: to_jpeg(shrink(face, 0.5), 80),
        lambda face: to_png(screenshot(face)),
        lambda face: to_jpeg(photograph(face), 75),
        lambda face: to_png(np.ascontiguousarray(face[:, ::-1])),
        lambda face: to_png(cv2.warpAffine(face, cv2.getRotationMatrix2D((128, 128), 12, 1.0), (256, 256))),
    ],
    ids=["jpeg50", "half-size", "screenshot", "photograph-of-screen", "mirrored", "rotated"],
)
def test_names_the_recipient(line: Line, tmp_path: Path, attack: object) -> None:
    """An exported picture names its recipient after each common change, among others who were given the same one."""
    (record,) = capture_faces(line, (4,))
    copies = {name: export(line, record, name) for name in ("agency-b", "agency-c", "agency-d")}
    (reading,) = trace(line, tmp_path, attack(copies["agency-c"]))
    said = describe_reading(reading)
    assert (said["decision"], said["channel"], said["recipient"]) == ("attributed", "export", "agency-c")
    assert said["record"] == record


def test_names_colluders(line: Line, tmp_path: Path) -> None:
    """The mean of three recipients' copies names all three and not the fourth."""
    (record,) = capture_faces(line, (5,))
    names = ["agency-b", "agency-c", "agency-d", "agency-e"]
    copies = [export(line, record, name) for name in names]
    (reading,) = trace(line, tmp_path, to_jpeg(average(copies[:3]), 85))
    assert reading.attributed
    assert reading.best is not None
    assert {reading.best.recipient, *(name for name, _ in reading.also)} == set(names[:3])


@pytest.mark.parametrize(
    "attack",
    [
        lambda face: to_jpeg(face, 60),
        lambda face: to_jpeg(crop(face, 0.1), 75),
        lambda face: to_jpeg(shrink(face, 0.5), 80),
    ],
    ids=["jpeg60", "cropped", "half-size"],
)
def test_names_the_lane(line: Line, tmp_path: Path, attack: Callable[[Pixels], bytes]) -> None:
    """A picture that nobody was ever shown, taken after the lane's seal, names its lane and nobody else, also cut and resized."""
    records = capture_faces(line, (6, 7), lane="lane2")
    leak = attack(read_picture(open_sealed(line, records[0])))
    (reading,) = trace(line, tmp_path, leak, scope=Scope(records=tuple(records)))
    said = describe_reading(reading)
    assert (said["channel"], said["recipient"], said["record"]) == ("lane", "lane2", records[0])
    assert said["z"] > 7 > said["decoys"]["max"]
    assert said["decoys"]["n"] >= 1000


@pytest.mark.parametrize("marked_by", [None, "lane9"])
def test_lane_that_never_marked(line: Line, tmp_path: Path, marked_by: str | None) -> None:
    """Of a lane that does not mark, or marks with another lane's key, a copy of the sealed picture accuses nobody."""
    mark = (lambda data, _: data) if marked_by is None else mark_at_lane(line.site.marker.lane_key(marked_by))
    records = capture_faces(line, (6, 7), mark=mark)
    leaks = [to_jpeg(read_picture(open_sealed(line, record)), 90) for record in records]
    for said in map(describe_reading, trace(line, tmp_path, *leaks)):
        assert said["record"] in records
        assert (said["decision"], said["recipient"]) == ("inconclusive", None)
        assert said["reason"] == "lane_mark_unproved"


def test_small_pictures_name_the_lane_together(line: Line, tmp_path: Path) -> None:
    """The lane's mark in a picture too small to prove it is proved by several, in none of which another lane is named."""
    records = capture_faces(line, (1, 2, 3, 4, 5), side=96)
    leaks = [to_jpeg(read_picture(open_sealed(line, record)), 85) for record in records]
    alone = [one for leak in leaks for one in trace(line, tmp_path, leak)]
    assert any(one.reason == "lane_mark_unproved" for one in alone)
    together = trace(line, tmp_path, *leaks)
    named = [one.best for one in together if one.attributed]
    assert len(named) >= 4
    assert {(best.channel, best.recipient) for best in named if best is not None} == {(Channel.LANE, "lane1")}


def test_tapped_camera_is_not_the_lane(line: Line, tmp_path: Path) -> None:
    """The same scene from before the lane's mark finds its record and accuses nobody."""
    (record,) = capture_faces(line, (6,))
    (reading,) = trace(line, tmp_path, to_jpeg(cut_face(6), 90))
    said = describe_reading(reading)
    assert said["record"] == record
    assert (said["decision"], said["recipient"], said["channel"]) == ("inconclusive", None, None)


def test_not_ours(line: Line, tmp_path: Path) -> None:
    """A picture that was never here, noise, one pixel, text and an empty file are inconclusive, each with its reason."""
    show(line, capture_faces(line, (7,))[0])
    rng = np.random.default_rng(1)
    scene = cv2.GaussianBlur(rng.integers(0, 256, (300, 400, 3), dtype=np.uint8), (0, 0), 3)
    leaks = [to_png(scene), to_png(scene[:1, :1]), b"not a picture", b"", to_jpeg(scene)[:500]]
    said = [describe_reading(one) for one in trace(line, tmp_path, *leaks)]
    assert [one["decision"] for one in said] == ["inconclusive"] * 5
    assert [one["reason"] for one in said] == [
        "no_original",
        "too_small",
        "not_a_picture",
        "empty",
        "truncated",
    ]
    assert all(one["recipient"] is None and one["record"] is None for one in said)


def test_erased_original(line: Line, tmp_path: Path) -> None:
    """When the original's hour is dead, an unchanged copy still names its session blind, and a cut one names nobody."""
    (record,) = capture_faces(line, (8,))
    leaked = show(line, record, "officer-3")
    line.clock.move(timedelta(days=3))
    assert erase_due(line.site.eraser)
    whole, part = trace(line, tmp_path, to_jpeg(leaked, 90), to_jpeg(crop(leaked, 0.2), 90))
    assert (whole.attributed, part.attributed) == (True, False)
    assert whole.best is not None
    assert whole.best.recipient == "officer-3"


def test_weak_marks_together(line: Line, tmp_path: Path) -> None:
    """Pictures that name nobody alone name their common recipient together, and no other recipient."""
    records = capture_faces(line, (11, 12, 13, 14, 15, 16))
    copies = [[export(line, record, name) for name in ("agency-b", "agency-c")] for record in records]
    ruined = [to_jpeg(cv2.GaussianBlur(shrink(pair[1], 0.3), (0, 0), 0.9), 22) for pair in copies]
    readings = trace(line, tmp_path, *ruined)
    alone = [one for one in readings if one.reason == "mark_found"]
    assert len(alone) < len(readings)
    named = {one.best.recipient for one in readings if one.attributed and one.best is not None}
    assert named <= {"agency-c"}


def test_every_opening_is_logged(line: Line, tmp_path: Path) -> None:
    """A trace opens nothing without an intent for incident_response, and its finding is on the ledger without a file name."""
    (record,) = capture_faces(line, (9,))
    leaked = show(line, record, "officer-2")
    before = line.site.ledger.size
    readings = trace(line, tmp_path, to_jpeg(leaked, 70))
    opened = [entry for _, entry in line.site.ledger.entries(before) if entry["type"] == "open-intent"]
    assert opened
    assert {entry["purpose"] for entry in opened} == {"incident_response"}
    assert {entry["actor"] for entry in opened} == {"analyst"}
    indices = log_trace(line.site.ledger, "analyst", readings, line.clock)
    found = line.site.ledger.entry(indices[1])
    assert (found["outcome"], found["recipient"], found["records"]) == ("attributed", "officer-2", [record])
    assert "leak-0" not in str(found)


def test_officers_may_not_trace(line: Line, tmp_path: Path) -> None:
    """Tracing is a role of its own: an officer is refused by the same gate as everywhere."""
    capture_faces(line, (10,))
    work = open_tracing(line.site, "officer-1", "officer", Scope())
    file = tmp_path / "leak.jpg"
    file.write_bytes(to_jpeg(cut_face(10)))
    with pytest.raises(Refused):
        trace_file(work, file)
