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


def test_what_cannot_be_replaced_is_written_to(tmp_path: Path) -> None:
    """As root, a file would take the place of a device; of a descriptor's link in any case."""
    device = tmp_path / "null"
    device.symlink_to("/dev/null")
    SystemFiles().deliver(str(device), b"gone")
    assert device.is_symlink()

    os.mkfifo(tmp_path / "fifo")
    reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    SystemFiles().deliver(f"{tmp_path}/fifo", b"read")
    assert os.read(reader, 10) == b"read"
    os.close(reader)

    with (tmp_path / "log").open("ab") as log:
        log.write(b"before ")
        log.flush()
        descriptor = tmp_path / "stdout"
        descriptor.symlink_to(f"/proc/self/fd/{log.fileno()}")
        for name in (descriptor, f"/dev/fd/{log.fileno()}"):
            SystemFiles().deliver(str(name), b"after ")
        assert descriptor.is_symlink()
    assert (tmp_path / "log").read_bytes() == b"before after after "


def test_a_file_is_delivered_as_a_whole(tmp_path: Path) -> None:
    """Whether it is there already or not, and also where a link was; what cannot be written is said."""
    (tmp_path / "target").write_bytes(b"kept")
    (tmp_path / "link").symlink_to("target")
    for name in ("new", "target", "link"):
        SystemFiles().deliver(f"{tmp_path}/{name}", b"whole")
        assert (tmp_path / name).read_bytes() == b"whole"
    assert not (tmp_path / "link").is_symlink()
    for path in ("/dev/full", f"{tmp_path}", f"{tmp_path}/none/f"):
        with pytest.raises(HostError) as caught:
            SystemFiles().deliver(path, b"x")
        assert caught.value.code == "file-write"


def test_a_place_is_demanded_before(tmp_path: Path) -> None:
    """Nothing is made by it."""
    (tmp_path / "file").touch()
    for path in (f"{tmp_path}/new", f"{tmp_path}/file", "/dev/stdout", "new"):
        SystemFiles().demand_place(path)
    for path in (f"{tmp_path}/none/f", f"{tmp_path}/file/f"):
        with pytest.raises(HostError) as caught:
            SystemFiles().demand_place(path)
        assert (caught.value.code, "got none" in caught.value.message) == ("file-write", True)
    with pytest.raises(HostError, match="got a folder"):
        SystemFiles().demand_place(str(tmp_path))
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_line_is_a_line_of_its_own(tmp_path: Path) -> None:
    """Also after one that an editor left without its end: two that run into each other are no line at all."""
    place = tmp_path / "lines"
    for content, expected in ((b"", b"new\n"), (b"old\n", b"old\nnew\n"), (b"old", b"old\nnew\n")):
        place.write_bytes(content)
        append_line(str(place), b"new\n", largest=8)
        assert place.read_bytes() == expected
    place.write_bytes(b"olds")
    with pytest.raises(HostError):
        append_line(str(place), b"new\n", largest=8)
    assert place.read_bytes() == b"olds"


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
        append_line(str(place), b"x\n", largest=100) if write == "append" else DatabaseFile(
            str(place)
        ).prepare()
    opened = {"hard link": "file-linked", "fifo": "file-linked"}
    assert caught.value.code == opened.get(kind, "file-write" if write == "append" else "store-file")
    assert (theirs.read_bytes(), stat.S_IMODE(theirs.stat().st_mode)) == (b"kept", 0o600)
