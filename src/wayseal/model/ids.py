"""Identifiers: ULIDs that sort by time and say nothing about a person, and the names of epochs and lanes."""

import re
import secrets
import threading
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NewType

from wayseal.model.errors import Invalid

RecordId = NewType("RecordId", str)
EncounterId = NewType("EncounterId", str)
CrossingId = NewType("CrossingId", str)
EpochId = NewType("EpochId", str)

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TO_BASE32 = str.maketrans(_CROCKFORD, "0123456789abcdefghijklmnopqrstuv")
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_STAFF = re.compile(r"[a-z0-9][a-z0-9._:-]{0,62}")
_EPOCH = re.compile(r"([a-z0-9][a-z0-9_-]{0,30})/(\d{4}-\d{2}-\d{2}T\d{2})Z")
_lock = threading.Lock()
_last = [0, 0]  # milliseconds, randomness of the newest ULID in this process


def new_ulid(now: datetime) -> str:
    """Return a fresh 26-character ULID for `now`; within one process they increase strictly, even in one millisecond.

    Source: the public ULID specification (48-bit milliseconds, 80 random bits, Crockford base 32).
    """
    millis = int(now.timestamp() * 1000)
    with _lock:
        if millis <= _last[0]:
            millis, noise = _last[0], _last[1] + 1
        else:
            noise = secrets.randbits(79)
        _last[:] = [millis, noise]
    value = (millis << 80) | noise
    return "".join(_CROCKFORD[(value >> shift) & 31] for shift in range(125, -1, -5))


def check_ulid(text: str) -> str:
    """Return `text` when it is a ULID in canonical upper case. Raises `Invalid` otherwise."""
    if not _ULID.fullmatch(text):
        raise Invalid("not a record id", hint="Ids have 26 characters, such as 01KB3Z6V8N4Q0T2Y5RWXEJ7MCH.")
    return text


def ulid_time(ulid: str) -> datetime:
    """Return the aware UTC moment, to the millisecond, in a ULID's first ten characters. Raises `Invalid` for anything else."""
    millis = int(check_ulid(ulid)[:10].translate(_TO_BASE32), 32)
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=millis)
    except OverflowError:
        raise Invalid("a record id from beyond the calendar") from None


def check_name(text: str, *, what: str = "name") -> str:
    """Return `text` when it can name a lane, gallery or device (a-z 0-9 . _ -, at most 63). Raises `Invalid` otherwise."""
    if not _NAME.fullmatch(text):
        raise Invalid(
            f"not a {what}: {text[:70]!r}", hint="Use a-z, 0-9, dot, dash and underscore; at most 63 of them."
        )
    return text


def check_staff(text: str) -> str:
    """Return `text` when it can be somebody's staff id: as a name, and with colons (`chief:1`). Raises `Invalid` otherwise."""
    if not _STAFF.fullmatch(text):
        raise Invalid(
            "not a staff id", hint="Use a-z, 0-9, dot, dash, colon and underscore, at most 63; never a name."
        )
    return text


def epoch_id(record_class: str, moment: datetime) -> EpochId:
    """Return the epoch that holds `moment` for a record class: `default/2026-11-22T07Z` (hours of UTC)."""
    return EpochId(f"{record_class}/{moment.astimezone(UTC):%Y-%m-%dT%H}Z")


@lru_cache(maxsize=256)
def epoch_span(epoch: EpochId) -> tuple[str, datetime, datetime]:
    """Return (record class, first instant, first instant after it) of an epoch. Raises `Invalid` for a malformed id."""
    match = _EPOCH.fullmatch(epoch)
    if match is None:
        raise Invalid("not an epoch id", hint="Epochs look like citizen/2026-11-22T07Z.")
    try:
        start = datetime.strptime(match[2], "%Y-%m-%dT%H").replace(tzinfo=UTC)
    except ValueError:
        raise Invalid("not an epoch id", hint="Epochs look like citizen/2026-11-22T07Z.") from None
    return match[1], start, start + timedelta(hours=1)


def within_epoch(epoch: EpochId, moment: datetime) -> datetime:
    """Return `moment`, or the nearest millisecond of the epoch when the hour turned while something was being sealed."""
    _, start, end = epoch_span(epoch)
    return min(max(moment, start), end - timedelta(milliseconds=1))
