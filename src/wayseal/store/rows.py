"""Writing one row of a table, whether it is there already or not."""

from typing import Any

from sqlalchemy import Connection, Table, insert, update


def put_row(connection: Connection, table: Table, values: dict[str, Any]) -> None:
    """Write one row, over the one with the same primary key when there is one."""
    key = [column == values[column.name] for column in table.primary_key.columns]
    if connection.execute(update(table).where(*key).values(**values)).rowcount == 0:
        connection.execute(insert(table).values(**values))
