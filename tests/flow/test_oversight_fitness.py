"""Assessments, findings and the fitness of lanes: nothing that is late, missing, replayed or altered ever ends as a pass."""

import hashlib
from collections.abc import Callable, Iterator
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
    with_rules,
)

from wayseal.assess.catalogue import load_catalogue
from wayseal.flow.oversee.assessments import Outcome, draw_assessment, record_assessment, spell_control
from wayseal.flow.oversee.desk import Desk, view
from wayseal.flow.oversee.duties import add_notice, sign_off
from wayseal.flow.oversee.fitness import judge_lane, tell_lane
from wayseal.flow.oversee.register import end_contract, note_change, retire_equipment
from wayseal.flow.oversee.schedule import cover, plan_one
from wayseal.flow.oversee.standing import suspend_vendor
from wayseal.model.errors import Invalid, NotFound, Refused
from wayseal.model.oversight import AssessmentKind, Duty, Observation, Result
from wayseal.store.engine import read
from wayseal.store.oversight import assessments as assessment_rows
from wayseal.store.oversight.equipment import list_equipment


@pytest.fixture
def desk(tmp_path: Path, clock: MovableClock) -> Iterator[Desk]:
    """A desk with a subcontractor's lane computer, its notice and both sign-offs, not assessed yet."""
    opened = open_test_desk(tmp_path, f"sqlite:///{tmp_path / 'records.sqlite'}", clock)
    add_subcontractor(opened)
    enrol_host(opened)
    give_duties(opened)
    yield opened
    opened.ledger.close()
    opened.engine.dispose()


def reasons(desk: Desk, lane: str = "lane1") -> tuple[str, ...]:
    """Why a lane gets no key now."""
    return judge_lane(desk, lane, desk.clock()).reasons


def test_lane_is_armed_by_a_fresh_pass(desk: Desk) -> None:
    """A lane with equipment is unfit until every probe has passed once."""
    assert reasons(desk) == ("never-assessed",)
    assert not judge_lane(desk, "lane1", desk.clock()).fit
    assess(desk)
    assert reasons(desk) == ()
    assert judge_lane(desk, "lane1", desk.clock()).fit


def test_failed_probe_reaches_the_poam(desk: Desk) -> None:
    """A failing probe makes the lane unfit and opens one finding with owner and date; mending it closes both and arms again."""
    failed = assess(desk, failing={"p03"})
    assert reasons(desk) == ("assessment-failed",)
    again = assess(desk, failing={"p03"})
    assert again.opened == ()
    spec = next(one for one in load_catalogue() if one.id == "p03")
    with view(desk) as rows:
        (finding,) = assessment_rows.list_findings(rows, open_only=True)
        (item,) = assessment_rows.list_items(rows, open_only=True)
    assert (finding.id,) == failed.opened
    assert (finding.subject, finding.probe, finding.reason) == ("host-1", "p03", "as seen")
    assert (item.owner, item.due - finding.opened_at) == ("sub", timedelta(days=spec.mend_days))
    mended = assess(desk)
    assert mended.closed == failed.opened
    with view(desk) as rows:
        (finding,) = assessment_rows.list_findings(rows)
        assert assessment_rows.list_items(rows, open_only=True) == []
    assert finding.closed_by == mended.assessment.id
    assert reasons(desk) == ()


def test_every_probe_is_on_the_ledger(desk: Desk) -> None:
    """The attest entry counts the results, and each probe has an entry with its control and the digest of its evidence."""
    done = assess(desk, failing={"p03", "p05"})
    attest = desk.ledger.entry(done.ledger_index)
    assert (attest["passed"], attest["failed"], attest["result"]) == (29, 2, "fail")
    entries = [desk.ledger.entry(index) for index in desk.ledger.find(type="probe-result", object="host-1")]
    assert len(entries) == 31
    assert {one["evidence_sha256"] for one in entries} == {hashlib.sha256(b'{"looked":true}').hexdigest()}
    assert spell_control("AC-20(2)") == "ac-20.2"


def test_an_error_is_a_failure(desk: Desk) -> None:
    """One probe that ends in an error keeps the lane unfit and opens a finding."""
    drawn = draw_assessment(desk, "host-1", AssessmentKind.FULL, assessor="lab", actor="lab:1")
    seen = answer_probes(desk.clock(), failing={"p13"}, result=Result.ERROR)
    done = record_assessment(desk, drawn, seen, nonce=drawn.nonce, catalogue=load_catalogue(), actor="lab:1")
    assert not done.assessment.passed
    assert len(done.opened) == 1
    assert "assessment-failed" in reasons(desk)


def test_nothing_applicable_is_no_pass(desk: Desk) -> None:
    """A device to which no probe applies has shown nothing and does not pass."""
    drawn = draw_assessment(desk, "host-1", AssessmentKind.FULL, assessor="lab", actor="lab:1")
    seen = [replace(one, result=Result.NOT_APPLICABLE) for one in answer_probes(desk.clock())]
    done = record_assessment(desk, drawn, seen, nonce=drawn.nonce, catalogue=load_catalogue(), actor="lab:1")
    assert not done.assessment.passed


def _edit(seen: list[Observation]) -> list[Observation]:
    return [replace(seen[0], evidence=b'{"looked":"elsewhere"}'), *seen[1:]]


def _double(seen: list[Observation]) -> list[Observation]:
    return [seen[0], *seen]


def _drop(seen: list[Observation]) -> list[Observation]:
    return seen[1:]


def _bloat(seen: list[Observation]) -> list[Observation]:
    big = b"[" + b"1," * 400_000 + b"1]"
    return [replace(seen[0], evidence=big, evidence_sha256=hashlib.sha256(big).hexdigest()), *seen[1:]]


def _hour_ago(seen: list[Observation]) -> list[Observation]:
    return [replace(seen[0], observed_at=seen[0].observed_at - timedelta(hours=1)), *seen[1:]]


def _hour_ahead(seen: list[Observation]) -> list[Observation]:
    return [replace(seen[0], observed_at=seen[0].observed_at + timedelta(hours=1)), *seen[1:]]


@pytest.mark.parametrize("lie", [_edit, _double, _drop, _bloat, _hour_ago, _hour_ahead])
def test_lie_ends_as_a_failure(desk: Desk, lie: Callable[[list[Observation]], list[Observation]]) -> None:
    """Edited bytes, two answers, no answer, endless evidence and clocks an hour apart are each recorded as an error with a reason."""
    drawn = draw_assessment(desk, "host-1", AssessmentKind.FULL, assessor="lab", actor="lab:1")
    seen = lie(answer_probes(desk.clock()))
    done = record_assessment(desk, drawn, seen, nonce=drawn.nonce, catalogue=load_catalogue(), actor="lab:1")
    wrong = [one for one in done.assessment.observations if one.result is Result.ERROR]
    assert [one.probe for one in wrong] == ["p01"]
    assert wrong[0].reason
    assert not done.assessment.passed
    assert not judge_lane(desk, "lane1", desk.clock()).fit


def record_again(desk: Desk, done: Outcome, nonce: str) -> None:
    """Hand in the same answers under an assessment that is drawn now."""
    drawn = draw_assessment(desk, "host-1", AssessmentKind.FULL, assessor="lab", actor="lab:1")
    seen = list(done.assessment.observations)
    record_assessment(desk, drawn, seen, nonce=nonce, catalogue=load_catalogue(), actor="lab:1")


def test_replayed_evidence(desk: Desk, clock: MovableClock) -> None:
    """Yesterday's evidence under yesterday's nonce is refused with an alarm on the ledger; under today's it is out of its time."""
    done = assess(desk)
    clock.move(DAY)
    with pytest.raises(Refused) as caught:
        record_again(desk, done, done.assessment.nonce)
    assert caught.value.facts["reason"] == "nonce-stale"
    (index,) = desk.ledger.find(type="alarm", object="host-1")
    assert desk.ledger.entry(index)["alarm"] == "assessment-refused"
    drawn = draw_assessment(desk, "host-1", AssessmentKind.FULL, assessor="lab", actor="lab:1")
    seen = list(done.assessment.observations)
    late = record_assessment(desk, drawn, seen, nonce=drawn.nonce, catalogue=load_catalogue(), actor="lab:1")
    assert {one.result for one in late.assessment.observations} == {Result.ERROR}


def test_nonce_counts_once(desk: Desk) -> None:
    """A recorded assessment cannot be recorded again with better results."""
    drawn = draw_assessment(desk, "host-1", AssessmentKind.FULL, assessor="lab", actor="lab:1")
    bad = answer_probes(desk.clock(), failing={"p03"})
    record_assessment(desk, drawn, bad, nonce=drawn.nonce, catalogue=load_catalogue(), actor="lab:1")
    good = answer_probes(desk.clock())
    with pytest.raises(Refused) as caught:
        record_assessment(desk, drawn, good, nonce=drawn.nonce, catalogue=load_catalogue(), actor="lab:1")
    assert caught.value.facts["reason"] == "nonce-used"
    assert "assessment-failed" in reasons(desk)


def test_assessment_that_takes_too_long(desk: Desk, clock: MovableClock) -> None:
    """An assessment that is handed in after its window is refused, and stands as unfinished against the lane that passed before."""
    assess(desk)
    drawn = draw_assessment(desk, "host-1", AssessmentKind.DAILY, assessor="lab", actor="lab:1")
    assert reasons(desk) == ()
    clock.move(timedelta(minutes=61))
    seen = answer_probes(clock(), AssessmentKind.DAILY)
    with pytest.raises(Refused) as caught:
        record_assessment(desk, drawn, seen, nonce=drawn.nonce, catalogue=load_catalogue(), actor="lab:1")
    assert caught.value.facts["reason"] == "time-run-out"
    assert reasons(desk) == ("assessment-unfinished",)
    assess(desk, kind=AssessmentKind.DAILY)
    assert reasons(desk) == ()


def test_unasked_answer(desk: Desk) -> None:
    """An answer to a probe outside the catalogue is refused whole."""
    drawn = draw_assessment(desk, "host-1", AssessmentKind.FULL, assessor="lab", actor="lab:1")
    seen = answer_probes(desk.clock())
    with pytest.raises(Invalid):
        record_assessment(
            desk, drawn, [*seen, replace(seen[0], probe="p99")], nonce=drawn.nonce, catalogue=load_catalogue(),
            actor="lab:1",
        )  # fmt: skip


def test_altered_evidence_is_not_read(desk: Desk) -> None:
    """Evidence that somebody changes in the database is not believed when it is read."""
    done = assess(desk)
    with desk.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE observations SET evidence = x'00' WHERE probe = 'p07'")
    with read(desk.engine) as rows, pytest.raises(Exception, match="evidence was altered"):
        assessment_rows.get_assessment(rows, done.assessment.id)
    drawn = draw_assessment(desk, "host-1", AssessmentKind.FULL, assessor="lab", actor="lab:1")
    with read(desk.engine) as rows, pytest.raises(NotFound):
        assessment_rows.get_assessment(rows, drawn.id)


def test_full_assessment_runs_out(desk: Desk, clock: MovableClock) -> None:
    """Daily probes alone keep a lane armed for ninety days, not a moment longer."""
    assess(desk)
    clock.move(90 * DAY - timedelta(minutes=1))
    assess(desk, kind=AssessmentKind.DAILY)
    assert reasons(desk) == ()
    clock.move(timedelta(minutes=2))
    assert reasons(desk) == ("assessment-overdue",)


def test_daily_probes_run_out(desk: Desk, clock: MovableClock) -> None:
    """A day without daily probes disarms; a failed daily run does at once; a new one that passes arms again."""
    assess(desk)
    clock.move(DAY + timedelta(minutes=1))
    assert reasons(desk) == ("daily-probes-overdue",)
    assess(desk, kind=AssessmentKind.DAILY, failing={"p03"})
    assert reasons(desk) == ("daily-probes-failed",)
    assess(desk, kind=AssessmentKind.DAILY)
    assert reasons(desk) == ()


def test_change_asks_for_an_assessment(desk: Desk) -> None:
    """A changed device needs a whole assessment; daily probes do not make up for it."""
    assess(desk)
    note_change(desk, "host-1", actor=BOSS)
    assert "changed-since-assessment" in reasons(desk)
    assess(desk, kind=AssessmentKind.DAILY)
    assert reasons(desk) == ("changed-since-assessment",)
    assess(desk, kind=AssessmentKind.CHANGE)
    assert reasons(desk) == ()


def test_suspension_and_contract_disarm(desk: Desk) -> None:
    """A lane falls with the standing of its equipment's organisation, of the prime above it, and with the contract."""
    assess(desk)
    end_contract(desk, "sub-1", actor=BOSS)
    assert reasons(desk) == ("no-contract",)
    suspend_vendor(desk, "prime", reason="late-notice", actor=BOSS)
    assert reasons(desk) == ("organisation-suspended", "no-contract")


def test_overdue_plan_of_action_disarms(desk: Desk, clock: MovableClock) -> None:
    """A plan of action that is not met by its date is a reason of its own."""
    assess(desk, failing={"p03"})
    clock.move(400 * DAY)
    assert "poam-overdue" in reasons(desk)


def test_no_lane_without_notice(desk: Desk, clock: MovableClock) -> None:
    """A notice that begins tomorrow does not arm today, and one that has ended does not arm any more."""
    enrol_host(desk, "host-2", lane="lane2", serial="SN-2")
    assess(desk, "host-2")
    assert reasons(desk, "lane2") == ("no-notice",)
    now = clock()
    add_notice(desk, "lane2", text_sha256="cd" * 32, starts=now + DAY, ends=now + 2 * DAY, actor=BOSS)
    assert reasons(desk, "lane2") == ("no-notice",)
    clock.move(DAY)
    assess(desk, "host-2", AssessmentKind.DAILY)
    assert reasons(desk, "lane2") == ()
    clock.move(DAY)
    assess(desk, "host-2", AssessmentKind.DAILY)
    assert reasons(desk, "lane2") == ("no-notice",)
    with pytest.raises(Invalid):
        add_notice(desk, "lane2", text_sha256="cd" * 32, starts=now, ends=now, actor=BOSS)
    with pytest.raises(Invalid):
        add_notice(desk, "lane2", text_sha256="a notice", starts=now, ends=now + DAY, actor=BOSS)


def test_sign_off_takes_two_people(tmp_path: Path, clock: MovableClock) -> None:
    """One person cannot sign for operations and IT, nor somebody of a vendor for either; a sign-off runs out."""
    desk = open_test_desk(tmp_path, f"sqlite:///{tmp_path / 'r.sqlite'}", clock)
    add_subcontractor(desk)
    enrol_host(desk)
    add_notice(desk, "lane1", text_sha256="cd" * 32, starts=clock(), ends=clock() + 800 * DAY, actor=BOSS)
    assess(desk)
    sign_off(desk, Duty.OPERATIONS, principal="ops:1")
    assert reasons(desk) == ("no-sign-off",)
    with pytest.raises(Refused, match="the same person"):
        sign_off(desk, Duty.IT, principal="ops:1")
    with pytest.raises(Refused, match="to keep"):
        sign_off(desk, Duty.IT, principal="tech:1")
    sign_off(desk, Duty.IT, principal="it:1")
    assert reasons(desk) == ()
    clock.move(366 * DAY)
    assert "no-sign-off" in reasons(desk)
    desk.ledger.close()


def test_enforcement_begins_with_equipment(desk: Desk) -> None:
    """A lane without equipment keeps working by default; `on` is stricter, `off` says the reasons and lets everything pass."""
    free = judge_lane(desk, "lane9", desk.clock())
    assert (free.fit, free.enforced) == (True, False)
    strict = judge_lane(with_rules(desk, enforce="on"), "lane9", desk.clock())
    assert (strict.fit, strict.reasons) == (False, ("no-equipment", "no-notice"))
    lax = judge_lane(with_rules(desk, enforce="off"), "lane1", desk.clock())
    assert (lax.fit, lax.enforced) == (True, False)
    assert "never-assessed" in lax.reasons


def test_taking_the_equipment_away_arms_nothing(desk: Desk) -> None:
    """A lane whose only computer is retired, or moved to another lane before anybody looked, stays refused."""
    note_change(desk, "host-1", actor=BOSS, lane="lane2")
    assert not judge_lane(desk, "lane2", desk.clock()).fit
    tell_lane(desk, judge_lane(desk, "lane2", desk.clock()))
    note_change(desk, "host-1", actor=BOSS, lane="lane3")
    assert reasons(desk, "lane2") == ("no-equipment", "no-notice")
    assert not judge_lane(desk, "lane2", desk.clock()).fit
    retire_equipment(desk, "host-1", actor=BOSS)
    assert not judge_lane(desk, "lane3", desk.clock()).fit


def test_lane_is_told_once(desk: Desk) -> None:
    """Arming and disarming are on the ledger when they change, with the worst reason, and not at each question."""
    assert tell_lane(desk, judge_lane(desk, "lane9", desk.clock())) is None
    for _ in range(2):
        state = tell_lane(desk, judge_lane(desk, "lane1", desk.clock()))
    assert state is not None
    assert (state.armed, state.reason) == (False, "never-assessed")
    assess(desk)
    for _ in range(2):
        tell_lane(desk, judge_lane(desk, "lane1", desk.clock()))
    entries = [desk.ledger.entry(index) for index in desk.ledger.find(type="lane-status", lane="lane1")]
    assert [(one["status"], one.get("reason")) for one in entries] == [
        ("disarmed", "never-assessed"),
        ("armed", None),
    ]


def test_coverage_is_live(desk: Desk, clock: MovableClock) -> None:
    """Of two devices, the assessed one counts until its cycle ends, pass or not; a failing one does not count as passing."""
    enrol_host(desk, "host-2", lane="lane2", serial="SN-2")

    def figure() -> tuple[int, int, int, int, tuple[str, ...]]:
        with view(desk) as rows:
            plans = [
                plan_one(rows, one, desk.rules, clock()) for one in list_equipment(rows, organisation="sub")
            ]
        now = cover(plans, desk.rules, clock())
        return now.total, now.assessed, now.due, now.passing, now.attention

    assert figure() == (2, 0, 2, 0, ("host-1", "host-2"))
    assess(desk)
    assess(desk, "host-2", failing={"p03"})
    assert figure() == (2, 2, 0, 1, ())
    clock.move(61 * DAY)
    assert figure() == (2, 2, 0, 0, ("host-1", "host-2"))
    clock.move(30 * DAY)
    assert figure() == (2, 0, 2, 0, ("host-1", "host-2"))
