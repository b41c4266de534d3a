"""Sealing: a header has one form, and the memory that records are sealed in keeps no plaintext."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sealsite import Site

from wayseal.model.custody import Kind, SealHeader
from wayseal.model.errors import Invalid
from wayseal.model.ids import RecordId, epoch_id, new_ulid
from wayseal.seal import device
from wayseal.seal.envelope import decode_header, encode_header
from wayseal.seal.open import open_body, unwrap_data_key
from wayseal.seal.padding import bucket_size

HEX = st.text("0123456789abcdef", min_size=64, max_size=64)


@given(
    lane=st.from_regex(r"[a-z0-9][a-z0-9._-]{0,62}", fullmatch=True),
    digests=st.tuples(HEX, HEX),
    kind=st.sampled_from(Kind),
    size=st.integers(0, 60_000_000).map(bucket_size),
    when=st.datetimes(datetime(2020, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - made aware by `timezones`
)
@settings(deadline=None)
def test_header_comes_back(
    lane: str, digests: tuple[str, str], kind: Kind, size: int, when: datetime
) -> None:
    """Any sound header is written in the one form that reading accepts, RFC 8785's, and comes back as it was."""
    moment = when.replace(microsecond=when.microsecond // 1000 * 1000)
    header = SealHeader(
        object_id=RecordId(new_ulid(moment)),
        lane=lane,
        device=digests[0],
        epoch=epoch_id("non_citizen", moment),
        record_class="non_citizen",
        kind=kind,
        padded_size=size,
        previous=digests[1],
        sealed_at=moment,
    )
    assert decode_header(encode_header(header)) == header


def test_no_plaintext_stays(site: Site) -> None:
    """After sealing bodies of falling and rising sizes, the memory they were sealed in holds nothing of them."""
    bodies = [bytes([number]) * size for number, size in enumerate((9000, 300, 40_000, 1, 5 << 20), 65)]
    records = [site.seal(body) for body in bodies]
    left = bytes(device._ROOM._padded) + bytes(device._ROOM._sealed)
    assert 40_000 < len(left) < device._KEPT
    assert not any(bytes([number]) * 8 in left for number in range(65, 70))
    for body, record in zip(bodies, records, strict=True):
        assert open_body(record, unwrap_data_key(record, site.vault, device_public=site.lane.public)) == body


def test_refused_body_leaves_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """When wrapping the key fails half way, the padded body is overwritten all the same."""

    def fail(*_: object) -> bytes:
        raise Invalid("no such key")

    monkeypatch.setattr(device, "wrap_key", fail)
    with pytest.raises(Invalid):
        site.seal(b"\xee" * 5000)
    assert b"\xee" * 8 not in bytes(device._ROOM._padded)
