"""`vouchsafe host audit` of a real podman's storage: what was pulled before anybody enforced."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import documents
from tests.e2e.test_host_bootc import REPOSITORY, Estate
from vouchsafe.testing.pull_cases import layer
from vouchsafe.testing.registry import RegistryServer, push_image, push_signature

pytestmark = pytest.mark.peers


def test_storage_is_judged_again(tmp_path: Path, podman: Path) -> None:
    """The signed image is accepted, the unsigned one is named; both were pulled while anything was."""
    with RegistryServer() as registry:
        estate = Estate(tmp_path, registry)
        images = {}
        for tag in ("signed", "unsigned"):
            images[tag] = push_image(registry.store, REPOSITORY, tag, content=layer(tag.encode()))
        made = estate.sigstore.sign_legacy(images["signed"], estate.name)
        push_signature(registry.store, REPOSITORY, images["signed"], *made)
        (tmp_path / "podman").symlink_to(podman)
        containers = tmp_path / "home/.config/containers"
        containers.mkdir(parents=True)
        (containers / "policy.json").write_text(
            '{"default": [{"type": "insecureAcceptAnything"}]}', encoding="utf-8"
        )
        environment = {
            "PATH": f"{tmp_path}:/usr/bin:/bin",
            "HOME": f"{tmp_path}/home",
            "STORAGE_DRIVER": "vfs",
        }
        storage = [
            "--root",
            f"{tmp_path}/storage",
            "--runroot",
            f"{tmp_path}/run",
            "--tmpdir",
            f"{tmp_path}/passing",
        ]
        for tag in images:
            command: list[str | Path] = [podman, *storage, "pull", "-q", "--tls-verify=false"]
            subprocess.run(
                [*command, f"{estate.name}:{tag}"], env=environment, check=True, capture_output=True
            )
        done = subprocess.run(
            [
                *(sys.executable, "-m", "vouchsafe.cli", "host", "audit", "-o", "json"),
                *(
                    "--policy",
                    f"{tmp_path}/policy.json",
                    "--storage",
                    f"{tmp_path}/storage",
                    "--tls-verify=false",
                ),
            ],
            env={**environment, "HOME": os.environ["HOME"]},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1, done.stderr
    verdicts = {
        each["name"]: each["verdict"] for each in documents.document(("host", "audit"), done.stdout)["images"]
    }
    assert verdicts == {f"{estate.name}:signed": "accepted", f"{estate.name}:unsigned": "rejected"}
