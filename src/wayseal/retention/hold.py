"""What a legal hold may be: explicit, dated, with a reason and two people behind it (R-51). Pure rules, no I/O."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from wayseal.model.errors import Invalid, Refused
from wayseal.model.ids import RecordId, check_ulid

LONGEST = timedelta(days=366)
MOST_RECORDS = 1000
"""Records in one hold; a larger matter takes several, each with its own ledger entry."""
_CODE = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


def check_approvers(approvers: Sequence[str]) -> tuple[str, str]:
    """Return two approvers, in order. Raises `Refused` unless they are two different people.

    One person under two roles (`privacy:p12`, `officer:p12`) is one person.
    """
    people = {name.casefold().rpartition(":")[2] for name in approvers}
    if len(approvers) != 2 or len(people) != 2 or "" in people:
        raise Refused(
            "a hold needs two approvers who are different people",
            hint="Name both: --approver A --approver B.",
        )
    first, second = sorted(approvers)
    return first, second


def check_reason(reason: str) -> str:
    """Return a reason code. Raises `Invalid` for anything longer or freer: the ledger takes no text about people."""
    if not _CODE.fullmatch(reason):
        raise Invalid(
            "a reason is a code", hint="Such as court-order-26.114: a-z, 0-9, dot, dash, underscore."
        )
    return reason


def check_records(records: Sequence[RecordId]) -> tuple[RecordId, ...]:
    """Return the records without repeats, sorted. Raises `Invalid` for none, too many or a malformed id."""
    chosen = sorted({check_ulid(record) for record in records})
    if not 1 <= len(chosen) <= MOST_RECORDS:
        raise Invalid(
            "a hold names 1 to 1,000 records", hint="Name each record; a hold is never 'everything'."
        )
    return tuple(RecordId(record) for record in chosen)


def check_until(until: datetime, now: datetime) -> datetime:
    """Return the hold's end. Raises `Invalid` when it is past, has no zone or lies more than 366 days ahead."""
    if until.tzinfo is None or not now < until <= now + LONGEST:
        raise Invalid(
            "a hold ends within the next 366 days", hint="Place it again before it ends, if it must go on."
        )
    return until
