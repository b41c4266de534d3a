"""One contract for every key keeper, run against a file, a software HSM and a software TPM."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from sealdevices import PIN, TOKEN
from sealsite import CHEAP, EPOCH, NOW, PASSPHRASE

from wayseal.model.custody import Kind
from wayseal.model.errors import Erased, Integrity, Invalid, KeeperLocked, NotFound, Unavailable
from wayseal.model.ids import RecordId, new_ulid
from wayseal.seal.device import SealChain
from wayseal.seal.erase import destroy_epoch
from wayseal.seal.keys import (
    EpochVault,
    FileKeeper,
    KeeperChoice,
    KeyKeeper,
    MirrorKeeper,
    SigningIdentity,
)
from wayseal.seal.keys.hsm_keeper import HsmKeeper
from wayseal.seal.keys.mirror_keeper import AbsentKeeper
from wayseal.seal.keys.tpm_device import TpmIndex
from wayseal.seal.keys.tpm_keeper import TpmKeeper
from wayseal.seal.open import open_body, unwrap_data_key

LABEL = "citizen/2026-11-22T07Z"
FREE_INDEX = count(0x1500100)


Reopen = Callable[[bytes | None], KeyKeeper]


@pytest.fixture(params=["file", "hsm", "tpm", "mirror"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reopen]:
    """A function that opens the keeper again, as a new process would: with its passphrase, or the one given."""
    folder = tmp_path / "keeper"
    sessions: list[HsmKeeper] = []

    def open_file(passphrase: bytes | None) -> KeyKeeper:
        return FileKeeper.open(folder, passphrase or PASSPHRASE)

    def open_tpm(passphrase: bytes | None) -> KeyKeeper:
        return TpmKeeper.open(folder, passphrase or PASSPHRASE, tcti=tcti, index=index)

    def open_hsm(passphrase: bytes | None) -> KeyKeeper:
        while sessions:
            sessions.pop().close()
        sessions.append(HsmKeeper.open(library, TOKEN, passphrase or PIN))
        return sessions[-1]

    def open_mirror(passphrase: bytes | None) -> KeyKeeper:
        return MirrorKeeper(
            open_file(passphrase), FileKeeper.open(tmp_path / "second", passphrase or PASSPHRASE)
        )

    if request.param in {"file", "mirror"}:
        for made in (folder, tmp_path / "second"):
            FileKeeper.create(made, PASSPHRASE, cost=CHEAP)
        yield open_file if request.param == "file" else open_mirror
    elif request.param == "tpm":
        tcti, index = request.getfixturevalue("tpm"), next(FREE_INDEX)
        TpmKeeper.create(folder, PASSPHRASE, tcti=tcti, index=index)
        yield open_tpm
    else:
        library = request.getfixturevalue("token")
        yield open_hsm
        leftover = open_hsm(None)
        for label in leftover.labels():
            leftover.destroy(label)
        sessions.pop().close()


def test_wrap_survives_reopening(reopen: Reopen) -> None:
    """What was wrapped before a restart unwraps after it, in a buffer that can be zeroed."""
    keeper = reopen(None)
    keeper.create_key(LABEL)
    blob = keeper.wrap(LABEL, b"s" * 32, b"context")
    assert b"s" * 8 not in blob
    secret = reopen(None).unwrap(LABEL, blob, b"context")
    assert isinstance(secret, bytearray)
    assert bytes(secret) == b"s" * 32


def test_context_and_bytes_are_bound(reopen: Reopen) -> None:
    """Another context, another key, flipped bits and a cut all end in Integrity."""
    keeper = reopen(None)
    keeper.create_key(LABEL)
    keeper.create_key("identity/other")
    blob = keeper.wrap(LABEL, b"s" * 32, b"context")
    half = len(blob) // 2  # a mirror holds two copies: both are hit
    flipped = bytearray(blob)
    flipped[half - 1] ^= 1
    flipped[-1] ^= 1
    for label, data, context in (
        (LABEL, blob, b"other"),
        ("identity/other", blob, b"context"),
        (LABEL, bytes(flipped), b"context"),
        (LABEL, blob[:10], b"context"),
    ):
        with pytest.raises(Integrity, match=label):
            keeper.unwrap(label, data, context)


def test_labels_follow_the_keys(reopen: Reopen) -> None:
    """Labels list exactly the live keys; a taken label is refused and its key stays as it was."""
    keeper = reopen(None)
    assert keeper.labels() == ()
    for label in ("identity/ledger", LABEL):
        keeper.create_key(label)
    blob = keeper.wrap(LABEL, b"secret", b"")
    with pytest.raises(Invalid, match="already"):
        keeper.create_key(LABEL)
    assert keeper.unwrap(LABEL, blob, b"") == b"secret"
    assert reopen(None).labels() == (LABEL, "identity/ledger")


def test_destruction_is_final(reopen: Reopen) -> None:
    """A destroyed key is gone at once and after a restart, even when its label is used again; the others stay."""
    keeper = reopen(None)
    keeper.create_key(LABEL)
    keeper.create_key("identity/ledger")
    dead, alive = keeper.wrap(LABEL, b"dead", b""), keeper.wrap("identity/ledger", b"alive", b"")
    keeper.destroy(LABEL)
    keeper.destroy(LABEL)
    assert not keeper.has_key(LABEL)
    with pytest.raises(NotFound):
        keeper.unwrap(LABEL, dead, b"")
    keeper = reopen(None)
    assert keeper.labels() == ("identity/ledger",)
    assert keeper.unwrap("identity/ledger", alive, b"") == b"alive"
    keeper.create_key(LABEL)
    with pytest.raises(Integrity):
        keeper.unwrap(LABEL, dead, b"")


def test_unknown_key(reopen: Reopen) -> None:
    """Wrapping and unwrapping under a label that is not there is NotFound."""
    keeper = reopen(None)
    with pytest.raises(NotFound, match="citizen"):
        keeper.wrap(LABEL, b"secret", b"")
    with pytest.raises(NotFound, match="citizen"):
        keeper.unwrap(LABEL, bytes(60), b"")


@pytest.mark.parametrize("label", ["", "../up", "/root", "a b", "a" * 81, "identity/../x", "ä"])
def test_bad_labels_are_refused(reopen: Reopen, label: str) -> None:
    """A label that could leave the folder or confuse a device is refused before anything happens."""
    with pytest.raises(Invalid, match="label"):
        reopen(None).create_key(label)


def test_wrong_passphrase(reopen: Reopen) -> None:
    """A wrong passphrase or PIN is KeeperLocked, is not repeated in the error, and harms nothing."""
    reopen(None).create_key(LABEL)
    with pytest.raises(KeeperLocked) as caught:
        reopen(b"not the passphrase")
    assert b"not the passphrase" not in caught.value.diagnostics().encode()
    assert reopen(None).labels() == (LABEL,)


def test_describe_names_the_kind(reopen: Reopen) -> None:
    """A keeper says what it is and what its destruction is worth, without a path."""
    text = reopen(None).describe()
    assert len(text.splitlines()) == 1
    assert "/" not in text


def test_record_lives_and_dies_with_epoch(reopen: Reopen, tmp_path: Path) -> None:
    """With each keeper a sealed record opens while its epoch lives and is Erased for ever after."""
    vault = EpochVault(reopen(None), tmp_path / "epochs", lambda: NOW)
    lane = SigningIdentity("lane-1", b"\x01" * 32)
    keys = [vault.create_epoch(EPOCH)]
    record = SealChain(lane, "lane-1").seal(
        b"a face", object_id=RecordId(new_ulid(NOW)), kind=Kind.FACE, epoch_keys=keys, sealed_at=NOW
    )
    assert open_body(record, unwrap_data_key(record, vault, device_public=lane.public)) == b"a face"
    receipt = destroy_epoch(vault, EPOCH)
    assert receipt.keeper == vault.keeper.describe()
    again = EpochVault(reopen(None), tmp_path / "epochs", lambda: NOW)
    with pytest.raises(Erased):
        unwrap_data_key(record, again, device_public=lane.public)


def test_old_tpm_table_is_dead(tpm: str, tmp_path: Path) -> None:
    """A copy of the key table from before a destruction opens nothing, and the live table survives the attempt."""
    index, folder = next(FREE_INDEX), tmp_path / "keeper"
    keeper = TpmKeeper.create(folder, PASSPHRASE, tcti=tpm, index=index)
    keeper.create_key(LABEL)
    old = (folder / "table").read_bytes()
    keeper.destroy(LABEL)
    new = (folder / "table").read_bytes()
    (folder / "table").write_bytes(old)
    with pytest.raises(Integrity, match="not the one"):
        TpmKeeper.open(folder, PASSPHRASE, tcti=tpm, index=index)
    (folder / "table").write_bytes(new)
    assert TpmKeeper.open(folder, PASSPHRASE, tcti=tpm, index=index).labels() == ()


@pytest.mark.parametrize("crash_after_write", [False, True])
def test_tpm_destruction_interrupted(
    tpm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, crash_after_write: bool
) -> None:
    """A crash just before the TPM's write leaves the key alive; just after it, the key is dead and the rest lives."""
    index, folder = next(FREE_INDEX), tmp_path / "keeper"
    keeper = TpmKeeper.create(folder, PASSPHRASE, tcti=tpm, index=index)
    keeper.create_key(LABEL)
    keeper.create_key("identity/ledger")
    write = TpmIndex.write

    def crash(device: TpmIndex, secret: bytes) -> None:
        if crash_after_write:
            write(device, secret)
        raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr(TpmIndex, "write", crash)
        with pytest.raises(InterruptedError):
            keeper.destroy(LABEL)
    for survivor in (keeper, TpmKeeper.open(folder, PASSPHRASE, tcti=tpm, index=index)):
        assert survivor.labels() == (
            ("identity/ledger",) if crash_after_write else (LABEL, "identity/ledger")
        )
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "CACHEDIR.TAG", "table"]


def test_hsm_key_stays_inside(token: Path) -> None:
    """The token refuses to give a KEK's value."""
    pkcs11 = pytest.importorskip("pkcs11")
    keeper = HsmKeeper.open(token, TOKEN, PIN)
    try:
        keeper.create_key("identity/inside")
        with pytest.raises(pkcs11.exceptions.PKCS11Error):
            _ = keeper._get("identity/inside")[pkcs11.Attribute.VALUE]
        with pytest.raises(KeeperLocked, match="open already"):
            HsmKeeper.open(token, TOKEN, PIN)
    finally:
        keeper.destroy("identity/inside")
        keeper.close()


def test_mirror_outlives_one_device(tmp_path: Path) -> None:
    """With one replica unplugged the other opens everything, and nothing is made or called destroyed."""
    first, second = (FileKeeper.create(tmp_path / name, PASSPHRASE, cost=CHEAP) for name in ("a", "b"))
    both = MirrorKeeper(first, second)
    both.create_key(LABEL)
    blob = both.wrap(LABEL, b"secret", b"")
    for alone in (
        MirrorKeeper(first, AbsentKeeper("unplugged")),
        MirrorKeeper(AbsentKeeper("unplugged"), second),
    ):
        assert alone.unwrap(LABEL, blob, b"") == b"secret"
        assert alone.has_key(LABEL)
        for act in (lambda alone=alone: alone.wrap(LABEL, b"new", b""), alone.labels):
            with pytest.raises(Unavailable):
                act()
    alone = MirrorKeeper(first, AbsentKeeper("unplugged"))
    for question in (lambda: alone.destroy(LABEL), lambda: alone.has_key(LABEL)):
        with pytest.raises(Unavailable):
            question()
    assert both.has_key(LABEL), "one half is alive, so the key is not destroyed"
    both.destroy(LABEL)
    assert not both.has_key(LABEL)
    with pytest.raises(NotFound):
        both.unwrap(LABEL, blob, b"")


def test_mirror_takes_a_new_device(tmp_path: Path) -> None:
    """After a device was replaced, what is wrapped from then on opens with the new one alone."""
    first, dead, new = (
        FileKeeper.create(tmp_path / name, PASSPHRASE, cost=CHEAP) for name in ("a", "b", "c")
    )
    MirrorKeeper(first, dead).create_key(LABEL)
    blob = MirrorKeeper(first, new).wrap(LABEL, b"secret", b"")
    assert MirrorKeeper(AbsentKeeper("unplugged"), new).unwrap(LABEL, blob, b"") == b"secret"


def test_choice_opens_what_it_made(tmp_path: Path, tpm: str, token: Path) -> None:
    """Each kind of keeper is made and opened by its configured choice; an HSM without a token is refused."""
    tpm_index = next(FREE_INDEX)
    for choice, secret in (
        (KeeperChoice(), PASSPHRASE),
        (KeeperChoice(kind="tpm", tcti=tpm, index=tpm_index), PASSPHRASE),
    ):
        choice.create(tmp_path / choice.kind, secret).create_key(LABEL)
        assert choice.open(tmp_path / choice.kind, secret).labels() == (LABEL,)
    hsm = KeeperChoice(kind="hsm", module=token, token=TOKEN).create(tmp_path, PIN)
    assert isinstance(hsm, HsmKeeper)
    hsm.close()
    with pytest.raises(Invalid):
        KeeperChoice(kind="hsm").open(tmp_path, PIN)


def test_pair_opens_with_one_device(tmp_path: Path, token: Path) -> None:
    """A configured pair is made in both, opens with the HSM unplugged, refuses a wrong PIN, and needs at least one."""
    hsm = KeeperChoice(kind="hsm", module=token, token=TOKEN)
    unplugged = KeeperChoice(kind="hsm", module=token, token="another token")
    pair = replace(hsm, second=replace(hsm, kind="file"))
    with pytest.raises(KeeperLocked):
        pair.create(tmp_path / "wrong", b"a wrong PIN")
    FileKeeper.create(tmp_path / "second", PASSPHRASE, cost=CHEAP)
    half = replace(unplugged, second=KeeperChoice()).open(tmp_path, PASSPHRASE)
    assert "does not answer" in half.describe()
    with pytest.raises(Unavailable):
        half.create_key(LABEL)
    with pytest.raises(Unavailable, match="neither"):
        replace(unplugged, second=unplugged).open(tmp_path, PASSPHRASE)


def test_file_pair_survives_reopening(tmp_path: Path) -> None:
    """A configured pair of file keepers is made, opened again, and both have the key."""
    pair = KeeperChoice(second=KeeperChoice())
    pair.create(tmp_path, PASSPHRASE).create_key(LABEL)
    assert pair.open(tmp_path, PASSPHRASE).labels() == (LABEL,)
    assert FileKeeper.open(tmp_path / "second", PASSPHRASE).has_key(LABEL)
