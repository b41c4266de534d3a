"""Exported tiles: the layout outsiders expect, immutable, accepted by somebody else's verifier, and tampering named."""

from pathlib import Path

import pytest
from ledgersite import LOG, LOG_KEYS, ORIGIN, Hands, import_oracles, make_capture, make_ledger

from wayseal.ledger.log import Ledger
from wayseal.ledger.tiles import Tile, export_tiles, list_tiles, verify_export
from wayseal.model.errors import LedgerBroken, NotFound


def list_files(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder with its bytes."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ledger, Path]:
    """A ledger of 600 entries and its export, which tests only read or copy."""
    folder = tmp_path_factory.mktemp("tiles")
    ledger = make_ledger(folder / "ledger", 600)
    export_tiles(ledger, folder / "export")
    return ledger, folder / "export"


def test_published_layout_of_70000() -> None:
    """The specification's example: which tiles a tree of 70,000 leaves has."""
    tiles = list(list_tiles(70_000))
    full = [sum(tile.level == level and tile.width == 256 for tile in tiles) for level in range(3)]
    partial = [tile.path() for tile in tiles if tile.width < 256 and tile.level >= 0]
    assert full == [273, 1, 0]
    assert partial == ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]
    assert sum(tile.level == -1 for tile in tiles) == 274


@pytest.mark.parametrize(("tile", "path"), [
    (Tile(0, 1234067, 256), "tile/0/x001/x234/067"), (Tile(63, 0, 1), "tile/63/000.p/1"), (Tile(-1, 5, 256), "tile/entries/005"),
    (Tile(1, 1000, 255), "tile/1/x001/000.p/255"), (Tile(-1, 999999, 3), "tile/entries/x999/999.p/3"),
])  # fmt: skip
def test_paths_are_the_specified_ones(tile: Tile, path: str) -> None:
    """Tile numbers become three-digit path elements, all but the last with an x."""
    assert tile.path() == path


def test_a_tree_of_256_has_a_partial_parent() -> None:
    """A full tile appears in a partial tile one level up, and no empty tile is listed."""
    assert [tile.path() for tile in list_tiles(256)] == ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]
    assert list(list_tiles(0)) == []


def test_export_holds_exactly_its_files(exported: tuple[Ledger, Path]) -> None:
    """An export is the tiles, the bundles, the checkpoint and the verifier keys: nothing else."""
    ledger, folder = exported
    wanted = {tile.path() for tile in list_tiles(600)} | {
        "checkpoint",
        "log-ed25519.vkey",
        "log-ml-dsa-44.vkey",
    }
    assert set(list_files(folder)) == wanted
    assert (folder / "checkpoint").read_text() == ledger.latest_checkpoint()
    assert verify_export(folder).size == 600
    assert verify_export(folder, LOG_KEYS).root == ledger.root()


def test_incremental_export_equals_a_fresh_one(tmp_path: Path) -> None:
    """Exporting again and again as the ledger grows gives the same files as one export; full tiles are not rewritten."""
    ledger = make_ledger(tmp_path / "ledger")
    times: dict[str, int] = {}
    size = 0
    for step in (1, 254, 1, 1, 300, 211):
        ledger.append([make_capture(number) for number in range(size, size + step)])
        size += step
        ledger.sign_checkpoint(LOG)
        export_tiles(ledger, tmp_path / "grown")
        for tile in list_tiles(size):
            if tile.width == 256:
                written = (tmp_path / "grown" / tile.path()).stat().st_mtime_ns
                assert times.setdefault(tile.path(), written) == written
        assert verify_export(tmp_path / "grown").size == size
    export_tiles(ledger, tmp_path / "fresh")
    grown, fresh = list_files(tmp_path / "grown"), list_files(tmp_path / "fresh")
    assert {name: grown[name] for name in fresh} == fresh
    ledger.close()


def test_somebody_elses_verifier_accepts_the_export(tmp_path: Path) -> None:
    """An independent implementation audits every tile and bundle, and makes proofs from them that it accepts."""
    import_oracles()
    import aics_tlog
    from aics_tlog.verified import audit_tiles

    ledger = make_ledger(tmp_path / "ledger")
    size = 0
    for step in (3, 253, 44, 500):
        ledger.append([make_capture(number) for number in range(size, size + step)])
        size += step
        ledger.sign_checkpoint(LOG)
        point = export_tiles(ledger, tmp_path / "export")
        files = aics_tlog.FileSystemTileReader(tmp_path / "export")
        note = aics_tlog.parse_note((tmp_path / "export" / "checkpoint").read_bytes())
        verified = aics_tlog.verify_checkpoint(note, aics_tlog.parse_vkey(str(LOG_KEYS[0])))
        assert (verified.ok, verified.size, verified.root) == (True, size, point.root)
        report = audit_tiles(files, size, point.root)
        assert (report.size, report.bundles) == (size, -(-size // 256))
        for index in (0, size // 2, size - 1):
            path = aics_tlog.inclusion_proof_from_tiles(files, index, size)
            assert path == ledger.inclusion(index, size)
            assert aics_tlog.read_entry(files, index, size) == ledger.raw(index)
            assert aics_tlog.verify_inclusion(
                aics_tlog.leaf_hash(ledger.raw(index)), index, size, path, point.root
            )
    old = ledger.root(256)
    path = aics_tlog.consistency_proof_from_tiles(files, 256, size)
    assert path == ledger.consistency(256, size)
    assert aics_tlog.verify_consistency(256, size, old, point.root, path)
    ledger.close()


def test_somebody_elses_verifier_refuses_a_tampered_export(tmp_path: Path) -> None:
    """The same independent audit fails after one byte of one bundle changed: it does look."""
    import_oracles()
    import aics_tlog
    from aics_tlog.verified import audit_tiles

    ledger = make_ledger(tmp_path / "ledger", 300)
    point = export_tiles(ledger, tmp_path / "export")
    file = tmp_path / "export" / "tile" / "entries" / "000"
    data = bytearray(file.read_bytes())
    data[100] ^= 1
    file.write_bytes(data)
    with pytest.raises(aics_tlog.TileVerificationError):
        audit_tiles(aics_tlog.FileSystemTileReader(tmp_path / "export"), 300, point.root)
    ledger.close()


@pytest.mark.parametrize(
    "name",
    [
        "tile/entries/000",
        "tile/entries/002.p/88",
        "tile/0/001",
        "tile/0/002.p/88",
        "tile/1/000.p/2",
        "checkpoint",
    ],
)
@pytest.mark.parametrize("act", ["flip", "cut", "grow", "drop"])
def test_tampered_export_is_found(exported: tuple[Ledger, Path], tmp_path: Path, name: str, act: str) -> None:
    """A file of the export changed, shortened, lengthened or missing is found and named or placed."""
    for path, data in list_files(exported[1]).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    data = bytearray((tmp_path / name).read_bytes())
    if act == "flip":
        data[len(data) // 2] ^= 1
    elif act == "cut":
        del data[-1:]
    elif act == "grow":
        data += b"\n"
    (tmp_path / name).write_bytes(data)
    if act == "drop":
        (tmp_path / name).unlink()
    with pytest.raises((LedgerBroken, NotFound)) as caught:
        verify_export(tmp_path, LOG_KEYS)
    if name != "checkpoint":
        assert {"index", "tile"} & set(caught.value.facts)


def test_export_refuses_another_history(exported: tuple[Ledger, Path], tmp_path: Path) -> None:
    """A folder that holds another ledger's export, or a larger one, is left as it was."""
    before = list_files(exported[1])
    forked = Ledger.create(tmp_path / "forked", origin=ORIGIN, clock=Hands())
    forked.append([make_capture(number + 1) for number in range(700)])
    forked.sign_checkpoint(LOG)
    shorter = make_ledger(tmp_path / "shorter", 100)
    for other in (forked, shorter):
        with pytest.raises(LedgerBroken, match="another history"):
            export_tiles(other, exported[1])
        other.close()
    assert list_files(exported[1]) == before


def test_export_refuses_a_changed_tile(tmp_path: Path) -> None:
    """A tile in the folder that is not the ledger's is not overwritten silently."""
    ledger = make_ledger(tmp_path / "ledger", 10)
    (tmp_path / "export" / "tile" / "0").mkdir(parents=True)
    (tmp_path / "export" / "tile" / "0" / "000.p").mkdir()
    (tmp_path / "export" / "tile" / "0" / "000.p" / "10").write_bytes(b"something else")
    with pytest.raises(LedgerBroken, match="differs"):
        export_tiles(ledger, tmp_path / "export")
    ledger.close()


def test_unsigned_ledger_is_not_exported(tmp_path: Path) -> None:
    """Without a signed checkpoint there is nothing an outsider could rely on."""
    ledger = make_ledger(tmp_path / "ledger", 10, sign=False)
    with pytest.raises(NotFound):
        export_tiles(ledger, tmp_path / "export")
    ledger.close()


def test_export_covers_known_checkpoints(exported: tuple[Ledger, Path], tmp_path: Path) -> None:
    """An export extends a checkpoint kept elsewhere, or is refused."""
    earlier = make_ledger(tmp_path / "earlier", 300)
    kept = earlier.sign_checkpoint(LOG)
    assert verify_export(exported[1], LOG_KEYS, known=[kept]).signed_size == 600
    other = Ledger.create(tmp_path / "other", origin=ORIGIN, clock=Hands())
    other.append([make_capture(number + 1) for number in range(300)])
    with pytest.raises(LedgerBroken, match="contradicts"):
        verify_export(exported[1], LOG_KEYS, known=[other.sign_checkpoint(LOG)])
    earlier.close()
    other.close()
