"""Appointments of a site's approvers: where they are kept, and the home's own first official who signs them until people do.

Owns when that official may: by whoever opens the keyroom in this process, or knows its passphrase. Where people are the officials
of the charter, nothing here can appoint anybody.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from wayseal.flow.appoint import AppointmentBook
from wayseal.ledger.reader import LedgerReader
from wayseal.model.errors import Refused, Unavailable
from wayseal.seal.keys import SigningIdentity
from wayseal.seal.keys.appointment import sign_appointment
from wayseal.station.charters import load_founder
from wayseal.station.keyroom import Keyroom

if TYPE_CHECKING:
    from wayseal.station.site import Site


def open_appointments(site: "Site", founder: SigningIdentity | None = None) -> AppointmentBook:
    """Return where a site's appointments are kept; `founder` signs where the charter still calls them the one official."""
    sign: Callable[[bytes], bytes] | None = None
    if founder is not None and list(site.charters.current().officials.values()) == [founder.public]:
        sign = lambda document: sign_appointment(document, founder)  # noqa: E731 - a value of the book
    return AppointmentBook(site.ledger, site.store, site.charters.current, site.clock, sign)


def count_appointed(ledger: LedgerReader) -> int:
    """Return how many people the ledger calls appointed and not revoked: without any, nobody's signature counts."""
    told = [ledger.entry(index) for index in ledger.find(type="approver")]
    revoked = {entry["object"] for entry in told if entry["action"] == "revoked"}
    return len({entry["object"] for entry in told if entry["action"] == "appointed"} - revoked)


def appoint_enrolled(site: "Site", approver: str) -> int:
    """Appoint a fresh credential where this process has the keyroom open itself; return how many. Elsewhere it waits."""
    try:
        keyroom = site.keyroom
    except Unavailable:
        return 0
    if not isinstance(keyroom, Keyroom):
        return 0
    founder = load_founder(keyroom.keeper, site.home / "keyroom")
    return open_appointments(site, founder).appoint_at_once(approver)


def appoint_as_founder(site: "Site", passphrase: bytes, approver: str) -> int:
    """Appoint an approver's credentials by the keyroom's passphrase, also while the keyroom runs on its own; return how many.

    Raises `KeeperLocked` for another passphrase, `Refused` where people are the officials: then they sign.
    """
    folder = site.home / "keyroom"
    keeper = site.settings.keyroom.keeper.choice().open(folder / "keeper", passphrase)
    book = open_appointments(site, load_founder(keeper, folder))
    if book.sign is None:
        raise Refused(
            "the officials of this site's charter appoint approvers",
            hint="wayseal export approver draft NAME; each official signs it; wayseal export approver appoint NAME FILE...",
        )
    return book.appoint_at_once(approver)
