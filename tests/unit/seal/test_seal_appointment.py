"""Appointments: one spelling, a quorum of the charter's officials, this site, and nothing that noise could be."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wayseal.model.disclosure import Approver, ApproverKey, CredentialForm
from wayseal.model.errors import Integrity, Invalid, WaysealError
from wayseal.seal.keys import Charter, SigningIdentity
from wayseal.seal.keys.appointment import (
    FORMAT,
    LARGEST,
    Appointment,
    decode_appointment,
    draft_appointment,
    encode_appointment,
    join_appointments,
    look_at_appointment,
    sign_appointment,
    verify_appointment,
)
from wayseal.seal.keys.quorum import sign_document
from wayseal.seal.suite import sha256

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SITE = "agency/port"
OFFICIALS = [SigningIdentity(f"official-{number}", bytes([number]) * 32) for number in range(1, 5)]
CHARTER = Charter(
    "port", 1, NOON, NOON + timedelta(days=9), 2, {one.name: one.public for one in OFFICIALS[:3]},
    {"keyroom": OFFICIALS[3].public},
)  # fmt: skip
KIM = Approver("kim", "privacy-office", "export_approver", NOON)
NAMES = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True)


def make_key(public: bytes = b"k" * 32, credential: bytes = b"") -> ApproverKey:
    """A credential of kim's."""
    form = CredentialForm.WEBAUTHN if credential else CredentialForm.ED25519
    return ApproverKey(sha256(public).hex(), "kim", form, public, NOON, credential)


def draft(key: ApproverKey | None = None) -> bytes:
    """An unsigned appointment of kim."""
    return draft_appointment(SITE, KIM, key or make_key(), NOON)


def test_quorum_of_this_charter() -> None:
    """Two of three officials appoint, apart or one after the other; one, one twice, a stranger and a roster's signer do not."""
    first, second = (sign_appointment(draft(), one) for one in OFFICIALS[:2])
    for whole in (join_appointments([first, second]), sign_appointment(first, OFFICIALS[1])):
        made = verify_appointment(whole, charter=CHARTER, site=SITE)
        assert (made.approver, made.organisation, made.role, made.key) == (
            "kim",
            "privacy-office",
            "export_approver",
            make_key(),
        )
    for few in (draft(), first, sign_appointment(first, OFFICIALS[0]), sign_appointment(first, OFFICIALS[3])):
        with pytest.raises(Integrity, match="are needed"):
            verify_appointment(few, charter=CHARTER, site=SITE)
    with pytest.raises(Integrity, match="another site"):
        verify_appointment(join_appointments([first, second]), charter=CHARTER, site="agency/other")
    with pytest.raises(Integrity, match="different documents"):
        join_appointments([first, sign_appointment(draft(make_key(b"j" * 32)), OFFICIALS[1])])


def test_signatures_for_something_else() -> None:
    """The officials' signatures on the same body under another domain appoint nobody."""
    body = encode_appointment(look_at_appointment(draft()))
    with pytest.raises(Integrity):
        verify_appointment(
            sign_document("wayseal-charter/v1", body, OFFICIALS[:2]), charter=CHARTER, site=SITE
        )
    assert verify_appointment(sign_document(FORMAT, body, OFFICIALS[:2]), charter=CHARTER, site=SITE)


@given(
    st.builds(
        Appointment, site=st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=30), approver=NAMES,
        organisation=NAMES, role=NAMES, form=st.just(CredentialForm.WEBAUTHN), public=st.binary(min_size=1, max_size=400),
        credential=st.binary(min_size=1, max_size=64), issued_at=st.just(NOON),
    )
)  # fmt: skip
def test_comes_back(made: Appointment) -> None:
    """What is written is read again, in one spelling."""
    body = encode_appointment(made)
    assert decode_appointment(body) == made
    with pytest.raises(Invalid):
        decode_appointment(body + b" ")


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_any_change_is_refused(data: st.DataObject) -> None:
    """One changed byte anywhere in a signed appointment, or noise in its place, is an error and never another appointment."""
    good = bytearray(join_appointments([sign_appointment(draft(), one) for one in OFFICIALS[:2]]))
    good[data.draw(st.integers(0, len(good) - 1))] ^= data.draw(st.integers(1, 255))
    for bad in (bytes(good), data.draw(st.binary(max_size=300))):
        with pytest.raises(WaysealError):
            verify_appointment(bad, charter=CHARTER, site=SITE)


@pytest.mark.parametrize(
    "key",
    [make_key(b""), make_key(b"k" * 31), make_key(b"k" * 33), make_key(b"k" * 3000, b"c"), make_key(b"k" * 90, b"c" * 3000)],
    ids=["empty", "short", "long", "huge", "huge-id"],
)  # fmt: skip
def test_keys_that_cannot_be(key: ApproverKey) -> None:
    """A key of a length that its form has not is refused where the draft is made."""
    with pytest.raises(Invalid):
        draft(key)


def test_too_long() -> None:
    """A document over the limit is refused before it is read."""
    with pytest.raises(Integrity, match="too long"):
        look_at_appointment(b"{" * (LARGEST + 1))
