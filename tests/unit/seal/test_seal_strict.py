"""Canonical JSON made by the standard library is the bytes that rfc8785 makes, and nothing else passes."""

import json

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from wayseal.model.errors import Invalid
from wayseal.seal.strict import decode_canonical, encode_canonical

WHOLE = st.integers(-(2**60), 2**60) | st.sampled_from([2**53 - 1, 2**53, -(2**53) + 1, -(2**53)])
LEAF = st.none() | st.booleans() | WHOLE | st.floats() | st.text() | st.text('\x7f "\\/\b\n\x00é\U0001f600')
VALUE = st.recursive(LEAF, lambda one: st.lists(one) | st.dictionaries(st.text(), one), max_leaves=8)
FIELDS = st.dictionaries(st.text(), VALUE, max_size=6)


def spell_canonical(value: object) -> bytes | None:
    """Return what rfc8785 makes of a value; None where it refuses."""
    try:
        return rfc8785.dumps(value)  # type: ignore[arg-type]  # wrong values raise
    except (ValueError, RecursionError):
        return None


def judge(raw: bytes) -> dict[str, object] | None:
    """Return what the norm makes of bytes: the object that they are the one spelling of, or None."""
    try:
        value = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and spell_canonical(value) == raw else None


@given(FIELDS)
@example({"b": 1, "a": "x", "\U0001f600": 1, "\uffff": 2})
@example({"a": True, "b": 2**53})
def test_fields_are_spelt_as_rfc8785_spells_them(fields: dict[str, object]) -> None:
    """Whatever the fields hold, their bytes are rfc8785's; what it refuses is refused."""
    expected = spell_canonical(fields)
    if expected is None:
        with pytest.raises((ValueError, RecursionError)):
            encode_canonical(fields)
    else:
        assert encode_canonical(fields) == expected


@given(
    FIELDS.flatmap(
        lambda fields: st.sampled_from(
            [(spell_canonical(fields) or b"{}").decode()]
            + [json.dumps(fields, sort_keys=keys, ensure_ascii=ascii_only, separators=how)
               for keys in (True, False) for ascii_only in (True, False) for how in ((",", ":"), (", ", ": "))]
        )
    )
)  # fmt: skip
@example('{"a":-0}')
@example('{"a":1e2}')
@example('{"a":1.0}')
@example('{"a":NaN}')
@example('{"a":1,"a":1}')
@example(' {"a":1}')
@example('{"a":1}\n')
@example('{"a":"\\u0041"}')
@example('{"a":"\\ud800"}')
@example('{"a":"\\/"}')
@example('{"a":"\x7f"}')
@example('{"a":9007199254740993}')
@example('{"a":' + "9" * 5000 + "}")
@example('{"a":' + "[" * 20_000 + "]" * 20_000 + "}")
def test_another_spelling_is_refused(text: str) -> None:
    """Bytes pass only when they are the one canonical spelling of what they say."""
    raw = text.encode("utf-8", "surrogatepass")
    expected = judge(raw)
    if expected is None:
        with pytest.raises(Invalid):
            decode_canonical(raw, {"a"})
    else:
        assert decode_canonical(raw, set(expected)) == expected


@given(st.binary(max_size=40), st.integers(0, 200), st.integers(0, 255))
def test_a_changed_byte_passes_only_where_the_norm_lets_it(noise: bytes, place: int, byte: int) -> None:
    """A record's header with one byte changed, or noise for one, is judged as rfc8785 judges it."""
    fields = {"lane": "lane-1", "object_id": "01KB3Z6V8N4Q0T2Y5RWXEJ7MCH", "padded_size": 512}
    header = bytearray(encode_canonical(fields))
    header[place % len(header)] = byte
    for raw in (bytes(header), noise):
        expected = judge(raw)
        if expected is None or set(expected) != set(fields):
            with pytest.raises(Invalid):
                decode_canonical(raw, set(fields))
        else:
            assert decode_canonical(raw, set(fields)) == expected
