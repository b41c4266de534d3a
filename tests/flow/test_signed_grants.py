"""Session grants where people's word counts with their signature only: whose signature makes one count, and what an entry alone is worth."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from postparts import CHIEF, Post, open_post
from signingparts import add_signer, find_signer, hand_in, sign_matter, sign_shift

from wayseal.export.approval import Subject, decode_approval, encode_approval, sign_approval
from wayseal.flow.countersign import (
    Matter,
    countersign,
    decline,
    decline_signed,
    find_matter,
    show_decline,
)
from wayseal.flow.disclose import Disclosure
from wayseal.flow.grant import decline_entry, signature_entry
from wayseal.flow.papers import gather_grants
from wayseal.flow.partners import add_approver, enrol_own_key, revoke_approver
from wayseal.flow.policy import Principal
from wayseal.flow.request import Paper, Word
from wayseal.model.clock import to_text
from wayseal.model.errors import NoIntent, Refused, Unapproved, WaysealError
from wayseal.model.ids import new_ulid
from wayseal.seal.envelope import parse_record
from wayseal.seal.suite import sha256
from wayseal.station.exports import open_disclosure, open_partners
from wayseal.station.shift import Shift, begin_shift, end_shift, is_signed
from wayseal.store.centre import read_record


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Post]:
    """The site, with two of its three witnesses running as processes."""
    with open_post(tmp_path_factory.mktemp("post")) as made:
        yield made


def begin(post: Post, who: Principal) -> Shift:
    """Begin somebody's shift at one lane, signed by nobody."""
    return begin_shift(post.line.site, who, {"in1"})


def refuse(post: Post, who: Principal, grant: str | None) -> None:
    """Fail unless a picture of the lane stays closed, and the refusal names the grant that waits."""
    with pytest.raises(Unapproved) as refusal:
        post.open(who, "in1")
    assert refusal.value.facts.get("grant") == grant


def test_entry_alone_is_no_grant(post: Post) -> None:
    """A witnessed grant that nobody signed opens nothing and is named; signed by a supervisor it opens, without asking the witnesses again."""
    site, who = post.line.site, post.person()
    shift = begin(post, who)
    assert (shift.witnessed, shift.must_sign, is_signed(site, shift)) == (True, True, False)
    refuse(post, who, shift.id)
    sign_shift(site, CHIEF, shift)
    assert is_signed(site, shift)
    asked = site.ledger.latest_checkpoint(cosigned=True)
    assert len(post.open(who, "in1")) == 1
    assert site.ledger.latest_checkpoint(cosigned=True) == asked


def test_own_signature(post: Post) -> None:
    """An officer whom the officials have appointed signs their own shift; for a colleague of the same role the signature is worth nothing."""
    site, who, colleague = post.line.site, post.approver("officer"), post.person()
    sign_shift(site, who.id, begin(post, who))
    assert post.open(who, "in1")
    theirs = begin(post, colleague)
    sign_shift(site, who.id, theirs)
    refuse(post, colleague, theirs.id)


def test_who_may_not_sign(post: Post) -> None:
    """Somebody whom the rules let approve nothing, of a role that is nobody's, or not appointed, signs no shift."""
    site, who = post.line.site, post.person()
    shift = begin(post, who)
    for role in ("export_approver", "matcher"):
        signer = post.approver(role)
        with pytest.raises(Refused, match="may not approve"):
            hand_in(site, signer.id, Subject.GRANT, shift.id)
    partners = replace(open_partners(site, "privacy-1"), appoint=None)
    add_approver(partners, "boss-unknown", organisation="agency", role="supervisor")
    enrol_own_key(partners, "boss-unknown", find_signer("boss-unknown").public)
    with pytest.raises(Unapproved, match="not appointed"):
        hand_in(site, "boss-unknown", Subject.GRANT, shift.id)
    refuse(post, who, shift.id)


def test_officer_of_another_organisation(post: Post) -> None:
    """Whoever bears an officer's staff id in another organisation does not sign as that officer."""
    site, who = post.line.site, post.person()
    add_signer(site, who.id, "officer", "maintainer")
    shift = begin(post, who)
    with pytest.raises(Refused, match="of their own"):
        hand_in(site, who.id, Subject.GRANT, shift.id)
    refuse(post, who, shift.id)


def test_entries_by_whoever_has_the_centre(post: Post) -> None:
    """An entry that says that somebody signed, with the digest of what they signed for another shift or of nothing, makes no grant."""
    site, who, other = post.line.site, post.person(), post.person()
    shift, signed = begin(post, who), begin(post, other)
    raw = sign_matter(site, CHIEF, Subject.GRANT, signed.id)
    boss = Principal(CHIEF, "supervisor", "agency")
    for digest in (sha256(raw).hex(), "0" * 64):
        proof = {"approval_sha256": digest, "key_sha256": "0" * 64, "checkpoint_size": site.ledger.size}
        site.ledger.append(
            [signature_entry(boss, "grant", shift.id, shift.ledger_index, proof=proof, now=site.clock())]
        )
    refuse(post, who, shift.id)
    desk = open_disclosure(site)
    wrong = encode_approval(replace(decode_approval(raw, Subject.GRANT), export=shift.id))
    for bad, why in ((raw, "another grant"), (wrong, "another manifest")):
        with pytest.raises(Refused, match=why):
            countersign(desk, find_matter(desk, Subject.GRANT, shift.id), bad)
    refuse(post, who, shift.id)


def test_signature_not_on_the_ledger(post: Post) -> None:
    """A good signature counts only when the ledger has its digest: the witnesses see who signs shifts."""
    site, who = post.line.site, post.person()
    shift = begin(post, who)
    sign_shift(site, CHIEF, shift)
    assert post.open(who, "in1")
    held = site.ledger.find
    hidden = begin(post, other := post.person())
    raw = sign_matter(site, CHIEF, Subject.GRANT, hidden.id)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wayseal.flow.countersign.signature_entry", _say_something_else)
        desk = open_disclosure(site)
        countersign(desk, find_matter(desk, Subject.GRANT, hidden.id), raw)
    assert held(type="grant-approve", object=hidden.id)
    refuse(post, other, hidden.id)


def _say_something_else(*facts: Any, proof: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Write the approval's entry with another digest."""
    return signature_entry(*facts, proof=proof | {"approval_sha256": "1" * 64}, now=now)


def test_revoked_signer(post: Post) -> None:
    """When a signer is revoked, the shifts that they signed are over; another signature brings one back."""
    site, who, boss = post.line.site, post.person(), post.approver("supervisor")
    shift = sign_shift(site, boss.id, begin(post, who))
    assert post.open(who, "in1")
    revoke_approver(open_partners(site, "privacy-1"), boss.id)
    refuse(post, who, shift.id)
    sign_shift(site, CHIEF, shift)
    assert post.open(who, "in1")


def test_suspended_signer(post: Post) -> None:
    """A supervisor of an organisation that is suspended afterwards has signed for nothing."""
    site, who, boss = post.line.site, post.person(), post.approver("supervisor", "contractor")
    shift = sign_shift(site, boss.id, begin(post, who))
    assert post.open(who, "in1")
    site.ledger.append(
        [{"type": "org-status", "object": "contractor", "status": "suspended", "reason": "drill"}]
    )
    refuse(post, who, shift.id)


def test_any_flipped_bit(post: Post) -> None:
    """With any bit changed in the grant's text, in what was signed or in the appointment, the shift is nobody's; whole, it opens."""
    site, who, rng = post.line.site, post.person(), random.Random(7)
    shift = sign_shift(site, CHIEF, begin(post, who))
    (paper,) = gather_grants(site.ledger, site.store, who.id, site.clock())
    (word,) = paper.words
    face = parse_record(read_record(site.store, post.faces["in1"]))

    def attempt(shown: Paper) -> None:
        release = post.ask(who)
        batch = site.opener._prove([face], [release], witnessed=True)
        site.opener.keys.unwrap(who, replace(batch, papers=(shown,)))

    def flip(data: bytes) -> bytes:
        changed = bytearray(data)
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        return bytes(changed)

    for number in range(24):
        approval, appointment, text = word.approval, word.appointment, paper.text
        match number % 3:
            case 0:
                approval = flip(approval)
            case 1:
                appointment = flip(appointment)
            case _:
                text = flip(text)
        with pytest.raises(WaysealError):
            attempt(replace(paper, text=text, words=(Word(approval, appointment),)))
    attempt(paper)
    assert site.ledger.entry(shift.ledger_index)["actor"] == who.id


def test_declined_and_over(post: Post) -> None:
    """A declined shift is over though it was signed before; neither it nor one that was signed out can be signed."""
    site, who, boss = post.line.site, post.person(), post.approver("supervisor")
    desk, shift = open_disclosure(site), sign_shift(site, CHIEF, begin(post, who))
    matter = find_matter(desk, Subject.GRANT, shift.id)
    with pytest.raises(Refused, match="may not approve"):
        decline(desk, matter, post.approver("export_approver").id, reason="other")
    index = decline(desk, matter, boss.id, reason="not-on-duty")
    assert site.ledger.entry(index)["reason"] == "not-on-duty"
    refuse(post, who, None)
    with pytest.raises(Refused, match="declined"):
        sign_shift(site, CHIEF, shift)
    ended = begin(post, who)
    end_shift(site, who, ended)
    with pytest.raises(Refused, match="shift is over"):
        sign_shift(site, CHIEF, ended)
    with pytest.raises(NoIntent):
        find_matter(desk, Subject.GRANT, "0" * 26)


def test_declined_release(post: Post) -> None:
    """What others signed for a release counts no more once somebody who may has declined it."""
    site, who = post.line.site, post.person()
    post.begin(who, {"in1"})
    release = post.ask(who, "in2")
    desk = open_disclosure(site)
    post.approve(post.approver("privacy_officer"), release)
    matter = find_matter(desk, Subject.RELEASE, release.id)
    decline(desk, matter, post.approver("supervisor").id, reason="not-necessary")
    with pytest.raises(Unapproved):
        site.opener.open(who, [release])
    with pytest.raises(Refused, match="declined"):
        post.approve(post.approver("supervisor"), release)


def test_signature_outlives_nothing(post: Post) -> None:
    """A signed grant ends with its own time; the signature gives it no longer life."""
    who = post.person()
    post.begin(who, {"in1"}, hours=1)
    assert post.open(who, "in1")
    post.line.clock.move(timedelta(hours=1))
    refuse(post, who, None)


def test_signed_no(post: Post) -> None:
    """A no is signed over the entry and its reason: a yes, another matter's no or another reason is none, and a no is never a yes."""
    site, who, boss = post.line.site, post.person(), post.approver("supervisor")
    first, second = post.ask(who), post.ask(who)
    desk = open_disclosure(site)
    matters = [find_matter(desk, Subject.RELEASE, one.id) for one in (first, second)]
    no = sign_no(desk, matters[0], boss.id, "not-necessary")
    for matter, raw, reason in (
        (matters[1], no, "not-necessary"), (matters[0], no, "other"), (matters[0], post.sign(boss, first), "not-necessary"),
    ):  # fmt: skip
        with pytest.raises(WaysealError):
            decline_signed(desk, matter, raw, reason=reason)
    with pytest.raises(WaysealError):
        countersign(desk, matters[0], no)
    moved = encode_approval(replace(decode_approval(no, Subject.DECLINE), about=Subject.RELEASE))
    with pytest.raises(WaysealError):
        countersign(desk, matters[0], moved)
    assert not site.ledger.find(type="release-decline", object=first.id)
    signer, index = decline_signed(desk, matters[0], no, reason="not-necessary")
    entry = site.ledger.entry(index)
    assert (signer.id, entry["approval_sha256"]) == (boss.id, sha256(no).hex())
    with pytest.raises(Refused, match="was declined"):
        post.approve(boss, first)


def sign_no(desk: Disclosure, matter: Matter, name: str, reason: str) -> bytes:
    """Return somebody's signed no."""
    ballot = show_decline(desk, matter, reason)
    return encode_approval(
        sign_approval(
            ballot.export, name, manifest=ballot.manifest, checkpoint=ballot.checkpoint, signer=find_signer(name),
            about=ballot.about,
        )
    )  # fmt: skip


def test_no_outlives_an_entry_from_the_future(post: Post) -> None:
    """A declined release stays closed when whoever has the centre writes another no with a time far ahead: the gate forgets by its own clock."""
    site, who, boss, other = (
        post.line.site,
        post.person(),
        post.approver("supervisor"),
        post.approver("supervisor"),
    )
    post.begin(who, {"in1"})
    release = post.ask(who, "in2")
    post.approve(boss, release)
    desk = open_disclosure(site)
    decline(desk, find_matter(desk, Subject.RELEASE, release.id), other.id, reason="not-necessary")
    far = decline_entry(
        other, "release", new_ulid(site.clock()), 0, reason="other", now=site.clock() + timedelta(days=9000)
    )
    site.ledger.append([far])
    site.opener.teach(witnessed=True)
    with pytest.raises(Unapproved):
        site.opener.open(who, [release])


def test_old_word_told_again(post: Post) -> None:
    """A signature whose minutes are over opens nothing when whoever has the centre tells of it once more with the time of now."""
    site, who, boss = post.line.site, post.person(), post.approver("supervisor")
    post.begin(who, {"in1"}, hours=2)
    release = post.ask(who, "in2")
    post.approve(boss, release)
    (index,) = site.ledger.find(type="release-approve", object=release.id)
    post.line.clock.move(timedelta(seconds=site.settings.release.seconds + 10))
    site.ledger.append([site.ledger.entry(index) | {"time": to_text(site.clock())}])
    site.opener.teach(witnessed=True)
    with pytest.raises((NoIntent, Unapproved)):
        site.opener.open(who, [release])
    post.approve(boss, release)
    assert len(site.opener.open(who, [release])) == 1
