"""A vendor's lane computer with Debian's default USBGuard settings: it fails, its lane is disarmed at the next epoch, and comes back.

The host is a tree of real files and formats, looked at by the real collector with the real `usbguard-rule-parser`, signed by the
lane's device key and quoted by a software TPM. What other places would say (network, documents) stands in as passes: those
probes have tests of their own.
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hosttree import HostTree, make_tree, need_tools
from lineparts import Line, MovableClock, make_vehicle
from sealdevices import run_tpm
from test_host_quote import Tpm, make_key

from wayseal.assess.catalogue import ProbeSpec, Where, load_catalogue
from wayseal.assess.collector import Signer, assess_host, host_probes
from wayseal.assess.verify import Expected, verify_bundle
from wayseal.flow.collect import host_view
from wayseal.flow.oversee.assessments import Outcome, draw_assessment, record_assessment
from wayseal.flow.oversee.describe import list_finding_rows, list_lane_rows, show_equipment
from wayseal.flow.oversee.desk import verify_rows
from wayseal.flow.oversee.duties import add_notice, sign_off
from wayseal.flow.oversee.register import (
    NewContract,
    NewEquipment,
    add_contract,
    add_vendor,
    enrol_equipment,
)
from wayseal.model.border import Seat
from wayseal.model.errors import NotArmed
from wayseal.model.oversight import AssessmentKind, Duty, EquipmentKind, Observation, Result, Tier
from wayseal.seal.suite import sha256

DEBIAN = Path("/etc/usbguard/usbguard-daemon.conf")
DAEMON = "/etc/usbguard/usbguard-daemon.conf"
BOSS = "officer:chief"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CATALOGUE = load_catalogue()
HOST_SPECS = host_probes(CATALOGUE, EquipmentKind.LANE_HOST)


@pytest.fixture
def clock() -> MovableClock:
    """Ten in the morning, when the host's bill of materials and feeds are fresh."""
    return MovableClock(datetime(2026, 11, 22, 10, 0, tzinfo=UTC))


@pytest.fixture(scope="module")
def tpm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tpm]:
    """A software TPM with a quoting key."""
    folder = tmp_path_factory.mktemp("tpm")
    with run_tpm(folder) as tcti:
        yield make_key(tcti, folder, ["-G", "ecc", "-g", "sha256", "-s", "ecdsa"])


@pytest.fixture
def host(tmp_path: Path, tpm: Tpm) -> HostTree:
    """A lane computer that is as it should be, whose TPM has measured what is declared of it."""
    need_tools()
    (tmp_path / "scratch").mkdir()
    tree = make_tree(tmp_path / "root", tmp_path / "scratch")
    values = tpm.pcrs()
    for number, value in values.items():
        tree.put(f"/sys/class/tpm/tpm0/pcr-sha256/{number}", f"{value.upper()}\n")
    facts = {name: getattr(tree.facts, name) for name in tree.facts.__slots__}
    tree.facts = type(tree.facts)(**{**facts, "pcrs": values, "tcti": tpm.tcti})
    return tree


def register_vendor(line: Line) -> None:
    """A prime, its subcontractor with a contract, a notice at the lane, and both sign-offs."""
    desk, now = line.site.oversight, line.clock()
    add_vendor(desk, "prime", tier=Tier.PRIME, under=None, actor=BOSS)
    add_vendor(desk, "sub", tier=Tier.SUBCONTRACTOR, under="prime", actor=BOSS)
    add_vendor(desk, "lab", tier=Tier.ASSESSOR, under=None, actor=BOSS)
    add_contract(
        desk, "sub-1", NewContract("sub", ("metrics",), "port", now, now + 365 * DAY, "ab" * 32), actor=BOSS
    )
    add_notice(desk, "lane1", text_sha256="cd" * 32, starts=now, ends=now + 365 * DAY, actor=BOSS)
    sign_off(desk, Duty.OPERATIONS, principal="ops:1")
    sign_off(desk, Duty.IT, principal="it:1")


def look_elsewhere(line: Line, spec: ProbeSpec) -> Observation:
    """What network and documents would say of a device that is as it should be."""
    evidence = b"{}"
    digest = hashlib.sha256(evidence).hexdigest()
    return Observation(
        spec.id, spec.control, spec.version, Result.PASS, "stands in", line.clock(), evidence, digest
    )


def assess(line: Line, host: HostTree, tpm: Tpm) -> Outcome:
    """Draw an assessment, let the host answer with its key and TPM, verify its bundle, and record it."""
    desk = line.site.oversight
    drawn = draw_assessment(desk, "host-1", AssessmentKind.FULL, assessor="lab", actor="lab:1")
    identity = line.hosts["lane1"].identity
    bundle = assess_host(
        "host-1", EquipmentKind.LANE_HOST, host_view(host.facts, line.clock, root=host.root, run=host.run), HOST_SPECS,
        nonce=bytes.fromhex(drawn.nonce), signer=Signer(identity.public, identity.sign), clock=line.clock,
    )  # fmt: skip
    expected = Expected(
        "host-1", bytes.fromhex(drawn.nonce), drawn.drawn_at, HOST_SPECS, host.facts, identity.public, tpm.public
    )  # fmt: skip
    said = {one.probe: one for one in verify_bundle(bundle, expected, line.clock())}
    seen = [said.get(spec.id) or look_elsewhere(line, spec) for spec in CATALOGUE]
    assert all(spec.id in said for spec in CATALOGUE if spec.where == (Where.HOST,))
    return record_assessment(desk, drawn, seen, nonce=drawn.nonce, catalogue=CATALOGUE, actor="lab:1")


def test_debian_default_disarms_the_lane(line: Line, clock: MovableClock, host: HostTree, tpm: Tpm) -> None:
    """Debian's defaults fail probes 3 and 4 (they audit to a file); the lane stops with the hour; the finding has owner and date; mended, the lane arms again."""
    if not DEBIAN.is_file() or "plugdev" not in DEBIAN.read_text():
        pytest.skip("Debian's usbguard package is not installed (tools/system-packages.txt)")
    desk = line.site.oversight
    register_vendor(line)
    lane = line.lane()
    line.drive(lane, make_vehicle(clock, {Seat.DRIVER: 1}))

    # The vendor's computer is enrolled for the lane and passes: the lane goes on.
    device = sha256(line.hosts["lane1"].identity.public).hex()
    new = NewEquipment(EquipmentKind.LANE_HOST, "edge-7", "SN-1", "sub", "lane1", device)
    enrol_equipment(desk, "host-1", new, actor=BOSS)
    ours = host.read(DAEMON)
    assert assess(line, host, tpm).assessment.passed
    clock.move(HOUR)
    line.drive(lane, make_vehicle(clock, {Seat.DRIVER: 2}, number=2))

    # Somebody installs the package's own settings again. The next assessment sees it, and nothing else.
    host.put(DAEMON, DEBIAN.read_text(), mode=0o600)
    failed = assess(line, host, tpm)
    wrong = [one for one in failed.assessment.observations if one.result is not Result.PASS]
    assert [one.probe for one in wrong] == ["p03", "p04"]
    assert "plugdev" in wrong[0].reason

    # The hour that has begun is worked to its end; the next one brings no key, and the lane hears why.
    line.drive(lane, make_vehicle(clock, {Seat.DRIVER: 1}, number=3))
    clock.move(HOUR)
    captures = len(desk.ledger.find(type="capture", lane="lane1"))
    with pytest.raises(NotArmed) as caught:
        lane.keep(make_vehicle(clock, {Seat.DRIVER: 1}, number=4))
    assert caught.value.facts["code"] == "assessment-failed"
    assert "wayseal equipment" in caught.value.hint
    with pytest.raises(NotArmed):
        line.lane()
    assert len(desk.ledger.find(type="capture", lane="lane1")) == captures

    # The plan of action names who mends it, and by when.
    rows = {row["probe"]: row for row in list_finding_rows(desk)}
    assert rows["p03"]["owner"] == "sub"
    assert rows["p03"]["due"] > rows["p03"]["opened"]
    (state,) = list_lane_rows(desk)
    assert (state["told"], state["fit"], state["reasons"]) == ("disarmed", False, ["assessment-failed"])

    # Mended: the findings close, and the lane is armed again.
    host.put(DAEMON, ours, mode=0o600)
    mended = assess(line, host, tpm)
    assert mended.assessment.passed
    assert set(mended.closed) == set(failed.opened)
    line.drive(line.lane(), make_vehicle(clock, {Seat.DRIVER: 1}, number=5))
    assert list_finding_rows(desk) == []
    assert show_equipment(desk, "host-1")["passing"]

    # All of it is on the ledger, in its order, and the register is what the ledger says.
    told = [
        (one["type"], one.get("status") or one.get("result") or one.get("action"))
        for index, one in desk.ledger.entries()
        if one["type"] in ("lane-status", "attest", "finding")
    ]
    first, last = ("finding", "opened"), ("finding", "closed")
    found = [one for one in told if one not in (first, last)]
    assert found == [
        ("attest", "pass"), ("lane-status", "armed"), ("attest", "fail"), ("lane-status", "disarmed"), ("attest", "pass"),
        ("lane-status", "armed"),
    ]  # fmt: skip
    assert told.count(first) == told.count(last) == len(failed.opened)
    assert verify_rows(desk) > 0
