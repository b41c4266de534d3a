"""Whether the gate may do what it is asked: everything but the keys. Checks 1 to 7 of the gate, and what it learns from news.

Owns the order of the checks and what is found out for the policy to judge (bulk, after hours, out of lane, witnessed); who stands behind
an opening is counted in `flow.vouch`.
It believes its own ledger, its own memory and its own clock; of the asker's word only the name, which the client vouches for.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from wayseal.flow.follow import Follower
from wayseal.flow.grant import Grant
from wayseal.flow.guard import Guard
from wayseal.flow.habits import Habits
from wayseal.flow.meter import PICTURES, pool_of
from wayseal.flow.notary import Notary, Testimony
from wayseal.flow.petition import REINSTATEMENT, SIGNED, Petition, settled_entry
from wayseal.flow.policy import Circumstances, Policy, Principal, Ruling
from wayseal.flow.request import Caller, Learned, UnwrapBatch, UnwrapRequest
from wayseal.flow.spent import SpentIntents, StaleProof
from wayseal.flow.standing import Standings
from wayseal.flow.vouch import SKEW, Act, Intent, Vouchers
from wayseal.ledger.checkpoint import Checkpoint, verify_checkpoint
from wayseal.ledger.entry import decode_entry
from wayseal.ledger.note import VerifierKey
from wayseal.ledger.policy import Policy as WitnessPolicy
from wayseal.ledger.proof import hash_leaf, verify_consistency, verify_inclusion
from wayseal.model.clock import Clock, from_text
from wayseal.model.custody import Kind, Purpose, SealHeader
from wayseal.model.errors import NoIntent, Refused, Unapproved, Unwitnessed
from wayseal.model.ids import EpochId, RecordId, epoch_span
from wayseal.retention.schedule import find_hold
from wayseal.seal.suite import sha256

SUSPENDED = "suspended-organisations-do-nothing"
UNSIGNED = (
    "Its officer or a colleague of another role signs it: at the console under /approvals, or as a file."
)
PETITION = (
    "They sign it at the console under /approvals, or as a file; each of them once it is on the ledger."
)
RULES = "site-rules"
"""What the `config` entries about `policy/site.cedar` are about."""


class Admission:
    """The checks of one gate. `log` verifies checkpoints; `witnesses` is the pinned policy, without which nobody witnesses.

    `classes` are the record classes in which something may be kept.
    """

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
        classes: Collection[str],
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
        self._vouchers = Vouchers(policy, follower, habits, notary.caps, pinned=witnesses is not None)
        self._classes = frozenset(classes)
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

    def settle(self, about: str, petition_id: str, news: UnwrapBatch) -> dict[str, Any]:
        """Return the entry that carries out a petition which two people have signed, without the keyroom's seal.

        Raises `Refused` for one that does not wait, whose time is over, that was overtaken by what happened since, or that too few have signed.
        """
        self.learn(news)
        now, standings = self._clock(), self._follower.standings
        one = standings.petitions.waiting.get(petition_id)
        if one is None or one.about != about or now >= one.expires_at:
            raise Refused(
                "no such petition waits, or its time is over", hint="Ask anew.", **{about: petition_id}
            )
        records = _find_subject(one, standings, now)
        checkpoint = self._spent.seen()
        heard = self._notary.hear(news, standings, checkpoint, now)
        if not self._vouchers.is_granted(petition_id, one, heard, now):
            raise Unapproved(
                "two people whom the petition names have to sign it", hint=PETITION, **{about: petition_id}
            )
        return settled_entry(one, records, now)

    def tell(self, entry: Mapping[str, Any]) -> int:
        """Put an entry of the keyroom's own on the ledger, and return its index."""
        (index,) = self._guard.tell([entry])
        return index

    def note_signing(self) -> None:
        """Put on the ledger, once, that names reinstate nobody and lift nothing here any more: where people's word counts signed only."""
        if self._vouchers.must_sign and not self._follower.standings.must_settle:
            digest = sha256(SIGNED.encode()).hex()
            self._guard.tell([{"type": "config", "object": SIGNED, "config_sha256": digest}])

    def is_held(self, epoch: EpochId) -> bool:
        """Say whether an epoch is that of a hold that has neither ended nor been lifted, where only the keyroom lifts one."""
        self._follower.load()
        standings, hold = self._follower.standings, find_hold(epoch_span(epoch)[0])
        held = standings.holds.get(hold or "")
        return standings.must_settle and held is not None and self._clock() < held.until

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
        if keeping is not None:
            self._verify_class(keeping["to_epoch"], batch.requests, heard, now)
        used = [(one.index, one.release) for one in intents]
        with self._spent.spending(
            used, checkpoint, after=seen, now=now
        ) as given:  # 6, undone if 5 or 7 fails
            sessions = self._judge(Act(who, action, now, heard, given), batch.requests, intents)
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
        self._follower.forget(self._clock())
        return checkpoint, seen

    def _verify_standing(self, who: Principal) -> None:
        """Raise `Refused` for somebody whose organisation the ledger calls suspended, or whom its register does not let do anything.

        Whatever the asker says: the register's word on who has left, is trained, and works for a vendor is heard here too.
        """
        if who.suspended or self._follower.standings.is_suspended(who.organisation):
            raise Refused(
                "this organisation is suspended",
                hint="It is reinstated by an assessment and two approvers, on the ledger.",
                rule=SUSPENDED,
                text="The ledger's last word on the organisation is that it is suspended.",
            )
        fault = self._follower.standings.staff.find_fault(who.id, who.organisation, who.role, self._clock())
        if fault is not None:
            raise Refused(
                "by the register on the ledger this person may not do so", hint="wayseal vendor show ORGANISATION.",
                reason=fault, principal=who.id,
            )  # fmt: skip

    def _verify_rules(self) -> None:
        """Raise `Refused` when the rules in force here are not those that the ledger knows."""
        if self._follower.standings.rules.get(RULES) != self._policy.sha256:
            raise Refused(
                "the rules are not the ones on the ledger",
                hint="Put them there: wayseal keyroom roles --yes, with the keyroom stopped.",
            )

    def _verify_class(
        self, epoch: str, requests: Sequence[UnwrapRequest], heard: Testimony, now: datetime
    ) -> None:
        """Raise `Refused` unless records may be kept in an epoch's class: one that the site defines, or a hold's that names them all.

        A class that nobody defines is never swept.
        """
        name = epoch_span(EpochId(epoch))[0]
        if name in self._classes:
            return
        hold = find_hold(name) or ""
        for request in requests:
            header = request.record.header
            if not self._vouchers.covers_hold(hold, header, heard, now):
                raise Refused(
                    "a record is kept in a class of the site, or under a hold on the ledger that two people placed, and signed where people sign",
                    hint="wayseal retention hold writes it first; both whom it names sign it.", record=header.object_id,
                )  # fmt: skip

    def _judge(self, act: Act, requests: Sequence[UnwrapRequest], intents: Sequence[Intent]) -> list[str]:
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
            approvals = self._vouchers.count_approvals(act, intent, header)
            self._verify_fresh(intent, header.object_id, act.now, approved=approvals > 0)  # 5
            waiting, grants = self._vouchers.list_grants(act, header, intent.purpose)
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
        self, act: Act, header: SealHeader, purpose: Purpose, how: Circumstances, *, unsigned: str | None
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

    def _verify_fresh(self, intent: Intent, record: RecordId, now: datetime, *, approved: bool) -> None:
        """Raise `NoIntent` for an intent that is too old, or of the future; an approved one may have waited."""
        oldest = now - (self._habits.approval_wait if approved else self._habits.life)
        if not oldest <= intent.at <= now + SKEW:
            raise NoIntent("the intent is too old or from the future", hint="Log a new one.", record=record)

    def _has_room(self, grant: Grant, header: SealHeader, pictures: int) -> bool:
        """Say whether a grant covers a record's lane and has that many pictures left."""
        return (
            header.lane in grant.lanes and self._guard.meter.count_session(grant.id) + pictures <= grant.limit
        )


def _find_subject(one: Petition, standings: Standings, now: datetime) -> Collection[str]:
    """Return the records of a lift's hold, nothing for a reinstatement. Raises `Refused` where what it asks for is not as it was."""
    if one.about == REINSTATEMENT:
        if standings.suspended.get(one.subject) != one.suspension:
            raise Refused(
                "the organisation is not suspended any more, or was suspended again", hint="Ask anew."
            )
        return ()
    held = standings.holds.get(one.subject)
    if held is None or held.index > one.index or now >= held.until:
        raise Refused("the hold has ended, or is another one by now", hint="wayseal retention holds.")
    return sorted(held.records)


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


def _read_intent(request: UnwrapRequest, who: Principal, keeping: Mapping[str, str] | None) -> Intent:
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
    return Intent(request.intent.index, entry["release"], purpose, from_text(entry["time"]), digest)
