"""The site's configuration: one TOML file, `WAYSEAL_*` variables over it, secrets by file path only.

Every field has a title, a unit where it has one, and a description: the reference page is generated from them. Unknown
keys are errors, so that a misspelt retention rule never passes for a rule.
"""

import os
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from wayseal.flow.admit import Habits
from wayseal.flow.drift import Limit
from wayseal.flow.meter import Pool
from wayseal.model.border import Direction
from wayseal.model.errors import Invalid, NotFound, Unavailable
from wayseal.model.ids import check_name
from wayseal.seal.keys import KeeperChoice
from wayseal.seal.keys.tpm_keeper import DEFAULT_INDEX
from wayseal.station.settings_export import ExportSettings

FILE_NAME = "wayseal.toml"
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


class ReleaseSettings(BaseModel):
    """How openings are rationed, and what is unusual."""

    model_config = _STRICT
    seconds: int = Field(
        default=120, ge=1, le=3600, title="Release life", description="Seconds an intent stays good."
    )
    approval_seconds: int = Field(
        default=3600,
        ge=1,
        le=86400,
        title="Wait for approval",
        description="Seconds that an intent may wait for a second person; then the release life begins.",
    )
    grant_hours: float = Field(
        default=10, gt=0, le=24, title="Shift", description="Hours that a session grant lasts at most."
    )
    grant_pictures: int = Field(
        default=2000, ge=1, title="Pictures a shift", description="What one session grant covers."
    )
    bulk_batch: int = Field(
        default=25,
        ge=1,
        title="Bulk, at once",
        description="More pictures than this in one request are a bulk release.",
    )
    bulk_per_hour: int = Field(
        default=200,
        ge=1,
        title="Bulk, in an hour",
        description="More pictures than this by one person in an hour are a bulk release.",
    )
    opens: int = Field(
        default=0, ge=0, le=23, title="Opening hour", description="Site's time; before it is after hours."
    )
    closes: int = Field(
        default=24, ge=1, le=24, title="Closing hour", description="Site's time; from it on is after hours."
    )

    def habits(self) -> Habits:
        """Return what is usual at this site."""
        return Habits(
            bulk_batch=self.bulk_batch,
            bulk_per_hour=self.bulk_per_hour,
            opens=self.opens,
            closes=self.closes,
            life=timedelta(seconds=self.seconds),
            approval_wait=timedelta(seconds=self.seconds + self.approval_seconds),
            grant_life=timedelta(hours=self.grant_hours),
        )


class KeeperSettings(BaseModel):
    """What holds the key-encryption keys of epochs."""

    model_config = _STRICT
    kind: Literal["file", "hsm", "tpm"] = Field(
        default="file",
        title="Kind",
        description="A file with passphrase, a PKCS#11 token, or the machine's TPM 2.",
    )
    module: Path | None = Field(default=None, title="Library", description="The token's PKCS#11 library.")
    token: str = Field(default="", title="Token", description="The token's label.")
    tcti: str = Field(
        default="", title="TPM", description="How the TPM is reached; empty for the machine's own."
    )

    index: int = Field(
        default=DEFAULT_INDEX, title="TPM index", description="NV index of the keeper's table key."
    )
    second: "KeeperSettings | None" = Field(
        default=None,
        title="Second replica",
        description="Another keeper with the same keys; one of the two may fail.",
    )

    def choice(self) -> KeeperChoice:
        """Return the keeper that these settings choose."""
        second = None if self.second is None else self.second.choice()
        return KeeperChoice(self.kind, self.module, self.token, self.tcti, self.index, second)


class KeyroomSettings(BaseModel):
    """The keyroom, and how much one person may open through it."""

    model_config = _STRICT
    keeper: KeeperSettings = Field(
        default=KeeperSettings(), title="Keeper", description="Chosen once, when the home is made."
    )
    passphrase_file: Path | None = Field(
        default=None,
        title="Passphrase file",
        description="The keyroom's own, where it differs from the centre's; an HSM's PIN.",
    )
    socket: Literal["auto", "always", "never"] = Field(
        default="auto",
        title="Socket",
        description="Whether commands ask a keyroom that runs on its own: where its socket is, always, or never.",
    )
    pictures_per_hour: float = Field(
        default=300,
        gt=0,
        title="Pictures an hour",
        description="What one person may open in an hour, at a steady rate.",
    )
    pictures_burst: float = Field(
        default=120,
        gt=0,
        title="Pictures at once",
        description="What one person may open at once after a rest.",
    )
    pictures_usual: float = Field(
        default=40,
        gt=0,
        title="Usual pictures an hour",
        description="What is usual; a lasting excess raises an alarm.",
    )
    templates_per_hour: float = Field(
        default=20000,
        gt=0,
        title="Templates an hour",
        description="What the matcher may open in an hour: the rate of its lanes.",
    )
    documents_per_hour: float = Field(
        default=50000,
        gt=0,
        title="Documents an hour",
        description="Answers and crossings, which hold no picture.",
    )
    canary_one_in: int = Field(
        default=500,
        ge=2,
        title="One canary in",
        description="Kept faces for each record that nobody has a reason to open.",
    )

    shared_factor: float = Field(
        default=10,
        ge=1,
        title="Shared allowance",
        description="How many people's allowances one organisation, and one client of the keyroom, may draw together.",
    )

    def pools(self) -> tuple[Pool, ...]:
        """Return the allowances."""
        return (
            Pool("pictures", self.pictures_per_hour, self.pictures_burst, self.pictures_usual),
            Pool("templates", self.templates_per_hour, self.templates_per_hour, self.templates_per_hour),
            Pool("documents", self.documents_per_hour, self.documents_per_hour, self.documents_per_hour),
        )


class RetentionSettings(BaseModel):
    """How long records live."""

    model_config = _STRICT
    default_class: str = Field(
        default="citizen",
        title="Default class",
        description="Everything is sealed to it: the shortest one (R-53).",
    )
    crossing_class: str = Field(
        default="crossing",
        title="Crossing class",
        description="Class of the crossing record, which holds no image.",
    )
    keep_hours: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict,
        title="Changed periods",
        description="Hours by class name, where a site differs.",
    )
    hard_end: dict[str, AwareDatetime] = Field(
        default_factory=dict,
        title="End dates",
        description="Last moment of classes that need one (evaluation, R-54).",
    )
    epochs_ahead: int = Field(
        default=3,
        ge=1,
        le=48,
        title="Epochs ahead",
        description="Hours for which public keys are handed out in advance.",
    )


class StoreSettings(BaseModel):
    """Where rows are kept; sealed bytes are in segment files either way."""

    model_config = _STRICT
    database_url_file: Path | None = Field(
        default=None,
        title="Database",
        description="File that holds a postgresql:// URL; without it SQLite in the home.",
    )

    def database_url(self) -> str | None:
        """Return the database's URL, or None for SQLite in the home. Raises `Unavailable` when the file cannot be read."""
        if self.database_url_file is None:
            return None
        try:
            return self.database_url_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise Unavailable(f"cannot read the database URL's file: {error.strerror}") from None


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


class CarrierSettings(BaseModel):
    """What lanes on other hosts and their centre agree on."""

    model_config = _STRICT
    listen: str = Field(
        default="127.0.0.1:8444",
        title="Address",
        description="HOST:PORT at which `wayseal centre run` waits for lanes; port 0 picks a free one.",
    )
    poll_seconds: float = Field(
        default=30,
        ge=0.1,
        le=600,
        title="Poll",
        description="Seconds after which a lane asks again whether it is armed, and for newer keys.",
    )
    grace_minutes: float = Field(
        default=60,
        ge=0,
        le=60,
        title="Grace",
        description="Minutes for which a disarmed lane may still seal to the hour's key that it has, never beyond that hour.",
    )
    join_hours: float = Field(
        default=24, gt=0, le=168, title="Join file", description="Hours for which a join file is good."
    )


class WebSettings(BaseModel):
    """The console."""

    model_config = _STRICT
    host: str = Field(
        default="127.0.0.1", title="Address", description="Loopback unless a TLS proxy stands before it."
    )
    port: int = Field(default=8443, ge=0, le=65535, title="Port", description="0 picks a free one.")


class SiteSettings(BaseModel):
    """Everything `wayseal.toml` may say."""

    model_config = _STRICT
    site: str = Field(default="port", title="Site", description="Name of the port, as on signs and reports.")
    organisation: str = Field(default="agency", title="Organisation", description="Who operates the site.")
    time_zone: str = Field(
        default="UTC", title="Time zone", description="IANA name; screens show it, records are UTC."
    )
    lanes: dict[str, LaneSettings] = Field(default_factory=dict, title="Lanes", description="By lane id.")
    match: MatchSettings = Field(default=MatchSettings(), title="Matching", description="See each field.")
    keyroom: KeyroomSettings = Field(
        default=KeyroomSettings(), title="Keyroom", description="See each field."
    )
    release: ReleaseSettings = Field(
        default=ReleaseSettings(), title="Releases", description="See each field."
    )
    retention: RetentionSettings = Field(
        default=RetentionSettings(), title="Retention", description="See each field."
    )
    oversight: OversightSettings = Field(
        default=OversightSettings(), title="Oversight", description="See each field."
    )
    store: StoreSettings = Field(default=StoreSettings(), title="Store", description="See each field.")
    health: HealthSettings = Field(
        default=HealthSettings(), title="Lane health", description="See each field."
    )
    incident: IncidentSettings = Field(
        default=IncidentSettings(), title="Incidents", description="See each field."
    )
    carrier: CarrierSettings = Field(
        default=CarrierSettings(), title="Carrier", description="See each field."
    )
    export: ExportSettings = Field(default=ExportSettings(), title="Exports", description="See each field.")
    web: WebSettings = Field(default=WebSettings(), title="Console", description="See each field.")

    def lane(self, lane_id: str) -> LaneSettings:
        """Return a lane's settings; a lane that the file does not name has the defaults."""
        return self.lanes.get(check_name(lane_id, what="lane id"), LaneSettings())

    def keep_periods(self) -> dict[str, timedelta]:
        """Return the site's own periods by class name."""
        return {name: timedelta(hours=hours) for name, hours in self.retention.keep_hours.items()}


def load_settings(home: Path) -> SiteSettings:
    """Return the settings of a home: `wayseal.toml`, then `WAYSEAL_<SECTION>__<FIELD>` variables over it.

    Raises `NotFound` when the home was never made, `Invalid` naming the field when a value cannot be used.
    """
    file = home / FILE_NAME
    try:
        raw: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFound(
            "there is no Wayseal home here", hint=f"Make one: wayseal --home {home} init"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"{FILE_NAME} is not valid TOML: {error}", hint="Mend that line.") from None
    for name, value in os.environ.items():
        if name.startswith("WAYSEAL_") and "__" in name:
            _set_path(raw, name.removeprefix("WAYSEAL_").lower().split("__"), value)
    try:
        return SiteSettings.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Invalid(
            f"{FILE_NAME}: {where}: {first['msg']}", hint="docs/reference/settings.md lists every field."
        ) from None


def _set_path(raw: dict[str, Any], path: list[str], value: str) -> None:
    """Set a nested value in place, making tables on the way."""
    for part in path[:-1]:
        raw = raw.setdefault(part, {})
    raw[path[-1]] = value


def initial_file(site: str, organisation: str) -> str:
    """Return the text of a new `wayseal.toml`."""
    return (
        "# Wayseal site configuration; every field is described in docs/reference/settings.md.\n"
        f'site = "{check_name(site, what="site name")}"\n'
        f'organisation = "{check_name(organisation, what="organisation name")}"\n'
        'time_zone = "UTC"\n\n[match]\nfpir = 0.003\n\n[retention]\ndefault_class = "citizen"\n'
    )
