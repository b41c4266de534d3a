"""From the register to an auditor's hands: the package of a real register, its place on the ledger, a vendor's claims."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lineparts import MovableClock
from overseeparts import BOSS, add_subcontractor, assess, enrol_host, open_test_desk

from wayseal.assess.catalogue import load_catalogue
from wayseal.assess.oscal_check import check_package
from wayseal.assess.oscal_read import read_prop
from wayseal.flow.oscal import (
    PROOF,
    collect_dossier,
    export_package,
    import_components,
    judge_package,
    write_proof,
)
from wayseal.flow.oversee.desk import Desk, view
from wayseal.flow.oversee.register import retire_equipment
from wayseal.ledger.checkpoint import log_keys
from wayseal.ledger.note import VerifierKey
from wayseal.model.errors import Invalid
from wayseal.model.oversight import AssessmentKind
from wayseal.seal.keys import FileKeeper, SigningIdentity
from wayseal.store.oversight.equipment import get_component

CATALOGUE = load_catalogue()
START = datetime(2026, 11, 20, 8, tzinfo=UTC)


@pytest.fixture
def clock() -> MovableClock:
    """A clock."""
    return MovableClock(START)


@pytest.fixture
def desk(tmp_path: Path, clock: MovableClock) -> Desk:
    """A register with one lane computer."""
    desk = open_test_desk(tmp_path, f"sqlite:///{tmp_path}/rows.sqlite", clock)
    add_subcontractor(desk)
    enrol_host(desk)
    return desk


def seal_export(desk: Desk, folder: Path, tmp_path: Path) -> tuple[VerifierKey, ...]:
    """Export with the proof beside it; the ledger's keys."""
    keeper = FileKeeper.create(tmp_path / "keeper", b"correct horse battery staple")
    signer = SigningIdentity.load_or_create("ledger", keeper, tmp_path / "keys", post_quantum=True)
    done = export_package(desk, folder, CATALOGUE, actor=BOSS)
    desk.ledger.sign_checkpoint(signer)
    write_proof(desk, folder, done.ledger_index)
    return tuple(log_keys(desk.ledger.origin, signer))


def test_export_register(desk: Desk, clock: MovableClock, tmp_path: Path) -> None:
    """A device that failed, was mended, and had daily probes makes a whole package with an item that is closed."""
    assess(desk, failing=("p03", "p05"))
    clock.move(timedelta(hours=3))
    assess(desk, failing=("p05",))
    clock.move(timedelta(days=1))
    assess(desk, kind=AssessmentKind.DAILY, failing=("p05",))
    done = export_package(desk, tmp_path / "package", CATALOGUE, actor=BOSS)
    package, faults = check_package(tmp_path / "package")
    assert faults == ()
    assert done.runs == 3
    assert len(package.bodies("assessment-results")) == 2
    ((_, poam),) = package.bodies("plan-of-action-and-milestones")
    items = {read_prop(item, "code"): read_prop(item, "closed") for item in poam["poam-items"]}
    assert items["p05"] is None
    assert items["p03"] is not None
    for _, body in package.bodies("assessment-results"):
        for run in body["results"]:
            attest = desk.ledger.entry(int(read_prop(run, "ledger-index") or -1))
            assert (attest["type"], attest["assessment"]) == ("attest", read_prop(run, "assessment"))
    entry = desk.ledger.entry(done.ledger_index)
    assert entry["package_sha256"] == package.manifest_sha256


def test_export_since(desk: Desk, clock: MovableClock, tmp_path: Path) -> None:
    """An export since a time leaves older runs out, but never one that a finding came from."""
    assess(desk)
    clock.move(timedelta(days=1))
    assess(desk, failing=("p03",))
    clock.move(timedelta(days=1))
    later = clock()
    assess(desk, failing=("p03",))
    dossier = collect_dossier(desk, CATALOGUE, since=later)
    assert len(dossier.assessments) == 2
    export_package(desk, tmp_path / "package", CATALOGUE, actor=BOSS, since=later)
    assert check_package(tmp_path / "package")[1] == ()


def test_export_nothing_yet(desk: Desk, tmp_path: Path) -> None:
    """A register without any assessment, or with a retired device, makes a whole package too."""
    retire_equipment(desk, "host-1", actor=BOSS)
    export_package(desk, tmp_path / "package", CATALOGUE, actor=BOSS)
    assert check_package(tmp_path / "package")[1] == ()
    with pytest.raises(Invalid, match="not empty"):
        export_package(desk, tmp_path / "package", CATALOGUE, actor=BOSS)


def test_package_on_ledger(desk: Desk, tmp_path: Path) -> None:
    """With the ledger's keys the package proves where it comes from; one whose manifest was written again does not."""
    assess(desk, failing=("p03",))
    folder = tmp_path / "package"
    keys = seal_export(desk, folder, tmp_path)
    assert judge_package(folder, keys).proven is True
    assert judge_package(folder).proven is None
    manifest = folder / "package.json"
    changed = json.loads(manifest.read_bytes())
    changed["site"] = "elsewhere"
    manifest.write_text(json.dumps(changed))
    assert judge_package(folder, keys).proven is False
    (folder / PROOF).unlink()
    assert judge_package(folder, keys).proven is False


def test_import_vendor_claims(desk: Desk, tmp_path: Path) -> None:
    """A vendor's component-definition is kept byte for byte, its digest is on the ledger, and no device passes by it."""
    export_package(desk, tmp_path / "package", CATALOGUE, actor=BOSS)
    data = (tmp_path / "package" / "component-definitions" / "edge-7.json").read_bytes()
    found, names = import_components(desk, data, CATALOGUE, actor=BOSS)
    assert names == {"edge-7": "edge-7"}
    with view(desk) as rows:
        assert get_component(rows, "edge-7") == data
    newest = desk.ledger.entry(desk.ledger.find(type="register")[-1])
    assert (newest["object"], newest["component_sha256"]) == ("edge-7", found.sha256)
    assert collect_dossier(desk, CATALOGUE).assessments == ()
    with pytest.raises(Invalid):
        import_components(desk, data[:-40], CATALOGUE, actor=BOSS)
