"""The portal: what officers and commands see of encounters and crossings. Every picture goes through a release.

Owns no rule: it asks the opener, which asks the gate. Pictures are returned in memory and never kept.
"""

import base64
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wayseal.export.markcode import NEWEST
from wayseal.flow.documents import encounter_line
from wayseal.flow.identify import read_answers
from wayseal.flow.policy import Principal
from wayseal.flow.review import Register, decide_crossing, read_crossings
from wayseal.ledger.checkpoint import read_checkpoint
from wayseal.model.border import Crossing, Direction, Encounter, PlainImage, Seat, Verdict
from wayseal.model.clock import to_text
from wayseal.model.custody import Kind, Purpose, RecordStatus, Release
from wayseal.model.errors import Erased, NotFound, Refused
from wayseal.model.ids import EncounterId, RecordId, check_ulid
from wayseal.retention.schedule import Schedule
from wayseal.seal.envelope import parse_record
from wayseal.station.matcher import open_register
from wayseal.station.site import Site
from wayseal.store import crossings as crossing_rows
from wayseal.store import encounters as encounter_rows
from wayseal.store import releases as release_rows
from wayseal.store.centre import read_record
from wayseal.store.encounters import StoredEncounter
from wayseal.store.engine import read


@dataclass(frozen=True, slots=True)
class Portal:
    """One person's window on a site. `who` was authenticated by the caller; `purpose` is why they look."""

    site: Site
    register: Register
    who: Principal
    purpose: Purpose = Purpose.PRIMARY_INSPECTION

    def rows(
        self, *, lane: str | None = None, since: datetime | None = None, limit: int = 1000
    ) -> list[StoredEncounter]:
        """Return encounters' rows, newest first. Nothing is opened."""
        with read(self.site.store.engine) as connection:
            return encounter_rows.list_encounters(connection, lane=lane, since=since, limit=limit)

    def row(self, encounter: str) -> StoredEncounter:
        """Return one encounter's row. Raises `Invalid` for a malformed id, `NotFound` for an unknown one."""
        with read(self.site.store.engine) as connection:
            return encounter_rows.get_encounter(connection, EncounterId(check_ulid(encounter.upper())))

    def lines(self, rows: Sequence[StoredEncounter]) -> list[dict[str, Any]]:
        """Return encounters as contract lines with class, epoch, expiry and status, in order.

        Each live answer is opened under an intent of its own; erased and unanswered ones show what their row says. Canaries are
        left out.
        """
        open_rows = [
            row for row in rows if row.document is not None and row.status is not RecordStatus.ERASED
        ]
        answers = self._read(open_rows)
        lines = {answer.id: encounter_line(answer) for answer in answers}
        canaries = {answer.id for answer in answers if answer.canary}
        schedule = self.site.eraser.schedule_now()
        return [
            (lines.get(row.id) or _bare_line(row)) | _custody(row, schedule)
            for row in rows
            if row.id not in canaries
        ]

    def line(self, row: StoredEncounter) -> dict[str, Any]:
        """Return one encounter as a contract line. Raises `NotFound` for a canary, which is nobody's encounter."""
        found = self.lines([row])
        if not found:
            raise NotFound("there is no such encounter", encounter=row.id)
        return found[0]

    def _read(self, rows: Sequence[StoredEncounter]) -> list[Encounter]:
        """Return the answers of encounters without those whose key has just died and whose row does not say so yet.

        Raises `Erased` when one alone was asked for.
        """
        try:
            return read_answers(self.site.opener, self.who, rows, self.purpose)
        except Erased:
            if len(rows) == 1:
                raise
        answers = []
        for row in rows:
            with suppress(Erased):
                answers += read_answers(self.site.opener, self.who, [row], self.purpose)
        return answers

    def crossings(self, encounter: EncounterId) -> dict[Seat, Crossing]:
        """Return an encounter's crossings by seat, each opened under an intent of its own."""
        with read(self.site.store.engine) as connection:
            stored = crossing_rows.list_crossings(connection, encounter=encounter)
        return {c.seat: c for c in read_crossings(self.register, self.who, stored, self.purpose)}

    def decide(
        self, encounter: EncounterId, seat: Seat, *, verdict: Verdict, reason: str, traveller: str | None
    ) -> Crossing:
        """Write this officer's decision on one occupant. Raises `NotFound` for a seat without a crossing."""
        with read(self.site.store.engine) as connection:
            stored = crossing_rows.list_crossings(connection, encounter=encounter)
        for row in stored:
            if row.seat is seat:
                return decide_crossing(
                    self.register, self.who, row.id, verdict=verdict, reason=reason, traveller=traveller
                )
        raise NotFound("nobody was seen in that seat", encounter=encounter)

    def request_release(self, record: RecordId) -> Release:
        """Write the intent to open one record. Raises `NotFound`, `Erased`, or `Refused` when policy forbids it anyway."""
        header = parse_record(read_record(self.site.store, record)).header
        self.site.policy.verify(self.who, "open", header, self.purpose, self.site.clock())
        (release,) = self.site.opener.request(self.who, [record], self.purpose)
        return release

    def approve_release(self, release: Release) -> int:
        """Approve another person's release by name and return the ledger index.

        Raises `Refused` for one's own, when policy forbids it, and where the gate takes a signature only (`flow.countersign`).
        """
        header = parse_record(read_record(self.site.store, release.record)).header
        self.site.policy.verify(self.who, "approve", header, release.purpose, self.site.clock())
        if self.site.settings.release.signed_approvals or self.site.opener.teach().pinned:
            raise Refused(
                "this site takes a second person's approval with their signature only",
                hint="wayseal release show ID --out FILE; wayseal release sign FILE; wayseal release approve ID --approval FILE.",
                release=release.id,
            )
        return self.site.opener.approve(self.who, release)

    def open_release(self, release: Release) -> bytes:
        """Use a release once and return the plaintext, in memory only.

        A picture carries the mark of this very opening, whose id is the release's; the ledger knows before it is shown.
        Raises `BadPicture` for one that cannot be marked: it is not shown.
        """
        kind = parse_record(read_record(self.site.store, release.record)).header.kind
        (body,) = self.site.opener.open(self.who, [release])
        if kind not in {Kind.FACE, Kind.PLATE, Kind.SCENE}:
            return body
        marked = self.site.marker.mark_for_session(body, release.id, release.record)
        self._log_render(release, mark=release.id, recipe=NEWEST.number)
        return marked.data

    def _log_render(self, release: Release, **more: str | int) -> None:
        """Write that a picture is about to be shown under a release."""
        entry = {"type": "render", "object": release.record, "actor": self.who.id, "release": release.id}
        self.site.ledger.append([entry | {"purpose": self.purpose.value, **more}])

    def reference(self, gallery: str, traveller: str, release: Release) -> PlainImage | None:
        """Return a candidate's reference picture beside a release that was just opened, or None where there is none.

        It is drawn from the same allowance as any picture, and the ledger knows before it is shown. Raises `QuotaExceeded`.
        """
        self.site.opener.keys.draw(self.who, [Kind.FACE])
        self._log_render(release)
        return self.site.portraits(gallery).get(traveller)

    def describe_release(self, release: Release) -> dict[str, Any]:
        """Return a release with the proof that its intent is on the ledger, as the contract's JSON."""
        note = self.site.sign_checkpoint()
        checkpoint = read_checkpoint(note)
        path = self.site.ledger.inclusion(release.ledger_index, checkpoint.size)
        return _release_row(release) | {
            "proof": {
                "index": release.ledger_index,
                "size": checkpoint.size,
                "root": base64.b64encode(checkpoint.root).decode(),
                "path": [base64.b64encode(sibling).decode() for sibling in path],
                "entry": base64.b64encode(self.site.ledger.raw(release.ledger_index)).decode(),
                "checkpoint": note,
            }
        }


def open_portal(site: Site, name: str, role: str, purpose: Purpose = Purpose.PRIMARY_INSPECTION) -> Portal:
    """Return somebody's window on the site."""
    return Portal(site, open_register(site), site.principal(name, role), purpose)


def _custody(row: StoredEncounter, schedule: Schedule) -> dict[str, Any]:
    """Return how long an encounter lives; one in a hold's class lives until the hold ends."""
    return {
        "record_class": row.record_class,
        "epoch": row.epoch,
        "expires_at": to_text(schedule.expires_at(row.epoch)),
        "status": row.status.value,
    }


def list_releases(site: Site, record: RecordId | None) -> list[dict[str, Any]]:
    """Return releases, newest first, of one record or of all. Nothing is opened."""
    with read(site.store.engine) as connection:
        found = release_rows.list_releases(connection, record=record)
    return [_release_row(release) for release in found]


def _release_row(release: Release) -> dict[str, Any]:
    """Return a release without its proof."""
    return {
        "release": release.id,
        "record": release.record,
        "purpose": release.purpose.value,
        "principal": release.principal,
        "ledger_index": release.ledger_index,
        "requested_at": to_text(release.requested_at),
        "expires_at": to_text(release.expires_at),
    }


def _bare_line(row: StoredEncounter) -> dict[str, Any]:
    """Return the line of an encounter that cannot be opened (any more, or yet): its row, and nothing personal."""
    return {
        "encounter": row.id,
        "lane": row.lane,
        "direction": Direction(row.direction).value,
        "time": to_text(row.time),
        "speed_mph": None,
        "plate": None,
        "plate_record": None,
        "occupants_seen": row.occupants_seen,
        "occupants": [],
        "gallery": None,
        "gallery_size": None,
        "threshold": None,
        "fpir_target": None,
        "model_sha256": None,
        "seconds": {"capture_to_result": None},
    }
