"""`vouchsafe upstream`: how far upstream is with what would make the countersigner needless, and the move off it."""

from __future__ import annotations

import argparse
import importlib

from vouchsafe.cli import options
from vouchsafe.cli.console import Console

_CHECK = """examples:
  vouchsafe upstream check
        ask GitHub, GitLab, distributions and this host's clients; say what is new since last time
  vouchsafe upstream check --without-host -o markdown
  vouchsafe upstream check --offline --at 2026-06-15
        the same check as it was then, from what is kept
  vouchsafe upstream check --issue gitlab:platform/hosts --dry-run
        what would be written into the project's one issue; GITLAB_TOKEN (scope api) writes it

GitHub answers a stranger 60 times in an hour; a first check asks it some 40 times, later ones cost only what
changed. GITHUB_TOKEN or GH_TOKEN, and GITLAB_TOKEN, raise the limits; each is sent to its own service alone.

exit status: 0 nothing new, 2 not everything could be asked and nothing moved, 10 something moved, 11 unblocked:
`vouchsafe upstream act`; 64 usage, 78 what is kept cannot be read
"""
_ACT = """Asks each client of this host whether it knows a key for a pipeline's URI, by a policy that uses it. When all
do, the policy in /etc/vouchsafe is compiled without the countersigner wherever that loses nothing, loaded with the
host's own client, and each client must pull what is signed and refuse what is not. Nothing is changed: the files
and the order of the steps are printed. Keep the countersigner until this ends with 0 on every host.

examples:
  vouchsafe upstream act
  vouchsafe upstream act --policy policy.json -o json

exit status: 0 it can be done on this host, 1 not yet, 2 it could not be told, 78 there is no policy, or it cannot
be compiled
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the actions."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = options.add_action(
        actions, "check", "say how far upstream is, and what is new since last time", _CHECK
    )
    _add_asking(check)
    _add_issue(check)
    options.add_output(check, "text", "json", "markdown")
    act = options.add_action(
        actions, "act", "test whether this host can do without the countersigner, and say how", _ACT
    )
    options.add_policy(act)
    options.add_value(
        act,
        "--key",
        "NAME",
        "ask for this key only (default: those that were proposed, and what the last check found)",
    )
    act.add_argument(
        "--insecure-drop-claims",
        action="store_true",
        help="also where claims such as the project's number would no longer be compared",
    )
    options.add_value(act, "--write", "DIR", "write both files there, when it can be done")
    options.add_value(act, "--cache-dir", "DIR", "where `check` keeps answers: keys that upstream has")
    options.add_output(act, "text", "json")


def _add_asking(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("whom to ask")
    group.add_argument(
        "--offline", action="store_true", help="ask nobody: repeat the last check from what is kept"
    )
    options.add_value(
        group,
        "--at",
        "DATE",
        "repeat the last check until then (2026-06-15, or an RFC 3339 time); implies --offline",
    )
    group.add_argument("--without-host", action="store_true", help="do not ask this host's own clients")
    options.add_value(group, "--cache-dir", "DIR", "where answers are kept (default: the user's cache)")
    options.add_value(
        group,
        "--service",
        "NAME=URL",
        "ask github, gitlab, debian or fedora there, such as at a proxy; repeat for several",
        several=True,
    )


def _add_issue(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("whom to tell")
    options.add_value(
        group,
        "--issue",
        "gitlab:PROJECT",
        "open or update one issue there: the table, and a comment when something moved",
    )
    options.add_value(
        group, "--base-url", "URL", "the issue's instance (default: the CI job's, else https://gitlab.com)"
    )
    options.add_value(group, "--token-file", "FILE", "a token with the scope api (default: GITLAB_TOKEN)")
    group.add_argument(
        "--dry-run",
        action="store_true",
        help="write nothing, neither the issue nor what is kept; print the issue",
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Do what was asked."""
    action = importlib.import_module(f"vouchsafe.cli.upstream_{arguments.action}")
    code: int = action.run(arguments, console)
    return code
