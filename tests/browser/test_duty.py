"""The duty screen in a real browser: what happens at a port is on it as soon as it is on the ledger."""

from pathlib import Path

import pytest
from consoleparts import Console
from playwright.sync_api import Page, expect

from wayseal.assess.egress_watch import DeviceEvent
from wayseal.flow.egress import event_entry
from wayseal.model.clock import utc_now

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::ResourceWarning")]
AXE = Path(__file__).resolve().parents[2] / "tools" / "browser" / "node_modules" / "axe-core" / "axe.min.js"
STICK = DeviceEvent("refused", "usb", "1-2", "0781", "5567", None)


def test_duty_shows_device(page: Page, console: Console) -> None:
    """A USB device that is refused appears on the open duty screen by itself, with its place, its ids and its ledger entry."""
    page.goto(console.url + "/duty")
    expect(page.locator("#link")).to_have_class("link on")
    (index,) = console.line.site.ledger.append([event_entry("lane-host-1", STICK, utc_now())])
    note = page.locator(f'.duty-note[data-index="{index}"]')
    expect(note).to_contain_text("USB device refused", timeout=1500)
    expect(note).to_contain_text("lane-host-1")
    expect(note).to_contain_text("port 1-2, 0781:5567")
    expect(note).to_have_class("duty-note urgent")


def test_bar_on_lane_screen(page: Page, console: Console) -> None:
    """An officer at the lane's screen is told of it too, by a bar that leads to the duty screen."""
    expect(page.locator("#link")).to_have_class("link on")
    expect(page.locator("#duty-bar")).to_be_hidden()
    console.line.site.ledger.append([event_entry("lane-host-2", STICK, utc_now())])
    expect(page.locator("#duty-bar")).to_contain_text("USB device refused", timeout=1500)
    page.locator("#duty-bar a").click()
    expect(page.locator(".duty-note").first).to_contain_text("lane-host-2")


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
