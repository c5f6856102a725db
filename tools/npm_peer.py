"""Puts gitlab-ci-local, which runs the components of templates/, into .peers/npm.

Decides that exactly the versions of tools/gitlab-ci-local/package-lock.json are taken, by their hashes, and
that nothing of them runs while it is installed. Node and npm are the machine's own; without them the tests of
the components are skipped by name.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

NAME = "gitlab-ci-local"
LOCKED = Path(__file__).resolve().parent / NAME
OLDEST_NODE = 18  # what its package.json asks for
INSTALL_SECONDS = 300
_INSTALL = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


class NpmError(Exception):
    """Why the program cannot be had, in one sentence."""


def locked_version() -> str:
    """The version that the lock file names."""
    lock = json.loads((LOCKED / "package-lock.json").read_text(encoding="utf-8"))
    version: str = lock["packages"][f"node_modules/{NAME}"]["version"]
    return version


def provide(folder: Path) -> Path:
    """The program, installed below `folder` unless it is there already and runs. NpmError."""
    program = folder / "node_modules" / ".bin" / NAME
    for name in ("node", "npm"):
        if shutil.which(name) is None:
            raise NpmError(f"expected node {OLDEST_NODE} or newer and npm, got no {name}")
    node = _words("node", "--version").removeprefix("v")
    if int(node.partition(".")[0] or 0) < OLDEST_NODE:
        raise NpmError(f"expected node {OLDEST_NODE} or newer and npm, got node {node}")
    if not _is_installed(folder, program):
        _install(folder)
    if not _is_installed(folder, program):
        raise NpmError(f"expected {NAME} {locked_version()} to run, got something else")
    return program


def _is_installed(folder: Path, program: Path) -> bool:
    try:
        same = (folder / "package-lock.json").read_bytes() == (LOCKED / "package-lock.json").read_bytes()
        return same and _words(str(program), "--version") == locked_version()
    except (OSError, NpmError):
        return False


def _install(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(LOCKED / name, folder / name)
    _words(*_INSTALL, folder=folder)


def _words(*command: str, folder: Path | None = None) -> str:
    """What a command says; NpmError when it fails."""
    try:
        ended = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NpmError(f"expected {command[0]} to run, got {error}") from error
    if ended.returncode:
        said = (ended.stderr.strip() or ended.stdout.strip() or "no output").splitlines()[0]
        raise NpmError(f"expected {' '.join(command[:2])} to succeed, got exit {ended.returncode}: {said}")
    return ended.stdout.strip()
