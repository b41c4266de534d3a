"""Look-ups of site documents among the records. Owns no table: a document is a record whose class is its kind."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from wayseal.model.custody import Kind
from wayseal.model.ids import RecordId
from wayseal.store.records import StoredRecord, find_known
from wayseal.store.schema import records


def list_site_documents(connection: Connection, classes: Sequence[str]) -> list[StoredRecord]:
    """Return documents whose record class is one of `classes`, erased ones too, newest first."""
    chosen = select(records.c.object_id).where(
        records.c.kind == Kind.DOCUMENT.value, records.c.record_class.in_(list(classes))
    )
    ids = [RecordId(one) for one in connection.execute(chosen.order_by(records.c.object_id.desc())).scalars()]
    known = find_known(connection, ids)
    return [known[one] for one in ids]
