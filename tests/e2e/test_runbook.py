"""`vouchsafe runbook re-enable` with a real skopeo, a registry on loopback and a virtual Sigstore, below a root.

Green where CI signs well; stopped at preflight where nobody could read what it signs; taken back where a client
lets something through; resumed where the machine died between two steps.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli_lab import Ended, run
from tests.countersigning import Machine, Running
from tests.hosts import OPEN_POLICY
from tests.pulls import Pulls, Skopeo
from vouchsafe.image.digest import Digest
from vouchsafe.testing.keys import public_pem
from vouchsafe.testing.push import push_bundle, push_signature
from vouchsafe.testing.registry import RegistryServer
from vouchsafe.wiring.countersign import Places

pytestmark = pytest.mark.peers

ROOT = Path(__file__).resolve().parents[2]

# `vouchsafe …` in a process that kills itself in place of beginning a step.
DYING = """
import os, signal, sys
from vouchsafe import cli
from vouchsafe.cli import runbook_output

class Fatal(runbook_output.Screen):
    def begins(self, step):
        if step.name == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGKILL)

runbook_output.Screen = Fatal
from vouchsafe.cli import runbook
runbook.Screen = Fatal
sys.exit(cli.main(sys.argv[2:]))
"""
# A client that lets one image through while a file is there: in a probe it behaves, in a proof it must not pass.
CLIENT = """#!/bin/sh
if [ -e {lenient} ]; then
  case "$*" in --policy*copy*/mutant:*) shift 4; exec {skopeo} --insecure-policy "$@" ;; esac
fi
exec {skopeo} "$@"
"""


class Estate:
    """A host below a folder, before anything is enabled on it, with one client."""

    def __init__(self, folder: Path, registry: RegistryServer, skopeo: Path) -> None:
        self.machine = Machine(folder / "root", registry, below_root=True)
        self.machine.places = Places.below(str(folder / "root"))
        self.machine.write("etc/containers/policy.json", OPEN_POLICY)
        self.lenient = folder / "lenient"
        client = folder / "bin" / "skopeo"
        client.parent.mkdir()
        client.write_text(CLIENT.format(lenient=self.lenient, skopeo=skopeo))
        client.chmod(0o755)
        self.machine.edit({self.machine.name(): [self.machine.keyless()]})
        self.skopeo = skopeo
        self.key = self.machine.sigstore.keys.ec("somebody")

    @property
    def flags(self) -> list[str]:
        """How this host is enabled: its countersigner is run by the test."""
        machine = self.machine
        where = ["--root", str(machine.folder), "--ca", machine.places.published]
        return [*where, "--lookaside", machine.lookaside, "--without-units"]

    def native(self) -> None:
        """A policy that clients judge by themselves."""
        data = base64.b64encode(public_pem(self.key.public_key())).decode()
        rule = {"type": "sigstoreSigned", "keyData": data, "signedIdentity": {"type": "matchRepository"}}
        self.machine.edit({self.machine.name(): [rule]})
        attachments = {"docker": {self.machine.registry.address: {"use-sigstore-attachments": True}}}
        self.machine.write("etc/containers/registries.d/theirs.yaml", json.dumps(attachments))

    def by_key(self, digest: Digest, *, bundle: bool) -> None:
        """Signed with the key that the native policy names."""
        sigstore, store = self.machine.sigstore, self.machine.registry.store
        if bundle:
            push_bundle(store, "acme/app", digest, sigstore.bundle(digest, key=self.key, log=None))
            return
        made = sigstore.sign_legacy(digest, self.machine.name(), key=self.key, log=None)
        push_signature(store, "acme/app", digest, *made)

    def run(self, *words: str) -> Ended:
        """The command, where nobody is to be asked."""
        return run("runbook", "re-enable", *self.flags, *words)

    def dies(self, step: str, *words: str) -> int:
        """The same in a process that kills itself before a step; how it ended."""
        done = subprocess.run(
            [sys.executable, "-c", DYING, step, "runbook", "re-enable", *self.flags, *words],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        return done.returncode

    def said(self, *words: str) -> tuple[int, dict[str, Any]]:
        """Exit code and document."""
        done = self.run("--image", f"{self.machine.name()}:v1", "-o", "json", *words)
        assert done.out, done.err
        return done.code, done.json

    def tree(self) -> dict[str, bytes]:
        """Every file of /etc but the runbook's own."""
        etc = self.machine.folder / "etc"
        files = [
            path for path in sorted(etc.rglob("*")) if path.is_file() and "vouchsafe/host" not in str(path)
        ]
        return {str(path.relative_to(etc)): path.read_bytes() for path in files}


@pytest.fixture
def estate(tmp_path: Path, skopeo: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Estate]:
    """A host that accepts anything, and an image that nobody has signed yet."""
    (tmp_path / "root").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    with RegistryServer() as registry:
        made = Estate(tmp_path, registry, skopeo)
        yield made
        made.machine.close()


def hows(document: dict[str, Any]) -> dict[str, str]:
    """Each step and how it came about."""
    return {each["name"]: each["how"] for each in document["steps"]}


def last(document: dict[str, Any]) -> tuple[str, list[str]]:
    """The step that a run stopped at, and why."""
    step = document["steps"][-1]
    return step["name"], [each["code"] for each in step["objections"] if each["severity"] == "refuses"]


@pytest.mark.slow
def test_re_enable(estate: Estate, tmp_path: Path, pulls: Pulls) -> None:
    """Nobody agrees; the proof fails; the machine dies; it goes on; a real client enforces; and back."""
    machine, before = estate.machine, estate.tree()
    machine.bundle(machine.image())
    image = ("--image", f"{machine.name()}:v1")

    code, waiting = estate.said()
    assert (code, waiting["outcome"], waiting["changed"], estate.tree()) == (64, "waiting", False, before)
    assert last(waiting) == ("enable", ["runbook-consent"])

    estate.lenient.touch()
    failed = estate.run(*image, "--yes", "-o", "junit")
    assert (failed.code, estate.tree()) == (1, before), failed.out
    cases = {case.get("name"): case for case in ET.fromstring(failed.out).iter("testcase")}
    failure = cases["smoke"].find("failure")
    assert failure is not None
    assert "mutant" in (failure.get("message") or "")
    assert cases["enable (undone)"].find("failure") is None
    estate.lenient.unlink()

    assert estate.dies("smoke", *image, "--yes") == -signal.SIGKILL
    assert estate.tree() != before
    log = tmp_path / "ticket.md"
    code, resumed = estate.said("--log", str(log))
    assert (code, resumed["outcome"], resumed["unproven"]) == (0, "passed", False)
    assert hows(resumed) == {
        **dict.fromkeys(("preflight", "trust", "policy", "probe", "plan"), "held"),
        **dict.fromkeys(("enable", "smoke", "status", "announce"), "done"),
    }
    logged = log.read_text(encoding="utf-8")
    assert "enable: waiting for somebody to agree" in logged
    assert "enable: undone" in logged
    assert "smoke: begun, and no end is known" in logged
    assert "skopeo copy: 6 pulled, 11 refused" in logged

    enforces(estate, pulls)
    code, again = estate.said()
    assert (code, again["changed"], hows(again)["smoke"]) == (0, False, "held")
    back = estate.run("--roll-back", "--yes", "--contact", "ops")
    assert (back.code, estate.tree()) == (0, before), back.out
    assert "no longer refuses" in back.out


def enforces(estate: Estate, pulls: Pulls) -> None:
    """With the countersigner running, a client that nobody has told anything pulls what is signed."""
    machine = estate.machine
    machine.image("acme/app", "unsigned", content=b"unsigned")
    client = machine.client(Skopeo, estate.skopeo, pulls)
    with Running(machine):
        client.accepts(f"{machine.name()}:v1")
        client.refuses(f"{machine.name()}:unsigned")


def test_ci_signs_in_a_form_that_nobody_here_reads(estate: Estate) -> None:
    """Under a native scope the client judges: a bundle is nothing to it, though vouchsafe could verify it."""
    estate.native()
    before = estate.tree()
    estate.by_key(estate.machine.image(), bundle=True)
    code, document = estate.said("--yes")
    assert (code, last(document), estate.tree()) == (1, ("preflight", ["runbook-unreadable"]), before)
    (objection,) = document["steps"][0]["objections"]
    assert "got bundle; the client says:" in objection["message"]
    assert "signature" in objection["message"]


def test_ci_signs_in_a_form_that_the_client_reads(estate: Estate) -> None:
    """`.sig`, and this host's own skopeo says so; where attachments are off it says that too."""
    estate.native()
    estate.by_key(estate.machine.image(), bundle=False)
    code, document = estate.said("--until", "preflight")
    assert (code, document["outcome"]) == (0, "passed"), document
    assert "own client accepts it" in document["steps"][0]["said"][0]
    (estate.machine.folder / "etc/containers/registries.d/theirs.yaml").unlink()
    code, document = estate.said("--until", "preflight", "--from", "preflight")
    assert (code, last(document)) == (1, ("preflight", ["runbook-client-refuses"])), document


def test_ci_signs_as_somebody_else(estate: Estate) -> None:
    """Not whom the policy names; and a registry that does not answer is no refusal."""
    estate.machine.edit(
        {estate.machine.name(): [estate.machine.keyless("https://gitlab.example/other//x@y")]}
    )
    estate.machine.bundle(estate.machine.image())
    code, document = estate.said("--until", "preflight")
    assert (code, last(document)) == (1, ("preflight", ["identity"]))
    estate.machine.registry.close()
    code, document = estate.said("--until", "preflight")
    assert (code, document["outcome"]) == (2, "undecided")
