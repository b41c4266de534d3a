"""What a drill may touch: the site's own doors, and nothing behind them.

A drill acts as its own staff id, so that everybody who reads the ledger sees that it was one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from wayseal.assess.outside.view import OutsideView
from wayseal.assess.probe import Seen, broken
from wayseal.flow.archive import Archive
from wayseal.flow.erase import Eraser
from wayseal.flow.policy import Policy, Principal
from wayseal.flow.release import Opener
from wayseal.ledger.log import Ledger
from wayseal.ledger.policy import Policy as WitnessPolicy
from wayseal.model.ids import RecordId
from wayseal.seal.keys import EpochVault

DRILL = "drill"
"""The lane that a drill's records name, and their record class."""
ACTOR = "system:drill"


@dataclass(frozen=True, slots=True)
class Doors:
    """The doors of one site. `scratch` is a folder for sealed bytes that a restore drill puts aside."""

    ledger: Ledger
    opener: Opener
    archive: Archive
    eraser: Eraser
    policy: Policy
    note_canary: Callable[[RecordId], object]
    witnesses: WitnessPolicy | None
    agency: str
    record_class: str
    """The class that lanes seal to, whose records a drill may add to and never erases."""
    scratch: Path

    def officer(self) -> Principal:
        """Return who may open records in a drill: a privacy officer by role, a drill by name."""
        return Principal(id=ACTOR, role="privacy_officer", organisation=self.agency)


class ExportTrial(Protocol):
    """Tries whole export ceremonies under the site's own rules, in a home of its own with made-up records."""

    def __call__(self, ceremonies: Sequence[Sequence[str]], /) -> Sequence[bool]:
        """Say of each ceremony, with one approval of each of its organisations in their order, whether it released its export."""


@dataclass(frozen=True, kw_only=True)
class SiteView(OutsideView):
    """The outside prober's view, with the site's doors beside the network."""

    doors: Doors | None = None
    earlier: str | None = None
    """The checkpoint (a signed note) that the last assessment kept; "" before the first one, None when nobody looked."""
    inserted_at: datetime | None = None
    """When the insertion drill plugged a device in; None when there was none."""
    lane_vault: EpochVault | None = None
    """The lane's own keeper, opened as somebody with the whole lane computer and its passphrase could."""
    lane_device: bytes | None = None
    """The raw public key of the lane's device."""
    export_trial: ExportTrial | None = None


def no_doors() -> Seen:
    """Return the error of a drill that has no site to try."""
    return broken("the assessor has no access to the site's own doors")
