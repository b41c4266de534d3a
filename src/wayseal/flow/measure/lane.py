"""A lane video against its truth: who was seen, captured, seated and recognised, and how fast.

Runs the same capture and search as a lane, without sealing anything: it writes nothing. Definitions are the contract's
(docs: evaluate lane). One thread.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from wayseal.flow.doubt import refer_doubted
from wayseal.flow.identify import GallerySearch
from wayseal.flow.measure.lane_regret import measure_regret
from wayseal.flow.measure.lane_truth import LaneTruth, OccupantTruth, VehicleTruth, find_face
from wayseal.model.border import Occupant, Outcome, SearchAnswer, Seat, VehiclePass
from wayseal.vision.capture import CaptureModels, LaneCapture
from wayseal.vision.frames import FrameSource, open_source
from wayseal.vision.optics import LaneOptics
from wayseal.vision.presentation import NOT_COUNTED

_ACROSS_TIME = (
    0.5  # seconds within which a pass and a vehicle must leave for them to be the same without any face
)


@dataclass(frozen=True, slots=True, eq=False)
class TimedPass:
    """A pass with its answers, when it was given out (stream seconds), and the CPU seconds that closing it took."""

    seen: VehiclePass
    answers: list[SearchAnswer | None]
    left_s: float
    given_s: float
    closing_s: float


@dataclass(slots=True)
class OccupantTally:
    """One occupant who counts, and what was made of them."""

    seat: Seat
    eyes_px: float
    enrolled: bool
    detected: bool = False
    captured: bool = False
    seat_right: bool = False
    first: bool = False
    matched: bool = False
    wrong: bool = False
    quality: int | None = None
    reasons: tuple[str, ...] = ()


@dataclass(slots=True)
class LaneTally:
    """Counts of one video; add them up for a table over many."""

    name: str
    vehicles: int = 0
    vehicles_found: int = 0
    occupants: list[OccupantTally] = field(default_factory=list)
    hidden: list[OccupantTally] = field(default_factory=list)
    """Who was never visible enough to count among the occupants, and was there all the same."""
    distractors_accepted: int = 0
    strangers_matched: int = 0
    wrong_vehicle: int = 0
    """Looks at somebody that were given to another vehicle than theirs."""
    in_two_vehicles: int = 0
    """And those given to one more vehicle when somebody was in one already; whoever is in two is mostly in both counts."""
    plates: int = 0
    plates_exact: int = 0
    frames: int = 0
    video_s: float = 0.0
    cpu_s: float = 0.0
    wall_s: float = 0.0
    to_result_s: list[float] = field(default_factory=list)
    speed_errors_mph: list[float] = field(default_factory=list)
    regrets: list[float] | None = None
    """Best-shot regret of each kept picture, where it was measured."""


def measure_lane(
    video: Path,
    truth: LaneTruth,
    models: CaptureModels,
    searcher: GallerySearch,
    *,
    steering: str = "left",
    regret: bool = False,
    advance: Callable[[int], None] = lambda _: None,
    open_frames: Callable[[str], FrameSource] = open_source,
) -> LaneTally:
    """Return the tally of one video. `advance` is called once a frame. Raises `NotFound` or `BadPicture` for the video.

    `open_frames` opens it; one that alters the frames needs a truth that is altered alike, and measures no regret.
    """
    optics = LaneOptics(focal_px=truth.focal_px, exposure_ms=truth.exposure_ms, steering=steering)
    tally = LaneTally(video.stem, vehicles=len(truth.vehicles))
    began_cpu, began_wall = time.process_time(), time.monotonic()
    with open_frames(str(video)) as source:
        passes = run_lane(source, LaneCapture(models, optics), searcher, tally, advance)
    tally.cpu_s = time.process_time() - began_cpu
    tally.wall_s = time.monotonic() - began_wall
    tally.video_s = tally.frames / truth.fps
    tally.vehicles_found = len(passes)
    score_passes(passes, truth, searcher, tally)
    if regret:
        tally.regrets = measure_regret(video, truth, [one.seen for one in passes], models)
    return tally


def run_lane(
    source: FrameSource,
    capture: LaneCapture,
    searcher: GallerySearch,
    tally: LaneTally,
    advance: Callable[[int], None],
) -> list[TimedPass]:
    """Return the passes of a video with their answers, in the order in which the vehicles left."""
    passes: list[TimedPass] = []
    seconds = 0.0

    def close(taken: Callable[[], list[VehiclePass]]) -> None:
        began = time.process_time()
        for seen in taken():
            answers = _search_pass(seen, searcher)
            closing = time.process_time() - began
            passes.append(TimedPass(seen, answers, seen.left.timestamp() - origin, seconds, closing))

    origin = 0.0
    for frame in source:
        seconds = frame.seconds
        origin = frame.time.timestamp() - frame.seconds
        tally.frames += 1
        close(lambda frame=frame: capture.feed(frame))  # type: ignore[misc]
        advance(1)
    close(capture.finish)
    return passes


def _search_pass(seen: VehiclePass, searcher: GallerySearch) -> list[SearchAnswer | None]:
    """Return one answer an occupant, None for those not captured."""
    captured = [person for person in seen.occupants if person.template is not None]
    templates = [person.template for person in captured if person.template is not None]
    answers = searcher.search(templates) if templates else []
    found = iter(refer_doubted(answers, [person.reasons for person in captured]))
    return [None if person.template is None else next(found) for person in seen.occupants]


def score_passes(
    passes: Sequence[TimedPass], truth: LaneTruth, searcher: GallerySearch, tally: LaneTally
) -> None:
    """Compare passes with the truth and add to the tally."""
    known = set(searcher.gallery.travellers())
    rows = {
        id(person): OccupantTally(person.seat, person.eyes_px, person.identity in known)
        for vehicle in truth.vehicles
        for person in vehicle.occupants
    }
    pairs = pair_vehicles(passes, truth)
    _score_vehicles(passes, truth, pairs, tally)
    for place, passed in enumerate(passes):
        vehicle = pairs.get(place)
        _score_occupants(passed, truth, vehicle, rows, tally)
        if vehicle is None:
            continue
        gone = vehicle.frames[-1] / truth.fps if vehicle.frames else passed.left_s
        tally.to_result_s.append(max(0.0, passed.given_s - gone) + passed.closing_s)
        if passed.seen.speed_mph is not None and vehicle.speed_mph is not None:
            tally.speed_errors_mph.append(passed.seen.speed_mph - vehicle.speed_mph)
    _score_plates(passes, truth, pairs, tally)
    for vehicle in truth.vehicles:
        for person in vehicle.occupants:
            (tally.occupants if person.counts else tally.hidden).append(rows[id(person)])


def pair_vehicles(passes: Sequence[TimedPass], truth: LaneTruth) -> dict[int, VehicleTruth]:
    """Return which true vehicle each pass is, one to one: by the faces on it, then by the time it left."""
    if not passes or not truth.vehicles:
        return {}
    gain = np.zeros((len(passes), len(truth.vehicles)))
    for row, passed in enumerate(passes):
        for person in passed.seen.occupants:
            place = _place_of(person, truth)
            if place is not None:
                gain[row, place[0]] += 10.0
        for column, vehicle in enumerate(truth.vehicles):
            gone = vehicle.frames[-1] / truth.fps if vehicle.frames else 0.0
            late = abs(passed.left_s - gone)
            gain[row, column] += max(0.0, 1.0 - late / _ACROSS_TIME)
    chosen = zip(*linear_sum_assignment(gain, maximize=True), strict=True)
    return {int(row): truth.vehicles[int(column)] for row, column in chosen if gain[row, column] > 0}


def _score_vehicles(
    passes: Sequence[TimedPass], truth: LaneTruth, pairs: dict[int, VehicleTruth], tally: LaneTally
) -> None:
    """Count who was given to another vehicle, and who to several. A vehicle that was found twice counts as another."""
    given: set[tuple[int, int]] = set()
    for row, passed in enumerate(passes):
        counted = [person for person in passed.seen.occupants if NOT_COUNTED not in person.reasons]
        places = {place for person in counted if (place := _place_of(person, truth)) is not None}
        own = pairs.get(row)
        tally.wrong_vehicle += sum(truth.vehicles[place[0]] is not own for place in places)
        tally.in_two_vehicles += len(places & given)
        given |= places


def _place_of(person: Occupant, truth: LaneTruth) -> tuple[int, int] | None:
    """Return the true occupant that an occupant's best look is on."""
    return None if person.best is None else find_face(truth.vehicles, person.best.frame, person.best.box)


def _score_occupants(
    passed: TimedPass,
    truth: LaneTruth,
    vehicle: VehicleTruth | None,
    rows: dict[int, OccupantTally],
    tally: LaneTally,
) -> None:
    """Give each occupant of a pass to a true one; whoever is on nobody is an accepted distractor."""
    for person, answer in zip(passed.seen.occupants, passed.answers, strict=True):
        if NOT_COUNTED in person.reasons:
            continue
        place = _place_of(person, truth)
        real: OccupantTruth | None = None
        if place is not None:
            real = truth.vehicles[place[0]].occupants[place[1]]
        elif person.best is None and vehicle is not None:
            real = next((one for one in vehicle.occupants if one.seat is person.seat), None)
        if real is None:
            tally.distractors_accepted += 1
            tally.strangers_matched += answer is not None and answer.outcome is Outcome.MATCH
        else:
            _score_person(rows[id(real)], real, person, answer)


def _score_person(
    row: OccupantTally, real: OccupantTruth, person: Occupant, answer: SearchAnswer | None
) -> None:
    """Add what was made of one true occupant; a second look at the same person never makes the first one worse."""
    row.detected = True
    if person.best is not None and not row.captured:
        row.quality, row.reasons = person.best.quality.score, person.reasons
    if person.template is None:
        return
    row.captured = True
    row.seat_right = row.seat_right or person.seat is real.seat
    if answer is None or not answer.candidates:
        return
    best = answer.candidates[0].traveller
    row.first = row.first or (row.enrolled and best == real.identity)
    row.matched = row.matched or (answer.outcome is Outcome.MATCH and best == real.identity)
    row.wrong = row.wrong or (answer.outcome is Outcome.MATCH and best != real.identity)


def _score_plates(
    passes: Sequence[TimedPass], truth: LaneTruth, pairs: dict[int, VehicleTruth], tally: LaneTally
) -> None:
    """Count the plates that could be read, and those read exactly, ignoring spaces, hyphens and case."""
    read = {
        vehicle.number: passes[place].seen.plate.text  # type: ignore[union-attr]
        for place, vehicle in pairs.items()
        if passes[place].seen.plate is not None
    }
    for vehicle in truth.vehicles:
        if vehicle.plate is None or not vehicle.plate_counts:
            continue
        tally.plates += 1
        tally.plates_exact += _bare(read.get(vehicle.number, "")) == _bare(vehicle.plate)


def _bare(text: str) -> str:
    """Return a plate's text as the contract compares it."""
    return text.replace(" ", "").replace("-", "").upper()
