"""From a sealed pass to an answered encounter: open what the search needs, search, seal the answer, make the crossings.

Each template is opened under an intent of its own; pictures are never opened here. Plaintext lives in memory for as long
as the search takes.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, Protocol

from sqlalchemy import Connection

from wayseal.flow.archive import Archive, Paper
from wayseal.flow.documents import (
    answer_document,
    parse_answer,
    parse_plate,
    unpack_json,
    unpack_templates,
)
from wayseal.flow.doubt import refer_doubted
from wayseal.flow.policy import Principal
from wayseal.flow.release import Opener
from wayseal.flow.second import SecondCheck, review_answers
from wayseal.match.assign import assign
from wayseal.match.calibrate import Calibration
from wayseal.match.gallery import Gallery
from wayseal.match.loaded import LoadedGallery
from wayseal.match.search import (
    SearchPolicy,
    find_thresholds,
    refer_camera,
    search,
    search_all,
    tell_alike,
)
from wayseal.model.border import Direction, Encounter, OccupantResult, Outcome, SearchAnswer, Seat, Template
from wayseal.model.clock import from_text
from wayseal.model.custody import Kind, Purpose, RecordStatus, SealedRecord
from wayseal.model.errors import Erased, Invalid, NotFound, SealBroken
from wayseal.model.ids import EncounterId, EpochId, RecordId
from wayseal.seal.suite import sha256
from wayseal.store import encounters as encounter_rows
from wayseal.store import records as record_rows
from wayseal.store.centre import CentreStore
from wayseal.store.encounters import StoredEncounter
from wayseal.store.engine import read, write

_KINDS = {
    "face": Kind.FACE, "template": Kind.TEMPLATE, "plate": Kind.PLATE, "scene": Kind.SCENE,
}  # fmt: skip
"""What a pass document may name, and of which kind it must be."""


class Searcher(Protocol):
    """Who the occupants of one vehicle are, one traveller at most once; `facts` is the answer for an empty vehicle."""

    def search(self, templates: Sequence[Template], expected: Collection[str] = ()) -> list[SearchAnswer]:
        """Return one answer for each template, in order; `expected` travellers are compared first."""

    def facts(self) -> SearchAnswer:
        """Return the gallery's name, size, threshold and model as an answer without candidates."""


@dataclass(frozen=True, slots=True)
class Identification:
    """What identifying needs. `matcher` is the principal under whose name templates are opened.

    `note_canary` tells the keyroom of a canary that a lane has laid; nobody else ever hears of it.
    """

    opener: Opener
    archive: Archive
    searcher: Searcher
    matcher: Principal
    record_class: str
    note_canary: Callable[[RecordId], object] = lambda _: None
    expect: Callable[[str | None], Collection[str]] = lambda _: ()
    """From a plate's text to the travellers who are expected behind it."""
    expect_alike: Callable[[str | None], Collection[str]] = lambda _: ()
    """The same behind the plates that look like it, asked when it announces nobody."""
    watch: Callable[[Connection, Encounter], object] = lambda _connection, _encounter: None
    """Counts an encounter for its lane's health, together with marking it as answered."""
    second: SecondCheck | None = None
    """Lets a second network doubt a match, where the site uses one."""
    calibration: Calibration | None = None
    """What the searcher's threshold rests on: it may hold for some lanes' cameras only."""


def identify_encounter(
    work: Identification,
    encounter: EncounterId,
    *,
    left_at: float | None = None,
    record: Callable[[Encounter], object] = lambda _: None,
) -> Encounter:
    """Answer a received encounter and return it. Durable when it returns; repeating it answers from what is sealed.

    `left_at` (monotonic seconds) is when the vehicle's last frame came in; the answer tells the time since. `record` makes
    what must exist before the encounter counts as answered (its crossings); it must bear being repeated after a crash.
    Raises `Erased` when the encounter's hour is over, `SealBroken` when the lane's document is not about this encounter.
    """
    store = work.archive.store
    with read(store.engine) as connection:
        row = encounter_rows.get_encounter(connection, encounter)
    if row.document is not None:
        return read_answers(work.opener, work.matcher, [row], Purpose.MATCHING)[0]
    started = monotonic() if left_at is None else left_at
    seen = _read_pass(work, row)
    names = seen["records"]
    canary = bool(seen.get("canary"))
    if canary:
        _note_pictures(work, names)
    plate = parse_plate(seen["plate"])
    expected, alike = _find_expected(work, None if plate is None or canary else plate.text)
    answers = _answer_seats(work, seen, expected, alike=alike)
    if canary:  # it looks like nobody, whoever the noise may resemble
        answers = {
            seat: replace(one, outcome=Outcome.NO_MATCH, candidates=()) for seat, one in answers.items()
        }
    facts = work.searcher.facts()
    answered = Encounter(
        id=encounter,
        lane=seen["lane"],
        direction=Direction(seen["direction"]),
        time=from_text(seen["time"]),
        speed_mph=seen["speed_mph"],
        plate=plate,
        plate_record=names.get("plate"),
        occupants_seen=seen["occupants_seen"],
        occupants=tuple(_join(person, names, answers.get(person["seat"])) for person in seen["occupants"]),
        gallery=facts.gallery,
        gallery_size=facts.gallery_size,
        threshold=facts.threshold,
        fpir_target=facts.fpir_target,
        model_sha256=facts.model_sha256,
        capture_to_result_s=monotonic() - started,
        canary=canary,
    )
    sealed = _keep_answer(work, answered, row.epoch, expected=len(expected))
    record(answered)
    _mark_answered(work, answered, sealed)
    return answered


def _find_expected(work: Identification, plate: str | None) -> tuple[Collection[str], bool]:
    """Return whom a plate announces, and whether only one that looks like it does."""
    if plate is None:
        return (), False
    if expected := work.expect(plate):
        return expected, False
    alike = work.expect_alike(plate)
    return alike, bool(alike)


def _answer_seats(
    work: Identification, seen: Mapping[str, Any], expected: Collection[str], *, alike: bool
) -> dict[str, SearchAnswer]:
    """Return what the gallery says of each seat with a template, after every rule that may only doubt."""
    names = seen["records"]
    noticed = {person["seat"]: person["reasons"] for person in seen["occupants"]}
    seats = [seat for seat in noticed if f"template.{seat}" in names]
    bodies = work.opener.read_now(
        work.matcher, [RecordId(names[f"template.{seat}"]) for seat in seats], Purpose.MATCHING
    )
    templates = [unpack_templates(body) for body in bodies]
    found = work.searcher.search([some[0] for some in templates], expected)
    if alike:
        found = [tell_alike(one) for one in found]
    found = refer_camera(found, seen["lane"], work.calibration)
    found = review_answers(work.second, found, [some[1] if len(some) > 1 else None for some in templates])
    found = refer_doubted(found, [noticed[seat] for seat in seats])
    return dict(zip(seats, found, strict=True))


def list_unanswered(store: CentreStore, *, limit: int = 1000) -> list[StoredEncounter]:
    """Return encounters that were received and not answered, oldest first: what a crash left to do."""
    with read(store.engine) as connection:
        rows = encounter_rows.list_encounters(connection, limit=limit)
    return [row for row in reversed(rows) if row.document is None and row.status is not RecordStatus.ERASED]


def read_answers(
    opener: Opener, who: Principal, rows: Sequence[StoredEncounter], purpose: Purpose
) -> list[Encounter]:
    """Open the sealed answers of encounters, each under an intent of its own, and return them in order.

    Raises `Erased` when one is gone and `NotFound` when one is not answered yet.
    """
    documents = []
    for row in rows:
        if row.status is RecordStatus.ERASED:
            raise Erased("the encounter was erased", encounter=row.id)
        if row.document is None:
            raise NotFound(
                "the encounter has no answer yet", hint="Run the lane again: it finishes what was begun."
            )
        documents.append(row.document)
    return [parse_answer(body) for body in opener.read_now(who, documents, purpose)]


def _read_pass(work: Identification, row: StoredEncounter) -> Mapping[str, Any]:
    """Return the opened pass document of an encounter: what its lane sealed, and never an answer that a crash left there."""
    centre = sha256(work.archive.signer.public).hex()
    with read(work.archive.store.engine) as connection:
        listed = record_rows.list_encounter_records(connection, row.id)
    found = [one for one in listed if one.device != centre]
    documents = [one for one in found if one.kind is Kind.DOCUMENT]
    if not documents:
        raise NotFound("the encounter has no pass document", encounter=row.id)
    (body,) = work.opener.read_now(work.matcher, [documents[0].object_id], Purpose.MATCHING)
    seen = unpack_json(body, "pass")
    if not _is_sound(seen, row, {one.object_id: one.kind for one in found}):
        raise SealBroken("a pass document does not belong to its encounter", encounter=row.id)
    return seen


def _note_pictures(work: Identification, names: Mapping[str, str]) -> None:
    """Tell the keyroom that every picture of a vehicle is a canary."""
    for name, record in names.items():
        if not name.startswith("template."):
            work.note_canary(RecordId(record))


def _is_sound(seen: Mapping[str, Any], row: StoredEncounter, kinds: Mapping[RecordId, Kind]) -> bool:
    """Say whether a lane's document is about this encounter, names only records that came with it, and can be read."""
    try:
        Direction(seen["direction"])
        from_text(seen["time"])
        parse_plate(seen["plate"])
        for person in seen["occupants"]:
            _join(person, {}, None)
        return (seen["encounter"], seen["lane"]) == (row.id, row.lane) and all(
            kinds.get(record) is _KINDS[name.split(".")[0]] for name, record in seen["records"].items()
        )
    except (KeyError, TypeError, ValueError, AttributeError, Invalid):
        return False


def _join(person: Mapping[str, Any], names: Mapping[str, str], answer: SearchAnswer | None) -> OccupantResult:
    """Return one occupant's result: what the lane saw and what the search said."""
    seat = person["seat"]
    face = names.get(f"face.{seat}")
    outcome = Outcome.NOT_CAPTURED if answer is None else answer.outcome
    found_reasons = () if answer is None else answer.reasons
    return OccupantResult(
        seat=Seat(seat),
        outcome=outcome,
        quality=person["quality"],
        reasons=(*person["reasons"], *found_reasons),
        inter_eye_px=person["inter_eye_px"],
        record=None if face is None else RecordId(face),
        candidates=() if answer is None else answer.candidates,
        frame=person["frame"],
        box=None if person["box"] is None else tuple(person["box"]),
        searched=None if answer is None else answer.gallery_size,
        threshold=None if answer is None else answer.threshold,
    )


def _keep_answer(work: Identification, answered: Encounter, epoch: EpochId, *, expected: int) -> SealedRecord:
    """Seal an answer to the hour of its faces, store it, log the match, and return the sealed document."""
    paper = Paper(answer_document(answered), answered.lane, answered.id, work.record_class, epoch)
    (sealed,) = work.archive.keep([paper])
    matched = sum(person.outcome is Outcome.MATCH for person in answered.occupants)
    captured = sum(person.record is not None for person in answered.occupants)
    work.archive.ledger.append(
        [
            {
                "type": "match", "object": answered.id, "encounter": answered.id, "actor": work.matcher.id,
                "lane": answered.lane, "direction": answered.direction.value, "gallery": answered.gallery,
                "gallery_size": answered.gallery_size, "threshold": round(answered.threshold, 6),
                "fpir_target": answered.fpir_target, "model_sha256": answered.model_sha256, "exact": True,
                "occupants_seen": answered.occupants_seen, "captured": captured, "matched": matched,
                "expected": expected,
            }
        ]
    )  # fmt: skip
    return sealed


def _mark_answered(work: Identification, answered: Encounter, sealed: SealedRecord) -> None:
    """Point the encounter's row at its answer: from now on it counts as answered, and in its lane's health."""
    with write(work.archive.store.engine) as connection:
        if not answered.canary:
            work.watch(connection, answered)
        encounter_rows.set_document(connection, answered.id, sealed.header.object_id, epoch=sealed.epoch)
        encounter_rows.set_seen(
            connection, answered.id, time=answered.time, occupants_seen=answered.occupants_seen
        )


@dataclass(frozen=True, slots=True)
class GallerySearch:
    """A `Searcher` over one loaded gallery: exact search, then no traveller in two seats."""

    gallery: LoadedGallery
    policy: SearchPolicy

    def search(self, templates: Sequence[Template], expected: Collection[str] = ()) -> list[SearchAnswer]:
        """Return one answer for each of a vehicle's templates, in order."""
        if not expected:
            return assign(search_all(templates, self.gallery, self.policy), margin=self.policy.margin)
        answers = [search(one, self.gallery, self.policy, expected=expected) for one in templates]
        return assign(answers, margin=self.policy.margin)

    def facts(self) -> SearchAnswer:
        """Return the gallery's facts as an answer about nobody."""
        match, _ = find_thresholds(self.gallery, self.policy, size=self.gallery.size, fpir=self.policy.fpir)
        return SearchAnswer(
            outcome=Outcome.NO_MATCH,
            candidates=(),
            threshold=match,
            fpir_target=self.policy.fpir,
            gallery=self.gallery.name,
            gallery_size=self.gallery.size,
            model_sha256=self.gallery.model_sha256,
            scanned=0,
            reranked=0,
            exact=True,
        )


@dataclass(frozen=True, slots=True)
class LiveSearch:
    """A `Searcher` over a gallery that other processes change: whoever was forgotten a moment ago is found no more."""

    gallery: Gallery
    policy: SearchPolicy

    def search(self, templates: Sequence[Template], expected: Collection[str] = ()) -> list[SearchAnswer]:
        """Return one answer for each of a vehicle's templates, in order."""
        return self._current().search(templates, expected)

    def facts(self) -> SearchAnswer:
        """Return the gallery's facts as an answer about nobody."""
        return self._current().facts()

    def current(self) -> LoadedGallery:
        """Return the gallery as its files have it now."""
        self.gallery.refresh()
        return self.gallery.loaded

    def _current(self) -> GallerySearch:
        return GallerySearch(self.current(), self.policy)
