"""`vouchsafe completion`: scripts that the shells can read, for every command and flag."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.cli_lab import run
from vouchsafe.cli import COMMANDS


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_names_every_command(shell: str) -> None:
    """And some flags of each kind."""
    ended = run("completion", shell)
    assert (ended.code, ended.err) == (0, "")
    assert [name for name in COMMANDS if name not in ended.out] == []
    for flag in ("certificate-oidc-issuer", "dialect", "registries-conf"):
        assert flag in ended.out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_reads_it(shell: str) -> None:
    """No syntax error."""
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is missing")
    done = subprocess.run(
        [program, "-n"], input=run("completion", shell).out, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_files_are_completed() -> None:
    """What takes a file says so."""
    assert "_shtab_compgen_files" in run("completion", "bash").out
