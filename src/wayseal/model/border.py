"""What happens at a lane, as values: frames, shots, occupants, plates, encounters, candidates, decisions, crossings.

Pixels and templates have types of their own that print sizes and nothing else, so that no log line, exception or test
report can show a person.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from wayseal.model.ids import CrossingId, EncounterId, RecordId

Pixels = NDArray[np.uint8]
Box = tuple[float, float, float, float]
"""x, y, width, height in pixels of the full frame; x to the right, y down."""


class Seat(StrEnum):
    """Where an occupant sits, by the vehicle's own sides; the contract's names (R-03)."""

    DRIVER = "driver"
    FRONT_PASSENGER = "front_passenger"
    REAR_LEFT = "rear_left"
    REAR_CENTRE = "rear_centre"
    REAR_RIGHT = "rear_right"
    ROW3 = "row3"


class Direction(StrEnum):
    """Which way a lane leads."""

    ENTRY = "entry"
    EXIT = "exit"


class Outcome(StrEnum):
    """What became of one occupant (R-36). `REFER` and `NO_MATCH` both mean: check documents (R-37)."""

    MATCH = "match"
    NO_MATCH = "no_match"
    REFER = "refer"
    NOT_CAPTURED = "not_captured"
    OPTED_OUT = "opted_out"


class Band(StrEnum):
    """How a candidate's score reads on the officer's screen."""

    STRONG = "strong"
    POSSIBLE = "possible"
    WEAK = "weak"


@dataclass(frozen=True, slots=True)
class PlainImage:
    """An encoded picture that can show a person. Lives in memory only; prints its size and nothing else."""

    data: bytes = field(repr=False)
    width: int
    height: int
    media_type: str = "image/jpeg"

    def __repr__(self) -> str:
        return f"PlainImage({self.width}x{self.height}, {len(self.data)} bytes)"


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of the lane's stream.

    `index` counts the source's pictures from 0, damaged ones included; `time` is aware UTC; `seconds` is the stream's own clock. `luma` is the
    (height, width) brightness plane without a copy; `colour()` makes the (height, width, 3) BGR picture when asked, so
    that frames without a vehicle never pay for it.
    """

    index: int
    time: datetime
    seconds: float
    luma: Pixels = field(repr=False)
    colour: Callable[[], Pixels] = field(repr=False)

    def __repr__(self) -> str:
        height, width = self.luma.shape
        return f"Frame(#{self.index}, {width}x{height})"


@dataclass(frozen=True, slots=True)
class Quality:
    """How usable a face picture is: 0-100 as in ISO/IEC 29794-5, its components by their names there, and why not more."""

    score: int
    components: dict[str, float] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A face as numbers: an L2-normalised float32 vector and the model that made it. Never compared across models.

    `strength` is the vector's length before normalisation, a free quality signal.
    """

    vector: NDArray[np.float32] = field(repr=False)
    model_sha256: str
    strength: float

    def __repr__(self) -> str:
        return f"Template({self.vector.shape[0]} dimensions, model {self.model_sha256[:8]})"


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One sighting of one face: where (frame pixels), how good, and, where it was computed, its template.

    `landmarks` is (5, 2): the eye on the picture's left, the eye on the right, nose tip, mouth left, mouth right.
    """

    frame: int
    time: datetime
    box: Box
    landmarks: NDArray[np.float32] = field(repr=False)
    detector_score: float
    inter_eye_px: float
    quality: Quality
    template: Template | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Occupant:
    """One person seen in a vehicle. `picture` and `template` are None when no usable shot was kept (not captured)."""

    seat: Seat
    best: Shot | None
    picture: PlainImage | None = field(repr=False)
    template: Template | None = field(repr=False)
    shots: int = 0
    reasons: tuple[str, ...] = ()
    second: Template | None = field(default=None, repr=False)
    """What a second, independent network makes of the same face, where the lane has one."""


@dataclass(frozen=True, slots=True, eq=False)
class Plate:
    """A vehicle's plate as read by vote over frames. `text` is personal data: it is sealed like a face.

    `characters` gives each position's probability; `reads` counts the readings that agree with `text`.
    """

    text: str = field(repr=False)
    region: str | None
    reads: int
    confidence: float
    characters: tuple[float, ...] = ()
    frame: int = -1
    box: Box = (0.0, 0.0, 0.0, 0.0)
    picture: PlainImage | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class VehiclePass:
    """All that capture knows of one vehicle when it has left the frame. In memory only, until it is sealed.

    `occupants_seen` counts people independently of usable faces (R-07). `left` is when the vehicle left the frame. A `canary`
    never was: nobody has a reason to open its pictures (`flow.canary`).
    """

    number: int
    entered: datetime
    left: datetime
    speed_mph: float | None
    plate: Plate | None
    occupants: tuple[Occupant, ...]
    occupants_seen: int
    frames: int
    scene: PlainImage | None = field(default=None, repr=False)
    canary: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """A traveller the gallery proposes. `score` is the model's similarity; the band is what officers read."""

    traveller: str
    score: float
    band: Band


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """What one search says: outcome, candidates best first, and on what ground (R-28)."""

    outcome: Outcome
    candidates: tuple[Candidate, ...]
    threshold: float
    fpir_target: float
    gallery: str
    gallery_size: int
    model_sha256: str
    scanned: int
    reranked: int
    exact: bool
    reasons: tuple[str, ...] = ()

    def refer(self, reason: str) -> "SearchAnswer":
        """Return it as a comparison by eye, with the reason before its others."""
        return replace(self, outcome=Outcome.REFER, reasons=(reason, *self.reasons))


@dataclass(frozen=True, slots=True)
class OccupantResult:
    """One occupant of an encounter, after the search. Holds no pixel and no template."""

    seat: Seat
    outcome: Outcome
    quality: int | None
    reasons: tuple[str, ...]
    inter_eye_px: float | None
    record: RecordId | None
    candidates: tuple[Candidate, ...]
    frame: int | None
    box: Box | None
    searched: int | None = None
    """How many templates the search that decided compared: the expected set's, or the gallery's. None without a search."""
    threshold: float | None = None
    """The score for a match in that search."""


@dataclass(frozen=True, slots=True)
class Encounter:
    """One vehicle's pass with its answers: the line that `lane run` prints. `plate` and `occupants` are personal data."""

    id: EncounterId
    lane: str
    direction: Direction
    time: datetime
    speed_mph: float | None
    plate: Plate | None = field(repr=False)
    plate_record: RecordId | None
    occupants_seen: int
    occupants: tuple[OccupantResult, ...] = field(repr=False)
    gallery: str
    gallery_size: int
    threshold: float
    fpir_target: float
    model_sha256: str
    capture_to_result_s: float
    canary: bool = False
    """It never was; no screen and no list shows it."""


class Verdict(StrEnum):
    """What an officer decided about one traveller."""

    PENDING = "pending"
    ADMIT = "admit"
    REFER = "refer_to_secondary"
    REFUSE = "refuse"
    DEPARTED = "departed"


@dataclass(frozen=True, slots=True)
class Decision:
    """An officer's decision: verdict, reason, who, when. A face result is never its sole basis (R-37)."""

    verdict: Verdict
    reason: str
    officer: str
    time: datetime


@dataclass(frozen=True, slots=True)
class Crossing:
    """That somebody entered or left: what remains when the pictures are gone. Holds no image (record class of its own)."""

    id: CrossingId
    encounter: EncounterId
    seat: Seat
    traveller: str | None = field(repr=False)
    direction: Direction
    lane: str
    time: datetime
    plate: str | None = field(repr=False)
    decision: Decision | None
    paired_with: CrossingId | None = None
    canary: bool = False
