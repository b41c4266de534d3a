"""Session grants: one entry says that an officer works at named lanes until the end of a shift, for one purpose.

Owns how a grant, its end, and what others say of it or of a release are written on the ledger and read from it. Whether one counts is the gate's to say
(`flow.standing`, `flow.admit`): it knows them from the ledger, never from whoever shows them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from wayseal.flow.policy import Principal
from wayseal.model.clock import from_text, to_text
from wayseal.model.custody import Purpose
from wayseal.model.errors import Invalid
from wayseal.model.ids import check_name

LONGEST = timedelta(hours=24)
"""No grant lasts longer, whatever the settings say."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What one officer may open in one session without asking again. `index` is its place on the ledger."""

    id: str
    officer: str
    organisation: str
    lanes: frozenset[str]
    purpose: str
    issued_at: datetime
    expires_at: datetime
    limit: int
    """Pictures, over the whole session."""
    index: int
    signed: frozenset[tuple[str, int]] = frozenset()
    """SHA-256 (hex) of what people signed for it, each with the index of the entry that says so."""

    def covers(self, officer: str, organisation: str, purpose: str, now: datetime) -> bool:
        """Say whether it is this person's, for this purpose, and in force. The lane is a question of its own."""
        mine = (self.officer, self.organisation, self.purpose) == (officer, organisation, purpose)
        return mine and self.issued_at <= now < self.expires_at

    def is_given_by(self, entry: Mapping[str, Any]) -> bool:
        """Say whether an entry gives this very grant, field by field. Who signed it is not part of it."""
        return read_grant(entry, self.index) == replace(self, signed=frozenset())


@dataclass(frozen=True, slots=True)
class Approval:
    """A second person's word for one release, as the ledger has it. `proof` is SHA-256 (hex) of what they signed; empty where nothing."""

    approver: str
    role: str
    organisation: str
    intent: int
    at: datetime
    proof: str = ""


def grant_entry(
    who: Principal,
    grant_id: str,
    lanes: Iterable[str],
    *,
    purpose: Purpose,
    span: tuple[datetime, datetime],
    limit: int,
) -> dict[str, Any]:
    """Return the ledger entry of a grant. Raises `Invalid` without a lane."""
    named = sorted({check_name(lane, what="lane id") for lane in lanes})
    if not named:
        raise Invalid("a grant names at least one lane", hint="Choose the lanes of the shift.")
    return {
        "type": "grant", "object": grant_id, "session": grant_id, "actor": who.id, "org": who.organisation, "lanes": named,
        "purpose": purpose.value, "time": to_text(span[0]), "expires": to_text(span[1]), "limit": limit,
    }  # fmt: skip


def grant_end_entry(who: Principal, grant_id: str, now: datetime) -> dict[str, Any]:
    """Return the ledger entry that ends a grant before its time: a sign-out."""
    return {
        "type": "grant-end", "object": grant_id, "session": grant_id, "actor": who.id, "org": who.organisation,
        "time": to_text(now),
    }  # fmt: skip


def approval_entry(who: Principal, release: str, intent: int, now: datetime) -> dict[str, Any]:
    """Return the ledger entry by which `who` approves a release that another person has requested."""
    return {
        "type": "release-approve", "object": release, "release": release, "intent": intent, "actor": who.id,
        "org": who.organisation, "role": who.role, "time": to_text(now),
    }  # fmt: skip


def signature_entry(
    who: Principal, about: str, matter_id: str, intent: int, *, proof: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """Return the ledger entry that says that `who` has signed the `grant` or `hold` of entry `intent`; `proof` tells what they gave."""
    return {
        "type": f"{about}-approve", "object": matter_id, "intent": intent, "actor": who.id, "org": who.organisation,
        "role": who.role, "time": to_text(now), **proof,
    }  # fmt: skip


def decline_entry(
    who: Principal, about: str, matter_id: str, intent: int, *, reason: str, now: datetime
) -> dict[str, Any]:
    """Return the ledger entry by which `who` declines for good what it is about, `release` or `grant`. `reason` is a code."""
    return {
        "type": f"{about}-decline", "object": matter_id, "intent": intent, "actor": who.id, "org": who.organisation,
        "reason": reason, "time": to_text(now),
    }  # fmt: skip


def read_grant(entry: Mapping[str, Any], index: int) -> Grant:
    """Return the grant that an entry gives. One without lanes covers none."""
    return Grant(
        id=entry["object"],
        officer=entry["actor"],
        organisation=entry.get("org", ""),
        lanes=frozenset(entry.get("lanes", ())),
        purpose=entry["purpose"],
        issued_at=from_text(entry["time"]),
        expires_at=from_text(entry["expires"]),
        limit=entry.get("limit", 0),
        index=index,
    )


def read_approval(entry: Mapping[str, Any]) -> Approval:
    """Return the approval that an entry gives."""
    return Approval(
        entry["actor"], entry["role"], entry.get("org", ""), entry["intent"], from_text(entry["time"]),
        entry.get("approval_sha256", ""),
    )  # fmt: skip
