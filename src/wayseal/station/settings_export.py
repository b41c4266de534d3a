"""The settings of exports: caps, times, and the codes of purposes and legal grounds. A part of `wayseal.toml`."""

from pydantic import BaseModel, ConfigDict, Field

_STRICT = ConfigDict(extra="forbid", frozen=True)


class ExportSettings(BaseModel):
    """What may leave the site, and how much of it at once."""

    model_config = _STRICT
    ceremony_cap: int = Field(
        default=50,
        ge=1,
        le=1000,
        title="Ceremony",
        description="Records in one export above which a third person approves.",
    )
    recipient_day_cap: int = Field(
        default=200,
        ge=1,
        title="Recipient and day",
        description="Records a day for one recipient, their organisation or their key, above which a third approves.",
    )
    longest_days: int = Field(
        default=90,
        ge=1,
        le=3660,
        title="Longest",
        description="Days for which a recipient may keep an export at most.",
    )
    approval_hours: float = Field(
        default=72,
        gt=0,
        le=720,
        title="Approval",
        description="Hours within which a request is approved and released.",
    )
    approver_wait_hours: float = Field(
        default=24,
        ge=0,
        le=720,
        title="New approvers",
        description="Hours before a new credential counts, so that the ledger's watchers see it first; 0 on evaluation sites.",
    )
    receipt_hours: float = Field(
        default=24,
        gt=0,
        le=720,
        title="Receipt",
        description="Hours within which a receipt, or an attestation, is due.",
    )
    purposes: tuple[str, ...] = Field(
        default=(
            "audit",
            "court-order",
            "criminal-investigation",
            "missing-person",
            "partner-agency",
            "traveller-request",
        ),
        title="Purposes",
        description="Codes of the purposes for which records may be given away.",
    )
    legal_bases: tuple[str, ...] = Field(
        default=("consent", "court-order", "international-agreement", "routine-use", "statute"),
        title="Legal bases",
        description="Codes of the grounds on which they may be.",
    )
    console: str | None = Field(
        default=None,
        pattern=r"https://[a-z0-9.-]+(:[0-9]{1,5})?",
        title="Console's address",
        description="Origin at which approvers open the console, such as https://port.example; without it http://localhost only.",
    )
