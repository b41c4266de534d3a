"""What an officer must see at a glance: whom to compare, who was seen beyond the seats, and pages that fit their screens."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from consoleparts import Console, enter, paint_picture
from lineparts import KnownFaces
from playwright.sync_api import Browser, Page, expect

from wayseal.assess.egress_watch import DeviceEvent
from wayseal.flow.egress import event_entry
from wayseal.flow.incident import open_incident
from wayseal.match import search
from wayseal.model.border import Band, Candidate, Encounter, Outcome, SearchAnswer, Seat, Template
from wayseal.model.clock import utc_now
from wayseal.model.oversight import SubjectKind

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::ResourceWarning")]
STICK = DeviceEvent("refused", "usb", "1-2", "0781", "5567", None)
TWINS = (Candidate("traveller-1", 0.52, Band.POSSIBLE), Candidate("traveller-2", 0.51, Band.POSSIBLE))


class Alike(KnownFaces):
    """A searcher for whom everybody is about as like two travellers."""

    def _answer(self, template: Template) -> SearchAnswer:
        """Return both, to be compared by eye."""
        del template
        return replace(self.facts(), outcome=Outcome.REFER, candidates=TWINS, reasons=(search.TOO_CLOSE,))


@pytest.fixture(scope="module")
def twins(console: Console) -> Encounter:
    """A vehicle whose driver is about as like two travellers, both with a reference picture."""
    book = console.line.site.portraits("port")
    for seed, one in enumerate(TWINS, start=3):
        book.put(one.traveller, paint_picture(seed))
    before, console.line.searcher = console.line.searcher, Alike({"traveller-1": 1, "traveller-2": 2})
    try:
        return console.drive({Seat.DRIVER: 1, Seat.ROW3: None}, "7TWN777")
    finally:
        console.line.searcher = before


@pytest.fixture
def desk(browser: Browser, console: Console) -> Iterator[Page]:
    """An officer's page on the smaller screen of a booth."""
    with browser.new_context(viewport={"width": 1024, "height": 768}) as context:
        page = context.new_page()
        enter(page, console, "officer-21")
        yield page


def test_two_travellers_are_both_shown(desk: Page, console: Console, twins: Encounter) -> None:
    """Of two travellers who are about as like both reference pictures are shown, once, each drawn and on the ledger."""
    ledger = console.line.site.ledger
    desk.goto(f"{console.url}/encounters/{twins.id}")
    driver = desk.locator("section#driver")
    expect(driver.locator("figcaption")).to_have_text(["Lane, quality 77", "traveller-1", "traveller-2"])
    expect(driver).to_contain_text("two travellers are about as like")
    before = len(ledger.find(type="render", actor="officer-21"))
    driver.locator("button[data-act=open]").click()
    pictures = driver.locator("figure img")
    expect(pictures).to_have_count(3)
    for picture in pictures.all():
        expect(picture).to_have_js_property("naturalWidth", 128)
    assert len(ledger.find(type="render", actor="officer-21")) == before + 3
    for picture in pictures.all():
        assert desk.request.get(f"{console.url}{picture.get_attribute('src')}").status == 404
    place = f"{console.url}{pictures.last.get_attribute('src')}"
    assert desk.request.get(place.replace("of=2", "of=3")).status == 400


def test_only_the_match_is_shown(desk: Page, console: Console) -> None:
    """Beside a clear match stands one reference picture, not a second person's."""
    desk.goto(f"{console.url}/encounters/{console.answered[0].id}")
    expect(desk.locator("section#driver figure")).to_have_count(2)
    expect(desk.locator("section#front_passenger .sealed").last).to_have_text("no candidate")


def test_people_are_counted_in_words(desk: Page, console: Console, twins: Encounter) -> None:
    """One occupant is one, the third row is said in words, and an empty vehicle sends the officer to look into it."""
    desk.goto(f"{console.url}/encounters/{twins.id}")
    expect(desk.locator("section#row3 h2")).to_contain_text("Third row")
    expect(desk.locator("p.facts")).to_contain_text("2 occupants seen")
    desk.goto(f"{console.url}/encounters/{console.answered[2].id}")
    expect(desk.locator("p.facts")).to_contain_text("1 occupant seen")
    desk.goto(console.url + "/")
    empty = desk.locator(f"a.vehicle[data-encounter='{console.answered[1].id}']")
    expect(empty).to_contain_text("nobody seen")


def test_unknown_lane_says_so(desk: Page, console: Console) -> None:
    """A lane that nobody knows is not taken for a quiet one."""
    desk.goto(console.url + "/lanes/lane-1")
    expect(desk.locator("p.problem")).to_contain_text("No lane of this name")
    desk.goto(console.url + "/lanes/lane1")
    expect(desk.locator("p.problem")).to_have_count(0)


OVERLAPS = """() => {
  const out = [];
  for (const row of document.querySelectorAll('.item, .duty-note, .bar, .who, .disarmed, .heading')) {
    const parts = [...row.children].filter(e => e.checkVisibility() && e.textContent.trim());
    const boxes = parts.map(e => { const r = document.createRange(); r.selectNodeContents(e); return r.getBoundingClientRect(); });
    for (let i = 0; i < boxes.length; i++) for (let j = i + 1; j < boxes.length; j++) {
      const [a, b] = [boxes[i], boxes[j]];
      if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1)
        out.push(parts[i].textContent.trim() + ' / ' + parts[j].textContent.trim());
    }
  }
  return out;
}"""


@pytest.mark.parametrize("size", [(1440, 900), (1024, 768), (720, 450), (390, 844)])
def test_nothing_overlaps(browser: Browser, console: Console, size: tuple[int, int]) -> None:
    """At every size, also 1440 pixels at 200 %, no line of the duty page lies on another, with long ids, and nothing scrolls sideways."""
    site, now = console.line.site, utc_now()
    if not site.ledger.find(type="incident"):
        open_incident(
            site.ledger, "privacy-1", reason="copied-images", subject_kind=SubjectKind.DEVICE, subject="lane1",
            since=now - timedelta(hours=1), until=now, detected=now, clock=utc_now,
        )  # fmt: skip
        site.ledger.append([event_entry("lane-host-northbound-07-replacement-b", STICK, now)])
    with browser.new_context(viewport={"width": size[0], "height": size[1]}) as context:
        page = context.new_page()
        enter(page, console, "privacy-officer-with-a-long-id.00123", "privacy_officer")
        page.goto(console.url + "/duty")
        expect(page.locator("#link")).to_have_text("live")
        expect(page.locator(".duty-note").first).to_be_visible()
        assert page.evaluate(OVERLAPS) == []
        assert page.evaluate("document.documentElement.scrollWidth") == size[0]
