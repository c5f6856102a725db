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

_ANOTHER_SIGSTORE = (
    "Of a private Sigstore? Name its trusted_root.json: --trusted-root, or trustedRootPath in a policy."
)
# Entries of Rekor v2, whose host is its name and signs the origin; v1 logs go by a name of their own.
_TILED = frozenset((("hashedrekord", "0.0.2"), ("dsse", "0.0.2")))


class LoggedEntry(Record):
    """A verified entry. `index` is what the log signed; `time` is None where no promise was signed."""

    log: Log
    index: int
    time: datetime | None


def verify(
    entries: tuple[LogEntry, ...], signed: entry.Signed, logs: tuple[Log, ...]
) -> tuple[LoggedEntry, ...]:
    """Every entry by a log that we know, each verified and about this signature; at least one.

    Entries by unknown logs prove nothing and are passed over. Raises VerificationError.
    """
    verified: dict[tuple[bytes, int], LoggedEntry] = {}
    for each in entries:
        known = [log for log in logs if log.key_id == each.log_id]
        if not known:
            continue
        logged = _verify_by_any(each, signed, known)
        place = (logged.log.key_id, logged.index)
        if place in verified:  # GHSA-9vcr-p3rj-q5q6: one entry twice is one entry
            raise VerificationError("log-entry-twice", "expected each log entry once, got one twice")
        verified[place] = logged
    if not verified:
        got, hint = ("entries of unknown logs", _ANOTHER_SIGSTORE) if entries else ("none", "")
        message = f"expected an entry of a transparency log that we know, got {got}"
        raise VerificationError("log-entry", message, hint=hint)
    return tuple(verified.values())


def _verify_by_any(each: LogEntry, signed: entry.Signed, known: list[Log]) -> LoggedEntry:
    """By one of the logs under this id: a trust root may list a log once for each window."""
    *others, last = known
    for log in others:
        try:
            return _verify_one(each, signed, log)
        except VerificationError:
            continue
    return _verify_one(each, signed, last)


def _verify_one(each: LogEntry, signed: entry.Signed, log: Log) -> LoggedEntry:
    at, index = None, each.log_index
    if each.promise is not None:
        at = _verify_promise(each, each.promise, log)
    if each.proof is not None:
        _verify_inclusion(each, each.proof, log)
    if at is None:
        if each.proof is None or each.proof.checkpoint is None:
            raise VerificationError(
                "log-proof", "expected a promise or an inclusion proof of the log entry, got neither"
            )
        index = each.proof.log_index  # the entry's own is signed by nobody
    entry.check(each, signed)
    return LoggedEntry(log=log, index=index, time=at)


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


def _verify_inclusion(each: LogEntry, proof: InclusionProof, log: Log) -> None:
    """The proof must lead to its own root, and that must be the checkpoint's: some clients compare only one."""
    root = merkle.root_from_proof(
        merkle.leaf_hash(each.body), index=proof.log_index, size=proof.tree_size, hashes=proof.hashes
    )
    if root != proof.root_hash:
        raise VerificationError("inclusion-proof", "expected a proof up to its root hash, got another root")
    if proof.checkpoint is None:  # bundles v0.1 may have none, beside a promise
        return
    note = checkpoint.parse(proof.checkpoint)
    checkpoint.verify(note, log)
    if (each.kind, each.version) in _TILED:
        _check_tiled(each, proof, note, log)
    if note.size != proof.tree_size or note.root != root:
        raise VerificationError(
            "inclusion-proof", "expected a proof up to the checkpoint's root, got another root"
        )


def _check_tiled(each: LogEntry, proof: InclusionProof, note: checkpoint.Checkpoint, log: Log) -> None:
    """Rekor v2 counts within one tree, and signs the name that it is found under."""
    if each.log_index != proof.log_index:
        raise VerificationError(
            "inclusion-proof", f"expected a proof of entry {each.log_index}, got one of {proof.log_index}"
        )
    if log.host and not _names(log.host, note.name):
        raise VerificationError(
            "checkpoint-origin", f"expected a checkpoint of {log.host}, got {note.origin!r}"
        )


def _names(host: str, origin: str) -> bool:
    """Rekor v2's origin is its host name, with or without the port."""
    name, colon, port = host.rpartition(":")
    return origin.lower() in ((host, name) if colon and port.isdigit() else (host,))
