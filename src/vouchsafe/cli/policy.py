"""`vouchsafe policy`: is a policy sound, what applies to an image, does it decide as it should, what do clients get?"""

from __future__ import annotations

import argparse
import importlib
from typing import Any

from vouchsafe.cli import compiling, options
from vouchsafe.cli.console import Console

_CHECK = """examples:
  vouchsafe policy check
        the policy of this host
  vouchsafe policy check policy.json policy.d/*.json
        these files as one policy: the main file first, then what it is joined with
  vouchsafe policy check --dialect containers /etc/containers/policy.json
        each file alone, as podman, skopeo, bootc and CRI-O load it
  vouchsafe policy check -o codequality policy.json > gl-code-quality-report.json
        for GitLab, which shows it beside the changes of a merge request

exit status: 0 clean, 1 something was found, 78 the dialect cannot load it, 64 usage
"""
_SHOW = """examples:
  vouchsafe policy show registry.example/group/app:v1
  vouchsafe policy show --policy policy.json -o json oci:/srv/layout

Nothing is fetched and nothing is judged: see `vouchsafe explain`.
"""
_TEST = """examples:
  vouchsafe policy test --policy policy.json cases.json
  vouchsafe policy test -o junit cases.json > report.xml

CASES is a JSON array of objects:
  image     what to judge: NAME, oci:PATH[:TAG] or dir:PATH
  fixture   an oci: or dir: path to read in its place; the policy still sees `image`
  expect    accepted, rejected, undecided, or unverified (accepted by insecureAcceptAnything alone)
  reason    the code of the first reason (docs/reason-codes.md)
  at        the time to judge at, such as 2026-01-31T12:00:00Z; else now
  name      for people; else the image
All but image and expect may be left out. Paths are relative to the file's folder.

exit status: 0 all as expected, 1 one was not, 64 usage, 78 the policy or CASES cannot be used
"""
_COMPILE = """examples:
  vouchsafe policy compile
        what `vouchsafe host enable` would write on this host
  vouchsafe policy compile --policy policy.json --to build/containers
        policy.json and registries.d/vouchsafe.yaml for an image, or to be looked at in a review

Scopes that podman, skopeo and bootc can judge themselves come out as they are; one that they cannot demands a
certificate of this host's CA, which the countersigner gives for what the policy accepts. Images that are on the
host already (--refuse-transport) are listed one by one: each is your choice.

exit status: 0 done, 1 a permissive default would be another way in, 78 it cannot be said: the scope is named
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add `check`, `crio`, `show`, `test` and `compile`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser("check", help="find what is wrong or unwise in a policy", epilog=_CHECK)
    check.description = (
        "Find what is wrong or unwise in a policy: file, line, code, and what to write instead."
    )
    check.add_argument(
        "files", metavar="FILE", nargs="*", type=options.given, help="default: this host's policy"
    )
    check.add_argument(
        "--dialect",
        choices=("vouchsafe", "containers"),
        default="vouchsafe",
        help="whose grammar (default: %(default)s); containers: what stock clients load",
    )
    options.add_output(check, "text", "json", "codequality")
    from vouchsafe.cli import policy_crio

    crio = actions.add_parser(
        "crio", help="narrow what is in force to Kubernetes namespaces, for CRI-O", epilog=policy_crio.EPILOG
    )
    crio.description = "Print or write the policy of a Kubernetes namespace as CRI-O reads it."
    policy_crio.configure(crio)
    show = actions.add_parser("show", help="show what applies to an image and why", epilog=_SHOW)
    show.description = "Show which scope and demands of a policy apply to an image, and why."
    show.add_argument(
        "image", metavar="IMAGE", help="[docker://]NAME[:TAG|@DIGEST], oci:PATH[:TAG] or dir:PATH"
    )
    options.add_policy(show)
    options.add_output(show, "text", "json")
    test = actions.add_parser("test", help="compare verdicts with what is expected", epilog=_TEST)
    test.description = "Judge a table of images by a policy, and compare the verdicts with what is expected."
    test.add_argument("cases", metavar="CASES", type=options.given, help="a JSON file, see below")
    options.add_policy(test)
    options.add_sources(test, bundle=False)
    options.add_output(test, "text", "json", "junit")
    _add_compile(actions)


def _add_compile(actions: Any) -> None:
    made = actions.add_parser("compile", help="say it in words that stock clients read", epilog=_COMPILE)
    made.description = "Say a policy in words that podman, skopeo, bootc and CRI-O read."
    options.add_policy(made)
    options.add_value(made, "--to", "DIR", "write the two files there")
    compiling.configure(made.add_argument_group("how"))
    options.add_output(made, "text", "json")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Do what was asked."""
    code: int = importlib.import_module(f"vouchsafe.cli.policy_{arguments.action}").run(arguments, console)
    return code
