"""Merkle arithmetic against the published Certificate Transparency vectors and against RFC 6962's own recursion."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayseal.ledger import proof
from wayseal.model.errors import Invalid, LedgerBroken

LEAVES = [bytes.fromhex(text) for text in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
ROOTS = [bytes.fromhex(text) for text in (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)]  # fmt: skip
FIRST_OF_EIGHT = [bytes.fromhex(text) for text in (
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
)]  # fmt: skip


class Tree:
    """A tree in memory with all its nodes, and the same answers by RFC 6962's recursion over the leaves."""

    def __init__(self, size: int) -> None:
        self.leaves = [proof.hash_leaf(number.to_bytes(4, "big")) for number in range(size)]
        self.nodes: dict[tuple[int, int], bytes] = {}
        tree = proof.CompactRange()
        for leaf in self.leaves:
            self.nodes.update({(level, number): value for level, number, value in tree.append(leaf)})

    def node(self, level: int, number: int) -> bytes:
        """Return a complete node."""
        return self.nodes[level, number]

    def root(self, size: int) -> bytes:
        """Return MTH(D[size])."""
        return hash_list(self.leaves[:size])


def split(size: int) -> int:
    """Return RFC 6962's k: the largest power of two below `size`."""
    k = 1
    while k * 2 < size:
        k *= 2
    return k


def hash_list(leaves: list[bytes]) -> bytes:
    """Return MTH of a list of leaf hashes."""
    if len(leaves) == 1:
        return leaves[0]
    if not leaves:
        return proof.EMPTY_ROOT
    k = split(len(leaves))
    return proof.hash_node(hash_list(leaves[:k]), hash_list(leaves[k:]))


def path_to(index: int, leaves: list[bytes]) -> list[bytes]:
    """Return PATH(index, leaves)."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return [*path_to(index, leaves[:k]), hash_list(leaves[k:])]
    return [*path_to(index - k, leaves[k:]), hash_list(leaves[:k])]


def subproof(first: int, leaves: list[bytes], *, whole: bool) -> list[bytes]:
    """Return SUBPROOF(first, leaves, whole)."""
    if first == len(leaves):
        return [] if whole else [hash_list(leaves)]
    k = split(len(leaves))
    if first <= k:
        return [*subproof(first, leaves[:k], whole=whole), hash_list(leaves[k:])]
    return [*subproof(first - k, leaves[k:], whole=False), hash_list(leaves[:k])]


TREE = Tree(600)


def test_published_roots_hold() -> None:
    """The roots of the eight published leaves come out, one by one as leaves are appended."""
    tree = proof.CompactRange()
    assert tree.root() == ROOTS[0]
    for leaf, root in zip(LEAVES, ROOTS[1:], strict=True):
        tree.append(proof.hash_leaf(leaf))
        assert tree.root() == root


def test_published_path_holds() -> None:
    """The published path of the first of eight leaves is made and verified."""
    nodes: dict[tuple[int, int], bytes] = {}
    tree = proof.CompactRange()
    for leaf in LEAVES:
        nodes.update({(level, number): value for level, number, value in tree.append(proof.hash_leaf(leaf))})
    path = proof.prove_inclusion(0, 8, lambda level, number: nodes[level, number])
    assert path == FIRST_OF_EIGHT
    proof.verify_inclusion(0, 8, proof.hash_leaf(LEAVES[0]), path, ROOTS[8])


@given(st.integers(1, 600).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1))))
def test_inclusion_equals_recursion(case: tuple[int, int]) -> None:
    """Every path is the one that the RFC's recursion gives, and leads to the root."""
    size, index = case
    path = proof.prove_inclusion(index, size, TREE.node)
    assert path == path_to(index, TREE.leaves[:size])
    proof.verify_inclusion(index, size, TREE.leaves[index], path, TREE.root(size))


@given(st.integers(1, 600).flatmap(lambda size: st.tuples(st.integers(1, size), st.just(size))))
def test_consistency_equals_recursion(case: tuple[int, int]) -> None:
    """Every consistency proof is the one that the RFC's recursion gives, and leads to both roots."""
    first, second = case
    path = proof.prove_consistency(first, second, TREE.node)
    assert path == subproof(first, TREE.leaves[:second], whole=True)
    proof.verify_consistency(first, second, TREE.root(first), TREE.root(second), path)


@given(
    st.integers(2, 300).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1))),
    st.sampled_from(["hash", "drop", "add", "index", "size", "leaf", "root"]),
    st.data(),
)
def test_altered_inclusion_is_refused(case: tuple[int, int], what: str, data: st.DataObject) -> None:
    """A path with one thing altered is never accepted."""
    size, index = case
    path = proof.prove_inclusion(index, size, TREE.node)
    leaf, root = TREE.leaves[index], TREE.root(size)
    other = b"\x55" * 32
    if what == "hash":
        path[data.draw(st.integers(0, len(path) - 1))] = other
    elif what == "drop":
        del path[data.draw(st.integers(0, len(path) - 1))]
    elif what == "add":
        path.insert(data.draw(st.integers(0, len(path))), other)
    elif what == "index":
        index = data.draw(st.integers(-1, size + 1).filter(lambda number: number != index))
    elif what == "size":
        size = data.draw(
            st.integers(0, 2**64).filter(lambda number: TREE.root(number) != root if number < 600 else True)
        )
    elif what == "leaf":
        leaf = other
    else:
        root = other
    if what == "size" and _same_shape(index, size, path, leaf, root):
        return  # a path of the same shape proves the same root: the size is bound by the signature over it
    with pytest.raises(LedgerBroken):
        proof.verify_inclusion(index, size, leaf, path, root)


def _same_shape(index: int, size: int, path: list[bytes], leaf: bytes, root: bytes) -> bool:
    """Say whether the RFC's own reading of this path at this size leads to the root too."""
    if not 0 <= index < size:
        return False
    steps, begin, end = [], 0, size
    while end - begin > 1 and len(steps) <= len(path):
        k = split(end - begin)
        steps.append(index - begin < k)
        begin, end = (begin, begin + k) if steps[-1] else (begin + k, end)
    if len(steps) != len(path):
        return False
    value = leaf
    for left, sibling in zip(reversed(steps), path, strict=True):
        value = proof.hash_node(value, sibling) if left else proof.hash_node(sibling, value)
    return value == root


@given(
    st.integers(2, 300).flatmap(lambda size: st.tuples(st.integers(1, size - 1), st.just(size))),
    st.sampled_from(["hash", "drop", "add", "first", "second"]),
    st.data(),
)
def test_altered_consistency_is_refused(case: tuple[int, int], what: str, data: st.DataObject) -> None:
    """A consistency proof with one thing altered is never accepted."""
    first, second = case
    path = proof.prove_consistency(first, second, TREE.node)
    roots = [TREE.root(first), TREE.root(second)]
    other = b"\x55" * 32
    if what == "hash":
        path[data.draw(st.integers(0, len(path) - 1))] = other
    elif what == "drop":
        del path[data.draw(st.integers(0, len(path) - 1))]
    elif what == "add":
        path.insert(data.draw(st.integers(0, len(path))), other)
    else:
        roots[what == "second"] = other
    with pytest.raises(LedgerBroken):
        proof.verify_consistency(first, second, roots[0], roots[1], path)


@pytest.mark.parametrize(("first", "second", "roots", "path"), [
    (5, 5, (5, 6), []), (5, 5, (5, 5), [b"\x00" * 32]), (0, 5, (0, 5), [b"\x00" * 32]), (0, 5, (1, 5), []),
    (6, 5, (6, 5), []), (3, 5, (3, 5), []), (4, 8, (4, 8), []), (3, 5, (3, 5), [b"\x00" * 31]),
])  # fmt: skip
def test_degenerate_consistency_is_refused(
    first: int, second: int, roots: tuple[int, int], path: list[bytes]
) -> None:
    """Equal sizes with other roots, proofs where none is due, none where one is due, shrinking trees and short hashes fail."""
    with pytest.raises(LedgerBroken):
        proof.verify_consistency(first, second, TREE.root(roots[0]), TREE.root(roots[1]), path)


def test_growth_from_nothing_is_consistent() -> None:
    """Every tree extends the empty one and itself, with an empty proof."""
    proof.verify_consistency(0, 7, TREE.root(0), TREE.root(7), [])
    proof.verify_consistency(7, 7, TREE.root(7), TREE.root(7), [])
    assert proof.prove_consistency(0, 7, TREE.node) == proof.prove_consistency(7, 7, TREE.node) == []


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 5)])
def test_path_of_no_leaf_is_refused(index: int, size: int) -> None:
    """No path is made for a leaf that is not there, and no consistency proof for a tree that shrinks."""
    with pytest.raises(Invalid):
        proof.prove_inclusion(index, size, TREE.node)
    with pytest.raises(Invalid):
        proof.prove_consistency(size + 1, size, TREE.node)


def test_compact_range_checks_its_peaks() -> None:
    """A range that is given the wrong number of hashes for its size is refused."""
    with pytest.raises(Invalid):
        proof.CompactRange(3, [b"\x00" * 32])
