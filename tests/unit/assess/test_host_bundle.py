"""The evidence bundle: what a lying host, a replay, an edit or a wrong clock becomes. Always a refusal with a reason."""

import dataclasses
import hashlib
import json
from datetime import timedelta

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hosttree import DEVICE, NOW, SIGNER
from hypothesis import given, settings
from hypothesis import strategies as st

from wayseal.assess.bundle import Header, encode_bundle, parse_bundle
from wayseal.assess.catalogue import load_catalogue
from wayseal.assess.collector import host_probes
from wayseal.assess.host.facts import HostFacts, decode_facts
from wayseal.assess.probe import observe, passed
from wayseal.assess.quote import parse_attest
from wayseal.assess.verify import Expected, refuse_host, verify_bundle
from wayseal.model.errors import Integrity, Invalid
from wayseal.model.oversight import EquipmentKind, Observation, Result

SPECS = host_probes(load_catalogue(), EquipmentKind.LANE_HOST)
NONCE = bytes(range(32))
FACTS = HostFacts(chassis_serial="CASE-001")
ASKED = NOW - timedelta(seconds=2)
EXPECTED = Expected("lane1-host", NONCE, ASKED, SPECS, FACTS, SIGNER.public)


def make_parts() -> tuple[Header, list[Observation]]:
    """Return the header and observations of an honest bundle in which every probe passes."""
    observations = [observe(spec, passed("as it should be", probe=spec.id), lambda: NOW) for spec in SPECS]
    header = Header(
        equipment="lane1-host",
        device=hashlib.sha256(SIGNER.public).hexdigest(),
        nonce=NONCE.hex(),
        facts_sha256=FACTS.sha256,
        started_at=NOW,
        finished_at=NOW,
        probes=tuple(spec.id for spec in SPECS),
        pcrs={},
    )
    return header, observations


def make_raw(**changes: object) -> bytes:
    """Return a signed bundle whose header was changed before it was signed: a host that lies with its own key."""
    header, observations = make_parts()
    return encode_bundle(dataclasses.replace(header, **changes), observations, None, DEVICE.sign)


def test_honest_bundle() -> None:
    """An honest bundle gives its observations back; without a TPM, what was booted stays unproven and fails."""
    seen = {one.probe: one for one in verify_bundle(make_raw(), EXPECTED, NOW)}
    assert list(seen) == [spec.id for spec in SPECS]
    assert [name for name, one in seen.items() if one.result is not Result.PASS] == ["p13"]
    assert "nothing but the host's word" in seen["p13"].reason


def test_round_trip() -> None:
    """What is written is what is read."""
    header, observations = make_parts()
    bundle = parse_bundle(encode_bundle(header, observations, None, DEVICE.sign))
    assert bundle.header == header
    assert bundle.observations == tuple(observations)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"nonce": "00" * 32}, "another nonce"),
        ({"equipment": "lane2-host"}, "another piece of equipment"),
        ({"facts_sha256": "00" * 32}, "not measured against what was declared"),
        ({"device": "00" * 32}, "names another device"),
        ({"started_at": NOW + timedelta(seconds=1)}, "not in order"),
        ({"started_at": NOW - timedelta(hours=1)}, "outside the assessment, by 60 minutes"),
        ({"finished_at": NOW + timedelta(hours=1)}, "outside the assessment, by 60 minutes"),
        ({"probes": ("p01",)}, "other probes than asked for"),
    ],
)
def test_lying_host_is_refused(changes: dict[str, object], says: str) -> None:
    """A host that signs another nonce, device, list of facts, time or list of probes is refused, with the reason."""
    with pytest.raises(Integrity, match=says):
        verify_bundle(make_raw(**changes), EXPECTED, NOW)


def test_replay_is_refused() -> None:
    """Evidence that was good for one assessment is refused for the next one."""
    raw = make_raw()
    verify_bundle(raw, EXPECTED, NOW)
    with pytest.raises(Integrity, match="another nonce"):
        verify_bundle(raw, dataclasses.replace(EXPECTED, nonce=bytes(32)), NOW)
    late = NOW + timedelta(days=1)
    with pytest.raises(Integrity, match="outside the assessment"):
        verify_bundle(raw, dataclasses.replace(EXPECTED, asked_at=late), late)


def test_other_key_is_refused() -> None:
    """A bundle that another device signed is refused."""
    header, observations = make_parts()
    raw = encode_bundle(header, observations, None, Ed25519PrivateKey.generate().sign)
    with pytest.raises(Integrity, match="not signed by the device"):
        verify_bundle(raw, EXPECTED, NOW)


@pytest.mark.parametrize(
    ("tamper", "says"),
    [
        (lambda seen: seen[:-1], "lacks probes .p28."),
        (lambda seen: [*seen, seen[0]], "a probe twice"),
        (lambda seen: [seen[1], seen[0], *seen[2:]], "other probes than asked for"),
        (lambda seen: [dataclasses.replace(seen[0], version="0"), *seen[1:]], "another version of the probe"),
        (lambda seen: [dataclasses.replace(seen[0], evidence=b'{"a":1}'), *seen[1:]], "not have the digest"),
    ],
)
def test_wrong_probes_are_refused(tamper: object, says: str) -> None:
    """A missing, doubled, exchanged or outdated observation, or evidence under a wrong digest, is refused."""
    header, observations = make_parts()
    raw = encode_bundle(header, tamper(observations), None, DEVICE.sign)  # type: ignore[operator]
    with pytest.raises(Integrity, match=says):
        verify_bundle(raw, EXPECTED, NOW)


def test_missing_quote_fails_boot() -> None:
    """A host whose TPM is registered and which sends no quote fails probe 13, whatever it says."""
    expected = dataclasses.replace(EXPECTED, quote_public=b"-----BEGIN PUBLIC KEY-----")
    boot = next(one for one in verify_bundle(make_raw(), expected, NOW) if one.probe == "p13")
    assert boot.result is Result.FAIL
    assert "no quote came" in boot.reason


def test_refused_host_has_reasons() -> None:
    """A refused bundle becomes an error of each probe, with the reason; never a pass."""
    seen = refuse_host(SPECS, Integrity("evidence for another nonce"), lambda: NOW)
    assert [one.probe for one in seen] == [spec.id for spec in SPECS]
    assert {one.result for one in seen} == {Result.ERROR}
    assert {one.reason for one in seen} == {"no evidence: evidence for another nonce"}


RAW = make_raw()


@given(st.integers(0, len(RAW) - 1), st.integers(1, 255))
@settings(max_examples=300)
def test_any_changed_byte_is_refused(at: int, change: int) -> None:
    """Whichever byte of a bundle is changed, it is refused as tampered and nothing else happens."""
    raw = bytearray(RAW)
    raw[at] ^= change
    with pytest.raises(Integrity):
        verify_bundle(bytes(raw), EXPECTED, NOW)


@given(st.integers(0, len(RAW) - 1))
def test_cut_bundle_is_refused(size: int) -> None:
    """A bundle that was cut short anywhere is refused."""
    with pytest.raises(Integrity):
        verify_bundle(RAW[:size], EXPECTED, NOW)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()), max_size=6))
def test_garbage_is_refused(lines: list[bytes]) -> None:
    """Any bytes at all, and any JSON lines, are refused as tampered and never break the reader."""
    with pytest.raises(Integrity):
        parse_bundle(b"".join(line + b"\n" for line in lines))


@given(st.sampled_from(range(len(SPECS) + 3)), st.dictionaries(st.sampled_from(sorted({"bundle", "device", "equipment", "facts_sha256", "finished_at", "nonce", "pcrs", "probes", "started_at", "probe", "control", "version", "result", "reason", "observed_at", "evidence", "evidence_sha256", "quote", "signature"})), JSON, min_size=1))  # fmt: skip
def test_wrong_types_are_refused(number: int, values: dict[str, object]) -> None:
    """A line whose fields have other types, in canonical form and signed by nobody, is refused as tampered."""
    lines = RAW.splitlines()
    fields = json.loads(lines[number])
    lines[number] = rfc8785.dumps({**fields, **{name: values[name] for name in values if name in fields}})
    raw = b"".join(line + b"\n" for line in lines)
    if raw != RAW:
        with pytest.raises(Integrity):
            verify_bundle(raw, EXPECTED, NOW)


@given(st.binary(max_size=300))
def test_garbage_quote_is_refused(raw: bytes) -> None:
    """Bytes that no TPM made are refused as a quote, with or without its magic number before them."""
    for data in (raw, b"\xffTCG\x80\x18" + raw):
        try:
            parse_attest(data)
        except Integrity:
            continue
        assert data[:6] == b"\xffTCG\x80\x18"


def test_facts_round_trip() -> None:
    """Declared facts come back from their bytes, and their digest is of those bytes."""
    facts = HostFacts(disk_serials=("A", "B"), pcrs={"0": "00" * 32}, suites=(1, 2), verity_root="ab")
    assert decode_facts(facts.encode()) == facts
    assert facts.sha256 != FACTS.sha256


@given(JSON)
def test_wrong_facts_are_refused(value: object) -> None:
    """Facts with other fields or types are refused as invalid."""
    with pytest.raises(Invalid):
        decode_facts(json.dumps(value).encode())
