"""What somebody meets who sees the console for the first time: nothing wraps, and every page is walked by keyboard alone."""

from itertools import pairwise

import pytest
from consoleparts import CODE, Console
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::ResourceWarning")]
PAGES = {
    "officer": ["/", "/lanes/lane1", "/encounters/{encounter}", "/duty"],
    "privacy_officer": [
        "/duty",
        "/oversight",
        "/oversight/vendors/{organisation}",
        "/incidents",
        "/ledger",
        "/ledger/0",
    ],
}


def sign_in_by_keyboard(page: Page, console: Console, staff: str, role: str) -> None:
    """Sign in without a mouse: the first field has the focus, and Tab leads from field to field."""
    page.goto(console.url + "/sign-in")
    page.keyboard.type(staff)
    page.keyboard.press("Tab")
    page.keyboard.type(CODE)
    page.keyboard.press("Tab")
    page.keyboard.type({"officer": "O", "privacy_officer": "P"}[role])
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('button.primary')"):
            break
    page.keyboard.press("Enter")
    page.wait_for_selector("nav.menu")


def fill(path: str, console: Console) -> str:
    """A page's address."""
    site = console.line.site
    return console.url + path.format(
        encounter=console.answered[0].id, organisation=site.settings.organisation
    )


@pytest.mark.parametrize("role", PAGES)
@pytest.mark.parametrize("width", [1280, 1920])
def test_bar_is_whole(browser: Browser, console: Console, role: str, width: int) -> None:
    """At 1280 and 1920 pixels who is signed in and the way out stand in the first line, and no page scrolls sideways."""
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    sign_in_by_keyboard(page, console, f"{role.replace('_', '-')}-4", role)
    for path in PAGES[role]:
        page.goto(fill(path, console))
        expect(page.locator("#link")).to_have_text("live")
        expect(page.locator("nav.menu [aria-current=page]")).to_have_count(1)  # the bar says where one is
        boxes = [page.locator(one).bounding_box() for one in (".brand", ".officer", ".bar form button")]
        tops = [box["y"] + box["height"] / 2 for box in boxes if box is not None]
        assert len(tops) == 3
        assert max(tops) - min(tops) < 6, path
        assert page.evaluate("document.documentElement.scrollWidth") == width, path
    context.close()


@pytest.mark.parametrize("role", PAGES)
def test_every_page_by_keyboard(browser: Browser, console: Console, role: str) -> None:
    """Tab reaches every link, field and button of every page once and in the order in which they are read, each with a ring.

    The first Tab offers to skip the bar; Enter on it leads into the page.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    sign_in_by_keyboard(page, console, f"{role.replace('_', '-')}-6", role)
    for path in PAGES[role]:
        page.goto(fill(path, console))
        expect(page.locator("#link")).to_have_text("live")
        page.keyboard.press("Tab")
        expect(page.locator("a.skip")).to_be_focused()
        reached, ringed = walk(page)
        wanted = page.evaluate(LIST)
        assert reached == sorted(set(reached), key=reached.index), path
        assert set(wanted) <= set(reached), path
        assert ringed, path
        assert all(one < other for one, other in pairwise(reached)), path
    page.goto(fill(PAGES[role][0], console))
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    context.close()


LIST = """() => {
  const all = [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, summary, [tabindex="0"]')];
  const seen = all.filter(e => e.checkVisibility() && !e.disabled && !e.closest('dialog:not([open])'));
  seen.forEach((e, n) => { e.dataset.walk = String(n).padStart(4, "0"); });
  return seen.map(e => e.dataset.walk);
}"""
HERE = """() => {
  const e = document.activeElement, style = getComputedStyle(e);
  return [e.dataset.walk ?? "", style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2];
}"""


def walk(page: Page) -> tuple[list[str], bool]:
    """Press Tab until it comes round; return what had the focus, in order, and whether each showed it."""
    page.evaluate(LIST)
    reached, ringed = [], True
    for _ in range(400):
        place, ring = page.evaluate(HERE)
        if not place or place in reached:
            break
        reached.append(place)
        ringed = ringed and ring
        # a field for a date is several stops
        for _ in range(12):
            page.keyboard.press("Tab")
            if page.evaluate(HERE)[0] != place:
                break
    return reached, ringed
