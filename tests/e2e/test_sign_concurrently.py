"""Ten signers at once on one image: ten signatures are there afterwards, in both forms, and all verify."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.cli_lab import run
from tests.sign_cli_lab import REPOSITORY, SignLab, sign_lab
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import OCI_IMAGE, OCI_INDEX

COMMAND = Path(sys.executable).parent / "vouchsafe"
SIGNERS = 10
ISSUER = "https://gitlab.example"


def signing(lab: SignLab, number: int, *words: str, image: str = "") -> subprocess.Popen[str]:
    """One signer, of a branch of its own."""
    token = lab.services.token(ref=f"refs/heads/branch-{number}")
    return subprocess.Popen(
        [COMMAND, *words[:1], *lab.flags("v1"), "--read-back", "own", *words[1:], image or lab.image],
        env={**os.environ, "SIGSTORE_ID_TOKEN": token},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def all_at_once(lab: SignLab, *words: str, image: str = "") -> list[str]:
    """What those said that failed."""
    running = [signing(lab, number, *words, image=image) for number in range(SIGNERS)]
    ended = [process.communicate(timeout=600) for process in running]
    return [err for process, (_, err) in zip(running, ended, strict=True) if process.returncode]


def verified(lab: SignLab, image: str, number: int, *words: str) -> int:
    """The exit code of verifying one branch's signature."""
    who = f"https://gitlab.example/group/project//.gitlab-ci.yml@refs/heads/branch-{number}"
    flags = ["--certificate-identity", who, "--certificate-oidc-issuer", ISSUER, "--tls-verify=false"]
    return run("verify", *flags, "--trusted-root", lab.services.trusted_root, *words, image).code


@pytest.mark.slow
@pytest.mark.parametrize("referrers", ["absent", "api"])
def test_ten_signers(tmp_path: Path, referrers: Any) -> None:
    """On a registry without the referrers API and with it."""
    with sign_lab(tmp_path, referrers=referrers) as lab:
        assert all_at_once(lab, "sign") == []
        assert lab.attached(".sig") == SIGNERS
        assert referrers_of(lab, lab.digest) == SIGNERS
        assert [verified(lab, lab.image, number) for number in range(SIGNERS)] == [0] * SIGNERS


def referrers_of(lab: SignLab, digest: Digest) -> int:
    """How many bundles can be found: by the fallback tag, or by the API."""
    if lab.registry.referrers_mode == "absent":
        return lab.attached("", digest)
    return len(lab.registry.store.referrers(REPOSITORY, str(digest)))


@pytest.mark.slow
def test_ten_attesters(tmp_path: Path) -> None:
    """`.att` is rewritten as `.sig` is."""
    with sign_lab(tmp_path) as lab:
        words = ["attest", "--type", "cyclonedx", "--predicate", str(lab.sbom)]
        assert all_at_once(lab, *words) == []
        assert (lab.attached(".att"), lab.attached("")) == (SIGNERS, SIGNERS)


@pytest.mark.slow
@pytest.mark.peers
def test_ten_signers_at_a_real_registry(tmp_path: Path, docker_registry: str, skopeo: Path) -> None:
    """docker-registry 2.8, which has no referrers API and no lock either."""
    with sign_lab(tmp_path) as lab:
        image = f"{docker_registry}/group/crowded:v1"
        source = ["--src-tls-verify=false", "--dest-tls-verify=false", f"docker://{lab.image}"]
        copied = subprocess.run(
            [skopeo, "copy", "--insecure-policy", *source, f"docker://{image}"],
            capture_output=True,
            timeout=600,
            check=False,
        )
        assert copied.returncode == 0
        assert all_at_once(lab, "sign", image=image) == []
        base = f"http://{docker_registry}/v2/group/crowded/manifests"
        with asked(f"{base}/v1") as answer:  # skopeo has packed the layer anew
            prefix = Digest.parse(answer.headers["Docker-Content-Digest"]).tag_prefix
        assert listed(f"{base}/{prefix}.sig", "layers") == SIGNERS
        assert listed(f"{base}/{prefix}", "manifests") == SIGNERS


def asked(url: str) -> Any:
    """The answer to a GET of a manifest on loopback."""
    return urlopen(Request(url, headers={"Accept": f"{OCI_IMAGE}, {OCI_INDEX}"}), timeout=600)


def listed(url: str, field: str) -> int:
    """How many entries a manifest of the real registry has."""
    with asked(url) as answer:
        return len(json.load(answer)[field])
