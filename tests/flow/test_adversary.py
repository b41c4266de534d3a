"""The gate against somebody who has everything but the right: forged, replayed, reordered, stale, wrong in every way.

`make chaos` makes 100,000 attempts; the ordinary run some thousands. None may succeed, and an honest one always must.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from lineparts import Line, MovableClock, make_vehicle

from wayseal.flow.policy import Principal
from wayseal.flow.release import Gate, Opener
from wayseal.flow.request import Proven, UnwrapBatch, UnwrapRequest
from wayseal.ledger.checkpoint import SeedSigner, read_checkpoint, sign_checkpoint
from wayseal.ledger.entry import encode_entry
from wayseal.ledger.proof import hash_leaf
from wayseal.model.border import Encounter, Seat
from wayseal.model.clock import to_text
from wayseal.model.custody import Kind, Purpose, SealedRecord
from wayseal.model.errors import WaysealError
from wayseal.model.ids import RecordId
from wayseal.seal.envelope import parse_record
from wayseal.store import records as record_rows
from wayseal.store.centre import read_record
from wayseal.store.engine import read

ATTEMPTS = {"short": 3_000, "long": 100_000}
OFFICER = Principal("officer-7", "officer", "agency")
THIEF = Principal("thief", "vendor", "prime")


@dataclass
class Loot:
    """What the attacker holds: sealed records, honest requests fresh and used, the opener's parts."""

    line: Line
    gate: Gate
    opener: Opener
    records: list[SealedRecord]
    fresh: UnwrapBatch
    used: UnwrapBatch
    rng: random.Random

    def renew(self) -> None:
        """Write a new honest intent and keep its request without sending it."""
        self.fresh = self.honest(OFFICER)

    def honest(self, who: Principal, record: SealedRecord | None = None) -> UnwrapBatch:
        """Return a batch as an honest opener would send it."""
        wanted = record or self.records[0]
        releases = self.opener.request(who, [wanted.header.object_id], Purpose.PRIMARY_INSPECTION)
        return self.opener._prove([wanted], releases)


@pytest.fixture(autouse=True)
def wide_allowance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no allowance and no hour's habit run out: here the proofs must stop the thief, not the counting."""
    monkeypatch.setenv("WAYSEAL_KEYROOM__PICTURES_BURST", "1000000")
    monkeypatch.setenv("WAYSEAL_RELEASE__BULK_PER_HOUR", "1000000")


@pytest.fixture
def loot(line: Line, clock: MovableClock) -> Loot:
    """A site with two vehicles, whose faces somebody wants."""
    lane = line.lane()
    answers = [
        line.drive(lane, make_vehicle(clock, {Seat.DRIVER: n, Seat.FRONT_PASSENGER: n + 50})) for n in (1, 2)
    ]
    records = [parse_record(read_record(line.site.store, face)) for face in _faces(line, answers)]
    opener = line.site.opener
    gate = opener.keys
    assert isinstance(gate, Gate)
    empty = UnwrapBatch("", 0, (), ())
    found = Loot(line, gate, opener, records, empty, empty, random.Random(20))
    found.used = found.honest(OFFICER)
    gate.unwrap(OFFICER, found.used)
    found.renew()
    return found


def _faces(line: Line, answers: list[Encounter]) -> Iterator[RecordId]:
    """Give the ids of all faces."""
    with read(line.site.store.engine) as connection:
        for answer in answers:
            for row in record_rows.list_encounter_records(connection, answer.id):
                if row.kind is Kind.FACE:
                    yield row.object_id


def _change(batch: UnwrapBatch, **fields: object) -> UnwrapBatch:
    """Return the batch with its only request's intent changed."""
    (request,) = batch.requests
    return replace(batch, requests=(replace(request, intent=replace(request.intent, **fields)),))


def _flip(data: bytes, rng: random.Random) -> bytes:
    """Return bytes with one bit flipped."""
    place, bit = rng.randrange(len(data)), rng.randrange(8)
    return data[:place] + bytes([data[place] ^ (1 << bit)]) + data[place + 1 :]


def attack_replay(loot: Loot) -> tuple[Principal, UnwrapBatch]:
    """Send a used request again."""
    return OFFICER, loot.used


def attack_replay_moved(loot: Loot) -> tuple[Principal, UnwrapBatch]:
    """Send a used intent again under today's checkpoint."""
    index = loot.used.requests[0].intent.index
    size = read_checkpoint(loot.fresh.checkpoint).size
    proven = Proven(
        loot.line.site.ledger.raw(index), index, tuple(loot.line.site.ledger.inclusion(index, size))
    )
    return OFFICER, replace(loot.fresh, requests=(UnwrapRequest(loot.records[0], proven),))


def attack_twice_in_one(loot: Loot) -> tuple[Principal, UnwrapBatch]:
    """Use one intent for two requests in one batch."""
    return OFFICER, replace(loot.fresh, requests=loot.fresh.requests * 2)


def attack_other_record(loot: Loot) -> tuple[Principal, UnwrapBatch]:
    """Use an honest intent for another record."""
    intent = loot.fresh.requests[0].intent
    return OFFICER, replace(loot.fresh, requests=(UnwrapRequest(loot.rng.choice(loot.records[1:]), intent),))


def attack_other_person(loot: Loot) -> tuple[Principal, UnwrapBatch]:
    """Use somebody else's intent."""
    return loot.rng.choice([THIEF, Principal("officer-8", "officer", "agency")]), loot.fresh


def attack_other_role(loot: Loot) -> tuple[Principal, UnwrapBatch]:
    """Ask under the right name in a role that may not."""
    role = loot.rng.choice(["vendor", "auditor", "matcher", "stranger", ""])
    return replace(OFFICER, role=role), loot.fresh


def attack_index(loot: Loot) -> tuple[Principal, UnwrapBatch]:
    """Claim another place on the ledger."""
    return OFFICER, _change(
        loot.fresh, index=loot.fresh.requests[0].intent.index + loot.rng.choice([-2, -1, 1, 10**6])
    )


def attack_path(loot: Loot) -> tuple[Principal, UnwrapBatch]:
    """Alter, cut or lengthen the inclusion proof."""
    path = list(loot.fresh.requests[0].intent.path)
    act = loot.rng.randrange(4)
    if act == 0:
        place = loot.rng.randrange(len(path))
        path[place] = _flip(path[place], loot.rng)
    elif act == 1:
        path.pop(loot.rng.randrange(len(path)))
    elif act == 2:
        path.insert(loot.rng.randrange(len(path) + 1), loot.rng.randbytes(32))
    else:
        path = path[::-1] if path != path[::-1] else [*path, path[0]]
    return OFFICER, _change(loot.fresh, path=tuple(path))


def attack_entry(loot: Loot) -> tuple[Principal, UnwrapBatch]:
    """Alter the intent's bytes."""
    return OFFICER, _change(loot.fresh, entry=_flip(loot.fresh.requests[0].intent.entry, loot.rng))


def attack_forged_entry(loot: Loot) -> tuple[Principal, UnwrapBatch]:
    """Write an intent that was never on the ledger, with a proof made to fit nothing."""
    record = loot.rng.choice(loot.records)
    entry = encode_entry({
        "type": "open-intent", "time": to_text(loot.line.clock.now), "object": record.header.object_id,
        "actor": OFFICER.id, "org": "agency", "purpose": "primary_inspection",
    })  # fmt: skip
    path = (hash_leaf(entry), *loot.fresh.requests[0].intent.path)
    return OFFICER, replace(
        loot.fresh, requests=(UnwrapRequest(record, Proven(entry, loot.rng.randrange(40), path)),)
    )


def attack_wrong_type(loot: Loot) -> tuple[Principal, UnwrapBatch]:
    """Present another entry about the same record (its capture, an opening that is done) as an intent."""
    ledger = loot.line.site.ledger
    numbers = [
        n
        for n in ledger.find(object=loot.records[0].header.object_id)
        if ledger.entry(n)["type"] != "open-intent"
    ]
    index = loot.rng.choice(numbers)
    size = read_checkpoint(loot.fresh.checkpoint).size
    proven = Proven(ledger.raw(index), index, tuple(ledger.inclusion(index, size)))
    return OFFICER, replace(loot.fresh, requests=(UnwrapRequest(loot.records[0], proven),))


def attack_forged_checkpoint(loot: Loot) -> tuple[Principal, UnwrapBatch]:
    """Sign a checkpoint with keys of one's own."""
    signer = SeedSigner(loot.rng.randbytes(32), loot.rng.randbytes(32))
    checkpoint = read_checkpoint(loot.fresh.checkpoint)
    return OFFICER, replace(loot.fresh, checkpoint=sign_checkpoint(checkpoint, signer, clock=loot.line.clock))


def attack_checkpoint_text(loot: Loot) -> tuple[Principal, UnwrapBatch]:
    """Alter the signed checkpoint's text, or drop its post-quantum signature line."""
    note = loot.fresh.checkpoint
    if loot.rng.randrange(4) == 0:
        return OFFICER, replace(loot.fresh, checkpoint="\n".join(note.split("\n")[:-2]) + "\n")
    altered = _flip(note.encode(), loot.rng).decode("utf-8", "replace")
    return OFFICER, replace(loot.fresh, checkpoint=altered)


def attack_rollback(loot: Loot) -> tuple[Principal, UnwrapBatch]:
    """Present an older checkpoint than the gate has seen."""
    since = loot.gate.seen_size()
    return OFFICER, replace(loot.used, since=since, consistency=())


def attack_consistency(loot: Loot) -> tuple[Principal, UnwrapBatch]:
    """Alter the proof that the ledger only grew, or claim that the gate has seen less."""
    if loot.rng.randrange(3) == 0:
        return OFFICER, replace(loot.fresh, since=0, consistency=())
    path = [*loot.fresh.consistency, loot.rng.randbytes(32)]
    place = loot.rng.randrange(len(path))
    path[place] = _flip(path[place], loot.rng)
    return OFFICER, replace(loot.fresh, consistency=tuple(path))


def attack_record_bytes(loot: Loot) -> tuple[Principal, UnwrapBatch]:
    """Alter the sealed record under an honest intent."""
    record = loot.records[0]
    data = _flip(record.data, loot.rng)
    (request,) = loot.fresh.requests
    return OFFICER, replace(loot.fresh, requests=(replace(request, record=replace(record, data=data)),))


CHEAP: list[Callable[[Loot], tuple[Principal, UnwrapBatch]]] = [
    attack_replay, attack_replay_moved, attack_twice_in_one, attack_other_record, attack_other_person, attack_other_role,
    attack_index, attack_path, attack_entry, attack_forged_entry, attack_wrong_type, attack_forged_checkpoint,
    attack_checkpoint_text, attack_rollback, attack_consistency, attack_record_bytes,
]  # fmt: skip


def run_attacks(loot: Loot, attempts: int) -> int:
    """Make attempts of every kind, a fresh honest intent now and then, and return how many succeeded."""
    opened = 0
    for number in range(attempts):
        if number % 16 == 0:
            loot.renew()
        attack = CHEAP[number % len(CHEAP)]
        who, batch = attack(loot)
        try:
            loot.gate.unwrap(who, batch)
        except WaysealError:
            continue
        opened += 1
        pytest.fail(f"{attack.__name__} opened a record")
    return opened


def test_no_attack_opens(loot: Loot) -> None:
    """Some thousand attempts of sixteen kinds: none succeeds; afterwards an honest request still does."""
    assert run_attacks(loot, ATTEMPTS["short"]) == 0
    assert len(loot.gate.unwrap(OFFICER, loot.honest(OFFICER))) == 1


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_no_attack_opens_chaos(loot: Loot) -> None:
    """One hundred thousand attempts: none succeeds."""
    assert run_attacks(loot, ATTEMPTS["long"]) == 0
    assert len(loot.gate.unwrap(OFFICER, loot.honest(OFFICER))) == 1


def test_stale_intent(loot: Loot) -> None:
    """An intent outlives its minutes by nothing, and one from the future is refused."""
    loot.line.clock.move(timedelta(seconds=loot.line.site.settings.release.seconds + 1))
    with pytest.raises(WaysealError, match="too old"):
        loot.gate.unwrap(OFFICER, loot.fresh)
    loot.line.clock.move(-timedelta(hours=1))
    with pytest.raises(WaysealError, match="future"):
        loot.gate.unwrap(OFFICER, loot.fresh)


def test_race_with_erasure(loot: Loot) -> None:
    """An honest request that arrives after the epoch's key died opens nothing."""
    loot.line.site.keyroom.vault.destroy(loot.records[0].epoch)
    with pytest.raises(WaysealError, match="destroyed"):
        loot.gate.unwrap(OFFICER, loot.fresh)


def test_refused_batch_spends_nothing(loot: Loot) -> None:
    """A batch in which one request fails opens none and uses no intent up."""
    good, bad = loot.fresh, attack_other_record(loot)[1]
    with pytest.raises(WaysealError):
        loot.gate.unwrap(OFFICER, replace(good, requests=good.requests + bad.requests))
    assert len(loot.gate.unwrap(OFFICER, good)) == 1
