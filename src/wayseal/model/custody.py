"""What happens to a picture after it was taken, as values: classes, headers, releases, holds.

Nothing here can open anything. `SealedRecord` and `PlainImage` (model.border) never mix under the type checker.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from wayseal.model.ids import EpochId, RecordId, epoch_span


class Kind(StrEnum):
    """What a sealed record holds."""

    FACE = "face"
    PLATE = "plate"
    SCENE = "scene"
    TEMPLATE = "template"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class RecordClass:
    """How long a kind of record may live, and the rule that says so.

    `keep_years` (calendar years) and then `keep` run from the end of the record's epoch; `hard_end` ends everything of the
    class on one date, whenever it was sealed.
    """

    name: str
    keep: timedelta
    legal_text: str
    source: str
    keep_years: int = 0
    hard_end: datetime | None = None

    def expires_at(self, epoch: EpochId) -> datetime:
        """Return when everything sealed in `epoch` must be unreadable: at most one hour after its time has passed.

        An anniversary that does not exist (29 February) falls on 1 March, never earlier.
        """
        _, start, end = epoch_span(epoch)
        try:
            later = start.replace(year=start.year + self.keep_years)
        except ValueError:
            later = start.replace(year=start.year + self.keep_years, month=3, day=1)
        later += (end - start) + self.keep
        return later if self.hard_end is None else min(later, self.hard_end)


@dataclass(frozen=True, slots=True)
class EpochKey:
    """The public half of one hour's key pair for one record class. `public` is the raw X-Wing encapsulation key (1,216 bytes)."""

    epoch: EpochId
    public: bytes = field(repr=False)

    @property
    def record_class(self) -> str:
        """The class whose records are sealed to this key."""
        return epoch_span(self.epoch)[0]


@dataclass(frozen=True, slots=True)
class SealHeader:
    """What a sealed record says of itself without a key. Authenticated, not secret: it holds nothing about a person."""

    object_id: RecordId
    lane: str
    device: str
    """SHA-256 (hex) of the sealing device's certificate or, without one, of its public key."""
    epoch: EpochId
    record_class: str
    kind: Kind
    padded_size: int
    previous: str
    """SHA-256 (hex) of the device's previous sealed record; 64 zeros for its first."""
    sealed_at: datetime


@dataclass(frozen=True, slots=True)
class SealedRecord:
    """The bytes of one sealed record, and what can be said of them without a key. Safe to write anywhere."""

    header: SealHeader
    data: bytes = field(repr=False)
    kept_in: EpochId | None = None
    """The longer class's epoch that the newest re-wrap names; None while the record lives by its header."""
    sha256: str = field(init=False)
    """SHA-256 (hex) of `data`: computed here, so that nobody can name another and nobody needs to check it again."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", hashlib.sha256(self.data).hexdigest())

    @property
    def epoch(self) -> EpochId:
        """The epoch whose end of life ends this record."""
        return self.kept_in or self.header.epoch

    @property
    def record_class(self) -> str:
        """The class that decides how long this record lives."""
        return epoch_span(self.epoch)[0]


class Purpose(StrEnum):
    """Why somebody wants to open a record. Policy decides which role may claim which."""

    PRIMARY_INSPECTION = "primary_inspection"
    MATCHING = "matching"
    CROSSING_LIST = "crossing_list"
    RECLASSIFICATION = "reclassification"
    SECONDARY_INSPECTION = "secondary_inspection"
    TRAVELLER_REQUEST = "traveller_request"
    INCIDENT_RESPONSE = "incident_response"
    EXPORT = "export"
    RESTORE_DRILL = "restore_drill"
    DOCUMENT_REVIEW = "document_review"


@dataclass(frozen=True, slots=True)
class Release:
    """A permission on the ledger to open one record, for one purpose, until `expires_at`."""

    id: str
    record: RecordId
    purpose: Purpose
    principal: str
    requested_at: datetime
    expires_at: datetime
    ledger_index: int
    approved_by: tuple[str, ...] = ()


class RecordStatus(StrEnum):
    """Whether a record can still be opened."""

    LIVE = "live"
    HELD = "held"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold: named records kept past their class, with two approvers and an end (R-51)."""

    id: str
    records: tuple[RecordId, ...]
    reason: str
    approvers: tuple[str, str]
    placed_at: datetime
    until: datetime
    lifted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The centre's signed word that it holds a record durably; only this releases the lane's outbox."""

    object_id: RecordId
    sha256: str
    ledger_index: int
    signature: bytes = field(repr=False)
