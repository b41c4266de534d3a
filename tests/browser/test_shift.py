"""A shift at a console that is closed for the night: the grant in the bar, the rule that refuses, and the second person."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from consoleparts import CODE, Console
from playwright.sync_api import Browser, Page, expect

from wayseal.flow.policy import Principal

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::ResourceWarning")]
AXE = Path(__file__).resolve().parents[2] / "tools" / "browser" / "node_modules" / "axe-core" / "axe.min.js"
RULE = "unusual-openings-need-a-second-person"


@pytest.fixture(scope="module", autouse=True)
def closed() -> Iterator[None]:
    """The site is open for one hour a day, which is not near."""
    opens = (datetime.now(UTC).hour + 4) % 24
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAYSEAL_RELEASE__OPENS", str(opens))
        patch.setenv("WAYSEAL_RELEASE__CLOSES", str(opens + 1))
        yield


@pytest.fixture
def desk(closed: None, browser: Browser, console: Console) -> Iterator[Page]:  # noqa: ARG001 - before the console
    """A page that nobody has signed in to."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    yield context.new_page()
    context.close()


def sign_in(desk: Page, console: Console, officer: str, *lanes: str) -> None:
    """Begin a shift, for the ticked lanes."""
    desk.goto(console.url + "/sign-in")
    desk.fill("#officer", officer)
    desk.fill("#code", CODE)
    for lane in lanes:
        desk.check(f"input[name=lane][value={lane}]")
    desk.keyboard.press("Enter")
    desk.wait_for_selector("#vehicles")
    desk.wait_for_load_state("load")  # keys are heard when the page's script has run


def test_grant_in_the_bar(desk: Page, console: Console) -> None:
    """After the sign-in the bar names the lanes and says that no witness has seen the grant; the sign-out ends it on the ledger."""
    ledger = console.line.site.ledger
    sign_in(desk, console, "officer-11", "lane1")
    expect(desk.locator(".shift")).to_contain_text("Grant: lane1 until")
    expect(desk.locator(".shift")).to_contain_text("no witness")
    (grant,) = ledger.find(type="grant", actor="officer-11")
    assert ledger.entry(grant)["lanes"] == ["lane1"]
    desk.get_by_role("button", name="Sign out").click()
    desk.wait_for_selector("#officer")
    (end,) = ledger.find(type="grant-end", actor="officer-11")
    assert ledger.entry(end)["object"] == ledger.entry(grant)["object"]


def test_second_person(desk: Page, console: Console) -> None:
    """The refusal shows the rule, its text and the release; approved by a supervisor, the same release opens the picture."""
    site = console.line.site
    sign_in(desk, console, "officer-12")
    page = f"{console.url}/encounters/{console.answered[2].id}"
    desk.goto(page)
    desk.locator("section#driver button[data-act=open]").click()
    expect(desk.locator("h1")).to_have_text("A second person must agree")
    expect(desk.locator("main")).to_contain_text(RULE)
    expect(desk.locator("pre.rule")).to_contain_text("context.after_hours")
    if AXE.is_file():
        desk.evaluate(AXE.read_text(encoding="utf-8"))
        assert desk.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag22aa']})")["violations"] == []
    release = desk.locator("main code").inner_text()
    desk.goto(page)
    desk.locator("section#driver button[data-act=open]").click()
    expect(desk.locator("main code")).to_have_text(release)  # it waits; nothing new was asked for
    site.opener.approve(Principal("boss-1", "supervisor", "agency"), site.opener.find(release))
    desk.goto(page)
    desk.locator("section#driver button[data-act=open]").click()
    expect(desk.locator("figure img").first).to_have_js_property("naturalWidth", 128)
    assert len(site.ledger.find(type="open-intent", actor="officer-12", object=release)) == 1
