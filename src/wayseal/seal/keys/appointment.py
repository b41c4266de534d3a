"""Appointments: a quorum of the site's officials says that a credential is an approver's, and in which role.

Without one a signature counts for nothing at the keyroom, whoever wrote it down as an approver's. An appointment holds as long as
the charter's officials of today have signed it: when they change, theirs sign anew. Owns the format and its rules; no I/O.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from wayseal.model.clock import to_text
from wayseal.model.disclosure import Approver, ApproverKey, CredentialForm
from wayseal.model.errors import Integrity, Invalid
from wayseal.seal.device import DeviceSigner
from wayseal.seal.keys.charter import Charter
from wayseal.seal.keys.quorum import (
    decode_bytes,
    encode_bytes,
    merge_signatures,
    read_body,
    sign_document,
    verify_quorum,
)
from wayseal.seal.strict import decode_canonical, decode_time, encode_canonical, is_name, is_staff
from wayseal.seal.suite import sha256

FORMAT: Final = "wayseal-appointment/v1"
LARGEST: Final = 32 * 1024
_LONGEST_KEY: Final = 2048
_FIELDS: Final = frozenset(
    ("approver", "credential", "form", "format", "issued_at", "organisation", "public", "role", "site")
)


@dataclass(frozen=True, slots=True)
class Appointment:
    """Whose credential it is. `site` is the ledger's origin; `public` a COSE key for WebAuthn, else a raw Ed25519 key."""

    site: str
    approver: str
    organisation: str
    role: str
    form: CredentialForm
    public: bytes = field(repr=False)
    credential: bytes = field(repr=False)
    issued_at: datetime

    @property
    def key(self) -> ApproverKey:
        """The credential, as signatures are verified with it."""
        digest = sha256(self.public).hex()
        return ApproverKey(digest, self.approver, self.form, self.public, self.issued_at, self.credential)


def draft_appointment(site: str, person: Approver, key: ApproverKey, now: datetime) -> bytes:
    """Return an unsigned appointment of an enrolled credential, for officials to look at and sign."""
    made = Appointment(
        site, person.id, person.organisation, person.role, key.form, key.public, key.credential,
        now.replace(microsecond=0),
    )  # fmt: skip
    return sign_document(FORMAT, encode_appointment(made), [])


def encode_appointment(made: Appointment) -> bytes:
    """Return the body that officials sign. Raises `Invalid` for one that reading would refuse."""
    body = encode_canonical(
        {
            "approver": made.approver,
            "credential": encode_bytes(made.credential),
            "form": made.form.value,
            "format": FORMAT,
            "issued_at": to_text(made.issued_at),
            "organisation": made.organisation,
            "public": encode_bytes(made.public),
            "role": made.role,
            "site": made.site,
        }
    )
    decode_appointment(body)
    return body


def decode_appointment(body: bytes) -> Appointment:
    """Return the appointment that a body spells. Raises `Invalid` for anything but the canonical form of a sound one."""
    fields = decode_canonical(body, _FIELDS)
    names = (fields["approver"], fields["organisation"], fields["role"])
    if fields["format"] != FORMAT or not isinstance(fields["site"], str) or not fields["site"]:
        raise Invalid("unknown format, or no site")
    if not all(isinstance(name, str) for name in names) or not (
        is_staff(names[0]) and all(map(is_name, names[1:]))
    ):
        raise Invalid("a name is malformed")
    try:
        form = CredentialForm(fields["form"])
    except ValueError:
        raise Invalid("a form of credential that there is not") from None
    public, credential = decode_bytes(fields["public"]), decode_bytes(fields["credential"])
    if not public or max(len(public), len(credential)) > _LONGEST_KEY:
        raise Invalid("a key of no possible length")
    if (form is CredentialForm.ED25519) != (len(public) == 32 and not credential):
        raise Invalid("a key that does not fit its form")
    return Appointment(fields["site"], *names, form, public, credential, decode_time(fields["issued_at"]))


def look_at_appointment(document: bytes) -> Appointment:
    """Return what an appointment or a draft says, believed by nobody yet. Raises `Integrity` when it is none."""
    if len(document) > LARGEST:
        raise Integrity("not an appointment: too long")
    try:
        return decode_appointment(read_body(document))
    except Invalid as error:
        raise Integrity(f"not an appointment: {error}") from None


def sign_appointment(document: bytes, official: DeviceSigner) -> bytes:
    """Return the document with this official's signature added."""
    body = encode_appointment(look_at_appointment(document))
    return merge_signatures([document, sign_document(FORMAT, body, [official])])


def join_appointments(documents: Sequence[bytes]) -> bytes:
    """Return one document with the signatures of officials who signed apart. Raises `Integrity` for different drafts."""
    for document in documents:
        look_at_appointment(document)
    return merge_signatures(documents)


def verify_appointment(document: bytes, *, charter: Charter, site: str) -> Appointment:
    """Return the appointment that a quorum of the charter's officials signed for this site. Raises `Integrity` otherwise."""
    made = look_at_appointment(document)
    verify_quorum(FORMAT, document, list(charter.officials.values()), needed=charter.needed)
    if made.site != site:
        raise Integrity("the appointment is for another site")
    return made
