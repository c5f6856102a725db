"""The tool that refreshes the embedded trust root: what it takes, and what it never overwrites."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.tuf_repository import TufRepository
from tools.refresh_embedded_root import DATA, main, write
from vouchsafe.adapters.trustroots import bootstrap_root, embedded
from vouchsafe.errors import VerificationError
from vouchsafe.testing.sigstore import VirtualSigstore

TARGET = VirtualSigstore().trusted_root()
ORIGIN = {"from": "a test", "asOf": "2026-11-02T00:00:00Z"}


def test_from_the_package(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the package `sigstore` ships becomes data that loads; that it was taken on trust is said."""
    assert main(["--from-sigstore-package", "--as-of", "2026-10-20", "--data", str(tmp_path)]) == 0
    found = embedded(str(tmp_path))
    assert (found.source, f"{found.as_of:%F}") == ("embedded", "2026-10-20")
    assert "taken on trust" in capsys.readouterr().out


def test_over_what_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The package's root is not older than the one that is embedded, or this fails and says to refresh it."""
    shutil.copytree(DATA, tmp_path / "data")
    flags = ["--from-sigstore-package", "--as-of", "2026-10-20", "--data", str(tmp_path / "data")]
    assert main(flags) == 0
    assert "taken on trust" not in capsys.readouterr().out


def test_a_successor(tmp_path: Path) -> None:
    """The next root, signed by the one that is there, is taken."""
    repository = TufRepository(TARGET)
    write(tmp_path, repository.bootstrap, TARGET, ORIGIN)
    repository.rotate("root")
    write(tmp_path, repository.files["/2.root.json"], TARGET, ORIGIN)
    assert bootstrap_root(str(tmp_path)) == repository.files["/2.root.json"]


@pytest.mark.parametrize("case", ["older", "another of the same version", "unsigned successor"])
def test_what_does_not_follow(tmp_path: Path, case: str) -> None:
    """Nothing older, nothing of somebody else; what is there stays."""
    repository, stranger = TufRepository(TARGET), TufRepository(TARGET)
    write(tmp_path, repository.bootstrap, TARGET, ORIGIN)
    wrong = stranger.bootstrap
    if case == "older":
        repository.rotate("timestamp")
        write(tmp_path, repository.files["/2.root.json"], TARGET, ORIGIN)
        wrong = repository.bootstrap
    elif case == "unsigned successor":
        stranger.rotate("timestamp")
        wrong = stranger.files["/2.root.json"]
    before = bootstrap_root(str(tmp_path))
    with pytest.raises(VerificationError):
        write(tmp_path, wrong, TARGET, ORIGIN)
    assert bootstrap_root(str(tmp_path)) == before


def test_a_date_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    """The package does not say when it was made, and a guess would decide which caches are older."""
    with pytest.raises(SystemExit):
        main(["--from-sigstore-package"])
    assert "--as-of" in capsys.readouterr().err
