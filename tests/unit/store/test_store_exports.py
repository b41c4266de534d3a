"""Rows of exports, approvals, ballots, recipients and approvers, on both engines."""

from datetime import timedelta

import pytest
from storesite import NOON

from wayseal.model.disclosure import (
    Approver,
    ApproverKey,
    BundleForm,
    CredentialForm,
    Export,
    ExportState,
    GivenApproval,
    Recipient,
)
from wayseal.model.errors import Invalid, NotFound
from wayseal.store import approvers as people
from wayseal.store import exports as rows
from wayseal.store.centre import CentreStore
from wayseal.store.engine import read, write

COURT = Recipient("court", "court", BundleForm.WAYSEAL, "aa", "0" * 64, b"k" * 32, NOON)
KIM = Approver("kim", "privacy-office", "export_approver", NOON)
LEE = Approver("lee", "privacy-office", "export_approver", NOON)
KEY = ApproverKey("1" * 64, "kim", CredentialForm.WEBAUTHN, b"cose", NOON, b"credential", 3)
EXPORT = Export("E" * 26, b"{}", "2" * 64, "court", "privacy-1", 2, NOON, NOON + timedelta(days=30), 7)


@pytest.fixture
def filled(centre: CentreStore) -> CentreStore:
    """A store with a recipient, two approvers, a credential and an export."""
    with write(centre.engine) as connection:
        people.put_recipient(connection, COURT)
        people.add_approver(connection, KIM, code_sha256="c" * 64, code_until=NOON + timedelta(days=7))
        people.add_approver(connection, LEE, code_sha256=None, code_until=None)
        people.add_key(connection, KEY)
        rows.add_export(connection, EXPORT)
    return centre


def test_rows_come_back(filled: CentreStore) -> None:
    """Everything reads back as it was written, and what is not there is said so."""
    with read(filled.engine) as connection:
        assert rows.get_export(connection, EXPORT.id) == EXPORT
        assert rows.list_exports(connection, since=NOON) == [EXPORT]
        assert rows.list_exports(connection, since=NOON + timedelta(seconds=1)) == []
        assert people.get_recipient(connection, "court") == COURT
        assert people.list_recipients(connection) == [COURT]
        assert people.list_approvers(connection) == [KIM, LEE]
        assert people.list_keys(connection, "kim") == [KEY]
        assert people.find_keys(connection, [KEY.id, "9" * 64]) == {KEY.id: KEY}
        for missing in (
            lambda: rows.get_export(connection, "F" * 26),
            lambda: people.get_recipient(connection, "nobody"),
            lambda: people.get_approver(connection, "nobody"),
        ):
            with pytest.raises(NotFound):
                missing()


def give(approver: Approver) -> GivenApproval:
    """An approval of somebody."""
    return GivenApproval(
        EXPORT.id, approver.id, approver.organisation, KEY.id, b"bytes", NOON, 9, NOON - timedelta(seconds=40)
    )


def test_one_approval_an_organisation(filled: CentreStore) -> None:
    """The table itself takes no second approval of one organisation."""
    with write(filled.engine) as connection:
        rows.add_approval(connection, give(KIM))
    with pytest.raises(Invalid), write(filled.engine) as connection:
        rows.add_approval(connection, give(LEE))
    with read(filled.engine) as connection:
        assert rows.list_approvals(connection, EXPORT.id) == [give(KIM)]


def test_ballots_count_from_the_first_look(filled: CentreStore) -> None:
    """Looking again does not begin the time anew; an answer closes everything that was shown."""
    with write(filled.engine) as connection:
        for minute, digest in enumerate(("3" * 64, "3" * 64, "4" * 64)):
            rows.show_ballot(
                connection,
                digest,
                "kim",
                export=EXPORT.id,
                checkpoint="a\n1\nb\n",
                now=NOON + timedelta(minutes=minute),
            )
        assert rows.find_ballot(connection, EXPORT.id, "kim") == NOON
        assert rows.find_ballot(connection, EXPORT.id, "lee") is None
        rows.answer_ballots(connection, EXPORT.id, "kim", "approved", now=NOON + timedelta(minutes=5))
        assert rows.list_votes(connection, "kim") == [
            (EXPORT.id, "approved", NOON, NOON + timedelta(minutes=5))
        ]


def test_states_move_forward(filled: CentreStore) -> None:
    """A release and its receipts are noted; a declined export cannot be declined away after its release."""
    released = {"mark": "M" * 26, "bundle_sha256": "5" * 64, "released_at": NOON, "release_index": 11}
    with write(filled.engine) as connection:
        rows.mark_released(connection, EXPORT.id, released)
        rows.mark_declined(connection, EXPORT.id)
        rows.mark_followed(connection, EXPORT.id, "received", when=NOON)
        rows.mark_followed(connection, EXPORT.id, "received", when=NOON + timedelta(days=1))
        found = rows.get_export(connection, EXPORT.id)
    assert (found.state, found.mark, found.received_at, found.deleted_at) == (
        ExportState.RELEASED, "M" * 26, NOON, None,
    )  # fmt: skip


def test_codes_and_counters(filled: CentreStore) -> None:
    """A code is taken once and in time; a counter, a revocation and a retirement are kept."""
    with write(filled.engine) as connection:
        assert not people.take_code(connection, "kim", "c" * 64, now=NOON + timedelta(days=8))
        assert not people.take_code(connection, "lee", "c" * 64, now=NOON)
        assert people.take_code(connection, "kim", "c" * 64, now=NOON)
        assert not people.take_code(connection, "kim", "c" * 64, now=NOON)
        people.set_code(connection, "kim", "d" * 64, until=NOON + timedelta(days=1))
        assert people.take_code(connection, "kim", "d" * 64, now=NOON)
        people.set_sign_count(connection, KEY.id, 4)
        people.revoke_approver(connection, "kim", when=NOON)
        people.retire_recipient(connection, "court", when=NOON)
        assert people.list_keys(connection, "kim")[0].sign_count == 4
        assert people.get_approver(connection, "kim").revoked_at == NOON
        assert people.get_recipient(connection, "court").retired_at == NOON


def test_appointments_and_countersignatures(filled: CentreStore) -> None:
    """A credential has one appointment, the newest; a release has one signature of each person, the newest."""
    with write(filled.engine) as connection:
        for document in (b"first", b"second"):
            people.put_appointment(connection, KEY.id, document)
        for approver, approval in (("kim", b"one"), ("kim", b"two"), ("lee", b"three")):
            people.put_release_approval(connection, "R" * 26, approver, key=KEY.id, approval=approval)
        people.put_release_approval(connection, "S" * 26, "lee", key=KEY.id, approval=b"other")
    with read(filled.engine) as connection:
        assert people.find_appointments(connection, [KEY.id, "9" * 64]) == {KEY.id: b"second"}
        assert people.list_release_approvals(connection, ["R" * 26]) == [
            ("R" * 26, KEY.id, b"two"), ("R" * 26, KEY.id, b"three"),
        ]  # fmt: skip
