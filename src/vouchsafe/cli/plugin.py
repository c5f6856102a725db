"""`vouchsafe plugin`: answers a container engine that asks about an image; holds any such plugin to the protocol."""

from __future__ import annotations

import argparse
import importlib

from vouchsafe.cli import options
from vouchsafe.cli.console import Console

EPILOG = """Without an action it is a policy plugin (docs/plugin-protocol.md): one JSON request on standard input, one
JSON response on standard output. The package installs the same as
/usr/lib/containers/policy-plugins.d/vouchsafe, which is quicker. It asks the countersigner that runs on this
host, and judges by itself where there is none.

examples:
  vouchsafe plugin < request.json
  vouchsafe plugin conform /usr/lib/containers/policy-plugins.d/vouchsafe

exit status: 0 allow, 1 deny, 2 error; every response says so too
"""
_CONFORM = """Runs BINARY with the request of an image that it accepts (--accepted), and with some seventy that
are wrong in one way each: malformed, hostile, slow, huge, of another version. A plugin that overlooks that one
thing allows, and is found out.

examples:
  vouchsafe plugin conform --accepted registry.example/app:v1@sha256:… \\
        --refused registry.example/unsigned:v1@sha256:… ./my-plugin
  vouchsafe plugin conform --case describe --case plain ./my-plugin
  vouchsafe plugin conform --list

exit status: 0 all passed, 1 one failed, 2 one could not be asked
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the actions."""
    parser.epilog = EPILOG
    parser.add_argument(
        "--root", metavar="DIR", type=options.given, default="/", help="judge by the files below another root"
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    summary = "ask a plugin what the protocol says, and report what is wrong with its answers"
    conform = options.add_action(actions, "conform", summary, _CONFORM)
    conform.add_argument("binary", metavar="BINARY", nargs="?", help="the plugin")
    for flag, what in (("--accepted", "accepts"), ("--refused", "refuses")):
        conform.add_argument(
            flag,
            metavar="NAME@DIGEST",
            type=options.given,
            help=f"an image that the plugin {what}, as NAME:TAG@DIGEST or NAME@DIGEST",
        )
    conform.add_argument(
        "--case",
        metavar="NAME",
        dest="cases",
        action="append",
        default=[],
        type=options.given,
        help="only this one; may be repeated",
    )
    conform.add_argument("--list", action="store_true", help="list the cases, and ask nobody")
    options.add_output(conform, "text", "json", "junit")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Answer, or ask."""
    if arguments.action is None:
        from vouchsafe.plugin.program import run as answer

        return answer([] if arguments.root == "/" else ["--root", arguments.root])
    code: int = importlib.import_module("vouchsafe.cli.plugin_conform").run(arguments, console)
    return code
