"""What is known beforehand of one lane's camera, and what may be looked for in that lane."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LaneOptics:
    """One lane's camera. `focal_px` (pixels) gives speeds; `exposure_ms` gives the warning about smeared faces.

    `steering` is the side of the vehicle where drivers sit, `left` or `right`. `faces` is False in a lane of people who
    opted out: there no face is searched, only plates are read (R-11).
    """

    focal_px: float | None = None
    exposure_ms: float | None = None
    steering: str = "left"
    faces: bool = True
