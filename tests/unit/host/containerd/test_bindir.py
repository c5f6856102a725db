"""The folder of verifiers: ours must be there, run, and be nobody else's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.hosts import Host, Said, Script
from vouchsafe.host.containerd import bindir

DIR = "/usr/libexec/vouchsafe/containerd"
OURS = f"{DIR}/vouchsafe"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host with our verifier."""
    made = Host(tmp_path)
    made.write("/etc/hostname", "x")
    made.write(OURS, "#!/bin/sh\n", 0o755)
    return made


def codes(host: Host, folder: str = DIR, most: int = -1) -> list[tuple[str, str]]:
    """Code and severity of each objection."""
    return [(each.code, each.severity) for each in bindir.objections(host.files, folder, most)]


@pytest.mark.parametrize("most", [-1, 1, 10])
def test_ours_alone(host: Host, most: int) -> None:
    """Nothing speaks against it."""
    assert codes(host, most=most) == []


def test_a_link_to_it(host: Host) -> None:
    """Distributions link; what counts is where it leads."""
    (host.folder / "opt").symlink_to("usr/libexec")
    assert codes(host, "/opt/vouchsafe/containerd") == []
    (host.folder / OURS[1:]).rename(host.folder / "usr/real")
    (host.folder / OURS[1:]).symlink_to("/usr/real")
    assert codes(host) == []
    (host.folder / "usr/real").chmod(0o777)
    assert codes(host) == [("containerd-verifier-writable", "refuses")]


@pytest.mark.parametrize("folder", ["/absent", "relative", "", "/etc/hostname"])
def test_no_folder(host: Host, folder: str) -> None:
    """containerd allows every pull."""
    assert codes(host, folder) == [("containerd-bin-dir-missing", "refuses")]


def test_an_empty_folder(host: Host) -> None:
    """containerd allows every pull."""
    (host.folder / OURS[1:]).unlink()
    assert codes(host) == [("containerd-bin-dir-empty", "refuses")]


def test_a_circle_of_links(host: Host) -> None:
    """Leads nowhere."""
    (host.folder / "a").symlink_to("/b")
    (host.folder / "b").symlink_to("/a")
    assert codes(host, "/a") == [("containerd-bin-dir-missing", "refuses")]


def test_others_only(host: Host) -> None:
    """Somebody else's verifier knows nothing of our policy."""
    (host.folder / OURS[1:]).rename(host.folder / f"{DIR[1:]}/other")
    assert codes(host) == [
        ("containerd-verifier-missing", "refuses"),
        ("containerd-verifier-foreign", "warns"),
    ]


@pytest.mark.parametrize("mode", [0o644, 0o744, 0o000])
def test_ours_cannot_be_run(host: Host, mode: int) -> None:
    """Every pull is refused, and the guard says why."""
    (host.folder / OURS[1:]).chmod(mode)
    assert codes(host) == [("containerd-verifier-broken", "refuses")]


def test_a_folder_in_its_place(host: Host) -> None:
    """Is no program."""
    (host.folder / OURS[1:]).unlink()
    (host.folder / OURS[1:]).mkdir()
    assert codes(host) == [("containerd-verifier-broken", "refuses")]


@pytest.mark.parametrize("path", [OURS, DIR, "/usr/libexec", "/usr"])
@pytest.mark.parametrize("mode", [0o775, 0o757])
def test_others_may_write(host: Host, path: str, mode: int) -> None:
    """The file, or any folder that leads to it: they could put another one there."""
    (host.folder / path[1:]).chmod(mode)
    found = list(bindir.objections(host.files, DIR, -1))
    assert {each.code for each in found} == {"containerd-verifier-writable"}
    assert all(each.fix.startswith("chown root:root /") for each in found)


def test_somebody_else_owns_it(host: Host) -> None:
    """They could write it."""
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    os.chown(host.folder / OURS[1:], 65534, 65534)
    assert codes(host) == [("containerd-verifier-writable", "refuses")]


def test_a_second_verifier(host: Host) -> None:
    """Is asked too, if containerd is let; then both must allow."""
    host.write(f"{DIR}/another", "#!/bin/sh\n", 0o755)
    assert codes(host) == [("containerd-verifier-foreign", "warns")]
    assert codes(host, most=1) == [
        ("containerd-verifier-foreign", "warns"),
        ("containerd-max-verifiers", "refuses"),
    ]
    (host.folder / f"{DIR[1:]}/another").chmod(0o777)
    assert ("containerd-verifier-writable", "refuses") in codes(host)


@pytest.mark.parametrize("name", ["README", "vouchsafe.dpkg-old", ".hidden"])
def test_other_files(host: Host, name: str) -> None:
    """containerd runs everything, and what cannot be run ends every pull."""
    host.write(f"{DIR}/{name}", "x")
    assert codes(host) == [("containerd-verifier-foreign", "refuses")]


def test_nobody_is_asked(host: Host) -> None:
    """max_verifiers = 0."""
    assert codes(host, most=0) == [("containerd-max-verifiers", "refuses")]


@pytest.mark.parametrize(
    "answer, fine",
    [
        (
            Said(status=64, output=b"vouchsafe: rejected: containerd-question: expected -name, got none\n"),
            True,
        ),
        (Said(status=0, output=b"vouchsafe: accepted\n"), False),
        (Said(status=0), False),
        (Said(status=127, errors=b"sh: not found"), False),
        (Said(status=1, output=b"Traceback"), False),
    ],
)
def test_by_behaviour(answer: Said, fine: bool) -> None:
    """Asked nothing, ours refuses and says so; `true` and a broken interpreter do not."""
    script = Script({"vouchsafe": lambda _: answer})
    found = [each.code for each in bindir.tried(script, "/bin")]
    assert found == ([] if fine else ["containerd-verifier-broken"])
    assert script.ran == [("/bin/vouchsafe",)]
