"""Files that decide who is trusted: nobody else may have written them, nor a folder above them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vouchsafe.adapters.appending import append_line
from vouchsafe.adapters.folders import clear_folder, make_folder
from vouchsafe.adapters.guarded import GuardedFiles, folder_stamp, refuse_writable, stamp, who_may_write
from vouchsafe.adapters.listening import listen
from vouchsafe.adapters.signaturefiles import SignatureFiles
from vouchsafe.errors import ConfigurationError, HostError
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Repository

ME = os.geteuid()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Ours alone."""
    path = tmp_path / "folder/policy.json"
    path.parent.mkdir()
    path.write_text("{}")
    path.chmod(0o644)
    return path


def test_ours_alone(file: Path) -> None:
    """Read."""
    assert GuardedFiles(ME).read(str(file)) == b"{}"


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666, 0o777])
def test_a_file_that_others_may_write(file: Path, mode: int) -> None:
    """The group's is others' too."""
    file.chmod(mode)
    with pytest.raises(ConfigurationError) as refused:
        GuardedFiles(ME).read(str(file))
    assert refused.value.code == "file-writable"


@pytest.mark.parametrize("mode", [0o775, 0o777])
def test_a_folder_that_others_may_write(file: Path, mode: int) -> None:
    """They could put another file there."""
    file.parent.chmod(mode)
    with pytest.raises(ConfigurationError) as refused:
        refuse_writable(str(file), ME)
    assert refused.value.code == "file-writable"


def test_a_sticky_folder(file: Path) -> None:
    """There nobody replaces what is not theirs."""
    file.parent.chmod(0o1777)
    assert GuardedFiles(ME).read(str(file)) == b"{}"


@pytest.mark.skipif(ME != 0, reason="files of several owners need root")
def test_another_owner(file: Path) -> None:
    """Unless it is named."""
    os.chown(file, 4321, -1)
    with pytest.raises(ConfigurationError):
        GuardedFiles(ME).read(str(file))
    assert GuardedFiles(ME, 4321).read(str(file)) == b"{}"


def test_a_link_is_followed_first(tmp_path: Path, file: Path) -> None:
    """What counts is who may write where it leads."""
    link = tmp_path / "link"
    link.symlink_to(file)
    assert GuardedFiles(ME).read(str(link)) == b"{}"
    file.chmod(0o666)
    with pytest.raises(ConfigurationError):
        GuardedFiles(ME).read(str(link))


def test_absent(tmp_path: Path) -> None:
    """None, or an error that names the path below the root."""
    files = GuardedFiles(ME, root=str(tmp_path))
    assert files.read_if_there("/absent") is None
    with pytest.raises(ConfigurationError) as refused:
        files.read("/absent")
    assert (refused.value.code, str(tmp_path) in refused.value.message) == ("file-missing", True)


def test_stamps_differ_when_something_changed(file: Path) -> None:
    """Content, mode, replacement, absence; a folder's when what it holds did."""
    seen = [stamp(str(file)), folder_stamp(str(file.parent))]
    file.write_text("{ }")
    assert [stamp(str(file)), folder_stamp(str(file.parent))] != seen
    before = stamp(str(file))
    file.chmod(0o600)
    assert stamp(str(file)) != before
    mode = who_may_write(str(file.parent))
    (file.parent / "more").write_text("")
    assert who_may_write(str(file.parent)) == mode
    file.unlink()
    assert stamp(str(file)) is None


def test_lines_are_added_whole(tmp_path: Path) -> None:
    """One after the other; what cannot be written leaves the file as it was."""
    path = tmp_path / "revoked"
    append_line(str(path), b"one\n", largest=8)
    append_line(str(path), b"two\n", largest=8)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"one\ntwo\n", 0o644)
    with pytest.raises(HostError):
        append_line(str(tmp_path / "absent/revoked"), b"one\n", largest=8)
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(HostError):
        append_line(str(link), b"three\n", largest=99)
    with pytest.raises(HostError, match="expected room for 2 bytes"):
        append_line(str(path), b"3\n", largest=9)  # whoever reads it would refuse all of it
    assert path.read_bytes() == b"one\ntwo\n"


def test_folders(tmp_path: Path) -> None:
    """Made with their mode, left as they are, cleared of files."""
    path = tmp_path / "a/b"
    make_folder(str(path), 0o750, None)
    assert path.stat().st_mode & 0o777 == 0o750
    path.chmod(0o700)
    make_folder(str(path), 0o750, None)
    assert path.stat().st_mode & 0o777 == 0o700
    (path / "file").write_text("")
    (path / "folder").mkdir()
    clear_folder(str(path))
    clear_folder(str(tmp_path / "absent"))
    assert [each.name for each in path.iterdir()] == ["folder"]


def test_signature_files(tmp_path: Path) -> None:
    """Where containers/image looks; replaced whole, dropped by digest, and when they have ended."""
    files = SignatureFiles(str(tmp_path))
    app, digest = Repository(domain="r.example", path="group/app"), Digest.of(b"image")
    place = Path(files.put(app, digest, [b"one", b"two"]))
    assert place == tmp_path / f"r.example/group/app@sha256={digest.hex}"
    files.put(app, digest, [b"three"])
    assert {each.name: each.read_bytes() for each in place.iterdir()} == {"signature-1": b"three"}
    files.put(Repository(domain="r.example", path="other"), digest, [b"four"])
    assert files.ended(lambda blob: blob == b"four") == (
        str(tmp_path / f"r.example/other@sha256={digest.hex}"),
    )
    assert (files.drop(digest), files.drop(digest), place.exists()) == (1, 0, False)


@pytest.mark.parametrize(
    "address", ["0.0.0.0:1", "localhost:1", "127.0.0.1", "127.0.0.1:-1", "127.0.0.1:70000"]
)
def test_nothing_listens_where_others_reach(address: str) -> None:
    """Literal loopback, or a socket of root's."""
    with pytest.raises(ConfigurationError) as refused:
        listen(address)
    assert refused.value.code == "listen"
