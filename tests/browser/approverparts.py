"""Approvers and second persons with the protocol's virtual authenticators, at one console."""

from datetime import timedelta
from typing import Any

from consoleparts import Console
from playwright.sync_api import Browser, CDPSession, Page, expect

from wayseal.flow.disclose import Wanted, request_export
from wayseal.flow.partners import add_approver
from wayseal.model.clock import utc_now
from wayseal.model.disclosure import Export
from wayseal.station.exports import open_disclosure, open_partners

_PATIENCE_MS = 120_000


class Office:
    """Approvers with an authenticator each, at one console."""

    def __init__(self, console: Console, browser: Browser) -> None:
        self.console = console
        self.url = console.url.replace("127.0.0.1", "localhost")
        self.browser = browser
        self.site = console.line.site
        self.desk = open_disclosure(self.site)

    def ask(self) -> Export:
        """Request an export of everybody's pictures."""
        people = [one for answered in self.console.answered for one in answered.occupants]
        records = [one.record for one in people if one.record is not None]
        wanted = Wanted(records, "county-court", "court-order", "statute", utc_now() + timedelta(days=30))
        return request_export(self.desk, self.site.principal("privacy-1", "privacy_officer"), wanted)

    def register(self, name: str, organisation: str, role: str = "export_approver") -> str:
        """Register an approver and return their enrolment code."""
        _, code = add_approver(
            open_partners(self.site, "privacy-1"), name, organisation=organisation, role=role
        )
        return code

    def open_page(self) -> tuple[Page, CDPSession, str]:
        """Return a page with a virtual authenticator that verifies its user, the protocol's session, and the authenticator's id."""
        page = self.browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        protocol = page.context.new_cdp_session(page)
        protocol.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": False, "hasUserVerification": True,
            "isUserVerified": True, "automaticPresenceSimulation": True,
        }  # fmt: skip
        made: dict[str, Any] = protocol.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        return page, protocol, str(made["authenticatorId"])

    def enrol(
        self, name: str, organisation: str, role: str = "export_approver"
    ) -> tuple[Page, CDPSession, str]:
        """Enrol an approver's authenticator and sign them in with it, by keyboard."""
        code = self.register(name, organisation, role)
        page, protocol, authenticator = self.open_page()
        page.goto(self.url + "/exports/enrol")
        _type_name(page, name)
        page.keyboard.press("Tab")
        page.keyboard.type(code)
        page.keyboard.press("Enter")
        page.wait_for_url("**/exports/sign-in", timeout=_PATIENCE_MS)
        _type_name(page, name)
        page.keyboard.press("Enter")
        page.wait_for_url("**/approvals", timeout=_PATIENCE_MS)
        return page, protocol, authenticator


def _type_name(page: Page, name: str) -> None:
    """Type into the first field once the page has given it the keys: a browser under load does that late."""
    expect(page.locator("main button")).to_be_enabled()
    field = page.locator("main input").first
    expect(field).to_be_focused()
    page.keyboard.type(name)
    expect(field).to_have_value(name)
