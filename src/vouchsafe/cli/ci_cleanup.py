"""`vouchsafe ci lint-cleanup`: would the registry's tag cleanup delete signatures?"""

from __future__ import annotations

import argparse
import os
from typing import Any

from vouchsafe.cli import ACCEPTED, REJECTED, options
from vouchsafe.cli.console import Console
from vouchsafe.cli.findings import as_json, code_quality
from vouchsafe.cli.usage import UsageError
from vouchsafe.errors import printable
from vouchsafe.policy.cleanup import EVERYTHING, SOURCE, Cleanup, lint
from vouchsafe.policy.finding import Finding
from vouchsafe.wiring import cleanup as wired

SUMMARY = "check that a registry's tag cleanup deletes no signatures"
EPILOG = """examples:
  vouchsafe ci lint-cleanup --keep-regex '(?:main|v.+)'
        what a cleanup policy with this expression would do to signatures
  vouchsafe ci lint-cleanup --delete-regex 'dev-.*' --keep-regex '' --keep-n 10
  vouchsafe ci lint-cleanup --project group/app
        the policy that GitLab has for this project (GITLAB_TOKEN or --token-file, scope read_api)
  vouchsafe ci lint-cleanup --keep-regex '(?:main|v.+)' --at registry.tf:12 -o codequality > report.json
        GitLab's code quality report, for the merge request

Expressions are read as GitLab reads them: RE2, `\\A` before and `\\z` behind, without brackets.

exit status: 0 signatures are safe; 1 something was found; 2 GitLab could not be asked; 64 usage
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The flags of `ci lint-cleanup`."""
    parser.epilog = EPILOG
    parser.add_argument("--keep-regex", metavar="RE2", help="tags that are kept (GitLab's name_regex_keep)")
    parser.add_argument(
        "--delete-regex",
        metavar="RE2",
        help=f"tags that are deleted (name_regex_delete; default: {EVERYTHING})",
    )
    parser.add_argument("--keep-n", metavar="N", type=_count, help="so many of the newest are kept (keep_n)")
    options.add_value(parser, "--at", "FILE[:LINE]", "where the expressions are written, for reports")
    group = parser.add_argument_group("or ask GitLab")
    group.add_argument(
        "--project",
        metavar="PROJECT",
        nargs="?",
        const="",
        help="path, number or URL (without a value: the CI job's own project)",
    )
    options.add_value(
        group, "--base-url", "URL", "the instance (default: the CI job's, else https://gitlab.com)"
    )
    options.add_value(group, "--token-file", "FILE", "a token to ask with")
    options.add_output(parser, "text", "json", "codequality")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Read the policy, look, print."""
    cleanup = _placed(_cleanup(arguments), arguments.at)
    findings = lint(cleanup)
    if arguments.output == "json":
        console.document(_json(cleanup, findings))
    elif arguments.output == "codequality":
        console.print(code_quality(findings))
    else:
        _print(cleanup, findings, console)
    return REJECTED if findings else ACCEPTED


def _cleanup(arguments: argparse.Namespace) -> Cleanup:
    written = (arguments.keep_regex, arguments.delete_regex, arguments.keep_n)
    if arguments.project is None:
        if arguments.keep_regex is None and arguments.delete_regex is None:
            raise UsageError(
                "expected --keep-regex, --delete-regex or --project, got none of them",
                hint="--keep-regex '' stands for a policy that keeps nothing",
            )
        delete = EVERYTHING if arguments.delete_regex is None else arguments.delete_regex
        return Cleanup(delete=delete, keep=arguments.keep_regex or "", keep_n=arguments.keep_n)
    if any(value is not None for value in written):
        raise UsageError("expected --project or expressions, got both")
    return wired.of_project(
        os.environ,
        uid=os.getuid(),
        project=arguments.project,
        base_url=arguments.base_url or "",
        token_file=arguments.token_file or "",
    )


def _placed(cleanup: Cleanup, at: str | None) -> Cleanup:
    if at is None:
        return cleanup
    file, colon, line = at.rpartition(":")
    if colon and file and line.isdecimal():
        return cleanup.replace(source=file, line=int(line))
    return cleanup.replace(source=at)


def _print(cleanup: Cleanup, findings: tuple[Finding, ...], console: Console) -> None:
    for finding in findings:
        where = "" if finding.file == SOURCE else f"{printable(finding.file)}:"
        where += f"{finding.line}:" if finding.line else ""
        style = "bad" if finding.severity == "error" else "warn"
        start = f"{where} " if where else ""
        console.print(f"{start}{console.style(finding.code, style)}: {printable(finding.message)}")
    for fix in dict.fromkeys(finding.fix for finding in findings if finding.fix):
        console.print(f"    fix: {printable(fix)}")
    if not cleanup.enabled:
        console.note("vouchsafe: this cleanup policy is not enabled: it deletes nothing")
    elif not findings:
        console.note("vouchsafe: signatures, attestations and referrers are kept")


def _json(cleanup: Cleanup, findings: tuple[Finding, ...]) -> dict[str, Any]:
    return {
        "policy": {
            "source": cleanup.source,
            "enabled": cleanup.enabled,
            "delete": cleanup.delete,
            "keep": cleanup.keep,
            "keepN": cleanup.keep_n,
        },
        "findings": as_json(findings),
    }


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"expected a number from 1, got {text!r}")
    return int(text)
