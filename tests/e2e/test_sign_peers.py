"""What we sign, others verify: real cosign 3 and 2, sigstore-python, and skopeo for containers/image."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli_lab import plain_terminal, run
from tests.sign_cli_lab import REPOSITORY, SignLab, api_lab, lab, with_programs
from vouchsafe.image.digest import Digest
from vouchsafe.testing.keys import KeySource, private_pem, public_pem

__all__ = ["api_lab", "lab", "plain_terminal"]
pytestmark = pytest.mark.peers
ISSUER = "https://gitlab.example"
OLD = "--new-bundle-format=false"


def spoken(program: Path, *words: object, environment: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit code and stderr."""
    done = subprocess.run(
        [program, *(str(word) for word in words)],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    return done.returncode, done.stderr


def every_manifest(lab: SignLab) -> list[Digest]:
    """The index and its platforms."""
    return [lab.index, *lab.platforms.values()]


@pytest.mark.parametrize("fixture", ["lab", "api_lab"])
@pytest.mark.parametrize("config", ["v1", "v1_tsa", "v2"])
def test_cosign_3_verifies_bundles(
    fixture: str, config: str, cosign3: Path, request: pytest.FixtureRequest
) -> None:
    """Of Rekor v1 with and without time-stamp, and v2; the index and each platform."""
    lab: SignLab = request.getfixturevalue(fixture)
    ended = lab.sign("--format", "bundle", "--read-back", "own", lab.multi, config=config)
    assert ended.code == 0, ended.err
    for digest in every_manifest(lab):
        image = lab.registry.reference(REPOSITORY, digest)
        assert spoken(cosign3, "verify", *lab.services.verify_flags(), image)[0] == 0


@pytest.mark.parametrize("fixture", ["lab", "api_lab"])
def test_both_cosigns_verify_sig(
    fixture: str, cosign3: Path, cosign2: Path, request: pytest.FixtureRequest
) -> None:
    """cosign 3 with its old format, cosign 2 with the only one it has; annotations too."""
    lab: SignLab = request.getfixturevalue(fixture)
    assert lab.sign("-a", "env=prod", "--read-back", "own", lab.multi).code == 0
    for digest in every_manifest(lab):
        image = lab.registry.reference(REPOSITORY, digest)
        flags = [*lab.services.verify_flags(), "-a", "env=prod"]
        assert spoken(cosign3, "verify", OLD, *flags, image)[0] == 0
        assert spoken(cosign3, "verify", *flags, image)[0] == 0
        old_flags = [*lab.services.verify_flags(cosign=2), "-a", "env=prod"]
        assert spoken(cosign2, "verify", *old_flags, image, environment=lab.services.environment)[0] == 0


@pytest.mark.parametrize("config", ["v1_tsa", "v2"])
def test_both_cosigns_verify_attestations(lab: SignLab, config: str, cosign3: Path, cosign2: Path) -> None:
    """Bundle by cosign 3, `.att` by both."""
    form = ["--format", "bundle"] if config == "v2" else []
    words = ["--type", "cyclonedx", "--predicate", lab.sbom, "--read-back", "own", *form]
    assert lab.sign(*words, lab.image, command="attest", config=config).code == 0
    asked = ["verify-attestation", "--type", "cyclonedx"]
    flags, old_flags = lab.services.verify_flags(), lab.services.verify_flags(cosign=2)
    assert spoken(cosign3, *asked, *flags, lab.image)[0] == 0
    if config == "v1_tsa":
        assert spoken(cosign3, *asked, OLD, *flags, lab.image)[0] == 0
        variables = lab.services.environment
        assert spoken(cosign2, *asked, *old_flags, lab.image, environment=variables)[0] == 0


@pytest.mark.parametrize("config", ["v1", "v1_tsa", "v2"])
def test_sigstore_python_verifies_bundles(lab: SignLab, config: str) -> None:
    """The library reads statement, certificate, entry and time-stamp."""
    from sigstore.models import Bundle, TrustedRoot
    from sigstore.verify import Verifier, policy

    assert lab.sign("--format", "bundle", "--read-back", "own", lab.image, config=config).code == 0
    content = Bundle.from_json(bundle_of(lab).decode())
    verifier = Verifier(trusted_root=TrustedRoot.from_file(str(lab.services.trusted_root)))
    who = policy.Identity(identity=lab.sigstore.workload.subject, issuer=ISSUER)
    kind, payload = verifier.verify_dsse(content, who)
    statement = json.loads(payload)
    assert kind == "application/vnd.in-toto+json"
    assert statement["subject"] == [
        {"name": f"{lab.registry.address}/{REPOSITORY}", "digest": {"sha256": lab.digest.hex}}
    ]


def bundle_of(lab: SignLab) -> bytes:
    """The bundle that is attached to the image."""
    index = lab.registry.store.manifest(REPOSITORY, lab.digest.tag_prefix)
    assert index is not None
    (entry,) = json.loads(index.raw)["manifests"]
    manifest = lab.registry.store.manifest(REPOSITORY, entry["digest"])
    assert manifest is not None
    blob = lab.registry.store.blob(REPOSITORY, json.loads(manifest.raw)["layers"][0]["digest"])
    assert blob is not None
    return blob


def key_pair(folder: Path, kind: str = "p256") -> tuple[Path, Path]:
    """Private and public, in files."""
    key = KeySource("peers").key("signer", kind)
    private, public = folder / "signing.pem", folder / "signing.pub"
    private.write_bytes(private_pem(key))
    public.write_bytes(public_pem(key.public_key()))
    return private, public


def skopeo_copy(skopeo: Path, lab: SignLab, folder: Path, rule: dict[str, Any]) -> tuple[int, str]:
    """Copy the image under a policy of one rule."""
    scope = f"{lab.registry.address}/{REPOSITORY}"
    policy = {"default": [{"type": "reject"}], "transports": {"docker": {scope: [rule]}}}
    (folder / "policy.json").write_text(json.dumps(policy), encoding="utf-8")
    (folder / "registries.d").mkdir(exist_ok=True)
    attachments = {"docker": {lab.registry.address: {"use-sigstore-attachments": True}}}
    (folder / "registries.d" / "lab.yaml").write_text(json.dumps(attachments), encoding="utf-8")
    return spoken(
        skopeo,
        *("--policy", folder / "policy.json", "--registries.d", folder / "registries.d", "copy"),
        *("--src-tls-verify=false", f"docker://{lab.image}", f"dir:{folder / 'copy'}"),
    )


def sigstore_signed(public: Path, *, rekor: Path | None = None) -> dict[str, Any]:
    """A rule of containers/image: this key signed it, for this repository."""
    rule: dict[str, Any] = {
        "type": "sigstoreSigned",
        "keyPath": str(public),
        "signedIdentity": {"type": "matchRepository"},
    }
    return rule | ({"rekorPublicKeyPath": str(rekor)} if rekor else {})


@pytest.mark.parametrize("program", ["skopeo", "skopeo_old"])
@pytest.mark.parametrize("kind", ["p256", "p384"])
@pytest.mark.parametrize("logged", [False, True])
def test_skopeo_reads_our_sig_by_key(
    lab: SignLab, tmp_path: Path, program: str, kind: str, logged: bool, request: pytest.FixtureRequest
) -> None:
    """keyPath with use-sigstore-attachments: accepted, with the log's key too; another key refuses."""
    skopeo: Path = request.getfixturevalue(program)
    private, public = key_pair(tmp_path, kind)
    services = lab.flags("v1") if logged else ["--tls-verify=false"]
    ended = run("sign", *services, "--key", private, "--read-back", "own", lab.image)
    assert ended.code == 0, ended.err
    rekor = lab.services.folder / "rekor1.pub" if logged else None
    assert skopeo_copy(skopeo, lab, tmp_path, sigstore_signed(public, rekor=rekor)) == (0, "")
    other = tmp_path / "other.pub"
    other.write_bytes(public_pem(KeySource("peers").ec("stranger").public_key()))
    code, said = skopeo_copy(skopeo, lab, tmp_path, sigstore_signed(other))
    assert (code, "Source image rejected" in said) == (1, True)


@pytest.mark.parametrize("kind", ["p256", "p384", "p521", "rsa"])
def test_cosign_reads_what_keys_signed(
    lab: SignLab, tmp_path: Path, kind: str, cosign3: Path, cosign2: Path
) -> None:
    """`.sig` and bundles of every kind: all are signed over SHA-256, which is all that it verifies."""
    private, public = key_pair(tmp_path, kind)
    ended = run("sign", *lab.flags("v1"), "--key", private, "--read-back", "own", lab.image)
    assert ended.code == 0, ended.err
    root = ["--trusted-root", lab.services.trusted_root]
    assert spoken(cosign3, "verify", "--key", public, OLD, *root, lab.image)[0] == 0
    assert spoken(cosign3, "verify", "--key", public, *root, lab.image)[0] == 0
    old = spoken(cosign2, "verify", "--key", public, lab.image, environment=lab.services.environment)
    assert old[0] == 0, old[1]


def test_a_key_that_cosign_made(
    lab: SignLab, tmp_path: Path, cosign3: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`cosign generate-key-pair`, its password in the variable that cosign reads."""
    made = subprocess.run(
        [cosign3, "generate-key-pair"],
        env={**os.environ, "COSIGN_PASSWORD": "correct horse"},
        cwd=tmp_path,
        capture_output=True,
        timeout=600,
        check=False,
    )
    assert made.returncode == 0
    monkeypatch.setenv("COSIGN_PASSWORD", "correct horse")
    key, public = tmp_path / "cosign.key", tmp_path / "cosign.pub"
    assert run("sign", "--tls-verify=false", "--key", key, "--read-back", "own", lab.image).code == 0
    flags = ["--key", public, "--insecure-ignore-tlog=true"]
    assert spoken(cosign3, "verify", *flags, lab.image)[0] == 0
    assert run("verify", "--tls-verify=false", "--key", public, lab.image).code == 0


def read_by(lab: SignLab, *words: object, **options: Any) -> dict[str, bool]:
    """Which reader could read every manifest."""
    found: dict[str, bool] = {}
    for each in lab.document(*words, **options)["images"][0]["readBack"]:
        found[each["reader"].split()[0]] = found.get(each["reader"].split()[0], True) and each["ok"]
    return found


@pytest.mark.parametrize("fixture", ["lab", "api_lab"])
@pytest.mark.parametrize("keyed", [False, True])
def test_read_back_by_programs(
    fixture: str,
    keyed: bool,
    tmp_path: Path,
    cosign3: Path,
    skopeo: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """cosign and containers/image find what was signed; skopeo stumbles only over the identity."""
    lab: SignLab = request.getfixturevalue(fixture)
    with_programs(tmp_path, monkeypatch, cosign=cosign3, skopeo=skopeo)
    words = ["--key", key_pair(tmp_path)[0]] if keyed else []
    required = ["--require-readable-by", "podman,bootc,cri-o,cosign"]
    assert read_by(lab, *words, *required, lab.multi) == {"vouchsafe": True, "cosign": True, "skopeo": True}


def test_read_back_by_cosign_2(
    lab: SignLab, tmp_path: Path, cosign2: Path, skopeo_old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Debian 13 has: cosign 2.5 and skopeo 1.18."""
    with_programs(tmp_path, monkeypatch, cosign=cosign2, skopeo=skopeo_old)
    required = ["--require-readable-by", "podman,cosign2"]
    assert read_by(lab, *required, lab.image) == {"vouchsafe": True, "cosign": True, "skopeo": True}


def test_skopeo_sees_no_bundle(
    lab: SignLab, tmp_path: Path, skopeo: Path, cosign3: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signature in the wrong form is red for podman, before it is made; green for cosign."""
    with_programs(tmp_path, monkeypatch, skopeo=skopeo, cosign=cosign3)
    refused = lab.sign("--format", "bundle", "--require-readable-by", "podman", lab.image)
    assert (refused.code, "[not-readable]" in refused.err) == (1, True)
    assert read_by(lab, "--format", "bundle", "--require-readable-by", "cosign", lab.image) == {
        "vouchsafe": True,
        "cosign": True,
    }


def test_a_program_that_cannot_read_is_red(
    lab: SignLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The consumer's own client decides, where it is required; its words are shown."""
    program = tmp_path / "blind"
    program.write_text("#!/bin/sh\necho 'v3.9.9' \necho 'no signatures found' >&2\n[ $1 = version ]\n")
    program.chmod(0o755)
    with_programs(tmp_path, monkeypatch, cosign=program)
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:/bin:/usr/bin")
    ended = lab.sign("--require-readable-by", "cosign", lab.image)
    assert ended.code == 1
    assert ended.out.startswith("signed, not readable")
    assert "no signatures found" in ended.out
    assert lab.sign(lab.multi).code == 0


def test_nobody_else_is_believed(lab: SignLab, cosign3: Path) -> None:
    """Our signature is nobody else's: cosign refuses another identity."""
    assert lab.sign("--read-back", "own", lab.image).code == 0
    wrong = ["--certificate-identity", "https://other", "--certificate-oidc-issuer", ISSUER]
    root = ["--trusted-root", str(lab.services.trusted_root)]
    assert spoken(cosign3, "verify", *wrong, *root, lab.image)[0] != 0


def test_on_a_real_registry(
    lab: SignLab, docker_registry: str, cosign3: Path, skopeo: Path, tmp_path: Path
) -> None:
    """docker-registry 2.8: uploads, tags and the fallback index as it has them."""
    copied = spoken(
        skopeo,
        *("copy", "--insecure-policy", "--all", "--src-tls-verify=false", "--dest-tls-verify=false"),
        *(f"docker://{lab.multi}", f"docker://{docker_registry}/group/real:v1"),
    )
    assert copied[0] == 0, copied[1]
    image = f"{docker_registry}/group/real:v1"
    sbom = ["--type", "cyclonedx", "--predicate", lab.sbom]
    assert lab.sign("--read-back", "own", image).code == 0
    assert lab.sign("--read-back", "own", *sbom, image, command="attest").code == 0
    for flags in ([], [OLD]):
        assert spoken(cosign3, "verify", *flags, *lab.services.verify_flags(), image)[0] == 0
    assert lab.sign("--read-back", "own", image).out.startswith("signed already")
