"""What an incident concerns, told from the ledger alone: proven opened, could have been reached, still live, already erased.

Reads entries and never a record; opens nothing and writes nothing. Every figure can be counted again by whoever has the
entries: they are proven, as one run, under a signed checkpoint. Five figures that nobody could give in 2019 (R-77).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from wayseal.flow.scope_facts import IMAGES, Exposure, Facts, read_facts
from wayseal.ledger.checkpoint import verify_checkpoint
from wayseal.ledger.note import VerifierKey
from wayseal.ledger.reader import LedgerReader
from wayseal.ledger.span import SpanProof
from wayseal.model.clock import from_text, to_text
from wayseal.model.custody import Kind
from wayseal.model.errors import NotFound
from wayseal.model.ids import RecordId
from wayseal.model.oversight import SubjectKind

MayOpen = Callable[[str, str, str], bool]
"""Says whether policy would have let the subject open a record of a kind, a record class and a lane."""


@dataclass(frozen=True, slots=True)
class Tie:
    """Where an organisation stands in the chain of contracts: its tier, and whom it works under."""

    tier: str
    under: str | None


@dataclass(frozen=True, slots=True)
class Question:
    """Whom an incident is about, and the time in question: `since` included, `until` excluded.

    `devices` are the sealing keys (SHA-256, hex) of the device, or of the organisation's devices; `equipment` their ids;
    `places` the lanes where they stood in that time, with the equipment at each. A full assessment is good for `good_days`.
    `rules_known`: policy had the same rules then as now; without that every picture counts as permitted. `organisations`: for an
    organisation itself and everybody who works under it, at any depth; what one of them did, it did.
    """

    kind: SubjectKind
    id: str
    since: datetime
    until: datetime
    devices: frozenset[str] = frozenset()
    equipment: frozenset[str] = frozenset()
    places: Mapping[str, frozenset[str]] = field(default_factory=dict)
    good_days: int = 90
    rules_known: bool = True
    organisations: Mapping[str, Tie] = field(default_factory=dict)

    def is_of_subject(self, organisation: str | None) -> bool:
        """Say whether an organisation is the one in question, or works under it."""
        return organisation is not None and (organisation == self.id or organisation in self.organisations)


@dataclass(frozen=True, slots=True)
class Scope:
    """The answer. `records` are all images that were or could have been seen; `opened` those that somebody is proven to have."""

    question: Question
    records: tuple[RecordId, ...]
    opened: tuple[RecordId, ...]
    exported: tuple[RecordId, ...]
    reachable: int
    people: int
    lanes: dict[str, int]
    days: dict[str, int]
    classes: dict[str, int]
    still_live: int
    unfinished: int
    """Openings that were asked for and whose end the ledger does not tell; they count as reachable."""
    opened_by: dict[str, int]
    """For an organisation: how many pictures the people of each in its chain are proven to have opened."""
    evidence: tuple[int, ...]
    """Indices of the entries that prove the openings and exports."""
    rulings: dict[tuple[str, str, str], bool]
    """What policy would have let the subject open, by kind, record class and lane."""
    checkpoint: str
    root: str
    span: SpanProof

    @property
    def images(self) -> int:
        """How many pictures the incident concerns."""
        return len(self.records)

    @property
    def already_erased(self) -> int:
        """How many of them nobody can open any more."""
        return self.images - self.still_live


def scope_incident(
    ledger: LedgerReader,
    keys: Sequence[VerifierKey],
    question: Question,
    *,
    may_open: MayOpen,
    begin: int = 0,
    on_progress: Callable[[int], None] = lambda _: None,
) -> tuple[Scope, Facts]:
    """Return what the subject opened and could have reached, and the facts behind it, from entries `begin` up to the newest signed checkpoint.

    `begin` must not lie after the first capture that was alive at `question.since`; 0 is always right, and the default. The entries are
    checked against the checkpoint's root first. Raises `LedgerBroken`, or `NotFound` when nothing was ever signed.
    """
    note = ledger.latest_checkpoint()
    if note is None:
        raise NotFound("the ledger has no signed checkpoint yet", hint="Publish one: wayseal ledger publish.")
    checkpoint, _ = verify_checkpoint(note, keys)
    facts, span = read_facts(ledger, checkpoint, begin, on_progress)
    return count_scope(facts, question, may_open, checkpoint=note, root=checkpoint.root, span=span), facts


def count_scope(
    facts: Facts, question: Question, may_open: MayOpen, *, checkpoint: str, root: bytes, span: SpanProof
) -> Scope:
    """Return the scope that facts tell. The caller has checked that `facts` are of `span`, and `span` of the signed `root`."""
    openers, unfinished, evidence = _list_openings(facts, question)
    opened = set(openers)
    exported, shown = _list_exports(facts, question)
    rulings: dict[tuple[str, str, str], bool] = {}
    reachable = _list_permitted(facts, question, may_open, rulings) | _list_exposed(facts, question)
    reachable |= {one for one in unfinished if one in facts.captures}
    everything = sorted(one for one in {*opened, *exported, *reachable} if facts.is_image(one))
    chosen = [facts.captures[one] for one in everything]
    return Scope(
        question=question,
        records=tuple(RecordId(one) for one in everything),
        opened=tuple(RecordId(one) for one in sorted(opened) if facts.is_image(one)),
        exported=tuple(RecordId(one) for one in sorted(exported) if facts.is_image(one)),
        reachable=sum(facts.is_image(one) for one in reachable),
        people=sum(capture.kind == Kind.FACE.value for capture in chosen),
        lanes=_count(capture.lane for capture in chosen),
        days=_count(f"{capture.taken:%Y-%m-%d}" for capture in chosen),
        classes=_count(facts.class_of(one) for one in everything),
        still_live=sum(facts.death(one) is None for one in everything),
        unfinished=len(unfinished),
        opened_by=_count(org for one, orgs in openers.items() if facts.is_image(one) for org in orgs)
        if question.kind is SubjectKind.ORGANISATION
        else {},
        evidence=tuple(sorted({*evidence, *shown})),
        rulings=rulings,
        checkpoint=checkpoint,
        root=root.hex(),
        span=span,
    )


def describe_scope(scope: Scope, ledger: LedgerReader | None, *, proofs: int = 1000) -> dict[str, Any]:
    """Return a scope as the contract's JSON. The first `proofs` entries of evidence come with inclusion proofs of their own.

    Without a ledger there are none of these.
    """
    span = scope.span
    return {
        "subject": {
            "kind": scope.question.kind.value,
            "id": scope.question.id,
            "devices": sorted(scope.question.devices),
            "equipment": sorted(scope.question.equipment),
            "places": {lane: sorted(names) for lane, names in sorted(scope.question.places.items())},
            "good_days": scope.question.good_days,
            "rules_known": scope.question.rules_known,
            "organisations": {
                name: {"tier": tie.tier, "under": tie.under}
                for name, tie in sorted(scope.question.organisations.items())
            },
        },
        "since": to_text(scope.question.since),
        "until": to_text(scope.question.until),
        "images": scope.images,
        "people": scope.people,
        "lanes": scope.lanes,
        "days": scope.days,
        "classes": scope.classes,
        "proven_opened": len(scope.opened),
        "exported": len(scope.exported),
        "reachable": scope.reachable,
        "unfinished": scope.unfinished,
        "opened_by": scope.opened_by,
        "still_live": scope.still_live,
        "already_erased": scope.already_erased,
        "rulings": [
            {"kind": kind, "record_class": name, "lane": lane, "may_open": allowed}
            for (kind, name, lane), allowed in sorted(scope.rulings.items())
        ],
        "root": scope.root,
        "proofs": {
            "checkpoint": scope.checkpoint,
            "span": {
                "begin": span.begin, "end": span.end, "size": span.size,
                "left": [one.hex() for one in span.left], "right": [one.hex() for one in span.right],
            },
            "evidence": [
                {"index": index, "hashes": [one.hex() for one in ledger.inclusion(index, span.size)]}
                for index in scope.evidence[:proofs]
            ]
            if ledger is not None
            else [],
            "evidence_entries": len(scope.evidence),
        },
    }  # fmt: skip


def _is_subject(entry: Mapping[str, Any], question: Question) -> bool:
    """Say whether an entry is the subject's doing."""
    if question.kind is SubjectKind.PRINCIPAL:
        return entry.get("actor") == question.id
    if question.kind is SubjectKind.ORGANISATION:
        return question.is_of_subject(entry.get("org"))
    return entry.get("device") in {question.id, *question.devices, *question.equipment}


def _is_within(entry: Mapping[str, Any], question: Question) -> bool:
    return question.since <= from_text(entry["time"]) < question.until


def _list_openings(facts: Facts, question: Question) -> tuple[dict[str, set[str]], set[str], set[int]]:
    """Return (records proven opened with whose people did, those whose opening has no end on the ledger, the entries that prove it)."""
    mine = {index: one for index, one in facts.intents.items() if _is_subject(one, question)}
    opened: dict[str, set[str]] = {}
    evidence: set[int] = set()
    ended: set[int] = set()
    for index, done in facts.done:
        intent = done.get("intent")
        if intent not in mine:
            continue
        ended.add(intent)
        within = _is_within(mine[intent], question) or _is_within(done, question)
        if within and done.get("outcome", "opened") == "opened":
            opened.setdefault(done["object"], set()).add(str(mine[intent].get("org")))
            evidence |= {intent, index}
    left = {one["object"] for index, one in mine.items() if index not in ended and _is_within(one, question)}
    return opened, left, evidence


def _list_exports(facts: Facts, question: Question) -> tuple[set[str], set[int]]:
    """Return (records exported by or to the subject, or to a recipient of the organisation; the entries that say so)."""
    records: set[str] = set()
    evidence: set[int] = set()
    for index, entry in facts.exports:
        to = str(entry.get("recipient"))
        reached = {to, *facts.recipients.get(to, ())} if question.kind is SubjectKind.ORGANISATION else {to}
        theirs = _is_subject(entry, question) or any(map(question.is_of_subject, reached))
        if _is_within(entry, question) and theirs:
            records |= set(entry["records"])
            evidence.add(index)
    return records, evidence


def _list_permitted(
    facts: Facts, question: Question, may_open: MayOpen, rulings: dict[tuple[str, str, str], bool]
) -> set[str]:
    """Return the images that policy would have let the subject open while a key lived; `rulings` is filled on the way."""
    found: set[str] = set()
    if question.kind is SubjectKind.DEVICE:
        return found
    for record, capture in facts.captures.items():
        if capture.kind not in IMAGES or capture.taken >= question.until:
            continue
        ends = facts.death(record)
        if ends is None or ends > question.since:
            sort = (capture.kind, facts.class_of(record), capture.lane)
            if sort not in rulings:
                rulings[sort] = may_open(*sort)
            if rulings[sort]:
                found.add(record)
    return found


def _list_exposed(facts: Facts, question: Question) -> set[str]:
    """Return what the subject's devices, or a lane where they stood, saw live while their word was not good."""
    exposure = Exposure(facts, timedelta(days=question.good_days))
    return {
        record
        for record, capture in facts.captures.items()
        if (capture.device in question.devices or capture.lane in question.places)
        and question.since <= capture.taken < question.until
        and exposure.covers(capture.taken, question.places.get(capture.lane) or question.equipment)
    }


def _count(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))
