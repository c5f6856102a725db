"""Rekor v2, the tile log: an audit path and a checkpoint, no promise and no time.

Entries are hashedrekord 0.0.2 (cosign 3 logs a DSSE signature so, over the pre-authentication encoding)
or dsse 0.0.2. The log's id is its checkpoint key id (C2SP signed-note). Witnesses may cosign.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ed25519

from vouchsafe.ports import Clock
from vouchsafe.testing.keys import PrivateKey, PublicKey
from vouchsafe.testing.material import InclusionProof, LogEntry
from vouchsafe.testing.merkle import MerkleTree
from vouchsafe.testing.note import checkpoint_body, cosignature_line, note, note_key_id, signature_line


class Rekor2:
    """An append-only tile log; `origin` is its host name, which the trust root's URL must name too."""

    def __init__(self, key: PrivateKey, clock: Clock, *, origin: str) -> None:
        """Ed25519 in the public-good instance, ECDSA works too."""
        self.key = key
        self.origin = origin
        self.tree = MerkleTree()
        self.witnesses: dict[str, ed25519.Ed25519PrivateKey] = {}
        self._clock = clock

    @property
    def public_key(self) -> PublicKey:
        """The log's key."""
        return self.key.public_key()

    @property
    def id(self) -> bytes:
        """The checkpoint key id, in full."""
        return note_key_id(self.origin, self.public_key)

    @property
    def size(self) -> int:
        """How many entries."""
        return self.tree.size

    def append(self, kind: str, body: bytes) -> LogEntry:
        """Log a body of `kind` and answer with its proof."""
        name, _, version = kind.partition("/")
        index = self.tree.append(body)
        return LogEntry(
            kind=name, version=version, body=body, log_id=self.id, index=index, proof=self.proof(index)
        )

    def proof(self, index: int, size: int | None = None) -> InclusionProof:
        """The audit path of an entry in the tree of `size`, of now by default."""
        end = self.size if size is None else size
        return InclusionProof(
            index=index,
            size=end,
            root=self.tree.root(end),
            hashes=tuple(self.tree.inclusion(index, end)),
            checkpoint=self.checkpoint(end),
        )

    def checkpoint(self, size: int | None = None) -> str:
        """The signed tree head, cosigned by every witness."""
        end = self.size if size is None else size
        body = checkpoint_body(self.origin, end, self.tree.root(end))
        seen = self._clock.now()
        cosigned = [cosignature_line(name, key, body, seen) for name, key in sorted(self.witnesses.items())]
        return note(body, signature_line(self.origin, self.key, body), *cosigned)
