"""`vouchsafe containerd`: what is printed, written, taken back, and how it ends."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from tests.cli_lab import run
from tests.hosts import OURS, Host, policy
from vouchsafe.host.containerd import bindir, dropin
from vouchsafe.host.containerd.settings import CONFIG, IMAGES, VERIFIER


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """An image that is being built, with our verifier and a policy."""
    made = Host(tmp_path)
    made.write(f"{bindir.SHIPPED}/vouchsafe", "#!/bin/sh\n", 0o755)
    made.write("/etc/vouchsafe/policy.json", policy(**{"registry.example": [OURS]}))
    return made


def test_the_configuration_is_printed(host: Host) -> None:
    """TOML that can be redirected into a file; in JSON with its path. Nothing is written."""
    printed = run("containerd", "config", "--bin-dir", "/elsewhere")
    assert (printed.code, printed.err) == (0, "")
    assert tomllib.loads(printed.out)["plugins"][VERIFIER]["bin_dir"] == "/elsewhere"
    said = run("containerd", "config", "-o", "json").json
    assert (said["path"], said["content"]) == (dropin.PATH, dropin.text())


def test_written_checked_and_asked_again(host: Host) -> None:
    """A dry run changes nothing; what is written holds; a second time there is nothing to do."""
    before = host.tree()
    words = ("containerd", "config", "--write", "--root", host.folder)
    dry = run(*words, "--dry-run")
    assert (dry.code, host.tree()) == (0, before)
    assert f"create {dropin.PATH}" in dry.out
    assert '+  bin_dir = "/usr/libexec/vouchsafe/containerd"' in dry.out
    done = run(*words)
    assert (done.code, done.err) == (0, "")
    assert "restart containerd" in done.out
    assert host.read(dropin.PATH) == dropin.text()
    again = run(*words, "-o", "json")
    assert (again.code, json.loads(again.out)["changes"]) == (0, [])
    checked = run("containerd", "check", "--root", host.folder)
    assert (checked.code, checked.out) == (0, f"asks  before it pulls, by {CONFIG}\n")


def test_what_does_not_hold_is_taken_back(host: Host) -> None:
    """A main file that does not read the drop-in, or says what no drop-in can take back."""
    host.write(CONFIG, "version = 3\n")
    before = host.tree()
    done = run("containerd", "config", "--write", "--root", host.folder)
    assert (done.code, host.tree()) == (1, before)
    assert "containerd-bin-dir-missing" in done.out
    assert "taken back" in done.out
    assert f"it needs imports = {dropin.IMPORTS}" in done.err
    host.write(
        CONFIG, f'{dropin.MAIN}[plugins."{IMAGES}".registry.mirrors."docker.io"]\nendpoint = ["http://x"]\n'
    )
    before = host.tree()
    ended = run("containerd", "config", "--write", "--root", host.folder, "-o", "json")
    said = ended.json
    assert "it needs imports" not in ended.err
    assert (said["written"], host.tree()) == (False, before)
    assert "containerd-registry-tables" in [each["code"] for each in said["objections"]]


def test_a_main_file_that_cannot_be_used(host: Host) -> None:
    """78, and the drop-in is taken back."""
    host.write(CONFIG, "version = 2\n")
    before = host.tree()
    done = run("containerd", "config", "--write", "--root", host.folder)
    assert (done.code, host.tree()) == (78, before)
    assert "containerd config migrate" in done.err


def test_check_says_what_is_wrong(host: Host) -> None:
    """With the way out, and as one document."""
    found = run("containerd", "check", "--root", host.folder)
    assert (found.code, found.out.split()[0]) == (1, "open")
    assert "    fix: bin_dir =" in found.out
    said = run("containerd", "check", "--root", host.folder, "-o", "json").json
    assert (said["schemaVersion"], said["asks"], said["source"]) == (1, False, CONFIG)
    assert {each["code"] for each in said["objections"]} == {
        "containerd-bin-dir-missing",
        "containerd-timeout",
    }


def test_a_file_that_was_named_must_be_there(host: Host) -> None:
    """containerd itself would take its defaults and say nothing."""
    absent = run("containerd", "check", "--root", host.folder, "--config", "/etc/other.toml")
    assert (absent.code, "expected a file at /etc/other.toml" in absent.err) == (78, True)


def test_a_machine_without_containerd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is not one that is open."""
    if Path(CONFIG).exists():
        pytest.skip("this machine has a containerd")
    monkeypatch.setenv("PATH", str(tmp_path))
    ended = run("containerd", "check")
    assert (ended.code, "expected containerd" in ended.err) == (78, True)
    assert run("containerd", "smoke").code in {2, 78}


def test_a_dry_run_of_nothing(host: Host) -> None:
    """Printing writes nothing anyway."""
    assert run("containerd", "config", "--dry-run").code == 64


def test_the_policy_is_looked_at(host: Host) -> None:
    """A policy that cannot be used is an error, and one that is missing an objection."""
    host.write("/etc/vouchsafe/policy.json", "{")
    assert run("containerd", "check", "--root", host.folder).code == 78
    (host.folder / "etc/vouchsafe/policy.json").unlink()
    assert "containerd-policy-missing" in run("containerd", "check", "--root", host.folder).out
