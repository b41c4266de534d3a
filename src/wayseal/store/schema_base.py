"""What every table shares: the two sets of tables, their naming, and the column type for times."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect, MetaData, TypeDecorator

_ZERO = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC time as whole microseconds since 1970: exact, sortable and the same on both engines."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Return the number to store. Raises `TypeError` for a naive time."""
        return None if value is None else (value - _ZERO) // _TICK

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return the time that a stored number names."""
        return None if value is None else _ZERO + int(value) * _TICK


_CONVENTION = {
    "ix": "ix_%(column_0_label)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
centre = MetaData(naming_convention=_CONVENTION)
lane = MetaData(naming_convention=_CONVENTION)
