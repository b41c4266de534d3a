"""Who stands behind an opening: second persons, the organisations that signed an export, whoever signed a session grant, a hold or a petition.

Counts only what the ledger has and what the notary verified, of people whom the rules let approve and who are in good standing. Whether
so many suffice is the policy's to say.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from wayseal.flow.follow import Follower
from wayseal.flow.grant import Approval, Grant
from wayseal.flow.habits import DAY, Caps, Habits
from wayseal.flow.notary import Consent, Signatory, Testimony
from wayseal.flow.petition import FEWEST, LIFT, Petition
from wayseal.flow.policy import Policy, Principal, describe_picture
from wayseal.flow.spent import Given
from wayseal.model.custody import Purpose, SealHeader
from wayseal.model.errors import Refused

SKEW = timedelta(seconds=5)
"""How far the time of an intent, or of an approval, may lie in the gate's future."""
_FEWEST = 2
"""Organisations that must sign an export, and people who must sign a hold."""


@dataclass(frozen=True, slots=True)
class Act:
    """Who does what, when, what people signed for it, and what was opened for exports before."""

    who: Principal
    action: str
    now: datetime
    heard: Testimony
    given: Given


@dataclass(frozen=True, slots=True)
class Intent:
    """What an intent on the ledger says, as far as the checks need it."""

    index: int
    release: str
    purpose: Purpose
    at: datetime
    digest: bytes
    """SHA-256 of the entry: what a second person signs is over these bytes."""


@dataclass(frozen=True, slots=True)
class Vouchers:
    """Counts for one gate. `pinned` says whether the keyroom has witnesses: then names alone never count."""

    policy: Policy
    follower: Follower
    habits: Habits
    caps: Caps
    pinned: bool

    def count_approvals(self, act: Act, intent: Intent, header: SealHeader) -> int:
        """Return how many other people, of other roles that may approve it, have approved this very intent lately.

        For an export: how many organisations have signed one that names this record.
        """
        if intent.purpose is Purpose.EXPORT:
            return self._count_consents(act, header)
        standings, who, now = self.follower.standings, act.who, act.now
        if intent.release in standings.declined:
            return 0
        signed = {one.proof: one for one in act.heard.words.get(intent.digest, ())}
        good = set()
        for one in standings.approvals.get(intent.release, ()):
            word = signed.get(one.proof) if self.must_sign else _unsigned(one)
            if word is None or word.approver != one.approver or one.intent != intent.index:
                continue
            fresh = now - self.habits.life <= one.at <= now + SKEW
            if fresh and word.approver != who.id and word.role != who.role:
                good |= {word.approver} if self._may(word, "approve", header, intent.purpose, now) else set()
        return len(good)

    def _count_consents(self, act: Act, header: SealHeader) -> int:
        """Return how many organisations have signed for giving a record away; of several exports, the most.

        The record is noted as given under that export. Raises `Refused` when a third organisation is wanted and has not signed.
        """
        record, best, chosen = header.object_id, 0, None
        for consent in act.heard.consents:
            if record in consent.manifest.records:
                count = self._count_organisations(act, consent, header)
                if count > best:
                    best, chosen = count, consent.manifest
        if chosen is None or best < _FEWEST:
            return best
        others = act.given.count_others(chosen, act.now - DAY)
        if best < self.caps.count_needed(len(chosen.records), others):
            raise Refused(
                "so much for one recipient, their organisation or their key in a day needs a third organisation",
                hint="Let a third organisation approve it.", export=chosen.export,
            )  # fmt: skip
        act.given.note(chosen, record, act.now)
        return best

    def _count_organisations(self, act: Act, consent: Consent, header: SealHeader) -> int:
        """Return the organisations of different people who signed and may, none of whom asked or opens: each counts once.

        So does one together with whoever works under it: they answer to it, and are suspended with it.
        """
        find_top = self.follower.standings.find_top
        good = {
            find_top(one.organisation): one.approver
            for one in consent.signatories
            if one.approver not in (consent.manifest.requester, act.who.id)
            and self._may(one, "approve_export", header, Purpose.EXPORT, act.now)
        }
        return len(set(good.values()))

    def _may(self, one: Signatory, action: str, header: SealHeader, purpose: Purpose, now: datetime) -> bool:
        """Say whether somebody of an organisation in good standing, and in good standing themselves, may approve this, by the site's rules."""
        standings = self.follower.standings
        fault = standings.staff.find_fault(one.approver, one.organisation, one.role, now)
        if fault is not None or standings.is_suspended(one.organisation):
            return False
        who = Principal(one.approver, one.role, one.organisation)
        return self.policy.ask(who, action, header, purpose, now).allowed

    @property
    def must_sign(self) -> bool:
        """Whether people's word counts with their signature only."""
        return self.habits.signed or self.pinned

    def list_grants(self, act: Act, header: SealHeader, purpose: Purpose) -> tuple[list[Grant], list[Grant]]:
        """Return somebody's grants that wait for a signature, and those that count here.

        Both are no longer than a shift, and witnessed where there are witnesses.
        """
        who = act.who
        waiting: list[Grant] = []
        good: list[Grant] = []
        for one in self.follower.standings.list_grants(who.id, who.organisation, purpose.value, act.now):
            if one.expires_at - one.issued_at <= self.habits.grant_life and self._is_witnessed(one.index):
                (good if self._is_vouched(act, one, header, purpose) else waiting).append(one)
        return waiting, good

    def covers_hold(self, hold: str, header: SealHeader, heard: Testimony, now: datetime) -> bool:
        """Say whether a hold in force keeps a record; where people's word counts signed only, both whom it names have signed it."""
        standings = self.follower.standings
        if not standings.covers_hold(hold, header.object_id, now):
            return False
        if not self.must_sign:
            return True
        held = standings.holds[hold]
        logged = self._list_logged(held.signed)
        good = {
            one.approver
            for one in heard.holds.get(hold, ())
            if one.proof in logged and self._may(one, "approve", header, Purpose.RECLASSIFICATION, now)
        }
        return len(good & held.approvers) >= _FEWEST

    def is_granted(self, petition_id: str, one: Petition, heard: Testimony, now: datetime) -> bool:
        """Say whether two people whom a petition names have signed it and may: for a lift, those whom the rules let approve.

        For a reinstatement: people of the register, of two organisations that do not answer to each other, neither of them kin of the one
        that wants to come back. What was signed is on the ledger, and witnessed where there are witnesses.
        """
        logged = self._list_logged(one.signed)
        found = [
            given
            for given in heard.petitions.get(petition_id, ())
            if given.proof in logged and given.approver in one.approvers and self._is_witnessed(one.index)
        ]
        if one.about == LIFT:
            header = describe_picture(petition_id, "none", now)
            good = {
                given.approver
                for given in found
                if self._may(given, "approve", header, Purpose.RECLASSIFICATION, now)
            }
            return len(good) >= FEWEST
        tops = {
            self.follower.standings.find_top(given.organisation): given.approver
            for given in found
            if self._may_take_back(given, one.subject, now)
        }
        return len(set(tops.values())) >= FEWEST

    def _may_take_back(self, given: Signatory, organisation: str, now: datetime) -> bool:
        """Say whether somebody in good standing, whom the register has, may take an organisation back: not their own, nor one of their chain."""
        standings = self.follower.standings
        fault = standings.staff.find_fault(given.approver, given.organisation, given.role, now)
        if fault is not None or given.approver not in standings.staff.members:
            return False
        return not standings.is_suspended(given.organisation) and not standings.is_kin(
            given.organisation, organisation
        )

    def _is_witnessed(self, index: int) -> bool:
        """Say whether the witnesses have cosigned an entry, where there are any."""
        return not self.pinned or index < self.follower.witnessed

    def _list_logged(self, signed: Collection[tuple[str, int]]) -> set[str]:
        """Return the digests of what was signed whose entries count."""
        return {proof for proof, index in signed if self._is_witnessed(index)}

    def _is_vouched(self, act: Act, grant: Grant, header: SealHeader, purpose: Purpose) -> bool:
        """Say whether somebody who may has signed a grant, where that is wanted: its officer, or a second person of another role."""
        if not self.must_sign:
            return True
        logged = self._list_logged(grant.signed)
        for one in act.heard.grants.get(grant.id, ()):
            own = (one.approver, one.organisation, one.role) == (
                act.who.id,
                act.who.organisation,
                act.who.role,
            )
            other = one.approver != act.who.id and one.role != act.who.role
            if one.proof in logged and (
                own or (other and self._may(one, "approve", header, purpose, act.now))
            ):
                return True
        return False


def _unsigned(one: Approval) -> Signatory:
    """Return an approval as its entry tells it, where nobody has to sign."""
    return Signatory(one.approver, one.role, one.organisation, one.proof)
