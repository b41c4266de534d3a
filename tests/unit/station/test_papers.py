"""What is declared of devices: strict papers, and nothing but `Invalid` for anything else."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayseal.assess.host.facts import HostFacts
from wayseal.model.errors import Invalid
from wayseal.model.oversight import EquipmentKind
from wayseal.station.assessing import Challenge, decode_challenge
from wayseal.station.papers import decode_accounts, decode_keys, decode_plan, paper_name, sign_paper

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
names = st.sampled_from(
    ["cameras", "peer", "lane", "inbound", "cloud", "time", "accounts", "exported_at", "facts", "nonce"]
)


def read_or_refuse(read: Callable[[bytes], object], body: bytes) -> object:
    """What a reader makes of bytes, or the refusal; anything else that it raises goes on."""
    try:
        return read(body)
    except Invalid as refused:
        return refused


@given(
    st.binary(max_size=200)
    | st.dictionaries(names, values, max_size=4).map(lambda one: json.dumps(one).encode())
)
def test_anything_else_is_invalid(body: bytes) -> None:
    """Whatever the bytes are, a paper is read or refused as invalid; nothing else happens."""
    for read in (decode_plan, decode_accounts, decode_keys, decode_challenge):
        assert isinstance(read_or_refuse(read, body), dict | tuple | Challenge | Invalid)


def test_plan_is_strict() -> None:
    """A plan's parts become what the prober takes; a misspelt field inside one is named by its place."""
    plan = decode_plan(b'{"inbound":{"addresses":["127.0.0.1"],"declared":[8443]},"cameras":[]}')
    assert plan.keys() == {"inbound", "cameras"}
    assert plan["inbound"].declared == (8443,)
    with pytest.raises(Invalid) as caught:
        decode_plan(b'{"inbound":{"addresses":["127.0.0.1"],"declares":[8443],"declared":[]}}')
    assert caught.value.facts["place"] == "inbound.declares"


def test_accounts_need_a_zone() -> None:
    """An export of accounts without a time zone cannot be dated and is refused."""
    one = {"person": "tech:1", "organisation": "sub", "enabled": True}
    accounts, when = decode_accounts(
        json.dumps({"accounts": [one], "exported_at": "2026-11-22T12:00:00Z"}).encode()
    )
    assert (accounts[0].person, when) == ("tech:1", NOON)
    with pytest.raises(Invalid):
        decode_accounts(json.dumps({"accounts": [one], "exported_at": "2026-11-22T12:00:00"}).encode())


@pytest.mark.parametrize("body", [b"", b"ab", b"zz" * 32, b"ab" * 31, b"ab" * 32 + b"\nab"])
def test_keys_are_whole(body: bytes) -> None:
    """Half a key, no key and no hexadecimal are refused."""
    assert decode_keys(b"ab" * 32) == (bytes.fromhex("ab" * 32),)
    with pytest.raises(Invalid):
        decode_keys(body)


def test_challenge_comes_back() -> None:
    """A challenge is the same after it was carried; one with a changed fact or a broken nonce is refused."""
    asked = Challenge(
        "A" * 26, "host-1", EquipmentKind.LANE_HOST, "ab" * 32, HostFacts(), daily=True, drawn_at=NOON
    )
    assert decode_challenge(asked.encode()) == asked
    value = json.loads(asked.encode())
    for change in (
        {"nonce": "xyz"},
        {"facts": base64.b64encode(b"{}").decode()},
        {"kind": "toaster"},
        {"drawn_at": "soon"},
    ):
        with pytest.raises(Invalid):
            decode_challenge(json.dumps(value | change).encode())


def test_paper_names() -> None:
    """A paper is called after its kind and what it is about; strange kinds and names are refused."""
    assert paper_name("document", "host-1", "sbom") == "document.host-1.sbom"
    for kind, of in (("diary", "host-1"), ("facts", "Host 1"), ("facts", "x" * 70)):
        with pytest.raises(Invalid):
            paper_name(kind, of)


def test_document_keeps_its_signature() -> None:
    """A filed document holds data, signature and the date on which it was filed."""
    value = json.loads(sign_paper(b"data", b"s" * 64, NOON))
    assert base64.b64decode(value["data"]) == b"data"
    assert base64.b64decode(value["signature"]) == b"s" * 64
    assert value["filed_at"] == "2026-11-22T12:00:00.000Z"
