"""The register: who is in it, who hangs under whom, what closes access, and that the ledger accounts for every row."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from lineparts import MovableClock
from overseeparts import (
    BOSS,
    DAY,
    add_subcontractor,
    answer_probes,
    assess,
    enrol_host,
    give_duties,
    open_test_desk,
)
from sqlalchemy import text

from wayseal.assess.catalogue import load_catalogue
from wayseal.flow.oversee.assessments import draw_assessment, record_assessment
from wayseal.flow.oversee.desk import Desk, verify_rows, view
from wayseal.flow.oversee.duties import (
    RETURN_OVERDUE,
    certify_return,
    list_attention,
    open_overdue,
    sign_off,
)
from wayseal.flow.oversee.register import (
    NewContract,
    NewEquipment,
    add_component,
    add_contract,
    add_medium,
    add_person,
    add_vendor,
    end_contract,
    end_medium,
    end_person,
    enrol_equipment,
    note_change,
    renew_training,
    retire_equipment,
)
from wayseal.flow.oversee.standing import chain_of, reinstate_vendor, standing_of, suspend_vendor
from wayseal.ledger.log import Ledger
from wayseal.model.clock import utc_now
from wayseal.model.errors import Integrity, Invalid, NotFound, Refused
from wayseal.model.oversight import AssessmentKind, Duty, EquipmentKind, Medium, Standing, Tier
from wayseal.store.engine import open_engine, read, write
from wayseal.store.migrate import migrate
from wayseal.store.oversight import assessments as assessment_rows
from wayseal.store.oversight import equipment as equipment_rows
from wayseal.store.oversight import vendors as vendor_rows


@pytest.fixture(params=["sqlite", "postgresql"])
def desk(request: pytest.FixtureRequest, tmp_path: Path, clock: MovableClock) -> Iterator[Desk]:
    """A desk with a subcontractor, once on each engine."""
    url = f"sqlite:///{tmp_path / 'records.sqlite'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
        engine = open_engine(url)
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        engine.dispose()
    opened = open_test_desk(tmp_path, url, clock)
    add_subcontractor(opened)
    yield opened
    opened.ledger.close()
    opened.engine.dispose()


@pytest.fixture
def small(tmp_path: Path, clock: MovableClock) -> Iterator[Desk]:
    """The same on SQLite only."""
    opened = open_test_desk(tmp_path, f"sqlite:///{tmp_path / 'records.sqlite'}", clock)
    add_subcontractor(opened)
    yield opened
    opened.ledger.close()
    opened.engine.dispose()


def test_ledger_accounts_for_every_row(desk: Desk, clock: MovableClock) -> None:
    """After every kind of act the rows are what the ledger's entries make anew, on both engines."""
    enrol_host(desk)
    give_duties(desk)
    assess(desk, failing={"p03"})
    assess(desk)
    note_change(desk, "host-1", actor=BOSS, model="edge-8")
    retire_equipment(desk, "host-1", actor=BOSS)
    enrol_host(desk)
    renew_training(desk, "tech:1", until=clock() + 400 * DAY, actor=BOSS)
    end_person(desk, "tech:1", actor=BOSS)
    suspend_vendor(desk, "sub", reason="copied-pictures", actor=BOSS)
    stick = Medium("stick-1", "KX-1", "0951", "1666", "1-1.2", "wo-7", clock(), clock() + DAY)
    add_medium(desk, stick, actor=BOSS)
    end_medium(desk, "stick-1", actor=BOSS)
    end_contract(desk, "sub-1", actor=BOSS)
    certify_return(desk, "sub-1", returned=0, destroyed=184_000, actor=BOSS)
    assert verify_rows(desk) > 15


def test_altered_row_is_found(small: Desk) -> None:
    """Somebody with a database client who gives a suspended vendor its standing back is found out."""
    suspend_vendor(small, "sub", reason="copied-pictures", actor=BOSS)
    with write(small.engine) as connection:
        connection.execute(text("UPDATE organisations SET standing = 'active' WHERE id = 'sub'"))
    with pytest.raises(Integrity) as caught:
        verify_rows(small)
    assert caught.value.facts["table"] == "organisations"


def test_altered_result_is_found(small: Desk) -> None:
    """A failed probe that somebody turns into a pass in the database is found out."""
    enrol_host(small)
    assess(small, failing={"p03"})
    assert verify_rows(small) > 31
    with write(small.engine) as connection:
        connection.execute(text("UPDATE observations SET result = 'pass' WHERE probe = 'p03'"))
    with pytest.raises(Integrity) as caught:
        verify_rows(small)
    assert caught.value.facts["table"] == "observations"


def test_rows_follow_the_ledger_after_a_crash(small: Desk, tmp_path: Path) -> None:
    """An entry whose rows a crash undid is followed at the next look; a lost database is made again whole."""
    entry = {"type": "org-status", "object": "sub", "status": "suspended", "reason": "copied-pictures"}
    small.ledger.append([entry])
    with view(small) as rows:
        assert vendor_rows.get_vendor(rows, "sub").standing is Standing.SUSPENDED
    engine = open_engine(f"sqlite:///{tmp_path / 'again.sqlite'}")
    migrate(engine)
    again = Desk(small.ledger, engine, small.rules, small.site, small.agency, small.clock)
    with view(again) as rows:
        assert [one.id for one in vendor_rows.list_vendors(rows)] == ["agency", "lab", "prime", "sub"]
        assert vendor_rows.get_vendor(rows, "sub").standing is Standing.SUSPENDED
    engine.dispose()


def test_active_entry_lifts_no_suspension(small: Desk) -> None:
    """Registering a suspended organisation as active again leaves it suspended."""
    suspend_vendor(small, "sub", reason="copied-pictures", actor=BOSS)
    small.ledger.append([{"type": "org-status", "object": "sub", "status": "active"}])
    with view(small) as rows:
        assert vendor_rows.get_vendor(rows, "sub").standing is Standing.SUSPENDED


def test_subcontractor_hangs_under_its_prime(small: Desk) -> None:
    """The chain from a subcontractor to its prime is visible; chains that make no sense are refused."""
    with view(small) as rows:
        chain = chain_of(rows, vendor_rows.get_vendor(rows, "sub"))
    assert [one.id for one in chain] == ["sub", "prime"]
    with pytest.raises(Invalid):
        add_vendor(small, "loose", tier=Tier.SUBCONTRACTOR, under=None, actor=BOSS)
    with pytest.raises(Invalid):
        add_vendor(small, "odd", tier=Tier.PRIME, under="prime", actor=BOSS)
    with pytest.raises(Invalid):
        add_vendor(small, "odd", tier=Tier.SUBCONTRACTOR, under="lab", actor=BOSS)
    with pytest.raises(Invalid):
        add_vendor(small, "second-agency", tier=Tier.AGENCY, under=None, actor=BOSS)
    with pytest.raises(NotFound):
        add_vendor(small, "odd", tier=Tier.SUBCONTRACTOR, under="nobody", actor=BOSS)
    with pytest.raises(Invalid):
        add_vendor(small, "sub", tier=Tier.SUBCONTRACTOR, under="prime", actor=BOSS)


def test_two_devices_with_one_serial(small: Desk) -> None:
    """A second device with a known serial number is refused, also when the first is retired; the first comes back under its id."""
    enrol_host(small)
    with pytest.raises(Refused, match="one serial number"):
        enrol_host(small, "host-2")
    retire_equipment(small, "host-1", actor=BOSS)
    with pytest.raises(Refused, match="one serial number"):
        enrol_host(small, "host-2")
    with pytest.raises(Refused, match="another serial number"):
        enrol_host(small, "host-1", serial="SN-2")
    enrol_host(small)
    with view(small) as rows:
        assert [one.id for one in equipment_rows.list_equipment(rows)] == ["host-1"]
    with pytest.raises(Invalid):
        enrol_host(small)


@pytest.mark.parametrize(
    "change",
    [{"model": "Edge 7"}, {"serial": "né en 1"}, {"serial": ""}, {"lane": "Lane 1"}, {"device_sha256": "ab"}],
)
def test_malformed_equipment(small: Desk, change: dict[str, str]) -> None:
    """What is no id, serial number or digest is refused before anything is on the ledger."""
    size = small.ledger.size
    values = {"kind": EquipmentKind.CAMERA, "model": "cam-1", "serial": "S1", "organisation": "sub", **change}
    with pytest.raises(Invalid):
        enrol_equipment(small, "cam-1", NewEquipment(**values), actor=BOSS)  # type: ignore[arg-type]
    assert small.ledger.size == size


def test_component_definition_is_kept(small: Desk) -> None:
    """A model's component definition is kept with its digest on the ledger, and an altered one is not believed."""
    digest = add_component(small, "edge-7", b'{"component-definition":{}}', actor=BOSS)
    (index,) = small.ledger.find(type="register", object="edge-7")
    assert small.ledger.entry(index)["component_sha256"] == digest
    with write(small.engine) as connection:
        connection.execute(text("UPDATE components SET body = x'6f74'"))
    with read(small.engine) as rows, pytest.raises(Integrity):
        equipment_rows.get_component(rows, "edge-7")


def test_training_closes_access(small: Desk, clock: MovableClock) -> None:
    """On the day that the training ends, access is closed by itself; renewing it opens access again."""
    assert standing_of(small, "chief:1", "officer", clock()).training_valid
    clock.move(365 * DAY)
    closed = standing_of(small, "chief:1", "officer", clock())
    assert (closed.training_valid, closed.reason) == (False, "training-expired")
    renew_training(small, "chief:1", until=clock() + DAY, actor=BOSS)
    assert standing_of(small, "chief:1", "officer", clock()).reason is None


def test_contract_closes_access(small: Desk, clock: MovableClock) -> None:
    """When the contract ends, its people are locked out although their training goes on."""
    renew_training(small, "tech:1", until=clock() + 800 * DAY, actor=BOSS)
    assert standing_of(small, "tech:1", "officer", clock()).reason is None
    clock.move(366 * DAY)
    late = standing_of(small, "tech:1", "officer", clock())
    assert (late.suspended, late.reason) == (True, "no-contract")


def test_vendor_people_act_as_vendor(small: Desk, clock: MovableClock) -> None:
    """Whatever role somebody registered names, policy is told the register's: a vendor stays one, an officer is no privacy officer."""
    assert standing_of(small, "tech:1", "privacy_officer", clock()).role == "vendor"
    assert standing_of(small, "lab:1", "officer", clock()).role == "assessor"
    assert standing_of(small, "chief:1", "privacy_officer", clock()).role == "officer"


def test_strangers(tmp_path: Path, clock: MovableClock) -> None:
    """An unregistered staff id is the agency's until the first person is registered; then only evaluation sites let it in."""
    desk = open_test_desk(tmp_path, f"sqlite:///{tmp_path / 'r.sqlite'}", clock)
    assert standing_of(desk, "officer:9", "officer", clock()).training_valid
    add_subcontractor(desk)
    stranger = standing_of(desk, "officer:9", "officer", clock())
    assert (stranger.training_valid, stranger.reason) == (False, "not-registered")
    assert standing_of(desk, "matcher", "matcher", clock()).training_valid
    trial = Desk(desk.ledger, desk.engine, desk.rules, "port", "agency", clock, open_everywhere=True)
    assert standing_of(trial, "officer:9", "officer", clock()).training_valid
    desk.ledger.close()


def test_staff_id_stays_with_its_organisation(small: Desk) -> None:
    """Somebody who left with one company does not come back with another under the same id."""
    end_person(small, "tech:1", actor=BOSS)
    assert standing_of(small, "tech:1", "officer", small.clock()).reason == "left"
    with pytest.raises(Refused, match="another organisation"):
        add_person(small, "tech:1", organisation="prime", role="officer", training_until=None, actor=BOSS)
    add_person(small, "tech:1", organisation="sub", role="officer", training_until=None, actor=BOSS)
    assert standing_of(small, "tech:1", "officer", small.clock()).reason is None


def test_suspension_reaches_everybody_below(small: Desk, clock: MovableClock) -> None:
    """Suspending a prime suspends its subcontractor with an entry of its own, and closes access of its people at once."""
    change = suspend_vendor(small, "prime", reason="late-notice", actor=BOSS)
    assert change.reached == ("prime", "sub")
    assert small.ledger.entry(change.ledger_index)["object"] == "prime"
    assert small.ledger.entry(change.ledger_index + 1)["reason"] == "prime-suspended"
    assert standing_of(small, "tech:1", "officer", clock()).reason == "organisation-suspended"
    with pytest.raises(Invalid):
        suspend_vendor(small, "prime", reason="again", actor=BOSS)
    with pytest.raises(Refused):
        suspend_vendor(small, "agency", reason="no", actor=BOSS)


def test_reinstatement_needs_assessment_and_two_approvers(small: Desk) -> None:
    """Nobody comes back without a full assessment drawn after the suspension and two approvers of two other organisations."""
    enrol_host(small)
    assess(small)
    suspend_vendor(small, "sub", reason="copied-pictures", actor=BOSS)
    good = ("chief:1", "lab:1")
    with pytest.raises(Refused, match="no full assessment since"):
        reinstate_vendor(small, "sub", approvers=good, actor=BOSS)
    assess(small, kind=AssessmentKind.DAILY)
    with pytest.raises(Refused, match="no full assessment since"):
        reinstate_vendor(small, "sub", approvers=good, actor=BOSS)
    assess(small, failing={"p03"})
    with pytest.raises(Refused, match="no full assessment since"):
        reinstate_vendor(small, "sub", approvers=good, actor=BOSS)
    last = assess(small)
    for bad in [
        (),
        ("chief:1",),
        ("chief:1", "chief:1"),
        ("chief:1", "privacy:1"),
        ("chief:1", "tech:1"),
        ("chief:1", "who"),
    ]:
        with pytest.raises(Refused):
            reinstate_vendor(small, "sub", approvers=bad, actor=BOSS)
    back = reinstate_vendor(small, "sub", approvers=good, actor=BOSS)
    entry = small.ledger.entry(back.ledger_index)
    assert (entry["status"], entry["assessment"]) == ("reinstated", last.assessment.id)
    assert standing_of(small, "tech:1", "officer", small.clock()).reason is None
    with pytest.raises(Invalid):
        reinstate_vendor(small, "sub", approvers=good, actor=BOSS)


def test_reinstating_under_a_suspended_prime(small: Desk) -> None:
    """A subcontractor that is taken back stays locked out while its prime is suspended."""
    enrol_host(small)
    suspend_vendor(small, "prime", reason="late-notice", actor=BOSS)
    assess(small)
    reinstate_vendor(small, "sub", approvers=("chief:1", "lab:1"), actor=BOSS)
    assert standing_of(small, "tech:1", "officer", small.clock()).reason == "organisation-suspended"


def test_vendor_without_equipment_stays_out(small: Desk) -> None:
    """An organisation with nothing to assess cannot be reinstated."""
    suspend_vendor(small, "sub", reason="copied-pictures", actor=BOSS)
    with pytest.raises(Refused, match="nothing that was assessed"):
        reinstate_vendor(small, "sub", approvers=("chief:1", "lab:1"), actor=BOSS)


def test_return_certificate(small: Desk, clock: MovableClock) -> None:
    """After a contract's end its certificate is awaited, overdue makes one finding, and the certificate closes it."""
    with pytest.raises(Invalid, match="has not ended"):
        certify_return(small, "sub-1", returned=1, destroyed=1, actor="tech:1")
    end_contract(small, "sub-1", actor=BOSS)
    with pytest.raises(Invalid):
        end_contract(small, "sub-1", actor=BOSS)
    assert open_overdue(small) == []
    clock.move(31 * DAY)
    (finding,) = open_overdue(small)
    assert open_overdue(small) == []
    with view(small) as rows:
        (found,) = assessment_rows.list_findings(rows, open_only=True)
        (item,) = assessment_rows.list_items(rows, open_only=True)
    assert (found.id, found.subject, found.probe) == (finding, "sub-1", RETURN_OVERDUE)
    assert item.owner == "sub"
    with pytest.raises(Invalid):
        certify_return(small, "sub-1", returned=-1, destroyed=0, actor="tech:1")
    certificate = certify_return(small, "sub-1", returned=12, destroyed=184_000, actor="tech:1")
    assert (certificate.returned, certificate.destroyed) == (12, 184_000)
    with view(small) as rows:
        assert assessment_rows.list_findings(rows, open_only=True) == []
        assert assessment_rows.list_items(rows, open_only=True) == []


def test_attention_looks_ahead(small: Desk, clock: MovableClock) -> None:
    """What ends within thirty days is listed before it ends, and stays listed as overdue."""
    assert list_attention(small) == []
    clock.move(340 * DAY)
    soon = {(one.what, one.subject, one.overdue) for one in list_attention(small)}
    assert ("training", "tech:1", False) in soon
    assert ("contract ends", "sub-1", False) in soon
    clock.move(60 * DAY)
    late = {(one.what, one.subject, one.overdue) for one in list_attention(small)}
    assert ("training", "tech:1", True) in late
    assert ("return certificate", "sub-1", True) in late


def test_contract_that_ends_before_it_begins(small: Desk, clock: MovableClock) -> None:
    """Contradictory dates, unknown organisations and doubled ids are refused."""
    now = clock()
    backwards = NewContract("sub", (), "port", now, now - timedelta(seconds=1), "ab" * 32)
    with pytest.raises(Invalid):
        add_contract(small, "sub-2", backwards, actor=BOSS)
    sound = NewContract("sub", (), "port", now, now + DAY, "ab" * 32)
    with pytest.raises(Invalid):
        add_contract(small, "sub-1", sound, actor=BOSS)
    with pytest.raises(NotFound):
        add_contract(small, "x", NewContract("nobody", (), "port", now, now + DAY, "ab" * 32), actor=BOSS)


def test_nobody_assesses_their_own(small: Desk) -> None:
    """The vendor, its prime and other vendors are refused as assessors; the agency and an assessor are not."""
    enrol_host(small)
    for assessor in ("sub", "prime"):
        with pytest.raises(Refused):
            draw_assessment(small, "host-1", AssessmentKind.FULL, assessor=assessor, actor=BOSS)
    for assessor in ("agency", "lab"):
        draw_assessment(small, "host-1", AssessmentKind.FULL, assessor=assessor, actor=BOSS)
    with pytest.raises(NotFound):
        draw_assessment(small, "host-9", AssessmentKind.FULL, assessor="lab", actor=BOSS)


def test_vendors_do_not_keep_the_register(small: Desk, clock: MovableClock) -> None:
    """Somebody of a vendor can enrol, renew, assess, reinstate and register nothing; they can certify their own contract's return."""
    enrol_host(small)
    suspend_vendor(small, "prime", reason="late-notice", actor=BOSS)
    size = small.ledger.size
    camera = NewEquipment(EquipmentKind.CAMERA, "cam-1", "S-1", "sub", "lane1")
    for act in (
        lambda: enrol_equipment(small, "cam-1", camera, actor="tech:1"),
        lambda: retire_equipment(small, "host-1", actor="tech:1"),
        lambda: renew_training(small, "tech:1", until=clock() + DAY, actor="tech:1"),
        lambda: draw_assessment(small, "host-1", AssessmentKind.FULL, assessor="lab", actor="tech:1"),
        lambda: reinstate_vendor(small, "prime", approvers=("chief:1", "lab:1"), actor="tech:1"),
        lambda: add_vendor(small, "other", tier=Tier.PRIME, under=None, actor="lab:1"),
        lambda: end_contract(small, "lab-1", actor="tech:1"),
    ):
        with pytest.raises(Refused, match="agency's to keep"):
            act()
    assert small.ledger.size == size
    end_contract(small, "sub-1", actor=BOSS)
    with pytest.raises(Refused, match="agency's to keep"):
        certify_return(small, "sub-1", returned=0, destroyed=0, actor="lab:1")
    assert certify_return(small, "sub-1", returned=0, destroyed=0, actor="tech:1").signed_by == "tech:1"


def test_a_suspended_assessor_vouches_for_nothing(small: Desk) -> None:
    """A suspended assessor is drawn for nothing, and what was drawn before is not recorded."""
    enrol_host(small)
    drawn = draw_assessment(small, "host-1", AssessmentKind.FULL, assessor="lab", actor="lab:1")
    suspend_vendor(small, "lab", reason="sold-passes", actor=BOSS)
    with pytest.raises(Refused):
        draw_assessment(small, "host-1", AssessmentKind.FULL, assessor="lab", actor="lab:1")
    seen = answer_probes(small.clock())
    with pytest.raises(Refused) as caught:
        record_assessment(small, drawn, seen, nonce=drawn.nonce, catalogue=load_catalogue(), actor="lab:1")
    assert caught.value.facts["reason"] == "assessor-suspended"
    assert not small.ledger.find(type="attest")


def test_a_suspended_prime_takes_nobody_on(small: Desk) -> None:
    """A name that is new does not come in under a suspended organisation."""
    suspend_vendor(small, "prime", reason="breach", actor=BOSS)
    with pytest.raises(Refused):
        add_vendor(small, "fresh", tier=Tier.SUBCONTRACTOR, under="prime", actor=BOSS)
    assert not small.ledger.find(type="register", object="fresh")


def test_a_suspended_device_does_not_change_hands(small: Desk) -> None:
    """Retired from a suspended organisation, a lane computer comes back to that one only."""
    enrol_host(small)
    suspend_vendor(small, "sub", reason="breach", actor=BOSS)
    retire_equipment(small, "host-1", actor=BOSS)
    other = NewEquipment(EquipmentKind.LANE_HOST, "edge-7", "SN-1", "agency", "lane1")
    with pytest.raises(Refused):
        enrol_equipment(small, "host-1", other, actor=BOSS)
    enrol_host(small)
    with view(small) as rows:
        assert equipment_rows.get_equipment(rows, "host-1").organisation == "sub"


def test_whoever_left_keeps_no_register(small: Desk) -> None:
    """Somebody of the agency who has left suspends, reinstates and signs off nothing any more."""
    end_person(small, "chief:1", actor=BOSS)
    with pytest.raises(Refused):
        suspend_vendor(small, "sub", reason="breach", actor="chief:1")
    with pytest.raises(Refused):
        sign_off(small, Duty.IT, principal="chief:1")


def test_two_writers_at_once(tmp_path: Path, clock: MovableClock) -> None:
    """Of eight processes' desks that enrol the same serial number at once, one succeeds; all others are refused, and the rows agree."""
    url = f"sqlite:///{tmp_path / 'records.sqlite'}"
    first = open_test_desk(tmp_path, url, clock)
    add_subcontractor(first)

    def enrol(number: int) -> bool:
        ledger = Ledger(tmp_path / "ledger", clock=utc_now)
        engine = open_engine(url)
        try:
            enrol_host(replace(first, ledger=ledger, engine=engine), f"host-{number}")
        except Refused:
            return False
        finally:
            ledger.close()
            engine.dispose()
        return True

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(enrol, range(8)))
    assert sum(done) == 1
    with view(first) as rows:
        assert len(equipment_rows.list_equipment(rows)) == 1
    assert verify_rows(first) > 0
    first.ledger.close()
    first.engine.dispose()


def test_no_person_passes_for_a_process(desk: Desk) -> None:
    """A registered technician who says that they are the matcher is their vendor's, whatever they say."""
    known = standing_of(desk, "tech:1", "matcher", desk.clock())
    assert (known.organisation, known.role != "matcher") == ("sub", True)
    assert standing_of(desk, "matcher", "matcher", desk.clock()).organisation == "agency"
