"""What the public-good Sigstore signed, through the command, with the root that vouchsafe ships and no network."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli_lab import run

GITHUB = "https://token.actions.githubusercontent.com"
OAUTH = "https://github.com/login/oauth"
KUBEWARDEN = (
    "https://github.com/kubewarden/kubewarden-controller/.github/workflows/release.yml@refs/tags/v1.34.0"
)
SLSA = (
    "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/"
    "generator_container_slsa3.yml@refs/tags/"
)
IMAGE = (
    "ghcr.io/kubewarden/kubewarden-controller"
    "@sha256:c811d58de79c92f03214e63aa339484e488d694ae8a6283b5f3f17a9faf50172"
)
# (issuer, identity, what else; `{}` is the folder of the vectors)
ROWS: list[tuple[str, str, list[str]]] = [
    (GITHUB, KUBEWARDEN, ["--bundle", "{}/cosign-v3-image/bundle.sigstore.json", IMAGE]),
    (OAUTH, "mitr@redhat.com", ["dir:{}/containers-image-dir/dir-img-cosign-fulcio-rekor-valid"]),
    (GITHUB, f"{SLSA}v1.4.0", ["--type", "slsaprovenance", "oci:{}/att-layout-v1.4.0"]),
    (GITHUB, f"{SLSA}v2.1.0", ["--type", "slsaprovenance", "oci:{}/att-layout-v2.1.0"]),
]


@pytest.mark.parametrize("issuer, identity, words", ROWS, ids=lambda part: str(part)[-40:])
def test_real_images(vectors: Path, issuer: str, identity: str, words: list[str]) -> None:
    """Accepted for whom they are of, refused for anybody else, and an attestation is no signature."""
    there = [word.replace("{}", str(vectors / "real")) for word in words]

    def code(who: str, by: str, *asked: str) -> int:
        return run("verify", "--certificate-identity", who, "--certificate-oidc-issuer", by, *asked).code

    assert code(identity, issuer, *there) == 0
    assert code(f"{identity}x", issuer, *there) == 1
    assert code(identity, f"{issuer}/", *there) == 1
    if "--type" in there:
        assert code(identity, issuer, *there[2:]) == 1
        assert code(identity, issuer, "--type", "spdx", *there[2:]) == 1
