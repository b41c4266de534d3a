"""Which sealed original does a leak show: by its PDQ hash, then by the face, then by features of what was shown or exported.

Hashes and templates are sealed like everything else and opened here under releases of their own; pictures are opened one
at a time, and only the likely ones. Everything lives in memory for as long as one trace takes.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wayseal.export.register import Features, find_features
from wayseal.flow.documents import unpack_json, unpack_templates
from wayseal.flow.policy import Principal
from wayseal.flow.release import Opener
from wayseal.flow.trace_marks import list_all_candidates
from wayseal.model.border import Pixels, Template
from wayseal.model.custody import Kind, Purpose, RecordStatus
from wayseal.model.errors import BadPicture, Erased, NotFound, SealBroken
from wayseal.model.ids import EncounterId, RecordId
from wayseal.store import encounters as encounter_rows
from wayseal.store import records as record_rows
from wayseal.store.engine import read
from wayseal.vision.pdq import NEAR, count_differences, read_hash
from wayseal.vision.picture import read_picture

PURPOSE = Purpose.INCIDENT_RESPONSE
ALIKE = 0.30
"""Cosine of two SFace templates from which a record is worth laying under a leak: a candidate, not an answer."""
FEW = 5
"""Records that the look-up by hash or face proposes for one leak."""
MANY = 20
"""Pictures that are tried by features alone when neither hash nor face finds any."""
_BATCH = 200
_KEPT = 32


@dataclass(frozen=True, slots=True)
class Scope:
    """What a trace may look at: encounters of a lane and of times in [since, until), or these records alone."""

    lane: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    records: tuple[RecordId, ...] = ()
    most: int = 20_000
    """Encounters whose documents are opened at most, newest first."""


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    """One picture of one encounter: its record, its hash where there is one, and the record of its template."""

    record: RecordId
    bits: NDArray[np.bool_] | None = field(repr=False)
    template: RecordId | None


class Originals:
    """The sealed originals of a scope, looked up for many leaks. `centre` is the digest of the centre's own device."""

    def __init__(self, opener: Opener, who: Principal, scope: Scope, *, centre: str) -> None:
        self._opener = opener
        self._who = who
        self._scope = scope
        self._centre = centre
        self._pictures: OrderedDict[RecordId, tuple[Pixels, Features]] = OrderedDict()
        self.opened = 0

    def propose(self, hashes: Sequence[NDArray[np.bool_]], faces: Sequence[Template]) -> Iterator[RecordId]:
        """Yield records that a leak may show, likeliest first, each once.

        `hashes` are the leak's, plain and mirrored; `faces` the templates found in it. What is dear is done last and only when
        the caller asks on.
        """
        seen: set[RecordId] = set()
        for way in (self._by_hash(hashes), self._by_face(faces), self._by_trying()):
            for record in way:
                if record not in seen:
                    seen.add(record)
                    yield record

    def picture(self, record: RecordId) -> tuple[Pixels, Features] | None:
        """Return an original with its features, opened under a release of its own; None when it was erased or is no picture."""
        if record in self._pictures:
            self._pictures.move_to_end(record)
            return self._pictures[record]
        try:
            (body,) = self._opener.read_now(self._who, [record], PURPOSE)
            self.opened += 1
            bgr = read_picture(body)
            self._pictures[record] = bgr, find_features(bgr)
        except (Erased, NotFound, BadPicture):
            return None
        while len(self._pictures) > _KEPT:
            self._pictures.popitem(last=False)
        return self._pictures[record]

    def lane_of(self, record: RecordId) -> str:
        """Return the lane whose device sealed a record."""
        with read(self._opener.store.engine) as connection:
            return record_rows.get_record(connection, record).lane

    def _by_hash(self, hashes: Sequence[NDArray[np.bool_]]) -> Iterator[RecordId]:
        """Yield the records whose hash is near, nearest first."""
        known = [entry for entry in self._entries if entry.bits is not None]
        if not known or not hashes:
            return
        table = np.stack([entry.bits for entry in known if entry.bits is not None])
        apart = np.min([count_differences(one, table) for one in hashes], axis=0)
        for number in np.argsort(apart, kind="stable")[:FEW]:
            if apart[number] <= NEAR:
                yield known[number].record

    def _by_face(self, faces: Sequence[Template]) -> Iterator[RecordId]:
        """Yield the records whose face is most like one of the leak's."""
        found = []
        for face in faces:
            for entry in self._entries:
                other = self._templates.get(entry.template) if entry.template is not None else None
                if other is not None and other.model_sha256 == face.model_sha256:
                    found.append((float(other.vector @ face.vector), entry.record))
        for score, record in sorted(found, reverse=True)[:FEW]:
            if score >= ALIKE:
                yield record

    def _by_trying(self) -> Iterator[RecordId]:
        """Yield pictures to lay under the leak one by one: the given ones, else those last shown or exported in scope."""
        if self._scope.records:
            yield from self._scope.records
            return
        inside = {entry.record for entry in self._entries}
        given = [one.record for one in reversed(list_all_candidates(self._opener.ledger, newest=2000))]
        yield from list(dict.fromkeys(record for record in given if record in inside))[:MANY]

    @cached_property
    def _entries(self) -> list[_Entry]:
        """Every picture in scope, from the pass documents of its encounters, each opened under a release."""
        found: list[_Entry] = []
        documents = self._list_documents()
        for first in range(0, len(documents), _BATCH):
            for body in self._read(documents[first : first + _BATCH]).values():
                try:
                    found += _list_pictures(unpack_json(body, "pass"))
                except (SealBroken, ValueError, KeyError, TypeError):
                    continue  # a lane's document that is not sound is the matcher's alarm, not this trace's end
        wanted = set(self._scope.records)
        return [entry for entry in found if not wanted or entry.record in wanted]

    @cached_property
    def _templates(self) -> Mapping[RecordId, Template]:
        """The templates in scope, by record; opened when the first face is looked up."""
        wanted = [entry.template for entry in self._entries if entry.template is not None]
        found: dict[RecordId, Template] = {}
        for first in range(0, len(wanted), _BATCH):
            for record, body in self._read(wanted[first : first + _BATCH]).items():
                found[record] = unpack_templates(body)[0]
        return found

    def _read(self, records: Sequence[RecordId]) -> dict[RecordId, bytes]:
        """Return what can still be opened of some records; when one has just been erased, each is tried alone."""
        try:
            bodies = self._opener.read_now(self._who, records, PURPOSE)
            self.opened += len(bodies)
            return dict(zip(records, bodies, strict=True))
        except (Erased, NotFound):
            if len(records) == 1:
                return {}
        return {record: body for one in records for record, body in self._read([one]).items()}

    def _list_documents(self) -> list[RecordId]:
        """Return the records of the lanes' pass documents in scope that are still alive, newest first."""
        found: list[RecordId] = []
        with read(self._opener.store.engine) as connection:
            for encounter in self._list_encounters():
                found += [
                    row.object_id
                    for row in record_rows.list_encounter_records(connection, encounter)
                    if row.kind is Kind.DOCUMENT
                    and row.device != self._centre
                    and row.status is not RecordStatus.ERASED
                ]
        return found

    def _list_encounters(self) -> list[EncounterId]:
        """Return the encounters in scope, newest first."""
        scope = self._scope
        with read(self._opener.store.engine) as connection:
            if scope.records:
                rows = [record_rows.get_record(connection, record) for record in scope.records]
                return list(dict.fromkeys(row.encounter for row in rows if row.encounter is not None))
            listed = encounter_rows.list_encounters(
                connection, lane=scope.lane, since=scope.since, until=scope.until, limit=scope.most
            )
        return [row.id for row in listed if row.status is not RecordStatus.ERASED]


def _list_pictures(document: Mapping[str, object]) -> Iterator[_Entry]:
    """Yield the pictures that a pass document names; a canary has none."""
    if document.get("canary"):
        return
    records, hashes = document["records"], document.get("hashes", {})
    if not isinstance(records, dict) or not isinstance(hashes, dict):
        raise TypeError
    for name, record in records.items():
        part, _, seat = name.partition(".")
        if part not in {"face", "plate", "scene"}:
            continue
        bits = read_hash(hashes[name]) if name in hashes else None
        template = records.get(f"template.{seat}") if part == "face" else None
        yield _Entry(RecordId(record), bits, None if template is None else RecordId(template))
