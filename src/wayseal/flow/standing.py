"""What the ledger says about who may do anything: suspended organisations, session grants, approvals, holds, the rules in force.

Owns the meaning of those entries, applied in the ledger's order, and nothing else: it reads no file and trusts no caller.
What it knows is the same for everybody who has read the same entries, so it can be thrown away and read again.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from wayseal.flow.exported import ExportBook, decode_book, encode_book
from wayseal.flow.grant import Approval, Grant, read_approval, read_grant
from wayseal.flow.petition import SIGNED, PetitionBook, decode_petitions, encode_petitions
from wayseal.flow.staff import StaffBook, decode_staff, encode_staff
from wayseal.model.clock import from_text, to_text

CONCERNS = re.compile(
    rb'"type":"(?:org-status|grant(?:-end|-approve|-decline)?|release-(?:approve|decline)|config|register|approver|hold(?:-approve|-decline)?|lift(?:-request|-approve|-decline)?|reinstatement(?:-approve|-decline)?|export-(?:request|approve|decline|release))"'
)
"""Finds the entries that matter here in their canonical bytes: no value on the ledger can hold a quotation mark."""
CHARTER = "charter"
"""What the `config` entries about charters are about."""
KEPT = timedelta(days=1)
"""How long an approval is remembered; each is good for minutes."""


@dataclass(frozen=True, slots=True)
class Held:
    """A hold that two people placed: which records, until when, and who they are. `index` is its entry's."""

    records: frozenset[str]
    until: datetime
    approvers: frozenset[str]
    index: int
    signed: frozenset[tuple[str, int]] = frozenset()
    """SHA-256 (hex) of what people signed for it, each with the index of the entry that says so."""
    signers: frozenset[str] = frozenset()
    """Who has signed it by these entries."""

    def is_placed_by(self, entry: Mapping[str, Any]) -> bool:
        """Say whether an entry places this very hold. Who signed it is not part of it."""
        return read_hold(entry, self.index) == replace(self, signed=frozenset(), signers=frozenset())

    @property
    def is_signed(self) -> bool:
        """Whether both whom it names have signed it, by the ledger's entries."""
        return self.signers >= self.approvers


def read_hold(entry: Mapping[str, Any], index: int) -> Held:
    """Return the hold that an entry places."""
    return Held(frozenset(entry["records"]), from_text(entry["until"]), frozenset(entry["approvers"]), index)


@dataclass(slots=True)
class Standings:
    """The state after reading the ledger up to some entry. What was handed out does not change: each step makes new tables."""

    suspended: dict[str, int] = field(default_factory=dict)
    """Organisation to the index of the entry that suspended it. Whoever works under one is suspended too: `is_suspended`."""
    under: dict[str, str] = field(default_factory=dict)
    """Registered organisation to the one that it works under."""
    equipment: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Registered equipment that stands at a lane, to (lane, organisation)."""
    grants: dict[str, Grant] = field(default_factory=dict)
    approvals: dict[str, list[Approval]] = field(default_factory=dict)
    """By release."""
    holds: dict[str, Held] = field(default_factory=dict)
    """By hold."""
    declined: dict[str, datetime] = field(default_factory=dict)
    """Releases that somebody declined, and when: no approval of theirs counts any more."""
    rules: dict[str, str] = field(default_factory=dict)
    """What a `config` entry is about, to the newest digest."""
    exports: ExportBook = field(default_factory=ExportBook)
    """Exports that wait, and whom the officials have appointed to approve."""
    petitions: PetitionBook = field(default_factory=PetitionBook)
    """Reinstatements and lifts of holds that wait for signatures."""
    staff: StaffBook = field(default_factory=StaffBook)
    """People as the register has them."""
    charters: tuple[str, ...] = ()
    """Fingerprints of the site's charters in the order in which they came, each once: the last is in force."""

    @property
    def founding(self) -> str:
        """Fingerprint of the site's first charter: whoever followed it stands behind appointments."""
        return self.charters[0] if self.charters else ""

    def apply(self, index: int, entry: Mapping[str, Any]) -> None:
        """Take in entry `index`. Entries come in order, each once; those that do not matter change nothing."""
        match entry["type"]:
            case "org-status":
                self._apply_status(index, entry)
            case "register":
                self._apply_register(index, entry)
                self.staff.apply(entry)
            case "grant" | "grant-end" | "grant-approve" | "grant-decline":
                self._apply_to_grants(index, entry)
            case "release-approve":
                self._apply_approval(entry["object"], read_approval(entry))
            case "release-decline":
                self._decline_release(entry["object"], from_text(entry["time"]))
            case "hold" | "lift" | "hold-approve" | "hold-decline":
                self._apply_hold(index, entry)
            case kind if kind.startswith(("lift-", "reinstatement")):
                self.petitions.apply(index, entry)
            case "config" if entry["object"] == CHARTER:
                self._apply_charter(entry["config_sha256"])
            case "config":
                self.rules = {**self.rules, entry["object"]: entry["config_sha256"]}
            case _:
                self.exports.apply(index, entry)

    def forget(self, now: datetime) -> None:
        """Forget what is over by the reader's own clock. Nothing else makes room: an entry's time is the word of whoever wrote it."""
        old = now - KEPT
        fresh = {key: [one for one in held if one.at > old] for key, held in self.approvals.items()}
        self.approvals = {key: held for key, held in fresh.items() if held}
        self.declined = {key: at for key, at in self.declined.items() if at > old}
        self.holds = {key: one for key, one in self.holds.items() if one.until > now}
        self.petitions.forget(now)

    @property
    def must_settle(self) -> bool:
        """Whether only what the keyroom has sealed reinstates anybody and lifts a hold: from the entry that says so on, for ever."""
        return SIGNED in self.rules

    def is_suspended(self, organisation: str) -> bool:
        """Say whether an organisation, or one that it works under, is suspended: also one that was registered afterwards."""
        seen = set()
        name: str | None = organisation
        while name is not None and name not in seen:
            if name in self.suspended:
                return True
            seen.add(name)
            name = self.under.get(name)
        return False

    def is_kin(self, one: str, other: str) -> bool:
        """Say whether one organisation works under the other, at any depth, or is it."""
        return other in self._list_chain(one) or one in self._list_chain(other)

    def _list_chain(self, organisation: str) -> list[str]:
        """Return an organisation and those that it works under, itself first."""
        chain = [organisation]
        while (above := self.under.get(chain[-1])) is not None and above not in chain:
            chain.append(above)
        return chain

    def find_top(self, organisation: str) -> str:
        """Return the organisation that one answers to in the end: itself where it works under nobody. A circle has one name, too."""
        chain = self._list_chain(organisation)
        above = self.under.get(chain[-1])
        return chain[-1] if above is None else min(chain[chain.index(above) :])

    def covers_hold(self, hold: str, record: str, now: datetime) -> bool:
        """Say whether a hold in force keeps a record."""
        held = self.holds.get(hold)
        return held is not None and record in held.records and now < held.until

    def list_suspended_lanes(self) -> frozenset[str]:
        """Return the lanes whose equipment belongs to a suspended organisation."""
        return frozenset(lane for lane, owner in self.equipment.values() if self.is_suspended(owner))

    def list_grants(self, officer: str, organisation: str, purpose: str, now: datetime) -> list[Grant]:
        """Return somebody's grants in force for a purpose; a suspended organisation's people have none."""
        if self.is_suspended(organisation):
            return []
        return [one for one in self.grants.values() if one.covers(officer, organisation, purpose, now)]

    def _apply_status(self, index: int, entry: Mapping[str, Any]) -> None:
        """Suspend an organisation and end its grants, or reinstate one: with an assessment and two approvers, or not at all.

        Where people sign, by the keyroom's own entry about this very suspension. `active` says that an organisation is new; it lifts nothing.
        """
        name = entry["object"]
        if entry["status"] == "suspended":
            self.suspended = {**self.suspended, name: index}
            self._drop_grants()
            return
        good = (
            entry["status"] == "reinstated" and "assessment" in entry and len(entry.get("approvers", ())) > 1
        )
        if self.must_settle:
            good = good and "keyroom_seal" in entry and entry.get("suspension") == self.suspended.get(name)
            self.petitions.settle(entry.get("intent") if good else None)
        if good:
            self.suspended = {key: one for key, one in self.suspended.items() if key != name}

    def _apply_register(self, index: int, entry: Mapping[str, Any]) -> None:
        """Note whose equipment stands at which lane, and who works under whom. An entry that does not say so changes neither."""
        name = entry["object"]
        if entry["register"] == "organisation" and "under" in entry:
            self._move_under(index, name, entry["under"])
        if entry["register"] != "equipment":
            return
        if entry["action"] == "ended":
            self.equipment = {key: one for key, one in self.equipment.items() if key != name}
        elif "lane" in entry and "org" in entry:
            self.equipment = {**self.equipment, name: (entry["lane"], entry["org"])}

    def _move_under(self, index: int, name: str, above: str) -> None:
        """Note whom an organisation works under. One that moves away from under a suspended one takes the suspension along."""
        if self.under.get(name) != above and self.is_suspended(name):
            self.suspended = {name: index, **self.suspended}
        self.under = {**self.under, name: above}
        self._drop_grants()

    def _drop_grants(self) -> None:
        """End the grants of suspended organisations, and of whoever works under them: a reinstatement gives none back."""
        self.grants = {
            key: one for key, one in self.grants.items() if not self.is_suspended(one.organisation)
        }

    def _apply_hold(self, index: int, entry: Mapping[str, Any]) -> None:
        """Note a hold that two people placed, what was signed for it, or that it was declined or lifted.

        A hold's id is given once, and nobody declines it any more when both have signed it.
        """
        if entry["type"] == "lift":
            self._lift_hold(entry)
            return
        name = entry["object"]
        held = self.holds.get(name)
        known = {key: one for key, one in self.holds.items() if key != name}
        if entry["type"] == "hold":
            if held is not None or len(entry["approvers"]) > 1:
                known[name] = held or read_hold(entry, index)
        elif held is not None and held.index != entry["intent"]:
            known[name] = held
        elif held is not None and entry["type"] == "hold-approve":
            signed = held.signed | {(entry["approval_sha256"], index)}
            known[name] = replace(held, signed=signed, signers=held.signers | {entry["actor"]})
        elif held is not None and held.is_signed:
            known[name] = held
        self.holds = known

    def _lift_hold(self, entry: Mapping[str, Any]) -> None:
        """Forget a hold that was lifted; where people sign, by the keyroom's own entry for a petition that came after the hold."""
        held = self.holds.get(entry["object"])
        if held is None:
            return
        if self.must_settle:
            if "keyroom_seal" not in entry or entry.get("intent", -1) < held.index:
                return
            self.petitions.settle(entry["intent"])
        self.holds = {key: one for key, one in self.holds.items() if key != entry["object"]}

    def _apply_charter(self, fingerprint: str) -> None:
        """Note the next charter. Charters only go forward: naming a superseded one again puts nobody back into office."""
        if fingerprint not in self.charters:
            self.charters = (*self.charters, fingerprint)
            self.rules = {**self.rules, CHARTER: fingerprint}

    def _apply_to_grants(self, index: int, entry: Mapping[str, Any]) -> None:
        """Note a grant, its end, what was signed for it, or that it was declined, which ends it."""
        match entry["type"]:
            case "grant":
                self._apply_grant(read_grant(entry, index))
            case "grant-end":
                self._end_grant(entry)
            case "grant-approve":
                self._sign_grant(index, entry)
            case _:
                self.grants = {key: one for key, one in self.grants.items() if key != entry["object"]}

    def _apply_grant(self, grant: Grant) -> None:
        """Note a grant, unless its organisation is suspended, its id was used before, or it is over; forget those that are."""
        known = {key: one for key, one in self.grants.items() if one.expires_at > grant.issued_at}
        if not self.is_suspended(grant.organisation) and grant.id not in self.grants:
            known[grant.id] = grant
        self.grants = known

    def _end_grant(self, entry: Mapping[str, Any]) -> None:
        """End a grant before its time; only its own officer does."""
        held = self.grants.get(entry["object"])
        if held is not None and held.officer == entry.get("actor"):
            self.grants = {key: one for key, one in self.grants.items() if key != held.id}

    def _sign_grant(self, index: int, entry: Mapping[str, Any]) -> None:
        """Note what somebody signed for a grant. What it is worth is found out when it is shown."""
        held = self.grants.get(entry["object"])
        if held is not None and held.index == entry["intent"]:
            signed = held.signed | {(entry["approval_sha256"], index)}
            self.grants = {**self.grants, held.id: replace(held, signed=signed)}

    def _decline_release(self, release: str, at: datetime) -> None:
        """Note that a release was declined."""
        self.declined = {**self.declined, release: at}

    def _apply_approval(self, release: str, approval: Approval) -> None:
        """Note an approval. What somebody signed is as old as the first entry that tells of it: nobody makes it fresh by telling it again."""
        held = self.approvals.get(release, [])
        first = next((one.at for one in held if approval.proof and one.proof == approval.proof), approval.at)
        self.approvals = {**self.approvals, release: [*held, replace(approval, at=min(first, approval.at))]}


def encode_standings(known: Standings) -> dict[str, Any]:
    """Return the state as JSON values; `decode_standings` gives it back."""
    return {
        "suspended": dict(known.suspended),
        "under": dict(known.under),
        "equipment": {name: list(place) for name, place in known.equipment.items()},
        "rules": dict(known.rules),
        "exports": encode_book(known.exports),
        "petitions": encode_petitions(known.petitions),
        "staff": encode_staff(known.staff),
        "charters": list(known.charters),
        "grants": [
            {
                "id": one.id, "officer": one.officer, "organisation": one.organisation, "lanes": sorted(one.lanes),
                "purpose": one.purpose, "issued_at": to_text(one.issued_at), "expires_at": to_text(one.expires_at),
                "limit": one.limit, "index": one.index, "signed": sorted(map(list, one.signed)),
            }
            for one in known.grants.values()
        ],
        "declined": {release: to_text(at) for release, at in known.declined.items()},
        "holds": {
            key: {
                "records": sorted(one.records), "until": to_text(one.until), "approvers": sorted(one.approvers),
                "index": one.index, "signed": sorted(map(list, one.signed)), "signers": sorted(one.signers),
            }
            for key, one in known.holds.items()
        },
        "approvals": {
            release: [
                {
                    "approver": one.approver, "role": one.role, "organisation": one.organisation, "intent": one.intent,
                    "at": to_text(one.at), "proof": one.proof,
                }
                for one in held
            ]
            for release, held in known.approvals.items()
        },
    }  # fmt: skip


def decode_standings(value: Mapping[str, Any]) -> Standings:
    """Return the state that `encode_standings` wrote. Raises what a wrong shape raises: the caller has verified its maker."""
    grants = [
        Grant(**{
            **one, "lanes": frozenset(one["lanes"]), "issued_at": from_text(one["issued_at"]),
            "expires_at": from_text(one["expires_at"]),
            "signed": frozenset((proof, index) for proof, index in one["signed"]),
        })
        for one in value["grants"]
    ]  # fmt: skip
    approvals = {
        release: [Approval(**{**one, "at": from_text(one["at"])}) for one in held]
        for release, held in value["approvals"].items()
    }
    return Standings(
        suspended=dict(value["suspended"]),
        under=dict(value["under"]),
        equipment={name: (lane, owner) for name, (lane, owner) in value["equipment"].items()},
        grants={one.id: one for one in grants},
        approvals=approvals,
        declined={release: from_text(at) for release, at in value["declined"].items()},
        holds={
            key: Held(
                frozenset(one["records"]),
                from_text(one["until"]),
                frozenset(one["approvers"]),
                one["index"],
                frozenset((proof, index) for proof, index in one["signed"]),
                frozenset(one["signers"]),
            )
            for key, one in value["holds"].items()
        },
        rules=dict(value["rules"]),
        exports=decode_book(value["exports"]),
        petitions=decode_petitions(value["petitions"]),
        staff=decode_staff(value["staff"]),
        charters=tuple(value["charters"]),
    )
