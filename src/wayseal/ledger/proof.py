"""Merkle trees as RFC 6962 section 2.1 has them: hashes, roots, proofs made and proofs checked.

Pure arithmetic on bytes: this module must never read a file, a database, a clock or a key. Hashes are SHA-256, 32 bytes.
A *node* (level, number) is the hash over the complete run of leaves [number * 2**level, (number + 1) * 2**level).
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

from wayseal.model.errors import Invalid, LedgerBroken

HASH_SIZE = 32
EMPTY_ROOT = sha256(b"").digest()
MAX_SIZE = 2**63 - 1

NodeReader = Callable[[int, int], bytes]
"""Gives the hash of node (level, number) of a tree that is complete there."""


def hash_leaf(entry: bytes) -> bytes:
    """Return the leaf hash of an entry: SHA-256(0x00 | entry)."""
    return sha256(b"\x00" + entry).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256(0x01 | left | right)."""
    return sha256(b"\x01" + left + right).digest()


class CompactRange:
    """The few hashes that stand for all leaves so far: one for each 1 bit of the size, widest first.

    Appending costs two hashes on average; the root costs one for each hash held.
    """

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size = size
        self.peaks = list(peaks)
        if len(self.peaks) != size.bit_count():
            raise Invalid("a compact range needs one hash for each 1 bit of its size")

    def append(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Add one leaf hash. Returns the nodes (level, number, hash) that it completes, the leaf itself first."""
        level, number, value = 0, self.size, leaf
        complete = [(level, number, value)]
        while number & 1:
            value = hash_node(self.peaks.pop(), value)
            level, number = level + 1, number >> 1
            complete.append((level, number, value))
        self.peaks.append(value)
        self.size += 1
        return complete

    def root(self) -> bytes:
        """Return the tree's root hash; SHA-256 of nothing for an empty tree."""
        return fold_peaks(self.peaks)


def fold_peaks(peaks: Sequence[bytes]) -> bytes:
    """Return the hash over adjacent runs of leaves, widest first."""
    if not peaks:
        return EMPTY_ROOT
    value = peaks[-1]
    for left in reversed(peaks[:-1]):
        value = hash_node(left, value)
    return value


def list_nodes(begin: int, end: int) -> list[tuple[int, int]]:
    """Return the nodes (level, number) that cover leaves [begin, end), from the left, each as wide as it can be.

    `begin` must be a multiple of a power of two that is no smaller than the run, as every subtree's is.
    """
    nodes = []
    while begin < end:
        level = (end - begin).bit_length() - 1
        if begin:
            level = min(level, (begin & -begin).bit_length() - 1)
        nodes.append((level, begin >> level))
        begin += 1 << level
    return nodes


def compute_root(size: int, node: NodeReader) -> bytes:
    """Return the root hash of the first `size` leaves."""
    return _hash_run(0, size, node)


def _hash_run(begin: int, end: int, node: NodeReader) -> bytes:
    return fold_peaks([node(level, number) for level, number in list_nodes(begin, end)])


def _split(width: int) -> int:
    """Return the largest power of two below `width` (RFC 6962's k); `width` is at least 2."""
    return 1 << ((width - 1).bit_length() - 1)


def prove_inclusion(index: int, size: int, node: NodeReader) -> list[bytes]:
    """Return the inclusion proof of leaf `index` in the tree of `size` leaves: sibling hashes from the leaf up.

    Raises `Invalid` when there is no such leaf. Source: RFC 6962, 2.1.1.
    """
    if not 0 <= index < size:
        raise Invalid(f"no leaf {index} in a tree of {size}", hint="Leaves are counted from 0.")
    begin, end, path = 0, size, []
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((begin, middle))
            begin = middle
    return [_hash_run(first, last, node) for first, last in reversed(path)]


def prove_consistency(first: int, second: int, node: NodeReader) -> list[bytes]:
    """Return the proof that the tree of `second` leaves begins with the tree of `first`; empty when either is trivial.

    Raises `Invalid` unless 0 <= first <= second. Source: RFC 6962, 2.1.2.
    """
    if not 0 <= first <= second:
        raise Invalid(f"no consistency proof from size {first} to {second}")
    if first in {0, second}:
        return []
    begin, end, path, whole = 0, second, [], True
    while first - begin != end - begin:
        middle = begin + _split(end - begin)
        if first <= middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((begin, middle))
            begin, whole = middle, False
    if not whole:
        path.append((begin, end))
    return [_hash_run(low, high, node) for low, high in reversed(path)]


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Raise `LedgerBroken` unless `proof` shows that leaf hash `leaf` is number `index` of the tree (size, root).

    The caller must have verified the signature on (size, root). Source: RFC 9162, 2.1.3.2.
    """
    if not 0 <= index < size <= MAX_SIZE:
        raise LedgerBroken("an inclusion proof for an index outside the tree", index=index, size=size)
    number, last, value = index, size - 1, leaf
    for sibling in proof:
        if last == 0 or len(sibling) != HASH_SIZE:
            raise LedgerBroken("an inclusion proof of the wrong shape", index=index, size=size)
        if number & 1 or number == last:
            value = hash_node(sibling, value)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            value = hash_node(value, sibling)
        number, last = number >> 1, last >> 1
    if last or value != root:
        raise LedgerBroken("the inclusion proof does not lead to the root", index=index, size=size)


def verify_consistency(
    first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]
) -> None:
    """Raise `LedgerBroken` unless `proof` shows that tree (second, second_root) begins with tree (first, first_root).

    From an empty tree every tree grows: then the proof must be empty. Source: RFC 9162, 2.1.4.2.
    """
    if not 0 <= first <= second <= MAX_SIZE or any(len(value) != HASH_SIZE for value in proof):
        raise LedgerBroken("a consistency proof of the wrong shape", first=first, second=second)
    if first in {0, second}:
        known = EMPTY_ROOT if first == 0 else second_root
        if proof or first_root != known or (second == 0 and second_root != EMPTY_ROOT):
            raise LedgerBroken(
                "two trees of one size differ, or a proof where none is due", first=first, second=second
            )
        return
    old, new = _climb_both(first, second, first_root, proof)
    if old != first_root or new != second_root:
        raise LedgerBroken("the consistency proof does not lead to both roots", first=first, second=second)


def _climb_both(first: int, second: int, first_root: bytes, proof: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Return the two roots that a consistency proof leads to; 0 < first < second."""
    path = list(proof) if first & (first - 1) else [first_root, *proof]
    if not path:
        raise LedgerBroken("an empty consistency proof", first=first, second=second)
    number, last = first - 1, second - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    old = new = path[0]
    for value in path[1:]:
        if last == 0:
            raise LedgerBroken("a consistency proof that is too long", first=first, second=second)
        if number & 1 or number == last:
            old, new = hash_node(value, old), hash_node(value, new)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            new = hash_node(new, value)
        number, last = number >> 1, last >> 1
    if last:
        raise LedgerBroken("a consistency proof that is too short", first=first, second=second)
    return old, new
