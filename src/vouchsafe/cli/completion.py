"""`vouchsafe completion`: a completion script, made by shtab from the parser itself."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from vouchsafe import cli
from vouchsafe.cli.console import Console

_FILES = frozenset(("FILE", "PEM", "CASES"))
EPILOG = """examples:
  vouchsafe completion bash > /etc/bash_completion.d/vouchsafe
  vouchsafe completion zsh > "${fpath[1]}/_vouchsafe"
  vouchsafe completion fish > ~/.config/fish/completions/vouchsafe.fish
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Which shell."""
    parser.epilog = EPILOG
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Print the script."""
    import shtab  # needed by nobody else

    parser = cli.build_parser()
    for action in _actions(parser):
        if action.metavar in _FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]  # shtab's way to say it
        elif action.metavar == "DIR":
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    console.print(shtab.complete(parser, shell=arguments.shell))
    return cli.ACCEPTED


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:  # noqa: SLF001  # argparse has no other way to look at a parser
        yield action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for sub in action.choices.values():
                yield from _actions(sub)
