"""Who installs and maintains the equipment, what is known of it, and what follows: organisations, probes, findings, incidents.

Values only. People appear by staff id, never by name; standing, coverage and overdue are computed from these, never typed in.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Tier(StrEnum):
    """Where an organisation stands in the chain of contracts."""

    AGENCY = "agency"
    PRIME = "prime"
    SUBCONTRACTOR = "subcontractor"
    ASSESSOR = "assessor"


class Standing(StrEnum):
    """Whether an organisation may do anything at all here (the `org-status` entries of the ledger decide)."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class Vendor:
    """An organisation. `under` is the organisation whose contract it works under: a subcontractor's prime."""

    id: str
    tier: Tier
    under: str | None
    registered_at: datetime
    standing: Standing = Standing.ACTIVE
    standing_at: datetime | None = None
    """When the standing last changed."""
    standing_index: int = 0
    """The ledger entry that says so."""


@dataclass(frozen=True, slots=True)
class Contract:
    """What an organisation may hold, where, and until when. `clauses_sha256` is the digest of its signed text (SA-9, IR-6)."""

    id: str
    organisation: str
    site: str
    permitted_data: tuple[str, ...]
    place: str
    starts: datetime
    ends: datetime
    clauses_sha256: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of an organisation, by staff id. Access ends by itself with the training, the contract or the leaving date."""

    id: str
    organisation: str
    role: str
    training_until: datetime | None
    left_at: datetime | None = None


class EquipmentKind(StrEnum):
    """What a piece of equipment is; a probe names the kinds that it applies to."""

    LANE_HOST = "lane_host"
    CAMERA = "camera"
    CENTRE_HOST = "centre_host"
    NETWORK = "network"


@dataclass(frozen=True, slots=True)
class Equipment:
    """One device at one site. `serial` is unique over all equipment; `device_sha256` binds a lane host to its sealing key."""

    id: str
    kind: EquipmentKind
    model: str
    serial: str
    organisation: str
    site: str
    lane: str | None
    device_sha256: str | None
    enrolled_at: datetime
    changed_at: datetime
    retired_at: datetime | None = None


class Result(StrEnum):
    """How a probe ended. An error counts as a failure; only a fresh `pass` of every applicable probe is a pass."""

    PASS = "pass"  # noqa: S105 - a result, not a password
    FAIL = "fail"
    ERROR = "error"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True)
class Observation:
    """What one probe saw: the result, a reason a technician can act on, and the bytes that show it.

    `evidence` holds settings, listings and digests; never a picture, a template, a plate or a key.
    """

    probe: str
    control: str
    version: str
    result: Result
    reason: str
    observed_at: datetime
    evidence: bytes = field(repr=False)
    evidence_sha256: str


class AssessmentKind(StrEnum):
    """Why an assessment was made: the whole catalogue on its cycle, the daily probes, or after a change."""

    FULL = "full"
    DAILY = "daily"
    CHANGE = "change"


@dataclass(frozen=True, slots=True)
class Assessment:
    """One run of probes against one piece of equipment, by an organisation that is not its vendor."""

    id: str
    equipment: str
    kind: AssessmentKind
    assessor: str
    nonce: str
    """Hex, 32 bytes, drawn by the assessor before the run: evidence and quote must carry it."""
    started_at: datetime
    finished_at: datetime
    observations: tuple[Observation, ...]
    passed: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """A probe or a duty that failed, open until a later assessment or act closes it."""

    id: str
    subject: str
    """The equipment, organisation, person or contract it is about."""
    probe: str
    """The probe's id, or a duty's code such as `return-or-destroy-overdue`."""
    reason: str
    opened_at: datetime
    assessment: str | None
    closed_at: datetime | None = None
    closed_by: str | None = None


@dataclass(frozen=True, slots=True)
class PoamItem:
    """A plan of action and milestones item: who mends a finding, and by when."""

    id: str
    finding: str
    owner: str
    due: datetime
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A lane's public notice: what it says (by digest), and when it is in force. No lane is armed without one."""

    id: str
    lane: str
    text_sha256: str
    starts: datetime
    ends: datetime


class Duty(StrEnum):
    """The two halves of a site's joint sign-off."""

    OPERATIONS = "operations"
    IT = "it"


@dataclass(frozen=True, slots=True)
class SignOff:
    """One half of a site's joint sign-off: who answers for operations or for IT there, and until when it stands."""

    id: str
    site: str
    duty: Duty
    principal: str
    signed_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class ReturnCertificate:
    """An organisation's word, at the end of a contract, of how many items it returned and how many it destroyed."""

    id: str
    contract: str
    returned: int
    destroyed: int
    signed_by: str
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class Medium:
    """A removable medium of the agency's, allowed in one port for one work order until it ends (`vendor_id` as in USB).

    `descriptors_sha256` is USBGuard's hash of the device: over what it calls itself and all its descriptors.
    """

    id: str
    serial: str
    vendor_id: str
    product_id: str
    via_port: str
    work_order: str
    registered_at: datetime
    until: datetime
    removed_at: datetime | None = None
    descriptors_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class LaneState:
    """Whether a lane was last armed or disarmed, why not, and since when."""

    lane: str
    armed: bool
    reason: str | None
    since: datetime


@dataclass(frozen=True, slots=True)
class Fitness:
    """Whether a lane may have the next epoch key. `reasons` are codes, worst first; `enforced` is False where no rule applies yet."""

    lane: str
    fit: bool
    reasons: tuple[str, ...]
    enforced: bool


class SubjectKind(StrEnum):
    """Whom or what an incident is about."""

    PRINCIPAL = "principal"
    DEVICE = "device"
    ORGANISATION = "organisation"


@dataclass(frozen=True, slots=True)
class Incident:
    """Something went wrong with pictures in custody: when, about whom, whom it was told to, and whether it is closed.

    `since` and `until` are the time in question; the clocks of notification run from `detected_at` and `opened_at`. One that
    a drift of the books opened has no subject.
    """

    id: str
    reason: str
    opened_at: datetime
    detected_at: datetime
    subject_kind: SubjectKind | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    lane: str | None = None
    notified: tuple[tuple[str, datetime], ...] = ()
    contained_at: datetime | None = None
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Notification:
    """Somebody who must be told of an incident, and by when. `due` is None while its condition is not met."""

    code: str
    recipient: str
    due: datetime | None
    met_at: datetime | None

    def is_overdue(self, now: datetime) -> bool:
        """Say whether it was told late, or was not told and it is late."""
        return self.due is not None and (self.met_at or now) > self.due
