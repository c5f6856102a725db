"""What `status` says of the last audit of storage: counts, findings, and when it no longer counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.hosts import Host
from vouchsafe.errors import HostError
from vouchsafe.host.audit import Audited, Kept
from vouchsafe.host.last_audit import (
    MOST_FINDINGS,
    OLD,
    LastAudit,
    against,
    is_stale,
    keep,
    last,
    summary,
    summed,
)
from vouchsafe.host.places import LAST_AUDIT
from vouchsafe.image.digest import Digest
from vouchsafe.policy.verdict import Accepted, Reason, Rejected, Undecided, Verdict

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
DIGEST = f"sha256:{'0' * 64}"
UNSIGNED = Reason(code="unsigned", message="expected a signature, got none")


def audited(name: str, kind: type[Accepted | Rejected | Undecided]) -> Audited:
    """An image with a verdict."""
    verdict: Verdict
    if kind is Accepted:
        verdict = Accepted(reference=name, scope="a.example", digest=Digest.parse(DIGEST))
    else:
        verdict = kind(reference=name, scope="a.example", reasons=(UNSIGNED,), digest=Digest.parse(DIGEST))
    return Audited(kept=Kept(storage="", name=name, digest=DIGEST), scope="a.example", verdict=verdict)


def made(*kinds: type[Accepted | Rejected | Undecided], epoch: str = "e1") -> LastAudit:
    """An audit with an image of each verdict."""
    found = [audited(f"a.example/{number}:v1", kind) for number, kind in enumerate(kinds)]
    return summed(found, epoch=epoch, at=AT)


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    """Counts, and what was refused before what nobody could tell; for root alone."""
    host = Host(tmp_path)
    assert last(host.files) is None
    audit = made(Undecided, Accepted, Rejected)
    keep(audit, host.files)
    assert last(host.files) == audit
    assert (audit.accepted, audit.rejected, audit.undecided, audit.images) == (1, 1, 1, 3)
    assert [each.name for each in audit.findings] == ["a.example/2:v1", "a.example/0:v1"]
    assert audit.findings[0].code == "unsigned"
    assert host.files.look(LAST_AUDIT).mode == 0o600


def test_many_findings_are_counted() -> None:
    """Not written down one by one."""
    audit = made(*[Rejected] * (MOST_FINDINGS + 1))
    assert (audit.rejected, len(audit.findings)) == (MOST_FINDINGS + 1, MOST_FINDINGS)
    assert summary(audit)["rejected"] == MOST_FINDINGS + 1


@pytest.mark.parametrize(
    "epoch, since, codes",
    [
        ("e1", timedelta(0), []),
        ("e1", OLD, []),
        ("e1", OLD + timedelta(seconds=1), ["host-audit-old"]),
        ("e1", -timedelta(seconds=1), ["host-audit-old"]),
        ("e2", timedelta(0), ["host-audit-old"]),
    ],
)
def test_when_it_no_longer_counts(epoch: str, since: timedelta, codes: list[str]) -> None:
    """After a week, by a clock that went back, and when another policy is in force."""
    audit = made(Accepted)
    assert [each.code for each in against(audit, epoch=epoch, at=AT + since)] == codes
    assert is_stale(audit, epoch=epoch, at=AT + since) == bool(codes)


def test_findings_are_a_warning() -> None:
    """Enforcement is about pulling: what is in storage does not end it."""
    (note,) = against(made(Accepted, Undecided, Rejected), epoch="e1", at=AT)
    assert (note.code, note.severity) == ("host-audit-findings", "warns")
    assert "1 rejected and 1 undecided: a.example/2:v1@" in note.message


@pytest.mark.parametrize("content", ["{", "{}", '{"at": "now", "epoch": ""}'])
def test_a_record_that_cannot_be_read(tmp_path: Path, content: str) -> None:
    """Is an error that says what to do, and no acceptance."""
    host = Host(tmp_path)
    host.write(LAST_AUDIT, content)
    with pytest.raises(HostError) as refused:
        last(host.files)
    assert (refused.value.code, refused.value.hint) == ("audit-record", "vouchsafe host audit")
