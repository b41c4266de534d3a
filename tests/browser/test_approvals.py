"""Second persons in a real browser: what waits, what exactly is signed, signing with an authenticator, declining, and every state."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from approverparts import Office
from consoleparts import CODE, Console, check_reflow
from playwright.sync_api import Browser, Page, expect
from test_console import AXE, list_violations

from wayseal.export.approval import Subject
from wayseal.flow.countersign import decline, find_matter
from wayseal.flow.hold import finish_hold, place_hold
from wayseal.flow.petition import LIFT, REINSTATEMENT, SIGNED, petition_entry
from wayseal.model.clock import utc_now
from wayseal.model.custody import Purpose, Release
from wayseal.model.ids import EpochId, RecordId, new_ulid
from wayseal.seal.keys.appointment import look_at_appointment, sign_appointment
from wayseal.station.appointing import open_appointments
from wayseal.station.charters import load_founder
from wayseal.station.keyroom import Keyroom

PATIENCE_MS = 120_000
pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::ResourceWarning")]


@pytest.fixture(scope="module", autouse=True)
def signed() -> Iterator[None]:
    """People's word counts with their signature only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAYSEAL_RELEASE__SIGNED_APPROVALS", "true")
        yield


@pytest.fixture
def office(signed: None, console: Console, browser: Browser) -> Iterator[Office]:  # noqa: ARG001 - before the console
    """The approvers' office; its pages are closed afterwards."""
    yield Office(console, browser)
    for context in browser.contexts:
        context.close()


def sign_in(office: Office, officer: str) -> Page:
    """Begin an officer's shift at a browser of their own."""
    page = office.browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.goto(office.console.url + "/sign-in")
    page.fill("#officer", officer)
    page.fill("#code", CODE)
    page.keyboard.press("Enter")
    page.wait_for_selector("#vehicles")
    return page


def open_driver(office: Office, officer: Page) -> None:
    """Press the driver's button at the last vehicle."""
    officer.goto(f"{office.console.url}/encounters/{office.console.answered[2].id}")
    officer.locator("section#driver button[data-act=open]").click()


def ask(office: Office, who: str, *, ago: timedelta = timedelta(0), count: int = 1) -> list[Release]:
    """Return releases of the last vehicle's driver that somebody asked for, some time ago."""
    record = office.console.answered[2].occupants[0].record
    assert record is not None
    opener = replace(office.site.opener, clock=lambda: utc_now() - ago)
    principal = office.site.principal(who, "officer")
    return opener.request(principal, [RecordId(record)] * count, Purpose.PRIMARY_INSPECTION)


def go(office: Office, page: Page, release: Release) -> None:
    """Open a release's page."""
    page.goto(f"{office.url}/approvals/releases/{release.id}")


def test_shift_and_release_are_signed(office: Office) -> None:
    """An officer's picture stays sealed; a supervisor finds release and shift, reads the words and the bytes, and signs by keyboard."""
    officer = sign_in(office, "officer-21")
    expect(officer.locator(".shift")).to_contain_text("it opens nothing before it is signed")
    open_driver(office, officer)
    expect(officer.locator("h1")).to_have_text("A second person must agree")
    expect(officer.locator("main")).to_contain_text("the session grant waits for a signature".capitalize())
    release = officer.locator("main code").first.inner_text()
    boss, _, _ = office.enrol("boss-21", "agency", "supervisor")
    expect(boss.locator("#waiting a.export")).to_have_count(2)
    boss.locator(f"a[href='/approvals/releases/{release}']").focus()
    boss.keyboard.press("Enter")
    matter = find_matter(office.desk, Subject.RELEASE, release)
    expect(boss.locator("#paper")).to_have_text(office.site.ledger.raw(matter.index).decode())
    for word in (
        "officer-21 of agency",
        "primary inspection",
        f"entry {matter.index}",
        "a face, taken at lane1",
    ):
        expect(boss.locator("main")).to_contain_text(word)
    expect(boss.locator("button[data-key=a]")).to_be_enabled()
    boss.keyboard.press("a")
    expect(boss.locator("button[data-key=a]")).to_be_focused()
    boss.keyboard.press("Enter")
    expect(boss.locator("p.verdict")).to_have_text("You have signed this.")
    expect(boss.locator("button[data-key=a]")).to_have_count(0)
    open_driver(office, officer)
    expect(officer.locator("figure img").first).to_have_js_property("naturalWidth", 128)
    boss.reload()
    boss.wait_for_load_state("load")
    expect(boss.locator("main .mark").first).to_contain_text("opened")
    expect(boss.locator("main")).to_contain_text("There is nothing to sign any more")
    boss.keyboard.press("Escape")
    boss.wait_for_url("**/approvals")
    boss.wait_for_load_state("load")
    boss.keyboard.press("j")
    boss.keyboard.press("Enter")
    expect(boss.locator("h1")).to_have_text("Shift of officer-21")
    expect(boss.locator("button[data-key=a]")).to_be_enabled()
    boss.keyboard.press("a")
    boss.keyboard.press("Enter")
    expect(boss.locator("p.verdict")).to_be_visible()
    open_driver(office, officer)
    expect(officer.locator("figure img").first).to_have_js_property("naturalWidth", 128)
    expect(officer.locator(".shift")).not_to_contain_text("before it is signed")


def test_decline_with_a_reason(office: Office) -> None:
    """Declined by keyboard with a reason, a release shows who and why, the officer is told once, and nobody can sign it any more."""
    officer = sign_in(office, "officer-22")
    open_driver(office, officer)
    release = officer.locator("main code").first.inner_text()
    boss, _, _ = office.enrol("boss-22", "agency", "supervisor")
    boss.goto(f"{office.url}/approvals/releases/{release}")
    expect(
        boss.locator("button[data-key=a]")
    ).to_be_enabled()  # keys are heard when the page's script has run
    boss.keyboard.press("x")
    boss.locator("#reason").select_option("not-asked")
    boss.locator("button[data-key=x]").focus()
    boss.keyboard.press("Enter")
    expect(boss.locator("p.verdict")).to_have_text(
        "boss-22 has declined it: they say that they did not ask. Their signature is on the ledger."
    )
    assert boss.locator("main .acts").count() == 0
    open_driver(office, officer)
    expect(officer.locator("main")).to_contain_text(
        "a second person has declined this release: not-asked".capitalize()
    )
    open_driver(office, officer)
    expect(officer.locator("h1")).to_have_text("A second person must agree")
    assert officer.locator("main code").first.inner_text() != release
    status = boss.request.post(
        f"{office.url}/approvals/releases/{release}/ballot", headers={"Origin": office.url}
    )
    assert (status.status, status.json()["error"]) == (403, "the release was declined")
    wrong = boss.request.post(
        f"{office.url}/approvals/releases/{release}/decline-ballot",
        headers={"Origin": office.url},
        data={"reason": "because"},
    )
    assert wrong.status == 403
    unsigned = boss.request.post(
        f"{office.url}/approvals/releases/{release}/decline",
        headers={"Origin": office.url},
        data={"reason": "other"},
    )
    assert unsigned.status == 403


def test_list_looks_again(office: Office) -> None:
    """What comes appears by itself and what was dealt with goes, while the keyboard's focus stays on its matter; a list that did not change is not touched."""
    first = ask(office, "officer-31")[0]
    boss, _, _ = office.enrol("boss-32", "agency", "supervisor")
    row = boss.locator(f"a[href='/approvals/releases/{first.id}']")
    row.focus()
    second = ask(office, "officer-31")[0]
    expect(boss.locator(f"a[href='/approvals/releases/{second.id}']")).to_be_visible(timeout=PATIENCE_MS)
    expect(boss.locator("#news")).to_contain_text("1 new")
    expect(row).to_be_focused()
    row.evaluate("element => { element.mine = true; }")
    with boss.expect_response("**/approvals/waiting", timeout=PATIENCE_MS):
        boss.keyboard.press("r")
    assert row.evaluate("element => element.mine === true")
    decline(office.desk, find_matter(office.desk, Subject.RELEASE, second.id), "boss-32", reason="other")
    expect(boss.locator(f"a[href='/approvals/releases/{second.id}']")).to_have_count(0, timeout=PATIENCE_MS)
    expect(row).to_be_focused()


def test_one_after_another(office: Office) -> None:
    """Many are signed one by one without a mouse: sign, next, sign; each touch is for one entry."""
    releases = ask(office, "officer-33", count=3)
    boss, _, _ = office.enrol("boss-33", "agency", "supervisor")
    go(office, boss, releases[0])
    wanted = {one.id for one in releases}
    for _ in range(40):  # others' matters wait here too
        if boss.locator("button[data-key=a]").count():
            expect(boss.locator("button[data-key=a]")).to_be_enabled()
            boss.keyboard.press("a")
            boss.keyboard.press("Enter")
            expect(boss.locator("p.verdict")).to_have_text("You have signed this.")
        wanted.discard(boss.url.rsplit("/", 1)[-1])
        if not wanted:
            break
        here = boss.url
        expect(boss.locator("#next")).to_be_visible()
        boss.wait_for_load_state("load")  # keys are heard when the page's script has run
        boss.keyboard.press("n")
        boss.wait_for_url(lambda url: url != here, timeout=PATIENCE_MS)  # noqa: B023 - used at once
    signed = [office.site.ledger.find(type="release-approve", object=one.id) for one in releases]
    assert [len(one) for one in signed] == [1, 1, 1]


def test_reinstatement_and_lift_are_signed(office: Office) -> None:
    """What somebody would sign when an organisation comes back, or a hold ends early, stands there in plain words."""
    site, now = office.site, utc_now()
    (since,) = site.ledger.find(type="config", object=SIGNED)[:1]
    facts = {"subject": "camera-vendor", "suspension": since, "assessment": new_ulid(now)}
    back, lifted = new_ulid(now), new_ulid(now)
    both = ["boss-34", "lab-34"]
    site.ledger.append([
        petition_entry(REINSTATEMENT, back, actor="chief-34", approvers=both, now=now, facts=facts),
        petition_entry(
            LIFT, lifted, actor="chief-34", approvers=both, now=now, facts={"hold": new_ulid(now), "reason": "case-closed"}
        ),
    ])  # fmt: skip
    boss, _, _ = office.enrol("boss-34", "agency", "supervisor")
    boss.locator(f"a[href='/approvals/reinstatements/{back}']").click()
    for word in (
        "camera-vendor",
        f"entry {since} of the ledger",
        "boss-34 and lab-34",
        "is suspended no more",
    ):
        expect(boss.locator("main")).to_contain_text(word)
    boss.locator("button[data-key=a]").click()
    expect(boss.locator("p.verdict")).to_have_text("You have signed this.")
    boss.goto(f"{office.url}/approvals/lifts/{lifted}")
    expect(boss.locator("main")).to_contain_text("erased for ever")
    boss.locator("#reason").select_option("still-needed")
    boss.locator("button[data-key=x]").click()
    expect(boss.locator("p.verdict")).to_contain_text(
        "boss-34 has declined it: the records are still needed."
    )
    other, _, _ = office.enrol("boss-35", "agency", "supervisor")
    other.goto(f"{office.url}/approvals/reinstatements/{back}")
    expect(other.locator("main")).to_contain_text("Not yours to sign: the reinstatement names two others")


def test_not_mine(office: Office) -> None:
    """Somebody's own release is not among what waits and cannot be signed; neither can any by a role that the rules give nothing."""
    mine, theirs = ask(office, "officer-23")[0], ask(office, "officer-24")[0]
    page, _, _ = office.enrol("officer-23", "agency", "officer")
    assert page.locator(f"a[href='/approvals/releases/{mine.id}']").count() == 0
    go(office, page, mine)
    expect(page.locator("main")).to_contain_text("Not yours to sign: nobody approves a release of their own")
    assert page.locator("button[data-key=a]").count() == 0
    outsider, _, _ = office.enrol("court-23", "court")
    expect(outsider.locator("#waiting")).to_contain_text("Nothing waits for you")
    go(office, outsider, theirs)
    expect(outsider.locator("main")).to_contain_text("Not yours to sign: export_approver may not approve")
    answer = outsider.request.post(
        f"{office.url}/approvals/releases/{theirs.id}/ballot", headers={"Origin": office.url}
    )
    assert answer.status == 403


def test_own_shift_is_signed(office: Office) -> None:
    """An officer with an appointed authenticator signs their own shift, and opens."""
    officer = sign_in(office, "officer-25")
    mine, _, _ = office.enrol("officer-25", "agency", "officer")
    mine.locator("#waiting a.export", has_text="officer-25").click()
    mine.locator("button[data-key=a]").click()
    expect(mine.locator("p.verdict")).to_be_visible()
    open_driver(office, officer)
    expect(officer.locator("figure img").first).to_have_js_property("naturalWidth", 128)


def test_hold_is_signed_by_both(office: Office) -> None:
    """A hold is shown to the two whom it names and to nobody else; each reads its records and signs, and then it can be finished."""
    record = office.console.answered[2].occupants[0].record
    assert record is not None
    site = office.site

    def keep(one: RecordId, epoch: EpochId, code: str) -> object:
        who = site.principal("privacy-1", "privacy_officer")
        return site.opener.keep(who, one, epoch, reason=code)

    until = utc_now() + timedelta(days=90)
    hold = place_hold(
        site.eraser, [RecordId(record)], reason="court-order-7", approvers=["boss-30", "counsel-30"], until=until,
        keep=keep, finish=False,
    )  # fmt: skip
    other, _, _ = office.enrol("boss-31", "agency", "supervisor")
    assert other.locator(f"a[href='/approvals/holds/{hold.id}']").count() == 0
    other.goto(f"{office.url}/approvals/holds/{hold.id}")
    expect(other.locator("main")).to_contain_text("Not yours to sign: the hold names two others")
    for name, organisation, role in (
        ("boss-30", "agency", "supervisor"),
        ("counsel-30", "court", "privacy_officer"),
    ):
        page, _, _ = office.enrol(name, organisation, role)
        page.locator(f"a[href='/approvals/holds/{hold.id}']").click()
        expect(page.locator("main")).to_contain_text("boss-30 and counsel-30")
        expect(page.locator("#paper")).to_contain_text(record)
        page.locator("button[data-key=a]").click()
        expect(page.locator("p.verdict")).to_have_text("You have signed this.")
    assert finish_hold(site.eraser, hold.id, keep=keep) == 1


def test_over_and_unknown(office: Office) -> None:
    """What has waited too long is told to be over and offers nothing; a number that there is not gets a page with a hint."""
    late = ask(office, "officer-26", ago=timedelta(hours=3))[0]
    boss, _, _ = office.enrol("boss-26", "agency", "supervisor")
    assert boss.locator(f"a[href='/approvals/releases/{late.id}']").count() == 0
    go(office, boss, late)
    expect(boss.locator("main .mark").first).to_contain_text("its time is over")
    assert boss.locator("button[data-key=a]").count() == 0
    boss.goto(f"{office.url}/approvals/releases/{'0' * 26}")
    expect(boss.locator("main")).to_contain_text("There is no release of that number on the ledger")
    boss.goto(f"{office.url}/approvals/elsewhere/{late.id}")
    expect(boss.locator("main h1")).to_be_visible()
    assert boss.locator("#paper").count() == 0


def test_page_that_lies_is_not_signed(office: Office) -> None:
    """When the page shows another text than what would be signed, the script stops before the authenticator is asked."""
    release = ask(office, "officer-27", count=3)[0]
    boss, protocol, authenticator = office.enrol("boss:27", "agency", "supervisor")
    go(office, boss, release)
    expect(boss.locator("main")).to_contain_text("3 were asked for in the same moment")
    before = protocol.send("WebAuthn.getCredentials", {"authenticatorId": authenticator})
    boss.evaluate("document.querySelector('#paper').textContent = '{}'")
    boss.locator("button[data-key=a]").click()
    expect(boss.locator("#said")).to_contain_text("does not show what would be signed")
    after = protocol.send("WebAuthn.getCredentials", {"authenticatorId": authenticator})
    assert [one["signCount"] for one in after["credentials"]] == [
        one["signCount"] for one in before["credentials"]
    ]
    assert not office.site.ledger.find(type="release-approve", object=release.id)


def test_draft_for_the_officials(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A credential that nobody has appointed signs nothing; its draft is a file that the officials sign, and then it does."""
    release = ask(office, "officer-28")[0]
    with monkeypatch.context() as patch:
        patch.setattr("wayseal.station.exports.appoint_enrolled", lambda _site, _name: 0)
        boss, _, _ = office.enrol("boss-28", "agency", "supervisor")
    go(office, boss, release)
    boss.locator("button[data-key=a]").click()
    expect(boss.locator("#said")).to_contain_text("officials have not appointed this approver")
    boss.goto(office.url + "/approvals")
    with boss.expect_download() as given:
        boss.get_by_role("link", name="Draft for the officials").click()
    given.value.save_as(tmp_path / "draft")
    draft = (tmp_path / "draft").read_bytes()
    made = look_at_appointment(draft)
    assert (made.approver, made.organisation, made.role) == ("boss-28", "agency", "supervisor")
    keyroom = office.site.keyroom
    assert isinstance(keyroom, Keyroom)
    founder = load_founder(keyroom.keeper, office.site.home / "keyroom")
    open_appointments(office.site).install(sign_appointment(draft, founder), approver="boss-28")
    boss.reload()
    expect(boss.locator("#credentials + p + .scroll")).to_contain_text("● appointed")
    go(office, boss, release)
    boss.locator("button[data-key=a]").click()
    expect(boss.locator("p.verdict")).to_be_visible()
    stranger = boss.request.get(f"{office.url}/approvals/credentials/{'0' * 64}/draft")
    assert stranger.status == 404


def test_pages_are_accessible(office: Office, tmp_path: Path) -> None:
    """Axe finds nothing against WCAG 2.2 AA, every control is at least 44 px high, and nothing is wider than 320 px."""
    sign_in(office, "officer-29")
    release, declined = ask(office, "officer-29", count=2)
    boss, _, _ = office.enrol("boss-29", "agency", "supervisor")
    decline(office.desk, find_matter(office.desk, Subject.RELEASE, declined.id), "boss-29", reason="other")
    grant = boss.locator("#waiting a.export", has_text="officer-29").first.get_attribute("href")
    pages = ("/approvals", grant, f"/approvals/releases/{release.id}", f"/approvals/releases/{declined.id}")
    for number, path in enumerate(pages):
        boss.goto(office.url + str(path))
        boss.screenshot(path=tmp_path / f"{number}.png", full_page=True)
        heights = boss.evaluate(
            "() => [...document.querySelectorAll('main a, main button, main input, main select, main summary, nav a')]"
            ".map(e => [e.outerHTML.slice(0, 60), e.getBoundingClientRect().height])"
        )
        assert [entry for entry in heights if 0 < entry[1] < 44] == []
        if AXE.is_file():
            assert list_violations(boss) == []
        check_reflow(boss)
