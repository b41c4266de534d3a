"""The pages of oversight in a real browser: what they show, how they are filtered, printed and taken away, and who may see them."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from consoleparts import Console, check_reflow, enter
from overseeparts import BOSS, add_subcontractor, assess, enrol_host, give_duties
from playwright.sync_api import Browser, Page, expect
from test_console import AXE, list_violations

from wayseal.flow.oversee.register import add_person
from wayseal.flow.oversee.standing import suspend_vendor
from wayseal.model.clock import utc_now
from wayseal.station.arming import judge_and_tell

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::ResourceWarning")]


@pytest.fixture(scope="module")
def register(console: Console) -> Console:
    """A prime and its subcontractor with two lane computers: one passes, one fails on removable media."""
    site = console.line.site
    desk = site.oversight
    add_subcontractor(desk)
    enrol_host(desk, "host-1", lane="lane1")
    enrol_host(desk, "host-2", lane="lane2", serial="SN-2")
    give_duties(desk, "lane1")
    assess(desk, "host-1")
    assess(desk, "host-2", failing=["p02"])
    until = utc_now() + timedelta(days=200)
    for person, organisation, role in (
        ("auditor-1", "agency", "auditor"), ("privacy-1", "agency", "privacy_officer"), ("lab-1", "lab", "officer"),
        ("tech-1", "sub", "security_officer"), ("untrained-1", "agency", "auditor"), ("clerk-1", "agency", "clerk"),
    ):  # fmt: skip
        training = None if person == "untrained-1" else until
        add_person(desk, person, organisation=organisation, role=role, training_until=training, actor=BOSS)
    for lane in ("lane1", "lane2"):
        judge_and_tell(site, lane)
    return console


@pytest.fixture(scope="module")
def desk(browser: Browser, register: Console) -> Iterator[Page]:
    """The auditor's page. Any error on the browser's console fails the test."""
    context = browser.new_context(viewport={"width": 1366, "height": 900})
    opened = context.new_page()
    problems: list[str] = []
    opened.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: problems.append(str(error)))
    enter(opened, register, "auditor-1", "officer")
    yield opened
    context.close()
    assert problems == []


def test_register_says_the_role(desk: Page) -> None:
    """Whoever is registered has the register's role whatever they ask for, begins at their first page, and sees no other's."""
    expect(desk.locator(".officer")).to_have_text("Auditor auditor-1")
    assert desk.url.endswith("/duty")
    expect(desk.locator("nav.menu a")).to_have_text(["Duty", "Oversight", "Incidents", "Ledger"])
    answer = desk.request.get(re.sub("/duty$", "/", desk.url))
    assert answer.status == 403
    assert "This page is not for your role" in answer.text()
    assert "It is for: Officer." in answer.text()


@pytest.mark.parametrize(
    ("staff", "said"),
    [
        ("tech-1", "the console has nothing for the role vendor"),
        ("untrained-1", "the training of this person has run out"),
        ("clerk-1", "the console has nothing for the role clerk"),
    ],
)
def test_not_let_in(browser: Browser, register: Console, staff: str, said: str) -> None:
    """Somebody of a vendor, whatever role they were given; somebody untrained; a role without pages: none of them gets a session."""
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(register.url + "/sign-in")
        page.fill("#officer", staff)
        page.fill("#code", "c0ffee42")
        page.select_option("#role", "privacy_officer")
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator("p.problem")).to_contain_text(said)
        assert context.cookies() == []


def test_tree_of_vendors(desk: Page, register: Console) -> None:
    """A subcontractor stands indented under its prime, with its standing in a word and its reasons."""
    desk.goto(register.url + "/oversight")
    rows = desk.locator('section.sheet:has(h2:has-text("Organisations")) tbody tr')
    names = [name.strip() for name in rows.locator("th a").all_inner_texts()]
    assert names.index("sub") == names.index("prime") + 1
    under = rows.filter(has=desk.get_by_role("link", name="sub", exact=True))
    expect(under.locator("th")).to_have_class("depth-1")
    expect(under).to_contain_text("● active")
    expect(under).to_contain_text("open findings")


def test_equipment_table(desk: Page, register: Console) -> None:
    """Each device says whether it passes and when it is due, and leads to its page."""
    desk.goto(register.url + "/oversight")
    expect(desk.get_by_role("heading", name="Needs attention")).to_contain_text("within 30 days")
    rows = desk.locator('section.sheet:has(h2:has-text("Equipment: when")) tbody tr')
    expect(rows).to_have_count(2)
    expect(rows.filter(has_text="host-1")).to_contain_text("● passes")
    expect(rows.filter(has_text="host-2")).to_contain_text("▲ does not pass")
    desk.get_by_role("link", name="host-2").first.click()
    expect(desk.locator("h1")).to_have_text("host-2")


def test_filters_by_address(desk: Page, register: Console) -> None:
    """A filter is an address that can be sent to somebody: only what is wrong, only one lane; the sheets follow it."""
    desk.goto(register.url + "/oversight")
    desk.select_option("#lane", "lane2")
    desk.select_option("#show", "wrong")
    desk.get_by_role("button", name="Show").click()
    assert "lane=lane2&show=wrong" in desk.url
    rows = desk.locator('section.sheet:has(h2:has-text("Equipment: when")) tbody tr')
    expect(rows).to_have_count(1)
    expect(desk.locator('section.sheet:has(h2:has-text("Needs attention"))')).to_contain_text("Nothing.")
    expect(rows).to_contain_text("host-2")
    href = desk.locator('section.sheet:has(h2:has-text("Equipment: when")) a.csv').get_attribute("href")
    assert href is not None
    answer = desk.request.get(register.url + href)
    assert answer.headers["content-type"].startswith("text/csv")
    assert "equipment.csv" in answer.headers["content-disposition"]
    (row,) = csv.DictReader(io.StringIO(answer.text()))
    assert (row["equipment"], row["lane"], row["passing"]) == ("host-2", "lane2", "False")


def test_device_page(desk: Page, register: Console) -> None:
    """A device's page has all 31 probes, with result, reason, what to do and the digest of the evidence, which opens."""
    desk.goto(register.url + "/oversight/equipment/host-2")
    probes = desk.locator('section.sheet:has(h2:has-text("All probes")) tbody tr')
    expect(probes).to_have_count(31)
    failed = probes.filter(has_text="p02:")
    expect(probes.first).to_contain_text("p02:")  # what failed comes first
    expect(failed).to_contain_text("▲ fail")
    expect(failed).to_contain_text("as seen")
    assert failed.locator("td").nth(3).inner_text().strip()
    expect(desk.locator('section.sheet:has(h2:text-is("Findings")) tbody tr')).to_have_count(1)
    failed.get_by_role("link").click()
    expect(desk.locator("h1")).to_have_text("Evidence of p02")
    expect(desk.locator("pre")).to_contain_text('"looked": true')


def test_vendor_page(desk: Page, register: Console) -> None:
    """An organisation's page has its contracts, people by staff id, equipment and findings."""
    desk.goto(register.url + "/oversight/vendors/sub")
    expect(desk.locator("main")).to_contain_text("sub-1")
    expect(desk.locator("main")).to_contain_text("tech-1")
    expect(desk.locator("main")).to_contain_text("host-2")
    expect(desk.locator("main")).to_contain_text("wayseal vendor suspend sub")


def test_nothing_of_that_name(desk: Page, register: Console) -> None:
    """An unknown device, vendor or table says so; a malformed filter is refused."""
    for path, status in (
        ("/oversight/equipment/none", 404), ("/oversight/vendors/none", 404), ("/oversight/tables/people.csv", 404),
        ("/oversight?lane=../x", 400),
    ):  # fmt: skip
        assert desk.request.get(register.url + path).status == status


PAGES = ["/duty", "/oversight", "/oversight/equipment/host-2", "/oversight/vendors/sub"]


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_accessible(desk: Page, register: Console, path: str) -> None:
    """Axe finds nothing against WCAG 2.2 AA, every target is 44 px high, it fits a narrow window, and no page shows a picture."""
    desk.goto(register.url + path)
    heights = desk.evaluate(
        "() => [...document.querySelectorAll('main a, main button, main input, main select, header a, header button')]"
        ".map(e => [e.outerHTML.slice(0, 80), e.getBoundingClientRect().height])"
    )
    assert [entry for entry in heights if 0 < entry[1] < 44] == []
    expect(desk.locator("img, canvas, picture")).to_have_count(0)
    assert len(desk.locator("h1").all()) == 1
    if AXE.is_file():
        assert list_violations(desk) == []
    check_reflow(desk)


def test_prints(desk: Page, register: Console) -> None:
    """On paper the page is black on white, without the bar, the filters and the buttons, and says as of when."""
    desk.goto(register.url + "/oversight")
    desk.emulate_media(media="print")
    expect(desk.locator("header.bar")).to_be_hidden()
    expect(desk.locator("form.filters")).to_be_hidden()
    expect(desk.locator(".printed")).to_be_visible()
    assert desk.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert desk.evaluate("getComputedStyle(document.querySelector('td')).color") == "rgb(0, 0, 0)"
    desk.emulate_media(media="screen")


def test_assessor_sees_oversight_only(browser: Browser, register: Console) -> None:
    """Somebody of an assessor's organisation begins at oversight and gets nothing else."""
    with browser.new_context() as context:
        page = context.new_page()
        enter(page, register, "lab-1", "officer")
        assert page.url.endswith("/oversight")
        expect(page.locator(".officer")).to_have_text("Assessor lab-1")
        for path in ("/", "/duty", "/incidents", "/ledger"):
            assert page.request.get(register.url + path).status == 403


def test_suspension_ends_a_session(browser: Browser, register: Console) -> None:
    """A session of somebody whose organisation is suspended gets nothing from the next request on."""
    with browser.new_context() as context:
        page = context.new_page()
        enter(page, register, "lab-1")
        assert page.request.get(register.url + "/oversight").status == 200
        suspend_vendor(register.line.site.oversight, "lab", reason="test", actor=BOSS)
        answer = page.request.get(register.url + "/oversight")
        assert answer.status == 403
        assert "no access" in answer.text()
