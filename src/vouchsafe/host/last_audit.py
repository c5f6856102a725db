"""What the last audit of storage found, kept so that `status` can say it and when it was.

Beside the images and not in /etc: deployments of an image-mode host share /var, storage included. And not in the
countersigner's folder: root writes here, and follows nothing that another account may have put in its way.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from vouchsafe.errors import HostError, MalformedError
from vouchsafe.host.audit import Audited
from vouchsafe.host.objection import Objection
from vouchsafe.host.places import LARGEST_FILE, LAST_AUDIT, SECRET_MODE
from vouchsafe.machine import HostEdits, HostFiles
from vouchsafe.policy.window import instant
from vouchsafe.record import Record
from vouchsafe.strictjson import Fields

OLD = timedelta(days=7)  # the timer audits daily
MOST_FINDINGS = 200  # that are written down one by one; the rest is counted
_VERSION = 1
_WORDS = ("accepted", "rejected", "undecided")
_AGAIN = "vouchsafe host audit; daily: systemctl enable --now vouchsafe-audit.timer"


class Found(Record):
    """An image that was not accepted, and the first reason."""

    name: str
    digest: str
    scope: str
    verdict: str
    code: str
    message: str


class LastAudit(Record):
    """`epoch` is that of the policy that judged; empty when it does not compile."""

    at: datetime
    epoch: str
    accepted: int
    rejected: int
    undecided: int
    findings: tuple[Found, ...] = ()

    @property
    def images(self) -> int:
        """How many were judged."""
        return self.accepted + self.rejected + self.undecided


def summed(found: Sequence[Audited], *, epoch: str, at: datetime) -> LastAudit:
    """What is worth keeping of an audit: refused images before undecided ones."""
    words = [each.verdict.word for each in found]
    against = [_of(each) for each in found if each.verdict.word != "accepted"]
    against.sort(key=lambda each: each.verdict != "rejected")
    counts = {word: words.count(word) for word in _WORDS}
    return LastAudit(at=at, epoch=epoch, findings=tuple(against[:MOST_FINDINGS]), **counts)


def keep(audit: LastAudit, files: HostEdits) -> None:
    """In place of the one before. HostError."""
    document = {"schemaVersion": _VERSION, **summary(audit)}
    # Names of root's images are nobody else's to read.
    files.put(LAST_AUDIT, (json.dumps(document, indent=2) + "\n").encode(), mode=SECRET_MODE)


def last(files: HostFiles) -> LastAudit | None:
    """None when there was none. HostError when it cannot be read."""
    blob = files.read(LAST_AUDIT, largest=LARGEST_FILE)
    if blob is None:
        return None
    try:
        fields = Fields.parse(blob, what=LAST_AUDIT)
        at = instant(fields.text("at"))
        if at is None:
            raise MalformedError("json-type", f"expected a time in {LAST_AUDIT}, got something else")
        return LastAudit(
            at=at,
            epoch=fields.text("epoch"),
            findings=tuple(_read(each) for each in fields.objects("findings", MOST_FINDINGS)),
            **{word: fields.integer(word) for word in _WORDS},
        )
    except MalformedError as error:
        raise HostError("audit-record", error.message, hint="vouchsafe host audit") from error


def is_stale(audit: LastAudit, *, epoch: str, at: datetime) -> bool:
    """Too old, from a clock that went back since, or by another policy than the one in force."""
    return audit.epoch != epoch or not timedelta(0) <= at - audit.at <= OLD


def against(audit: LastAudit, *, epoch: str, at: datetime) -> Iterator[Objection]:
    """What `status` says of it: enforcement is about pulling, so none of this opens or breaks it."""
    if audit.findings:
        first = audit.findings[0]
        yield Objection(
            code="host-audit-findings",
            message=f"expected {audit.images} images in storage to be accepted, got {audit.rejected} rejected"
            f" and {audit.undecided} undecided: {first.name}@{first.digest} ({first.code}), …",
            fix="vouchsafe host audit, and `podman rmi` what should not run",
            severity="warns",
        )
    if is_stale(audit, epoch=epoch, at=at):
        what = "an audit by the policy in force" if audit.epoch != epoch else f"one of {OLD.days} days"
        yield Objection(
            code="host-audit-old",
            message=f"expected {what}, got the last one of {audit.at:%Y-%m-%d %H:%M} UTC",
            fix=_AGAIN,
            severity="warns",
        )


def summary(audit: LastAudit) -> dict[str, object]:
    """As data."""
    return {
        "at": f"{audit.at:%Y-%m-%dT%H:%M:%SZ}",
        "epoch": audit.epoch,
        **{word: getattr(audit, word) for word in _WORDS},
        "findings": [{name: getattr(each, name) for name in _FOUND} for each in audit.findings],
    }


_FOUND = ("name", "digest", "scope", "verdict", "code", "message")


def _read(fields: Fields) -> Found:
    return Found(**{name: fields.text(name) for name in _FOUND})


def _of(audited: Audited) -> Found:
    first = audited.verdict.reasons[0] if audited.verdict.reasons else None
    return Found(
        name=audited.kept.name,
        digest=audited.kept.digest,
        scope=audited.scope,
        verdict=audited.verdict.word,
        code="" if first is None else first.code,
        message="" if first is None else first.message,
    )
