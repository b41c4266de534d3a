"""Incidents, and the assessment of equipment, as settings.

Owns fields, units and limits; what follows from them is in `flow.oversee` and `flow.incident`.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

_STRICT = ConfigDict(extra="forbid", frozen=True)


class DutySettings(BaseModel):
    """Somebody who must be told of an incident."""

    model_config = _STRICT
    code: str = Field(title="Code", description="Name of the duty on the ledger, such as legislature.")
    recipient: str = Field(title="Recipient", description="Who must be told, as a code.")
    hours: float = Field(gt=0, title="Hours", description="How long there is.")
    runs_from: Literal["detected", "opened"] = Field(
        default="opened",
        title="Runs from",
        description="When it was detected, or opened as an incident here.",
    )
    people: int = Field(
        default=0, ge=0, title="People", description="Only when at least this many people are concerned."
    )


class IncidentSettings(BaseModel):
    """Who is told of an incident, and how soon."""

    model_config = _STRICT
    duties: tuple[DutySettings, ...] = Field(
        default=(
            DutySettings(code="vendor-to-agency", recipient="agency", hours=1, runs_from="detected"),
            DutySettings(code="legislature", recipient="legislature", hours=168, people=100_000),
        ),
        title="Duties",
        description="Vendor to agency within 1 hour (R-75); the legislature within 7 days at 100,000 people (R-76).",
    )


class OversightSettings(BaseModel):
    """How often equipment is assessed, and what follows when it is not."""

    model_config = _STRICT
    enforce: Literal["auto", "on", "off"] = Field(
        default="auto",
        title="Enforce",
        description="Whether an unassessed lane loses its keys: auto begins with the first equipment enrolled for the lane.",
    )
    full_days: int = Field(
        default=90,
        ge=1,
        le=366,
        title="Full assessment",
        description="Days between assessments of all probes.",
    )
    daily_hours: int = Field(
        default=24, ge=1, le=168, title="Daily probes", description="Hours between runs of the daily probes."
    )
    window_minutes: int = Field(
        default=60, ge=1, le=1440, title="Assessment window",
        description="Minutes from the drawing of a nonce within which an assessment must be recorded.",
    )  # fmt: skip
    grace_hours: int = Field(
        default=0, ge=0, le=24, title="Grace",
        description="Hours that a lane goes on whose assessment or sign-off is merely late; 0 stops it at the next epoch.",
    )  # fmt: skip
    sign_off_days: int = Field(
        default=365, ge=1, le=1096, title="Sign-off", description="Days that a sign-off of operations or IT stands."
    )  # fmt: skip
    return_days: int = Field(
        default=30, ge=1, le=366, title="Return or destroy",
        description="Days after a contract's end within which its certificate must be here.",
    )  # fmt: skip
    ahead_days: int = Field(
        default=30, ge=1, le=366, title="Attention", description="Days ahead that lists of attention look."
    )  # fmt: skip
