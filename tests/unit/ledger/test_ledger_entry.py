"""What may be logged: known types, known fields, well-formed values, and never anything about a person."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledgersite import make_capture, make_ulid

from wayseal.ledger.entry import COMMON, ENTRY_TYPES, decode_entry, encode_entry, list_references
from wayseal.model.errors import Invalid, LedgerBroken

TIME = "2026-11-22T07:00:00.000Z"


def test_encoding_is_canonical() -> None:
    """Field order does not matter: one entry has one spelling, and reads back as itself."""
    entry = make_capture(1)
    data = encode_entry(entry)
    assert encode_entry(dict(reversed(entry.items()))) == data
    assert list(json.loads(data)) == sorted(entry)
    assert decode_entry(data) == entry


@pytest.mark.parametrize("name", sorted(ENTRY_TYPES))
def test_each_type_demands_its_fields(name: str) -> None:
    """Every type has a time and refuses to go without each field it needs."""
    with pytest.raises(Invalid, match=r"without|malformed"):
        encode_entry({"type": name, "time": TIME})
    with pytest.raises(Invalid, match="'time'"):
        encode_entry({"type": name, **dict.fromkeys(ENTRY_TYPES[name].needs, "x")})


@pytest.mark.parametrize(("field", "value"), [
    ("plate", "7ABC123"), ("traveller", "D0325"), ("name", "somebody"), ("image", "AAAA"), ("plate_sha256", "0" * 64),
    ("template", [0.1, 0.2]), ("note", "free text"), ("email", "a@example.org"), ("document", "P1234567"),
])  # fmt: skip
def test_personal_fields_are_refused(field: str, value: Any) -> None:
    """A field that could hold personal data, or an unkeyed digest of it, is on no type's list; the value is not repeated."""
    for name in ENTRY_TYPES:
        assert field not in {**COMMON, **ENTRY_TYPES[name].needs, **ENTRY_TYPES[name].may}
    with pytest.raises(Invalid) as caught:
        encode_entry(make_capture(1, **{field: value}))
    assert str(value) not in caught.value.diagnostics()


@pytest.mark.parametrize(("field", "value"), [
    ("object", "7ABC123"), ("object", 7), ("lane", "7ABC 123"), ("lane", "LANE"), ("actor", "officer@example.org"),
    ("actor", "An Officer"), ("sealed_sha256", "short"), ("sealed_sha256", "G" * 64), ("size", -1), ("size", 2**53),
    ("size", True), ("size", 1.5), ("size", "1"), ("kind", "iris"), ("epoch", "citizen/2026"), ("time", "2026-11-22"),
    ("time", "2026-13-22T07:00:00.000Z"), ("time", "2026-11-22T07:00:00.000+00:00"), ("type", "captures"), ("type", None),
    ("device", ""), ("org", "a" * 64), ("lane", "lane\n1"), ("object", make_ulid(1) + "\n"), ("direction", "out"),
])  # fmt: skip
def test_malformed_values_are_refused(field: str, value: Any) -> None:
    """A value of the wrong shape is refused, and the message names the field only."""
    with pytest.raises(Invalid) as caught:
        encode_entry(make_capture(1, **{field: value}))
    assert "7ABC" not in caught.value.diagnostics()


@pytest.mark.parametrize(
    "records", [[], [make_ulid(1)] * 2, [make_ulid(n) for n in range(1001)], "x", [1], None, [[1]]]
)
def test_lists_are_bounded(records: Any) -> None:
    """A list of records has 1 to 1,000 different ids."""
    hold = {
        "type": "hold",
        "time": TIME,
        "object": make_ulid(1),
        "until": TIME,
        "reason": "court-order",
        "approvers": ["a", "b"],
    }
    encode_entry({**hold, "records": [make_ulid(n) for n in range(1000)]})
    with pytest.raises(Invalid):
        encode_entry({**hold, "records": records})


@given(
    st.dictionaries(
        st.text(),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()),
        max_size=5,
    )
)
def test_strange_mappings_are_refused(entry: dict[str, Any]) -> None:
    """No mapping that is not an entry of a known type gets in, whatever it holds."""
    with pytest.raises(Invalid):
        encode_entry({**entry, "type": entry.get("type", "capture")})


@pytest.mark.parametrize("data", [
    b"", b"{}", b"[]", b"null", b"\xff", b'{"type":"capture"}', b'{"a":1,"a":1}', b"[" * 100_000,
    encode_entry(make_capture(1)) + b" ", encode_entry(make_capture(1)).replace(b":", b": "), b"NaN", b"1e999",
])  # fmt: skip
def test_noncanonical_bytes_are_refused(data: bytes) -> None:
    """Bytes that are no entry, or spell one in another way, are not read."""
    with pytest.raises(LedgerBroken):
        decode_entry(data)


def test_entry_too_long_for_a_bundle_is_refused() -> None:
    """An entry over 65,535 bytes cannot be exported, so it is not logged."""
    long_names = [f"{number:04d}" + "a" * 59 for number in range(1000)]
    roster = {"type": "roster", "time": TIME, "object": "r", "roster_sha256": "0" * 64, "lanes": long_names}
    with pytest.raises(Invalid, match="65,535"):
        encode_entry(roster)


def test_references_are_what_is_searched_for() -> None:
    """An entry is found by its object, its records, release, encounter and epoch."""
    entry = {
        **make_capture(1),
        "records": [make_ulid(8), make_ulid(9)],
        "release": make_ulid(7),
        "encounter": make_ulid(6),
    }
    assert list_references(entry) == {*map(make_ulid, (1, 6, 7, 8, 9)), "citizen/2026-11-22T07Z"}
