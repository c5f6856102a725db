"""`vouchsafe bootc check` on a host whose bootc is a script that speaks the documented JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests import documents
from tests.unit.host import test_bootc as said
from vouchsafe.image.digest import Digest
from vouchsafe.testing.clock import RealClock
from vouchsafe.testing.registry import RegistryServer, push_image, push_signature
from vouchsafe.testing.sigstore import VirtualSigstore

REPOSITORY = "group/project/os"


class Estate:
    """A registry with releases of one image, a policy for it, and a bootc that tracks it."""

    def __init__(self, folder: Path, registry: RegistryServer) -> None:
        self.folder = folder
        self.registry = registry
        self.name = f"{registry.address}/{REPOSITORY}"
        self.sigstore = VirtualSigstore(clock=RealClock())
        (folder / "root.json").write_bytes(self.sigstore.trusted_root())
        who = self.sigstore.workload
        project = who.claims["source-repository-identifier"]
        fulcio = {
            "trustedRootPath": f"{folder}/root.json",
            "oidcIssuer": who.issuer,
            "subjectURI": who.subject,
            "claims": {"source-repository-identifier": [project]},
        }
        requirement = {
            "type": "sigstoreSigned",
            "fulcio": fulcio,
            "signedIdentity": {"type": "matchRepository"},
        }
        scopes = {"docker": {registry.address: [requirement]}}
        policy = {"default": [{"type": "reject"}], "transports": scopes}
        (folder / "policy.json").write_text(json.dumps(policy), encoding="utf-8")

    def release(self, tag: str, *, signed: bool = True) -> Digest:
        """Build, push, sign."""
        digest = push_image(self.registry.store, REPOSITORY, tag, content=tag.encode())
        if signed:
            made = self.sigstore.sign_legacy(digest, self.name)
            push_signature(self.registry.store, REPOSITORY, digest, *made)
        return digest

    def booted(self, digest: Digest, **changes: Any) -> None:
        """bootc runs this and tracks `:stable`."""
        document = json.loads(said.host())
        tracked = said.image(f"{self.name}:stable")
        document["spec"]["image"] = tracked
        document["status"]["booted"]["image"] |= {"image": tracked, "imageDigest": str(digest)}
        document["status"] |= changes
        (self.folder / "status.json").write_text(json.dumps(document), encoding="utf-8")
        program = self.folder / "bootc"
        program.write_text(
            f'#!/bin/sh\n[ "$*" = "status --json" ] && cat "{self.folder}/status.json"\n', encoding="utf-8"
        )
        program.chmod(0o755)

    def check(self, *words: str) -> tuple[int, dict[str, Any]]:
        """The command, in a process of its own."""
        command = [
            sys.executable,
            "-m",
            "vouchsafe.cli",
            "bootc",
            "check",
            "-o",
            "json",
            "--tls-verify=false",
        ]
        done = subprocess.run(
            [*command, "--policy", f"{self.folder}/policy.json", *words],
            env={"PATH": f"{self.folder}:/usr/bin:/bin", "HOME": os.environ["HOME"]},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout, done.stderr
        return done.returncode, documents.document(("bootc", "check"), done.stdout)


@pytest.fixture
def estate(tmp_path: Path) -> Iterator[Estate]:
    """Nothing released yet."""
    with RegistryServer() as registry:
        yield Estate(tmp_path, registry)


def test_an_upgrade(estate: Estate) -> None:
    """A newer signed release is admitted, by the digest that the tag means now."""
    estate.booted(estate.release("one"))
    digest = estate.release("stable")
    code, found = estate.check()
    assert (code, found["admitted"], found["digest"], found["objections"]) == (0, True, str(digest), [])
    assert found["signedAt"] >= found["bootedSignedAt"]


def test_an_unsigned_release(estate: Estate) -> None:
    """Is refused before anything is staged."""
    estate.booted(estate.release("one"))
    estate.release("stable", signed=False)
    code, found = estate.check()
    assert (code, found["admitted"], found["reasons"][0]["code"]) == (1, False, "unsigned")


def test_the_registry_goes_back(estate: Estate) -> None:
    """The tag leads to an older release, signed by the same pipeline."""
    clock = estate.sigstore.clock
    past = VirtualSigstore(clock=Shifted(clock, timedelta(days=-2)))
    old = push_image(estate.registry.store, REPOSITORY, "stable", content=b"old")
    push_signature(estate.registry.store, REPOSITORY, old, *past.sign_legacy(old, estate.name))
    estate.booted(estate.release("one"))
    code, found = estate.check()
    assert (code, [each["code"] for each in found["objections"]]) == (1, ["bootc-downgrade"])
    assert estate.check("--allow-downgrade")[0] == 0


class Shifted:
    """A clock that goes with another."""

    def __init__(self, clock: Any, by: timedelta) -> None:
        self._clock = clock
        self._by = by

    def now(self) -> Any:
        return self._clock.now() + self._by


def test_a_registry_that_is_down(estate: Estate) -> None:
    """Nobody can tell, and the timer tries again."""
    digest = estate.release("stable")
    estate.booted(digest)
    estate.registry.close()
    assert estate.check()[0] == 2


def test_another_image_by_name(estate: Estate) -> None:
    """What `bootc switch` would be asked for; also on a host without bootc."""
    estate.release("next")
    assert estate.check(f"{estate.name}:next")[0] == 0
