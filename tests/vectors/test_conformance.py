"""The cases of sigstore-conformance, through the client that the suite is given: as file and as digest.

Each failing case must fail for its own reason, or it proves nothing; the table says which. What the suite
passes but the shared vectors do not hold is built anew in test_conformance_twins.py.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import conformance

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "tools" / "conformance-client"
CASES = ROOT.parent / "shared" / "vectors" / "conformance"
IDENTITY = (
    "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/"
    ".github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main"
)
ISSUER = "https://token.actions.githubusercontent.com"

# The code with which a case is refused; the others are accepted.
REFUSED = {
    "bundle-from-wrong-instance_fail": "log-entry",
    "bundle-unknown-version_fail": "bundle-version",
    "checkpoint-wrong-roothash_fail": "inclusion-proof",
    "dsse-mismatch-sig_fail": "log-entry-signature",
    "inclusion-proof-corrupted-hash_fail": "inclusion-proof",
    "incorrect-public-key_fail": "signature",
    "intoto-missing-inclusion-proof_fail": "bundle-proof",
    "intoto-tsa-timestamp-outside-cert-validity_fail": "certificate-expired",
    "invalid-ct-key_fail": "sct",
    "managed-key-wrong-key_fail": "public-key",
    "rekor2-checkpoint-missing-log-signature_fail": "checkpoint",
    "rekor2-dsse-invalid-sig_fail": "signature",
    "rekor2-timestamp-outside-trust-root-tsa-validity_fail": "timestamp-window",
    "rekor2-timestamp-untrusted-tsa-with-embedded-cert_fail": "timestamp",
    "rekor2-timestamp-untrusted-tsa-without-embedded-cert_fail": "timestamp-authority",
    "rekor2-timestamp-with-incorrect-time_fail": "certificate-expired",
    "signature-mismatch_fail": "signature",
    "wrong-hashedrekord-artifact_fail": "log-entry-payload",
    "wrong-material_fail": "artifact",
}
ACCEPTED = (
    "happy-path-v0.3",
    "happy-path-v0.3-new-mediaType",
    "managed-key-and-trusted-root",
    "managed-key-happy-path",
    "rekor2-checkpoint-origin-not-first",
    "rekor2-checkpoint-two-sigs-cosigned",
    "rekor2-dsse-happy-path",
    "rekor2-timestamp-with-embedded-cert",
    "rekor2-timestamp-with-expired-cert-chain",
    "rekor2-timestamp-without-embedded-cert",
    "trust-root-tsa-validity-end-inclusive",
)
FORMS = ("file", "digest")


def arguments(vectors: Path, name: str, form: str = "file") -> list[str]:
    """What the suite calls the client with for a case."""
    case = vectors / "conformance" / name
    said = ["verify-bundle", "--bundle", str(case / "bundle.sigstore.json")]
    if (case / "key.pub").exists():
        said += ["--key", str(case / "key.pub")]
    else:
        said += ["--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER]
    if (case / "trusted_root.json").exists():
        said += ["--trusted-root", str(case / "trusted_root.json")]
    own = case / "artifact"
    artifact = own if own.exists() else case.parent / "a.txt"
    digest = hashlib.sha256(artifact.read_bytes()).hexdigest()
    return [*said, str(artifact) if form == "file" else f"sha256:{digest}"]


def changed(said: list[str], option: str, value: str) -> list[str]:
    """The arguments with one option's value replaced."""
    place = said.index(option) + 1
    return [*said[:place], value, *said[place + 1 :]]


def refusal(capsys: pytest.CaptureFixture[str], said: list[str]) -> str:
    """What the client says when it refuses; it must."""
    assert conformance.main(said) == 1
    return capsys.readouterr().err.removeprefix("refused: ").strip()


def test_every_case_is_in_a_table(vectors: Path) -> None:
    """A case that is added to the shared vectors is not passed over."""
    folders = {path.name for path in (vectors / "conformance").iterdir() if path.is_dir()}
    assert folders == {*REFUSED, *ACCEPTED}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(vectors: Path, name: str, form: str) -> None:
    """What the suite calls right is right, by file and by digest."""
    assert conformance.main(arguments(vectors, name, form)) == 0


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", REFUSED)
def test_refused(vectors: Path, capsys: pytest.CaptureFixture[str], name: str, form: str) -> None:
    """What the suite calls wrong is refused, for the reason that the case is about."""
    said = refusal(capsys, arguments(vectors, name, form))
    assert said.partition(":")[0] == REFUSED[name]


@pytest.mark.parametrize("name", [name for name in ACCEPTED if not name.startswith("managed-key")])
@pytest.mark.parametrize(
    "option, value",
    [
        ("--certificate-identity", IDENTITY + "s"),
        ("--certificate-identity", IDENTITY[:-1]),
        ("--certificate-identity", IDENTITY.upper()),
        ("--certificate-oidc-issuer", "https://gitlab.com"),
        ("--certificate-oidc-issuer", ISSUER + "/"),
    ],
)
def test_any_other_identity_is_refused(
    vectors: Path, capsys: pytest.CaptureFixture[str], name: str, option: str, value: str
) -> None:
    """Subject and issuer are compared whole."""
    said = refusal(capsys, changed(arguments(vectors, name), option, value))
    assert said.startswith("expected a signature by")


@pytest.mark.parametrize("name", ACCEPTED)
def test_any_other_artifact_is_refused(vectors: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """A good bundle of something else proves nothing."""
    said = [*arguments(vectors, name)[:-1], "sha256:" + "0" * 64]
    assert refusal(capsys, said)


PARTIAL: dict[str, tuple[Callable[[list[str]], list[str]], str]] = {
    "key-and-identity": (
        lambda said: [*said[:-1], "--key", str(CASES / "managed-key-happy-path" / "key.pub"), said[-1]],
        "expected either --key or --certificate-identity",
    ),
    "no-issuer": (
        lambda said: changed(said, "--certificate-oidc-issuer", ""),
        "expected --certificate-identity and --certificate-oidc-issuer",
    ),
    "no-identity": (
        lambda said: changed(said, "--certificate-identity", ""),
        "expected --certificate-identity and --certificate-oidc-issuer",
    ),
    "nobody": (
        lambda said: changed(changed(said, "--certificate-identity", ""), "--certificate-oidc-issuer", ""),
        "expected either --key or --certificate-identity",
    ),
    "staging": (lambda said: [said[0], "--staging", *said[1:]], "expected --trusted-root for the staging"),
    "bundle-absent": (lambda said: changed(said, "--bundle", "nowhere.json"), "[Errno 2]"),
    "root-absent": (lambda said: [*said[:-1], "--trusted-root", "nowhere.json", said[-1]], "[Errno 2]"),
    "artifact-absent": (lambda said: [*said[:-1], "nowhere.txt"], "[Errno 2]"),
    "digest-short": (lambda said: [*said[:-1], "sha256:00"], "digest: expected sha256:"),
}


@pytest.mark.parametrize("name", PARTIAL)
def test_incomplete_questions_are_refused(
    vectors: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Nothing is verified against half a question, and a missing file is not an acceptance."""
    change, beginning = PARTIAL[name]
    said = change(arguments(vectors, "happy-path-v0.3"))
    assert refusal(capsys, said).startswith(beginning)


def test_key_for_keyless_bundle_is_refused(vectors: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--key` believes that key alone: a certificate that came along means nothing."""
    keyed = arguments(vectors, "managed-key-happy-path")
    bundle = vectors / "conformance" / "happy-path-v0.3" / "bundle.sigstore.json"
    assert refusal(capsys, changed(keyed, "--bundle", str(bundle))).startswith("signature:")


def test_keyed_bundle_without_key_is_refused(vectors: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A signature by a key that nobody named is nobody's."""
    said = arguments(vectors, "happy-path-v0.3")
    bundle = vectors / "conformance" / "managed-key-happy-path" / "bundle.sigstore.json"
    assert refusal(capsys, changed(said, "--bundle", str(bundle))).startswith("no-certificate:")


def test_staging_root_by_file(vectors: Path) -> None:
    """`--staging` is no more than a default that we do not have."""
    said = arguments(vectors, "rekor2-dsse-happy-path")
    assert conformance.main([said[0], "--staging", *said[1:]]) == 0


def test_signing_says_what_is_wrong_with_a_token(capsys: pytest.CaptureFixture[str]) -> None:
    """`sign-bundle` understands its arguments; tests/e2e/test_sign_conformance.py signs."""
    options = ["--identity-token", "x", "--bundle", "out.json", "--in-toto", "a.txt"]
    assert "token-malformed" in refusal(capsys, ["sign-bundle", *options])


def test_unknown_arguments_are_not_success() -> None:
    """What nobody understands never exits 0."""
    for said in ([], ["verify"], ["verify-bundle", "--bundle", "b", "--identity", "i", "a.txt"]):
        with pytest.raises(SystemExit) as ended:
            conformance.main(said)
        assert ended.value.code == 2


@pytest.mark.parametrize(
    "name, expected",
    [
        ("happy-path-v0.3", 0),
        ("rekor2-timestamp-with-embedded-cert", 0),
        ("managed-key-happy-path", 0),
        ("signature-mismatch_fail", 1),
        ("invalid-ct-key_fail", 1),
    ],
)
def test_as_the_suite_runs_it(vectors: Path, tmp_path: Path, name: str, expected: int) -> None:
    """The executable itself, from another folder, with the exit code that the suite looks at."""
    ended = subprocess.run(
        [CLIENT, *arguments(vectors, name, "digest")],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        text=True,
    )
    assert (ended.returncode, ended.stdout) == (expected, "verified\n" if expected == 0 else "")
    assert ended.stderr.startswith("refused: ") is (expected == 1)
