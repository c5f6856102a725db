"""UsageError: the command was written in a way that means nothing, or too little to be safe. Exit code 64."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator

from vouchsafe.errors import VouchsafeError


class UsageError(VouchsafeError):
    """Not run at all; the message says what is missing, the hint which flag was meant."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        """All of them have the code `usage`."""
        super().__init__("usage", message, hint=hint)


def unknown_word(parser: argparse.ArgumentParser, command: str, word: str) -> UsageError:
    """A word that the command has no use for; the hint is the flag that is spelt much like it."""
    see = f"see `vouchsafe {command} --help`"
    if not word.startswith("-"):
        return UsageError(f"expected fewer words for {command}, got {word!r} too", hint=see)
    from difflib import get_close_matches  # late: only a mistake needs it

    flags = [flag for each in _parsers(parser, command) for flag in each._option_string_actions]  # noqa: SLF001
    near = get_close_matches(word.partition("=")[0], flags, n=1)
    hint = f"did you mean {near[0]}? {see}" if near else see
    return UsageError(f"expected only flags that {command} has, got {word}", hint=hint)


def unknown_choice(prog: str, action: argparse.Action, word: object, more: Iterable[str] = ()) -> UsageError:
    """A word that is none of those that there are; the hint is the one that is spelt much like it, or of `more`."""
    from difflib import get_close_matches  # late: only a mistake needs it

    choices = [str(each) for each in action.choices or ()]
    near = get_close_matches(str(word), (*choices, *more), n=1)
    see = f"see `{prog} --help`"
    name = "/".join(action.option_strings) or action.metavar or action.dest
    return UsageError(
        f"expected {name} to be one of {', '.join(choices)}, got {str(word)!r}",
        hint=f"did you mean {near[0]}? {see}" if near else see,
    )


def _parsers(parser: argparse.ArgumentParser, command: str = "") -> Iterator[argparse.ArgumentParser]:
    """Those of a command and of its actions."""
    for action in parser._actions:  # noqa: SLF001
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for name, sub in action.choices.items():
                if command in ("", name):
                    yield sub
                    yield from _parsers(sub)
