"""The pages of incidents and of the ledger in a real browser: from opening one to its evidence, and proofs that verify elsewhere."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from consoleparts import Console, check_reflow, enter
from playwright.sync_api import Browser, Page, expect
from test_console import AXE, list_violations

from wayseal.flow.pack import verify_pack
from wayseal.ledger.checkpoint import log_keys
from wayseal.ledger.offline import parse_proof
from wayseal.model.errors import LedgerBroken

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::ResourceWarning")]


@pytest.fixture(scope="module")
def opened(browser: Browser, console: Console) -> Iterator[Page]:
    """The page of a privacy officer. Any error on the browser's console fails the test."""
    officer = browser.new_context()
    page = officer.new_page()  # somebody looked at a picture before anything was lost
    enter(page, console, "officer-9")
    page.goto(f"{console.url}/encounters/{console.answered[2].id}")
    page.locator("section#driver button[data-act=open]").click()
    page.wait_for_selector("figure img")
    officer.close()
    context = browser.new_context(viewport={"width": 1366, "height": 900})
    privacy = context.new_page()
    problems: list[str] = []
    privacy.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    privacy.on("pageerror", lambda error: problems.append(str(error)))
    enter(privacy, console, "privacy-9", "privacy_officer")
    yield privacy
    context.close()
    assert [one for one in problems if "400 (Bad Request)" not in one] == []  # one form is refused on purpose


@pytest.fixture(scope="module")
def incident(opened: Page, console: Console) -> str:
    """The address of an incident about that officer, opened in the form."""
    opened.goto(console.url + "/incidents")
    opened.select_option("#kind", "principal")
    opened.fill("#subject", "officer-9")
    opened.select_option("#reason", "misused-access")
    opened.get_by_role("button", name="Open the incident").click()
    opened.wait_for_url(re.compile(r"/incidents/[0-9A-Z]{26}$"))
    return opened.url


def test_scope_in_figures(opened: Page, incident: str) -> None:
    """The five figures stand large at the top: one picture is proven to have been opened, and the entries say how it was counted."""
    opened.goto(incident)
    expect(opened.locator('[data-figure="proven_opened"] strong')).to_have_text("1")
    pictures = opened.locator('[data-figure="images"] strong').inner_text()
    live = opened.locator('[data-figure="still_live"] strong').inner_text()
    assert int(pictures) >= 1
    assert pictures == live
    expect(opened.locator(".five .tile")).to_have_count(5)
    size = opened.evaluate("parseFloat(getComputedStyle(document.querySelector('.five strong')).fontSize)")
    assert size >= 40
    expect(opened.locator('section.sheet:has(h2:text-is("Lanes")) tbody')).to_contain_text("lane1")
    expect(opened.locator("main")).to_contain_text("not due: fewer people than its threshold")


def test_pack_counts_again(opened: Page, console: Console, incident: str, tmp_path: Path) -> None:
    """The evidence pack comes as one file, and whoever has it counts every figure again; nothing of it stays behind."""
    opened.goto(incident)
    with opened.expect_download() as waiting:
        opened.get_by_role("button", name="Evidence pack").click()
    with zipfile.ZipFile(waiting.value.path()) as archive:
        archive.extractall(tmp_path)
    (folder,) = tmp_path.iterdir()
    site = console.line.site
    figures = verify_pack(folder, list(log_keys(site.ledger.origin, site.keys.log_signer)))
    assert figures["proven_opened"] == 1
    assert list(site.home.glob("pack-*")) == []


def test_told_contained_closed(opened: Page, console: Console, incident: str) -> None:
    """Whom it was told, that it is contained and that it is closed are written under the officer's id, and shown."""
    opened.goto(incident)
    opened.fill("#recipient", "legislature")
    opened.get_by_role("button", name="Write that they were told").click()
    expect(opened.locator("main")).to_contain_text("Told so far")
    expect(opened.get_by_role("button", name="Close the incident")).to_have_count(0)
    opened.get_by_role("button", name="Contained").click()
    expect(opened.locator("main")).to_contain_text("◆ contained")
    opened.get_by_role("button", name="Close the incident").click()
    expect(opened.locator("main")).to_contain_text("● closed")
    ledger = console.line.site.ledger
    told = [ledger.entry(index) for index in ledger.find(type="incident", object=incident[-26:])]
    assert [one["status"] for one in told] == ["open", "notified", "contained", "closed"]
    assert {one["actor"] for one in told} == {"privacy-9"}


def test_future_is_refused(opened: Page, console: Console) -> None:
    """A time in question that ends before it begins is refused in the form, and nothing is written."""
    size = len(console.line.site.ledger.find(type="incident"))
    opened.goto(console.url + "/incidents")
    opened.fill("#subject", "officer-9")
    opened.fill("#since", "2026-01-02T10:00")
    opened.fill("#until", "2026-01-02T09:00")
    with opened.expect_response("**/incidents") as answer:
        opened.get_by_role("button", name="Open the incident").click()
    assert answer.value.status >= 400
    expect(opened.locator("p.problem")).to_contain_text("ends before it begins")
    assert len(console.line.site.ledger.find(type="incident")) == size


def test_ledger_search(opened: Page, console: Console) -> None:
    """A record's id finds everything that was done with it, newest first; each leads to its entry."""
    face = console.answered[2].occupants[0].record
    opened.goto(console.url + "/ledger")
    opened.fill("#about", str(face))
    opened.get_by_role("button", name="Search").click()
    kinds = opened.locator("tbody tr td:nth-child(3)").all_inner_texts()
    assert {"capture", "open-intent", "open-done", "render"} <= set(kinds)
    opened.locator("tbody tr", has_text="open-intent").first.get_by_role("link").click()
    expect(opened.locator("h1")).to_contain_text("open-intent")
    expect(opened.locator("main")).to_contain_text("officer-9")


def test_proof_verifies_elsewhere(opened: Page, console: Console) -> None:
    """The proof and the entry's bytes that a page gives verify with the log's keys alone, and not for other bytes."""
    site = console.line.site
    (index,) = site.ledger.find(
        type="open-intent", actor="officer-9", object=str(console.answered[2].occupants[0].record)
    )
    site.sign_checkpoint()
    proof = opened.request.get(f"{console.url}/ledger/{index}/proof")
    raw = opened.request.get(f"{console.url}/ledger/{index}/entry.json").body()
    assert ".tlog-proof" in proof.headers["content-disposition"]
    keys = log_keys(site.ledger.origin, site.keys.log_signer)
    checkpoint, good = parse_proof(proof.body()).verify(raw, keys)
    assert checkpoint.size > index
    assert good
    with pytest.raises(LedgerBroken):
        parse_proof(proof.body()).verify(raw + b" ", keys)


def test_checkpoint(opened: Page, console: Console) -> None:
    """The page says how far the log has signed and that no witness has; the note is there to keep."""
    console.line.site.sign_checkpoint()
    opened.goto(console.url + "/ledger")
    expect(opened.locator("main")).to_contain_text("no witness has cosigned")
    expect(opened.locator("main")).to_contain_text("wayseal ledger verify --dir DIR")
    note = opened.request.get(console.url + "/ledger/checkpoint").text()
    assert note.startswith(console.line.site.ledger.origin)


def test_older_entries(opened: Page, console: Console) -> None:
    """Fifty entries a page; the older ones follow without a gap."""
    opened.goto(console.url + "/ledger")
    first = [int(text) for text in opened.locator("tbody th").all_inner_texts()]
    assert first == sorted(first, reverse=True)
    assert len(first) == 50
    opened.get_by_role("link", name="Older entries").click()
    assert int(opened.locator("tbody th").first.inner_text()) == first[-1] - 1


@pytest.mark.parametrize("path", ["/incidents", "{incident}", "/ledger", "/ledger/0"])
def test_pages_are_accessible(opened: Page, console: Console, incident: str, path: str) -> None:
    """Axe finds nothing against WCAG 2.2 AA, every target is 44 px high, it fits a narrow window, and no page shows a picture."""
    opened.goto(incident if path == "{incident}" else console.url + path)
    heights = opened.evaluate(
        "() => [...document.querySelectorAll('main a, main button, main input, main select, header a, header button')]"
        ".map(e => [e.outerHTML.slice(0, 80), e.getBoundingClientRect().height])"
    )
    assert [entry for entry in heights if 0 < entry[1] < 44] == []
    expect(opened.locator("img, canvas, picture")).to_have_count(0)
    if AXE.is_file():
        assert list_violations(opened) == []
    check_reflow(opened)
