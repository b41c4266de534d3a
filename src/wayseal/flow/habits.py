"""What is usual at a site and what it gives away at most, as the centre and the gate judge by it.

Values only; lanes read settings too, so nothing of the gate is imported here.
"""

from dataclasses import dataclass
from datetime import timedelta

DAY = timedelta(days=1)
"""The time over which a recipient's day is counted."""


@dataclass(frozen=True, slots=True)
class Habits:
    """What is usual at a site: pictures in one batch and in an hour, open hours by the site's clock, and how long things last.

    `opens` 0 and `closes` 24 is always; a site that is open overnight closes at a smaller hour than it opens.
    """

    bulk_batch: int
    bulk_per_hour: int
    opens: int
    closes: int
    life: timedelta
    """Of an intent, and of an approval."""
    approval_wait: timedelta
    """How old an intent may be that somebody has approved."""
    grant_life: timedelta
    signed: bool = False
    """Whether a second person's word counts only with their signature; with pinned witnesses it is always so."""

    def is_closed(self, hour: int) -> bool:
        """Say whether an hour of the day (0 to 23) is after hours."""
        if self.opens < self.closes:
            return not self.opens <= hour < self.closes
        return self.closes <= hour < self.opens


@dataclass(frozen=True, slots=True)
class Caps:
    """Above `ceremony` records at once, or `recipient_day` a recipient, organisation or key and day, a third organisation signs.

    `life` is how long after its request an export may be opened.
    """

    ceremony: int
    recipient_day: int
    life: timedelta

    def count_needed(self, records: int, others: int) -> int:
        """Return how many organisations must sign; `others` is what the recipient was given in the last day by other exports."""
        over = records > self.ceremony or others + records > self.recipient_day
        return 3 if over else 2
