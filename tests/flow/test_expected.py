"""A vehicle that comes again announces the travellers whom officers decided on when it came before."""

from datetime import timedelta

import numpy as np
import pytest
from lineparts import MODEL, KnownFaces, Line, MovableClock, make_template, make_vehicle

from wayseal.flow.expect import PlateHistory
from wayseal.flow.identify import GallerySearch, read_answers
from wayseal.flow.review import decide_crossing, record_crossings
from wayseal.match.calibrate import fit_calibration
from wayseal.match.loaded import LoadedGallery
from wayseal.match.search import EXPECTED, EXPECTED_ALIKE, SearchPolicy
from wayseal.model.border import Encounter, Outcome, Seat, Verdict
from wayseal.model.custody import Purpose
from wayseal.store.encounters import list_encounters
from wayseal.store.engine import read


@pytest.fixture
def gallery() -> LoadedGallery:
    """Two travellers and a hundred others."""
    loaded = LoadedGallery("port", MODEL, 128, calibration=None)
    loaded.add(["traveller-1", "traveller-2"], [make_template(1).vector, make_template(2).vector])
    others = [f"other-{number}" for number in range(100)]
    loaded.add(others, [make_template(1000 + number).vector for number in range(100)])
    return loaded


@pytest.fixture
def line(line: Line, gallery: LoadedGallery) -> Line:
    """A line whose matcher knows the site's plates."""
    history = PlateHistory(line.site.store.engine, line.site.keys.index, lambda: gallery)
    line.expect, line.expect_alike = history.expect, history.expect_alike
    return line


def cross(
    line: Line, clock: MovableClock, people: dict[Seat, int | None], plate: str | None, *, decide: bool = True
) -> Encounter:
    """Let a vehicle pass, and let an officer decide on everybody who was recognised."""
    answered = line.drive(line.lane(), make_vehicle(clock, people, plate=plate))
    officer = line.site.principal("officer-7", "officer")
    for crossing in record_crossings(line.register, answered):
        if decide and crossing.traveller is not None:
            decide_crossing(line.register, officer, crossing.id, verdict=Verdict.ADMIT, reason="passport")
    clock.move(timedelta(minutes=1))
    return answered


def test_second_crossing_expects_the_first_ones_travellers(line: Line, clock: MovableClock) -> None:
    """Both travellers of the first pass are expected at the second, however the plate is spaced; the ledger counts them."""
    searcher = line.searcher
    assert isinstance(searcher, KnownFaces)
    cross(line, clock, {Seat.DRIVER: 1, Seat.FRONT_PASSENGER: 2}, "6NM 162")
    again = cross(line, clock, {Seat.DRIVER: 1}, "6nm-162")
    assert searcher.expected[0] == ()
    assert set(searcher.expected[1]) == {"traveller-1", "traveller-2"}
    (index,) = line.site.ledger.find(type="match", object=again.id)
    assert line.site.ledger.entry(index)["expected"] == 2


def test_nobody_is_announced_without_a_decision(line: Line, clock: MovableClock) -> None:
    """A match that no officer confirmed announces nobody: a wrong one must not make itself likelier."""
    cross(line, clock, {Seat.DRIVER: 1}, "6NM162", decide=False)
    assert line.expect("6NM162") == ()


def test_other_plates_and_none_announce_nobody(line: Line, clock: MovableClock) -> None:
    """Another vehicle, a vehicle without a plate, and an empty text have no history."""
    cross(line, clock, {Seat.DRIVER: 1}, "6NM162")
    cross(line, clock, {Seat.DRIVER: 2}, None)
    assert line.expect("6NM163") == line.expect(None) == line.expect(" -") == ()
    assert line.expect("6NM162") == ("traveller-1",)


def test_misread_plate_finds_its_history(line: Line, clock: MovableClock) -> None:
    """A plate read with an O for its 0 announces the travellers of the plate that looks like it, and only when it has none itself."""
    searcher = line.searcher
    assert isinstance(searcher, KnownFaces)
    cross(line, clock, {Seat.DRIVER: 1}, "KT70RA")
    again = cross(line, clock, {Seat.DRIVER: 1}, "KT7ORA")
    assert searcher.expected[1] == ("traveller-1",)
    (index,) = line.site.ledger.find(type="match", object=again.id)
    assert line.site.ledger.entry(index)["expected"] == 1
    cross(line, clock, {Seat.DRIVER: 2}, "KT7QRA")
    assert line.expect("KT7QRA") == ("traveller-2",)
    assert set(line.expect_alike("KT7QRA")) == {"traveller-1"}
    assert line.expect_alike("KT74RA") == line.expect_alike("4X9") == line.expect_alike(None) == ()


def test_forgotten_traveller_is_not_expected(line: Line, clock: MovableClock, gallery: LoadedGallery) -> None:
    """Whoever was forgotten by the gallery is announced no more, and their name is let go of."""
    cross(line, clock, {Seat.DRIVER: 1, Seat.FRONT_PASSENGER: 2}, "6NM162")
    history = PlateHistory(line.site.store.engine, line.site.keys.index, lambda: gallery)
    assert set(history.expect("6NM162")) == {"traveller-1", "traveller-2"}
    gallery.forget("traveller-2")
    assert history.expect("6NM162") == ("traveller-1",)
    assert "traveller-2" not in repr(list(history._names.values()))


def test_database_holds_no_plate(line: Line, clock: MovableClock) -> None:
    """What ties a vehicle to its crossings is a keyed tag; the plate is in no file of the home."""
    cross(line, clock, {Seat.DRIVER: 1}, "QX7ZK29")
    line.site.store.engine.dispose()
    hits = [path for path in line.site.home.rglob("*") if path.is_file() and b"QX7ZK29" in path.read_bytes()]
    assert hits == []


def test_answer_says_what_was_searched(line: Line, clock: MovableClock) -> None:
    """An expected traveller is matched among few, at the lower threshold of few; the sealed answer tells both, and the gallery."""
    strangers = np.stack([make_template(5000 + number).vector for number in range(1500)])
    names = [f"p{number}" for number in range(1500)]
    loaded = LoadedGallery(
        "port",
        MODEL,
        128,
        calibration=fit_calibration(strangers, names, model_sha256=MODEL, source="made up"),
    )
    loaded.add(["traveller-1"], [make_template(1).vector])
    loaded.add(
        [f"other-{number}" for number in range(100)],
        [make_template(900 + number).vector for number in range(100)],
    )
    line.searcher = GallerySearch(loaded, SearchPolicy())  # type: ignore[assignment]
    history = PlateHistory(line.site.store.engine, line.site.keys.index, lambda: loaded)
    line.expect, line.expect_alike = history.expect, history.expect_alike
    for plate in ("6NM162", "6NM162", "6NMI62"):
        cross(line, clock, {Seat.DRIVER: 1}, plate)
    with read(line.site.store.engine) as connection:
        rows = list_encounters(connection)
    alike, again, before = read_answers(line.site.opener, line.work.matcher, rows, Purpose.MATCHING)
    (driver,), (unknown,) = again.occupants, before.occupants
    assert EXPECTED_ALIKE in alike.occupants[0].reasons
    assert EXPECTED not in alike.occupants[0].reasons
    assert (driver.outcome, driver.searched, unknown.searched) == (Outcome.MATCH, 1, 101)
    assert EXPECTED in driver.reasons
    assert EXPECTED not in unknown.reasons
    assert driver.threshold is not None
    assert unknown.threshold is not None
    assert driver.threshold < unknown.threshold
    assert (again.gallery_size, again.threshold) == (101, before.threshold)
