"""What plaintext looks like from inside a run of bytes: pictures, video, keys. Structure is checked, not just magic numbers.

Owns the signatures and their plausibility checks, which are pure functions of bytes. Each check is strict enough that
10 GB of sealed (random) bytes are expected to give far less than one finding (`docs/howto/erase-and-prove.md`).
"""

import base64
import binascii
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

WINDOW = 256 * 1024
"""Bytes after a signature that a check may look at."""

Check = Callable[[bytes, int], bool]
"""(data, position of the mark) -> plausible."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Bytes to look for, how far into the thing they stand, what it would be, and the check that decides.

    A mark has at least two bytes, the rarer the better.
    """

    mark: bytes
    kind: str
    check: Check
    before: int = 0


def _has(*texts: bytes) -> Check:
    """Return a check for any of some exact bytes at the position."""
    return lambda data, at: data.startswith(texts, at)


_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_NAMED = (
    b"JFIF\0",
    b"Exif\0\0",
    b"Adobe",
    b"ICC_PROFILE\0",
    b"http://ns.adobe.com/",
    b"Photoshop 3.0",
    b"JFXX\0",
)
_PLAIN = frozenset((0xC4, 0xDB, 0xDD, 0xFE))
_TABLES = frozenset(2 + 65 * count for count in range(1, 5))


def is_jpeg(data: bytes, at: int) -> bool:
    """Say whether a JPEG starts here: marker by marker to a plausible frame header, or to a segment that names itself."""
    place = at + 2
    for _ in range(40):
        if place + 4 > len(data) or data[place] != 0xFF:
            return False
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        if marker in _SOF:
            return _is_frame_header(data, place + 4, length)
        if _names_itself(data, place + 4, marker, length):
            return True
        if length < 2 or (marker not in _PLAIN and not 0xE0 <= marker <= 0xEF):
            return False
        place += 2 + length
    return False


def _names_itself(data: bytes, at: int, marker: int, length: int) -> bool:
    """Say whether a JPEG segment is one that chance does not make: a named application segment or quantisation tables."""
    if 0xE0 <= marker <= 0xEF:
        return data.startswith(_NAMED, at)
    return marker == 0xDB and length in _TABLES and data[at : at + 1] in (b"\0", b"\1")


def _is_frame_header(data: bytes, at: int, length: int) -> bool:
    """Say whether a JPEG frame header is consistent: precision, size, and length that fits its components."""
    if at + 6 > len(data):
        return False
    precision, height, width, components = struct.unpack_from(">BHHB", data, at)
    return (
        precision in (8, 12)
        and components in (1, 3, 4)
        and length == 8 + 3 * components
        and width * height > 0
    )


_HUFFMAN = bytes.fromhex("ffc4001f0000010501010101010100000000000000000102030405060708090a0b")


def _is_png(data: bytes, at: int) -> bool:
    return data.startswith(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", at)


def _is_riff(data: bytes, at: int) -> bool:
    form, first = data[at + 8 : at + 12], data[at + 12 : at + 16]
    return (form == b"WEBP" and first in (b"VP8 ", b"VP8L", b"VP8X")) or (
        form == b"AVI " and first == b"LIST"
    )


def _is_bmp(data: bytes, at: int) -> bool:
    if at + 30 > len(data):
        return False
    size, reserved, start, header = struct.unpack_from("<IIII", data, at + 2)
    planes, bits = struct.unpack_from("<HH", data, at + 26)
    known = header in (40, 52, 56, 64, 108, 124) and bits in (1, 4, 8, 16, 24, 32)
    return reserved == 0 and known and planes == 1 and 14 + header <= start <= min(size, 4096)


def _is_tiff(data: bytes, at: int) -> bool:
    order = "<" if data[at : at + 2] == b"II" else ">"
    if at + 8 > len(data):
        return False
    (start,) = struct.unpack_from(f"{order}I", data, at + 4)
    place = at + start
    if place + 2 > len(data):
        return at == 0 and start >= 8
    (count,) = struct.unpack_from(f"{order}H", data, place)
    if not 2 <= count <= 512 or place + 2 + 12 * count > len(data):
        return False
    entries = [struct.unpack_from(f"{order}HH", data, place + 2 + 12 * n) for n in range(count)]
    tags = [tag for tag, _ in entries]
    typed = all(1 <= kind <= 18 for _, kind in entries)
    return typed and tags == sorted(tags) and {256, 257} <= set(tags)


_NETPBM = re.compile(
    rb"P[2356][ \t\r\n]+(?:#[^\n]{0,200}\n)*\d{1,5}[ \t\r\n]+\d{1,5}[ \t\r\n]+\d{1,5}[ \t\r\n]"
)
_BRANDS = frozenset(
    (b"isom", b"iso2", b"iso3", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"qt  ", b"dash",
     b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif", b"avis", b"3gp4", b"3gp5", b"3gp6")
)  # fmt: skip
_PROFILES = frozenset((66, 77, 88, 100, 110, 122, 244, 44))
_LEVELS = frozenset((9, 10, 11, 12, 13, 20, 21, 22, 30, 31, 32, 40, 41, 42, 50, 51, 52, 60, 61, 62))


def _is_netpbm(data: bytes, at: int) -> bool:
    return _NETPBM.match(data, at, at + 300) is not None


def _is_mp4(data: bytes, at: int) -> bool:
    size = int.from_bytes(data[at - 4 : at], "big")
    return at >= 4 and 16 <= size <= 256 and data[at + 4 : at + 8] in _BRANDS


def _is_h264(data: bytes, at: int) -> bool:
    """A sequence parameter set after a start code, and a picture parameter set soon after it (Annex B)."""
    if at < 2 or data[at - 2 : at] != b"\0\0" or at + 6 > len(data):
        return False
    profile, flags, level = data[at + 2 : at + 5]
    if profile not in _PROFILES or flags & 3 or level not in _LEVELS:
        return False
    return re.compile(rb"\0\0\x01[\x28\x48\x68]").search(data, at + 5, at + 5 + 256) is not None


def _is_matroska(data: bytes, at: int) -> bool:
    return any(name in data[at : at + 64] for name in (b"matroska", b"webm"))


_BASE64 = re.compile(rb"[A-Za-z0-9+/_\r\n-]{64,16384}")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_HEX = re.compile(rb"[0-9A-Fa-f]{64,16384}")


def _decode_base64(data: bytes, at: int) -> bytes:
    """Return what a run of base64 at a position encodes; nothing when the run is short."""
    found = _BASE64.match(data, at)
    text = b"" if found is None else re.sub(rb"[\r\n]", b"", found.group())
    return base64.b64decode(text[: len(text) // 4 * 4].translate(_URL_SAFE))


def _is_base64_jpeg(data: bytes, at: int) -> bool:
    return is_jpeg(_decode_base64(data, at), 0)


def _is_base64_png(data: bytes, at: int) -> bool:
    return _is_png(_decode_base64(data, at), 0)


def _is_hex_jpeg(data: bytes, at: int) -> bool:
    found = _HEX.match(data, at)
    return found is not None and is_jpeg(binascii.unhexlify(found.group()[: len(found.group()) // 2 * 2]), 0)


def _is_array(data: bytes, at: int) -> bool:
    return data.startswith(b"\x93NUMPY", at) and b"'descr'" in data[at : at + 128]


_PEM = re.compile(rb"-----BEGIN (?:[A-Z0-9]{2,12} ){0,2}PRIVATE KEY-----\s+(?:[A-Za-z0-9+/=:,. -]{8,}\s+)")
_AGE = re.compile(rb"AGE-SECRET-KEY-(?:PQ-)?1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{40,}", re.IGNORECASE)


def _is_pem(data: bytes, at: int) -> bool:
    return _PEM.match(data, at) is not None


def _is_age(data: bytes, at: int) -> bool:
    return _AGE.match(data, at) is not None


def _is_rsa(data: bytes, at: int) -> bool:
    """A PKCS#1 private key: version 0, then a modulus of a usual size that begins with a zero byte."""
    modulus = data[at + 7 : at + 12]
    sizes = (b"\x02\x82\x01\x01\0", b"\x02\x82\x01\x81\0", b"\x02\x82\x02\x01\0")
    return data[at + 4 : at + 7] == b"\x02\x01\0" and modulus in sizes


_ED25519 = bytes.fromhex("302e020100300506032b657004220420")
_X25519 = bytes.fromhex("302e020100300506032b656e04220420")
_EC = bytes.fromhex("020100301306072a8648ce3d0201")
_PKCS8_RSA = bytes.fromhex("020100300d06092a864886f70d010101")
_LATTICE = bytes.fromhex("020100300b060960864801650304")

_JPEG_NEXT = (0xC0, 0xC1, 0xC2, 0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0))

SIGNATURES: tuple[Signature, ...] = (
    *(Signature(bytes((0xFF, 0xD8, 0xFF, marker)), "jpeg", is_jpeg) for marker in _JPEG_NEXT),
    Signature(_HUFFMAN[:4], "jpeg-fragment", _has(_HUFFMAN)),
    Signature(b"\x89PNG", "png", _is_png),
    Signature(b"RIFF", "riff", _is_riff),
    Signature(b"BM", "bmp", _is_bmp),
    Signature(b"II*\0", "tiff", _is_tiff),
    Signature(b"MM\0*", "tiff", _is_tiff),
    *(Signature(mark, "netpbm", _is_netpbm) for mark in (b"P2", b"P3", b"P5", b"P6")),
    Signature(b"ftyp", "mp4", _is_mp4, before=4),
    *(Signature(bytes((1, nal)), "h264", _is_h264, before=2) for nal in (0x27, 0x47, 0x67)),
    Signature(b"\x1a\x45\xdf\xa3", "matroska", _is_matroska),
    Signature(b"/9j/", "jpeg-base64", _is_base64_jpeg),
    Signature(b"_9j_", "jpeg-base64", _is_base64_jpeg),
    Signature(b"iVBO", "png-base64", _is_base64_png),
    Signature(b"ffd8", "jpeg-hex", _is_hex_jpeg),
    Signature(b"FFD8", "jpeg-hex", _is_hex_jpeg),
    Signature(b"\x93NUM", "array", _is_array),
    Signature(b"----", "key-pem", _is_pem),
    Signature(b"AGE-", "key-age", _is_age),
    Signature(b"age-", "key-age", _is_age),
    Signature(b"open", "key-openssh", _has(b"openssh-key-v1\0")),
    Signature(_ED25519[:4], "key-pkcs8", _has(_ED25519, _X25519)),
    *(Signature(mark[:4], "key-pkcs8", _has(mark)) for mark in (_EC, _PKCS8_RSA, _LATTICE)),
    *(Signature(bytes((0x30, 0x82, high)), "key-pkcs1", _is_rsa) for high in (0x04, 0x06, 0x09)),
)
