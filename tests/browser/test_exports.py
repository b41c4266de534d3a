"""The approvers' pages in a real browser with the protocol's virtual authenticator: enrol, sign in, read, approve, decline."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from approverparts import Office
from consoleparts import Console
from lineparts import PASSPHRASE
from playwright.sync_api import Browser, Page, expect
from test_console import AXE, list_violations

from wayseal.flow.handover import release_export
from wayseal.flow.parcel import RecipientBox
from wayseal.flow.partners import add_recipient
from wayseal.model.errors import Refused
from wayseal.station.exports import describe_export, describe_votes, open_partners

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::ResourceWarning")]


@pytest.fixture(scope="module")
def box(console: Console, tmp_path_factory: pytest.TempPathFactory) -> RecipientBox:
    """A registered recipient."""
    made = RecipientBox.create("county-court", tmp_path_factory.mktemp("court"), PASSPHRASE)
    card = made.card("court")
    add_recipient(
        open_partners(console.line.site, "privacy-1"), card.name, organisation="court", form=card.form, key=card.key,
        receipt_key=card.receipt_key,
    )  # fmt: skip
    return made


@pytest.fixture
def office(console: Console, browser: Browser, box: RecipientBox) -> Iterator[Office]:
    """The approvers' office; its pages are closed afterwards."""
    assert box
    opened = Office(console, browser)
    yield opened
    for context in browser.contexts:
        context.close()


def test_two_authenticators_release_an_export(office: Office, box: RecipientBox) -> None:
    """Two people of two organisations enrol, read, and approve by keyboard; the recipient opens what they signed for."""
    export = office.ask()
    for name, organisation in (("kim", "privacy-office"), ("lee", "inspector-general")):
        page, _, _ = office.enrol(name, organisation)
        page.locator(f"a[href='/exports/{export.id}']").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#manifest")).to_have_text(export.manifest.decode())
        expect(page.locator("button[data-key=a]")).to_be_enabled()
        page.keyboard.press("a")
        expect(page.locator("button[data-key=a]")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("p.verdict")).to_have_text("You have approved this export.")
    done = release_export(office.desk, office.site.principal("privacy-1", "privacy_officer"), export.id)
    bundle, items = box.open_bundle(done.file.read_bytes(), sender=office.site.keys.identity.public)
    assert len(items) == export.records
    assert [one.form.value for one in bundle.evidence.approvers] == ["webauthn", "webauthn"]
    seconds = [one["seconds"] for one in describe_export(office.desk, export.id)["approvals"]]
    assert all(value is not None and value >= 0 for value in seconds)


def test_unverified_user_signs_nothing(office: Office) -> None:
    """When the authenticator does not verify its user the page says so, nothing is sent, and the button works again."""
    export = office.ask()
    page, protocol, authenticator = office.enrol("ann", "privacy-office")
    page.goto(f"{office.url}/exports/{export.id}")
    protocol.send("WebAuthn.setUserVerified", {"authenticatorId": authenticator, "isUserVerified": False})
    page.locator("button[data-key=a]").click()
    expect(page.locator("#said")).to_contain_text("did not verify you")
    assert describe_export(office.desk, export.id)["approvals"] == []
    protocol.send("WebAuthn.setUserVerified", {"authenticatorId": authenticator, "isUserVerified": True})
    page.locator("button[data-key=a]").click()
    expect(page.locator("p.verdict")).to_be_visible()


FORGED = """async ([path, verification]) => {
  const asked = await (await fetch(path + "/ballot", {method: "POST"})).json();
  asked.publicKey.userVerification = verification;
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(asked.publicKey);
  const signed = await navigator.credentials.get({publicKey});
  const body = JSON.stringify({checkpoint: asked.checkpoint, credential: signed.toJSON()});
  const send = () => fetch(path + "/approval", {method: "POST", headers: {"Content-Type": "application/json"}, body});
  const first = await send();
  return [first.status, (await first.json()).error, (await send()).status];
}"""


def test_server_demands_verification(office: Office) -> None:
    """A page that asks its authenticator for less gets a signature that the server refuses."""
    export = office.ask()
    page, protocol, authenticator = office.enrol("bob", "counsel")
    page.goto(f"{office.url}/exports/{export.id}")
    protocol.send("WebAuthn.setUserVerified", {"authenticatorId": authenticator, "isUserVerified": False})
    status, error, again = page.evaluate(FORGED, [f"/exports/{export.id}", "discouraged"])
    assert (status, error, again) == (403, "the authenticator did not verify its user", 403)
    assert describe_export(office.desk, export.id)["approvals"] == []


def test_replayed_assertion(office: Office) -> None:
    """The same assertion sent twice counts once."""
    export = office.ask()
    page, _, _ = office.enrol("cat", "counsel-2")
    page.goto(f"{office.url}/exports/{export.id}")
    status, _, again = page.evaluate(FORGED, [f"/exports/{export.id}", "required"])
    assert (status, again) == (200, 403)
    assert len(describe_export(office.desk, export.id)["approvals"]) == 1


def test_decline_by_keyboard(office: Office) -> None:
    """Declining with a reason ends the export, and shows among that approver's votes."""
    export = office.ask()
    page, _, _ = office.enrol("dan", "ombudsman")
    page.goto(f"{office.url}/exports/{export.id}")
    page.locator("#reason").focus()
    page.locator("#reason").select_option("too-many-records")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("main .mark").first).to_contain_text("declined")
    expect(page.locator("button[data-key=a]")).to_have_count(0)
    (vote,) = [one for one in describe_votes(office.desk) if one["approver"] == "dan"]
    assert (vote["shown"], vote["declined"]) == (1, 1)
    with pytest.raises(Refused):
        release_export(office.desk, office.site.principal("privacy-1", "privacy_officer"), export.id)


def test_wrong_code_and_stranger(office: Office) -> None:
    """A wrong enrolment code enrols nothing, and who is not enrolled cannot sign in; both are told why."""
    office.register("eve", "court")
    page, _, _ = office.open_page()
    page.goto(office.url + "/exports/enrol")
    expect(page.locator("main button")).to_be_enabled()
    page.fill("#approver", "eve")
    page.fill("#code", "0" * 16)
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_contain_text("code is not good")
    page.goto(office.url + "/exports/sign-in")
    expect(page.locator("main button")).to_be_enabled()
    page.fill("#approver", "eve")
    page.locator("#approver").press("Enter")
    expect(page.locator("#said")).to_contain_text("no authenticator is enrolled")


def test_bare_address_is_told(office: Office, page: Page) -> None:
    """At an address without a name no authenticator answers; the page says where to go and sends nothing."""
    page.goto(office.console.url + "/exports/sign-in")
    expect(page.locator("#said")).to_contain_text("http://localhost:")
    expect(page.locator("main button")).to_be_disabled()


def test_sessions_do_not_mix(office: Office, page: Page) -> None:
    """An officer's session opens no export, and an approver's opens no vehicle."""
    answer = page.request.get(
        office.console.url + "/exports", headers={"Accept": "text/html"}, max_redirects=0
    )
    assert (answer.status, answer.headers["location"]) == (303, "/exports/sign-in")
    approver, _, _ = office.enrol("fay", "archive")
    answer = approver.request.get(office.url + "/vehicles", max_redirects=0)
    assert answer.status == 401


def test_export_pages_are_accessible(office: Office, tmp_path: Path) -> None:
    """Axe finds nothing against WCAG 2.2 AA on any of the pages, and every control is at least 44 px high."""
    export = office.ask()
    page, _, _ = office.enrol("gus", "records-office")
    for number, path in enumerate(
        ("/exports", f"/exports/{export.id}", "/exports/enrol", "/exports/sign-in")
    ):
        page.goto(office.url + path)
        page.screenshot(path=tmp_path / f"{number}.png", full_page=True)
        heights = page.evaluate(
            "() => [...document.querySelectorAll('main a, main button, main input, main select, main summary')]"
            ".map(e => [e.outerHTML.slice(0, 60), e.getBoundingClientRect().height])"
        )
        assert [entry for entry in heights if 0 < entry[1] < 44] == []
        if AXE.is_file():
            assert list_violations(page) == []
