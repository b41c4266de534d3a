"""What a disarmed lane's screen says, in a real browser."""

import re

import pytest
from consoleparts import Console
from playwright.sync_api import Page, expect
from test_console import AXE, list_violations

from wayseal.flow.oversee.register import NewEquipment, enrol_equipment
from wayseal.model.oversight import EquipmentKind
from wayseal.station.arming import ADVICE, judge_and_tell

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::ResourceWarning")]


def test_disarmed_lane_says_so(page: Page, console: Console) -> None:
    """The lane's page says that it is disarmed, since when by the site's clocks, every reason with what to do; axe finds no fault.

    Another lane's page says nothing.
    """
    site = console.line.site
    new = NewEquipment(EquipmentKind.LANE_HOST, "edge-7", "SN-9", site.settings.organisation, "lane9")
    enrol_equipment(site.oversight, "host-9", new, actor="officer:chief")
    expect(page.locator("section.disarmed")).to_have_count(0)
    assert not judge_and_tell(site, "lane9").fit
    expect(page.locator("#duty-bar")).to_contain_text("Lane disarmed")
    page.goto(f"{console.url}/lanes/lane9")
    banner = page.locator("section.disarmed")
    expect(banner).to_contain_text(re.compile(r"Lane lane9 is disarmed since \d\d:\d\d \d\d \w{3} UTC"))
    expect(banner.locator("time")).to_have_attribute("datetime", re.compile(r"T.*Z$"))
    expect(banner).to_contain_text("Check documents by hand")
    expect(banner.locator("li")).to_have_text(
        [
            "its equipment was never assessed: wayseal equipment assess host-9",
            "no public notice is in force: wayseal notice register lane9 --text FILE",
            f"operations and IT have not both signed off: {ADVICE['no-sign-off']}",
        ]
    )
    if AXE.is_file():
        assert list_violations(page) == []
    page.goto(f"{console.url}/lanes/lane1")
    expect(page.locator("section.disarmed")).to_have_count(0)
