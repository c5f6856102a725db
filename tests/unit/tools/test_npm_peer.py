"""Installing gitlab-ci-local: what is locked, and what a machine without Node says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools import npm_peer


def program(folder: Path, name: str, script: str) -> None:
    """A program on the path."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


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


def test_a_machine_without_node_says_so(only: Path, tmp_path: Path) -> None:
    """The reason is what the skipped tests show."""
    with pytest.raises(npm_peer.NpmError, match=r"^expected node 18 or newer and npm, got no node$"):
        npm_peer.provide(tmp_path / "npm")
    program(only, "node", "echo v16.20.0")
    with pytest.raises(npm_peer.NpmError, match=r"got no npm$"):
        npm_peer.provide(tmp_path / "npm")
    program(only, "npm", "exit 1")
    with pytest.raises(npm_peer.NpmError, match=r"got node 16.20.0$"):
        npm_peer.provide(tmp_path / "npm")


def test_an_install_that_fails_says_why(only: Path, tmp_path: Path) -> None:
    """Its first line, not its pages."""
    program(only, "node", "echo v20.0.0")
    program(only, "npm", "echo no such host >&2; echo a log is at x >&2; exit 3")
    with pytest.raises(npm_peer.NpmError) as error:
        npm_peer.provide(tmp_path / "npm")
    assert str(error.value) == "expected npm ci to succeed, got exit 3: no such host"


def test_what_is_installed_is_kept(only: Path, tmp_path: Path) -> None:
    """The same lock and a program that runs need no second install."""
    folder = tmp_path / "npm"
    (folder / "node_modules" / ".bin").mkdir(parents=True)
    (folder / "package-lock.json").write_bytes((npm_peer.LOCKED / "package-lock.json").read_bytes())
    program(folder / "node_modules" / ".bin", npm_peer.NAME, f"echo {npm_peer.locked_version()}")
    program(only, "node", "echo v20.0.0")
    program(only, "npm", "exit 3")
    assert npm_peer.provide(folder) == folder / "node_modules" / ".bin" / "gitlab-ci-local"
