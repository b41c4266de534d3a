"""A second network doubts a match: from a real ONNX file and enrolment to the officer's words, on a whole site."""

import csv
import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from carrierparts import enrol_travellers
from lineparts import Line, MovableClock, make_picture, make_vehicle
from onnx import TensorProto, helper, numpy_helper

from wayseal.flow.documents import pack_template, unpack_templates
from wayseal.flow.identify import GallerySearch, identify_encounter
from wayseal.flow.second import DOUBTED
from wayseal.match.search import SearchPolicy
from wayseal.model.border import Encounter, Occupant, Outcome, Pixels, Seat, Shot, VehiclePass
from wayseal.model.errors import Invalid, NotFound, SealBroken
from wayseal.model.ids import EncounterId
from wayseal.station.centre_run import Answers
from wayseal.station.galleries import forget_enrolled, gallery_facts, import_list
from wayseal.station.matcher import Matcher, open_register
from wayseal.station.second import open_check, open_seconds
from wayseal.station.settings_lane import MatchSettings
from wayseal.station.site import Site
from wayseal.vision import models
from wayseal.vision.bestshot import ShotKeeper
from wayseal.vision.detect import FaceDetector
from wayseal.vision.portrait import PortraitReader
from wayseal.vision.second_opinion import SecondOpinion, doubt_limit, find_second
from wayseal.vision.track import Sighting
from wayseal.vision.vehicle import Moment
from wayseal.web.reasons import say_reasons


@pytest.fixture
def second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SecondOpinion:
    """A small network of our own, added by its manifest: the mean colour of a face times a matrix."""
    monkeypatch.setenv("WAYSEAL_MODELS", str(tmp_path / "models"))
    models.install_all()
    matrix = np.random.default_rng(5).normal(size=(3, 16)).astype(np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["flat"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["flat", "w"], ["out"]),
    ]
    graph = helper.make_graph(
        nodes, "other",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 112, 112])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 16])],
        [numpy_helper.from_array(matrix, "w")],
    )  # fmt: skip
    data = onnx.helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    ).SerializeToString()
    (tmp_path / "other.onnx").write_bytes(data)
    (tmp_path / "other.toml").write_text(
        f'name = "other"\ntask = "face_embedding"\nfile = "other.onnx"\nsize = {len(data)}\n'
        f'sha256 = "{hashlib.sha256(data).hexdigest()}"\nlicence = "our own"\nlicence_class = "research-only"\n'
        'channel_order = "RGB"\nmean = 127.5\nstd = 127.5\ndim = 16\nmetric = "cosine"\n'
        "thresholds = { disagree = 0.5 }\n"
    )
    models.add_model(tmp_path / "other.toml")
    return SecondOpinion(name="other")


@pytest.fixture
def face() -> Pixels:
    """The public-domain portrait that scikit-image carries, BGR."""
    from skimage import data

    return np.ascontiguousarray(data.astronaut()[..., ::-1])


@pytest.fixture
def asked(site: Site, second: SecondOpinion) -> Site:
    """The site with the small network as its second one."""
    assert second.manifest.name == "other"
    site.settings = site.settings.model_copy(update={"match": MatchSettings(second_model="other")})
    return site


def import_face(site: Site, folder: Path, face: Pixels) -> None:
    """Enrol one traveller."""
    cv2.imwrite(str(folder / "face.png"), face)
    with (folder / "list.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "identity"), ("face.png", "T-1")])
    assert import_list(site, folder / "list.csv", "port").enrolled == 1


def ride(face: Pixels, other: Pixels, second: SecondOpinion, clock: MovableClock) -> VehiclePass:
    """Return a vehicle whose driver the first network sees in one picture, and the second in another."""
    reader = PortraitReader()
    portrait = reader.read_main(face)
    shot = Shot(
        frame=3, time=clock(), box=portrait.found.box, landmarks=portrait.found.landmarks, detector_score=0.9,
        inter_eye_px=47.0, quality=portrait.quality, template=portrait.template,
    )  # fmt: skip
    driver = Occupant(
        Seat.DRIVER, shot, make_picture(1), portrait.template, 5,
        second=second.embed(other, portrait.found.landmarks),
    )  # fmt: skip
    now = clock()
    return VehiclePass(
        number=1, entered=now, left=now, speed_mph=None, plate=None, occupants=(driver,), occupants_seen=1, frames=30,
    )  # fmt: skip


@pytest.mark.parametrize("doubts", [False, True])
def test_doubted_match_is_referred(
    asked: Site, clock: MovableClock, tmp_path: Path, face: Pixels, second: SecondOpinion, *, doubts: bool
) -> None:
    """A match that the second network confirms stays one; one that it doubts goes to the officer, who reads why first."""
    import_face(asked, tmp_path, face)
    line = Line(asked, clock)
    lane = line.lane()
    seen = ride(face, 255 - face if doubts else face, second, clock)
    sealed = lane.keep(seen)
    assert lane.send_pending() == [sealed.encounter]
    work = replace(
        line.work,
        searcher=GallerySearch(asked.gallery("port").loaded, SearchPolicy()),
        second=open_check(asked, "port"),
    )
    (driver,) = identify_encounter(work, sealed.encounter).occupants
    assert [one.traveller for one in driver.candidates] == ["T-1"]
    if doubts:
        assert (driver.outcome, driver.reasons[-1]) == (Outcome.REFER, DOUBTED)
        assert "disagrees" in say_reasons(driver.reasons)[0]
    else:
        assert driver.outcome is Outcome.MATCH


@pytest.mark.parametrize("first", [True, False])
def test_enrolled_template_without_numbers_doubts(
    asked: Site, clock: MovableClock, tmp_path: Path, face: Pixels, second: SecondOpinion, *, first: bool
) -> None:
    """A kept second template with a value that is no number confirms no match, wherever it stands among the others."""
    import_face(asked, tmp_path, face)
    book = open_seconds(asked, "port")
    (good,) = book.find("T-1", second.manifest.sha256)
    broken = good.vector.copy()
    broken[2] = np.nan
    kept = [replace(good, vector=broken), good] if first else [good, replace(good, vector=broken)]
    book.book.put_body("T-1", b"".join(pack_template(one) for one in kept))
    check = open_check(asked, "port")
    assert check is not None
    driver = ride(face, face, second, clock).occupants[0]
    assert driver.template is not None
    (answer,) = GallerySearch(asked.gallery("port").loaded, SearchPolicy()).search([driver.template])
    assert answer.outcome is Outcome.MATCH
    assert check.review(answer, driver.second).reasons[0] == DOUBTED


@pytest.mark.parametrize(
    "lie",
    [
        {"vector": np.ones(4, np.float32) / 2},
        {"vector": np.full(16, np.nan, np.float32)},
        {"vector": np.ones(16, np.float32)},
        {"strength": float("nan")},
    ],
    ids=["size", "nan", "length", "strength"],
)
def test_lane_lies_about_the_second(
    asked: Site,
    clock: MovableClock,
    tmp_path: Path,
    face: Pixels,
    second: SecondOpinion,
    *,
    lie: dict[str, Any],
) -> None:
    """A second template that the network cannot have made lets no match stand: its vehicle is an alarm on the ledger."""
    import_face(asked, tmp_path, face)
    line = Line(asked, clock)
    lane = line.lane()
    seen = ride(face, face, second, clock)
    (driver,) = seen.occupants
    assert driver.second is not None
    sealed = lane.keep(replace(seen, occupants=(replace(driver, second=replace(driver.second, **lie)),)))
    lane.send_pending()
    searcher = GallerySearch(asked.gallery("port").loaded, SearchPolicy())
    work = replace(line.work, searcher=searcher, second=open_check(asked, "port"))
    assert Matcher(work, open_register(asked)).settle(sealed.encounter, "lane1") is None
    (index,) = asked.ledger.find(type="alarm")
    assert asked.ledger.entry(index)["alarm"] == "pass-broken"


def test_one_vehicle_stops_no_other(site: Site, clock: MovableClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault that nobody foresaw costs the answer of its own vehicle in this run, and its words are not told."""
    enrol_travellers(site)
    lane = Line(site, clock).lane()
    bad, good = (lane.keep(make_vehicle(clock, {Seat.DRIVER: seed})).encounter for seed in (1, 2))
    lane.send_pending()
    settle = Matcher.settle

    def fail(matcher: Matcher, encounter: EncounterId, lane: str) -> Encounter | None:
        if encounter == bad:
            raise ValueError("traveller-1")
        return settle(matcher, encounter, lane)

    monkeypatch.setattr(Matcher, "settle", fail)
    answered: list[Encounter] = []
    warnings: list[str] = []
    answers = Answers(site, "port", answered.append, warnings.append)
    for encounter in (bad, good, bad):
        answers.take(encounter, "lane1")
    answers.start()
    answers.stop()
    assert [one.id for one in answered] == [good]
    assert warnings == ["lane lane1: a vehicle is not answered in this run: ValueError"]


def test_without_a_second_template_the_answer_stands(
    asked: Site, clock: MovableClock, tmp_path: Path, face: Pixels, second: SecondOpinion
) -> None:
    """A traveller enrolled before the second network came, and a face it never saw, are matched as ever."""
    import_face(asked, tmp_path, face)
    (driver,) = ride(face, 255 - face, second, clock).occupants
    assert driver.template is not None
    check = open_check(asked, "port")
    assert check is not None
    (answer,) = GallerySearch(asked.gallery("port").loaded, SearchPolicy()).search([driver.template])
    assert check.review(answer, driver.second).outcome is Outcome.REFER
    assert check.review(answer, None) is answer
    assert check.book.forget("T-1")
    assert check.review(answer, driver.second) is answer


def test_forgotten_with_the_traveller(asked: Site, tmp_path: Path, face: Pixels) -> None:
    """Erasing a traveller erases what the second network made of them; what was kept is sealed and names nobody."""
    import_face(asked, tmp_path, face)
    book = open_seconds(asked, "port")
    sha256 = find_second("other").sha256
    assert len(book.find("T-1", sha256)) == 1
    import_face(asked, tmp_path, face)
    assert len(book.find("T-1", sha256)) == 1
    (file,) = (asked.galleries / "port" / "seconds").rglob("*.second")
    assert "T-1" not in str(file)
    assert pack_template(book.find("T-1", sha256)[0]) not in file.read_bytes()
    forget_enrolled(asked, "port", "T-1")
    assert book.find("T-1", sha256) == []
    assert not file.exists()


def test_site_without_one_has_none(site: Site) -> None:
    """By default there is no second network; one that is not installed, or is no face model, is refused."""
    assert open_check(site, "port") is None
    for name, error in (("nowhere", NotFound), ("yunet-2023mar", Invalid)):
        site.settings = site.settings.model_copy(update={"match": MatchSettings(second_model=name)})
        with pytest.raises(error):
            open_check(site, "port")


def test_lane_embeds_looks_of_its_track(second: SecondOpinion, face: Pixels) -> None:
    """The lane's second template comes from the pictures of the track's best shots, and equals that of the whole frame."""
    (found,) = FaceDetector().detect(face)[:1]
    burst = ShotKeeper()
    now = datetime(2026, 1, 1, tzinfo=UTC)
    for index in range(3):
        moment = Moment(index, now, index / 16)
        burst.offer(face, Sighting(moment, found, (0.0, 0.0), found.inter_eye_px, 1.0))
    made = second.embed_shots(burst.shots)
    assert made is not None
    whole = second.embed(face, found.landmarks)
    assert float(made.vector @ whole.vector) == pytest.approx(1.0, abs=1e-3)
    assert second.embed_shots([]) is None


def test_two_templates_in_one_record(second: SecondOpinion, face: Pixels) -> None:
    """Two packed templates are read back in order; cut-off ones are refused."""
    points = FaceDetector().detect(face)[0].landmarks
    one, two = second.embed(face, points), second.embed(255 - face, points)
    body = pack_template(one) + pack_template(two)
    assert [pack_template(again) for again in unpack_templates(body)] == [
        pack_template(one),
        pack_template(two),
    ]
    for cut in (0, 10, len(body) - 1):
        with pytest.raises(SealBroken):
            unpack_templates(body[:cut])


def test_licence_class_is_shown(site: Site, second: SecondOpinion) -> None:
    """What a gallery's model may be used for stands among the gallery's facts; of a model that is gone it is unknown."""
    for name, sha256, shown in (
        ("free", models.find_model(models.EMBEDDER).sha256, "free"),
        ("own", second.manifest.sha256, "research-only"),
        ("gone", "ab" * 32, None),
    ):
        site.create_gallery(name, model_sha256=sha256, dimension=16)
        assert gallery_facts(site, name)["licence_class"] == shown


def test_limit_is_the_manifests(second: SecondOpinion) -> None:
    """Where a network doubts is said by its manifest, and one that does not say is refused."""
    assert doubt_limit(second.manifest) == 0.5
    assert doubt_limit(replace(second.manifest, thresholds={"candidate": 0.3})) == 0.3
    with pytest.raises(Invalid):
        doubt_limit(replace(second.manifest, thresholds={}))
