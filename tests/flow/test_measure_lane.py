"""Lane measures: the contract's definitions on passes of known content, the truth format, and one real video."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from wayseal.cli.main import root
from wayseal.flow.identify import GallerySearch
from wayseal.flow.measure.lane import LaneTally, TimedPass, score_passes
from wayseal.flow.measure.lane_report import plot_lane, report_lane, tabulate_seats, tabulate_videos
from wayseal.flow.measure.lane_setup import list_videos, read_gallery_list
from wayseal.flow.measure.lane_truth import LaneTruth, find_face, parse_truth, read_truth
from wayseal.match.loaded import LoadedGallery
from wayseal.match.search import SearchPolicy
from wayseal.model.border import (
    Band,
    Box,
    Candidate,
    Occupant,
    Outcome,
    Plate,
    Quality,
    SearchAnswer,
    Seat,
    Shot,
    Template,
    VehiclePass,
)
from wayseal.model.errors import Invalid, NotFound
from wayseal.vision.presentation import NOT_COUNTED

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
DRIVER_BOX, PASSENGER_BOX = (400.0, 100.0, 80.0, 100.0), (200.0, 100.0, 80.0, 100.0)


def truth_document(*, plate_width: float = 90.0, visible: float = 1.0) -> dict[str, Any]:
    """One vehicle in ten frames of 30 fps: a driver A, a passenger B who sits in nobody's gallery, a plate."""
    people = [
        ("driver", "A", DRIVER_BOX),
        ("front_passenger", "B", PASSENGER_BOX),
        ("rear_middle", "C", (300, 80, 60, 80)),
    ]
    frames = [
        {
            "i": index,
            "vehicles": [
                {
                    "vehicle_id": 1,
                    "body_box": [100, 50, 600, 400],
                    "occupants": [
                        {
                            "seat": seat,
                            "eyes": [[box[0] + 20, 140], [box[0] + 60, 140]],
                            "face_box": list(box),
                            "iod_px": 40.0,
                            "visible": visible if seat != "rear_middle" else 0.3,
                        }
                        for seat, _, box in people
                    ],
                    "plate": {"text": "AB-12", "box": [300, 300, plate_width, 40], "in_frame": True},
                }
            ],
        }
        for index in range(10)
    ]
    return {
        "format": "lane-truth-1",
        "video": {
            "frames": 10,
            "fps": 30,
            "width": 1280,
            "height": 720,
            "focal_px": 7000,
            "exposure_s": 0.001,
        },
        "vehicles": [
            {
                "vehicle_id": 1,
                "speed_mph": 20.0,
                "plate": {"text": "AB-12", "region": "tx"},
                "occupants": [{"seat": seat, "identity": name} for seat, name, _ in people],
            }
        ],
        "frames": frames,
    }


def occupant(seat: Seat, box: Box | None, *, captured: bool = True) -> Occupant:
    """An occupant whose best look was at a place in frame 5."""
    template = Template(np.eye(1, 128, dtype=np.float32)[0], "m", 11.0) if captured else None
    points = np.zeros((5, 2), np.float32)
    best = None if box is None else Shot(5, START, box, points, 0.9, 40.0, Quality(80))
    return Occupant(seat, best, None, template, 9)


def answer(name: str, *, matched: bool = True) -> SearchAnswer:
    """An answer with one candidate."""
    outcome = Outcome.MATCH if matched else Outcome.NO_MATCH
    return SearchAnswer(
        outcome, (Candidate(name, 0.6, Band.STRONG),), 0.4, 0.003, "g", 3, "m", 3, 0, exact=True
    )


def a_pass(people: list[tuple[Occupant, SearchAnswer | None]], plate: str | None = None) -> TimedPass:
    """A pass that left after a third of a second and was told a fifth of a second later."""
    left = START + timedelta(seconds=0.3)
    read = None if plate is None else Plate(plate, None, 3, 0.9)
    seen = VehiclePass(1, START, left, 21.0, read, tuple(one for one, _ in people), len(people), 10)
    return TimedPass(seen, [found for _, found in people], 0.3, 0.5, 0.1)


@pytest.fixture
def searcher() -> GallerySearch:
    """A gallery that knows A and C."""
    gallery = LoadedGallery("g", "m", 128, calibration=None)
    gallery.add(["A", "C"], np.eye(2, 128, dtype=np.float32))
    return GallerySearch(gallery, SearchPolicy())


def measure(passes: list[TimedPass], searcher: GallerySearch, **changes: float) -> dict[str, Any]:
    """The report on passes against the toy truth."""
    tally = LaneTally(
        "toy", vehicles=1, vehicles_found=len(passes), frames=10, video_s=10 / 30, cpu_s=0.1, wall_s=0.2
    )
    score_passes(passes, parse_truth(truth_document(**changes)), searcher, tally)
    return report_lane([tally])


def test_a_perfect_pass(searcher: GallerySearch) -> None:
    """Everybody seen, captured, seated and recognised; the occupant who was never visible enough does not count."""
    passes = [
        a_pass(
            [
                (occupant(Seat.DRIVER, DRIVER_BOX), answer("A")),
                (occupant(Seat.FRONT_PASSENGER, PASSENGER_BOX), answer("A", matched=False)),
            ],
            plate="ab 12",
        )
    ]
    report = measure(passes, searcher)
    assert (report["occupants"], report["enrolled"]) == (2, 1)
    for name in (
        "detected_rate",
        "captured_rate",
        "seat_accuracy",
        "rank1_rate",
        "match_rate",
        "plate_exact_rate",
    ):
        assert report[name] == 1.0
    assert report["occupants_30px"] <= report["occupants"]
    assert report["false_match"] == report["distractors_accepted"] == 0
    assert report["realtime_factor"] == pytest.approx(10 / 3)
    assert report["fps"] == pytest.approx(50)
    assert report["capture_to_result_p95_s"] == pytest.approx(0.5 - 9 / 30 + 0.1)


def test_hidden_people_count_as_aboard(searcher: GallerySearch) -> None:
    """Somebody whose face never shows is aboard: counted when the lane says so, and never among the visible occupants."""
    seen = [(occupant(Seat.DRIVER, DRIVER_BOX), answer("A"))]
    without = measure([a_pass(seen)], searcher)
    told = measure([a_pass([*seen, (occupant(Seat.REAR_CENTRE, None, captured=False), None)])], searcher)
    assert (without["occupants"], without["aboard"]) == (told["occupants"], told["aboard"]) == (2, 3)
    assert without["counted_rate"] == pytest.approx(1 / 3)
    assert told["counted_rate"] == pytest.approx(2 / 3)
    rear = told["by_seat"]["rear_centre"]
    assert (rear["occupants"], rear["aboard"], rear["counted_rate"]) == (0, 1, 1.0)
    assert (rear["captured_rate"], rear["captured_of_aboard"]) == (None, 0.0)
    _, rows = tabulate_seats(told)
    assert [row[0] for row in rows] == ["driver", "front_passenger", "rear_centre"]


def test_what_goes_wrong_is_counted(searcher: GallerySearch) -> None:
    """A wrong traveller, a wrong seat, a face on nobody and a misread plate each show in their own figure."""
    passes = [
        a_pass(
            [
                (occupant(Seat.REAR_LEFT, DRIVER_BOX), answer("C")),
                (occupant(Seat.DRIVER, (700.0, 500.0, 80.0, 100.0)), answer("C", matched=False)),
            ],
            plate="AB-13",
        )
    ]
    report = measure(passes, searcher)
    assert report["detected_rate"] == report["captured_rate"] == 0.5
    assert report["seat_accuracy"] == 0.0
    assert report["rank1_rate"] == report["match_rate"] == 0.0
    assert report["false_match"] == 1
    assert report["distractors_accepted"] == 1
    assert report["plate_exact_rate"] == 0.0


def test_people_of_two_vehicles_are_counted(searcher: GallerySearch) -> None:
    """Who is given to a second vehicle is counted, there and as somebody in two; each in their own vehicle is not."""
    driver, passenger = occupant(Seat.DRIVER, DRIVER_BOX), occupant(Seat.FRONT_PASSENGER, PASSENGER_BOX)
    own = a_pass([(driver, answer("A")), (passenger, None)])
    assert [measure([own], searcher)[name] for name in ("wrong_vehicle", "in_two_vehicles")] == [0, 0]
    report = measure([own, a_pass([(driver, answer("A"))])], searcher)
    assert [report[name] for name in ("wrong_vehicle", "in_two_vehicles")] == [1, 1]


def test_seen_is_not_captured(searcher: GallerySearch) -> None:
    """Somebody seen without a usable shot is detected and not captured, by look or, without one, by seat."""
    passes = [
        a_pass(
            [
                (occupant(Seat.DRIVER, None, captured=False), None),
                (occupant(Seat.FRONT_PASSENGER, PASSENGER_BOX, captured=False), None),
                (occupant(Seat.REAR_RIGHT, None, captured=False), None),
            ]
        )
    ]
    report = measure(passes, searcher)
    assert report["detected_rate"] == 1.0
    assert report["captured_rate"] == 0.0
    assert report["seat_accuracy"] is None
    assert report["distractors_accepted"] == 1


def test_picture_not_counted_is_nobody(searcher: GallerySearch) -> None:
    """What capture does not count, because it is surely a picture, is neither an accepted distractor nor a person found."""
    nowhere = replace(occupant(Seat.REAR_LEFT, (5.0, 5.0, 9.0, 9.0), captured=False), reasons=(NOT_COUNTED,))
    driver = replace(occupant(Seat.DRIVER, DRIVER_BOX, captured=False), reasons=(NOT_COUNTED,))
    report = measure([a_pass([(driver, None), (nowhere, None)])], searcher)
    assert report["distractors_accepted"] == 0
    assert report["detected_rate"] == 0.0


def test_denominators_of_nothing_are_null(searcher: GallerySearch) -> None:
    """Where nobody counts, rates are null and nothing breaks; a plate too narrow to read does not count."""
    report = measure([], searcher, visible=0.1, plate_width=40.0)
    assert report["occupants"] == 0
    assert report["captured_rate"] is None
    assert report["plate_exact_rate"] is None
    assert report["capture_to_result_p95_s"] is None
    assert json.loads(json.dumps(report))["rank1_rate"] is None


def test_face_is_found_by_its_box() -> None:
    """A box is on a face when they share a quarter of their union; elsewhere nobody is."""
    vehicles = parse_truth(truth_document()).vehicles
    assert find_face(vehicles, 3, (405.0, 105.0, 75.0, 90.0)) == (0, 0)
    assert find_face(vehicles, 3, (400.0, 150.0, 80.0, 100.0)) == (0, 0)
    assert find_face(vehicles, 3, (600.0, 105.0, 75.0, 90.0)) is None
    assert find_face(vehicles, 99, (405.0, 105.0, 75.0, 90.0)) is None


def test_rear_middle_is_rear_centre() -> None:
    """The truth's name for the middle rear seat becomes ours."""
    assert parse_truth(truth_document()).vehicles[0].occupants[2].seat is Seat.REAR_CENTRE


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": "lane-truth-2"}', '{"format": "lane-truth-1", "video": 3}']
)
def test_bad_truth_is_refused(tmp_path: Path, text: str) -> None:
    """A file that is not lane-truth-1 is an `Invalid` with a hint, never a traceback."""
    path = tmp_path / "truth.json"
    path.write_text(text)
    with pytest.raises(Invalid):
        read_truth(path)
    with pytest.raises(NotFound):
        read_truth(tmp_path / "none.json")


def test_inputs_are_checked(tmp_path: Path) -> None:
    """Neither or both of video and folder, an empty folder, and a CSV with another header are refused."""
    with pytest.raises(Invalid):
        list_videos(None, None, None)
    with pytest.raises(NotFound):
        list_videos(None, None, tmp_path)
    table = tmp_path / "gallery.csv"
    table.write_text("file,name\na.jpg,A\n")
    with pytest.raises(Invalid):
        read_gallery_list(table)
    table.write_text("path,identity,class\na.jpg,A,citizen\n")
    assert read_gallery_list(table) == [(tmp_path / "a.jpg", "A")]


def test_table_and_plot(tmp_path: Path, searcher: GallerySearch) -> None:
    """The table has one row a video, and the plot is written as a picture."""
    tally = LaneTally("toy", vehicles=1, video_s=1.0, cpu_s=0.5)
    score_passes(
        [a_pass([(occupant(Seat.DRIVER, DRIVER_BOX), answer("A"))])],
        parse_truth(truth_document()),
        searcher,
        tally,
    )
    columns, rows = tabulate_videos([tally])
    assert len(rows[0]) == len(columns)
    plot_lane([tally], tmp_path / "lane.png")
    assert (tmp_path / "lane.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(Invalid):
        plot_lane([LaneTally("nothing")], tmp_path / "none.png")


def test_one_real_video(shared_data: Path, tmp_path: Path) -> None:
    """On a real lane video the command prints the contract's fields: everybody captured, no distractor, real time."""
    lane = shared_data / "lane"
    wanted = {"D1218", "D0250", "D0108", "D1169"}
    rows = [row for row in read_gallery_list(lane / "gallery.csv") if row[1] in wanted]
    table = tmp_path / "gallery.csv"
    table.write_text("path,identity\n" + "".join(f"{path.resolve()},{name}\n" for path, name in rows))
    arguments = [
        "evaluate",
        "lane",
        "--video",
        str(lane / "d12_mid_sticker_shirt.mp4"),
        "--gallery",
        str(table),
        "--regret",
        "--report",
        str(tmp_path / "page.html"),
        "--json",
    ]
    result = CliRunner().invoke(root, arguments, standalone_mode=False)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["vehicles"] == report["vehicles_found"] == 1
    assert report["captured_rate"] == 1.0
    assert report["seat_accuracy"] == 1.0
    assert report["distractors_accepted"] == report["false_match"] == 0
    assert report["rank1_rate"] == 1.0
    assert report["best_shots"] == report["occupants"]
    assert 0 <= report["best_shot_regret"] <= 0.2
    assert sum(one["occupants"] for one in report["by_quality"].values()) == report["occupants"]
    assert "<svg" in (tmp_path / "page.html").read_text()


def test_truth_of_every_shared_video_parses(shared_data: Path) -> None:
    """Each truth file of the test data parses, and its occupants have faces in the frames."""
    for path in sorted((shared_data / "lane").glob("*.json")):
        truth: LaneTruth = read_truth(path)
        assert truth.frames > 0
        assert any(person.counts for vehicle in truth.vehicles for person in vehicle.occupants)
