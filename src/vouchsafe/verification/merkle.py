"""Merkle trees (RFC 6962 §2.1): is this leaf in the tree with this root?

>>> root = leaf_hash(b"only")
>>> root_from_proof(leaf_hash(b"only"), index=0, size=1, hashes=()) == root
True
"""

from __future__ import annotations

import hashlib

from vouchsafe.errors import VerificationError

HASH_LENGTH = 32  # bytes of SHA-256


def leaf_hash(body: bytes) -> bytes:
    """The hash of a leaf: 0x00 keeps it apart from inner nodes (second preimages)."""
    return hashlib.sha256(b"\x00" + body).digest()


def root_from_proof(leaf: bytes, *, index: int, size: int, hashes: tuple[bytes, ...]) -> bytes:
    """The root that `hashes` lead to from `leaf`; VerificationError when they cannot be a proof of `index`."""
    if not 0 <= index < size:
        raise VerificationError(
            "inclusion-proof", f"expected an index below the tree size {size}, got {index}"
        )
    inner = (index ^ (size - 1)).bit_length()
    border = (index >> inner).bit_count()
    if len(hashes) != inner + border or any(len(each) != HASH_LENGTH for each in hashes):
        raise VerificationError("inclusion-proof", f"expected {inner + border} hashes, got {len(hashes)}")
    node = leaf
    for level, sibling in enumerate(hashes[:inner]):
        node = _inner(node, sibling) if not index >> level & 1 else _inner(sibling, node)
    for sibling in hashes[inner:]:
        node = _inner(sibling, node)
    return node


def _inner(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
