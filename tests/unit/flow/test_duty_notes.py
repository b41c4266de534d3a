"""What whoever is on duty is told, and what is routine."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from wayseal.flow.duty import MOST, has_news, list_duty
from wayseal.ledger.log import Ledger
from wayseal.model.clock import to_text

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
INCIDENT, OTHER = "01KB3Z6V8N4Q0T2Y5RWXEJ7MCH", "01KB3Z6V8N4Q0T2Y5RWXEJ7MCJ"
TOLD: list[tuple[dict[str, Any], str, str]] = [
    ({"type": "usb-event", "object": "host-1", "action": "refused", "port": "1-2"}, "refused", "host-1"),
    ({"type": "alarm", "alarm": "egress-guard-drift", "object": "host-1"}, "egress-guard-drift", "host-1"),
    ({"type": "egress-watch", "object": "host-1", "action": "stopped"}, "stopped", "host-1"),
    ({"type": "egress-watch", "object": "host-1", "action": "beat", "missed": 3}, "beat", "host-1"),
    ({"type": "lane-status", "object": "lane1", "status": "disarmed", "reason": "no-notice"}, "disarmed", "lane1"),
    ({"type": "org-status", "object": "camera-vendor", "status": "suspended"}, "suspended", "camera-vendor"),
    (
        {
            "type": "ticket", "object": "01KB3Z6V8N4Q0T2Y5RWXEJ7MCH", "action": "refused", "actor": "tech-1", "lane": "lane1",
            "reason": "image-verb",
        },
        "image-verb", "lane1",
    ),
]  # fmt: skip
ROUTINE: list[dict[str, Any]] = [
    {"type": "usb-event", "object": "host-1", "action": "remove"},
    {"type": "egress-watch", "object": "host-1", "action": "beat", "missed": 0},
    {"type": "lane-status", "object": "lane1", "status": "armed"},
    {"type": "ticket", "object": "01KB3Z6V8N4Q0T2Y5RWXEJ7MCH", "action": "used", "actor": "tech-1"},
    {"type": "enrol", "object": "gallery"},
]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """An empty ledger."""
    return Ledger.create(tmp_path, origin="port.example/test", clock=lambda: NOW)


@pytest.mark.parametrize(("entry", "code", "subject"), TOLD)
def test_told(ledger: Ledger, entry: dict[str, Any], code: str, subject: str) -> None:
    """Each of these is on the screen, under its code and about its device, and is news once."""
    ledger.append([entry])
    (note,) = list_duty(ledger, NOW)
    assert (note.code, note.subject, note.index) == (code, subject, 0)
    assert has_news(ledger, 0, NOW)
    assert not has_news(ledger, 1, NOW)


@pytest.mark.parametrize("entry", ROUTINE)
def test_routine(ledger: Ledger, entry: dict[str, Any]) -> None:
    """Routine is neither shown nor news."""
    ledger.append([entry])
    assert list_duty(ledger, NOW) == []
    assert not has_news(ledger, 0, NOW)


def test_newest_first_and_old_gone(ledger: Ledger) -> None:
    """The newest is on top, there are never more than 200, and what is over a day old is gone."""
    entry = TOLD[0][0]
    ledger.append([{**entry, "time": to_text(NOW - timedelta(hours=25))}])
    ledger.append([{**entry, "port": f"1-{number}"} for number in range(MOST + 5)])
    notes = list_duty(ledger, NOW)
    assert len(notes) == MOST
    assert [note.port for note in notes[:2]] == [f"1-{MOST + 4}", f"1-{MOST + 3}"]
    assert list_duty(ledger, NOW + timedelta(hours=25)) == []


@pytest.mark.parametrize(
    ("began", "ended"),
    [
        (
            {
                "type": "incident",
                "object": INCIDENT,
                "reason": "stolen-disk",
                "status": "open",
                "lane": "lane1",
            },
            {"type": "incident", "object": INCIDENT, "reason": "stolen-disk", "status": "closed"},
        ),
        (TOLD[4][0], {"type": "lane-status", "object": "lane1", "status": "armed"}),
        (TOLD[2][0], {"type": "egress-watch", "object": "host-1", "action": "started"}),
    ],
)
def test_over(ledger: Ledger, began: dict[str, Any], ended: dict[str, Any]) -> None:
    """What a later entry ended says so; an entry about something else, and an earlier one, end nothing."""
    ledger.append([ended, began, {**ended, "object": OTHER if began["type"] == "incident" else "other-1"}])
    (note,) = [one for one in list_duty(ledger, NOW) if one.index == 1]
    assert (note.over, note.subject) == (False, began["object"])
    ledger.append([ended])
    (note,) = [one for one in list_duty(ledger, NOW) if one.index == 1]
    assert note.over


def test_lost_events_stay_lost(ledger: Ledger) -> None:
    """A watch that began again does not bring back the events that were lost before."""
    ledger.append([TOLD[3][0], {"type": "egress-watch", "object": "host-1", "action": "started"}])
    assert [note.over for note in list_duty(ledger, NOW) if note.code == "beat"] == [False]
