"""The formats of an export: each value has exactly one spelling, and no other bytes are taken for one."""

import contextlib
import io
import json
import tarfile
from datetime import UTC, datetime, timedelta

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from wayseal.export.approval import (
    LOCALHOST,
    Approval,
    RelyingParty,
    decode_approval,
    encode_approval,
    list_origins,
    list_problems,
)
from wayseal.export.bundle import Item, read_bundle, seal_bundle
from wayseal.export.delivery import read_age_key, read_sheet, seal_delivery
from wayseal.export.evidence import Evidence, encode_evidence
from wayseal.export.manifest import check_records, decode_manifest, encode_manifest
from wayseal.export.receipt import ExportReceipt, read_receipt, sign_receipt
from wayseal.model.disclosure import BundleForm, CredentialForm, Manifest
from wayseal.model.errors import Integrity, Invalid
from wayseal.model.ids import RecordId, new_ulid
from wayseal.seal.keys import SigningIdentity

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SIGNER = SigningIdentity("site", b"\x05" * 32)
names = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True)
digests = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)


def ulids(count: int) -> list[RecordId]:
    """Fresh ids in order."""
    return sorted(RecordId(new_ulid(NOON)) for _ in range(count))


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    """A manifest that is in order."""
    count = draw(st.integers(1, 5))
    return Manifest(
        export=new_ulid(NOON), site=draw(names), requester=draw(names), organisation=draw(names), created_at=NOON,
        expires_at=NOON + timedelta(milliseconds=draw(st.integers(1, 10**9))), purpose=draw(names), legal_basis=draw(names),
        recipient=draw(names), recipient_organisation=draw(names), form=draw(st.sampled_from(BundleForm)),
        key_sha256=draw(digests), records=tuple(ulids(count)), counts={"face": count},
        hold=draw(st.sampled_from([None, new_ulid(NOON)])),
    )  # fmt: skip


@given(manifests())
def test_manifest_has_one_spelling(manifest: Manifest) -> None:
    """What was written reads back; the same JSON with a space, another order or one more field does not."""
    raw = encode_manifest(manifest)
    assert decode_manifest(raw) == manifest
    fields = json.loads(raw)
    others = (
        raw + b" ",
        json.dumps(fields).encode(),
        json.dumps(dict(reversed(fields.items())), separators=(",", ":")).encode(),
        json.dumps(fields | {"more": 1}, separators=(",", ":"), sort_keys=True).encode(),
    )
    for other in others:
        with pytest.raises(Invalid):
            decode_manifest(other)


@given(manifests(), st.data())
def test_manifest_without_a_field(manifest: Manifest, data: st.DataObject) -> None:
    """A missing field, or one of another type, is refused."""
    fields = json.loads(encode_manifest(manifest))
    name = data.draw(st.sampled_from(sorted(set(fields) - {"hold"})))
    without = {key: value for key, value in fields.items() if key != name}
    for other in (without, fields | {name: None}, fields | {name: 7}):
        with pytest.raises(Invalid):
            decode_manifest(json.dumps(other, separators=(",", ":"), sort_keys=True).encode())


@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_refused(data: bytes) -> None:
    """No reader of these formats raises anything but our own errors for bytes that are none of theirs."""
    for read in (decode_manifest, decode_approval, read_receipt, read_bundle, read_sheet):
        with pytest.raises((Invalid, Integrity)):
            read(data)


@given(st.lists(st.integers(0, 9), min_size=0, max_size=12))
def test_records_are_exact(picks: list[int]) -> None:
    """Ids come back sorted when there is at least one and none twice; otherwise nothing does."""
    pool = ulids(10)
    wanted = [pool[pick] for pick in picks]
    if wanted and len(set(wanted)) == len(wanted):
        assert check_records(wanted) == tuple(sorted(wanted))
    else:
        with pytest.raises(Invalid):
            check_records(wanted)


PEOPLE = [("kim", "one"), ("lee", "two"), ("pat", "one"), ("sam", "three"), ("boss", "four")]


@given(st.lists(st.sampled_from(PEOPLE), max_size=5), st.integers(2, 3))
def test_rule_of_approvals(given_by: list[tuple[str, str]], needed: int) -> None:
    """Approvals suffice exactly when enough people of as many organisations gave them, none of them the requester."""
    people = {person for person, _ in given_by}
    organisations = {organisation for _, organisation in given_by}
    right = (
        len(given_by) >= needed
        and len(people) == len(given_by) == len(organisations)
        and "boss" not in people
    )
    assert (list_problems(given_by, requester="boss", needed=needed) == ()) is right


@pytest.mark.parametrize(
    ("origin", "good"),
    [
        ("http://localhost:8443", True), ("http://localhost", True), ("https://localhost:8443", False),
        ("http://localhost.evil.example", False), ("http://evil.example:8443", False), ("http://localhost:8443/x", False),
    ],
)  # fmt: skip
def test_local_origins(origin: str, *, good: bool) -> None:
    """On a loopback console any port of this machine counts, and no other name."""
    data = json.dumps({"origin": origin}).encode()
    assert (list_origins(RelyingParty(LOCALHOST, ()), data) == [origin]) is good
    assert list_origins(RelyingParty("port.example", ("https://port.example",)), data) == [
        "https://port.example"
    ]


def test_approval_has_its_forms_fields() -> None:
    """An approval whose proof has another form's fields, or none, is refused."""
    approval = Approval(
        new_ulid(NOON), "kim", "0" * 64, "a\n1\nb\n", CredentialForm.ED25519, "1" * 64, {"signature": "00"}
    )
    assert decode_approval(encode_approval(approval)) == approval
    for form, proof in (
        (CredentialForm.WEBAUTHN, {"signature": "00"}), (CredentialForm.ED25519, {}),
        (CredentialForm.ED25519, {"signature": "00", "more": "1"}),
    ):  # fmt: skip
        other = Approval(approval.export, "kim", "0" * 64, approval.checkpoint, form, "1" * 64, proof)
        with pytest.raises(Invalid):
            decode_approval(encode_approval(other))


@given(st.integers(0, 2**31), st.integers(1, 9))
def test_bundle_survives_no_change(place: int, value: int) -> None:
    """Whatever byte of a bundle is changed, reading it fails or its sender's signature does."""
    bundle = bytearray(BUNDLE)
    bundle[place % len(bundle)] ^= value
    with contextlib.suppress(Invalid):
        read = read_bundle(bytes(bundle))
        assert read.signature != SIGNATURE or bytes(read.body) != BUNDLE[:-64]


def _make_bundle() -> bytes:
    """A bundle whose wrap is no real one: its layout is what is looked at."""
    (record,) = ulids(1)
    manifest = Manifest(
        new_ulid(NOON), "port", "privacy-1", "agency", NOON, NOON + timedelta(days=1), "audit", "statute", "court", "court",
        BundleForm.WAYSEAL, "0" * 64, (record,), {"face": 1},
    )  # fmt: skip
    evidence = Evidence(SIGNER.public, new_ulid(NOON), (), (), RelyingParty(LOCALHOST, ()), (), "a\n0\nb\n")
    return seal_bundle(
        encode_manifest(manifest), encode_evidence(evidence), [Item(record, "face", "image/jpeg", "", b"nobody")],
        public=b"key", wrap=lambda *_: bytes(1168), signer=SIGNER,
    )  # fmt: skip


BUNDLE = _make_bundle()
SIGNATURE = BUNDLE[-64:]


@pytest.mark.parametrize(
    "text", ["", "age1", "age1" + "q" * 58, "ssh-ed25519 AAAA", "AGE-SECRET-KEY-1XX", "x" * 5000]
)
def test_keys_that_are_none(text: str) -> None:
    """What is no age or SSH public key is refused, and the error does not repeat it."""
    with pytest.raises(Invalid) as refusal:
        read_age_key(text)
    assert not text or text not in str(refusal.value)


def test_receipt_reads_back() -> None:
    """A receipt reads back as it was signed, and a changed outcome does not verify."""
    receipt = ExportReceipt(new_ulid(NOON), "0" * 64, "1" * 64, "received", 3, NOON)
    raw = sign_receipt(receipt, SIGNER)
    assert read_receipt(raw) == receipt
    with pytest.raises(Invalid):
        read_receipt(raw.replace(b"received", b"rejected"))


def test_ssh_key_opens_a_delivery() -> None:
    """Somebody with nothing but an SSH key gets a tar that age opens with it, and a sheet that names the file."""
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    (record,) = ulids(1)
    manifest = Manifest(
        new_ulid(NOON), "port", "privacy-1", "agency", NOON, NOON + timedelta(days=1), "audit", "statute", "court", "court",
        BundleForm.AGE, "0" * 64, (record,), {"face": 1},
    )  # fmt: skip
    evidence = Evidence(SIGNER.public, new_ulid(NOON), (), (), RelyingParty(LOCALHOST, ()), (), "a\n0\nb\n")
    delivery = seal_delivery(
        encode_manifest(manifest), encode_evidence(evidence), [Item(record, "face", "image/jpeg", "", b"nobody")],
        key=public, wrap=lambda *_: b"", signer=SIGNER,
    )  # fmt: skip
    secret = private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    plain = pyrage.decrypt(delivery.data, [pyrage.ssh.Identity.from_buffer(secret)])
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        assert archive.getnames() == ["manifest.json", "evidence.json", f"face/{record}.jpg"]
    assert delivery.sheet is not None
    assert read_sheet(delivery.sheet).bundle_sha256 == delivery.sha256
    assert b"nobody" not in delivery.data + delivery.sheet
