"""`sign-bundle` of the conformance client: what it writes, three verifiers accept; it writes no root."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sign_cli_lab import SignLab, lab
from vouchsafe.image.digest import Digest
from vouchsafe.signing import content
from vouchsafe.testing.workload import Workload

__all__ = ["lab"]
CLIENT = Path(__file__).resolve().parents[2] / "tools" / "conformance-client"


def client(*words: object) -> subprocess.CompletedProcess[str]:
    """As the suite runs it."""
    return subprocess.run(
        [sys.executable, CLIENT, *(str(word) for word in words)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def sign(lab: SignLab, artifact: Path, config: str, *words: str, token: str = "") -> Path:
    """A bundle about a file."""
    bundle = lab.folder / "made.sigstore.json"
    signed = client(
        *("sign-bundle", *words, "--identity-token", token or lab.services.token(), "--bundle", bundle),
        *("--trusted-root", lab.services.trusted_root),
        *("--signing-config", lab.services.folder / f"signing_config_{config}.json", artifact),
    )
    assert signed.returncode == 0, signed.stderr
    return bundle


def whose(lab: SignLab) -> list[str]:
    """The signer, as the suite names one."""
    who: Workload = lab.sigstore.workload
    return ["--certificate-identity", who.subject, "--certificate-oidc-issuer", who.issuer]


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    """A file to sign."""
    path = tmp_path / "artifact.txt"
    path.write_bytes(b"something to sign\n")
    return path


@pytest.mark.parametrize("config", ["v1", "v1_tsa", "v2"])
@pytest.mark.parametrize("in_toto", [False, True])
def test_sign_and_verify(lab: SignLab, artifact: Path, config: str, in_toto: bool) -> None:
    """By the client itself; another identity or another file is refused."""
    signed = artifact
    if in_toto:
        signed = lab.folder / "statement.json"
        signed.write_bytes(content.statement(Digest.of(artifact.read_bytes()), "artifact.txt"))
    bundle = sign(lab, signed, config, *(["--in-toto"] if in_toto else []))
    common = ["verify-bundle", "--bundle", bundle, "--trusted-root", lab.services.trusted_root]
    assert client(*common, *whose(lab), artifact).returncode == 0
    other = lab.folder / "other.txt"
    other.write_bytes(b"something else")
    assert client(*common, *whose(lab), other).returncode == 1
    stranger = [
        "--certificate-identity",
        "https://other",
        "--certificate-oidc-issuer",
        "https://gitlab.example",
    ]
    assert client(*common, *stranger, artifact).returncode == 1


def test_no_root_is_produced(lab: SignLab, artifact: Path) -> None:
    """One certificate, the leaf."""
    material = json.loads(sign(lab, artifact, "v1").read_bytes())["verificationMaterial"]
    assert set(material) == {"certificate", "tlogEntries"}


@pytest.mark.parametrize("config", ["v1_tsa", "v2"])
def test_sigstore_python_accepts(lab: SignLab, artifact: Path, config: str) -> None:
    """The bundle of a plain file."""
    from sigstore.models import Bundle, TrustedRoot
    from sigstore.verify import Verifier, policy

    made = Bundle.from_json(sign(lab, artifact, config).read_text("utf-8"))
    who = lab.sigstore.workload
    verifier = Verifier(trusted_root=TrustedRoot.from_file(str(lab.services.trusted_root)))
    verifier.verify_artifact(
        artifact.read_bytes(), made, policy.Identity(identity=who.subject, issuer=who.issuer)
    )


@pytest.mark.peers
@pytest.mark.parametrize("config", ["v1_tsa", "v2"])
def test_cosign_accepts(lab: SignLab, artifact: Path, config: str, cosign3: Path) -> None:
    """`cosign verify-blob`."""
    bundle = sign(lab, artifact, config)
    stamped = ["--use-signed-timestamps"] if config == "v2" else []
    root = str(lab.services.trusted_root)
    words = ["verify-blob", "--bundle", str(bundle), *stamped, "--trusted-root", root, *whose(lab)]
    verified = subprocess.run(
        [str(cosign3), *words, str(artifact)], capture_output=True, timeout=600, check=False
    )
    assert verified.returncode == 0, verified.stderr


def test_without_a_token(artifact: Path, tmp_path: Path) -> None:
    """There is nobody to sign as."""
    refused = client("sign-bundle", "--bundle", tmp_path / "b.json", artifact)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "expected --identity-token" in refused.stderr
