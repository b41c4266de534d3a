"""A site's own calibration: searched as its lanes search, checked on people it did not see, and counted without naming."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from lineparts import PASSPHRASE, Line, MovableClock, make_vehicle

from wayseal.cli.main import root
from wayseal.flow.calibrate import SiteLooks, check_promise, fit_looks, read_looks, tell_light
from wayseal.flow.enrol import read_list
from wayseal.flow.identify import identify_encounter
from wayseal.match.search import OTHER_CAMERA
from wayseal.match.strangers import Looks
from wayseal.model.border import Outcome, Seat
from wayseal.model.errors import Invalid
from wayseal.station.site import Site
from wayseal.vision.portrait import PortraitReader
from wayseal.web.reasons import say_reasons


@pytest.fixture(scope="module")
def reader() -> PortraitReader:
    """The networks, loaded once."""
    return PortraitReader()


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    """The public-domain portrait that scikit-image carries, BGR."""
    from skimage import data

    return np.ascontiguousarray(data.astronaut()[..., ::-1])


def make_looks(people: int, *, seed: int = 1, spread: float = 1.0) -> Looks:
    """Return made-up templates of one picture a person; a smaller spread makes all of them more alike."""
    draw = np.random.default_rng(seed)
    rows = np.full(24, 1.0) + spread * 3 * draw.standard_normal((people, 24))
    names = [f"p{number}" for number in range(people)]
    return Looks((rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), names)


def write_list(path: Path, rows: list[tuple[str, str]]) -> Path:
    """Write a CSV of pictures."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "identity"), *rows])
    return path


def test_pictures_become_looks(tmp_path: Path, face: np.ndarray, reader: PortraitReader) -> None:
    """Each picture is enrolled once and searched as a lane reads it, by light; what cannot be used is counted by reason."""
    grey = cv2.cvtColor(cv2.cvtColor(face, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    cv2.imwrite(str(tmp_path / "a.png"), face)
    cv2.imwrite(str(tmp_path / "b.png"), grey)
    cv2.imwrite(str(tmp_path / "c.png"), np.full((90, 90, 3), 90, np.uint8))
    rows = read_list(write_list(tmp_path / "l.csv", [("a.png", "T-1"), ("b.png", "T-2"), ("c.png", "T-3")]))
    looks = read_looks(rows, tmp_path, reader)
    assert (looks.enrolled.people, looks.left_out) == (["T-1", "T-2"], {"no_face": 1})
    assert looks.probes.keys() == {"mixed"}
    plain = reader.read_main(face).template.vector
    assert looks.probes["mixed"].vectors[0] @ plain == pytest.approx(1.0, abs=1e-5)
    assert looks.enrolled.vectors[0] @ plain < 0.9999


def test_lane_pictures_search(tmp_path: Path, face: np.ndarray, reader: PortraitReader) -> None:
    """Where there are lane pictures they search alone; one that a lane would not search is left out."""
    cv2.imwrite(str(tmp_path / "a.png"), face)
    cv2.imwrite(str(tmp_path / "dark.png"), (face * 0.5).astype(np.uint8))
    cv2.imwrite(str(tmp_path / "smear.png"), cv2.blur(cv2.resize(face, None, fx=0.3, fy=0.3), (21, 1)))
    rows = read_list(write_list(tmp_path / "l.csv", [("a.png", "T-1")]))
    lane = read_list(write_list(tmp_path / "p.csv", [("dark.png", "T-1"), ("smear.png", "T-1")]))
    looks = read_looks(rows, tmp_path, reader, lane_rows=lane)
    assert len(looks.probes["colour"].people) == 1
    assert sum(looks.left_out.values()) == 1
    with pytest.raises(Invalid):
        read_looks([], tmp_path, reader)


def test_light_is_told(face: np.ndarray) -> None:
    """A picture without colours is an infrared camera's, also after its codec."""
    grey = cv2.cvtColor(cv2.cvtColor(face, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    coded = cv2.imdecode(cv2.imencode(".jpg", grey)[1], cv2.IMREAD_COLOR)
    assert [tell_light(one) for one in (face, grey, coded)] == ["colour", "infrared", "infrared"]


def test_promise_holds_on_unseen_people() -> None:
    """Half of made-up people state an interval around 0.01 that the other half's rate lies in, or near in so few searches."""
    looks = SiteLooks(make_looks(600), {"colour": make_looks(600), "infrared": make_looks(600)}, {})
    check = check_promise(looks)
    assert check is not None
    assert (check["people"], check["searches"]) == (300, 10 * 600)
    assert check["stated"][0] < 0.01 < check["stated"][1]
    assert check["stated"][0] - 0.005 <= check["fpir"] <= check["stated"][1] + 0.005


def test_a_broken_promise_is_seen() -> None:
    """Where lane pictures resemble strangers' enrolments more than those that were calibrated on, the check says so."""
    close = make_looks(400)
    drawn = close.vectors + 2 * close.vectors[:1]
    lane = Looks(np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), np.float32), close.people)
    honest = fit_looks(SiteLooks(close, {"colour": lane}, {}), model_sha256="", source="")
    naive = fit_looks(SiteLooks(close, {"colour": close}, {}), model_sha256="", source="")
    assert honest.threshold(100, 0.01) > naive.threshold(100, 0.01)


@pytest.mark.parametrize(
    ("cameras", "outcome"), [(("lane1",), Outcome.MATCH), (("lane7",), Outcome.REFER), ((), Outcome.MATCH)]
)
def test_calibration_holds_for_its_cameras(
    site: Site, clock: MovableClock, cameras: tuple[str, ...], outcome: Outcome
) -> None:
    """At a lane whose camera the site's calibration does not name, a match is for an officer to compare, with that reason."""
    line, looks = Line(site, clock), SiteLooks(make_looks(100), {"colour": make_looks(100)}, {})
    lane = line.lane("lane1")
    made = fit_looks(looks, model_sha256="", source="", cameras=cameras)
    sealed = lane.keep(make_vehicle(clock, {Seat.DRIVER: 1, Seat.FRONT_PASSENGER: 9}))
    assert lane.send_pending() == [sealed.encounter]
    answered = identify_encounter(replace(line.work, calibration=made), sealed.encounter)
    driver, passenger = answered.occupants
    assert (driver.outcome, passenger.outcome) == (outcome, Outcome.NO_MATCH)
    assert (OTHER_CAMERA in driver.reasons) is (outcome is Outcome.REFER)
    if outcome is Outcome.REFER:
        assert "this lane's camera" in " ".join(say_reasons(driver.reasons))


def test_too_few_to_check() -> None:
    """Under 200 people nothing is checked, and a light with too few is not fitted apart."""
    assert check_promise(SiteLooks(make_looks(199), {"colour": make_looks(199)}, {})) is None
    with pytest.raises(Invalid):
        fit_looks(SiteLooks(make_looks(99), {"colour": make_looks(99)}, {}), model_sha256="", source="")


def test_command_on_real_pictures(shared_data: Path, tmp_path: Path, site: Site, home: Path) -> None:
    """The command fits a hundred people's pictures, says what searched and how much, and new galleries use the result."""
    every = csv.DictReader((shared_data / "faces" / "manifest.csv").read_text().splitlines())
    first = {row["identity"]: row["path"] for row in every if row["source"] == "lfw"}
    rows = [(str(shared_data / "faces" / path), name) for name, path in list(first.items())[:104]]
    site.close()
    (tmp_path / "passphrase").write_bytes(PASSPHRASE)
    before, after = (
        ["--home", str(home), "gallery", "calibrate"],
        ["--passphrase-file", str(tmp_path / "passphrase")],
    )
    listing = write_list(tmp_path / "l.csv", rows)
    result = CliRunner().invoke(root, [*before, str(listing), "--camera", "lane-1", "--json", *after])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["searched_with"] == "the same pictures"
    assert report["probes"]["colour"]["people"] >= 100
    assert (report["cameras"], report["check"]) == (["lane-1"], None)
    assert 0.2 < report["thresholds"]["1"] < report["thresholds"]["100"] < 0.7
    spoken = CliRunner().invoke(root, [*before, str(listing), "--probes", str(listing), *after])
    assert "searched with lane pictures" in spoken.stdout
    assert "not checked on unseen people" in spoken.stdout
