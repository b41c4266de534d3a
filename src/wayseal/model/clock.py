"""Time as Wayseal uses it: aware, UTC, and always passed in, so that tests and drills can bring their own clock."""

from collections.abc import Callable
from datetime import UTC, datetime

from wayseal.model.errors import Invalid

Clock = Callable[[], datetime]
"""A function without arguments that returns an aware UTC time."""


def utc_now() -> datetime:
    """Return the current time, aware and in UTC. The clock used wherever no other is passed."""
    return datetime.now(UTC)


def to_text(moment: datetime) -> str:
    """Return `moment` as RFC 3339 with milliseconds and a Z: `2026-11-22T07:09:00.000Z`.

    Raises `Invalid` for a naive time.
    """
    if moment.tzinfo is None:
        raise Invalid("a time without a zone", hint="Append Z for UTC, or an offset such as -06:00.")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_text(text: str) -> datetime:
    """Return the aware UTC time that an RFC 3339 text names. Raises `Invalid` when it is no time or has no zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(f"not a time: {text[:40]!r}", hint="Write it as 2026-11-22T07:09:00Z.") from None
    if moment.tzinfo is None:
        raise Invalid("a time without a zone", hint="Append Z for UTC, or an offset such as -06:00.")
    return moment.astimezone(UTC)
