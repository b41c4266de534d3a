"""What the rooms of this package share: how far the ledger has been read into the rows, and the rows as a whole."""

from typing import Any

from sqlalchemy import Connection, create_engine, select
from sqlalchemy.engine import Engine

from wayseal.store.rows import put_row
from wayseal.store.schema_oversight import OVERSIGHT_TABLES, PROJECTED, oversight_state

_ROW = "ledger"


def read_size(connection: Connection) -> int:
    """Return how many ledger entries the rows know of."""
    found = connection.execute(
        select(oversight_state.c.ledger_size).where(oversight_state.c.id == _ROW)
    ).scalar()
    return 0 if found is None else int(found)


def lock_size(connection: Connection) -> int:
    """Return the same inside a write transaction, so that two writers follow the ledger one after the other."""
    put = select(oversight_state.c.ledger_size).where(oversight_state.c.id == _ROW).with_for_update()
    found = connection.execute(put).scalar()
    if found is None:
        put_row(connection, oversight_state, {"id": _ROW, "ledger_size": 0})
        return 0
    return int(found)


def write_size(connection: Connection, size: int) -> None:
    """Note that the rows know of the first `size` entries."""
    put_row(connection, oversight_state, {"id": _ROW, "ledger_size": size})


def open_scratch() -> Engine:
    """Return an empty database in memory with the tables of oversight, to make rows in and compare them."""
    engine = create_engine("sqlite://", hide_parameters=True)
    oversight_state.metadata.create_all(engine, tables=list(OVERSIGHT_TABLES))
    return engine


def list_rows(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Return every projected row by table, in the order of the keys, so that two databases can be compared."""
    return {
        table.name: [
            tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))
        ]
        for table in PROJECTED
        if table is not oversight_state
    }
