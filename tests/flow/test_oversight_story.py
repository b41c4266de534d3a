"""A vendor's lane computer with Debian's default USBGuard settings: it fails, its lane is disarmed at the next epoch, and comes back.

Nothing stands in: the host is a tree of real files and formats, looked at by the real collector with the real
`usbguard-rule-parser`, signed by the lane's device key and quoted by a software TPM; camera, door and clocks answer on
loopback; papers are signed; the drills try the site's own doors.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from assessparts import Port, open_port
from hosttree import HostTree, make_tree, need_tools, read_debian_settings
from lineparts import Line, MovableClock, make_vehicle
from sealdevices import run_tpm
from test_host_quote import Tpm, make_key

from wayseal.assess.catalogue import load_catalogue
from wayseal.assess.collector import Signer, assess_host, host_probes
from wayseal.assess.verify import Expected, verify_bundle
from wayseal.flow.assess import Sight, assess_equipment
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
from wayseal.model.oversight import AssessmentKind, Duty, EquipmentKind, Result, Tier

DAEMON = "/etc/usbguard/usbguard-daemon.conf"
DEVICE = "lane1-host"
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
    """A vendor with a contract, a notice at the lane, and both sign-offs."""
    desk, now = line.site.oversight, line.clock()
    add_vendor(desk, "opteq", tier=Tier.PRIME, under=None, actor=BOSS)
    add_contract(
        desk,
        "opteq-1",
        NewContract("opteq", ("metrics",), "port", now, now + 365 * DAY, "ab" * 32),
        actor=BOSS,
    )
    add_notice(desk, "lane1", text_sha256="cd" * 32, starts=now, ends=now + 365 * DAY, actor=BOSS)
    sign_off(desk, Duty.OPERATIONS, principal="ops:1")
    sign_off(desk, Duty.IT, principal="it:1")


def pass_hour(port: Port) -> None:
    """Let an hour pass in which the host's port watch beats every five minutes."""
    beat = {
        "type": "egress-watch",
        "object": DEVICE,
        "action": "beat",
        "events": 0,
        "missed": 0,
        "pace_s": 300,
    }
    for _ in range(12):
        port.clock.move(HOUR / 12)
        port.site.ledger.append([beat])


def assess(port: Port, tpm: Tpm) -> Outcome:
    """Draw an assessment, let the host answer with its key and TPM, look from every other place, and record it."""
    desk, clock, host = port.site.oversight, port.clock, port.host
    drawn = draw_assessment(desk, DEVICE, AssessmentKind.FULL, assessor="agency", actor=BOSS)
    identity, nonce = port.line.hosts["lane1"].identity, bytes.fromhex(drawn.nonce)
    bundle = assess_host(
        DEVICE, EquipmentKind.LANE_HOST, host_view(host.facts, clock, root=host.root, run=host.run), HOST_SPECS,
        nonce=nonce, signer=Signer(identity.public, identity.sign), clock=clock,
    )  # fmt: skip
    expected = Expected(DEVICE, nonce, drawn.drawn_at, HOST_SPECS, host.facts, identity.public, tpm.public)
    said = verify_bundle(bundle, expected, clock())
    sight = Sight(outside=port.outside(), documents=port.documents(), host=said)
    seen = assess_equipment(port.equipment(), CATALOGUE, sight, clock=clock)
    return record_assessment(desk, drawn, seen, nonce=drawn.nonce, catalogue=CATALOGUE, actor=BOSS)


def test_debian_default_disarms_the_lane(
    tmp_path: Path, clock: MovableClock, host: HostTree, tpm: Tpm
) -> None:
    """Debian's defaults fail probes 3 and 4 (they audit to a file); the lane stops with the hour; the finding has owner and date; mended, the lane arms again."""
    read_debian_settings()  # or skip
    (tmp_path / "port").mkdir()
    with open_port(tmp_path / "port", host, clock) as port:
        states = tell_story(port, tpm)
    assert states == ["armed", "disarmed", "armed"]


def tell_story(port: Port, tpm: Tpm) -> list[str]:
    """The story, at an open port; returns the lane's states as the ledger has them."""
    desk, line, clock, host = port.site.oversight, port.line, port.clock, port.host
    register_vendor(line)
    lane = line.lane()
    line.drive(lane, make_vehicle(clock, {Seat.DRIVER: 1}))

    # The vendor's computer is enrolled for the lane and passes: the lane goes on.
    known = port.equipment()
    new = NewEquipment(
        known.kind, known.model, known.serial, known.organisation, "lane1", known.device_sha256
    )
    enrol_equipment(desk, DEVICE, new, actor=BOSS)
    ours = host.read(DAEMON)
    first = assess(port, tpm)
    wrong = [one for one in first.assessment.observations if one.result in (Result.FAIL, Result.ERROR)]
    assert [(one.probe, one.reason) for one in wrong] == []
    assert first.assessment.passed
    pass_hour(port)
    line.drive(lane, make_vehicle(clock, {Seat.DRIVER: 2}, number=2))

    # Somebody installs the package's own settings again. The next assessment sees it, and nothing else.
    host.put(DAEMON, read_debian_settings(), mode=0o600)
    failed = assess(port, tpm)
    wrong = [one for one in failed.assessment.observations if one.result in (Result.FAIL, Result.ERROR)]
    assert [one.probe for one in wrong] == ["p03", "p04"]
    assert "plugdev" in wrong[0].reason

    # The hour that has begun is worked to its end; the next one brings no key, and the lane hears why.
    line.drive(lane, make_vehicle(clock, {Seat.DRIVER: 1}, number=3))
    pass_hour(port)
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
    assert rows["p03"]["owner"] == "opteq"
    assert rows["p03"]["due"] > rows["p03"]["opened"]
    (state,) = list_lane_rows(desk)
    assert (state["told"], state["fit"], state["reasons"]) == ("disarmed", False, ["assessment-failed"])

    # Mended: the findings close, and the lane is armed again.
    host.put(DAEMON, ours, mode=0o600)
    mended = assess(port, tpm)
    assert mended.assessment.passed
    assert set(mended.closed) == set(failed.opened)
    line.drive(line.lane(), make_vehicle(clock, {Seat.DRIVER: 1}, number=5))
    assert list_finding_rows(desk) == []
    assert show_equipment(desk, DEVICE)["passing"]

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
    return [str(status) for kind, status in told if kind == "lane-status"]
