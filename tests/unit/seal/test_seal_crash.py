"""kill -9 at every step between the system calls that make or destroy keys: a real process dies, another looks."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from sealsite import CHEAP, EPOCH, LONGER, NOW, PASSPHRASE

from wayseal.model.custody import Kind, SealedRecord
from wayseal.model.errors import Erased, KeeperLocked
from wayseal.model.ids import RecordId, new_ulid
from wayseal.seal.device import SealChain
from wayseal.seal.keys import EpochVault, FileKeeper, SigningIdentity
from wayseal.seal.open import open_body, unwrap_data_key

LANE = SigningIdentity("lane-1", bytes(32))
STEPS = ("fsync", "replace", "unlink")


def open_vault(folder: Path) -> EpochVault:
    """Open keeper and vault as a new process would."""
    return EpochVault(FileKeeper.open(folder / "keeper", PASSPHRASE), folder / "epochs", lambda: NOW)


def die_at(step: int, act: Callable[[], object]) -> bool:
    """Run `act` in a child that kills itself at the given step; return whether it died before it was done."""
    child = os.fork()
    if child == 0:
        left = [step]

        def step_or_die() -> None:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        def count(call: Callable[..., object]) -> Callable[..., object]:
            def counted(*arguments: object, **named: object) -> object:
                step_or_die()
                result = call(*arguments, **named)
                step_or_die()
                return result

            return counted

        for name in STEPS:
            setattr(os, name, count(getattr(os, name)))
        act()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def seal_to(vault: EpochVault) -> SealedRecord:
    """Return a record sealed to EPOCH."""
    return SealChain(LANE, "lane-1").seal(
        b"a face",
        object_id=RecordId(new_ulid(NOW)),
        kind=Kind.FACE,
        epoch_keys=[vault.create_epoch(EPOCH)],
        sealed_at=NOW,
    )


def make_site(folder: Path) -> SealedRecord:
    """Make a keeper and a vault with one epoch and return a record of it."""
    FileKeeper.create(folder / "keeper", PASSPHRASE, cost=CHEAP).create_key("identity/other")
    return seal_to(open_vault(folder))


def test_death_while_creating(tmp_path: Path) -> None:
    """Wherever the process dies, the new epoch is whole or can be made; what was there before is untouched."""
    deaths = 0
    for step in range(1, 60):
        folder = tmp_path / str(step)
        record = make_site(folder)
        vault = open_vault(folder)
        died = die_at(step, lambda vault=vault: vault.create_epoch(LONGER))
        deaths += died
        again = open_vault(folder)
        whole = again.has(LONGER)
        key = again.create_epoch(LONGER)
        assert again.public_key(LONGER) == key
        assert whole or died
        assert open_body(record, unwrap_data_key(record, again, device_public=LANE.public)) == b"a face"
        assert not list(folder.rglob(".unfinished-*"))
        if not died:
            break
    assert deaths >= 10


def test_death_while_destroying(tmp_path: Path) -> None:
    """Wherever the process dies, the epoch is alive or dead, never damaged; a second destruction finishes the first."""
    deaths = 0
    for step in range(1, 60):
        folder = tmp_path / str(step)
        record = make_site(folder)
        vault = open_vault(folder)
        died = die_at(step, lambda vault=vault: vault.destroy(EPOCH))
        deaths += died
        again = open_vault(folder)
        if again.has(EPOCH):
            assert died
            assert open_body(record, unwrap_data_key(record, again, device_public=LANE.public)) == b"a face"
        again.destroy(EPOCH)
        with pytest.raises(Erased):
            unwrap_data_key(record, again, device_public=LANE.public)
        assert again.keeper.labels() == ("identity/other",)
        assert again.tombstone(EPOCH) is not None
        assert not list(folder.rglob("*.epoch"))
        if not died:
            break
    assert deaths >= 10


def test_death_while_changing_passphrase(tmp_path: Path) -> None:
    """Wherever the process dies, exactly one of the two passphrases opens the keeper."""
    new = b"another good passphrase"
    for step in range(1, 20):
        folder = tmp_path / str(step)
        make_site(folder)
        keeper = FileKeeper.open(folder / "keeper", PASSPHRASE)
        died = die_at(step, lambda keeper=keeper: keeper.change_passphrase(PASSPHRASE, new, cost=CHEAP))
        opened = [phrase for phrase in (PASSPHRASE, new) if _opens(folder / "keeper", phrase)]
        assert len(opened) == 1
        assert died or opened == [new]
        if not died:
            break
    else:
        pytest.fail("the change was never finished")


def _opens(folder: Path, passphrase: bytes) -> bool:
    try:
        return FileKeeper.open(folder, passphrase).has_key("identity/other")
    except KeeperLocked:
        return False
