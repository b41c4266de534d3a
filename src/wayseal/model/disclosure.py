"""What leaves on purpose, as values: recipients, approvers, the manifest that they sign, and where an export stands.

Nothing here can open or release anything. People appear by staff id, records by id: no value here shows anybody.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from wayseal.model.ids import RecordId


class BundleForm(StrEnum):
    """How an export is sealed: Wayseal's own bundle, or a file for the age program."""

    WAYSEAL = "wayseal"
    AGE = "age"


class CredentialForm(StrEnum):
    """With what an approver signs: an authenticator in the browser, or a key of their own on the command line."""

    WEBAUTHN = "webauthn"
    ED25519 = "ed25519"


class ExportState(StrEnum):
    """Where an export stands. Being overdue or expired follows from its times."""

    REQUESTED = "requested"
    DECLINED = "declined"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom records may be given to. `key` is hex of a raw X-Wing public key, or an age or SSH recipient's text."""

    name: str
    organisation: str
    form: BundleForm
    key: str = field(repr=False)
    key_sha256: str
    receipt_key: bytes | None = field(repr=False)
    """Raw Ed25519 key that signs receipts; None when receipts come on paper."""
    registered_at: datetime
    retired_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Approver:
    """Somebody whose signature counts in an export ceremony."""

    id: str
    organisation: str
    role: str
    registered_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ApproverKey:
    """A credential of an approver. `id` is SHA-256 (hex) of `public`: a COSE key for WebAuthn, else a raw Ed25519 key."""

    id: str
    approver: str
    form: CredentialForm
    public: bytes = field(repr=False)
    enrolled_at: datetime
    credential: bytes = b""
    sign_count: int = 0


@dataclass(frozen=True, slots=True)
class Manifest:
    """Exactly what is to leave, to whom, why and until when: what approvers sign. Records are sorted."""

    export: str
    site: str
    """The ledger's origin: a manifest of one site means nothing at another."""
    requester: str
    organisation: str
    created_at: datetime
    expires_at: datetime
    purpose: str
    legal_basis: str
    recipient: str
    recipient_organisation: str
    form: BundleForm
    key_sha256: str
    records: tuple[RecordId, ...]
    counts: dict[str, int]
    """Records by kind."""
    hold: str | None = None
    """The legal hold that permits giving away records under it."""


@dataclass(frozen=True, slots=True)
class Export:
    """One export and how far it has come. `manifest` is the canonical bytes that approvers sign."""

    id: str
    manifest: bytes = field(repr=False)
    manifest_sha256: str
    recipient: str
    requester: str
    records: int
    requested_at: datetime
    expires_at: datetime
    request_index: int
    state: ExportState = ExportState.REQUESTED
    mark: str | None = None
    bundle_sha256: str | None = None
    released_at: datetime | None = None
    release_index: int | None = None
    received_at: datetime | None = None
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class GivenApproval:
    """An approval that was accepted: its canonical bytes, whose, for which organisation, and how long they looked at it."""

    export: str
    approver: str
    organisation: str
    key: str
    approval: bytes = field(repr=False)
    approved_at: datetime
    ledger_index: int
    shown_at: datetime | None = None
    """When the manifest was put before them, where this program did it."""
