"""An official's key on paper: its seed as SLIP-39 word lists, any m of n of which give it back (extra `ceremony`).

For keys that sign a few times a year and whose loss would need a visit to every lane. Never for keys that open
records: those have no copy anywhere. The library that does the arithmetic is reference code and not hardened against
side channels: use it on a machine that is offline and trusted.
"""

from collections.abc import Sequence
from types import ModuleType

from wayseal.model.errors import Integrity, Invalid, Unavailable

SEED_SIZE = 32


def _load_library() -> ModuleType:
    """Return the SLIP-39 library. Raises `Unavailable` when the extra is not installed."""
    try:
        import shamir_mnemonic  # noqa: PLC0415 - an extra: only the ceremony's machine needs it
    except ImportError:
        raise Unavailable("the SLIP-39 library is not installed", hint="Install wayseal[ceremony].") from None
    library: ModuleType = shamir_mnemonic
    return library


def split_seed(
    seed: bytes | bytearray, *, needed: int, total: int, passphrase: bytes = b""
) -> tuple[str, ...]:
    """Return `total` word lists (33 words each), any `needed` of which give the seed back.

    With a passphrase the words alone are not enough. A *wrong* passphrase later gives another seed, not an error.
    """
    if len(seed) != SEED_SIZE or not 2 <= needed <= total <= 16:
        raise Invalid("shares are for a 32-byte seed, 2 to 16 of them, of which at least 2 are needed")
    shares: list[list[str]] = _load_library().generate_mnemonics(
        1, [(needed, total)], bytes(seed), passphrase
    )
    return tuple(shares[0])


def join_shares(shares: Sequence[str], *, passphrase: bytes = b"") -> bytearray:
    """Return the seed in a buffer that the caller zeroes.

    Raises `Integrity` when the word lists are too few, mistyped, or of different seeds. No word is repeated in the error.
    """
    library = _load_library()
    try:
        seed = library.combine_mnemonics([" ".join(share.lower().split()) for share in shares], passphrase)
    except (library.MnemonicError, ValueError, KeyError):
        raise Integrity(
            "the shares do not give a key",
            hint="Each word list carries a checksum: look for a mistyped word, a missing share, or one of another set.",
        ) from None
    return bytearray(seed)
