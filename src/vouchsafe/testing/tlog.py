"""What both Rekors are: an append-only tree whose head is signed as a checkpoint (C2SP tlog-checkpoint)."""

from __future__ import annotations

from vouchsafe.ports import Clock
from vouchsafe.testing.keys import PrivateKey, PublicKey
from vouchsafe.testing.material import InclusionProof
from vouchsafe.testing.merkle import MerkleTree
from vouchsafe.testing.note import checkpoint_body, note, signature_line


class TransparencyLog:
    """A tree and one key, which signs as `name` what begins with `origin`."""

    def __init__(self, key: PrivateKey, clock: Clock, *, name: str, origin: str) -> None:
        """Empty."""
        self.key = key
        self.name = name
        self.origin = origin
        self.tree = MerkleTree()
        self._clock = clock

    @property
    def public_key(self) -> PublicKey:
        """The log's key."""
        return self.key.public_key()

    @property
    def size(self) -> int:
        """How many entries."""
        return self.tree.size

    def proof(self, index: int) -> InclusionProof:
        """The audit path of an entry in the tree of now."""
        return InclusionProof(
            index=index,
            size=self.size,
            root=self.tree.root(self.size),
            hashes=tuple(self.tree.inclusion(index, self.size)),
            checkpoint=self.checkpoint(),
        )

    def checkpoint(self, size: int | None = None) -> str:
        """The signed head of the tree of `size`, of now by default, with whoever cosigned it."""
        end = self.size if size is None else size
        body = checkpoint_body(self.origin, end, self.tree.root(end))
        return note(body, signature_line(self.name, self.key, body), *self._cosigned(body))

    def _cosigned(self, _body: str) -> tuple[str, ...]:
        return ()
