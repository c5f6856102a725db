"""`--root DIR`: an image's own links mean its own files, and nothing happens to the machine that builds it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.hosts import OPEN_POLICY, OURS, Host, policy
from vouchsafe.cli import main

IMAGE = f"registry.example/acme@sha256:{64 * 'a'}"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """An image with a policy of ours."""
    made = Host(tmp_path / "image")
    made.write("/etc/containers/policy.json", OPEN_POLICY)
    made.write("/etc/vouchsafe/policy.json", policy(**{"registry.example/acme": [OURS]}))
    return made


def run(host: Host, *words: str) -> int:
    """The command on the image."""
    return main([*words, "--root", str(host.folder)])


@pytest.mark.parametrize("name", ["policy.json", "policy.d", "policy.d/a.json"])
def test_no_link_leads_to_this_machines_policy(
    host: Host, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What would be compiled is what the image has when it runs, and no file of the build machine's."""
    elsewhere = tmp_path / "live"
    (elsewhere / "policy.d").mkdir(parents=True)
    text = policy(**{"live.example/acme": [OURS]})
    added = json.dumps({"transports": json.loads(text)["transports"]})
    for each in ("policy.json", "policy.d/a.json"):
        (elsewhere / each).write_text(added if "/" in each else text)
    place = host.folder / "etc/vouchsafe" / name
    place.unlink(missing_ok=True)
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(elsewhere / name)
    run(host, "host", "plan", "--without-units")
    assert "live.example" not in capsys.readouterr().out
    there = f"{elsewhere}/policy.json" if name == "policy.json" else f"{elsewhere}/policy.d/a.json"
    host.write(there, text if name == "policy.json" else added)
    run(host, "host", "plan", "--without-units")
    assert "live.example" in capsys.readouterr().out


def test_a_glass_in_an_image_is_not_in_this_machines_journal(
    host: Host, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nothing was accepted here. (Without a journal its lines are on standard error.)"""
    assert run(host, "break-glass", IMAGE, "--reason", "a test") == 0
    assert IMAGE in host.read("/etc/containers/policy.json")
    assert run(host, "break-glass", "--end") == 0
    assert capfd.readouterr().err == ""
