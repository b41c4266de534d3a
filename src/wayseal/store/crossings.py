"""Rows of crossings: what remains when the pictures are gone, without a name.

Owns the `crossings` table. The traveller is a keyed tag (HMAC) that only the site's key can make again; name, plate and
decision are inside the sealed document.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from wayseal.model.border import Direction, Seat
from wayseal.model.errors import NotFound, Refused
from wayseal.model.ids import CrossingId, EncounterId, EpochId, RecordId
from wayseal.store.schema import crossings


@dataclass(frozen=True, slots=True)
class StoredCrossing:
    """One row. `traveller_tag` is None for an unknown person; `decided` says whether an officer's decision is on it."""

    id: CrossingId
    encounter: EncounterId
    seat: Seat
    lane: str
    direction: Direction
    time: datetime
    traveller_tag: bytes | None = field(repr=False)
    plate_tag: bytes | None = field(repr=False)
    paired_with: CrossingId | None
    document: RecordId | None
    decided: bool
    record_class: str
    epoch: EpochId


def add_crossings(connection: Connection, rows: Sequence[StoredCrossing]) -> None:
    """Insert crossings. An id that is there already is `Invalid` at the end."""
    if rows:
        connection.execute(insert(crossings), [asdict(row) for row in rows])


def get_crossing(connection: Connection, crossing: CrossingId) -> StoredCrossing:
    """Return one crossing. Raises `NotFound`, also when its class has run out."""
    row = connection.execute(select(crossings).where(crossings.c.id == crossing)).mappings().first()
    if row is None:
        raise NotFound("no such crossing", crossing=crossing)
    return _from_row(dict(row))


def list_crossings(
    connection: Connection,
    *,
    unpaired: bool = False,
    since: datetime | None = None,
    before: datetime | None = None,
    encounter: EncounterId | None = None,
    limit: int = 1000,
) -> list[StoredCrossing]:
    """Return crossings, newest first. `unpaired` leaves entries of known travellers without an exit; `since` those of that time or later only, `before` older ones only."""
    chosen = select(crossings).order_by(crossings.c.time.desc(), crossings.c.id.desc()).limit(limit)
    if unpaired:
        chosen = chosen.where(
            crossings.c.paired_with.is_(None),
            crossings.c.direction == Direction.ENTRY,
            crossings.c.traveller_tag.is_not(None),
        )
    if since is not None:
        chosen = chosen.where(crossings.c.time >= since)
    if before is not None:
        chosen = chosen.where(crossings.c.time < before)
    if encounter is not None:
        chosen = chosen.where(crossings.c.encounter == encounter)
    return [_from_row(dict(row)) for row in connection.execute(chosen).mappings()]


def list_traveller_crossings(connection: Connection, traveller_tag: bytes) -> list[StoredCrossing]:
    """Return a traveller's crossings by their keyed tag, oldest first."""
    chosen = select(crossings).where(crossings.c.traveller_tag == traveller_tag).order_by(crossings.c.time)
    return [_from_row(dict(row)) for row in connection.execute(chosen).mappings()]


def list_plate_travellers(
    connection: Connection, plate_tags: Collection[bytes], *, limit: int
) -> list[bytes]:
    """Return the tags of travellers whom an officer has decided on in the newest `limit` crossings under some plates."""
    seen = (
        select(crossings.c.traveller_tag)
        .where(
            crossings.c.plate_tag.in_(plate_tags),
            crossings.c.decided.is_(True),
            crossings.c.traveller_tag.is_not(None),
        )
        .order_by(crossings.c.time.desc(), crossings.c.id.desc())
        .limit(limit)
    )
    return [bytes(tag) for tag in dict.fromkeys(connection.execute(seen).scalars())]


def find_open_entry(
    connection: Connection, traveller_tag: bytes, *, before: datetime
) -> StoredCrossing | None:
    """Return the traveller's newest entry before a time that has no exit yet, or None."""
    chosen = (
        select(crossings)
        .where(
            crossings.c.traveller_tag == traveller_tag,
            crossings.c.direction == Direction.ENTRY,
            crossings.c.paired_with.is_(None),
            crossings.c.time < before,
        )
        .order_by(crossings.c.time.desc(), crossings.c.id.desc())
        .limit(1)
    )
    row = connection.execute(chosen).mappings().first()
    return None if row is None else _from_row(dict(row))


def pair_crossings(connection: Connection, entry: CrossingId, exit_: CrossingId) -> None:
    """Tie an entry and an exit to each other. Raises `NotFound` when either is not there or is paired already."""
    for one, other in ((entry, exit_), (exit_, entry)):
        free = (crossings.c.id == one) & crossings.c.paired_with.is_(None)
        if connection.execute(update(crossings).where(free).values(paired_with=other)).rowcount == 0:
            raise NotFound("no unpaired crossing", crossing=one)


def set_decided(
    connection: Connection,
    crossing: CrossingId,
    *,
    document: RecordId,
    epoch: EpochId,
    traveller_tag: bytes | None,
) -> None:
    """Point a crossing at the document with the officer's decision, under the traveller it names.

    Raises `NotFound`, and `Refused` when somebody has decided in the meantime.
    """
    values = {"document": document, "epoch": epoch, "record_class": epoch.split("/")[0], "decided": True}
    values |= {"traveller_tag": traveller_tag}
    open_one = (crossings.c.id == crossing) & crossings.c.decided.is_(False)
    if connection.execute(update(crossings).where(open_one).values(**values)).rowcount == 0:
        get_crossing(connection, crossing)
        raise Refused("this crossing was decided already", hint="Somebody else was quicker.")


def follow_document(connection: Connection, document: RecordId, *, epoch: EpochId) -> None:
    """Let the crossing that a record holds, if any does, live and die with the record's new epoch."""
    values = {"epoch": epoch, "record_class": epoch.split("/")[0]}
    connection.execute(update(crossings).where(crossings.c.document == document).values(**values))


def delete_epoch(connection: Connection, epoch: EpochId) -> int:
    """Delete the crossings that died with an epoch, tags and all, and return how many. Their partners become unpaired."""
    gone = select(crossings.c.id).where(crossings.c.epoch == epoch)
    connection.execute(update(crossings).where(crossings.c.paired_with.in_(gone)).values(paired_with=None))
    return connection.execute(delete(crossings).where(crossings.c.epoch == epoch)).rowcount


def _from_row(row: dict[str, object]) -> StoredCrossing:
    seat, direction = Seat(str(row.pop("seat"))), Direction(str(row.pop("direction")))
    return StoredCrossing(seat=seat, direction=direction, **row)  # type: ignore[arg-type]
