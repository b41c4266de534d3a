"""A verifier of exported ledgers written from the public specification texts alone; it shares no code with Wayseal.

It reads tiles, checkpoints, cosignatures of both algorithms and offline proofs with nothing but hashlib, base64 and the
signature primitives, and recurses over leaves as RFC 6962 writes it. Slow and short on purpose.
"""

import base64
import hashlib
import struct
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa


def sha(data: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data).digest()


def tree_hash(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, over leaf hashes."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha(b"")
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    return sha(b"\x01" + tree_hash(leaves[:half]) + tree_hash(leaves[half:]))


def read_key(vkey: str) -> tuple[str, bytes, int, bytes]:
    """Name, id, type and raw public key of a verifier key; the id must be the key's own."""
    name, key_id, encoded = vkey.strip().split("+", 2)
    raw = base64.b64decode(encoded, validate=True)
    if sha(name.encode() + b"\n" + raw)[:4].hex() != key_id:
        raise ValueError("key id")
    return name, bytes.fromhex(key_id), raw[0], raw[1:]


def check_note(note: str, vkeys: list[str]) -> tuple[str, int, bytes, list[str]]:
    """Origin, size and root of a checkpoint, and the names of those keys, in order, that signed it well."""
    body, lines = note.rsplit("\n\n", 1)
    body += "\n"
    origin, size, root = body.splitlines()
    signed = []
    for vkey in vkeys:
        name, key_id, kind, public = read_key(vkey)
        for line in lines.splitlines():
            dash, who, blob = line.split(" ")
            raw = base64.b64decode(blob, validate=True)
            if (dash, who, raw[:4]) != ("\N{EM DASH}", name, key_id):
                continue
            stamp = struct.unpack(">Q", raw[4:12])[0] if kind != 1 else 0
            if kind == 1:
                ed25519.Ed25519PublicKey.from_public_bytes(public).verify(raw[4:], body.encode())
            elif kind == 4:
                message = f"cosignature/v1\ntime {stamp}\n{body}".encode()
                ed25519.Ed25519PublicKey.from_public_bytes(public).verify(raw[12:], message)
            else:
                message = (
                    b"subtree/v1\n\0"
                    + struct.pack(">B", len(name))
                    + name.encode()
                    + struct.pack(">Q", stamp)
                )
                message += struct.pack(">B", len(origin)) + origin.encode() + struct.pack(">QQ", 0, int(size))
                mldsa.MLDSA44PublicKey.from_public_bytes(public).verify(
                    raw[12:], message + base64.b64decode(root)
                )
            signed.append(f"{name}/{kind}")
    return origin, int(size), base64.b64decode(root), signed


def read_tile(folder: Path, level: str, number: int, width: int) -> bytes:
    """The bytes of one tile or bundle."""
    digits = f"{number:03}" if number < 1000 else f"x{number // 1000:03}/{number % 1000:03}"
    return (folder / "tile" / level / (digits if width == 256 else f"{digits}.p/{width}")).read_bytes()


def check_export(folder: Path, vkeys: list[str]) -> tuple[int, list[bytes], list[str]]:
    """Size, entries and good signers of an exported folder; every tile must be what its entries make of it."""
    _, size, root, signed = check_note((folder / "checkpoint").read_text(encoding="utf-8"), vkeys)
    entries: list[bytes] = []
    for number in range(-(-size // 256)):
        data = read_tile(folder, "entries", number, min(256, size - 256 * number))
        while data:
            length = int.from_bytes(data[:2], "big")
            entries.append(data[2 : 2 + length])
            data = data[2 + length :]
    row = [sha(b"\x00" + entry) for entry in entries]
    if len(row) != size or tree_hash(row) != root:
        raise ValueError("root")
    level = 0
    while row:
        for number in range(-(-len(row) // 256)):
            part = row[256 * number : 256 * number + 256]
            if read_tile(folder, str(level), number, len(part)) != b"".join(part):
                raise ValueError("tile")
        row = [tree_hash(row[256 * number : 256 * number + 256]) for number in range(len(row) // 256)]
        level += 1
    return size, entries, signed


def check_offline(text: str, entry: bytes, vkeys: list[str]) -> list[str]:
    """The good signers of an offline proof of these entry bytes, when its path leads to the signed root."""
    head, checkpoint = text.split("\n\n", 1)
    _, index, *path = head.splitlines()
    _, size, root, signed = check_note(checkpoint, vkeys)

    def climb(value: bytes, place: int, count: int, rest: list[bytes]) -> bytes:
        if count == 1:
            return value
        half = 1 << ((count - 1).bit_length() - 1)
        if place < half:
            return sha(b"\x01" + climb(value, place, half, rest[:-1]) + rest[-1])
        return sha(b"\x01" + rest[-1] + climb(value, place - half, count - half, rest[:-1]))

    hashes = [base64.b64decode(line) for line in path]
    if climb(sha(b"\x00" + entry), int(index.removeprefix("index ")), size, hashes) != root:
        raise ValueError("path")
    return signed
