"""The site's configuration: one TOML file, `WAYSEAL_*` variables over it, secrets by file path only.

Every field has a title, a unit where it has one, and a description: the reference page is generated from them. Unknown
keys are errors, so that a misspelt retention rule never passes for a rule.
"""

import os
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from wayseal.model.errors import Invalid, NotFound, Unavailable
from wayseal.model.ids import check_name
from wayseal.station.settings_export import ExportSettings
from wayseal.station.settings_keys import KeyroomSettings, ReleaseSettings
from wayseal.station.settings_lane import (
    HealthSettings,
    LaneSettings,
    MatchSettings,
)
from wayseal.station.settings_oversight import IncidentSettings, OversightSettings

FILE_NAME = "wayseal.toml"
_STRICT = ConfigDict(extra="forbid", frozen=True)


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
        description="File that holds a postgresql:// URL; without it SQLite in the home. To another machine TLS is required; sslmode=verify-full in the URL checks its certificate too.",
    )

    def database_url(self) -> str | None:
        """Return the database's URL, or None for SQLite in the home. Raises `Unavailable` when the file cannot be read."""
        if self.database_url_file is None:
            return None
        try:
            return self.database_url_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise Unavailable(f"cannot read the database URL's file: {error.strerror}") from None


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
