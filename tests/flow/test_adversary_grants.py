"""The gate with pinned witnesses against somebody who writes what they like on the ledger, and holds no witness's key.

The attacker has the centre: its log key, its ledger, its clients' names. `make chaos` makes 100,000 attempts; the ordinary run
some hundreds. None may succeed, and honest work under a grant always must.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest
from lineparts import PASSPHRASE, Line, MovableClock, make_vehicle
from signingparts import add_signer, sign_shift
from witnessparts import Bench, make_bench

from wayseal.flow.papers import gather_grants
from wayseal.flow.policy import Principal
from wayseal.flow.request import UnwrapBatch
from wayseal.ledger.checkpoint import SeedSigner, cosign_checkpoint, read_checkpoint
from wayseal.ledger.note import Note, parse_note
from wayseal.model.border import Seat
from wayseal.model.clock import to_text
from wayseal.model.custody import Kind, Purpose, Release, SealedRecord
from wayseal.model.errors import Refused, Unapproved, Unwitnessed, WaysealError
from wayseal.model.ids import RecordId, new_ulid
from wayseal.seal.envelope import parse_record
from wayseal.station.shift import begin_shift
from wayseal.station.site import Site, init_site, open_site
from wayseal.store import records as record_rows
from wayseal.store.centre import read_record
from wayseal.store.engine import read

ATTEMPTS = {"short": 800, "long": 100_000}
PRIMARY = Purpose.PRIMARY_INSPECTION
OFFICER = Principal("officer-7", "officer", "agency")
THIEF = Principal("officer-9", "officer", "agency")
GUEST = Principal("guest-1", "officer", "maintainer")
EVERY = 100
"""Attempts after which everything is prepared anew."""


@dataclass
class Siege:
    """A site with two lanes, witnesses that have seen the ledger up to a moment, and what the attacker has prepared since."""

    line: Line
    bench: Bench
    faces: dict[str, SealedRecord]
    rng: random.Random
    prepared: dict[str, tuple[Principal, UnwrapBatch]] = field(default_factory=dict)

    @property
    def site(self) -> Site:
        """The site."""
        return self.line.site

    def want(
        self, who: Principal, lane: str = "in1", count: int = 1
    ) -> tuple[list[SealedRecord], list[Release]]:
        """Write honest intents for pictures of a lane."""
        record = self.faces[lane]
        return [record] * count, self.site.opener.request(who, [record.header.object_id] * count, PRIMARY)

    def grant(self, who: Principal, **changes: object) -> None:
        """Write a grant that nobody cosigns."""
        now = self.line.clock()
        entry = {
            "type": "grant", "object": new_ulid(now), "actor": who.id, "org": who.organisation, "lanes": ["in1", "in2"],
            "purpose": PRIMARY.value, "time": to_text(now), "expires": to_text(now + timedelta(hours=8)), "limit": 10**6,
        } | changes  # fmt: skip
        self.site.ledger.append([entry])

    def approve(self, release: Release, actor: str, role: str, **changes: object) -> None:
        """Write an approval, whoever it is said to be of."""
        entry = {
            "type": "release-approve", "object": release.id, "intent": release.ledger_index, "actor": actor, "org": "agency",
            "role": role,
        } | changes  # fmt: skip
        self.site.ledger.append([entry])

    def prepare(self) -> None:
        """Write everything that the attacks need, and prove it under one checkpoint of the log alone."""
        wishes: dict[str, tuple[Principal, tuple[list[SealedRecord], list[Release]]]] = {}
        for name, write in PREPARED.items():
            wishes[name] = write(self)
        self.prepared = {name: (who, self.prove(who, *wish)) for name, (who, wish) in wishes.items()}

    def prove(
        self, who: Principal, records: list[SealedRecord], releases: list[Release], *, witnessed: bool = False
    ) -> UnwrapBatch:
        """Return a proved request with whatever people have signed for somebody's shifts."""
        batch = self.site.opener._prove(records, releases, witnessed=witnessed)
        papers = gather_grants(self.site.ledger, self.site.store, who.id, self.line.clock())
        return replace(batch, papers=tuple(papers))


Wish = tuple[Principal, tuple[list[SealedRecord], list[Release]]]


def without_a_grant(siege: Siege) -> Wish:
    """Ask as an officer who has none."""
    return THIEF, siege.want(THIEF)


def own_grant(siege: Siege) -> Wish:
    """Write oneself a grant that no witness has seen."""
    siege.grant(THIEF)
    return THIEF, siege.want(THIEF)


def other_lane(siege: Siege) -> Wish:
    """Use a witnessed grant for a lane that it does not name."""
    return OFFICER, siege.want(OFFICER, "in2")


def wider_grant(siege: Siege) -> Wish:
    """Widen a witnessed grant by a second entry under its id."""
    held = siege.site.ledger.entry(siege.site.ledger.find(type="grant", actor=OFFICER.id)[0])
    siege.grant(OFFICER, object=held["object"])
    return OFFICER, siege.want(OFFICER, "in2")


def borrowed_signature(siege: Siege) -> Wish:
    """Say that the supervisor has signed one's own grant, with the digest of what they signed for somebody else's."""
    siege.grant(THIEF)
    good = siege.site.ledger.find(type="grant-approve", actor="chief")[0]
    (mine,) = siege.site.ledger.find(type="grant", actor=THIEF.id)[-1:]
    said = {"object": siege.site.ledger.entry(mine)["object"], "intent": mine}
    siege.site.ledger.append([siege.site.ledger.entry(good) | said | {"session": said["object"]}])
    return THIEF, siege.want(THIEF)


def foreign_grant(siege: Siege) -> Wish:
    """Say that somebody else's organisation has the grant."""
    who = replace(OFFICER, organisation="prime")
    return who, siege.want(who)


def bulk(siege: Siege) -> Wish:
    """Ask for many pictures at once under a good grant, approved and not cosigned."""
    records, releases = siege.want(OFFICER, count=5)
    for release in releases:
        siege.approve(release, "boss-1", "supervisor")
    return OFFICER, (records, releases)


def own_approval(siege: Siege) -> Wish:
    """Approve one's own release in another role."""
    records, (release,) = siege.want(OFFICER, "in2")
    siege.approve(release, OFFICER.id, "supervisor")
    return OFFICER, (records, [release])


def colleague(siege: Siege) -> Wish:
    """Have it approved by somebody of the same role, and by roles that approve nothing."""
    records, (release,) = siege.want(OFFICER, "in2")
    for role in ("officer", "matcher", "vendor", "stranger"):
        siege.approve(release, f"{role}-8", role)
    return OFFICER, (records, [release])


def other_release(siege: Siege) -> Wish:
    """Use the approval of another release, or one that names another intent."""
    _, (other,) = siege.want(OFFICER, "in2")
    siege.approve(other, "boss-1", "supervisor")
    records, (release,) = siege.want(OFFICER, "in2")
    siege.approve(release, "boss-1", "supervisor", intent=other.ledger_index)
    return OFFICER, (records, [release])


def early_approval(siege: Siege) -> Wish:
    """Date an approval into the future, or long ago."""
    records, (release,) = siege.want(OFFICER, "in2")
    now = siege.line.clock()
    for offset in (timedelta(hours=1), timedelta(hours=-5)):
        siege.approve(release, "boss-1", "supervisor", time=to_text(now + offset))
    return OFFICER, (records, [release])


def suspended(siege: Siege) -> Wish:
    """Work for an organisation that is suspended, reinstated by nobody, and say that it is not."""
    half = {"type": "org-status", "object": "maintainer", "status": "reinstated"}
    siege.site.ledger.append([half | {"status": "suspended"}, half, half | {"approvers": ["a", "b"]}])
    siege.grant(GUEST)
    return GUEST, siege.want(GUEST)


def suspended_approver(siege: Siege) -> Wish:
    """Have it approved by a suspended organisation's supervisor."""
    records, (release,) = siege.want(OFFICER, "in2")
    siege.approve(release, "boss-2", "supervisor", org="maintainer")
    return OFFICER, (records, [release])


PREPARED: dict[str, Callable[[Siege], Wish]] = {
    write.__name__: write
    for write in (
        without_a_grant, own_grant, borrowed_signature, other_lane, wider_grant, foreign_grant, bulk, own_approval, colleague, other_release,
        early_approval, suspended, suspended_approver,
    )
}  # fmt: skip


def attack(siege: Siege) -> tuple[str, Principal, UnwrapBatch]:
    """Return the next attempt: something prepared, as it is or under cosignatures that the attacker could make."""
    name = siege.rng.choice(list(siege.prepared))
    who, batch = siege.prepared[name]
    act = siege.rng.randrange(5)
    if act == 1:
        batch = replace(batch, checkpoint=forge_cosignatures(siege, batch.checkpoint))
    elif act == 2:
        batch = replace(batch, checkpoint=borrow_cosignatures(siege, batch.checkpoint))
    elif act == 3:
        who = replace(
            who,
            suspended=False,
            training_valid=True,
            role=siege.rng.choice(["officer", "supervisor", "vendor"]),
        )
    elif act == 4:
        twin = siege.prepared[siege.rng.choice(list(siege.prepared))][1]
        batch = replace(batch, requests=(*batch.requests, *twin.requests))
    return name, who, batch


def forge_cosignatures(siege: Siege, text: str) -> str:
    """Cosign with keys of one's own under the witnesses' names, or under names nobody knows."""
    note = parse_note(text)
    names = siege.rng.choice([("audit.example/w", "privacy.example/w"), ("x.example/w", "y.example/w")])
    lines = list(note.signatures)
    for name in names:
        signer = SeedSigner(siege.rng.randbytes(32), siege.rng.randbytes(32))
        lines += cosign_checkpoint(read_checkpoint(text), name, signer, clock=siege.line.clock)
    return str(Note(note.text, tuple(lines)))


def borrow_cosignatures(siege: Siege, text: str) -> str:
    """Put the witnesses' good cosignatures of an earlier checkpoint under this one."""
    note = parse_note(text)
    held = siege.site.ledger.latest_checkpoint(cosigned=True)
    assert held is not None
    own = {line.name for line in note.signatures}
    lines = [line for line in parse_note(held).signatures if line.name not in own]
    return str(Note(note.text, (*note.signatures, *lines)))


@pytest.fixture
def siege(
    home: Path, tmp_path: Path, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Siege]:
    """The site; one officer has a witnessed grant for one lane, and the witnesses have gone home."""
    monkeypatch.setenv("WAYSEAL_KEYROOM__PICTURES_BURST", "1000000")
    monkeypatch.setenv("WAYSEAL_RELEASE__BULK_BATCH", "4")
    with make_bench(tmp_path) as bench:
        init_site(home, PASSPHRASE, evaluation=True, witnesses=bench.policy(), clock=clock)
        with open_site(home, PASSPHRASE, clock=clock) as site:
            yield besiege(Line(site, clock), bench)


def besiege(line: Line, bench: Bench) -> Siege:
    """Let two vehicles pass and an officer begin the shift; then stop the witnesses."""
    site, faces = line.site, {}
    bench.serve(site, "audit", "privacy")
    for lane in ("in1", "in2"):
        answered = line.drive(line.lane(lane), make_vehicle(line.clock, {Seat.DRIVER: 1}))
        with read(site.store.engine) as connection:
            rows = record_rows.list_encounter_records(connection, answered.id)
        face = next(RecordId(row.object_id) for row in rows if row.kind is Kind.FACE)
        faces[lane] = parse_record(read_record(site.store, face))
    add_signer(site, "chief", "supervisor")
    assert sign_shift(site, "chief", begin_shift(site, OFFICER, {"in1"})).witnessed
    bench.stop("audit", "privacy")
    return Siege(line, bench, faces, random.Random(31))


def run_siege(siege: Siege, attempts: int) -> int:
    """Make attempts, everything prepared anew now and then, and return how many succeeded."""
    opened = 0
    for number in range(attempts):
        if number % EVERY == 0:
            siege.prepare()
        name, who, batch = attack(siege)
        try:
            siege.site.opener.keys.unwrap(who, batch)
        except WaysealError:
            continue
        opened += 1
        pytest.fail(f"{name} opened a record")
    return opened


def test_no_attack_opens(siege: Siege) -> None:
    """Eight hundred attempts of thirteen kinds, five ways each: none succeeds, and work under the grant goes on."""
    assert run_siege(siege, ATTEMPTS["short"]) == 0
    records, releases = siege.want(OFFICER)
    assert len(siege.site.opener.open(OFFICER, releases)) == len(records)


REASONS = {
    "without_a_grant": (Unwitnessed, "pictures-are-opened-under-a-grant"),
    "own_grant": (Unwitnessed, "pictures-are-opened-under-a-grant"),
    "bulk": (Unwitnessed, "unusual-openings-are-witnessed-first"),
    "foreign_grant": (Unwitnessed, "pictures-are-opened-under-a-grant"),
    "suspended": (Refused, "suspended-organisations-do-nothing"),
}
"""Which rule stops what; the others are stopped by the first two rules and by the count of approvals."""


def test_each_attack_alone(siege: Siege) -> None:
    """Each prepared attempt as it stands is refused by the rule that is meant for it, and spends nothing."""
    siege.prepare()
    for name, (who, batch) in siege.prepared.items():
        with pytest.raises(Refused) as refusal:
            siege.site.opener.keys.unwrap(who, batch)
        kind, rule = REASONS.get(name, (Unwitnessed, ""))
        assert (name, refusal.type) == (name, kind)
        assert (name, rule or refusal.value.facts["rule"]) == (name, refusal.value.facts["rule"])


def test_witnesses_alone_are_not_enough(siege: Siege) -> None:
    """With every intent, approval and grant cosigned by the real quorum, what lacks a person's signature still does not open."""
    wishes = {name: write(siege) for name, write in PREPARED.items()}
    siege.bench.serve(siege.site, "audit", "privacy")
    for name, (who, wish) in wishes.items():
        batch = siege.prove(who, *wish, witnessed=True)
        with pytest.raises(Refused) as refusal:
            siege.site.opener.keys.unwrap(who, batch)
        assert (name, refusal.type) in {(name, Unapproved), ("suspended", Refused)}


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_no_attack_opens_chaos(siege: Siege, monkeypatch: pytest.MonkeyPatch) -> None:
    """One hundred thousand attempts: none succeeds."""
    monkeypatch.setattr("test_adversary_grants.EVERY", 2000)
    assert run_siege(siege, ATTEMPTS["long"]) == 0
    _, releases = siege.want(OFFICER)
    assert len(siege.site.opener.open(OFFICER, releases)) == 1
