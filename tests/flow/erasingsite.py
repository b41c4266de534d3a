"""A small site with real keys, ledger and store, for the erasure tests; run as a script it erases and dies on request.

    python erasingsite.py FOLDER ERASE-AT STEP COUNT

kills itself with SIGKILL when boundary STEP has been reached COUNT times.
"""

import os
import signal
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from wayseal.flow.erase import Eraser, OnStep, Step, erase_due
from wayseal.ledger.log import Ledger
from wayseal.model.clock import to_text
from wayseal.model.custody import Kind, SealedRecord
from wayseal.model.errors import WaysealError
from wayseal.model.ids import EpochId, RecordId, epoch_id, new_ulid
from wayseal.retention.schedule import load_schedule
from wayseal.seal.device import SealChain
from wayseal.seal.envelope import parse_record
from wayseal.seal.keys import EpochVault, FileKeeper, PassphraseCost, SigningIdentity
from wayseal.seal.open import open_body, rewrap_record, unwrap_data_key
from wayseal.store.centre import Arrival, CentreStore, move_record, open_centre, put_records, read_record

START = datetime(2026, 11, 22, 7, 9, tzinfo=UTC)
PASSPHRASE = b"a passphrase for the tests"


@dataclass
class Site:
    """One open site. `now` is its clock and may be set."""

    folder: Path
    keeper: FileKeeper
    vault: EpochVault
    ledger: Ledger
    store: CentreStore
    lane: SigningIdentity
    keyroom: SigningIdentity
    now: datetime = START

    def clock(self) -> datetime:
        """Return the site's time."""
        return self.now

    def eraser(self, on_step: OnStep | None = None) -> Eraser:
        """Return what erasing needs, with the shipped classes."""
        given = {} if on_step is None else {"on_step": on_step}
        return Eraser(
            ledger=self.ledger,
            vault=self.vault,
            store=self.store,
            schedule=load_schedule(),
            clock=self.clock,
            **given,
        )

    def capture(
        self, body: bytes, *, hours: int = 0, record_class: str = "citizen", logged: bool = True
    ) -> SealedRecord:
        """Seal a body `hours` after the start, put its capture on the ledger (unless not `logged`) and keep it."""
        when = START + timedelta(hours=hours)
        key = self.vault.create_epoch(epoch_id(record_class, when))
        chain = SealChain(self.lane, "lane-1")
        record = chain.seal(
            body, object_id=RecordId(new_ulid(when)), kind=Kind.FACE, epoch_keys=[key], sealed_at=when
        )
        entry = {
            "type": "capture",
            "time": to_text(when),
            "object": record.header.object_id,
            "lane": "lane-1",
            "epoch": key.epoch,
            "kind": "face",
            "sealed_sha256": record.sha256,
        }
        (index,) = self.ledger.append([entry]) if logged else (0,)
        put_records(self.store, [Arrival(record, None, index)])
        return record

    def open(self, object_id: RecordId) -> bytes:
        """Return what a record holds, or raise as the opening room does."""
        return self.open_sealed(parse_record(read_record(self.store, object_id)))

    def open_sealed(self, record: SealedRecord) -> bytes:
        """Return what sealed bytes from anywhere hold, with the keys this site has now."""
        key = unwrap_data_key(
            record, self.vault, device_public=self.lane.public, keyroom_publics=[self.keyroom.public]
        )
        return open_body(record, key)

    def keep(self, object_id: RecordId, epoch: EpochId, reason: str) -> None:
        """Re-wrap a record to an epoch, and log it, as the release room does."""
        entry = {
            "type": "reclass",
            "time": to_text(self.now),
            "object": object_id,
            "from_class": "citizen",
            "to_class": epoch.split("/")[0],
            "to_epoch": epoch,
            "reason": reason,
        }
        self.ledger.append([entry])
        record = rewrap_record(
            parse_record(read_record(self.store, object_id)),
            self.vault,
            self.vault.public_key(epoch),
            reason=reason,
            rewrapped_at=self.now,
            signer=self.keyroom,
            device_public=self.lane.public,
            keyroom_publics=[self.keyroom.public],
        )
        move_record(self.store, record, epoch)

    def close(self) -> None:
        """Close what is open."""
        self.ledger.close()
        self.store.close()


def open_site(folder: Path) -> Site:
    """Open the site in a folder, making it when it is not there."""
    if (folder / "keeper").exists():
        keeper = FileKeeper.open(folder / "keeper", PASSPHRASE)
        ledger = Ledger(folder / "ledger")
    else:
        cost = PassphraseCost(memory_kib=64, iterations=1, lanes=1)
        keeper = FileKeeper.create(folder / "keeper", PASSPHRASE, cost=cost)
        ledger = Ledger.create(folder / "ledger", origin="port.example/test")
    site = Site(
        folder=folder,
        keeper=keeper,
        vault=EpochVault(keeper, folder / "epochs", lambda: START),
        ledger=ledger,
        store=open_centre(folder / "store"),
        lane=SigningIdentity.load_or_create("lane-1", keeper, folder / "identities"),
        keyroom=SigningIdentity.load_or_create("keyroom", keeper, folder / "identities"),
    )
    site.vault = EpochVault(keeper, folder / "epochs", site.clock)
    return site


def is_open(site: Site, object_id: RecordId) -> bool:
    """Say whether a record can be opened."""
    try:
        site.open(object_id)
    except WaysealError:
        return False
    return True


def main(folder: str, erase_at: str, step: str, count: str) -> None:
    """Erase what is due at a time and die at a boundary."""
    site = open_site(Path(folder))
    site.now = datetime.fromisoformat(erase_at)
    left = int(count)

    def die(reached: Step, _epoch: EpochId) -> None:
        nonlocal left
        left -= reached == step
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    erase_due(site.eraser(die))


if __name__ == "__main__":
    main(*sys.argv[1:])
