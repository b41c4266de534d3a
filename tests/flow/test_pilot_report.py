"""The pilot report: its three aims from the lanes' own counts, with the people who were not captured as denominator."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from lineparts import MovableClock
from overseeparts import open_test_desk

from wayseal.flow.oversee.desk import Desk
from wayseal.flow.reports.kinds import make_report
from wayseal.flow.reports.render import render_html
from wayseal.flow.reports.value import Report, Sources
from wayseal.store.engine import write
from wayseal.store.health import LaneDay, add_to_day
from wayseal.store.health_seats import SeatDay, add_seats

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
TODAY = date(2026, 11, 20)
LAKE = "01JD0000000000000000000000"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A site with two lanes: a busy one and one that saw four people."""
    desk = open_test_desk(tmp_path, f"sqlite:///{tmp_path}/rows.sqlite", MovableClock(NOW))
    quality = (0, 0, 0, 10, 0, 0, 0, 0, 150, 0)
    busy = LaneDay(
        "lane1", TODAY, "a" * 64, 150, 200, 160, 120, 10, 140, quality, seconds=(0, 140, 4, 3, 3, 0)
    )
    with write(desk.engine) as connection:
        add_to_day(connection, busy)
        add_to_day(
            connection, LaneDay("lane2", TODAY, "a" * 64, 3, 4, 4, 1, 0, 3, seconds=(0, 0, 3, 0, 0, 0))
        )
        add_to_day(connection, LaneDay("lane1", TODAY - timedelta(days=31), "a" * 64, 999, 999, 1))
        add_seats(connection, [SeatDay("lane1", TODAY, "driver", 140, 135, 110, 8)])
        add_seats(
            connection,
            [SeatDay("lane1", TODAY, "driver", 10, 5), SeatDay("lane1", TODAY, "rear_left", 50, 20, 10, 2)],
        )
        add_seats(connection, [SeatDay("lane2", TODAY, "driver", 4, 4, 1)])
    return desk


def make_pilot(desk: Desk) -> Report:
    """Return the report as it is now."""
    return make_report("pilot", Sources(desk))


def test_capture_is_over_all_seen(desk: Desk) -> None:
    """Each seat's rate is over the people seen there; few are called too few; last month's are not in it."""
    rows = {(row["lane"], row["seat"]): row for row in make_pilot(desk).tables()["seats"].rows}
    driver = rows["lane1", "driver"]
    assert (driver["occupants"], driver["captured"], driver["rate"], driver["remark"]) == (
        150,
        140,
        "93.3 %",
        None,
    )
    assert rows["lane1", "rear left"]["remark"] == "too few to conclude"
    whole = rows["lane1", "all seats"]
    assert (whole["occupants"], whole["captured"], whole["rate"]) == (200, 160, "80.0 %")
    assert rows["lane2", "driver"]["interval"] == "51.0 to 100.0 %"
    figures = {one.name: one.value for section in make_pilot(desk).sections for one in section.figures}
    assert figures["Occupants seen"] == 204
    assert figures["Captured"] == "164 of 204 (80 %)"


def test_people_without_a_seat_are_counted(desk: Desk) -> None:
    """Whoever was seen on no seat is in the denominator of the lane: its seats alone would flatter it."""
    with write(desk.engine) as connection:
        add_to_day(connection, LaneDay("lane3", TODAY, "a" * 64, 1, 13, 3))
        add_seats(connection, [SeatDay("lane3", TODAY, "driver", 3, 3)])
    rows = {(row["lane"], row["seat"]): row for row in make_pilot(desk).tables()["seats"].rows}
    assert (rows["lane3", "seat not known"]["occupants"], rows["lane3", "seat not known"]["captured"]) == (
        10,
        0,
    )
    assert (rows["lane3", "all seats"]["occupants"], rows["lane3", "all seats"]["captured"]) == (13, 3)
    assert ("lane1", "seat not known") not in rows


def test_time_is_a_bound(desk: Desk) -> None:
    """Half and ninety-five of a hundred are given as the upper edges of the steps in which they were counted."""
    (busy, few) = make_pilot(desk).tables()["time"].rows
    assert (busy["half"], busy["most"], busy["within"]) == ("0.5 s", "1 s", 147)
    assert (few["half"], few["remark"]) == ("1 s", "too few to conclude")


def test_officers_overrule(desk: Desk) -> None:
    """A match that an officer overruled is counted at its lane, and so is a lane that was disarmed."""
    decision = {"type": "decision", "actor": "officer-7", "lane": "lane1", "object": LAKE, "crossing": LAKE}
    desk.ledger.append([decision | {"overruled": True}, decision | {"overruled": False}, decision])
    desk.ledger.append(
        [{"type": "lane-status", "object": "lane1", "status": status} for status in ("disarmed", "armed")]
    )
    report = make_pilot(desk)
    (figure,) = [one for one in report.sections[1].figures if one.name == "Decisions that overruled a match"]
    assert (figure.value, figure.good) == ("1 of 3 (33 %)", None)
    (lane1, lane2) = report.tables()["matching"].rows
    assert (lane1["decided"], lane1["overruled"], lane1["no_match"]) == (3, 1, 30)
    assert (lane2["decided"], lane2["overruled"]) == (0, 0)
    assert [row["outages"] for row in report.tables()["daily"].rows] == [1, 0]


def test_groups_are_not_guessed(desk: Desk) -> None:
    """The page says that nothing can be concluded about groups of people, and carries the state of the ledger."""
    page = render_html(make_pilot(desk))
    assert "Too few to conclude" in page
    assert make_pilot(desk).ledger_root in page.replace("&#43;", "+")


def test_empty_site(tmp_path: Path) -> None:
    """A site whose lanes saw nobody has a report without rates."""
    report = make_pilot(open_test_desk(tmp_path, f"sqlite:///{tmp_path}/rows.sqlite", MovableClock(NOW)))
    assert report.tables()["seats"].rows == []
    assert "Captured" in render_html(report)
