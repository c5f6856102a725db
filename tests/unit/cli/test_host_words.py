"""What whoever changes a host is told about what was, and was not, changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli_lab import run
from tests.hosts import OPEN_POLICY, OURS, Host, policy

SCOPE = "registry.example/group"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """One with a policy that is not in force."""
    made = Host(tmp_path)
    made.write("/etc/containers/policy.json", OPEN_POLICY)
    made.write("/etc/vouchsafe/policy.json", policy(**{SCOPE: [OURS]}))
    return made


@pytest.mark.parametrize(
    "words, code, says",
    [
        (["--dry-run", "--without-units"], 0, "vouchsafe: dry run: nothing was changed\n"),
        ([], 1, "vouchsafe: refused: nothing was changed\n"),  # no units are installed there
    ],
    ids=["dry run", "refused"],
)
def test_a_plan_that_was_not_carried_out_says_so(host: Host, words: list[str], code: int, says: str) -> None:
    """Hundred lines of a plan look like something that was done."""
    before = host.tree()
    ended = run("host", "enable", "--root", host.folder, *words)
    assert (ended.code, ended.err, host.tree()) == (code, says, before)
    assert ended.out.startswith("create /etc/vouchsafe/host/originals.json\n")


def test_an_edit_by_somebody_else_is_a_no(host: Host) -> None:
    """As `disable --help` says; and there is a way to mean it."""
    assert run("host", "enable", "--root", host.folder, "--without-units").code == 0
    host.write("/etc/containers/policy.json", host.read("/etc/containers/policy.json") + " ")
    disable = ("host", "disable", "--root", host.folder)
    ended = run(*disable)
    said = ended.out + ended.err
    assert (ended.code, "host-edited" in said, "--overwrite-edits" in said) == (1, True, True)
    assert run(*disable, "--overwrite-edits").code == 0


def test_what_is_counted_is_named_in_the_right_number(host: Host) -> None:
    """One scope, two scopes."""
    enable = ("host", "enable", "--root", host.folder, "--without-units")
    assert run(*enable).out.endswith(": 1 countersigned scope\n")
    host.write("/etc/vouchsafe/policy.json", policy(**{SCOPE: [OURS], "registry.example/other": [OURS]}))
    assert run(*enable).out.endswith(": 2 countersigned scopes\n")


def test_no_broken_glass_is_said(host: Host) -> None:
    """Silence could mean that nothing was looked at."""
    ended = run("break-glass", "--root", host.folder)
    said = "vouchsafe: no glass is broken: nothing is accepted unjudged\n"
    assert ended == (0, "", said)


def test_a_glass_for_programs(host: Host) -> None:
    """What is broken, and what a command ended."""
    glass = ("break-glass", "--root", host.folder, "-o", "json")
    image = f"{SCOPE}/app@sha256:{'a' * 64}"
    planned = run(*glass, image, "--reason", "INC-4711", "--dry-run").json["changes"]
    assert "/etc/containers/policy.json" in [each["path"] for each in planned]
    (broken,) = run(*glass, image, "--reason", "INC-4711").json["broken"]
    assert (broken["scope"], broken["reason"]) == (image, "INC-4711")
    assert run(*glass).json == {"schemaVersion": 1, "broken": [broken], "ended": []}
    assert run(*glass, "--end").json == {"schemaVersion": 1, "broken": [], "ended": [image]}
    ended = run("break-glass", "--root", host.folder, "--end")
    assert ended == (0, "", "vouchsafe: there was nothing to end\n")


@pytest.mark.parametrize("words", [["log"], ["countersign", "list"]], ids=" ".join)
def test_a_host_that_countersigned_nothing(tmp_path: Path, words: list[str]) -> None:
    """Where to look, in place of a file's name alone."""
    ended = run(*words, "--state-dir", tmp_path / "none")
    assert (ended.code, ended.out) == (2, "")
    assert "[store-file]\nvouchsafe: hint: Nothing was countersigned here yet" in ended.err


def test_an_address_is_no_image() -> None:
    """What a browser shows, pasted."""
    ended = run("policy", "show", "--policy", "none.json", "https://registry.example/group/app:v1")
    assert ended.code == 64
    assert "hint: An image is named without https://" in ended.err


def test_a_plugin_that_is_not_there(tmp_path: Path) -> None:
    """One mistake, not sixty failures."""
    ended = run("plugin", "conform", tmp_path / "plugin")
    assert (ended.code, ended.out) == (64, "")
    assert "expected a program that can be run" in ended.err
