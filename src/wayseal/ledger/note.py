"""Signed notes and verifier keys as text: read strictly, written exactly (C2SP signed-note).

Owns the spelling. It must never decide whether a signature is good: that is `ledger.checkpoint`.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import sha256

from wayseal.model.errors import Invalid

MAX_NOTE = 512 * 1024
MAX_SIGNATURES = 128
MAX_NAME = 255
_DASH = "\N{EM DASH} "
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f]")


class KeyKind(IntEnum):
    """The signature types Wayseal reads and writes."""

    ED25519 = 0x01
    ED25519_COSIGNATURE = 0x04
    MLDSA44_COSIGNATURE = 0x06


PUBLIC_SIZE = {KeyKind.ED25519: 32, KeyKind.ED25519_COSIGNATURE: 32, KeyKind.MLDSA44_COSIGNATURE: 1312}


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with its name and signature type; `str()` is its vkey."""

    name: str
    kind: KeyKind
    public: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_key_name(self.name)
        if len(self.public) != PUBLIC_SIZE[self.kind]:
            raise Invalid(f"a verifier key of type {self.kind} has {PUBLIC_SIZE[self.kind]} bytes")

    @property
    def key_id(self) -> bytes:
        """The four bytes that, with the name, mark this key's signature lines."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    @property
    def algorithm(self) -> str:
        """The signature algorithm by its usual name."""
        return "ML-DSA-44" if self.kind is KeyKind.MLDSA44_COSIGNATURE else "Ed25519"

    def __str__(self) -> str:
        encoded = base64.b64encode(bytes([self.kind]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line of a note, unverified."""

    name: str
    key_id: bytes
    signature: bytes = field(repr=False)

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.signature).decode()}"


@dataclass(frozen=True, slots=True)
class Note:
    """A text with signature lines, unverified. `text` ends in a newline; `str()` is the note."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def __str__(self) -> str:
        return self.text + "\n" + format_signatures(self.signatures)


def check_key_name(name: str) -> str:
    """Return `name` when a key may have it: no spaces, no plus, no control characters, 1-255 bytes. Raises `Invalid`."""
    if (
        not name
        or "+" in name
        or any(character.isspace() or ord(character) < 0x20 for character in name)
        or len(name.encode("utf-8", "surrogatepass")) > MAX_NAME
    ):
        raise Invalid(
            "a key name has spaces, a plus, or a wrong length",
            hint="Use a host and a path: port.example/ledger.",
        )
    return name


def decode_base64(text: str, what: str) -> bytes:
    """Return the bytes of canonical standard base64. Raises `Invalid` for any other spelling."""
    try:
        data = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise Invalid(f"{what} is not base64") from None
    if base64.b64encode(data).decode() != text:
        raise Invalid(f"{what} is not canonical base64")
    return data


def decode_decimal(text: str, what: str) -> int:
    """Return the number that ASCII decimal without leading zeros spells, at most 2**63 - 1. Raises `Invalid` otherwise."""
    if not re.fullmatch(r"0|[1-9][0-9]{0,18}", text, re.ASCII) or int(text) > 2**63 - 1:
        raise Invalid(f"{what} is not a decimal number")
    return int(text)


def parse_vkey(text: str) -> VerifierKey:
    """Return the key that a vkey line spells. Raises `Invalid` when it is malformed, of another type, or its id is not its key's."""
    parts = text.removesuffix("\n").split("+", 2)
    if len(parts) != 3:
        raise Invalid("not a verifier key", hint="Name a file with one, or give it: name+1a2b3c4d+BASE64.")
    data = decode_base64(parts[2], "the verifier key")
    if not data or data[0] not in set(KeyKind):
        raise Invalid(
            "a verifier key of an unknown type", hint="Types 1 (Ed25519), 4 and 6 (cosignatures) are known."
        )
    key = VerifierKey(parts[0], KeyKind(data[0]), data[1:])
    if parts[1] != key.key_id.hex():
        raise Invalid("a verifier key whose id is not its own")
    return key


def parse_note(data: bytes | str) -> Note:
    """Return the note that the bytes spell, with at least one signature line. Raises `Invalid` for anything else."""
    try:
        text = data.decode() if isinstance(data, bytes) else data
        size = len(text.encode())
    except UnicodeError:
        raise Invalid("a signed note that is not UTF-8") from None
    if size > MAX_NOTE or _CONTROL.search(text) or not text.endswith("\n"):
        raise Invalid("a signed note that is too large, has control characters or does not end in a newline")
    body, gap, lines = text.rpartition("\n\n")
    if not gap or not lines:
        raise Invalid("a signed note without an empty line before its signatures")
    return Note(body + "\n", parse_signatures(lines))


def parse_signatures(lines: str) -> tuple[NoteSignature, ...]:
    """Return the signature lines of a note, or of a witness's answer. Raises `Invalid` unless there are 1 to 128 good ones."""
    rows = lines.split("\n")
    if rows.pop() != "" or not 1 <= len(rows) <= MAX_SIGNATURES:
        raise Invalid("a signed note without signature lines, or with too many")
    return tuple(_parse_signature(row) for row in rows)


def _parse_signature(row: str) -> NoteSignature:
    parts = row.removeprefix(_DASH).split(" ")
    if not row.startswith(_DASH) or len(parts) != 2:
        raise Invalid("a malformed signature line")
    data = decode_base64(parts[1], "a signature")
    if len(data) <= 4:
        raise Invalid("a signature line without a signature")
    return NoteSignature(check_key_name(parts[0]), data[:4], data[4:])


def format_signatures(signatures: Iterable[NoteSignature]) -> str:
    """Return signature lines as a note and a witness's answer have them."""
    return "".join(f"{signature}\n" for signature in signatures)
