"""The roster: what a lane believes, and what it refuses."""

import json
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sealsite import EPOCH, NOW, Site

from wayseal.model.errors import Integrity, Invalid, NotArmed
from wayseal.seal.keys import Roster, SigningIdentity, parse_roster, sign_roster
from wayseal.seal.suite import sha256

OFFICIALS = [SigningIdentity(f"official-{number}", bytes((number,)) * 32) for number in range(1, 6)]
PUBLICS = [official.public for official in OFFICIALS]


@pytest.fixture(scope="module")
def roster(site: Site) -> Roster:
    """A roster with one epoch key, one device and one keyroom."""
    return Roster(
        version=7,
        issued_at=NOW,
        valid_until=NOW + timedelta(hours=2),
        epoch_keys=(site.vault.create_epoch(EPOCH),),
        devices={"lane-1": site.lane.public},
        keyrooms={"keyroom": site.keyroom.public},
    )


def test_signed_roster_is_read_back(roster: Roster, site: Site) -> None:
    """Three of five signatures make the roster believable; it gives the hour's key and the device's."""
    read = parse_roster(sign_roster(roster, OFFICIALS[:3]), PUBLICS, needed=3, newer_than=6)
    assert read == roster
    assert read.keys_for("citizen", NOW) == roster.epoch_keys
    assert read.device_public(sha256(site.lane.public).hex()) == site.lane.public
    assert read.device_public("0" * 64) is None


def test_no_key_disarms(roster: Roster) -> None:
    """Without a key for the hour and class, or outside its validity, the lane is not armed."""
    for record_class, moment in (
        ("citizen", NOW + timedelta(hours=1)),
        ("ees", NOW),
        ("citizen", NOW - timedelta(minutes=1)),
        ("citizen", NOW + timedelta(hours=2)),
    ):
        with pytest.raises(NotArmed):
            roster.keys_for(record_class, moment)


def test_a_roster_read_again_is_believed_under_the_same_keys_only(roster: Roster) -> None:
    """The same bytes are verified once; other bytes, other officials and a larger quorum are judged anew, and nothing in it can be changed."""
    signed = sign_roster(roster, OFFICIALS[:2])
    read = parse_roster(signed, PUBLICS, needed=2)
    assert parse_roster(bytearray(signed), PUBLICS, needed=2) is read
    assert read.by_digest == {sha256(public).hex(): (name, public) for name, public in roster.devices.items()}
    for data, publics, needed in (
        (signed[:-9] + bytes((signed[-9] ^ 1,)) + signed[-8:], PUBLICS, 2),
        (signed, PUBLICS[2:], 2),
        (signed, PUBLICS, 3),
    ):
        for _ in range(2):
            with pytest.raises(Integrity):
                parse_roster(data, publics, needed=needed)
    with pytest.raises(Integrity, match="not newer"):
        parse_roster(signed, PUBLICS, needed=2, newer_than=read.version)
    for names in (read.devices, read.keyrooms, read.by_digest):
        with pytest.raises(TypeError):
            names["lane-9"] = bytes(32)  # type: ignore[index]  # what nobody may do


def test_too_few_signatures(roster: Roster) -> None:
    """Two of three needed, one official twice, or strangers: refused."""
    for signers in (OFFICIALS[:2], [OFFICIALS[0]] * 3, [SigningIdentity("stranger", bytes(32))] * 3):
        with pytest.raises(Integrity, match="signatures"):
            parse_roster(sign_roster(roster, signers), PUBLICS, needed=3)


def test_rollback_is_refused(roster: Roster) -> None:
    """A roster that is not newer than the lane's own is refused."""
    with pytest.raises(Integrity, match="not newer"):
        parse_roster(sign_roster(roster, OFFICIALS), PUBLICS, needed=3, newer_than=7)


def test_impossible_quorum(roster: Roster) -> None:
    """A quorum of none, or of more officials than there are, is a mistake of the caller."""
    for needed in (0, 6):
        with pytest.raises(Invalid):
            parse_roster(sign_roster(roster, OFFICIALS), PUBLICS, needed=needed)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_altered_roster_is_refused(roster: Roster, data: st.DataObject) -> None:
    """A flipped bit or a cut anywhere leaves no roster that three officials signed."""
    signed = sign_roster(roster, OFFICIALS[:3])
    position = data.draw(st.integers(0, len(signed) * 8 - 1))
    altered = bytearray(signed)
    altered[position // 8] ^= 1 << (position % 8)
    for broken in (bytes(altered), signed[: position // 8], signed + b" "):
        with pytest.raises(Integrity):
            parse_roster(broken, PUBLICS, needed=3)


def test_malformed_rosters_are_refused() -> None:
    """JSON that is no roster is Integrity, whatever it is."""
    for value in (
        [],
        {},
        {"roster": 1, "signatures": {}},
        {"roster": "", "signatures": []},
        "x",
        None,
        1e999,
    ):
        with pytest.raises(Integrity):
            parse_roster(json.dumps(value).encode(), PUBLICS)
