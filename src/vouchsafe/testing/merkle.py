"""The Merkle tree of RFC 6962 section 2.1, written straight from its recursive definition.

>>> tree = MerkleTree()
>>> tree.append(b"first")
0
>>> tree.root().hex() == leaf_hash(b"first").hex()
True
"""

from __future__ import annotations

import hashlib


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256 of 0x00 and the entry."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256 of 0x01 and both children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


class MerkleTree:
    """Grows only; any earlier size can still be asked for."""

    def __init__(self) -> None:
        """An empty tree."""
        self._leaves: list[bytes] = []
        self._full: dict[tuple[int, int], bytes] = {}

    @property
    def size(self) -> int:
        """How many leaves."""
        return len(self._leaves)

    def append(self, entry: bytes) -> int:
        """Add one entry and return its index."""
        self._leaves.append(leaf_hash(entry))
        return len(self._leaves) - 1

    def root(self, size: int | None = None) -> bytes:
        """MTH of the first `size` leaves, all by default."""
        end = self.size if size is None else size
        return self._hash(0, end) if end else hashlib.sha256().digest()

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        """PATH(index, D[size]): the audit path, lowest sibling first."""
        return self._path(index, 0, self.size if size is None else size)

    def consistency(self, first: int, second: int) -> list[bytes]:
        """PROOF(first, D[second]); empty when there is nothing to prove."""
        return [] if first in (0, second) else self._subproof(first, 0, second, known=True)

    def _hash(self, start: int, end: int) -> bytes:
        if end - start == 1:
            return self._leaves[start]
        if (start, end) in self._full:
            return self._full[start, end]
        middle = start + _split(end - start)
        made = node_hash(self._hash(start, middle), self._hash(middle, end))
        if end - start == 2 * (middle - start):  # a full subtree never changes
            self._full[start, end] = made
        return made

    def _path(self, index: int, start: int, end: int) -> list[bytes]:
        if end - start <= 1:
            return []
        middle = start + _split(end - start)
        if index < middle:
            return [*self._path(index, start, middle), self._hash(middle, end)]
        return [*self._path(index, middle, end), self._hash(start, middle)]

    def _subproof(self, first: int, start: int, end: int, *, known: bool) -> list[bytes]:
        if first == end:
            return [] if known else [self._hash(start, end)]
        middle = start + _split(end - start)
        if first <= middle:
            return [*self._subproof(first, start, middle, known=known), self._hash(middle, end)]
        return [*self._subproof(first, middle, end, known=False), self._hash(start, middle)]
