"""The duty screen in a real browser: what happens at a port is on it as soon as it is on the ledger."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from consoleparts import Console
from playwright.sync_api import Page, expect

from wayseal.assess.egress_watch import DeviceEvent
from wayseal.flow.egress import event_entry
from wayseal.flow.incident import close_incident, contain_incident, note_notice, open_incident
from wayseal.flow.oversee.register import NewEquipment, enrol_equipment
from wayseal.model.clock import utc_now
from wayseal.model.oversight import EquipmentKind, SubjectKind
from wayseal.station.arming import judge_and_tell

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::ResourceWarning")]
AXE = Path(__file__).resolve().parents[2] / "tools" / "browser" / "node_modules" / "axe-core" / "axe.min.js"
STICK = DeviceEvent("refused", "usb", "1-2", "0781", "5567", None)


def test_duty_shows_device(page: Page, console: Console) -> None:
    """A USB device that is refused appears on the open duty screen by itself, with its place, its ids and its ledger entry."""
    page.goto(console.url + "/duty")
    expect(page.locator("#link")).to_have_class("link on")
    (index,) = console.line.site.ledger.append([event_entry("lane-host-1", STICK, utc_now())])
    note = page.locator(f'.duty-note[data-index="{index}"]')
    expect(note).to_contain_text("USB device refused")
    expect(note).to_contain_text("lane-host-1")
    expect(note).to_contain_text("port 1-2, 0781:5567")
    expect(note).to_have_class("duty-note urgent")
    expect(page.locator("#newest[role=status]")).to_contain_text(
        "USB device refused  lane-host-1"
    )  # read out once, not the list


def test_bar_on_lane_screen(page: Page, console: Console) -> None:
    """An officer at the lane's screen is told of it too, by a bar that leads to the duty screen."""
    expect(page.locator("#link")).to_have_class("link on")
    expect(page.locator("#duty-bar")).to_be_hidden()
    console.line.site.ledger.append([event_entry("lane-host-2", STICK, utc_now())])
    expect(page.locator("#duty-bar")).to_contain_text("USB device refused")
    page.locator("#duty-bar a").click()
    expect(page.locator(".duty-note").first).to_contain_text("lane-host-2")


def test_board_shows_lane(page: Page, console: Console) -> None:
    """A lane that disarms is on the open screen by itself: the reasons in words, and the command that mends the worst."""
    site = console.line.site
    page.goto(console.url + "/duty")
    lane = page.locator('.item[data-kind=lane][data-subject="lane8"]')
    expect(page.locator('.item[data-subject="lane1"]')).to_contain_text("Lane not under oversight")
    expect(page.locator("#link")).to_have_class("link on")
    new = NewEquipment(EquipmentKind.LANE_HOST, "edge-7", "SN-8", site.settings.organisation, "lane8")
    enrol_equipment(site.oversight, "host-8", new, actor="officer:chief")
    judge_and_tell(site, "lane8")
    expect(lane).to_contain_text("Lane disarmed")
    expect(lane).to_have_class("item now")
    expect(lane.locator(".why")).to_contain_text(
        "its equipment was never assessed; no public notice is in force"
    )
    expect(lane.locator(".do")).to_contain_text("Check documents by hand. wayseal equipment assess host-8")
    expect(page.locator(".tile").first).to_contain_text("0 / 1 / 1")


def test_clock_of_incident_runs(page: Page, console: Console) -> None:
    """An open incident's clock runs on the screen, and is gone as soon as they were told; then it is there to be contained and closed."""
    site = console.line.site
    page.goto(console.url + "/duty")
    expect(page.locator("#link")).to_have_class("link on")
    now = utc_now()
    opened = open_incident(
        site.ledger, "privacy-1", reason="copied-images", subject_kind=SubjectKind.PRINCIPAL, subject="tech-1",
        since=now - timedelta(days=1), until=now, detected=now, clock=utc_now,
    )  # fmt: skip
    clock = page.locator(f'.item[data-kind=clock][data-subject="{opened.id}"]')
    expect(clock.locator("time")).to_have_text("due in 6 d 23 h")
    expect(clock).to_contain_text("tell: legislature; only if 100,000 people or more are concerned")
    expect(clock.locator(".do")).to_contain_text(f"wayseal incident notify {opened.id} --to legislature")
    expect(clock.locator("a")).to_have_count(0)  # an officer may not see the incident's page
    note_notice(site.ledger, "privacy-1", opened.id, recipient="legislature", clock=utc_now)
    expect(clock).to_have_count(0)
    waiting = page.locator(f'.item[data-kind=incident][data-subject="{opened.id}"]')
    expect(waiting).to_contain_text("Incident open")
    contain_incident(site.ledger, "privacy-1", opened.id, clock=utc_now)
    expect(waiting).to_contain_text("Incident contained")
    note = page.locator(".duty-note", has_text=opened.id)
    expect(note).to_contain_text("wayseal incident show")
    close_incident(site.ledger, "privacy-1", opened.id, duties=(), clock=utc_now)
    expect(note).to_contain_text("It is over: nothing to do.")
    expect(note).to_have_class("duty-note")


def test_seconds_run(page: Page, console: Console) -> None:
    """What is due within the hour is counted in seconds, by the site's clock and not the browser's, and says when it is late."""
    page.clock.install(time=utc_now() + timedelta(days=3))
    page.goto(console.url + "/duty")
    page.clock.pause_at(utc_now() + timedelta(days=3, seconds=30))
    page.evaluate(
        """() => { const made = document.createElement("time"); made.id = "made";
        made.dataset.due = new Date(Date.now() - 3 * 86400e3 + 10e3).toISOString(); document.querySelector("main").append(made); }"""
    )
    made = page.locator("#made")
    page.clock.run_for(1000)
    expect(made).to_have_text(re.compile(r"^due in 0 min \d+ s$"))
    page.clock.run_for(25_000)
    expect(made).to_have_text(re.compile(r"^overdue by 0 min \d+ s$"))
    expect(made).to_have_class("late")


def test_duty_accessible(page: Page, console: Console) -> None:
    """The page has no accessibility fault that axe finds."""
    if not AXE.exists():
        pytest.skip("no axe-core; tools/setup-browser fetches it")
    page.goto(console.url + "/duty")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})"
    )
    assert [fault["id"] for fault in found["violations"]] == []
