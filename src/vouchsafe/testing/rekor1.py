"""Rekor v1: answers with a promise (SET), a time, an audit path and a checkpoint.

The SET signs the canonical JSON of four fields (rekor's openapi, `SignedEntryTimestamp`). A log that is
sharded numbers its entries globally in the SET and by tree in the proof; `shard_offset` makes that
difference.
"""

from __future__ import annotations

from vouchsafe.ports import Clock
from vouchsafe.testing.canonical import b64, canonical
from vouchsafe.testing.keys import PrivateKey, log_id, sign
from vouchsafe.testing.material import LogEntry
from vouchsafe.testing.merkle import leaf_hash
from vouchsafe.testing.tlog import TransparencyLog

TREE_ID = 1193050959916656506  # an inactive shard's id is part of its origin and of its entries' UUIDs


class Rekor1(TransparencyLog):
    """The log that answers at once."""

    def __init__(
        self, key: PrivateKey, clock: Clock, *, host: str, tree_id: int = TREE_ID, shard_offset: int = 0
    ) -> None:
        """`host` is the origin's first part; its key is ECDSA P-256 in the public-good instance."""
        super().__init__(key, clock, name=host, origin=f"{host} - {tree_id}")
        self.tree_id = tree_id
        self.shard_offset = shard_offset
        self._entries: list[LogEntry] = []

    @property
    def id(self) -> bytes:
        """SHA-256 of the key."""
        return log_id(self.public_key)

    def append(self, kind: str, body: bytes) -> LogEntry:
        """Log a body of `kind` (as `dsse/0.0.1`) and answer with promise and proof."""
        name, _, version = kind.partition("/")
        index = self.tree.append(body)
        seconds = int(self._clock.now().timestamp())
        shown = index + self.shard_offset
        entry = LogEntry(
            kind=name,
            version=version,
            body=body,
            log_id=self.id,
            index=shown,
            integrated_time=seconds,
            promise=self.promise(body, seconds, shown),
        )
        self._entries.append(entry)
        return entry.replace(proof=self.proof(index))

    def entry(self, index: int) -> LogEntry:
        """An entry by its index in the tree, with a proof against the tree of now."""
        return self._entries[index].replace(proof=self.proof(index))

    def find(self, body: bytes) -> int | None:
        """The index of an equal body, or None."""
        found = (index for index, entry in enumerate(self._entries) if entry.body == body)
        return next(found, None)

    def promise(self, body: bytes, integrated_time: int, index: int) -> bytes:
        """The SET: a signature over body, time, log and index."""
        signed = {
            "body": b64(body),
            "integratedTime": integrated_time,
            "logID": self.id.hex(),
            "logIndex": index,
        }
        return sign(self.key, canonical(signed))

    def uuid(self, index: int) -> str:
        """An entry's UUID: tree id and leaf hash in hex."""
        return f"{self.tree_id:016x}{leaf_hash(self._entries[index].body).hex()}"
