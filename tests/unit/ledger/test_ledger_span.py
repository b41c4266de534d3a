"""Span proofs: a run of entries is what the root covers, and nothing else passes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayseal.ledger.proof import CompactRange, hash_leaf
from wayseal.ledger.span import SpanProof, prove_span, verify_span
from wayseal.model.errors import Invalid, LedgerBroken

Tree = tuple[list[bytes], dict[tuple[int, int], bytes], bytes]


def grow(size: int) -> Tree:
    """Return the leaves, all complete nodes and the root of a tree of `size` numbered entries."""
    tree, nodes = CompactRange(), {}
    leaves = [hash_leaf(str(number).encode()) for number in range(size)]
    for leaf in leaves:
        nodes |= {(level, number): value for level, number, value in tree.append(leaf)}
    return leaves, nodes, tree.root()


def prove(tree: Tree, begin: int, end: int) -> SpanProof:
    """Return the proof of [begin, end) in a grown tree."""
    leaves, nodes, _ = tree
    return prove_span(begin, end, len(leaves), lambda level, number: nodes[level, number])


@st.composite
def draw_span(draw: st.DrawFn) -> tuple[int, int, int]:
    """Draw begin <= end <= size."""
    size = draw(st.integers(0, 300))
    begin = draw(st.integers(0, size))
    return begin, draw(st.integers(begin, size)), size


@given(draw_span())
def test_span_leads_to_root(span: tuple[int, int, int]) -> None:
    """Every run of every tree verifies with its own proof."""
    begin, end, size = span
    tree = grow(size)
    verify_span(tree[0][begin:end], prove(tree, begin, end), tree[2])


@given(draw_span(), st.data())
def test_changed_span_is_refused(span: tuple[int, int, int], data: st.DataObject) -> None:
    """A run with one entry changed, dropped, doubled or moved does not verify."""
    begin, end, size = span
    if end - begin < 2:
        return
    tree = grow(size)
    leaves = tree[0][begin:end]
    at = data.draw(st.integers(0, len(leaves) - 2))
    for broken in (
        [*leaves[:at], hash_leaf(b"other"), *leaves[at + 1 :]],
        [*leaves[:at], *leaves[at + 1 :]],
        [*leaves[:at], leaves[at], *leaves[at:]],
        [*leaves[:at], leaves[at + 1], leaves[at], *leaves[at + 2 :]],
    ):
        with pytest.raises(LedgerBroken):
            verify_span(broken, prove(tree, begin, end), tree[2])


@given(draw_span(), st.data())
def test_changed_proof_is_refused(span: tuple[int, int, int], data: st.DataObject) -> None:
    """A proof for another place, with a hash changed, dropped or of another length, does not verify."""
    begin, end, size = span
    tree = grow(size)
    proof = prove(tree, begin, end)
    leaves = tree[0][begin:end]
    broken = [
        replace(proof, left=(*proof.left, b"\0" * 32)),
        replace(proof, right=(*proof.right, b"\0" * 32)),
    ]
    if proof.left:
        broken.append(replace(proof, left=(b"\1" * 32, *proof.left[1:])))
    if proof.right:
        at = data.draw(st.integers(0, len(proof.right) - 1))
        broken.append(replace(proof, right=(*proof.right[:at], b"short", *proof.right[at + 1 :])))
        broken.append(replace(proof, right=(*proof.right[:at], b"\1" * 32, *proof.right[at + 1 :])))
    if end > begin:
        broken.append(replace(proof, end=end - 1))
    for one in broken:
        with pytest.raises(LedgerBroken):
            verify_span(leaves, one, tree[2])


@pytest.mark.parametrize(("begin", "end"), [(-1, 2), (3, 2), (0, 9)])
def test_span_outside_the_tree(begin: int, end: int) -> None:
    """There is no proof of leaves that the tree does not have."""
    with pytest.raises(Invalid):
        prove(grow(8), begin, end)
