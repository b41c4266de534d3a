"""Span proofs: that a run of neighbouring entries is exactly what a signed root covers, with two short lists of hashes.

One inclusion proof an entry would repeat the same hashes 184,000 times. A span proof holds the hashes left and right of the
run, from which whoever has the entries computes the root again. Pure arithmetic, like `ledger.proof`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from wayseal.ledger.proof import (
    HASH_SIZE,
    MAX_SIZE,
    CompactRange,
    NodeReader,
    fold_peaks,
    hash_node,
    list_nodes,
)
from wayseal.model.errors import Invalid, LedgerBroken


@dataclass(frozen=True, slots=True)
class SpanProof:
    """Leaves [begin, end) of a tree of `size` leaves; `left` and `right` are the widest nodes beside them, from the left."""

    begin: int
    end: int
    size: int
    left: tuple[bytes, ...]
    right: tuple[bytes, ...]


def prove_span(begin: int, end: int, size: int, node: NodeReader) -> SpanProof:
    """Return the proof for leaves [begin, end). Raises `Invalid` unless 0 <= begin <= end <= size."""
    if not 0 <= begin <= end <= size:
        raise Invalid(f"no run of leaves from {begin} to {end} in a tree of {size}")
    left = tuple(node(level, number) for level, number in list_nodes(0, begin))
    right = tuple(node(level, number) for level, number in list_nodes(end, size))
    return SpanProof(begin, end, size, left, right)


def verify_span(leaves: Iterable[bytes], proof: SpanProof, root: bytes) -> None:
    """Raise `LedgerBroken` unless the leaf hashes are leaves [begin, end) of the tree (size, root), all of them and in order.

    The caller must have verified the signature on (size, root).
    """
    nodes = (
        list_nodes(proof.end, proof.size) if 0 <= proof.begin <= proof.end <= proof.size <= MAX_SIZE else None
    )
    if nodes is None or len(proof.left) != proof.begin.bit_count() or len(proof.right) != len(nodes):
        raise LedgerBroken(
            "a span proof of the wrong shape", begin=proof.begin, end=proof.end, size=proof.size
        )
    if any(len(value) != HASH_SIZE for value in (*proof.left, *proof.right)):
        raise LedgerBroken("a span proof with a hash that has not 32 bytes")
    tree = CompactRange(proof.begin, proof.left)
    for leaf in leaves:
        tree.append(leaf)
    if tree.size != proof.end:
        raise LedgerBroken("the span has another number of entries", wanted=proof.end - proof.begin)
    stack = [(level, value) for (level, _), value in zip(list_nodes(0, proof.end), tree.peaks, strict=True)]
    for (level, _), value in zip(nodes, proof.right, strict=True):
        stack.append((level, value))
        while len(stack) > 1 and stack[-1][0] == stack[-2][0]:
            (height, low), (_, high) = stack[-2], stack[-1]
            stack[-2:] = [(height + 1, hash_node(low, high))]
    if fold_peaks([value for _, value in stack]) != root:
        raise LedgerBroken("the span proof does not lead to the root", begin=proof.begin, end=proof.end)
