"""Who may use the console, and as what: the register's word before anybody's own.

Owns the roles that the console knows. It adds no right: what a role may open the gate decides, what it may see the screens'
table says.
"""

from typing import TYPE_CHECKING, Final

from wayseal.flow.admit import SUSPENDED
from wayseal.flow.oversee.desk import view
from wayseal.flow.policy import Principal
from wayseal.model.errors import Refused
from wayseal.model.oversight import Tier
from wayseal.store.oversight import vendors as vendor_rows

if TYPE_CHECKING:
    from wayseal.station.site import Site

OFFICER: Final = "officer"
ASSESSOR: Final = "assessor"
ROLES: Final = {
    OFFICER: "Officer", "supervisor": "Supervisor", "privacy_officer": "Privacy officer",
    "security_officer": "Security officer", "auditor": "Auditor", ASSESSOR: "Assessor",
}  # fmt: skip
"""The console's roles and their names, as the bar shows them."""
EXPIRED: Final = "expired-training-closes-access"


def name_role(site: "Site", staff: str, asked: str) -> str:
    """Return the role that somebody has: as registered, or as asked for by a staff id that is not registered.

    Raises `Refused` for a role that the console does not know, and for somebody of a vendor.
    """
    with view(site.oversight) as rows:
        person = vendor_rows.find_person(rows, staff)
        role = asked
        if person is not None:
            tier = vendor_rows.get_vendor(rows, person.organisation).tier
            role = {Tier.AGENCY: person.role, Tier.ASSESSOR: ASSESSOR}.get(tier, "vendor")
    if role not in ROLES or (person is None and role == ASSESSOR):
        raise Refused(
            f"the console has nothing for the role {role.replace('_', ' ')}",
            hint=f"The register says who somebody is: wayseal vendor person add. The console knows {', '.join(ROLES)}.",
            role=role,
        )
    return role


def check_badge(site: "Site", staff: str, role: str) -> Principal:
    """Return somebody whose role still stands. Raises `Refused` when it does not: suspended, untrained, or another role by now."""
    if name_role(site, staff, role) != role:
        raise Refused("this person has another role by now", hint="Sign out, and sign in again.", role=role)
    who = site.principal(staff, role)
    if who.suspended:
        raise Refused("this person or their organisation has no access", rule=SUSPENDED)
    if not who.training_valid:
        raise Refused(
            "the training of this person has run out, or they are not registered",
            hint="It is renewed in the register: wayseal vendor training.",
            rule=EXPIRED,
        )
    return who
