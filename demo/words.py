"""How the story is told: headlines, the commands as one would type them, and how each ended."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

COMMAND = Path(sys.executable).with_name("vouchsafe")
BOLD, DIM, PLAIN = ("\x1b[1m", "\x1b[2m", "\x1b[0m") if sys.stdout.isatty() else ("", "", "")


def say(text: str) -> None:
    """A line of the story."""
    print(f"{BOLD}{text}{PLAIN}", flush=True)


def aside(text: str) -> None:
    """Something beside the story."""
    print(f"{DIM}{text}{PLAIN}", flush=True)


def vouchsafe(*arguments: str, variables: Mapping[str, str] = {}) -> int:
    """The command itself: shown, run, its own words below; how it ended."""
    aside(f"$ vouchsafe {' '.join(arguments)}")
    return subprocess.run([COMMAND, *arguments], check=False, env={**os.environ, **variables}).returncode
