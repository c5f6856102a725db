"""Rekor v2, the tile log: an audit path and a checkpoint, no promise and no time.

Entries are hashedrekord 0.0.2 (cosign 3 logs a DSSE signature so, over the pre-authentication encoding)
or dsse 0.0.2. The log's id is its checkpoint key id (C2SP signed-note). Witnesses may cosign.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ed25519

from vouchsafe.ports import Clock
from vouchsafe.testing.keys import PrivateKey
from vouchsafe.testing.material import LogEntry
from vouchsafe.testing.note import cosignature_line, note_key_id
from vouchsafe.testing.tlog import TransparencyLog


class Rekor2(TransparencyLog):
    """A tile log; `origin` is its host name, which the trust root's URL must name too."""

    def __init__(self, key: PrivateKey, clock: Clock, *, origin: str) -> None:
        """Ed25519 in the public-good instance, ECDSA works too."""
        super().__init__(key, clock, name=origin, origin=origin)
        self.witnesses: dict[str, ed25519.Ed25519PrivateKey] = {}

    @property
    def id(self) -> bytes:
        """The checkpoint key id, in full."""
        return note_key_id(self.origin, self.public_key)

    def append(self, kind: str, body: bytes) -> LogEntry:
        """Log a body of `kind` and answer with its proof."""
        name, _, version = kind.partition("/")
        index = self.tree.append(body)
        return LogEntry(
            kind=name, version=version, body=body, log_id=self.id, index=index, proof=self.proof(index)
        )

    def _cosigned(self, body: str) -> tuple[str, ...]:
        seen, witnesses = self._clock.now(), sorted(self.witnesses.items())
        return tuple(cosignature_line(name, key, body, seen) for name, key in witnesses)
