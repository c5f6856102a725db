"""UsageError: the command was written in a way that means nothing, or too little to be safe. Exit code 64."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from vouchsafe.errors import VouchsafeError


class UsageError(VouchsafeError):
    """Not run at all; the message says what is missing, the hint which flag was meant."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        """All of them have the code `usage`."""
        super().__init__("usage", message, hint=hint)


def unknown_word(parser: argparse.ArgumentParser, command: str, word: str) -> UsageError:
    """A word that the command (`host enable`) has no use for; the hint is the flag that is spelt much like it."""
    see = f"see `vouchsafe {command} --help`"
    if not word.startswith("-"):
        return UsageError(f"expected fewer words for {command}, got {word!r} too", hint=see)
    from difflib import get_close_matches  # late: only a mistake needs it

    near = get_close_matches(word.partition("=")[0], _flags(parser, command.split()), n=1)
    hint = f"did you mean {near[0]}? {see}" if near else see
    return UsageError(f"expected only flags that {command} has, got {word}", hint=hint)


def _flags(parser: argparse.ArgumentParser, command: list[str]) -> list[str]:
    """Those of a command, not of its other actions: they would be named to who wrote just that."""
    for name in command:
        parser = next(
            action.choices[name]
            for action in parser._actions  # noqa: SLF001
            if isinstance(action, argparse._SubParsersAction)  # noqa: SLF001
        )
    return list(parser._option_string_actions)  # noqa: SLF001


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
