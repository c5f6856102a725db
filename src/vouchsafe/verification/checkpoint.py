"""Checkpoints: a log's signed statement of its size and root (C2SP tlog-checkpoint, signed-note).

Text, a blank line, then signature lines `— name base64(4-byte key hint, signature)`. Witnesses may
cosign in any order; what counts is the log's own signature.
"""

from __future__ import annotations

import binascii

from vouchsafe.errors import MalformedError, VerificationError
from vouchsafe.record import Record
from vouchsafe.verification import keys
from vouchsafe.verification.trust import Log

LONGEST_CHECKPOINT = 64 * 1024  # characters
MOST_SIGNATURES = 64
HINT_LENGTH = 4  # bytes
_DASH = "\N{EM DASH} "
_LEAST_LINES = 3  # origin, size, root


class Signature(Record):
    """One signature line."""

    name: str
    hint: bytes
    signature: bytes


class Checkpoint(Record):
    """`signed` is the text, newline included, that the signatures cover."""

    origin: str
    size: int
    root: bytes
    signed: bytes
    signatures: tuple[Signature, ...]

    @property
    def name(self) -> str:
        """Who signs: Rekor v1 appends the number of the tree to its name."""
        return self.origin.partition(" - ")[0]


def parse(untrusted_note: str) -> Checkpoint:
    """Read a signed note that holds a checkpoint."""
    text, blank, tail = untrusted_note.rstrip("\n").rpartition("\n\n")
    lines = text.split("\n")
    if len(untrusted_note) > LONGEST_CHECKPOINT or not blank or len(lines) < _LEAST_LINES:
        raise MalformedError("checkpoint", "expected origin, size, root and signatures in a checkpoint")
    if not lines[0] or not (lines[1].isascii() and lines[1].isdigit() and len(lines[1]) <= 20):
        raise MalformedError(
            "checkpoint", f"expected an origin and a size in a checkpoint, got {text[:120]!r}"
        )
    found = tail.split("\n")  # at least one line, none of them empty
    if len(found) > MOST_SIGNATURES:
        raise MalformedError("checkpoint", f"expected at most {MOST_SIGNATURES} signatures, got {len(found)}")
    return Checkpoint(
        origin=lines[0],
        size=int(lines[1]),
        root=_base64(lines[2]),
        signed=text.encode() + b"\n",
        signatures=tuple(_signature(line) for line in found),
    )


def verify(checkpoint: Checkpoint, log: Log) -> None:
    """Check that `log` itself signed, under its own name. Raises VerificationError."""
    hint = (log.checkpoint_key_id or log.key_id)[:HINT_LENGTH]
    own = [s.signature for s in checkpoint.signatures if s.name == checkpoint.name and s.hint == hint]
    if not own:
        raise VerificationError(
            "checkpoint-signature",
            f"expected a signature by {checkpoint.name!r} with the log's key, got none",
        )
    key = keys.load(log.key)
    if not any(keys.holds(key, signature, checkpoint.signed) for signature in own):
        raise VerificationError(
            "signature",
            "expected a valid signature of the checkpoint by its log, got one that does not verify",
        )


def _signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    blob = _base64(encoded)
    if not line.startswith(_DASH) or not name or len(blob) <= HINT_LENGTH:
        raise MalformedError("checkpoint", f"expected a signature line in a checkpoint, got {line[:120]!r}")
    return Signature(name=name, hint=blob[:HINT_LENGTH], signature=blob[HINT_LENGTH:])


def _base64(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except ValueError as error:
        raise MalformedError("checkpoint", f"expected base64 in a checkpoint, got {text[:80]!r}") from error
