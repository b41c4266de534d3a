"""Write docs/spec/vectors/sealed-record: sealed records with every key published, and records with one defect each.

Run it only when the format changes: `python tests/golden/sealed-record/make_record_vectors.py`. All is fixed but the HPKE
encapsulations, which the cryptography library draws at random; so wraps change when the vectors are written again.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wayseal.model.custody import Kind, SealHeader
from wayseal.model.ids import EpochId, RecordId
from wayseal.seal import envelope, rewrap
from wayseal.seal.keys import SigningIdentity
from wayseal.seal.padding import pad_body
from wayseal.seal.strict import encode_canonical
from wayseal.seal.suite import derive_public, key_id, sha256, wrap_key

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "spec" / "vectors" / "sealed-record"
LANE = SigningIdentity("lane-1", b"\x01" * 32)
KEYROOM = SigningIdentity("keyroom", b"\x02" * 32)
STRANGER = SigningIdentity("stranger", b"\x03" * 32)
SHORT, LONG, LEGAL = (EpochId(f"{name}/2026-11-22T07Z") for name in ("citizen", "non_citizen", "hold"))
SEEDS = {SHORT: b"\x11" * 32, LONG: b"\x12" * 32, LEGAL: b"\x13" * 32, "citizen replica": b"\x14" * 32}
PUBLICS = {name: derive_public(seed) for name, seed in SEEDS.items()}
DATA_KEY = bytes(range(32))
NONCE = bytes(range(100, 112))
BODY = b"A sealed record of the specification. It shows nobody."
HEADER = SealHeader(
    object_id=RecordId("01KB3Z6V8N4Q0T2Y5RWXEJ7MCH"),
    lane="lane-1",
    device=hashlib.sha256(LANE.public).hexdigest(),
    epoch=SHORT,
    record_class="citizen",
    kind=Kind.DOCUMENT,
    padded_size=512,
    previous="0" * 64,
    sealed_at=datetime(2026, 11, 22, 7, 9, 0, 123000, tzinfo=UTC),
)


@dataclass
class Draft:
    """A record being put together, each part open to damage before the device signs."""

    header: bytes = envelope.encode_header(HEADER)
    padded: bytes = pad_body(BODY)
    recipients: tuple[bytes, ...] = (PUBLICS[SHORT],)
    aad: bytes | None = None
    info: bytes | None = None
    signer: SigningIdentity = LANE

    def parts(self) -> list[bytes]:
        """Return magic and suite, header with its length, wraps, nonce, ciphertext, signature."""
        aad = self.aad or sha256(self.header)
        ciphertext = AESGCM(DATA_KEY).encrypt(NONCE, self.padded, aad)
        wraps = bytes((len(self.recipients),)) + b"".join(
            key_id(public) + wrap_key(public, DATA_KEY, self.info or envelope.INFO + aad)
            for public in self.recipients
        )
        signature = self.signer.sign(envelope.signed_bytes(self.header, wraps, NONCE, ciphertext))
        start = envelope.MAGIC + b"\x01"
        return [start, len(self.header).to_bytes(2, "big") + self.header, wraps, NONCE, ciphertext, signature]

    def data(self) -> bytes:
        """Return the record."""
        return b"".join(self.parts())


def make_block(
    record: bytes, epoch: EpochId, *, previous: str = "0" * 64, signer: SigningIdentity = KEYROOM
) -> bytes:
    """Return a re-wrap block for a record."""
    header = rewrap.encode_rewrap(
        rewrap.Rewrap(
            object_id=HEADER.object_id,
            original=hashlib.sha256(record).hexdigest(),
            previous=previous,
            epoch=epoch,
            record_class=epoch.split("/")[0],
            reason="decision.refer" if epoch == LONG else "hold.court",
            rewrapped_at=HEADER.sealed_at,
            keyroom=hashlib.sha256(signer.public).hexdigest(),
        )
    )
    sealed = wrap_key(PUBLICS[epoch], DATA_KEY, rewrap.wrap_info(header))
    signature = signer.sign(rewrap.signed_bytes(header, key_id(PUBLICS[epoch]), sealed))
    size = len(header).to_bytes(2, "big")
    return b"".join((rewrap.MAGIC, size, header, key_id(PUBLICS[epoch]), sealed, signature))


def header_with(**changed: object) -> bytes:
    """Return the header as canonical JSON with fields changed, added, or (None) removed; no rule is checked."""
    fields: dict[str, Any] = {**json.loads(envelope.encode_header(HEADER)), **changed}
    return encode_canonical({name: value for name, value in fields.items() if value is not None})


def flip(data: bytes, position: int) -> bytes:
    """Return the data with one bit changed."""
    return data[:position] + bytes((data[position] ^ 1,)) + data[position + 1 :]


def valid_records() -> dict[str, tuple[bytes, bytes, str]]:
    """Return name -> (record, body, what it shows)."""
    plain = Draft().data()
    block = make_block(plain, LONG)
    second = make_block(plain, LEGAL, previous=hashlib.sha256(block).hexdigest())
    both = Draft(recipients=(PUBLICS[SHORT], PUBLICS["citizen replica"])).data()
    exact = Draft(padded=pad_body(bytes(511))).data()
    return {
        "plain": (plain, BODY, "One wrap, a short body in the smallest bucket."),
        "two-replicas": (both, BODY, "Two wraps: the epoch's key pairs in two key keepers."),
        "empty-body": (Draft(padded=pad_body(b"")).data(), b"", "A body of no bytes."),
        "full-bucket": (exact, bytes(511), "511 zero bytes: the marker is the bucket's last byte."),
        "rewrapped": (plain + block, BODY, "Kept in a longer class by one re-wrap."),
        "rewrapped-twice": (plain + block + second, BODY, "Kept in a longer class, then held."),
    }


def malformed_records() -> dict[str, bytes]:
    """Return the records that a parser must refuse before it looks at any signature, named for their defect."""
    plain = Draft().data()
    start, header, wraps, *rest = Draft().parts()
    tail = b"".join(rest)
    block = make_block(plain, LONG)
    later = make_block(plain, LEGAL, previous=hashlib.sha256(block).hexdigest())
    text = header[2:]

    def with_header(raw: bytes) -> bytes:
        return Draft(header=raw).data()

    def with_wraps(raw: bytes) -> bytes:
        return start + header + raw + tail

    return {
        "empty-file": b"",
        "wrong-magic": b"WAYSEAL2" + plain[8:],
        "unknown-suite": plain[:8] + b"\x02" + plain[9:],
        "header-length-over-limit": start + (4097).to_bytes(2, "big") + text.ljust(4097) + wraps + tail,
        "header-not-json": with_header(text[:-1]),
        "header-with-space": with_header(text.replace(b'":"', b'": "', 1)),
        "header-field-twice": with_header(text[:-1] + b',"lane":"lane-1"}'),
        "header-field-missing": with_header(header_with(lane=None)),
        "header-field-unknown": with_header(header_with(plate="x")),
        "header-lane-malformed": with_header(header_with(lane="Lane 1")),
        "header-id-malformed": with_header(header_with(object_id="01kb3z6v8n4q0t2y5rwxej7mch")),
        "header-digest-malformed": with_header(header_with(previous="0" * 63)),
        "header-kind-unknown": with_header(header_with(kind="voice")),
        "header-class-not-of-epoch": with_header(header_with(record_class="ees")),
        "header-time-outside-epoch": with_header(header_with(sealed_at="2026-11-22T08:00:00.000Z")),
        "header-time-without-milliseconds": with_header(header_with(sealed_at="2026-11-22T07:09:00Z")),
        "header-size-not-a-bucket": with_header(header_with(padded_size=513)),
        "header-size-over-limit": with_header(header_with(padded_size=2**27)),
        "header-size-not-a-number": with_header(header_with(padded_size="512")),
        "no-wrap": with_wraps(b"\x00"),
        "nine-wraps": with_wraps(b"\x09" + b"".join(bytes((n,)) + wraps[2:] for n in range(9))),
        "two-wraps-for-one-key": with_wraps(b"\x02" + wraps[1:] * 2),
        "cut-in-header": plain[:100],
        "cut-in-wraps": plain[: len(start) + len(header) + 500],
        "cut-in-body": plain[:-200],
        "cut-in-signature": plain[:-1],
        "byte-after-end": plain + b"\x00",
        "rewrap-cut": plain + block[:-1],
        "rewrap-of-other-record": Draft().data() + make_block(b"another", LONG),
        "rewrap-without-its-predecessor": plain + later,
        "rewrap-twice-the-same": plain + block + block,
        "rewrap-header-over-limit": plain + b"KEEP" + (1025).to_bytes(2, "big") + bytes(3000),
    }


def forged_records() -> dict[str, bytes]:
    """Return well-formed records whose signature, the device's or a keyroom's, must not verify."""
    plain = Draft().data()
    start, header, wraps, nonce, ciphertext, signature = Draft().parts()
    block = make_block(plain, LONG)
    other_reason = block.replace(b'"decision.refer"', b'"decision.admit"')
    return {
        "lane-changed": plain.replace(b'"lane-1"', b'"lane-2"'),
        "nonce-bit-flipped": start + header + wraps + flip(nonce, 0) + ciphertext + signature,
        "body-bit-flipped": start + header + wraps + nonce + flip(ciphertext, 300) + signature,
        "tag-bit-flipped": start + header + wraps + nonce + flip(ciphertext, 527) + signature,
        "wrap-bit-flipped": start + header + flip(wraps, 600) + nonce + ciphertext + signature,
        "key-id-bit-flipped": start + header + flip(wraps, 1) + nonce + ciphertext + signature,
        "signature-bit-flipped": plain[:-64] + flip(signature, 5),
        "signed-by-stranger": Draft(signer=STRANGER).data(),
        "rewrap-reason-changed": plain + other_reason,
        "rewrap-wrap-bit-flipped": plain + flip(block, len(block) - 100),
        "rewrap-by-stranger": plain + make_block(plain, LONG, signer=STRANGER),
    }


def unopenable_records() -> dict[str, bytes]:
    """Return records that a faulty or malicious device signed itself: they verify, and must not open."""
    foreign = sha256(b"another header")
    return {
        "wrap-bound-to-other-header": Draft(info=envelope.INFO + foreign).data(),
        "body-bound-to-other-header": Draft(
            aad=foreign, info=envelope.INFO + sha256(envelope.encode_header(HEADER))
        ).data(),
        "padding-without-marker": Draft(padded=bytes(512)).data(),
        "padding-of-other-bytes": Draft(padded=pad_body(BODY)[:-1] + b"\x01").data(),
        "padding-not-the-smallest": Draft(
            header=header_with(padded_size=1024), padded=pad_body(BODY) + bytes(512)
        ).data(),
    }


def main() -> None:
    """Write all vectors and the keys."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    keys = {
        "device_public": LANE.public.hex(),
        "device_seed": (b"\x01" * 32).hex(),
        "keyroom_public": KEYROOM.public.hex(),
        "keyroom_seed": (b"\x02" * 32).hex(),
        "data_key": DATA_KEY.hex(),
        "nonce": NONCE.hex(),
        "epochs": [
            {"name": name, "seed": seed.hex(), "public": base64.b64encode(PUBLICS[name]).decode()}
            for name, seed in SEEDS.items()
        ],
    }
    _write("keys", keys)
    for name, (record, body, shows) in valid_records().items():
        _write(
            f"valid-{name}", {"shows": shows, "body": body.hex(), "record": base64.b64encode(record).decode()}
        )
    for fails_at, records in (
        ("parse", malformed_records()),
        ("signature", forged_records()),
        ("open", unopenable_records()),
    ):
        for name, record in records.items():
            _write(f"invalid-{name}", {"fails_at": fails_at, "record": base64.b64encode(record).decode()})


def _write(name: str, fields: dict[str, Any]) -> None:
    (FOLDER / f"{name}.json").write_text(json.dumps(fields, indent=1) + "\n")


if __name__ == "__main__":
    main()
