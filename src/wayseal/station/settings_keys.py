"""Keys, openings and their allowances, as settings.

Owns fields, units and limits. Never a secret: passphrases and PINs are named by file.
"""

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from wayseal.flow.habits import Habits
from wayseal.flow.meter import Pool
from wayseal.seal.keys import KeeperChoice
from wayseal.seal.keys.tpm_keeper import DEFAULT_INDEX

_STRICT = ConfigDict(extra="forbid", frozen=True)


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

    signed_approvals: bool = Field(
        default=False,
        title="Signed approvals",
        description="A second person's approval counts only with their signature. With pinned witnesses it is always so.",
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
            signed=self.signed_approvals,
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
        description="Vehicles with a face for each one that never was and whose pictures nobody has a reason to open.",
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
