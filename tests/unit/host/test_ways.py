"""Who could decide what stands at a path, links followed as the kernel follows them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vouchsafe.adapters.hosttree import HostTree
from vouchsafe.host.ways import resolved, written_by_others


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """/usr/bin and /x/y, of root alone; /link leads to /x/y, /x/y/back to `../tool`."""
    for name in ("etc", "usr/bin", "x/y"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "tool").write_text("not this one")
    (tmp_path / "x/tool").write_text("this one")
    (tmp_path / "link").symlink_to("/x/y")
    (tmp_path / "x/y/back").symlink_to("../tool")
    return tmp_path


def places(root: Path, path: str) -> list[str]:
    """What others may write on the way."""
    return [place for place, _ in written_by_others(HostTree(str(root)), path)]


def test_a_link_below_a_link(root: Path) -> None:
    """`..` is the parent of where the first link ends, not of where it is written."""
    where, seen = resolved(HostTree(str(root)), "/link/back")
    assert (where, seen.kind) == ("/x/tool", "file")
    (root / "x/tool").chmod(0o666)
    assert places(root, "/link/back") == ["/x/tool"]


def test_every_folder_on_the_way(root: Path) -> None:
    """Whoever may write one of them puts something else there; a link's own folder counts too."""
    (root / "x").chmod(0o777)
    (root / "usr").chmod(0o775)
    (root / "usr/bin/tool").symlink_to("/x/tool")
    assert places(root, "/usr/bin/tool") == ["/usr", "/x"]


def test_a_sticky_folder(root: Path) -> None:
    """Where only owners rename; what in it is writable counts."""
    (root / "x").chmod(0o1777)
    assert places(root, "/x/tool") == []
    (root / "x/tool").chmod(0o1666)
    assert places(root, "/x/tool") == ["/x/tool"]


def test_links_without_end(root: Path) -> None:
    """Lead nowhere; what is not there is nobody's."""
    os.symlink("/round", root / "round")
    assert resolved(HostTree(str(root)), "/round/x")[1].kind == "other"
    assert (places(root, "/round"), places(root, "/none/./there")) == ([], [])
