"""The two sides of a disclosure, registered: recipients with their keys, approvers with theirs. The ledger first, then the row.

Owns what makes somebody a recipient or an approver. A key that is swapped in the database is found out, because the ledger has
the digest of the right one. A recipient's old key is replaced only by a registration that is on the ledger too.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from wayseal.export.delivery import read_age_key
from wayseal.flow.policy import Principal
from wayseal.ledger.log import Ledger
from wayseal.ledger.reader import LedgerReader
from wayseal.model.clock import from_text, to_text
from wayseal.model.disclosure import Approver, ApproverKey, BundleForm, CredentialForm, Recipient
from wayseal.model.errors import Integrity, Invalid, NotFound, Refused
from wayseal.model.ids import check_name, check_staff
from wayseal.seal.suite import load_public
from wayseal.store import approvers as rows
from wayseal.store.centre import CentreStore
from wayseal.store.engine import read, write

CODE_LIFE = timedelta(days=7)
"""How long an enrolment code is good."""
VENDOR = "vendor"
REGISTRARS = frozenset(("privacy_officer", "security_officer"))


@dataclass(frozen=True, slots=True)
class Partners:
    """Where recipients and approvers are registered, by whom, at what time.

    `appoint` lets the site's officials appoint a fresh credential at once, where this process may ask them.
    """

    ledger: Ledger
    store: CentreStore
    who: Principal
    now: datetime
    appoint: Callable[[str], object] | None = None

    def check_registrar(self) -> None:
        """Raise `Refused` unless `who` may say who receives and who approves: an officer of privacy or security, in good standing."""
        if self.who.role not in REGISTRARS or self.who.suspended or not self.who.training_valid:
            raise Refused(
                f"{self.who.role} may not register recipients or approvers",
                hint="A privacy officer or a security officer does.", actor=self.who.id,
            )  # fmt: skip


def digest_key(form: BundleForm, key: str) -> str:
    """Return SHA-256 (hex) of a recipient's key: of the raw X-Wing key, or of the age or SSH recipient's text."""
    if form is BundleForm.WAYSEAL:
        try:
            raw = bytes.fromhex(key)
        except ValueError:
            raise Invalid("not a recipient's key", hint="Give the hex of its card.") from None
        load_public(raw)
        return hashlib.sha256(raw).hexdigest()
    read_age_key(key)
    return hashlib.sha256(key.encode()).hexdigest()


def add_recipient(
    partners: Partners,
    name: str,
    *,
    organisation: str,
    form: BundleForm,
    key: str,
    receipt_key: bytes | None,
) -> tuple[Recipient, int]:
    """Register a recipient or their new key, and return them with the ledger index. Raises `Invalid` for a key that is none.

    Approvals that were given for an older key do not carry over: the manifest names the key by its digest.
    """
    partners.check_registrar()
    recipient = Recipient(
        name=check_name(name, what="recipient"), organisation=check_name(organisation, what="organisation"),
        form=form, key=key, key_sha256=digest_key(form, key), receipt_key=receipt_key, registered_at=partners.now,
    )  # fmt: skip
    if receipt_key is not None and len(receipt_key) != 32:
        raise Invalid("not an Ed25519 key for receipts", hint="Give 64 hexadecimal digits.")
    entry = _recipient_entry(partners, recipient, "registered")
    if receipt_key is not None:
        entry["receipt_key_sha256"] = hashlib.sha256(receipt_key).hexdigest()
    (index,) = partners.ledger.append([entry])
    with write(partners.store.engine) as connection:
        rows.put_recipient(connection, recipient)
    return recipient, index


def retire_recipient(partners: Partners, name: str) -> int:
    """Give nothing to a recipient any more; return the ledger index."""
    partners.check_registrar()
    with read(partners.store.engine) as connection:
        recipient = rows.get_recipient(connection, name)
    (index,) = partners.ledger.append([_recipient_entry(partners, recipient, "retired")])
    with write(partners.store.engine) as connection:
        rows.retire_recipient(connection, name, when=partners.now)
    return index


def check_recipient(ledger: LedgerReader, recipient: Recipient, *, vendor: bool) -> int:
    """Return the index of the entry that registers this very key.

    Raises `Refused` for a retired recipient or a vendor's, `Integrity` when the row has another key than the ledger.
    """
    if vendor:
        raise Refused(
            "nothing is given to a vendor",
            hint="Improving an algorithm is no ground (R-60).",
            recipient=recipient.name,
        )
    known = ledger.find(type="recipient", object=recipient.name)
    entry = ledger.entry(known[-1]) if known else {}
    if entry.get("action") == "retired" or recipient.retired_at is not None:
        raise Refused("the recipient is retired", recipient=recipient.name)
    receipt = None if recipient.receipt_key is None else hashlib.sha256(recipient.receipt_key).hexdigest()
    said = (entry.get("key_sha256"), entry.get("org"), entry.get("receipt_key_sha256"))
    if said != (digest_key(recipient.form, recipient.key), recipient.organisation, receipt):
        raise Integrity("the recipient's key is not the one on the ledger", recipient=recipient.name)
    return known[-1]


def _recipient_entry(partners: Partners, recipient: Recipient, action: str) -> dict[str, str]:
    return {
        "type": "recipient", "time": to_text(partners.now), "object": recipient.name, "actor": partners.who.id,
        "org": recipient.organisation, "key_sha256": recipient.key_sha256, "form": recipient.form.value,
        "action": action,
    }  # fmt: skip


def add_approver(partners: Partners, approver: str, *, organisation: str, role: str) -> tuple[Approver, str]:
    """Register somebody who may approve, and return them with the code by which they enrol an authenticator.

    The code is good once, for a week. Raises `Refused` for the role of a vendor, `Invalid` when they are registered.
    """
    partners.check_registrar()
    if role == VENDOR:
        raise Refused("a vendor approves nothing", hint="Name somebody of an agency or a watching body.")
    code = secrets.token_hex(8)
    person = Approver(
        id=check_staff(approver), organisation=check_name(organisation, what="organisation"),
        role=check_name(role, what="role"), registered_at=partners.now,
    )  # fmt: skip
    with read(partners.store.engine) as connection:
        if any(one.id == person.id for one in rows.list_approvers(connection)):
            raise Invalid("that staff id is registered already", hint="Revoke it, or use another.")
    entry = _approver_entry(partners, person, "registered") | {"role": person.role}
    partners.ledger.append([entry])
    with write(partners.store.engine) as connection:
        rows.add_approver(
            connection, person, code_sha256=_digest_code(code), code_until=partners.now + CODE_LIFE
        )
    return person, code


def renew_code(partners: Partners, approver: str) -> str:
    """Return a fresh code for another authenticator of an approver; an older one is good no more."""
    partners.check_registrar()
    code = secrets.token_hex(8)
    with write(partners.store.engine) as connection:
        rows.get_approver(connection, approver)
        rows.set_code(connection, approver, _digest_code(code), until=partners.now + CODE_LIFE)
    return code


def enrol_key(partners: Partners, approver: str, key: ApproverKey) -> int:
    """Add a credential to an approver and return the ledger index. The caller has seen that the person holds it.

    It counts at the keyroom once the officials have appointed it.
    """
    with read(partners.store.engine) as connection:
        person = rows.get_approver(connection, approver)
        if rows.find_keys(connection, [key.id]):
            raise Refused(
                "that credential is enrolled already", hint="Each person has credentials of their own."
            )
    if person.revoked_at is not None:
        raise Refused("the approver was revoked", approver=person.id)
    entry = _approver_entry(partners, person, "enrolled") | {"key_sha256": key.id, "form": key.form.value}
    (index,) = partners.ledger.append([entry])
    with write(partners.store.engine) as connection:
        rows.add_key(connection, key)
    if partners.appoint is not None:
        partners.appoint(approver)
    return index


def enrol_own_key(partners: Partners, approver: str, public: bytes) -> int:
    """Add an approver's own Ed25519 key (raw, 32 bytes), for signed files. Returns the ledger index."""
    partners.check_registrar()
    if len(public) != 32:
        raise Invalid("not an Ed25519 public key", hint="Give 64 hexadecimal digits.")
    key_id = hashlib.sha256(public).hexdigest()
    key = ApproverKey(key_id, approver, CredentialForm.ED25519, public, partners.now)
    return enrol_key(partners, approver, key)


def use_code(partners: Partners, approver: str, code: str) -> None:
    """Use an enrolment code up. Raises `Refused` for a wrong, used or late one, without saying which."""
    with write(partners.store.engine) as connection:
        good = rows.take_code(connection, approver, _digest_code(code), now=partners.now)
    if not good:
        raise Refused(
            "that enrolment code is not good", hint="Ask the privacy office for a new one.", approver=approver
        )


def revoke_approver(partners: Partners, approver: str) -> int:
    """Let somebody's signature count no more, also on what they have approved and is not released. Returns the index."""
    partners.check_registrar()
    with read(partners.store.engine) as connection:
        person = rows.get_approver(connection, approver)
    (index,) = partners.ledger.append([_approver_entry(partners, person, "revoked")])
    with write(partners.store.engine) as connection:
        rows.revoke_approver(connection, approver, when=partners.now)
    return index


def check_approver(
    ledger: LedgerReader, approver: Approver, key: ApproverKey, *, ready_at: datetime
) -> list[int]:
    """Return the ledger indices that make somebody an approver with this credential: registration and enrolment.

    Raises `Refused` for one who was revoked or whose credential was enrolled after `ready_at`, `Integrity` when the ledger
    says something else than the rows.
    """
    found = [(index, ledger.entry(index)) for index in ledger.find(type="approver", object=approver.id)]
    if approver.revoked_at is not None or any(entry["action"] == "revoked" for _, entry in found):
        raise Refused("the approver was revoked", approver=approver.id)
    facts = (approver.organisation, approver.role)
    registered = [
        i for i, e in found if e["action"] == "registered" and (e.get("org"), e.get("role")) == facts
    ]
    digest = hashlib.sha256(key.public).hexdigest()
    enrolled = [(i, e) for i, e in found if e["action"] == "enrolled" and e.get("key_sha256") == digest]
    if not registered or not enrolled or key.id != digest:
        raise Integrity("the approver is not the one on the ledger", approver=approver.id)
    index, entry = enrolled[-1]
    if from_text(entry["time"]) > ready_at:
        raise Refused(
            "the approver's credential is too new to count",
            hint="It counts when those who watch the ledger have had time to see it.",
            approver=approver.id,
        )
    return [registered[-1], index]


def find_enrolled(store: CentreStore, approver: str) -> list[ApproverKey]:
    """Return an approver's credentials; none for somebody who is not one."""
    with read(store.engine) as connection:
        try:
            rows.get_approver(connection, approver)
        except NotFound:
            return []
        return rows.list_keys(connection, approver)


def _approver_entry(partners: Partners, person: Approver, action: str) -> dict[str, str]:
    return {
        "type": "approver", "time": to_text(partners.now), "object": person.id, "actor": partners.who.id,
        "org": person.organisation, "action": action,
    }  # fmt: skip


def _digest_code(code: str) -> str:
    return hashlib.sha256(code.strip().lower().encode()).hexdigest()
