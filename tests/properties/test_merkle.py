"""Inclusion proofs against RFC 6962's own recursive definition, written out here a second time."""

from __future__ import annotations

import hashlib
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vouchsafe.errors import VerificationError
from vouchsafe.verification.merkle import leaf_hash, root_from_proof

LARGEST_TREE = 200
LEAVES = tuple(b"%d" % number for number in range(LARGEST_TREE))


def split(size: int) -> int:
    """k: the largest power of two smaller than n (§2.1)."""
    power = 1
    while power * 2 < size:
        power *= 2
    return power


@cache
def tree_hash(start: int, end: int) -> bytes:
    """MTH(D[start:end])."""
    if end - start == 1:
        return hashlib.sha256(b"\0" + LEAVES[start]).digest()
    middle = start + split(end - start)
    return hashlib.sha256(b"\1" + tree_hash(start, middle) + tree_hash(middle, end)).digest()


def path(index: int, start: int, end: int) -> tuple[bytes, ...]:
    """PATH(index, D[start:end]) (§2.1.1)."""
    if end - start == 1:
        return ()
    middle = start + split(end - start)
    if start + index < middle:
        return (*path(index, start, middle), tree_hash(middle, end))
    return (*path(index - (middle - start), middle, end), tree_hash(start, middle))


def led_to(index: int, size: int, hashes: tuple[bytes, ...], leaf: bytes | None = None) -> bytes | None:
    """The root that a proof leads to, None when it cannot be one."""
    own = leaf_hash(LEAVES[index]) if leaf is None else leaf
    try:
        return root_from_proof(own, index=index, size=size, hashes=hashes)
    except VerificationError:
        return None


def test_every_leaf_of_every_tree() -> None:
    """Twenty thousand proofs, each leading to its root."""
    wrong = [
        (index, size)
        for size in range(1, LARGEST_TREE + 1)
        for index in range(size)
        if led_to(index, size, path(index, 0, size)) != tree_hash(0, size)
    ]
    assert wrong == []


def test_no_other_leaf_or_index() -> None:
    """A proof holds for one leaf at one place; that the tree has this size is the checkpoint's word."""
    for size in range(1, 40):
        for index in range(size):
            proof, root = path(index, 0, size), tree_hash(0, size)
            others = [other for other in range(size) if other != index]
            assert all(led_to(other, size, proof) != root for other in others)
            own = leaf_hash(LEAVES[index])
            assert all(led_to(other, size, proof, own) != root for other in others)


@given(data=st.data())
def test_any_change_leads_elsewhere(data: st.DataObject) -> None:
    """A bit, a hash left out, added, or in another place."""
    size = data.draw(st.integers(2, LARGEST_TREE))
    index = data.draw(st.integers(0, size - 1))
    proof, root = path(index, 0, size), tree_hash(0, size)
    place = data.draw(st.integers(0, len(proof) - 1))
    bit = data.draw(st.integers(0, 255))
    flipped = (int.from_bytes(proof[place], "big") ^ (1 << bit)).to_bytes(32, "big")
    changed = (
        (*proof[:place], flipped, *proof[place + 1 :]),
        (*proof[:place], *proof[place + 1 :]),
        (*proof[:place], proof[place], *proof[place:]),
        (*proof, root),
    )
    assert all(led_to(index, size, other) != root for other in changed)
    if len(set(proof)) > 1:
        assert led_to(index, size, proof[::-1]) != root


@given(
    index=st.integers(-3, 2**70),
    size=st.integers(-3, 2**70),
    hashes=st.lists(st.binary(min_size=30, max_size=34), max_size=70),
)
def test_any_numbers(index: int, size: int, hashes: list[bytes]) -> None:
    """A root or an error, whatever is claimed."""
    led = led_to(0, 1, (), root_or_none(index, size, tuple(hashes)) or b"")
    assert led is not None


def root_or_none(index: int, size: int, hashes: tuple[bytes, ...]) -> bytes | None:
    """From a leaf that is nobody's."""
    try:
        return root_from_proof(leaf_hash(b""), index=index, size=size, hashes=hashes)
    except VerificationError as error:
        assert error.code == "inclusion-proof"  # noqa: PT017 - any other would fail
        return None


@pytest.mark.parametrize(
    "index, size, count",
    [(0, 0, 0), (1, 1, 0), (-1, 1, 0), (5, 5, 3), (0, 1, 1), (0, 2, 0), (0, 2, 2), (6, 7, 3)],
)
def test_what_cannot_be_a_proof(index: int, size: int, count: int) -> None:
    """An index outside of the tree, or too few or too many hashes."""
    assert root_or_none(index, size, (bytes(32),) * count) is None


def test_hashes_have_their_length() -> None:
    """A shorter or longer hash would move the border between two of them."""
    for length in (0, 31, 33, 64):
        assert root_or_none(0, 2, (bytes(length),)) is None


def test_leaves_and_nodes_are_apart() -> None:
    """A leaf that is made like an inner node is not one (second preimages)."""
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    node = root_from_proof(left, index=0, size=2, hashes=(right,))
    assert leaf_hash(left + right) != node
    assert leaf_hash(b"\1" + left + right) != node
