"""Was it logged? A promise (SET), or an inclusion proof up to a checkpoint that the log signed.

Both are checked where both are there. The promise's integratedTime is a time that one may rely on; an
entry of Rekor v2 carries none that anybody signed, and what it says there is ignored. The log's key
comes from the trust root, never from the log (GHSA-xvrc-2wvh-49vc).
"""

from __future__ import annotations

import binascii
from datetime import UTC, datetime

from vouchsafe.errors import MalformedError, VerificationError
from vouchsafe.evidence.types import InclusionProof, LogEntry
from vouchsafe.record import Record
from vouchsafe.verification import checkpoint, entry, keys, merkle
from vouchsafe.verification.trust import Log


class LoggedEntry(Record):
    """A verified entry. `time` is None where no promise was signed."""

    log: Log
    index: int
    time: datetime | None


def verify(
    entries: tuple[LogEntry, ...], signed: entry.Signed, logs: tuple[Log, ...]
) -> tuple[LoggedEntry, ...]:
    """Every entry by a log that we know, each verified and about this signature; at least one.

    Entries by unknown logs prove nothing and are passed over. Raises VerificationError.
    """
    seen: set[tuple[bytes, int]] = set()
    verified: list[LoggedEntry] = []
    for each in entries:
        if (each.log_id, each.log_index) in seen:
            raise VerificationError("log-entry-twice", "expected each log entry once, got one twice")
        seen.add((each.log_id, each.log_index))
        known = [log for log in logs if log.key_id == each.log_id]
        if known:
            verified.append(_verify_one(each, signed, known))
    if not verified:
        got = "entries of unknown logs" if entries else "none"
        raise VerificationError(
            "log-entry", f"expected an entry of a transparency log that we know, got {got}"
        )
    return tuple(verified)


def _verify_one(each: LogEntry, signed: entry.Signed, known: list[Log]) -> LoggedEntry:
    log = known[0]
    at = None
    if each.promise is not None:
        at = _verify_promise(each, each.promise, log)
    if each.proof is not None and each.proof.checkpoint is not None:
        _verify_inclusion(each, each.proof, each.proof.checkpoint, log)
    elif at is None:
        raise VerificationError(
            "log-proof", "expected a promise or an inclusion proof of the log entry, got neither"
        )
    entry.check(each, signed)
    return LoggedEntry(log=log, index=each.log_index, time=at)


def _verify_promise(each: LogEntry, promise: bytes, log: Log) -> datetime:
    """The Signed Entry Timestamp covers four fields as canonical JSON (RFC 8785)."""
    body = binascii.b2a_base64(each.body, newline=False).decode()
    canonical = (
        f'{{"body":"{body}","integratedTime":{each.integrated_time},'
        f'"logID":"{each.log_id.hex()}","logIndex":{each.log_index}}}'
    )
    keys.verify(keys.load(log.key), promise, canonical.encode(), "the log entry by its log")
    try:
        at = datetime.fromtimestamp(each.integrated_time, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise MalformedError(
            "log-time", f"expected a time in the log entry, got {each.integrated_time}"
        ) from error
    if each.integrated_time == 0:
        raise VerificationError("log-time", "expected a time in the log entry, got none")
    if at not in log.window:
        raise VerificationError(
            "log-window", f"expected an entry made while the log was trusted, got {at:%F %T}"
        )
    return at


def _verify_inclusion(each: LogEntry, proof: InclusionProof, untrusted_note: str, log: Log) -> None:
    note = checkpoint.parse(untrusted_note)
    checkpoint.verify(note, log)
    is_tiled = each.promise is None  # Rekor v2: its host is its name, and signs the origin
    if is_tiled and log.host and note.origin.partition(" - ")[0] != log.host:
        raise VerificationError(
            "checkpoint-origin", f"expected a checkpoint of {log.host}, got {note.origin!r}"
        )
    root = merkle.root_from_proof(
        merkle.leaf_hash(each.body), index=proof.log_index, size=proof.tree_size, hashes=proof.hashes
    )
    if note.size != proof.tree_size or note.root != proof.root_hash or root != note.root:
        raise VerificationError(
            "inclusion-proof", "expected a proof up to the checkpoint's root, got another root"
        )
