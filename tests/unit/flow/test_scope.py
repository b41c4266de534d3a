"""An incident's scope, from the ledger alone, against a count by hand."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from wayseal.flow.scope import Question, Scope, describe_scope, scope_incident
from wayseal.ledger.checkpoint import SeedSigner, log_keys, verify_checkpoint
from wayseal.ledger.log import Ledger
from wayseal.ledger.proof import hash_leaf, verify_inclusion
from wayseal.ledger.span import SpanProof, verify_span
from wayseal.model.clock import to_text
from wayseal.model.errors import Invalid, LedgerBroken, NotFound
from wayseal.model.ids import epoch_id, new_ulid, ulid_time
from wayseal.model.oversight import SubjectKind

START = datetime(2036, 3, 1, 8, tzinfo=UTC)
DEVICE = "ab" * 32


def at(hours: float) -> datetime:
    """Return a moment of the story."""
    return START + timedelta(hours=hours)


class Story:
    """A ledger written by hand, one act after another."""

    def __init__(self, folder: Path) -> None:
        self.ledger = Ledger.create(folder, origin="agency/port")
        self.signer = SeedSigner(os.urandom(32), os.urandom(32))
        self.keys = log_keys(self.ledger.origin, self.signer)

    def write(self, hours: float, entry: str, **fields: Any) -> int:
        """Append one entry and return its index."""
        return self.ledger.append([{"type": entry, "time": to_text(at(hours)), **fields}])[0]

    def capture(self, hours: float, kind: str = "face", lane: str = "lane-1", device: str = DEVICE) -> str:
        """Capture one record and return its id."""
        record = new_ulid(at(hours))
        self.write(
            hours, "capture", object=record, lane=lane, kind=kind, device=device,
            epoch=epoch_id("citizen", at(hours)), sealed_sha256="cd" * 32,
        )  # fmt: skip
        return record

    def open(
        self, hours: float, record: str, actor: str, *, org: str = "agency", outcome: str | None = "opened"
    ) -> None:
        """Ask for a record, and say how it ended unless `outcome` is None."""
        release = new_ulid(at(hours))
        intent = self.write(
            hours,
            "open-intent",
            object=record,
            actor=actor,
            org=org,
            purpose="primary_inspection",
            release=release,
        )
        if outcome is not None:
            self.write(
                hours,
                "open-done",
                object=record,
                actor=actor,
                intent=intent,
                release=release,
                outcome=outcome,
            )

    def erase(self, hours: float, hour: float) -> None:
        """Destroy the key of an hour."""
        epoch = epoch_id("citizen", at(hour))
        intent = self.write(hours, "erase", object=epoch)
        self.write(hours, "erase-done", object=epoch, intent=intent)

    def scope(self, kind: SubjectKind, name: str, since: float, until: float, **more: Any) -> Scope:
        """Sign the ledger and scope it; policy lets everybody open faces and plates of lane-1."""
        self.ledger.sign_checkpoint(self.signer)
        question = Question(kind, name, at(since), at(until), **more)
        scope, _ = scope_incident(
            self.ledger, self.keys, question,
            may_open=lambda what, _, lane: what in {"face", "plate"} and lane == "lane-1",
        )  # fmt: skip
        return scope


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    """An empty ledger to tell a story on."""
    told = Story(tmp_path / "ledger")
    yield told
    told.ledger.close()


def test_officer_scope_counts_by_hand(story: Story) -> None:
    """Opened, reachable, live and erased are what happened, and nobody else's openings count."""
    first, second, third = story.capture(0.1), story.capture(0.2, "plate"), story.capture(0.3, "scene")
    other_lane = story.capture(1.5, lane="lane-2")
    template = story.capture(1.6, "template")
    story.open(2, first, "officer:a")
    story.open(2.1, other_lane, "officer:a")
    story.open(2.2, second, "officer:b")
    story.erase(3, 0)
    late = story.capture(9)
    scope = story.scope(SubjectKind.PRINCIPAL, "officer:a", 1, 4)
    assert scope.opened == tuple(sorted((first, other_lane)))
    assert scope.records == tuple(sorted((first, second, other_lane)))
    assert not {third, template, late} & set(scope.records)
    assert (scope.reachable, scope.people, scope.still_live, scope.already_erased) == (2, 2, 1, 2)
    assert scope.lanes == {"lane-1": 2, "lane-2": 1}
    assert scope.days == {"2036-03-01": 3}
    assert scope.classes == {"citizen": 3}


def test_erased_before_is_not_in_scope(story: Story) -> None:
    """What nobody could open any more when it began is not part of it."""
    story.capture(0.1)
    story.erase(1, 0)
    alive = story.capture(1.2)
    assert story.scope(SubjectKind.PRINCIPAL, "officer:a", 2, 3).records == (alive,)


def test_refused_opening_is_not_proven(story: Story) -> None:
    """A refused opening proves nothing; one whose end is missing counts as reachable, whatever policy says."""
    refused, open_end = story.capture(0.1, lane="lane-2"), story.capture(0.2, lane="lane-2")
    story.open(1, refused, "officer:a", outcome="refused")
    story.open(1, open_end, "officer:a", outcome=None)
    scope = story.scope(SubjectKind.PRINCIPAL, "officer:a", 0, 2)
    assert (scope.opened, scope.records, scope.unfinished) == ((), (open_end,), 1)


def test_kept_record_outlives_its_hour(story: Story) -> None:
    """A record that was moved to a longer class is live when its first hour is gone, and is counted in that class."""
    kept, gone = story.capture(0.1), story.capture(0.2)
    story.write(
        1, "reclass", object=kept, from_class="citizen", to_class="hold", reason="court-order",
        to_epoch=epoch_id("hold", at(1)),
    )  # fmt: skip
    story.erase(2, 0)
    scope = story.scope(SubjectKind.PRINCIPAL, "officer:a", 0, 1.5)
    assert set(scope.records) == {kept, gone}
    assert (scope.still_live, scope.classes) == (1, {"citizen": 1, "hold": 1})


def test_refused_move_moves_nothing(story: Story) -> None:
    """A re-wrap that the keyroom refused leaves the record in its hour: it dies with it, and is counted in its first class."""
    kept = story.capture(0.1)
    reclass = story.write(
        1, "reclass", object=kept, from_class="citizen", to_class="hold", reason="court-order",
        to_epoch=epoch_id("hold", at(1)),
    )  # fmt: skip
    story.write(1, "open-done", object=kept, intent=reclass, outcome="refused")
    story.erase(2, 0)
    scope = story.scope(SubjectKind.PRINCIPAL, "officer:a", 0, 1.5)
    assert (scope.still_live, scope.already_erased, scope.classes) == (0, 1, {"citizen": 1})


def test_organisation_counts_its_people_exports_and_devices(story: Story) -> None:
    """An organisation answers for its people's openings, for what was exported to it, and for what its devices saw live."""
    opened, exported = story.capture(0.1, lane="lane-2"), story.capture(0.2, lane="lane-2")
    seen = story.capture(0.3, "scene", lane="lane-2", device="ef" * 32)
    story.open(1, opened, "tech:1", org="subcontractor")
    story.write(
        1.2, "export-release", object=new_ulid(at(1.2)), manifest_sha256="12" * 32, records=[exported],
        recipient="subcontractor",
    )  # fmt: skip
    scope = story.scope(
        SubjectKind.ORGANISATION,
        "subcontractor",
        0,
        3,
        devices=frozenset({"ef" * 32}),
        equipment=frozenset({"host-2"}),
    )
    assert set(scope.records) == {opened, exported, seen}
    assert (scope.opened, scope.exported, len(scope.evidence)) == ((opened,), (exported,), 3)


def test_device_is_exposed_while_its_word_is_not_good(story: Story) -> None:
    """What a device saw between two passed attestations counts as safe; before, after a failure, and up to the next pass not."""
    before = story.capture(0.5)
    story.write(1, "attest", object="host-1", result="pass")
    safe = story.capture(1.5)
    story.write(2, "attest", object="host-1", result="pass")
    doubtful = story.capture(2.5)
    story.write(3, "attest", object="host-1", result="fail")
    bad = story.capture(3.5)
    story.write(4, "attest", object="host-1", result="pass")
    scope = story.scope(
        SubjectKind.DEVICE, "host-1", 0, 5, devices=frozenset({DEVICE}), equipment=frozenset({"host-1"})
    )
    assert set(scope.records) == {before, doubtful, bad}
    assert safe not in scope.records


def test_one_devices_pass_does_not_vouch_for_another(story: Story) -> None:
    """Of two devices of one organisation, the one that failed is not covered by the other's pass; the other's lane is not in doubt."""
    for lane, host in (("lane-1", "host-1"), ("lane-2", "host-2")):
        story.write(0, "attest", object=host, result="pass", lane=lane)
    story.write(1, "attest", object="host-1", result="fail")
    story.write(1.1, "attest", object="host-2", result="pass")
    bad, fine = story.capture(1.5, lane="lane-1"), story.capture(1.5, lane="lane-2", device="ef" * 32)
    places = {"lane-1": frozenset({"host-1"}), "lane-2": frozenset({"host-2"})}
    scope = story.scope(
        SubjectKind.DEVICE, "subcontractor", 0, 3, equipment=frozenset({"host-1", "host-2"}), places=places
    )
    assert bad in scope.records
    assert fine not in scope.records


def test_daily_pass_does_not_mend_a_failed_catalogue(story: Story) -> None:
    """After the whole catalogue failed, a pass of the daily probes alone does not make a device's word good again."""
    story.write(0, "attest", object="host-1", result="fail", cycle="full")
    story.write(1, "attest", object="host-1", result="pass", cycle="daily")
    doubtful = story.capture(1.5)
    story.write(2, "attest", object="host-1", result="pass", cycle="full")
    safe = story.capture(2.5)
    scope = story.scope(
        SubjectKind.DEVICE, "host-1", 0, 3, devices=frozenset({DEVICE}), equipment=frozenset({"host-1"})
    )
    assert scope.records == (doubtful,)
    assert safe not in scope.records


def test_old_pass_vouches_for_nothing(story: Story) -> None:
    """A device that passed once and was never looked at again is in doubt from the day on which its assessment was due."""
    story.write(0, "attest", object="host-1", result="pass")
    fresh, stale = story.capture(24 * 89), story.capture(24 * 90 + 1)
    scope = story.scope(
        SubjectKind.DEVICE, "host-1", 0, 24 * 91, devices=frozenset({DEVICE}), equipment=frozenset({"host-1"})
    )
    assert scope.records == (stale,)
    assert fresh not in scope.records


def test_export_to_an_organisations_recipient_counts(story: Story) -> None:
    """What went to a recipient is the doing of the organisation that they are registered with, whatever the recipient's name."""
    given = story.capture(0.1, lane="lane-2")
    story.write(
        0.5, "recipient", object="lab-desk", org="laboratory", action="registered", key_sha256="12" * 32
    )
    story.write(
        1, "export-release", object=new_ulid(at(1)), manifest_sha256="12" * 32, records=[given],
        recipient="lab-desk",
    )  # fmt: skip
    scope = story.scope(SubjectKind.ORGANISATION, "laboratory", 0.6, 3)
    assert scope.exported == (given,)


def test_opening_asked_for_before_counts_when_it_happened(story: Story) -> None:
    """A release that was asked for before the time in question and opened within it is proven opened."""
    record = story.capture(0.1, lane="lane-2")
    release = new_ulid(at(0.9))
    head = {"object": record, "actor": "officer:a", "release": release}
    intent = story.write(0.9, "open-intent", purpose="primary_inspection", **head)
    story.write(1.1, "open-done", intent=intent, outcome="opened", **head)
    assert story.scope(SubjectKind.PRINCIPAL, "officer:a", 1, 2).opened == (record,)


def test_scope_is_proven(story: Story) -> None:
    """With nothing but the JSON and the entries, an outsider computes the signed root and each proof of evidence again."""
    for number in range(40):
        story.open(2, story.capture(number / 40), "officer:a")
    scope = story.scope(SubjectKind.PRINCIPAL, "officer:a", 0, 4)
    shown = describe_scope(scope, story.ledger)
    assert (shown["images"], shown["proven_opened"]) == (40, 40)
    checkpoint, _ = verify_checkpoint(shown["proofs"]["checkpoint"], story.keys)
    assert shown["root"] == checkpoint.root.hex()
    span = shown["proofs"]["span"]
    proof = SpanProof(
        span["begin"],
        span["end"],
        span["size"],
        *(tuple(map(bytes.fromhex, span[side])) for side in ("left", "right")),
    )
    raw = story.ledger.raw_entries(span["begin"], span["end"])
    verify_span(map(hash_leaf, raw), proof, checkpoint.root)
    for one in shown["proofs"]["evidence"]:
        path = [bytes.fromhex(value) for value in one["hashes"]]
        verify_inclusion(one["index"], checkpoint.size, hash_leaf(raw[one["index"]]), path, checkpoint.root)
    assert len(shown["proofs"]["evidence"]) == 80


def test_later_beginning_gives_the_same_scope(story: Story) -> None:
    """Beginning at the first entry that can matter leaves out none of the answer."""
    story.capture(0.1)
    story.erase(20, 0)
    story.open(30, story.capture(29), "officer:a")
    whole = story.scope(SubjectKind.PRINCIPAL, "officer:a", 28, 31)
    (begin,) = story.ledger.find(type="erase-done")
    later, _ = scope_incident(
        story.ledger,
        story.keys,
        whole.question,
        may_open=lambda _kind, _class, lane: lane == "lane-1",
        begin=begin,
    )
    assert later.span.begin > 0
    assert later.records == whole.records


def test_altered_entries_are_found_out(story: Story, tmp_path: Path) -> None:
    """A scope of a ledger whose entry was changed in its file is refused."""
    import sqlite3

    story.open(2, story.capture(1), "officer:a")
    story.ledger.sign_checkpoint(story.signer)
    with sqlite3.connect(tmp_path / "ledger" / "ledger.sqlite") as connection:
        connection.execute("DROP TRIGGER entries_no_UPDATE")
        connection.execute(
            "UPDATE entries SET data = replace(data, 'officer:a', 'officer:b') WHERE type = 'open-intent'"
        )
        connection.execute("UPDATE entries SET data = CAST(data AS BLOB)")
    with pytest.raises(LedgerBroken):
        story.scope(SubjectKind.PRINCIPAL, "officer:a", 0, 4)


def test_unsigned_ledger_has_no_scope(story: Story) -> None:
    """Figures that no checkpoint vouches for are not given."""
    story.capture(0)
    question = Question(SubjectKind.PRINCIPAL, "officer:a", at(0), at(1))
    with pytest.raises(NotFound):
        scope_incident(story.ledger, story.keys, question, may_open=lambda *_: True)


def test_record_ids_tell_their_time() -> None:
    """A ULID gives back its millisecond (the example of the public ULID specification)."""
    assert ulid_time("01ARZ3NDEKTSV4RRFFQ69G5FAV") == datetime(2016, 7, 30, 23, 54, 10, 259000, tzinfo=UTC)
    with pytest.raises(Invalid):
        ulid_time("not a ULID")


def test_capture_times_survive_a_clock_set_back(story: Story) -> None:
    """An id made after the clock was set back carries a later time; the record still counts in the hour it was sealed in."""
    new_ulid(at(50))
    early = story.capture(0.5)
    assert ulid_time(early) >= at(50)
    assert story.scope(SubjectKind.PRINCIPAL, "officer:a", 0, 1).records == (early,)
