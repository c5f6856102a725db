"""Findings as data, and as GitLab's code quality report, which a merge request shows on every tier.

GitLab joins findings of two pipelines by their fingerprint, and shows one where two are the same: so it leaves
the line out (an edit above must not make an old finding new) and counts repetitions. A path that is not
relative to the repository is not shown.
https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Sequence

from vouchsafe.errors import printable
from vouchsafe.policy.finding import Finding, Severity

_SEVERITIES: dict[Severity, str] = {"error": "critical", "warning": "major"}


def as_json(findings: Sequence[Finding]) -> list[dict[str, object]]:
    """What a document says of them."""
    return [
        {
            "file": finding.file,
            "line": finding.line or None,
            "code": finding.code,
            "severity": finding.severity,
            "message": finding.message,
            "fix": finding.fix or None,
        }
        for finding in findings
    ]


def code_quality(findings: Sequence[Finding]) -> str:
    """The text of the report; no findings, an empty list."""
    seen: Counter[str] = Counter()
    issues = []
    for finding in findings:
        path = _relative(finding.file)
        what = f"{path}\0{finding.code}\0{finding.message}"
        seen[what] += 1
        fix = f" Fix: {finding.fix}" if finding.fix else ""
        issues.append(
            {
                "description": printable(finding.message + fix),
                "check_name": f"vouchsafe/{finding.code}",
                "fingerprint": hashlib.sha256(f"{what}\0{seen[what]}".encode(errors="replace")).hexdigest(),
                "severity": _SEVERITIES[finding.severity],
                "location": {"path": printable(path), "lines": {"begin": max(finding.line, 1)}},
            }
        )
    return json.dumps(issues, indent=2)


def _relative(path: str) -> str:
    """Seen from the working directory, which in a CI job is the repository."""
    inside = os.path.relpath(path)
    return path if inside.startswith("..") else inside
