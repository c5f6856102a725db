"""`dir:` images with an OpenPGP simple signature, by a policy of `signedBy`: the whole way through the command."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli_lab import run, written
from tests.gpg_agents import end_agents
from vouchsafe.image.digest import Digest

NAME = "registry.example/group/app"
MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": str(Digest.of(b"{}")),
            "size": 2,
        },
        "layers": [],
    }
).encode()


class Estate:
    """A `dir:` image, keys, and a policy for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "gnupg"
        self.home.mkdir(mode=0o700)
        self.image = folder / "image"
        self.image.mkdir()
        (self.image / "version").write_bytes(b"Directory Transport Version: 1.1\n")
        (self.image / "manifest.json").write_bytes(MANIFEST)

    def gpg(self, *words: str, given: bytes = b"") -> bytes:
        """Run gpg in a home of its own."""
        command = ["gpg", "--homedir", str(self.home), "--batch", "--quiet", "--passphrase", ""]
        command += ["--pinentry-mode", "loopback", *words]
        return subprocess.run(command, input=given, capture_output=True, check=True, timeout=60).stdout

    def key(self, name: str) -> Path:
        """A new key; where its public half is."""
        self.gpg("--quick-gen-key", f"{name} <{name}@example.invalid>", "ed25519", "sign", "never")
        path = self.folder / f"{name}.asc"
        path.write_bytes(self.gpg("--armor", "--export", name))
        return path

    def sign(self, name: str, number: int = 1, **critical: Any) -> None:
        """`signature-<number>`, as containers/image and skopeo write it."""
        said = {
            "type": "atomic container signature",
            "image": {"docker-manifest-digest": str(Digest.of(MANIFEST))},
            "identity": {"docker-reference": f"{NAME}:v1"},
        }
        payload = {
            "critical": {**said, **critical},
            "optional": {"creator": "test", "timestamp": 1_790_000_000},
        }
        signed = self.gpg("--local-user", name, "--sign", "--output", "-", given=json.dumps(payload).encode())
        (self.image / f"signature-{number}").write_bytes(signed)

    def verify(self, *keys: Path) -> tuple[int, str]:
        """By a policy that trusts these keys for this name."""
        demand = {
            "type": "signedBy",
            "keyType": "GPGKeys",
            "keyPaths": [str(key) for key in keys],
            "signedIdentity": {"type": "exactReference", "dockerReference": f"{NAME}:v1"},
        }
        policy = {"default": [{"type": "reject"}], "transports": {"dir": {str(self.folder): [demand]}}}
        path = written(self.folder, "policy.json", json.dumps(policy))
        ended = run("verify", "--policy", path, f"dir:{self.image}")
        return ended.code, ended.out


@pytest.fixture
def estate(tmp_path: Path) -> Iterator[Estate]:
    """A fresh one."""
    if shutil.which("gpg") is None:
        pytest.skip("gpg is missing")
    made = Estate(tmp_path)
    yield made
    end_agents(made.home)


def test_accepted_by_its_key(estate: Estate) -> None:
    """One of the keys, and it says so."""
    alice, bob = estate.key("alice"), estate.key("bob")
    assert estate.verify(alice)[0] == 1
    estate.sign("alice")
    code, out = estate.verify(bob, alice)
    assert (code, "signed by  an OpenPGP key of the policy" in out) == (0, True)


def test_refused_by_another_key(estate: Estate) -> None:
    """Somebody signed it, but nobody that the policy names."""
    estate.key("alice")
    bob = estate.key("bob")
    estate.sign("alice")
    code, out = estate.verify(bob)
    assert (code, "a key that the policy does not name" in out) == (1, True)


def test_a_good_one_beside_a_strangers_is_enough(estate: Estate) -> None:
    """signature-1 by somebody else, signature-2 by ours."""
    estate.key("mallory")
    alice = estate.key("alice")
    estate.sign("mallory", 1)
    estate.sign("alice", 2)
    assert estate.verify(alice)[0] == 0


@pytest.mark.parametrize(
    "critical, code",
    [
        ({"image": {"docker-manifest-digest": str(Digest.of(b"another"))}}, "other-digest"),
        ({"identity": {"docker-reference": "registry.example/other:v1"}}, "other-repository"),
        ({"type": "cosign container image signature"}, "payload-type"),
    ],
)
def test_a_signature_of_something_else(estate: Estate, critical: dict[str, Any], code: str) -> None:
    """A good signature by the right key, about another image, name or thing."""
    alice = estate.key("alice")
    estate.sign("alice", **critical)
    assert estate.verify(alice)[0] == 1
    assert f"[{code}]" in estate.verify(alice)[1]


def test_a_missing_key_file_is_78(estate: Estate) -> None:
    """Undecided, and the operator's own fault; never a smaller demand: every file must be readable, as upstream."""
    alice = estate.key("alice")
    estate.sign("alice")
    code, out = estate.verify(alice, estate.folder / "gone.asc")
    assert (code, out.split()[0], "[file-missing]" in out) == (78, "undecided", True)
