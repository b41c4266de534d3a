"""The officer's first screen in a real browser: by keyboard, with pictures only through logged releases."""

import http.client
import re
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from consoleparts import CODE, Console
from playwright.sync_api import Browser, Page, expect

from wayseal.model.border import Seat

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::ResourceWarning")]
AXE = Path(__file__).resolve().parents[2] / "tools" / "browser" / "node_modules" / "axe-core" / "axe.min.js"


def test_lane_shows_vehicles(page: Page) -> None:
    """The newest vehicle is on top, each state has a word, and an empty vehicle is an ordinary row."""
    rows = page.locator("a.vehicle")
    expect(rows).to_have_count(3)
    expect(rows.nth(0)).to_contain_text("469BWW")
    expect(rows.nth(1)).to_contain_text("no plate read")
    expect(rows.nth(2)).to_contain_text("match")
    expect(rows.nth(2)).to_contain_text("check documents")
    expect(rows.nth(2)).to_contain_text("not captured")


def test_whole_inspection_by_keyboard(page: Page, console: Console) -> None:
    """From the lane to a decision without a mouse; the pictures come by releases that the ledger knows before."""
    ledger = console.line.site.ledger
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_selector("section.occupant")
    page.wait_for_load_state("load")  # keys are heard when the page's script has run
    expect(page.locator("figure img")).to_have_count(0)
    page.keyboard.press("1")
    page.keyboard.press("o")
    picture = page.locator("figure img").first
    expect(picture).to_be_visible()
    expect(picture).to_have_js_property("naturalWidth", 128)
    face = console.answered[0].occupants[0].record
    assert face is not None
    (intent,) = ledger.find(type="open-intent", object=face, actor="officer-7")
    (done,) = ledger.find(type="open-done", object=face, actor="officer-7")
    assert intent < done
    page.keyboard.press("a")
    page.keyboard.press("Enter")
    expect(page.locator("section#driver p.verdict")).to_contain_text("Admit by officer-7: documents checked")
    assert ledger.find(type="decision", actor="officer-7")
    page.wait_for_load_state("load")
    page.keyboard.press("Escape")
    page.wait_for_selector("a.vehicle")


def test_picture_shows_once(page: Page, console: Console) -> None:
    """A picture's address is dead after it was shown; a reload shows it sealed again."""
    page.goto(f"{console.url}/encounters/{console.answered[2].id}")
    page.locator("section#driver button[data-act=open]").click()
    picture = page.locator("figure img").first
    source = picture.get_attribute("src")
    expect(picture).to_have_js_property("naturalWidth", 128)
    assert source is not None
    assert page.request.get(console.url + source).status == 404
    page.reload()
    expect(page.locator("figure img")).to_have_count(0)
    expect(page.locator("section#driver .sealed").first).to_have_text("sealed")


def test_vehicle_appears_by_itself(page: Page, console: Console) -> None:
    """A vehicle that passes while the page is open comes up on it, without a reload."""
    expect(page.locator("#link")).to_have_text("live")
    count = page.locator("a.vehicle").count()
    console.drive({Seat.DRIVER: 5}, "NEW123")
    expect(page.locator("a.vehicle")).to_have_count(count + 1)
    expect(page.locator("a.vehicle").first).to_contain_text("NEW123")


@pytest.mark.parametrize("path", ["/", "/lanes/lane1", "/encounters/{first}"])
def test_accessibility(page: Page, console: Console, path: str) -> None:
    """Axe finds no violation of WCAG 2.2 AA on any page."""
    if not AXE.is_file():
        pytest.skip("no axe-core; make test fetches it where npm is")
    page.goto(console.url + path.format(first=console.answered[0].id))
    assert list_violations(page) == []


def test_sign_in_accessibility(browser: Browser, console: Console) -> None:
    """Axe finds nothing on the sign-in page either."""
    if not AXE.is_file():
        pytest.skip("no axe-core; make test fetches it where npm is")
    with browser.new_context() as context:
        opened = context.new_page()
        opened.goto(console.url + "/sign-in")
        assert list_violations(opened) == []


def list_violations(page: Page) -> list[tuple[str, list[str]]]:
    """Return what axe finds against WCAG 2.2 A and AA on a page. The protocol, not the page's policy, loads axe."""
    context = page.context.new_cdp_session(page)
    context.send("Runtime.evaluate", {"expression": AXE.read_text(encoding="utf-8")})
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    found = page.evaluate("tags => axe.run({runOnly: {type: 'tag', values: tags}})", tags)
    return [(v["id"], [n["html"] for n in v["nodes"]]) for v in found["violations"]]


def test_targets_are_large(page: Page, console: Console) -> None:
    """Every button, link and field that a gloved finger may need is at least 44 px high."""
    for path in ("/", f"/encounters/{console.answered[0].id}"):
        page.goto(console.url + path)
        heights = page.evaluate(
            "() => [...document.querySelectorAll('main a, main button, main input')]"
            ".map(e => [e.outerHTML.slice(0, 60), e.getBoundingClientRect().height])"
        )
        assert [entry for entry in heights if 0 < entry[1] < 44] == []


def fetch(url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of a request without a session."""
    request = urllib.request.Request(url, headers=headers, data=headers.pop("data", None) and b"")  # noqa: S310
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(request, timeout=60) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Redirects are answers to look at, not to follow."""

    def redirect_request(self, *_: object) -> None:
        """Follow nothing."""


@pytest.mark.parametrize(
    "path", ["/", "/vehicles", "/events", "/lanes/lane1", "/releases/x/picture", "/references/x/picture"]
)
def test_nothing_without_a_session(console: Console, path: str) -> None:
    """Without a session every address answers 401, or leads a person to the sign-in page."""
    assert fetch(console.url + path)[0] == 401
    status, headers, _ = fetch(console.url + path, accept="text/html")
    assert (status, headers["location"]) == (303, "/sign-in")


def test_unknown_address(page: Page, console: Console) -> None:
    """An address that the console does not have shows the problem page, with a way back, and says 404."""
    answer = page.request.get(console.url + "/nonsense")
    assert answer.status == 404
    assert "There is no such page" in answer.text()
    assert "Back to the lanes" in answer.text()
    assert fetch(console.url + "/nonsense")[0] == 404


def test_cross_site_post_is_refused(console: Console) -> None:
    """A form on another site cannot post here, signed in or not."""
    request = urllib.request.Request(  # noqa: S310 - loopback
        console.url + "/sign-in",
        data=f"officer=x&code={CODE}".encode(),
        headers={"Origin": "https://elsewhere.example"},
    )
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(request, timeout=60)  # noqa: S310
    with refusal.value:
        assert refusal.value.code == 403


@pytest.mark.parametrize("said", [("Content-Length", "262145"), ("Transfer-Encoding", "chunked")])
def test_endless_form_is_refused(console: Console, said: tuple[str, str]) -> None:
    """A form that is too long, or does not say how long it is, is refused before any of it is read."""
    line = http.client.HTTPConnection(urllib.parse.urlsplit(console.url).netloc, timeout=60)
    line.putrequest("POST", "/sign-in")
    for name, value in (("Origin", console.url), said):
        line.putheader(name, value)
    line.endheaders()
    assert line.getresponse().status == 413
    line.close()


def test_headers(console: Console) -> None:
    """Nothing is cached, framed, or loaded from elsewhere."""
    _, headers, _ = fetch(console.url + "/sign-in")
    assert headers["cache-control"] == "no-store"
    assert "default-src 'self'" in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"


def test_problem_page_is_for_people(page: Page, console: Console) -> None:
    """A page that is not for the role says so in words; no class name, no command; the same for a form that lacks a field."""
    shown = page.context.new_page()
    answer = shown.goto(console.url + "/incidents")
    assert answer is not None
    assert answer.status == 403
    expect(shown.locator("h1")).to_have_text("That is not permitted")
    expect(shown.locator(".hint")).to_contain_text("It is for: ")
    expect(shown).to_have_title("That is not permitted - Wayseal")
    content = shown.content()
    shown.close()
    place = f"{console.url}/encounters/{console.answered[0].id}/occupants/driver/decision"
    sent = page.request.post(place, form={"verdict": "no such"}, headers={"Origin": console.url})
    assert sent.status == 400
    assert "That cannot be used" in sent.text()
    assert "no such" not in sent.text()
    opened = page.request.get(place)
    assert (opened.status, "There is no such page" in opened.text()) == (405, True)
    for text in (content, sent.text(), opened.text()):
        assert not re.search(r"Refused|NotFound|Invalid|wayseal [a-z]+ [a-z]+", text)


def test_wrong_codes_are_rationed(console: Console) -> None:
    """After five wrong codes even the right one has to wait: nothing that signs in may come after this."""
    statuses = []
    for code in ["wrong"] * 6 + [CODE]:
        data = f"officer=guesser&code={code}".encode()
        request = urllib.request.Request(console.url + "/sign-in", data=data, headers={"Origin": console.url})  # noqa: S310
        opener = urllib.request.build_opener(_NoRedirect)
        with pytest.raises(urllib.error.HTTPError) as refusal:
            opener.open(request, timeout=60)
        with refusal.value:
            statuses.append(refusal.value.code)
            assert re.search(rb"hint|minute|terminal", refusal.value.read())
    assert statuses == [403] * 5 + [429, 429]
