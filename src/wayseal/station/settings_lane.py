"""How a lane sees, matches and stays healthy, as settings.

Owns fields, units and limits; no rule about people.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from wayseal.flow.drift import Limit
from wayseal.model.border import Direction

_STRICT = ConfigDict(extra="forbid", frozen=True)


class CameraSettings(BaseModel):
    """One lane's camera, as far as geometry and exposure need it."""

    model_config = _STRICT
    focal_px: float | None = Field(
        default=None, gt=0, title="Focal length", description="Pixels; speed needs it."
    )
    exposure_ms: float | None = Field(
        default=None,
        gt=0,
        title="Shutter",
        description="Milliseconds. Above 1.5 at 20 mph faces smear: a warning.",
    )
    steering: Literal["left", "right"] = Field(
        default="left", title="Steering wheel", description="Side of the vehicle where the driver sits."
    )


class LaneSettings(BaseModel):
    """One lane."""

    model_config = _STRICT
    direction: Direction = Field(
        default=Direction.ENTRY, title="Direction", description="entry or exit (R-04)."
    )
    gallery: str | None = Field(
        default=None, title="Gallery", description="Name of the gallery searched by default."
    )
    camera: CameraSettings = Field(
        default=CameraSettings(), title="Camera", description="Geometry and exposure."
    )
    faces: bool = Field(
        default=True,
        title="Faces",
        description="False for a lane of people who opted out: no face is searched and no picture of the scene kept (R-11).",
    )


class MatchSettings(BaseModel):
    """How sure a match must be."""

    model_config = _STRICT
    fpir: float = Field(
        default=0.003, gt=0, lt=0.5, title="False positive identification rate",
        description="Share of searches of people who are not enrolled that may return somebody (R-27).",
    )  # fmt: skip
    model: str = Field(
        default="",
        title="Face model",
        description="Name of an installed model (`wayseal models list`); empty for the active one (`wayseal models use`).",
    )
    second_model: str = Field(
        default="",
        title="Second face model",
        description="An independent model that may doubt a match, which is then compared by eye; empty for none. It never "
        "makes a match. Galleries must be imported again after it is set.",
    )


class ShareSettings(BaseModel):
    """A share of failures that is fair, and one that is poor."""

    model_config = _STRICT
    fair: float = Field(gt=0, lt=1, title="Fair", description="Share of failures that a lane may have.")
    poor: float = Field(
        gt=0, lt=1, title="Poor", description="Share that must raise an alarm soon; above the fair one."
    )

    @model_validator(mode="after")
    def _check_order(self) -> "ShareSettings":
        if not self.fair < self.poor:
            raise ValueError("the poor share must be above the fair one")
        return self

    def limit(self) -> Limit:
        """Return what the watch follows."""
        return Limit(self.fair, self.poor)


class HealthSettings(BaseModel):
    """When a lane does too badly: an alarm comes at once, not with a later sample (R-81)."""

    model_config = _STRICT
    not_captured: ShareSettings = Field(
        default=ShareSettings(fair=0.10, poor=0.25),
        title="Not captured",
        description="Of the occupants seen.",
    )
    low_quality: ShareSettings = Field(
        default=ShareSettings(fair=0.15, poor=0.35), title="Low quality", description="Of the faces captured."
    )
    stranger_scores: ShareSettings = Field(
        default=ShareSettings(fair=0.10, poor=0.25),
        title="Nearly matched",
        description="Of the searches without a match: those with somebody above the lower threshold.",
    )
    slow: ShareSettings = Field(
        default=ShareSettings(fair=0.01, poor=0.05),
        title="Slow",
        description="Of the vehicles: over two seconds (R-22).",
    )

    def limits(self) -> dict[str, Limit]:
        """Return the limits by measure."""
        return {
            "capture-rate": self.not_captured.limit(),
            "face-quality": self.low_quality.limit(),
            "stranger-scores": self.stranger_scores.limit(),
            "seconds-to-result": self.slow.limit(),
        }
