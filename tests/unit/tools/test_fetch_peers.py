"""Which version of a peer will do, which libraries it needs, and what happens when it cannot be had."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools.debian_archive import ArchiveError, Suite, Trust
from tools.fetch_peers import (
    NEEDED,
    PEERS,
    Fetcher,
    Peer,
    already_there,
    try_program,
    wanted,
    write_manifest,
)
from tools.own_libraries import closure

COSIGN2 = Peer(name="cosign2", package="cosign", suites=("new", "old"), at_least=(2, 5), below=(3,))


def suite(name: str, **packages: str) -> Suite:
    """A suite with these packages at version 1, or at the version before `@`; the values are what they need."""
    stanzas = []
    for package, text in packages.items():
        version, _, depends = text.rpartition("@")
        stanzas.append(
            f"Package: {package.replace('_', '-')}\nVersion: {version or 1}\nDepends: {depends}\n"
            "Filename: pool/x.deb\nSize: 1\nSHA256: 00\n\n"
        )
    return Suite(name=name, base="", trust=Trust(verified=False, text=""), text="".join(stanzas))


def fetcher(folder: Path, **suites: Suite | ArchiveError) -> Fetcher:
    """A fetcher that has opened these suites already."""
    made = Fetcher(folder=folder, architecture="amd64")
    made._suites.update(suites)
    return made


@pytest.mark.parametrize(
    "version, will_do",
    [
        ("2.5.0-2+b4", True),
        ("2.5", True),
        ("1:2.6.0-1", True),
        ("2.4.9-1", False),
        ("3.0.0-1", False),
        ("3~rc1", False),
        ("", False),
    ],
)
def test_which_versions_will_do(version: str, will_do: bool) -> None:
    """From the first wanted to below the first unwanted, epochs and Debian revisions aside."""
    assert COSIGN2.wants(version) is will_do


def test_libraries_are_followed_and_nothing_else() -> None:
    """Deep, once each, in circles, alternatives by the first library; no programs."""
    found = suite(
        "sid",
        skopeo="common, libc6 (>= 2.38), libgpgme45 (>= 1.23)",
        libc6="libgcc-s1, libcrypt1 | other",
        libgcc_s1="libc6",
        libgpgme45="gnupg | gpg, libmissing",
        common="libnot",
        libnot="",
    )
    skopeo = found.find("skopeo")
    assert skopeo is not None
    assert sorted(library.name for library in closure(found, skopeo)) == ["libc6", "libgcc-s1", "libgpgme45"]


def test_the_first_suite_that_will_do(tmp_path: Path) -> None:
    """A suite with another version, or that cannot be opened, is passed over."""
    chosen = fetcher(tmp_path, new=suite("new", cosign="3.1.1@"), old=suite("old", cosign="2.5.0@"))
    broken = fetcher(tmp_path, new=ArchiveError("down"), old=suite("old", cosign="2.5.0@"))
    assert [found.choose(COSIGN2)[0].name for found in (chosen, broken)] == ["old", "old"]


def test_a_peer_that_nobody_has_says_why(tmp_path: Path) -> None:
    """The reason tells what was wanted and what each suite had."""
    none = fetcher(tmp_path, new=suite("new", cosign="3.1.1@"), old=ArchiveError("expected suite old: down"))
    with pytest.raises(ArchiveError) as error:
        none.choose(COSIGN2)
    assert str(error.value) == (
        "expected cosign 2.5 or newer, below 3: new has 3.1.1; expected suite old: down"
    )


def test_a_program_is_tried(tmp_path: Path) -> None:
    """It runs, it fails, or it is not there."""
    assert [try_program(["true"]), try_program(["false"])] == ["", "exit 1: no output"]
    assert "No such file" in try_program([str(tmp_path / "absent")])


def test_what_is_recorded_but_gone_is_fetched_again(tmp_path: Path) -> None:
    """The manifest is believed only for programs that still run."""
    write_manifest(tmp_path, {}, {"skopeo": "expected a mirror, got none"})
    manifest = json.loads((tmp_path / "peers.json").read_text())
    assert manifest == {"peers": {}, "missing": {"skopeo": "expected a mirror, got none"}}
    manifest["peers"]["cosign3"] = {"argv": [str(tmp_path / "gone")], "version": "3.1.1", "suite": "sid"}
    (tmp_path / "peers.json").write_text(json.dumps(manifest))
    assert already_there(tmp_path) == {}


def test_every_peer_has_its_own_name() -> None:
    """A name is a file in .peers/bin."""
    assert len({peer.name for peer in (*PEERS, *NEEDED)}) == len(PEERS) + len(NEEDED)


def test_what_the_machine_has_is_not_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """git and rsync are fetched only where there are none."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert wanted() == (*PEERS, *NEEDED)
    (tmp_path / "git").write_text("#!/bin/sh\n")
    (tmp_path / "git").chmod(0o755)
    assert wanted() == (*PEERS, NEEDED[1])
