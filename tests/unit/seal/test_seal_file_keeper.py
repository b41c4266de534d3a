"""What the file keeper leaves on disk, and what happens when the disk is not as it left it."""

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sealsite import CHEAP, EPOCH, PASSPHRASE, Site

from wayseal.cli.main import root
from wayseal.model.errors import Integrity, Invalid, KeeperLocked, NotFound, Unavailable
from wayseal.seal.keys import FileKeeper, PassphraseCost, SigningIdentity
from wayseal.seal.keys.passphrase import change_passphrases
from wayseal.seal.keys.secret import load_secret

LABEL = "citizen/2026-11-22T07Z"


def every_byte(folder: Path) -> bytes:
    """Return all files of a folder, names included, as one string of bytes."""
    return b"".join(path.name.encode() + path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_nothing_in_the_clear(fresh_site: Site) -> None:
    """No seed, KEK or passphrase is in any file, raw, in hex or in base64."""
    fresh_site.vault.create_epoch(EPOCH)
    seed = fresh_site.keeper.unwrap(EPOCH, fresh_site.vault.read_pair(EPOCH)[1], _context(fresh_site))
    identity = load_secret(
        fresh_site.keeper, fresh_site.folder / "identities", purpose="identity", name="lane-1", size=32
    )
    disk = every_byte(fresh_site.folder)
    assert len(disk) > 2000
    for secret in (bytes(seed), bytes(identity), PASSPHRASE):
        assert secret not in disk
        assert secret.hex().encode() not in disk
    assert SigningIdentity("lane-1", identity).public == fresh_site.lane.public


def _context(site: Site) -> bytes:
    from wayseal.seal.keys.vault import seed_context

    return seed_context(EPOCH, site.vault.read_pair(EPOCH)[0])


def test_files_are_private(fresh_site: Site) -> None:
    """Key files are 0600 in folders of 0700, and the keeper's folder says that no backup may take it."""
    fresh_site.vault.create_epoch(EPOCH)
    for path in fresh_site.folder.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        if path.name != ".lock":
            assert mode == (0o700 if path.is_dir() else 0o600), path.name
    tag = (fresh_site.folder / "keeper" / "CACHEDIR.TAG").read_bytes()
    assert tag.startswith(b"Signature: 8a477f597d28d172789f06886806bc55")


def test_passphrase_change(tmp_path: Path) -> None:
    """After a change the new passphrase opens the same keys and the old one opens nothing."""
    keeper = FileKeeper.create(tmp_path, PASSPHRASE, cost=CHEAP)
    keeper.create_key(LABEL)
    blob = keeper.wrap(LABEL, b"secret", b"")
    with pytest.raises(KeeperLocked):
        keeper.change_passphrase(b"a wrong passphrase", b"another good passphrase", cost=CHEAP)
    keeper.change_passphrase(PASSPHRASE, b"another good passphrase", cost=CHEAP)
    with pytest.raises(KeeperLocked):
        FileKeeper.open(tmp_path, PASSPHRASE)
    assert FileKeeper.open(tmp_path, b"another good passphrase").unwrap(LABEL, blob, b"") == b"secret"


def test_short_passphrase_is_refused(tmp_path: Path) -> None:
    """A passphrase of a few letters makes no keeper, and the error does not repeat it."""
    with pytest.raises(Invalid, match="too short") as caught:
        FileKeeper.create(tmp_path, b"hunter2")
    assert "hunter2" not in caught.value.diagnostics()
    assert not (tmp_path / "keeper.json").exists()


def test_second_keeper_is_refused(tmp_path: Path) -> None:
    """A keeper is never overwritten by a new one."""
    FileKeeper.create(tmp_path, PASSPHRASE, cost=CHEAP).create_key(LABEL)
    with pytest.raises(Invalid, match="already"):
        FileKeeper.create(tmp_path, PASSPHRASE, cost=CHEAP)
    assert FileKeeper.open(tmp_path, PASSPHRASE).labels() == (LABEL,)


def test_no_keeper_is_locked(tmp_path: Path) -> None:
    """Opening a folder without a keeper says how to make one."""
    with pytest.raises(KeeperLocked) as caught:
        FileKeeper.open(tmp_path, PASSPHRASE)
    assert "wayseal init" in caught.value.hint


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("memory_kib", 1 << 40),
        ("iterations", 10**9),
        ("lanes", 0),
        ("salt", 7),
        ("root", "!"),
        ("format", None),
    ],
)
def test_damaged_root_file(tmp_path: Path, field: str, value: object) -> None:
    """A damaged root file is Integrity at once: no hang, no exhausted memory, no other exception."""
    FileKeeper.create(tmp_path, PASSPHRASE, cost=CHEAP)
    fields = json.loads((tmp_path / "keeper.json").read_bytes())
    fields[field] = value
    (tmp_path / "keeper.json").write_text(json.dumps(fields))
    with pytest.raises(Integrity):
        FileKeeper.open(tmp_path, PASSPHRASE)


def test_damaged_key_file(tmp_path: Path) -> None:
    """A damaged key file is Integrity; an overwritten one counts as destroyed."""
    keeper = FileKeeper.create(tmp_path, PASSPHRASE, cost=CHEAP)
    keeper.create_key(LABEL)
    blob = keeper.wrap(LABEL, b"secret", b"")
    path = next(tmp_path.glob("*.kek"))
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes((data[-1] ^ 1,)))
    with pytest.raises(Integrity, match="damaged"):
        keeper.unwrap(LABEL, blob, b"")
    path.write_bytes(data[:7])
    with pytest.raises(Integrity, match="damaged"):
        keeper.unwrap(LABEL, blob, b"")
    path.write_bytes(bytes(len(data)))
    assert keeper.labels() == ()
    with pytest.raises(NotFound):
        keeper.unwrap(LABEL, blob, b"")


def test_key_file_of_another_label(tmp_path: Path) -> None:
    """A key file renamed to another label does not open under that label."""
    keeper = FileKeeper.create(tmp_path, PASSPHRASE, cost=CHEAP)
    keeper.create_key(LABEL)
    path = next(tmp_path.glob("*.kek"))
    path.rename(path.with_name(path.name.replace("07Z", "08Z")))
    with pytest.raises(Integrity):
        keeper.wrap("citizen/2026-11-22T08Z", b"secret", b"")


def test_default_cost_is_costly() -> None:
    """The default argon2id parameters are at least RFC 9106's second recommended option."""
    cost = PassphraseCost()
    assert (cost.memory_kib, cost.iterations, cost.lanes) >= (64 * 1024, 3, 4)


def test_full_disk_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk takes no more, the key is not there, nothing half-written stays, and the error says so."""
    keeper = FileKeeper.create(tmp_path, PASSPHRASE, cost=CHEAP)
    before = sorted(path.name for path in tmp_path.iterdir())

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(Unavailable, match="No space"):
            keeper.create_key(LABEL)
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert keeper.labels() == ()


def test_passphrase_changes_everywhere(tmp_path: Path) -> None:
    """Every keeper under a home gets the new passphrase; a second call after half the work finishes it."""
    new = b"another good passphrase"
    folders = [tmp_path / name / "keeper" for name in ("centre", "keyroom", "lanes/lane-1")]
    for folder in folders:
        FileKeeper.create(folder, PASSPHRASE, cost=CHEAP).create_key(LABEL)
    FileKeeper.open(folders[0], PASSPHRASE).change_passphrase(PASSPHRASE, new, cost=CHEAP)
    with pytest.raises(KeeperLocked):
        change_passphrases(tmp_path, b"a wrong passphrase", b"some other passphrase", cost=CHEAP)
    for _ in range(2):
        assert change_passphrases(tmp_path, PASSPHRASE, new, cost=CHEAP) == 3
        assert [FileKeeper.open(folder, new).labels() for folder in folders] == [(LABEL,)] * 3


def test_no_keeper_no_change(tmp_path: Path) -> None:
    """A home without file keepers has no passphrase to change."""
    with pytest.raises(NotFound):
        change_passphrases(tmp_path, PASSPHRASE, b"another good passphrase")


def test_keys_commands(tmp_path: Path) -> None:
    """On a real home `keys list` names the live epochs and the keeper, and `keys passphrase` changes what opens it."""
    for name, text in (("old", "the first passphrase"), ("new", "the second passphrase")):
        (tmp_path / name).write_text(text)

    def run(*arguments: str | Path) -> Result:
        named = ["--home", str(tmp_path / "home"), *map(str, arguments), "--json"]
        return CliRunner().invoke(root, named)

    old, new = ("--passphrase-file", tmp_path / "old"), ("--passphrase-file", tmp_path / "new")
    assert run("init", *old).exit_code == 0
    changed = run("keys", "passphrase", *old, "--new-passphrase-file", tmp_path / "new")
    assert json.loads(changed.stdout)["keepers"] >= 2
    refused = run("keys", "list", *old)
    assert isinstance(refused.exception, KeeperLocked)
    assert "the first passphrase" not in refused.exception.diagnostics()
    listed = json.loads(run("keys", "list", *new).stdout)
    renewed = run("keys", "renew", *new)
    assert json.loads(renewed.stdout)["epochs"] == len(listed["epochs"])
    assert "file keeper" in listed["keeper"]
    assert all(epoch["epoch"].endswith("Z") for epoch in listed["epochs"])
