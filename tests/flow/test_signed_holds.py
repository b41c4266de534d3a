"""Holds where people's word counts with their signature only: both whom a hold names sign it, and the keyroom keeps nothing before."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from postparts import CHIEF, Post, open_post
from signingparts import add_signer, hand_in, sign_matter

from wayseal.export.approval import Subject
from wayseal.flow.countersign import countersign, decline, find_matter
from wayseal.flow.hold import finish_hold, lift_hold, place_hold
from wayseal.flow.partners import revoke_approver
from wayseal.flow.waiting import Place, list_holds, look_at_hold
from wayseal.model.custody import Hold
from wayseal.model.errors import NotFound, Refused
from wayseal.model.ids import EpochId, RecordId
from wayseal.station.exports import open_disclosure, open_partners
from wayseal.store.engine import read
from wayseal.store.records import get_record

COUNSEL = "counsel-1"


@dataclass
class Desk:
    """A site with two people who may approve holds, and an officer who does the work."""

    post: Post

    def place(self, *, approvers: tuple[str, str] = (CHIEF, COUNSEL)) -> Hold:
        """Put a hold of one face on the ledger, kept by nobody yet."""
        site = self.post.line.site
        until = site.clock() + timedelta(days=90)
        return place_hold(
            site.eraser, [self.post.faces["in1"]], reason="court-order-7", approvers=approvers, until=until,
            keep=self.keep, finish=False,
        )  # fmt: skip

    def keep(self, record: RecordId, epoch: EpochId, code: str) -> object:
        """Re-wrap one record."""
        site = self.post.line.site
        return site.opener.keep(site.principal("privacy-1", "privacy_officer"), record, epoch, reason=code)

    def finish(self, hold: Hold) -> int:
        """Keep a hold's records."""
        return finish_hold(self.post.line.site.eraser, hold.id, keep=self.keep)

    def sign(self, hold: Hold, *names: str) -> None:
        """Let people sign a hold."""
        for name in names:
            hand_in(self.post.line.site, name, Subject.HOLD, hold.id)

    def refuse(self, hold: Hold) -> None:
        """Fail unless the keyroom keeps nothing under a hold."""
        with pytest.raises(Refused, match="signed where people sign"):
            self.finish(hold)

    def kept_in(self) -> str:
        """Return the class in which the face is kept."""
        with read(self.post.line.site.store.engine) as connection:
            return get_record(connection, self.post.faces["in1"]).record_class


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The site, with two of its three witnesses running as processes."""
    with open_post(tmp_path_factory.mktemp("post")) as made:
        add_signer(made.line.site, COUNSEL, "privacy_officer", "inspectorate")
        yield Desk(made)


def test_both_sign(desk: Desk) -> None:
    """A hold keeps nothing before both whom it names have signed it; then it does, and no third name helps."""
    hold = desk.place()
    desk.refuse(hold)
    desk.sign(hold, CHIEF)
    waiting = list_holds(open_disclosure(desk.post.line.site))
    assert [one.matter.id for one in waiting] == [hold.id]
    desk.refuse(hold)
    other = desk.post.approver("supervisor")
    with pytest.raises(Refused, match="names two others"):
        desk.sign(hold, other.id)
    desk.sign(hold, COUNSEL)
    assert (desk.finish(hold), desk.kept_in()) == (1, f"hold-{hold.id.lower()}")
    assert list_holds(open_disclosure(desk.post.line.site)) == []
    lift_hold(desk.post.line.site.eraser, hold.id, reason="case-closed", approvers=[CHIEF, COUNSEL])
    with pytest.raises(Refused, match="has ended"):
        desk.sign(hold, CHIEF)


def test_one_person_twice_is_one(desk: Desk) -> None:
    """The same person's signature given twice counts once."""
    hold = desk.place()
    desk.sign(hold, CHIEF, CHIEF)
    desk.refuse(hold)


def test_names_and_entries_alone(desk: Desk) -> None:
    """Names without signatures, entries that say that both signed, and what they signed for another hold keep nothing."""
    site, signed, hold = desk.post.line.site, desk.place(), desk.place()
    desk.sign(signed, CHIEF, COUNSEL)
    for index in site.ledger.find(type="hold-approve", object=signed.id):
        entry = site.ledger.entry(index)
        (placed,) = site.ledger.find(type="hold", object=hold.id)
        site.ledger.append([entry | {"object": hold.id, "intent": placed}])
    site.opener.teach(witnessed=True)
    desk.refuse(hold)
    exports = open_disclosure(site)
    raw = sign_matter(site, CHIEF, Subject.HOLD, signed.id)
    with pytest.raises(Refused, match="another hold"):
        countersign(exports, find_matter(exports, Subject.HOLD, hold.id), raw)


def test_unknown_and_revoked(desk: Desk) -> None:
    """A person whom nobody appointed signs no hold; one who was revoked afterwards has signed for nothing."""
    site = desk.post.line.site
    leaver = desk.post.approver("supervisor")
    hold = desk.place(approvers=(leaver.id, COUNSEL))
    desk.sign(hold, leaver.id, COUNSEL)
    revoke_approver(open_partners(site, "privacy-1"), leaver.id)
    desk.refuse(hold)
    stranger = desk.place(approvers=("nobody-1", COUNSEL))
    with pytest.raises(NotFound):
        desk.sign(stranger, "nobody-1")
    desk.refuse(stranger)


def test_declined(desk: Desk) -> None:
    """One no of the two is final, also after the other has signed; when both have signed a hold is lifted, not declined."""
    site = desk.post.line.site
    exports, hold = open_disclosure(site), desk.place()
    desk.sign(hold, CHIEF)
    matter = find_matter(exports, Subject.HOLD, hold.id)
    decline(exports, matter, COUNSEL, reason="no-ground")
    assert look_at_hold(exports, matter).place is Place.DECLINED
    with pytest.raises(Refused, match="declined"):
        desk.sign(hold, COUNSEL)
    desk.refuse(hold)
    good = desk.place()
    desk.sign(good, CHIEF, COUNSEL)
    with pytest.raises(Refused, match="both have signed"):
        decline(exports, find_matter(exports, Subject.HOLD, good.id), CHIEF, reason="other")


def test_hold_of_other_records(desk: Desk) -> None:
    """A signed hold keeps the records that it names, and no other record."""
    hold = desk.place()
    desk.sign(hold, CHIEF, COUNSEL)
    site = desk.post.line.site
    desk.finish(hold)
    with read(site.store.engine) as connection:
        epoch = get_record(connection, desk.post.faces["in1"]).epoch
    with pytest.raises(Refused, match="signed where people sign"):
        desk.keep(desk.post.faces["in2"], epoch, "court-order-7")
