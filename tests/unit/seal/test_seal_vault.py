"""Epochs: made, listed, destroyed, and never made again."""

import base64
from dataclasses import replace
from pathlib import Path

import pytest
from sealsite import CHEAP, EPOCH, LONGER, NOW, PASSPHRASE, Site

from wayseal.model.custody import Kind
from wayseal.model.errors import Erased, Integrity, Invalid, WaysealError
from wayseal.model.ids import EpochId, RecordId, new_ulid
from wayseal.seal.device import SealChain
from wayseal.seal.erase import destroy_epoch
from wayseal.seal.inspect import read_public
from wayseal.seal.keys import BlindIndex, EpochVault, FileKeeper, MirrorKeeper, SigningIdentity, parse_roster
from wayseal.seal.keys.mirror_keeper import AbsentKeeper
from wayseal.seal.keys.shares import join_shares
from wayseal.seal.keys.vault import seed_context
from wayseal.seal.open import open_body, unwrap_data_key
from wayseal.seal.suite import derive_public


def test_epochs_are_listed(fresh_site: Site) -> None:
    """Created epochs are listed in order with their public keys; making one again gives the same key."""
    vault = fresh_site.vault
    first, second = vault.create_epoch(LONGER), vault.create_epoch(EPOCH)
    assert vault.create_epoch(EPOCH) == second
    assert vault.epoch_keys() == (second, first)
    assert (len(first.public), first.record_class) == (1216, "non_citizen")
    assert vault.has(EPOCH)


def test_destroyed_epoch_stays_dead(fresh_site: Site) -> None:
    """A destroyed epoch is not listed, cannot be made again, and its receipt is the same when asked for again."""
    vault = fresh_site.vault
    vault.create_epoch(EPOCH)
    receipt = destroy_epoch(vault, EPOCH)
    assert receipt == destroy_epoch(vault, EPOCH)
    assert receipt.destroyed_at == NOW
    assert receipt.fields()["epoch"] == EPOCH
    assert not vault.has(EPOCH)
    assert vault.epoch_keys() == ()
    for attempt in (vault.create_epoch, vault.public_key):
        with pytest.raises(Erased):
            attempt(EPOCH)


def test_unknown_epoch_is_not_destroyed(fresh_site: Site) -> None:
    """Destroying an epoch that never was gives no receipt."""
    with pytest.raises(Erased):
        destroy_epoch(fresh_site.vault, EPOCH)
    with pytest.raises(Invalid):
        destroy_epoch(fresh_site.vault, EpochId("../../etc"))


def test_restored_vault_opens_nothing(fresh_site: Site, tmp_path: Path) -> None:
    """Putting the vault's files back after a destruction brings no epoch back: its KEK is gone."""
    vault = fresh_site.vault
    vault.create_epoch(EPOCH)
    vault.create_epoch(LONGER)
    snapshot = {path: path.read_bytes() for path in (tmp_path / "epochs").iterdir() if path.is_file()}
    destroy_epoch(vault, EPOCH)
    for path in (tmp_path / "epochs").iterdir():
        path.unlink()
    for path, data in snapshot.items():
        path.write_bytes(data)
    restored = EpochVault(fresh_site.keeper, tmp_path / "epochs", lambda: NOW)
    assert not restored.has(EPOCH)
    assert [key.epoch for key in restored.epoch_keys()] == [LONGER]
    with pytest.raises(Erased):
        restored.create_epoch(EPOCH)


def test_damaged_epoch_file(fresh_site: Site, tmp_path: Path) -> None:
    """A damaged or exchanged epoch file is Integrity and names the epoch."""
    vault = fresh_site.vault
    vault.create_epoch(EPOCH)
    vault.create_epoch(LONGER)
    short, longer = (
        tmp_path / "epochs" / f"{name}%2F2026-11-22T07Z.epoch" for name in ("citizen", "non_citizen")
    )
    short.write_bytes(longer.read_bytes())
    with pytest.raises(Integrity, match="citizen"):
        vault.public_key(EPOCH)
    short.write_bytes(b"{}")
    with pytest.raises(Integrity, match="citizen"):
        vault.public_key(EPOCH)


def test_identity_is_stable(fresh_site: Site) -> None:
    """An identity loaded again is the same, with both its keys; its text shows the name and no more."""
    folder = fresh_site.folder / "identities"
    again = SigningIdentity.load_or_create("keyroom", fresh_site.keeper, folder, post_quantum=True)
    assert (again.public, again.mldsa_public) == (fresh_site.keyroom.public, fresh_site.keyroom.mldsa_public)
    assert len(again.mldsa_sign(b"message")) == 2420
    assert repr(again) == "SigningIdentity('keyroom')"
    assert SigningIdentity.load_or_create("other", fresh_site.keeper, folder).mldsa_public is None


def test_moved_identity_is_refused(fresh_site: Site) -> None:
    """An identity's file under another name does not open."""
    folder = fresh_site.folder / "identities"
    SigningIdentity.load_or_create("ledger", fresh_site.keeper, folder)
    (folder / "identity%2Flane-1.secret").write_bytes((folder / "identity%2Fledger.secret").read_bytes())
    with pytest.raises(Integrity):
        SigningIdentity.load_or_create("lane-1", fresh_site.keeper, folder)


def test_tags_find_equal_texts_only(fresh_site: Site) -> None:
    """Equal texts have equal tags within a domain and a site; domains and sites differ; texts cannot slide."""
    folder = fresh_site.folder / "index"
    index = BlindIndex.load_or_create(fresh_site.keeper, folder)
    again = BlindIndex.load_or_create(fresh_site.keeper, folder)
    other = BlindIndex.load_or_create(fresh_site.keeper, folder, name="other")
    tag = index.tag("plate", "ABC1234")
    assert len(tag) == 16
    assert tag == again.tag("plate", "ABC1234")
    different = {
        index.tag("traveller", "ABC1234"),
        other.tag("plate", "ABC1234"),
        index.tag("plateA", "BC1234"),
    }
    assert tag not in different
    assert len(different) == 3
    with pytest.raises(Invalid):
        index.tag("", "ABC1234")


def test_new_replica_gets_live_epochs(tmp_path: Path) -> None:
    """After a device was replaced and the wraps renewed, the new one alone opens the epochs from before."""
    old, dead, new = (
        FileKeeper.create(tmp_path / name, PASSPHRASE, cost=CHEAP) for name in ("old", "dead", "new")
    )
    before = EpochVault(MirrorKeeper(old, dead), tmp_path / "epochs", lambda: NOW)
    lane = SigningIdentity("lane-1", bytes(32))
    keys = [before.create_epoch(EPOCH)]
    before.create_epoch(LONGER)
    destroy_epoch(before, LONGER)
    record = SealChain(lane, "lane-1").seal(
        b"a face", object_id=RecordId(new_ulid(NOW)), kind=Kind.FACE, epoch_keys=keys, sealed_at=NOW
    )
    alone = EpochVault(MirrorKeeper(AbsentKeeper("burnt"), new), tmp_path / "epochs", lambda: NOW)
    with pytest.raises(WaysealError):
        unwrap_data_key(record, alone, device_public=lane.public)
    repaired = EpochVault(MirrorKeeper(old, new), tmp_path / "epochs", lambda: NOW)
    assert repaired.renew_wraps() == 1
    assert repaired.epoch_keys() == tuple(keys)
    assert open_body(record, unwrap_data_key(record, alone, device_public=lane.public)) == b"a face"


def test_errors_hold_no_secret(fresh_site: Site) -> None:
    """Whatever goes wrong, no error says a seed, a key, the passphrase or a body: in text, facts, hint or representation."""
    site, body = fresh_site, b"the body of a sealed record, which nobody may read in a log"
    record = site.seal(body)
    key = unwrap_data_key(record, site.vault, device_public=site.lane.public)
    public, wrapped = site.vault.read_pair(EPOCH)
    seed = site.keeper.unwrap(EPOCH, wrapped, seed_context(EPOCH, public))
    secrets = [PASSPHRASE, body, bytes(key), bytes(seed)]
    flipped = replace(record, data=record.data[:-80] + bytes(80))
    blob = site.keeper.wrap(EPOCH, bytes(seed), b"")
    acts = [
        lambda: FileKeeper.open(site.folder / "keeper", PASSPHRASE + b"!"),
        lambda: FileKeeper.create(site.folder / "keeper", PASSPHRASE),
        lambda: site.keeper.unwrap(EPOCH, blob, b"other"),
        lambda: site.keeper.unwrap(EPOCH, bytes(seed), b""),
        lambda: open_body(flipped, key),
        lambda: open_body(record, bytes(32)),
        lambda: unwrap_data_key(flipped, site.vault, device_public=site.lane.public),
        lambda: derive_public(bytes(seed)[:31]),
        lambda: read_public(bytes(seed) + b"x"),
        lambda: join_shares([PASSPHRASE.decode()]),
        lambda: parse_roster(bytes(seed), [site.lane.public]),
        lambda: destroy_epoch(site.vault, LONGER),
    ]
    for act in acts:
        with pytest.raises(WaysealError) as caught:
            act()
        said = f"{caught.value!r} {caught.value.diagnostics()} {caught.value.facts!r}".encode()
        for secret in secrets:
            assert all(form not in said for form in (secret, secret.hex().encode(), base64.b64encode(secret)))
