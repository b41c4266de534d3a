"""Several processes and threads at once: one epoch has one key, one lane has one chain."""

import os
import threading
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from sealsite import CHEAP, EPOCH, NOW, PASSPHRASE, Site

from wayseal.model.custody import Kind, SealedRecord
from wayseal.model.errors import Erased, Invalid, NotArmed
from wayseal.model.ids import RecordId, epoch_id, new_ulid
from wayseal.seal.device import SealChain
from wayseal.seal.keys import EpochVault, FileKeeper
from wayseal.seal.suite import sha256


def test_processes_agree_on_an_epoch(tmp_path: Path) -> None:
    """Four processes that make the same twelve epochs at once get the same keys, and each key's seed is its own."""
    FileKeeper.create(tmp_path / "keeper", PASSPHRASE, cost=CHEAP)
    epochs = [epoch_id("citizen", NOW + timedelta(hours=hour)) for hour in range(12)]
    reading, writing = os.pipe()
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            vault = EpochVault(
                FileKeeper.open(tmp_path / "keeper", PASSPHRASE), tmp_path / "epochs", lambda: NOW
            )
            seen = sha256(*(vault.create_epoch(epoch).public for epoch in epochs)).hex()
            os.write(writing, seen.encode())
            os._exit(0)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
    os.close(writing)
    answers = os.read(reading, 4096).decode()
    os.close(reading)
    assert answers == answers[:64] * 4
    vault = EpochVault(FileKeeper.open(tmp_path / "keeper", PASSPHRASE), tmp_path / "epochs", lambda: NOW)
    assert vault.keeper.labels() == tuple(sorted(epochs))
    assert len({key.public for key in vault.epoch_keys()}) == 12


def test_destruction_races_creation(tmp_path: Path) -> None:
    """When one process makes an epoch while another destroys it, it ends destroyed or was destroyed first: never half."""
    FileKeeper.create(tmp_path / "keeper", PASSPHRASE, cost=CHEAP)
    for hour in range(12):
        epoch = epoch_id("citizen", NOW + timedelta(hours=hour))
        vault = EpochVault(FileKeeper.open(tmp_path / "keeper", PASSPHRASE), tmp_path / "epochs", lambda: NOW)
        vault.create_epoch(epoch)
        child = os.fork()
        if child == 0:
            vault.destroy(epoch)
            os._exit(0)
        with suppress(Erased):
            vault.create_epoch(epoch)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert not vault.has(epoch)
        assert not vault.keeper.has_key(epoch)


def test_threads_share_a_chain(site: Site) -> None:
    """Records that eight threads seal at once form one chain without a gap or a fork."""
    chain, keys = SealChain(site.lane, "lane-1"), [site.vault.create_epoch(EPOCH)]
    made: list[SealedRecord] = []

    def seal() -> None:
        for _ in range(10):
            record = chain.seal(
                b"a face", object_id=RecordId(new_ulid(NOW)), kind=Kind.FACE, epoch_keys=keys, sealed_at=NOW
            )
            made.append(record)

    threads = [threading.Thread(target=seal) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = {record.header.previous: record.sha256 for record in made}
    assert len(after) == len(made) == 80
    at, steps = "0" * 64, 0
    while at in after:
        at, steps = after[at], steps + 1
    assert (at, steps) == (chain.head, 80)


def test_failed_seal_leaves_the_chain(site: Site) -> None:
    """When sealing fails, the next record still follows the last one that was sealed."""
    chain = SealChain(site.lane, "lane-1")
    keys = [site.vault.create_epoch(EPOCH)]
    first = chain.seal(
        b"1", object_id=RecordId(new_ulid(NOW)), kind=Kind.FACE, epoch_keys=keys, sealed_at=NOW
    )
    for wrong in ({"epoch_keys": []}, {"sealed_at": NOW + timedelta(hours=1)}, {"object_id": RecordId("x")}):
        given = {
            "object_id": RecordId(new_ulid(NOW)),
            "kind": Kind.FACE,
            "epoch_keys": keys,
            "sealed_at": NOW,
            **wrong,
        }
        with pytest.raises((NotArmed, Invalid)):
            chain.seal(b"2", **given)
    assert chain.head == first.sha256
