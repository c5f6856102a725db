"""The files of a host below a root: nothing leads out of it, and every write is whole."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from vouchsafe.adapters.folders import make_folder
from vouchsafe.adapters.hosttree import HostTree
from vouchsafe.errors import HostError
from vouchsafe.machine import Seen


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root beside which something lies that must not be touched."""
    (tmp_path / "outside").write_bytes(b"outside")
    (tmp_path / "root" / "etc").mkdir(parents=True)
    return tmp_path / "root"


@pytest.mark.parametrize(
    "target", ["../../outside", "/../../outside", "/etc/../../../outside", "../../../../../../outside"]
)
def test_a_link_stays_below_the_root(root: Path, target: str) -> None:
    """As chroot has it: above the root is the root."""
    (root / "etc" / "link").symlink_to(target)
    (root / "outside").write_bytes(b"inside")
    tree = HostTree(str(root))
    assert (tree.read("/etc/link", largest=100), tree.look("/etc/link").target) == (b"inside", target)


def test_a_folder_that_is_a_link_stays_below_the_root(root: Path, tmp_path: Path) -> None:
    """What is written through it is written below the root."""
    (root / "etc" / "containers").symlink_to("/usr/containers")
    (root / "usr").mkdir()
    HostTree(str(root)).put("/etc/containers/policy.json", b"x", mode=0o644)
    assert (root / "usr" / "containers" / "policy.json").read_bytes() == b"x"


def test_a_ring_of_links(root: Path) -> None:
    """Ends."""
    (root / "etc" / "a").symlink_to("b")
    (root / "etc" / "b").symlink_to("a")
    with pytest.raises(HostError) as refused:
        HostTree(str(root)).read("/etc/a", largest=100)
    assert refused.value.code == "file-unreadable"


def test_look_follows_no_last_link(root: Path) -> None:
    """Each kind of thing."""
    tree = HostTree(str(root))
    (root / "etc" / "file").write_bytes(b"x")
    (root / "etc" / "file").chmod(0o640)
    os.mkfifo(root / "etc" / "fifo")
    (root / "etc" / "link").symlink_to("nowhere")
    uid, gid = os.getuid(), os.getgid()
    assert [tree.look(f"/etc/{name}").kind for name in ("file", "link", "fifo", ".", "none", "file/x")] == [
        "file",
        "link",
        "other",
        "folder",
        "absent",
        "absent",
    ]
    assert tree.look("/etc/file") == Seen(kind="file", mode=0o640, uid=uid, gid=gid)


def test_a_link_below_a_folder_leads_there_from_anywhere(root: Path) -> None:
    """Relative, so that it holds for the host and for whoever looks into the image from outside."""
    tree = HostTree(str(root))
    tree.put("/etc/state/current/0", b"x", mode=0o600)
    tree.link("/etc/a/b/file", "current/0", below="/etc/state")
    assert (root / "etc/a/b/file").read_bytes() == b"x"
    tree.link("/etc/a/b/file", "/word/for/word")
    assert os.readlink(root / "etc/a/b/file") == "/word/for/word"


def test_remove(root: Path) -> None:
    """Files, links, empty folders, and what is not there; a full folder is an error."""
    tree = HostTree(str(root))
    (root / "etc" / "empty").mkdir()
    (root / "etc" / "link").symlink_to("empty")
    for name in ("link", "empty", "none", "none/below"):
        tree.remove(f"/etc/{name}")
    assert list((root / "etc").iterdir()) == []
    tree.put("/etc/full/file", b"", mode=0o644)
    with pytest.raises(HostError):
        tree.remove("/etc/full")


def test_only_one(root: Path) -> None:
    """While one holds it no other does; afterwards anybody may."""
    tree = HostTree(str(root))
    with (
        tree.only_one("/run/lock"),
        pytest.raises(HostError) as refused,
        HostTree(str(root)).only_one("/run/lock"),
    ):
        pass
    with tree.only_one("/run/lock"):
        pass
    assert refused.value.code == "host-busy"


def test_what_cannot_be(root: Path) -> None:
    """Errors are ours, with the path as the host knows it."""
    tree = HostTree(str(root))
    (root / "etc" / "file").write_bytes(b"x")
    attempts: list[Callable[[], object]] = [
        lambda: tree.names("/etc/file\0"),
        lambda: tree.put("/etc/file/below", b"", mode=0o644),
        lambda: tree.link("/etc/file/below", "x"),
        lambda: tree.look("/etc/\0"),
        lambda: tree.read("/etc", largest=10),
    ]
    codes = []
    for attempt in attempts:
        with pytest.raises(HostError) as refused:
            attempt()
        codes.append(refused.value.code)
    assert codes == ["file-unreadable", "host-files", "host-files", "host-files", "file-special"]
    assert tree.names("/etc/file") == ()


@pytest.mark.parametrize("umask", [0o077, 0o000])
def test_folders_are_for_everybody_to_read(root: Path, umask: int) -> None:
    """Whatever the umask of who runs it: clients of every user read below them; what was there stays as it is."""
    (root / "etc").chmod(0o711)
    before = os.umask(umask)
    try:
        HostTree(str(root)).put("/etc/containers/registries.d/a.yaml", b"x", mode=0o644)
        with HostTree(str(root)).only_one("/etc/vouchsafe/host/lock"):
            pass
    finally:
        os.umask(before)
    made = {str(path.relative_to(root)): path.stat().st_mode & 0o7777 for path in root.rglob("*")}
    assert made == {
        "etc": 0o711,
        "etc/containers": 0o755,
        "etc/containers/registries.d": 0o755,
        "etc/containers/registries.d/a.yaml": 0o644,
        "etc/vouchsafe": 0o755,
        "etc/vouchsafe/host": 0o755,
        "etc/vouchsafe/host/lock": 0o600,
    }


def test_a_file_where_a_folder_should_be(root: Path) -> None:
    """Is an error, and stays."""
    (root / "etc" / "containers").write_bytes(b"x")
    with pytest.raises(HostError):
        HostTree(str(root)).put("/etc/containers/policy.json", b"y", mode=0o644)
    with pytest.raises(HostError):
        HostTree(str(root)).put("/etc/containers/registries.d/a", b"y", mode=0o644)
    assert (root / "etc" / "containers").read_bytes() == b"x"


def test_the_way_to_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begins where we are."""
    monkeypatch.chdir(tmp_path)
    make_folder("a/b/c", 0o700, None)
    make_folder("d", 0o700, None)
    modes = {
        str(path): path.stat().st_mode & 0o7777 for path in (Path("a"), Path("a/b"), Path("a/b/c"), Path("d"))
    }
    assert modes == {"a": 0o755, "a/b": 0o755, "a/b/c": 0o700, "d": 0o700}
