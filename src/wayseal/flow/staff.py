"""What the ledger's register says about people: whose they are, whether they have left, until when they are trained. For the gate.

Owns the meaning of those entries, applied in the ledger's order. Nobody has to be registered; whoever is, is so for every client. What they
may do is the policy's to say.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from wayseal.model.clock import from_text, to_text
from wayseal.model.oversight import Tier

_ROLES = {Tier.ASSESSOR.value: "assessor"}
"""In which role the people of an organisation act that is not an agency; any other's act as `vendor`."""


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody as the register has them. Without a date of training they have no access yet."""

    organisation: str
    trained_until: datetime | None = None
    left: bool = False


@dataclass(slots=True)
class StaffBook:
    """The state after reading the ledger up to some entry: people by staff id, and the tiers of organisations."""

    members: dict[str, Member] = field(default_factory=dict)
    tiers: dict[str, str] = field(default_factory=dict)

    def apply(self, entry: Mapping[str, Any]) -> None:
        """Take in a `register` entry; one about something else changes nothing."""
        name = entry["object"]
        if entry["register"] == "organisation" and "tier" in entry:
            self.tiers = {**self.tiers, name: entry["tier"]}
        if entry["register"] != "person":
            return
        known = self.members.get(name)
        if entry["action"] == "ended":
            gone = Member(entry.get("org", "")) if known is None else known
            self.members = {**self.members, name: replace(gone, left=True)}
        elif "org" in entry:
            until = from_text(entry["until"]) if "until" in entry else None
            left = entry["action"] != "added" and known is not None and known.left
            self.members = {**self.members, name: Member(entry["org"], until, left)}

    def find_fault(self, person: str, organisation: str, role: str, now: datetime) -> str | None:
        """Return why somebody may do nothing as who they are said to be, or None. Whoever is not registered has no fault."""
        known = self.members.get(person)
        if known is None:
            return None
        tier = self.tiers.get(known.organisation, Tier.AGENCY.value)
        acting = role if tier == Tier.AGENCY.value else _ROLES.get(tier, "vendor")
        faults = (
            (known.left, "left"), (organisation != known.organisation, "other-organisation"), (role != acting, "other-role"),
            (known.trained_until is None or now >= known.trained_until, "training-expired"),
        )  # fmt: skip
        return next((code for holds, code in faults if holds), None)


def encode_staff(book: StaffBook) -> dict[str, Any]:
    """Return the state as JSON values; `decode_staff` gives it back."""
    members = {
        name: [one.organisation, None if one.trained_until is None else to_text(one.trained_until), one.left]
        for name, one in book.members.items()
    }
    return {"members": members, "tiers": dict(book.tiers)}


def decode_staff(value: Mapping[str, Any]) -> StaffBook:
    """Return the state that `encode_staff` wrote. Raises what a wrong shape raises: the caller has verified its maker."""
    members = {
        name: Member(organisation, None if until is None else from_text(until), left)
        for name, (organisation, until, left) in value["members"].items()
    }
    return StaffBook(members, dict(value["tiers"]))
