"""Appointing approvers: an enrolled credential, the officials' document over it, the ledger, the row.

Owns the order. Only officials sign; what is taken here is verified against the charter in force first.
"""

from collections.abc import Callable
from dataclasses import dataclass

from wayseal.ledger.log import Ledger
from wayseal.model.clock import Clock, to_text
from wayseal.model.disclosure import Approver, ApproverKey
from wayseal.model.errors import Integrity, Refused
from wayseal.seal.keys.appointment import Appointment, draft_appointment, verify_appointment
from wayseal.seal.keys.charter import Charter
from wayseal.seal.suite import sha256
from wayseal.store import approvers as rows
from wayseal.store.centre import CentreStore
from wayseal.store.engine import read, write


@dataclass(frozen=True, slots=True)
class AppointmentBook:
    """Where appointments are kept. `charter` gives the one in force; `sign` is the home's own first official, where it may."""

    ledger: Ledger
    store: CentreStore
    charter: Callable[[], Charter]
    clock: Clock
    sign: Callable[[bytes], bytes] | None = None

    def draft(self, approver: str) -> list[bytes]:
        """Return an unsigned appointment of each credential of an approver. Raises `Refused` for one who has none."""
        with read(self.store.engine) as connection:
            person, keys = rows.get_approver(connection, approver), rows.list_keys(connection, approver)
        if person.revoked_at is not None or not keys:
            raise Refused(
                "there is nothing to appoint: revoked, or without a credential",
                hint="Enrol a key or an authenticator first.", approver=approver,
            )  # fmt: skip
        return [draft_appointment(self.ledger.origin, person, key, self.clock()) for key in keys]

    def install(self, document: bytes, *, approver: str) -> tuple[Appointment, int]:
        """Take an appointment of an approver that the officials signed; return it with its ledger index.

        Raises `Integrity` when too few have signed or it says something else than the rows, `NotFound` for nobody's.
        """
        made = verify_appointment(document, charter=self.charter(), site=self.ledger.origin)
        if made.approver != approver:
            raise Refused("the appointment is of somebody else", hint="Hand it in for the one that it names.")
        with read(self.store.engine) as connection:
            person = rows.get_approver(connection, made.approver)
            known = rows.find_keys(connection, [made.key.id]).get(made.key.id)
        if known is None or not _is_same(made, person, known):
            raise Integrity("the appointment is of another credential than the enrolled one")
        entry = {
            "type": "approver", "time": to_text(self.clock()), "object": person.id, "action": "appointed",
            "org": person.organisation, "role": person.role, "form": known.form.value, "key_sha256": known.id,
            "appointment_sha256": sha256(document).hex(),
        }  # fmt: skip
        (index,) = self.ledger.append([entry])
        with write(self.store.engine) as connection:
            rows.put_appointment(connection, known.id, document)
        return made, index

    def appoint_at_once(self, approver: str) -> int:
        """Appoint every credential of an approver as the home's own first official; return how many. 0 where others must sign."""
        if self.sign is None:
            return 0
        signed = [self.sign(draft) for draft in self.draft(approver)]
        for document in signed:
            self.install(document, approver=approver)
        return len(signed)

    def list_waiting(self, approver: str) -> list[str]:
        """Return the credentials of an approver that today's officials have not appointed."""
        with read(self.store.engine) as connection:
            keys = rows.list_keys(connection, approver)
            documents = rows.find_appointments(connection, [key.id for key in keys])
        return [key.id for key in keys if not self._is_good(documents.get(key.id))]

    def is_appointed(self, approver: str) -> bool:
        """Say whether every credential of an approver counts at the keyroom; not for one who has none."""
        with read(self.store.engine) as connection:
            keys = rows.list_keys(connection, approver)
        return bool(keys) and not self.list_waiting(approver)

    def _is_good(self, document: bytes | None) -> bool:
        """Say whether today's officials have signed an appointment."""
        if document is None:
            return False
        try:
            verify_appointment(document, charter=self.charter(), site=self.ledger.origin)
        except Integrity:
            return False
        return True


def _is_same(made: Appointment, person: Approver, known: ApproverKey) -> bool:
    """Say whether an appointment is of this person with this credential, and they are not revoked."""
    said = (made.approver, made.organisation, made.role, made.form, made.public, made.credential)
    row = (person.id, person.organisation, person.role, known.form, known.public, known.credential)
    return said == row and person.revoked_at is None
