"""What stands on the duty board, and what comes first, on a real register and ledger under a clock that moves."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lineparts import MovableClock
from overseeparts import (
    add_subcontractor,
    answer_probes,
    assess,
    enrol_host,
    give_duties,
    open_test_desk,
)

from wayseal.assess.catalogue import ERROR_ADVICE, find_probe, load_catalogue
from wayseal.flow.duty_board import MOST, Board, Item, Weight, build_board
from wayseal.flow.duty_tables import COLUMNS, Filter, read_table, show_device
from wayseal.flow.egress_duty import WATCH_GAP, settle_silences
from wayseal.flow.followup import RECEIPT_OVERDUE, Duty
from wayseal.flow.incident import NotificationRule, close_incident, contain_incident, open_incident
from wayseal.flow.ledger_page import PAGE, read_page
from wayseal.flow.oversee.assessments import draw_assessment, record_assessment
from wayseal.flow.oversee.describe import list_finding_rows
from wayseal.flow.oversee.desk import Desk
from wayseal.flow.oversee.fitness import judge_lane, tell_lane
from wayseal.model.clock import to_text
from wayseal.model.errors import NotFound
from wayseal.model.oversight import AssessmentKind, Result, SubjectKind
from wayseal.web.duty import say_due, show_item

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RULES = (
    NotificationRule("inspector", "inspector", 4 * HOUR, from_detection=False),
    NotificationRule("legislature", "legislature", 7 * DAY, from_detection=False, people=100_000),
)


@pytest.fixture
def clock() -> MovableClock:
    """A clock that stands."""
    return MovableClock(NOW)


@pytest.fixture
def desk(tmp_path: Path, clock: MovableClock) -> Desk:
    """A register with a subcontractor."""
    made = open_test_desk(tmp_path, f"sqlite:///{tmp_path / 'rows.sqlite'}", clock)
    add_subcontractor(made)
    return made


def look(desk: Desk, *lanes: str, owed: tuple[Duty, ...] = ()) -> Board:
    """Return the board."""
    return build_board(desk, lanes=lanes, rules=RULES, owed=owed)


def find(board: Board, kind: str, subject: str) -> list[Item]:
    """Return a subject's items of a kind."""
    return [item for item in board.items if (item.kind, item.subject) == (kind, subject)]


def test_lane_through_its_states(desk: Desk, clock: MovableClock) -> None:
    """Without oversight, disarmed with the device that it waits for, armed, and about to lose its key when its time runs out."""
    (item,) = find(look(desk, "lane1"), "lane", "lane1")
    assert (item.code, item.weight) == ("not-under-oversight", Weight.SOON)
    enrol_host(desk)
    tell_lane(desk, judge_lane(desk, "lane1", NOW))
    (item,) = find(look(desk, "lane1"), "lane", "lane1")
    assert (item.code, item.weight, item.device, item.organisation) == (
        "disarmed", Weight.NOW, "host-1", "sub"
    )  # fmt: skip
    assert item.more == ("never-assessed", "no-notice", "no-sign-off")
    clock.now += HOUR
    give_duties(desk)
    assess(desk)
    assert [one.code for one in find(look(desk), "lane", "lane1")] == ["arms-again"]
    tell_lane(desk, judge_lane(desk, "lane1", clock.now))
    (item,) = find(look(desk, "lane1"), "lane", "lane1")
    assert (item.code, item.weight) == ("armed", Weight.FINE)
    clock.now += 2 * DAY
    (item,) = find(look(desk, "lane1"), "lane", "lane1")
    assert (item.code, item.weight, item.more) == ("loses-its-key", Weight.NOW, ("daily-probes-overdue",))


def test_finding_when_overdue(desk: Desk, clock: MovableClock) -> None:
    """A finding comes on the board when its plan's date has passed, with its owner; before, it is only counted."""
    enrol_host(desk)
    assess(desk, failing=["p02"])
    board = look(desk)
    assert board.figures["findings"] == 1
    assert find(board, "finding", "host-1") == []
    clock.now += 400 * DAY
    (item,) = find(look(desk), "finding", "host-1")
    assert (item.code, item.more) == ("p02", ("sub",))
    assert item.due is not None
    assert item.due < clock.now


def test_silent_ports(desk: Desk, clock: MovableClock) -> None:
    """A host whose port watch fell silent is on the board at once, long before its finding is overdue."""
    enrol_host(desk)
    desk.ledger.append(
        [{"type": "egress-watch", "object": "host-1", "action": "started", "seen": to_text(clock.now)}]
    )
    clock.now += 2 * HOUR
    settle_silences(desk, "host-1")
    (item,) = find(look(desk), "silence", "host-1")
    assert (item.code, item.weight) == (WATCH_GAP, Weight.NOW)


def test_incident_until_closed(desk: Desk, clock: MovableClock) -> None:
    """An open incident and both its clocks; the unconditional one presses; contained it waits; closed it is gone."""
    known = open_incident(
        desk.ledger, "privacy-1", reason="lost-device", subject_kind=SubjectKind.ORGANISATION, subject="sub", since=NOW - DAY,
        until=NOW, detected=NOW, clock=clock,
    )  # fmt: skip
    clocks = find(look(desk), "clock", known.id)
    assert [(one.more, one.weight, one.people) for one in clocks] == [
        (("inspector",), Weight.NOW, 0), (("legislature",), Weight.SOON, 100_000)
    ]  # fmt: skip
    assert [one.weight for one in find(look(desk), "incident", known.id)] == [Weight.NOW]
    clock.now += 8 * DAY
    assert {one.weight for one in find(look(desk), "clock", known.id)} == {Weight.NOW}
    contain_incident(desk.ledger, "privacy-1", known.id, clock=clock)
    assert [one.weight for one in find(look(desk), "incident", known.id)] == [Weight.SOON]
    close_incident(desk.ledger, "privacy-1", known.id, duties=(), clock=clock)
    assert [item for item in look(desk).items if item.subject == known.id] == []


def test_overdue_receipts(desk: Desk) -> None:
    """What recipients owe presses, the oldest first; beyond a dozen it is counted and not listed."""
    owed = tuple(Duty(f"export-{n}", "court", RECEIPT_OVERDUE, NOW - n * HOUR) for n in range(1, MOST + 4))
    board = look(desk, owed=owed)
    listed = [item for item in board.items if item.kind == "owed"]
    assert [item.subject for item in listed] == [f"export-{n}" for n in range(MOST + 3, 3, -1)]
    assert board.left_off == {"owed": 3}
    shown = show_item(listed[0], NOW, UTC)  # type: ignore[arg-type]
    assert shown["word"] == "Receipt overdue"
    assert shown["do"] == f"Ask court. wayseal export show export-{MOST + 3}"


def test_most_pressing_first(desk: Desk) -> None:
    """What must be done now stands before what is soon, and that before what is in order."""
    enrol_host(desk)
    give_duties(desk)
    assess(desk)
    owed = (Duty("export-1", "court", RECEIPT_OVERDUE, NOW - HOUR),)
    weights = [item.weight for item in look(desk, "lane1", "lane2", owed=owed).items]
    assert weights == sorted(weights)
    assert {Weight.NOW, Weight.SOON, Weight.FINE} == set(weights)


@given(st.integers(-10_000_000, 10_000_000))
def test_due_in_words(seconds: int) -> None:
    """A clock says in or by how much, in its two largest units, and never names a unit that overflows."""
    text = say_due(NOW + timedelta(seconds=seconds), NOW)
    assert text.startswith("due in " if seconds > 0 else "overdue by ")
    numbers = {unit: int(number) for number, unit in zip(text.split()[2::2], text.split()[3::2], strict=True)}
    assert len(numbers) == 2
    size = {"d": 86400, "h": 3600, "min": 60, "s": 1}
    told = sum(number * size[unit] for unit, number in numbers.items())
    assert 0 <= abs(seconds) - told < min(size[unit] for unit in numbers)
    assert numbers.get("h", 0) < 24
    assert numbers.get("min", 0) < 60


def test_filters(desk: Desk) -> None:
    """An organisation's filter reaches those under it and nothing beside it; a lane's leaves its devices; wrong leaves what is wrong."""
    enrol_host(desk, "host-1", lane="lane1")
    enrol_host(desk, "host-2", lane="lane2", serial="SN-2")
    assess(desk, "host-1")
    assess(desk, "host-2", failing=["p02"])

    def names(table: str, key: str, **chosen: object) -> list[str]:
        return [row[key] for row in read_table(desk, table, Filter(**chosen))]  # type: ignore[arg-type]

    assert names("vendors", "vendor", vendor="prime") == ["prime", "sub"]
    assert names("vendors", "vendor", vendor="lab") == ["lab"]
    assert names("equipment", "equipment", vendor="prime") == ["host-1", "host-2"]
    assert names("equipment", "equipment", vendor="lab") == []
    assert names("equipment", "equipment", lane="lane1") == ["host-1"]
    assert names("equipment", "equipment", wrong=True) == ["host-2"]
    assert names("findings", "subject", vendor="prime") == ["host-2"]
    assert names("findings", "subject", lane="lane1") == []
    assert names("attention", "subject", lane="lane2") == ["host-2 p02"]
    for table, columns in COLUMNS.items():
        assert all(set(columns) <= set(row) for row in read_table(desk, table, Filter()))
    with pytest.raises(NotFound):
        read_table(desk, "people", Filter())


@pytest.mark.parametrize("result", [Result.FAIL, Result.ERROR])
def test_advice_is_of_the_result(desk: Desk, clock: MovableClock, result: Result) -> None:
    """A probe that could not look is told apart from one that found its fault: nobody treats a key as lost that nobody saw."""
    enrol_host(desk)
    drawn = draw_assessment(desk, "host-1", AssessmentKind.FULL, assessor="lab", actor="lab:1")
    seen = answer_probes(clock(), failing=["p07"], result=result)
    record_assessment(desk, drawn, seen, nonce=drawn.nonce, catalogue=load_catalogue(), actor="lab:1")
    wanted = find_probe("p07").advice if result is Result.FAIL else ERROR_ADVICE
    (row,) = [one for one in list_finding_rows(desk) if one["probe"] == "p07"]
    (run,) = show_device(desk, "host-1")["runs"]
    assert (row["do"], run["probes"][0]["do"]) == (wanted, wanted)
    assert run["probes"][1]["do"] != ERROR_ADVICE


def test_device_shows_later_daily_run(desk: Desk, clock: MovableClock) -> None:
    """A device's page has its newest full run, and the daily one that came after it, what failed first."""
    enrol_host(desk)
    assess(desk)
    clock.now += DAY
    assess(desk, kind=AssessmentKind.DAILY, failing=["p05"])
    full, daily = show_device(desk, "host-1")["runs"]
    assert (full["cycle"], daily["cycle"]) == ("full", "daily")
    assert daily["probes"][0]["id"] == "p05"
    assert daily["probes"][0]["do"]
    assert len(full["probes"]) == 31


@pytest.mark.parametrize("wanted", [{}, {"type": "enrol"}])
def test_ledger_pages(desk: Desk, wanted: dict[str, str]) -> None:
    """Page by page one comes to every entry once, newest first, and to an end."""
    desk.ledger.append([{"type": "enrol", "object": f"gallery-{n}"} for n in range(2 * PAGE + 7)])
    seen: list[int] = []
    page = read_page(desk.ledger, wanted)
    while True:
        seen += [row["index"] for row in page.rows]
        assert len(page.rows) <= PAGE
        if page.before is None:
            break
        page = read_page(desk.ledger, wanted, page.before)
    expected = desk.ledger.find(**wanted) if wanted else list(range(desk.ledger.size))
    assert seen == expected[::-1]
    assert page.found == len(expected)
