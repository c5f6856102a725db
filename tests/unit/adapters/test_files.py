"""Files: bounded, regular, written whole."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from vouchsafe.adapters.appending import append_line
from vouchsafe.adapters.databasefile import DatabaseFile
from vouchsafe.adapters.files import SystemFiles
from vouchsafe.errors import ConfigurationError, HostError


def test_reads(tmp_path: Path) -> None:
    """Up to and including the limit."""
    (tmp_path / "f").write_bytes(b"12345")
    assert SystemFiles().read(f"{tmp_path}/f", largest=5) == b"12345"


def test_what_cannot_be_read(tmp_path: Path) -> None:
    """Each with its code; a FIFO and a device do not hang or fill us."""
    (tmp_path / "large").write_bytes(b"123456")
    os.mkfifo(tmp_path / "fifo")
    cases = {
        f"{tmp_path}/missing": "file-missing",
        f"{tmp_path}/large/below": "file-missing",
        f"{tmp_path}/large": "file-too-large",
        f"{tmp_path}/fifo": "file-special",
        f"{tmp_path}": "file-special",
        "/dev/zero": "file-special",
        "/proc/self/environ": "file-too-large",  # says size 0 and holds more
        "nul\0": "file-unreadable",
        "x" * 5_000: "file-unreadable",
    }
    seen = {}
    for path in cases:
        with pytest.raises(ConfigurationError) as caught:
            SystemFiles().read(path, largest=5)
        seen[path] = caught.value.code
    assert seen == cases


@pytest.mark.parametrize("mode", [0o644, 0o600, 0o400])
def test_writes_whole_with_its_mode(tmp_path: Path, mode: int) -> None:
    """Whatever the umask says, and nothing else is left in the folder."""
    path = tmp_path / "f"
    path.write_bytes(b"old")
    before = os.umask(0o077)
    try:
        SystemFiles().write(str(path), b"new" * 100_000, mode=mode)
    finally:
        os.umask(before)
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new" * 100_000, mode)
    assert [each.name for each in tmp_path.iterdir()] == ["f"]


def test_a_link_is_replaced_not_followed(tmp_path: Path) -> None:
    """The file that a link names stays as it was."""
    (tmp_path / "target").write_bytes(b"kept")
    (tmp_path / "f").symlink_to("target")
    SystemFiles().write(f"{tmp_path}/f", b"new")
    assert ((tmp_path / "target").read_bytes(), (tmp_path / "f").read_bytes()) == (b"kept", b"new")


def test_a_write_that_fails_leaves_what_was(tmp_path: Path) -> None:
    """A folder that is not there, and a folder in the file's place."""
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    for path in (f"{tmp_path}/none/f", f"{tmp_path}/folder"):
        with pytest.raises(HostError) as caught:
            SystemFiles().write(path, b"x")
        assert caught.value.code == "file-write"
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("kind", ["hard link", "link", "fifo", "folder"])
@pytest.mark.parametrize("write", ["append", "database"])
def test_root_in_an_accounts_folder(tmp_path: Path, kind: str, write: str) -> None:
    """Whoever owns the folder leads root to no file of somebody else, to be written, owned or opened to all."""
    theirs, place = tmp_path / "theirs", tmp_path / "place"
    theirs.write_bytes(b"kept")
    theirs.chmod(0o600)
    match kind:
        case "hard link":
            place.hardlink_to(theirs)
        case "link":
            place.symlink_to(theirs)
        case "fifo":
            os.mkfifo(place)
        case _:
            place.mkdir()
    with pytest.raises(HostError) as caught:
        append_line(str(place), b"x\n") if write == "append" else DatabaseFile(str(place)).prepare()
    opened = {"hard link": "file-linked", "fifo": "file-linked"}
    assert caught.value.code == opened.get(kind, "file-write" if write == "append" else "store-file")
    assert (theirs.read_bytes(), stat.S_IMODE(theirs.stat().st_mode)) == (b"kept", 0o600)
