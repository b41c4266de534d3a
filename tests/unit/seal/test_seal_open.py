"""What opens a sealed record, and what does not."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sealsite import EPOCH, LONGER, NOW, Site

from wayseal.model.custody import Kind, SealedRecord
from wayseal.model.errors import Erased, Invalid, SealBroken
from wayseal.model.ids import EpochId, epoch_id
from wayseal.seal.envelope import parse_record
from wayseal.seal.erase import destroy_epoch
from wayseal.seal.keys import SigningIdentity
from wayseal.seal.open import borrow_data_key, open_body, rewrap_record, unwrap_data_key

SHARED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read_back(site: Site, record: SealedRecord) -> bytes:
    """Return what a record holds, through every check."""
    key = unwrap_data_key(
        record, site.vault, device_public=site.lane.public, keyroom_publics=[site.keyroom.public]
    )
    return open_body(record, key)


def keep(site: Site, record: SealedRecord, epoch: EpochId = LONGER) -> SealedRecord:
    """Return the record re-wrapped to a longer class."""
    return rewrap_record(
        record,
        site.vault,
        site.vault.create_epoch(epoch),
        reason="decision.refer",
        rewrapped_at=NOW,
        signer=site.keyroom,
        device_public=site.lane.public,
        keyroom_publics=[site.keyroom.public],
    )


@SHARED
@given(body=st.binary(max_size=3000), kind=st.sampled_from(Kind))
def test_round_trip(site: Site, body: bytes, kind: Kind) -> None:
    """Whatever is sealed comes back byte for byte, and the bytes parse to the same record."""
    record = site.seal(body, kind=kind)
    assert parse_record(record.data) == record
    assert read_back(site, record) == body


@SHARED
@given(data=st.data())
def test_flipped_bit_opens_nothing(site: Site, data: st.DataObject) -> None:
    """A bit flipped anywhere in a record, re-wrapped or not, ends in SealBroken or a refusal to parse."""
    record = site.seal(b"a face")
    if data.draw(st.booleans()):
        record = keep(site, record)
    position = data.draw(st.integers(0, len(record.data) * 8 - 1))
    altered = bytearray(record.data)
    altered[position // 8] ^= 1 << (position % 8)
    with pytest.raises(SealBroken) as caught:
        read_back(site, replace(record, data=bytes(altered)))
    named = record.header.object_id in str(caught.value)
    assert named or position // 8 < 11 + 4096


def test_flipped_body_bit_names_record(site: Site) -> None:
    """When the header is whole, the error names the record."""
    record = site.seal(b"a face")
    altered = record.data[:-100] + bytes((record.data[-100] ^ 1,)) + record.data[-99:]
    with pytest.raises(SealBroken, match=record.header.object_id):
        read_back(site, parse_record(altered))


@SHARED
@given(data=st.data())
def test_truncation_is_refused(site: Site, data: st.DataObject) -> None:
    """A record cut anywhere, or with bytes after it, does not parse."""
    record = site.seal(b"a face")
    cut = data.draw(st.integers(0, len(record.data) - 1))
    with pytest.raises(SealBroken):
        parse_record(record.data[:cut])
    with pytest.raises(SealBroken):
        parse_record(record.data + data.draw(st.binary(min_size=1, max_size=40)))


def test_other_device_is_refused(site: Site) -> None:
    """A record does not open under another device's key, even when the caller believes it."""
    record = site.seal(b"a face")
    other = SigningIdentity("other", bytes(32))
    with pytest.raises(SealBroken, match="another device"):
        unwrap_data_key(record, site.vault, device_public=other.public)


def test_wrong_data_key_is_refused(site: Site) -> None:
    """One record's data key does not open another record."""
    first, second = site.seal(b"one"), site.seal(b"two")
    with borrow_data_key(first, site.vault, device_public=site.lane.public) as key, pytest.raises(SealBroken):
        open_body(second, key)


def test_data_key_is_zeroed(site: Site) -> None:
    """A borrowed data key is zeros after use."""
    record = site.seal(b"a face")
    with borrow_data_key(record, site.vault, device_public=site.lane.public) as key:
        assert any(key)
    assert not any(key)


def test_foreign_epoch_is_refused(fresh_site: Site) -> None:
    """A record sealed to an epoch key that this site never had does not open."""
    key = fresh_site.vault.create_epoch(epoch_id("ees", NOW))
    record = fresh_site.seal(b"a face", key=key)
    fresh_site.vault.destroy(key.epoch)
    with pytest.raises(Erased):
        read_back(fresh_site, record)


def test_same_epoch_other_pair(fresh_site: Site, site: Site) -> None:
    """A record sealed to another site's key of the same hour does not open here."""
    fresh_site.vault.create_epoch(EPOCH)
    record = fresh_site.seal(b"a face", key=site.vault.create_epoch(EPOCH))
    with pytest.raises(Erased):
        read_back(fresh_site, record)


def test_rewrap_outlives_first_epoch(fresh_site: Site) -> None:
    """After a re-wrap the longer epoch opens the record when the short one is gone, and its end ends the record."""
    forgotten, record = fresh_site.seal(b"forget me"), fresh_site.seal(b"keep me")
    kept = keep(fresh_site, record)
    assert (kept.epoch, kept.record_class, kept.header) == (LONGER, "non_citizen", record.header)
    assert parse_record(kept.data) == kept
    assert kept.data.startswith(record.data)
    destroy_epoch(fresh_site.vault, EPOCH)
    assert read_back(fresh_site, kept) == b"keep me"
    for gone in (forgotten, record):
        with pytest.raises(Erased):
            read_back(fresh_site, gone)
    destroy_epoch(fresh_site.vault, LONGER)
    with pytest.raises(Erased):
        read_back(fresh_site, kept)


def test_rewrap_after_erasure_is_impossible(fresh_site: Site) -> None:
    """Nobody can decide to keep a record whose epoch is gone."""
    record = fresh_site.seal(b"forget me")
    destroy_epoch(fresh_site.vault, EPOCH)
    with pytest.raises(Erased):
        keep(fresh_site, record)


def test_rewrap_chain_is_limited(fresh_site: Site) -> None:
    """A record takes eight re-wraps and not one more; all eight verify."""
    record = fresh_site.seal(b"a face")
    for _ in range(8):
        record = keep(fresh_site, record)
    assert read_back(fresh_site, parse_record(record.data)) == b"a face"
    with pytest.raises(Invalid, match="8 times"):
        keep(fresh_site, record)


def test_foreign_rewrap_is_refused(fresh_site: Site) -> None:
    """A re-wrap by an unknown keyroom, or one moved from another record, opens nothing."""
    first, second = fresh_site.seal(b"one"), fresh_site.seal(b"two")
    kept = keep(fresh_site, first)
    with pytest.raises(SealBroken, match="not known"):
        unwrap_data_key(kept, fresh_site.vault, device_public=fresh_site.lane.public)
    block = kept.data[len(first.data) :]
    with pytest.raises(SealBroken, match="another record"):
        parse_record(second.data + block)


def test_sealing_ahead_is_refused(site: Site) -> None:
    """A device cannot lengthen a record's life by sealing it to a later hour."""
    later = site.vault.create_epoch(epoch_id("citizen", NOW + timedelta(hours=2)))
    with pytest.raises(Invalid, match="do not belong together"):
        site.seal(b"a face", key=later)
