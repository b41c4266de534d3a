"""Whether the gate may do what it is asked: everything but the keys. Checks 1 to 7 of the gate, and what it learns from news.

Owns the order of the checks and what is found out for the policy to judge (bulk, after hours, out of lane, witnessed, approved).
It believes its own ledger, its own memory and its own clock; of the asker's word only the name, which the client vouches for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from wayseal.flow.follow import Follower
from wayseal.flow.grant import Approval, Grant
from wayseal.flow.guard import Guard
from wayseal.flow.habits import DAY, Habits
from wayseal.flow.meter import PICTURES, pool_of
from wayseal.flow.notary import Consent, Notary, Signatory, Testimony
from wayseal.flow.policy import Circumstances, Policy, Principal, Ruling
from wayseal.flow.request import Caller, Learned, UnwrapBatch, UnwrapRequest
from wayseal.flow.spent import Given, SpentIntents, StaleProof
from wayseal.ledger.checkpoint import Checkpoint, verify_checkpoint
from wayseal.ledger.entry import decode_entry
from wayseal.ledger.note import VerifierKey
from wayseal.ledger.policy import Policy as WitnessPolicy
from wayseal.ledger.proof import hash_leaf, verify_consistency, verify_inclusion
from wayseal.model.clock import Clock, from_text
from wayseal.model.custody import Kind, Purpose, SealHeader
from wayseal.model.errors import NoIntent, Refused, Unapproved, Unwitnessed
from wayseal.model.ids import RecordId
from wayseal.seal.suite import sha256

SKEW = timedelta(seconds=5)
"""How far an intent's time may lie in the gate's future."""
SUSPENDED = "suspended-organisations-do-nothing"
_FEWEST = 2
"""Organisations that must sign an export."""
UNSIGNED = (
    "Its officer or a colleague of another role signs it: at the console under /approvals, or as a file."
)
RULES = "site-rules"
"""What the `config` entries about `policy/site.cedar` are about."""


@dataclass(frozen=True, slots=True)
class _Act:
    """Who does what, when, what people signed for it, and what was opened for exports before."""

    who: Principal
    action: str
    now: datetime
    heard: Testimony
    given: Given


@dataclass(frozen=True, slots=True)
class _Intent:
    """What an intent on the ledger says, as far as the checks need it."""

    index: int
    release: str
    purpose: Purpose
    at: datetime
    digest: bytes
    """SHA-256 of the entry: what a second person signs is over these bytes."""


class Admission:
    """The checks of one gate. `log` verifies checkpoints; `witnesses` is the pinned policy, without which nobody witnesses."""

    def __init__(
        self,
        *,
        log: Sequence[VerifierKey],
        witnesses: WitnessPolicy | None,
        policy: Policy,
        spent: SpentIntents,
        follower: Follower,
        guard: Guard,
        habits: Habits,
        notary: Notary,
        clock: Clock,
    ) -> None:
        self._log = tuple(log)
        self._witnesses = witnesses
        self._policy = policy
        self._spent = spent
        self._follower = follower
        self._guard = guard
        self._habits = habits
        self._notary = notary
        self._clock = clock

    def seen_size(self) -> int:
        """Return the size of the newest checkpoint accepted here."""
        return self._spent.seen().size

    def learn(self, news: UnwrapBatch) -> Learned:
        """Read the ledger up to a checkpoint that continues the last one accepted, and return what is known then."""
        checkpoint, seen = self._read_news(news)
        with self._spent.spending([], checkpoint, after=seen, now=self._clock()):
            pass
        return Learned(self._follower.size, self._follower.witnessed, self._witnesses is not None)

    def draw(self, caller: Caller, who: Principal, kinds: Sequence[Kind]) -> None:
        """Draw on somebody's allowance. Raises `Refused` for a role or organisation that gets nothing, `QuotaExceeded`."""
        _verify_role(caller, who)
        self._verify_standing(who)
        self._guard.draw(who, kinds, self._clock(), client=caller.name)

    def admit(
        self,
        caller: Caller,
        who: Principal,
        action: str,
        batch: UnwrapBatch,
        keeping: Mapping[str, str] | None = None,
    ) -> None:
        """Run the checks 1 to 7 of `flow.release.Gate.unwrap`, and spend the intents when all of them pass.

        `keeping` is what the intents of a re-wrap must say of it. A refused batch spends no intent and draws no allowance.
        """
        now = self._clock()
        _verify_role(caller, who)
        checkpoint, seen = self._read_news(batch)  # 1, 2
        self._verify_standing(who)
        self._verify_rules()
        intents = []
        for request in batch.requests:
            intent = request.intent
            leaf = hash_leaf(intent.entry)
            verify_inclusion(intent.index, checkpoint.size, leaf, intent.path, checkpoint.root)  # 3
            intents.append(_read_intent(request, who, keeping))  # 4
        heard = self._notary.hear(batch, self._follower.standings, checkpoint, now)
        used = [(one.index, one.release) for one in intents]
        with self._spent.spending(
            used, checkpoint, after=seen, now=now
        ) as given:  # 6, undone if 5 or 7 fails
            sessions = self._judge(_Act(who, action, now, heard, given), batch.requests, intents)
            headers = [request.record.header for request in batch.requests]
            self._guard.admit(who, headers, now, client=caller.name, sessions=sessions)  # 7

    def _read_news(self, batch: UnwrapBatch) -> tuple[Checkpoint, Checkpoint]:
        """Return the batch's checkpoint and the last one accepted, after reading the ledger up to the former."""
        known = () if self._witnesses is None else tuple(w.key for w in self._witnesses.witnesses.values())
        checkpoint, good = verify_checkpoint(batch.checkpoint, (*self._log, *known))  # 1
        seen = self._spent.seen()
        if batch.since != seen.size:
            raise StaleProof("the gate has seen another checkpoint")
        verify_consistency(seen.size, checkpoint.size, seen.root, checkpoint.root, batch.consistency)  # 2
        quorum = self._witnesses is not None and self._witnesses.is_quorum(one.key for one in good)
        self._follower.follow(checkpoint, witnessed=quorum)
        return checkpoint, seen

    def _verify_standing(self, who: Principal) -> None:
        """Raise `Refused` for somebody whose organisation the ledger calls suspended, whatever the asker says."""
        if who.suspended or self._follower.standings.is_suspended(who.organisation):
            raise Refused(
                "this organisation is suspended",
                hint="It is reinstated by an assessment and two approvers, on the ledger.",
                rule=SUSPENDED,
                text="The ledger's last word on the organisation is that it is suspended.",
            )

    def _verify_rules(self) -> None:
        """Raise `Refused` when the rules in force here are not those that the ledger knows."""
        if self._follower.standings.rules.get(RULES) != self._policy.sha256:
            raise Refused(
                "the rules are not the ones on the ledger",
                hint="Put them there: wayseal keyroom roles --yes, with the keyroom stopped.",
            )

    def _judge(self, act: _Act, requests: Sequence[UnwrapRequest], intents: Sequence[_Intent]) -> list[str]:
        """Let the policy judge each request (5, 7) and return the session that each picture counts to, where it has one."""
        pictures = sum(_is_picture(request.record.header) for request in requests)
        recent = self._guard.meter.count_recent(act.who.id, act.now) if pictures else 0
        habits = self._habits
        usual = Circumstances(
            bulk=pictures > habits.bulk_batch or (pictures > 0 and recent + pictures > habits.bulk_per_hour),
            after_hours=habits.is_closed(self._policy.local_hour(act.now)),
            witnesses=self._witnesses is not None,
        )
        sessions = []
        for request, intent in zip(requests, intents, strict=True):
            header = request.record.header
            approvals = self._count_approvals(act, intent, header)
            self._verify_fresh(intent, header.object_id, act.now, approved=approvals > 0)  # 5
            waiting, grants = self._list_grants(act, header, intent.purpose)
            grant = next((one for one in grants if self._has_room(one, header, pictures)), None)
            how = replace(
                usual, granted=grant is not None, out_of_lane=bool(grants or waiting) and grant is None,
                witnessed=intent.index < self._follower.witnessed, approvals=approvals,
            )  # fmt: skip
            self._rule(act, header, intent.purpose, how, unsigned=waiting[0].id if waiting else None)
            if grant is not None and _is_picture(header):
                sessions.append(grant.id)
        return sessions

    def _rule(
        self, act: _Act, header: SealHeader, purpose: Purpose, how: Circumstances, *, unsigned: str | None
    ) -> None:
        """Raise `Refused` unless the policy allows it as it stands, and say what is missing when only that is missing.

        `unsigned` is a grant that would cover it if somebody had signed it.
        """

        def ask(**changes: bool | int) -> Ruling:
            changed = replace(how, **changes)  # type: ignore[arg-type]  # names and types are those of the class
            return self._policy.ask(act.who, act.action, header, purpose, act.now, how=changed)

        ruling, approvals = ask(), max(1, how.approvals)
        if ruling.allowed:
            return
        facts = {"rule": ruling.rule, "text": ruling.text, "record": header.object_id}
        if how.witnesses and not how.witnessed:
            if ask(witnessed=True).allowed or ask(witnessed=True, approvals=approvals).allowed:
                raise Unwitnessed("the witnesses must have seen this intent first", **facts)
        elif not how.approvals and ask(approvals=approvals).allowed:
            if unsigned is not None:
                raise Unapproved(
                    "the session grant waits for a signature", hint=UNSIGNED, grant=unsigned, **facts
                )
            raise Unapproved("a second person must approve this release first", **facts)
        self._policy.verify(act.who, act.action, header, purpose, act.now, how=how)

    def _verify_fresh(self, intent: _Intent, record: RecordId, now: datetime, *, approved: bool) -> None:
        """Raise `NoIntent` for an intent that is too old, or of the future; an approved one may have waited."""
        oldest = now - (self._habits.approval_wait if approved else self._habits.life)
        if not oldest <= intent.at <= now + SKEW:
            raise NoIntent("the intent is too old or from the future", hint="Log a new one.", record=record)

    def _count_approvals(self, act: _Act, intent: _Intent, header: SealHeader) -> int:
        """Return how many other people, of other roles that may approve it, have approved this very intent lately.

        For an export: how many organisations have signed one that names this record.
        """
        if intent.purpose is Purpose.EXPORT:
            return self._count_consents(act, header)
        standings, who, now = self._follower.standings, act.who, act.now
        if intent.release in standings.declined:
            return 0
        signed = {one.proof: one for one in act.heard.words.get(intent.digest, ())}
        good = set()
        for one in standings.approvals.get(intent.release, ()):
            word = signed.get(one.proof) if self._must_sign else _unsigned(one)
            if word is None or word.approver != one.approver or one.intent != intent.index:
                continue
            fresh = now - self._habits.life <= one.at <= now + SKEW
            if fresh and word.approver != who.id and word.role != who.role:
                good |= {word.approver} if self._may(word, "approve", header, intent.purpose, now) else set()
        return len(good)

    def _count_consents(self, act: _Act, header: SealHeader) -> int:
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
        if best < self._notary.caps.count_needed(len(chosen.records), others):
            raise Refused(
                "so much for one recipient, their organisation or their key in a day needs a third organisation",
                hint="Let a third organisation approve it.", export=chosen.export,
            )  # fmt: skip
        act.given.note(chosen, record, act.now)
        return best

    def _count_organisations(self, act: _Act, consent: Consent, header: SealHeader) -> int:
        """Return the organisations of different people who signed and may, none of whom asked or opens: each counts once."""
        good = {
            one.organisation: one.approver
            for one in consent.signatories
            if one.approver not in (consent.manifest.requester, act.who.id)
            and self._may(one, "approve_export", header, Purpose.EXPORT, act.now)
        }
        return len(set(good.values()))

    def _may(self, one: Signatory, action: str, header: SealHeader, purpose: Purpose, now: datetime) -> bool:
        """Say whether somebody of an organisation in good standing may approve this, by the site's rules."""
        if self._follower.standings.is_suspended(one.organisation):
            return False
        who = Principal(one.approver, one.role, one.organisation)
        return self._policy.ask(who, action, header, purpose, now).allowed

    @property
    def _must_sign(self) -> bool:
        """Whether people's word counts with their signature only."""
        return self._habits.signed or self._witnesses is not None

    def _list_grants(
        self, act: _Act, header: SealHeader, purpose: Purpose
    ) -> tuple[list[Grant], list[Grant]]:
        """Return somebody's grants that wait for a signature, and those that count here.

        Both are no longer than a shift, and witnessed where there are witnesses.
        """
        who = act.who
        waiting: list[Grant] = []
        good: list[Grant] = []
        for one in self._follower.standings.list_grants(who.id, who.organisation, purpose.value, act.now):
            if one.expires_at - one.issued_at <= self._habits.grant_life and self._is_witnessed(one.index):
                (good if self._is_vouched(act, one, header, purpose) else waiting).append(one)
        return waiting, good

    def _is_witnessed(self, index: int) -> bool:
        """Say whether the witnesses have cosigned an entry, where there are any."""
        return self._witnesses is None or index < self._follower.witnessed

    def _is_vouched(self, act: _Act, grant: Grant, header: SealHeader, purpose: Purpose) -> bool:
        """Say whether somebody who may has signed a grant, where that is wanted: its officer, or a second person of another role."""
        if not self._must_sign:
            return True
        logged = {proof for proof, index in grant.signed if self._is_witnessed(index)}
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

    def _has_room(self, grant: Grant, header: SealHeader, pictures: int) -> bool:
        """Say whether a grant covers a record's lane and has that many pictures left."""
        return (
            header.lane in grant.lanes and self._guard.meter.count_session(grant.id) + pictures <= grant.limit
        )


def _unsigned(one: Approval) -> Signatory:
    """Return an approval as its entry tells it, where nobody has to sign."""
    return Signatory(one.approver, one.role, one.organisation, one.proof)


def _is_picture(header: SealHeader) -> bool:
    """Say whether a record shows somebody or something."""
    return pool_of(header.kind) == PICTURES


def _verify_role(caller: Caller, who: Principal) -> None:
    """Raise `Refused` for a role that the client may not speak for."""
    if who.role not in caller.roles:
        raise Refused(
            "this client may not speak for that role",
            hint="The roles of each client are in the keyroom's trust file.",
            client=caller.name,
        )


def _read_intent(request: UnwrapRequest, who: Principal, keeping: Mapping[str, str] | None) -> _Intent:
    """Return the intent of a request when it permits exactly this. Raises `NoIntent` otherwise."""
    entry = decode_entry(request.intent.entry)
    record = request.record.header.object_id
    if entry["type"] != ("open-intent" if keeping is None else "reclass"):
        raise NoIntent("that ledger entry is not an intent to do this", record=record)
    if (entry["object"], entry.get("actor"), entry.get("org")) != (record, who.id, who.organisation):
        raise NoIntent("the intent is for another record or person", record=record)
    if any(entry.get(name) != value for name, value in (keeping or {}).items()):
        raise NoIntent("the intent keeps the record elsewhere or for another reason", record=record)
    if keeping is None and entry["purpose"] not in set(Purpose):
        raise NoIntent("the intent is for a purpose that there is not", record=record)
    if "release" not in entry:
        raise NoIntent("the intent names no release", record=record)
    purpose = Purpose.RECLASSIFICATION if keeping is not None else Purpose(entry["purpose"])
    digest = sha256(request.intent.entry)
    return _Intent(request.intent.index, entry["release"], purpose, from_text(entry["time"]), digest)
