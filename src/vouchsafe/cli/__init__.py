"""The command line: parses, calls, prints. Decides nothing.

Each command is one module with `SUMMARY`, `configure(parser)` and `run(arguments, console) -> int`;
only the one that was asked for is imported, because a pull waits for it. Exit codes are API:

    0 accepted or done · 1 rejected · 2 undecided · 64 usage · 78 bad policy or configuration

`upstream check` adds 10 something moved, 11 unblocked.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, Protocol

from vouchsafe import __version__
from vouchsafe.cli.console import Console
from vouchsafe.cli.usage import UsageError, unknown_choice, unknown_word
from vouchsafe.errors import ConfigurationError, MalformedError, Refused, Unavailable, VouchsafeError

ACCEPTED = 0
REJECTED = 1
UNDECIDED = 2
USAGE = 64
CONFIGURATION = 78
INTERRUPTED = 130
TERMINATED = 143

COMMANDS = {
    "verify": "verify that images were signed by whom you trust",
    "explain": "show everything that was looked at, rule by rule, and what to do",
    "sign": "sign images for the consumers there are, and read it back",
    "attest": "state something about images, signed: an SBOM, how they were built",
    "policy": "check, show and test policies",
    "identity": "explain who signed, or write a policy for a GitLab project",
    "trust": "show or refresh whose signatures are believed",
    "copy": "copy an image with all its signatures, attestations and referrers",
    "tree": "show what is attached to an image, and by whom",
    "sbom": "make an SBOM with syft or trivy, check it, and attest it",
    "ci": "check a registry's tag cleanup, and write the reports of a pipeline",
    "host": "make this host refuse what the policy does not accept, and prove it",
    "runbook": "enable it on hosts step by step, with a journal, a log and a way back",
    "bootc": "say whether the next upgrade of this host would be admitted",
    "containerd": "make containerd ask before it pulls, and find what lets it not ask",
    "countersign": "answer this host's clients with its own signature of what it accepts",
    "plugin": "answer a container engine that asks about an image, and test such plugins",
    "log": "show what clients were answered, and why",
    "upstream": "say how far upstream is, what changed, and whether this host can do without us",
    "break-glass": "accept one digest without a signature, for a while, with a reason",
    "completion": "print a completion script for bash, zsh or fish",
}
_OBJECTS = 50_000  # made since the last collection of garbage when a process of one command looks again
_USUAL_WIDTH, _WIDEST, _NARROWEST = 80, 100, 40  # columns
_BOOLEANS = frozenset(("--tls-verify", "--src-tls-verify", "--dest-tls-verify"))
_EPILOG = """examples:
  vouchsafe verify registry.example/group/app:v1
  vouchsafe verify --certificate-identity https://gitlab.com/group/app//.gitlab-ci.yml@refs/heads/main \\
                   --certificate-oidc-issuer https://gitlab.com registry.example/group/app:v1
  vouchsafe explain registry.example/group/app:v1

exit status: 0 accepted or done, 1 rejected, 2 undecided, 64 usage, 78 bad policy or configuration
"""


class Terminated(KeyboardInterrupt):
    """SIGTERM where it is heard (`cli.terminated`): ends what ^C ends."""


class Command(Protocol):
    """What a command's module offers."""

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's arguments."""

    def run(self, arguments: argparse.Namespace, console: Console) -> int:
        """Do it; the exit code."""


class Help(argparse.RawDescriptionHelpFormatter):
    """argparse's, without the 2 ms that its look at the terminal costs every run (it imports shutil)."""

    def __init__(self, prog: str) -> None:
        """As wide as COLUMNS or the terminal says, and no wider than a line reads well."""
        super().__init__(prog, max_help_position=30, width=_width())

    def add_argument(self, action: argparse.Action) -> None:
        """The column of the help counts the indent of commands, which argparse forgets."""
        super().add_argument(action)
        if action.nargs == argparse.PARSER:
            self._action_max_length += self._indent_increment


class Parser(argparse.ArgumentParser):
    """argparse, but usage errors leave with 64: its own 2 would read as undecided."""

    def __init__(self, **settings: Any) -> None:
        """The settings of ArgumentParser."""
        settings.setdefault("formatter_class", Help)
        settings.setdefault("allow_abbrev", False)
        super().__init__(**settings)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and where help is."""
        raise UsageError(message, hint=f"see `{self.prog} --help`")

    def _check_value(self, action: argparse.Action, value: object) -> None:
        """argparse's, but a word that is misspelt is told which one was meant."""
        if action.choices is not None and value not in action.choices:
            # Whoever writes `vouchsafe help` means a flag.
            flags = self._option_string_actions if action.nargs == argparse.PARSER else ()
            raise unknown_choice(self.prog, action, value, flags)


def module(name: str) -> Command:
    """A command's module, imported when it is needed."""
    path = f"vouchsafe.cli.{name.replace('-', '_')}"
    loaded: Command = importlib.import_module(path)  # type: ignore[assignment,unused-ignore]
    return loaded


def build_parser(only: str | None = None, *, load: Callable[[str], Command] = module) -> Parser:
    """The parser of every command, or of one only; with "" of their names alone.

    Each costs a start: argparse looks for translations on the disk, three times a parser.
    """
    parser = Parser(
        prog="vouchsafe",
        description="Was this container image signed by the pipeline you trust?",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"vouchsafe {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, prog="vouchsafe")
    for name, summary in COMMANDS.items():
        if only and name != only:
            continue
        sub = commands.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
        )
        if only in (None, name):
            load(name).configure(sub)
            if not sub.epilog:  # its actions have their own
                sub.epilog = f"examples and exit status: {sub.prog} ACTION --help\n"
    return parser


def main(argv: Sequence[str] | None = None, *, load: Callable[[str], Command] = module) -> int:
    """Run one command, which `load` finds; without `argv`, the one that this process was started for."""
    if argv is not None:
        return _run(argv, load)
    # Imports make objects that stay: looking through them again and again, and once more at the exit,
    # costs a fifth of a start (docs/benchmarks.md).
    gc.set_threshold(_OBJECTS, 20, 100)
    try:
        code = _run(sys.argv[1:], load)
    finally:
        gc.freeze()
    return _left(code)


def _left(code: int) -> int:
    """Leave without the interpreter's tidying up, which takes 5 ms; nothing of ours waits for it. Said is said before.

    Returns where a stream cannot be flushed (then the interpreter knows what to do), or where somebody measures.
    """
    if sys.gettrace() or sys.getprofile():
        return code
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        return code
    if code in (INTERRUPTED, TERMINATED):  # no thread was waited for: what those have begun is ended
        import atexit

        atexit._run_exitfuncs()  # noqa: SLF001
    os._exit(code)


def _run(written: Sequence[str], load: Callable[[str], Command]) -> int:
    """An unexpected error is Undecided, never an acceptance."""
    # Alone it is true and takes no value from the next word, as podman has it.
    words = [f"{word}=true" if word in _BOOLEANS else word for word in written]
    asked = words[0] if words and words[0] in COMMANDS else ""
    console = Console(verbose="-v" in words or "--verbose" in words)
    try:
        parser = build_parser(only=asked, load=load)
        if words and words[0].startswith("-") and words[0] not in parser._option_string_actions:  # noqa: SLF001
            raise UsageError(
                f"expected a command first, got {words[0]}",
                hint="Flags come after the command they are for, as in `vouchsafe verify --policy FILE IMAGE`.",
            )
        arguments, unknown = parser.parse_known_args(words)
        if unknown:
            action = getattr(arguments, "action", None)
            raise unknown_word(parser, " ".join(filter(None, (arguments.command, action))), unknown[0])
        console.verbose = bool(getattr(arguments, "verbose", False))
        code = load(arguments.command).run(arguments, console)
        console.flush()
        return code
    except VouchsafeError as error:
        console.error(error.message, hint=error.hint, code=error.code)
        return exit_code(error)
    except KeyboardInterrupt as ended:
        console.note("")
        return TERMINATED if isinstance(ended, Terminated) else INTERRUPTED
    except BrokenPipeError:
        console.drop_output()
        return UNDECIDED
    except Exception as error:  # noqa: BLE001  # the edge: a crash denies, and says what happened
        console.crash(error)
        return UNDECIDED


def _width() -> int:
    """Columns of help."""
    written = os.environ.get("COLUMNS", "")
    try:
        columns = int(written) if written.isdecimal() else os.get_terminal_size().columns
    except OSError:  # no terminal
        columns = _USUAL_WIDTH
    return max(min(columns, _WIDEST) - 2, _NARROWEST)


def exit_code(error: VouchsafeError) -> int:
    """Which exit code an error leaves with."""
    match error:
        case UsageError():
            return USAGE
        case ConfigurationError():
            return CONFIGURATION
        case MalformedError(code=code) if code == "digest" or code.startswith("reference"):
            return USAGE
        case Unavailable():
            return UNDECIDED
        case Refused():
            return REJECTED
        case _:
            return UNDECIDED
