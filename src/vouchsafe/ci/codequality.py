"""Findings as GitLab's code quality report: a widget in the merge request, on every tier.

Format: GitLab's documentation, "Code Quality report format". A fingerprint stays the same while the finding
does, whatever stands around it, so that GitLab can tell new findings from old ones.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from vouchsafe.policy.finding import Finding, Severity

_SEVERITIES: dict[Severity, str] = {"error": "critical", "warning": "minor"}


def report(findings: Iterable[Finding]) -> str:
    """The report's text: an array, empty when there is nothing to report."""
    return json.dumps([_issue(finding) for finding in findings], indent=2)


def _issue(finding: Finding) -> dict[str, object]:
    fix = f" Fix: {finding.fix}" if finding.fix else ""
    same = f"{finding.file}\0{finding.code}\0{finding.message}"
    return {
        "description": finding.message + fix,
        "check_name": finding.code,
        "fingerprint": hashlib.sha256(same.encode()).hexdigest(),
        "severity": _SEVERITIES[finding.severity],
        "location": {"path": finding.file, "lines": {"begin": max(finding.line, 1)}},
    }
