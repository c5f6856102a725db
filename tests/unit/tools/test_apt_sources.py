"""Where apt reads from, in both forms of sources.list(5)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.apt_sources import Source, parse_deb822, parse_one_line, sources

DEB822 = """\
# a comment
Types: deb deb-src
URIs: http://one.invalid/debian/
# a comment between fields
Suites: bookworm
 bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/x.gpg

Types: deb
URIs: http://off.invalid/debian
Suites: bookworm
Components: main
Enabled: no

Types: deb-src
URIs: http://source.invalid/debian
Suites: bookworm
Components: main
"""


def test_deb822_stanzas() -> None:
    """Enabled binary stanzas only, with continuation lines, comments and the last slash dropped."""
    assert parse_deb822(DEB822) == [
        Source(
            base="http://one.invalid/debian",
            suites=("bookworm", "bookworm-updates"),
            components=("main", "contrib"),
        )
    ]


@pytest.mark.parametrize(
    "line, bases",
    [
        ("deb http://one.invalid/debian bookworm main", ["http://one.invalid/debian"]),
        ("deb [arch=amd64 signed-by=/k] https://one.invalid/d/ sid main", ["https://one.invalid/d"]),
        ("deb-src http://one.invalid/debian bookworm main", []),
        ("# deb http://one.invalid/debian bookworm main", []),
        ("deb cdrom:[Debian 12]/ bookworm main", []),
        ("deb http://one.invalid/flat ./", []),
        ("", []),
    ],
)
def test_one_line_entries(line: str, bases: list[str]) -> None:
    """The old form, with and without options; only what HTTP reaches."""
    assert [source.base for source in parse_one_line(line)] == bases


def test_a_mirror_file_is_followed(tmp_path: Path) -> None:
    """Cloud images name their mirrors in a file of their own."""
    mirrors = tmp_path / "mirrors.list"
    mirrors.write_text("http://one.invalid/debian\tpriority:1\n\nhttps://two.invalid/debian\n")
    found = parse_one_line(f"deb mirror+file:{mirrors} bookworm main")
    assert [source.base for source in found] == ["http://one.invalid/debian", "https://two.invalid/debian"]


def test_all_files_of_apt_in_order(tmp_path: Path) -> None:
    """sources.list, then *.list, then *.sources; what is disabled by its name is not read."""
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "sources.list").write_text("deb http://one.invalid/debian bookworm main\n")
    (parts / "a.list").write_text("deb http://two.invalid/debian bookworm main\n")
    (parts / "b.list.disabled").write_text("deb http://off.invalid/debian bookworm main\n")
    (parts / "c.list").write_text("deb http://extra.invalid/debian bookworm extra\n")
    (parts / "d.sources").write_text(DEB822.replace("one.invalid", "three.invalid"))
    assert [source.base for source in sources(tmp_path)] == [
        "http://one.invalid/debian",
        "http://two.invalid/debian",
        "http://three.invalid/debian",
    ]


def test_no_apt_at_all(tmp_path: Path) -> None:
    """A machine that is not Debian's has no source."""
    assert sources(tmp_path) == []
