"""Reinstatements and lifts of holds where people sign: the keyroom carries one out that two people have signed, and nothing else does."""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from overseeparts import BOSS, assess, enrol_host, give_duties
from overseeparts import add_subcontractor as register_all
from postparts import CHIEF, Post, open_post
from signingparts import add_signer, hand_in, sign_matter

from wayseal.export.approval import Subject, decode_approval, encode_approval
from wayseal.flow.countersign import countersign, decline, find_matter
from wayseal.flow.grant import signature_entry
from wayseal.flow.hold import finish_hold, place_hold
from wayseal.flow.oversee.register import add_person, end_person
from wayseal.flow.papers import gather_petition
from wayseal.flow.partners import revoke_approver
from wayseal.flow.petition import LIFE, SIGNED, petition_entry, read_petition, seal_entry, settled_entry
from wayseal.flow.policy import Principal
from wayseal.flow.waiting import Place, list_petitions, look_at_petition
from wayseal.model.clock import to_text
from wayseal.model.custody import Hold
from wayseal.model.errors import Integrity, Invalid, Refused, Unapproved, WaysealError
from wayseal.model.ids import EpochId, RecordId, new_ulid
from wayseal.retention.schedule import hold_class
from wayseal.station.exports import open_disclosure, open_partners
from wayseal.station.overseer import reinstate, suspend
from wayseal.station.petitions import finish_petition, lift, settle_signed
from wayseal.station.site import Site

BACK, LIFT = Subject.REINSTATEMENT, Subject.LIFT
COUNSEL = "counsel-1"
BOTH = ("chief:1", "lab:1")


@dataclass
class Desk:
    """A site where people sign, with a subcontractor that is suspended and comes back, and holds that are lifted."""

    post: Post

    @property
    def site(self) -> Site:
        """The site."""
        return self.post.line.site

    def suspend(self, name: str = "sub") -> None:
        """Suspend an organisation, and let its device pass a fresh assessment afterwards."""
        if not self.site.principal("tech:1", "officer").suspended:
            suspend(self.site, name, reason="copied-pictures", actor=BOSS)
        self.post.line.clock.move(timedelta(minutes=1))
        assess(self.site.oversight)

    def ask(self, *approvers: str, name: str = "sub") -> str:
        """Ask that an organisation comes back, and return the petition."""
        return str(reinstate(self.site, name, approvers=approvers or BOTH, actor=BOSS)["reinstatement"])

    def sign(self, about: Subject, petition: str, *names: str) -> None:
        """Let people sign a petition; nobody carries it out."""
        for name in names:
            hand_in(self.site, name, about, petition)

    def finish(self, about: Subject, petition: str) -> dict[str, Any]:
        """Carry a petition out."""
        return finish_petition(self.site, open_disclosure(self.site), about, petition)

    def refuse(self, about: Subject, petition: str, why: str = "have to sign") -> None:
        """Fail unless the keyroom does not carry a petition out."""
        with pytest.raises(Refused, match=why):
            self.finish(about, petition)

    def is_out(self, name: str = "sub") -> bool:
        """Say whether the keyroom refuses an organisation's people, and the register says the same."""
        refused = False
        self.site.opener.teach()
        try:
            self.site.opener.keys.draw(Principal("guest-1", "officer", name), [])
        except Refused as error:
            refused = "suspended" in str(error)
        assert self.site.principal("tech:1", "officer").suspended == refused
        return refused

    def hold(self) -> Hold:
        """Place a hold that both have signed, and keep its record."""
        site = self.site

        def keep(record: RecordId, epoch: EpochId, code: str) -> object:
            return site.opener.keep(
                site.principal("privacy:1", "privacy_officer"), record, epoch, reason=code
            )

        until = site.clock() + timedelta(days=90)
        placed = place_hold(
            site.eraser, [self.post.faces["in1"]], reason="court-order-7", approvers=(CHIEF, COUNSEL), until=until,
            keep=keep, finish=False,
        )  # fmt: skip
        for name in (CHIEF, COUNSEL):
            hand_in(site, name, Subject.HOLD, placed.id)
        finish_hold(site.eraser, placed.id, keep=keep)
        return placed

    def lift(self, hold: Hold) -> str:
        """Ask that a hold ends, and return the petition."""
        return str(
            lift(self.site, hold.id, reason="case-closed", approvers=(CHIEF, COUNSEL), actor=CHIEF)["lift"]
        )

    def is_held(self, hold: Hold) -> bool:
        """Say whether the keyroom still keeps a hold's key from being destroyed."""
        gate = self.site.opener.keys
        epochs = [
            one.epoch
            for one in self.site.keyroom.vault.epoch_keys()
            if one.record_class == hold_class(hold.id)
        ]
        self.site.opener.teach()
        try:
            for epoch in epochs:
                gate.verify_end(epoch)  # type: ignore[attr-defined]  # the gate of this process
        except Refused:
            return True
        return False


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The site, with two of its three witnesses running as processes, and everybody registered and appointed."""
    with open_post(tmp_path_factory.mktemp("post")) as made:
        site = made.line.site
        register_all(site.oversight)
        enrol_host(site.oversight)
        give_duties(site.oversight)
        for name, role, organisation in (
            (COUNSEL, "privacy_officer", "inspectorate"), ("chief:1", "supervisor", "agency"), ("lab:1", "assessor", "lab"),
            ("privacy:1", "privacy_officer", "agency"),
        ):  # fmt: skip
            add_signer(site, name, role, organisation)
        yield Desk(made)


def test_both_sign_and_it_comes_back(desk: Desk) -> None:
    """A suspended organisation is out until both whom its petition names have signed; then the keyroom itself writes that it is back."""
    desk.suspend()
    petition = desk.ask()
    assert desk.is_out()
    desk.refuse(BACK, petition)
    desk.sign(BACK, petition, "chief:1")
    (waiting,) = list_petitions(open_disclosure(desk.site), BACK)
    assert (waiting.matter.id, waiting.place) == (petition, Place.WAITS)
    desk.refuse(BACK, petition)
    with pytest.raises(Refused, match="names two others"):
        desk.sign(BACK, petition, "privacy:1")
    desk.sign(BACK, petition, "lab:1")
    assert desk.is_out()
    back = desk.finish(BACK, petition)
    entry = desk.site.ledger.entry(back["ledger_index"])
    assert (entry["status"], back["standing"], desk.is_out()) == ("reinstated", "active", False)
    assert len(entry["keyroom_seal"]) == 128
    exports = open_disclosure(desk.site)
    assert look_at_petition(exports, find_matter(exports, BACK, petition)).place is Place.DONE
    again = desk.finish(BACK, petition)
    assert again["ledger_index"] == back["ledger_index"]
    with pytest.raises(Refused, match="has ended"):
        desk.sign(BACK, petition, "lab:1")


def test_names_reinstate_nobody(desk: Desk) -> None:
    """Entries by whoever has the centre (names, made-up seals, the keyroom's own seal of an earlier time) bring nobody back."""
    site = desk.site
    desk.suspend()
    old = site.ledger.entry(site.ledger.find(type="org-status", object="sub")[-2])
    assert "keyroom_seal" in old
    names = {name: old[name] for name in ("type", "object", "status", "assessment", "approvers")}
    forged = seal_entry(names | {"time": to_text(site.clock())}, site.keys.identity)
    (suspension,) = site.ledger.find(type="org-status", object="sub")[-1:]
    aimed = {name: value for name, value in old.items() if name != "keyroom_seal"} | {
        "suspension": suspension
    }
    for entry in (
        names, forged, old, aimed | {"keyroom_seal": old["keyroom_seal"]}, seal_entry(aimed, site.keys.identity),
    ):  # fmt: skip
        site.ledger.append([entry])
        site.opener.teach(witnessed=True)
        assert desk.is_out()
    petition = desk.ask()
    desk.sign(BACK, petition, *BOTH)
    desk.finish(BACK, petition)
    assert not desk.is_out()


def test_one_signature_one_suspension(desk: Desk) -> None:
    """What people signed for one suspension is worth nothing for the next, nor for another petition."""
    desk.suspend()
    first = desk.ask()
    desk.sign(BACK, first, *BOTH)
    suspended_again = {"type": "org-status", "object": "sub", "status": "suspended", "reason": "again"}
    desk.site.ledger.append([suspended_again])
    desk.refuse(BACK, first, "suspended again")
    desk.post.line.clock.move(timedelta(minutes=1))
    assess(desk.site.oversight)
    second = desk.ask()
    exports = open_disclosure(desk.site)
    raw = _signed(desk, first, "chief:1")
    with pytest.raises(Refused, match="another reinstatement"):
        countersign(exports, find_matter(exports, BACK, second), raw)
    moved = encode_approval(replace(decode_approval(raw, BACK), export=second))
    with pytest.raises(Refused, match="another manifest"):
        countersign(exports, find_matter(exports, BACK, second), moved)
    for name in BOTH:
        _claim(desk, BACK, second, name, _signed(desk, first, name))
    desk.refuse(BACK, second)
    desk.sign(BACK, second, *BOTH)
    desk.finish(BACK, second)
    assert not desk.is_out()


def _signed(desk: Desk, petition: str, name: str) -> bytes:
    """Return what somebody signed for a petition, whether it still waits or not."""
    return sign_matter(desk.site, name, BACK, petition)


def _claim(desk: Desk, about: Subject, petition: str, name: str, raw: bytes) -> None:
    """Write, as whoever has the centre, that somebody signed a petition, with the digest of something else that they signed."""
    matter = find_matter(open_disclosure(desk.site), about, petition)
    proof = {
        "approval_sha256": hashlib.sha256(raw).hexdigest(), "key_sha256": "0" * 64, "checkpoint_size": desk.site.ledger.size
    }  # fmt: skip
    who = Principal(name, "supervisor", "agency")
    now = desk.site.clock()
    desk.site.ledger.append([signature_entry(who, about.value, petition, matter.index, proof=proof, now=now)])


def test_own_people_and_one_person(desk: Desk) -> None:
    """Nobody takes their own organisation back, nor that of somebody above them; one person twice is one, and one organisation too."""
    site, clock = desk.site, desk.post.line.clock
    desk.suspend()
    for name, organisation in (("own:1", "sub"), ("above:1", "prime")):
        add_person(
            site.oversight, name, organisation=organisation, role="officer",
            training_until=clock() + timedelta(days=90), actor=BOSS,
        )  # fmt: skip
        add_signer(site, name, "officer", organisation)
        with pytest.raises(Refused, match="another organisation"):
            desk.ask("chief:1", name)
    with pytest.raises(Refused, match="suspended"):
        desk.sign(BACK, _ask_at_the_centre(desk, "chief:1", "own:1"), "own:1")
    for approvers in (("chief:1", "above:1"), ("chief:1", "privacy:1"), ("chief:1",)):
        petition = _ask_at_the_centre(desk, *approvers)
        desk.sign(BACK, petition, *approvers, "chief:1")
        desk.refuse(BACK, petition)
    assert desk.is_out()
    good = desk.ask()
    desk.sign(BACK, good, *BOTH)
    desk.finish(BACK, good)


def _ask_at_the_centre(desk: Desk, *approvers: str, life: timedelta = LIFE) -> str:
    """Write a petition that names whom no register would let approve, as whoever has the centre can."""
    site = desk.site
    found = site.ledger.find(type="org-status", object="sub")
    suspension = max(index for index in found if site.ledger.entry(index)["status"] == "suspended")
    petition, now = new_ulid(site.clock()), site.clock()
    facts = {"subject": "sub", "suspension": suspension, "assessment": new_ulid(now)}
    entry = petition_entry("reinstatement", petition, actor=BOSS, approvers=approvers, now=now, facts=facts)
    site.ledger.append([entry | {"expires": to_text(now + life)}])
    return petition


def test_revoked_and_gone(desk: Desk) -> None:
    """A signature of somebody who was revoked, or who has left, counts no more; a person whom no register has never counted."""
    site, clock = desk.site, desk.post.line.clock
    desk.suspend()
    for number, undo in enumerate(("revoke", "leave", "unregistered")):
        name = f"second:{number}"
        if undo != "unregistered":
            add_person(
                site.oversight, name, organisation="agency", role="supervisor",
                training_until=clock() + timedelta(days=90), actor=BOSS,
            )  # fmt: skip
        add_signer(site, name, "supervisor", "agency")
        petition = _ask_at_the_centre(desk, name, "lab:1")
        desk.sign(BACK, petition, name, "lab:1")
        if undo == "revoke":
            revoke_approver(open_partners(site, "privacy-1"), name)
        elif undo == "leave":
            end_person(site.oversight, name, actor=BOSS)
        desk.refuse(BACK, petition)
    good = desk.ask()
    desk.sign(BACK, good, *BOTH)
    desk.finish(BACK, good)


def test_expired_and_declined(desk: Desk) -> None:
    """A petition waits a week, however long it says, and ends with one no; then nothing signed for it counts."""
    site = desk.site
    desk.suspend()
    late = _ask_at_the_centre(desk, *BOTH, life=timedelta(days=400))
    desk.sign(BACK, late, *BOTH)
    desk.post.line.clock.move(LIFE)
    desk.refuse(BACK, late, "its time is over")
    assess(site.oversight)
    said = desk.ask()
    desk.sign(BACK, said, *BOTH)
    exports = open_disclosure(site)
    decline(exports, find_matter(exports, BACK, said), "lab:1", reason="not-assessed")
    with pytest.raises(Refused, match="declined"):
        desk.sign(BACK, said, "chief:1")
    desk.refuse(BACK, said, "no such petition waits")
    good = desk.ask()
    desk.sign(BACK, good, *BOTH)
    assert settle_signed(site, exports, find_matter(exports, BACK, good)) is not None
    assert not desk.is_out()


def test_any_flipped_bit(desk: Desk) -> None:
    """With any bit changed in the petition's text, in a signature or in an appointment, nobody comes back; whole, they do."""
    site, rng = desk.site, random.Random(11)
    desk.suspend()
    petition = desk.ask()
    desk.sign(BACK, petition, *BOTH)
    (paper,) = gather_petition(site.ledger, site.store, "reinstatement", petition)

    def attempt(shown: Any) -> int:
        news = site.opener._prove([], [], witnessed=True)
        return site.opener.keys.settle("reinstatement", petition, replace(news, papers=(shown,)))

    def flip(data: bytes) -> bytes:
        changed = bytearray(data)
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        return bytes(changed)

    first, second = paper.words
    for number in range(18):
        shown = {
            0: lambda: replace(paper, text=flip(paper.text)),
            1: lambda: replace(paper, words=(replace(first, approval=flip(first.approval)), second)),
            2: lambda: replace(paper, words=(first, replace(second, appointment=flip(second.appointment)))),
        }[number % 3]()
        with pytest.raises(WaysealError):
            attempt(shown)
    with pytest.raises(Unapproved):
        attempt(replace(paper, words=(first, first)))
    with pytest.raises(Refused):
        site.opener.keys.settle(
            "lift", petition, replace(site.opener._prove([], [], witnessed=True), papers=(paper,))
        )
    attempt(paper)
    assert not desk.is_out()


def test_hold_is_lifted_by_both(desk: Desk) -> None:
    """A hold that both have signed ends early only when two people have signed its lift: its key dies then, and not before."""
    site, hold = desk.site, desk.hold()
    assert desk.is_held(hold)
    petition = desk.lift(hold)
    desk.refuse(LIFT, petition)
    desk.sign(LIFT, petition, CHIEF, CHIEF)
    desk.refuse(LIFT, petition)
    with pytest.raises(Refused, match="names two others"):
        desk.sign(LIFT, petition, "chief:1")
    desk.sign(LIFT, petition, COUNSEL)
    assert desk.is_held(hold)
    done = desk.finish(LIFT, petition)
    assert (done["hold"], len(done["epochs_destroyed"])) == (hold.id, 1)
    assert not desk.is_held(hold)
    assert desk.finish(LIFT, petition)["epochs_destroyed"] == []
    with pytest.raises(Invalid, match="ended already"):
        desk.lift(hold)
    assert site.ledger.entry(done["ledger_index"])["records"] == list(hold.records)


def test_hold_outlives_whoever_has_the_centre(desk: Desk) -> None:
    """Entries by names, a hold placed again under the same id, a decline after both signed, an old lift: the hold's key stays."""
    site, hold = desk.site, desk.hold()
    (placed,) = site.ledger.find(type="hold", object=hold.id)
    entry = site.ledger.entry(placed)
    now = to_text(site.clock())
    old = site.ledger.entry(site.ledger.find(type="lift")[-1])
    names = {"type": "lift", "object": hold.id, "reason": "over", "approvers": ["a", "b"], "time": now}
    no = {
        "type": "hold-decline", "object": hold.id, "intent": placed, "actor": CHIEF, "org": "agency",
        "reason": "other", "time": now,
    }  # fmt: skip
    for forged in (
        names, old | {"object": hold.id}, seal_entry(names | {"intent": placed + 1}, site.keys.identity), no,
        entry | {"time": now, "until": to_text(site.clock() + timedelta(hours=1))},
    ):  # fmt: skip
        site.ledger.append([forged])
        assert desk.is_held(hold)
    petition = desk.lift(hold)
    desk.sign(LIFT, petition, CHIEF, COUNSEL)
    desk.finish(LIFT, petition)
    assert not desk.is_held(hold)


def test_seal_is_for_this_keyroom(desk: Desk) -> None:
    """An entry that another keyroom sealed counts as one without a seal; a seal covers every field."""
    site = desk.site
    (since,) = site.ledger.find(type="config", object=SIGNED)
    assert since < site.ledger.size
    petition = _ask_at_the_centre(desk, *BOTH)
    matter = find_matter(open_disclosure(site), BACK, petition)
    entry = settled_entry(read_petition(matter.entry, matter.index), (), site.clock())
    sealed = seal_entry(entry, site.keyroom.identity)  # type: ignore[arg-type]  # the keyroom of this process
    assert sealed.items() > entry.items()
    with pytest.raises((Integrity, Invalid, Refused)):
        site.ledger.append([sealed | {"keyroom_seal": "no"}])


def test_superseded_charter(desk: Desk) -> None:
    """What people signed whom the officials of a superseded charter had appointed counts for nothing. Last here: no charter comes again."""
    site = desk.site
    desk.suspend()
    petition = desk.ask()
    desk.sign(BACK, petition, *BOTH)
    site.ledger.append([{"type": "config", "object": "charter", "config_sha256": "1" * 64}])
    with pytest.raises(Integrity, match="not the one that the ledger names last"):
        desk.finish(BACK, petition)
    assert desk.is_out()
