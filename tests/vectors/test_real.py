"""Material of the public-good Sigstore, verified offline with the embedded root; refused with any other.

A fork of the log, another CA of the same name or another subject is not among them: those are made by
vouchsafe.testing. What is proven here is that real bytes, of every format and age, still verify.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vouchsafe import evidence
from vouchsafe.adapters import trustroots
from vouchsafe.errors import VerificationError
from vouchsafe.evidence.containers import SIGNATURE_BLOB
from vouchsafe.evidence.types import Evidence
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import Manifest
from vouchsafe.record import Record
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.verification import TrustRoot, verify
from vouchsafe.verification.trust import from_pem, parse_trusted_root

NOW = datetime(2026, 11, 22, tzinfo=UTC)
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
GITHUB = "https://token.actions.githubusercontent.com"
GITHUB_LOGIN = "https://github.com/login/oauth"
SLSA_GENERATOR = (
    "https://github.com/slsa-framework/slsa-github-generator/"
    ".github/workflows/generator_container_slsa3.yml@refs/tags/"
)


def of_bundle(folder: Path) -> Evidence:
    """A bundle in a file."""
    return evidence.parse((folder / "bundle.sigstore.json").read_bytes(), {}, BUNDLE)


def of_legacy(folder: Path) -> Evidence:
    """The one layer of a `.sig` manifest."""
    manifest = Manifest.parse((folder / "sig-manifest.json").read_bytes())
    (layer,) = manifest.layers
    blob = (folder / "payload.json").read_bytes()
    assert layer.digest.matches(blob)
    return evidence.parse(blob, layer.annotations, layer.media_type)


def of_layout(folder: Path) -> Evidence:
    """The attestation in an OCI layout."""
    index = Manifest.parse((folder / "index.json").read_bytes())
    for entry in index.entries:
        manifest = Manifest.parse(blob_of(folder, entry.digest))
        for layer in manifest.layers:
            if evidence.is_evidence_type(layer.media_type):
                return evidence.parse(blob_of(folder, layer.digest), layer.annotations, layer.media_type)
    pytest.fail(f"expected an attestation in {folder}")


def blob_of(folder: Path, digest: Digest) -> bytes:
    """A blob of a layout, compared with its name."""
    blob = (folder / "blobs" / digest.algorithm / digest.hex).read_bytes()
    assert digest.matches(blob)
    return blob


def of_directory(folder: Path) -> Evidence:
    """A `signature-N` blob of a `dir:` image."""
    blob = (folder / "dir-img-cosign-fulcio-rekor-valid" / "signature-1").read_bytes()
    return evidence.parse(blob, {}, SIGNATURE_BLOB)


class Real(Record):
    """Where it is, how to read it, and what must come out."""

    folder: str
    read: Callable[[Path], Evidence]
    subject: str
    issuer: str
    kind: str
    role: str
    predicate_type: str = ""
    digest: str = ""
    claims: int = 0
    sources: tuple[str, ...] = ("log",)


REAL = {
    each.folder: each
    for each in (
        Real(
            folder="gitlab",
            read=of_bundle,
            subject="https://gitlab.com/facutuesca/gitlab-oidc-project//.gitlab-ci.yml@refs/heads/main",
            issuer="https://gitlab.com",
            kind="uri",
            role="attestation",
            predicate_type="https://docs.pypi.org/attestations/publish/v1",
            claims=14,
        ),
        Real(
            folder="cosign-v3-image",
            read=of_bundle,
            subject="https://github.com/kubewarden/kubewarden-controller/"
            ".github/workflows/release.yml@refs/tags/v1.34.0",
            issuer=GITHUB,
            kind="uri",
            role="signature",
            predicate_type="https://sigstore.dev/cosign/sign/v1",
            digest="sha256:c811d58de79c92f03214e63aa339484e488d694ae8a6283b5f3f17a9faf50172",
            claims=19,
            sources=("log", "timestamp"),
        ),
        Real(
            folder="legacy-keyless-image",
            read=of_legacy,
            subject="philipp.belitz@securesystems.de",
            issuer=GITHUB_LOGIN,
            kind="email",
            role="signature",
            digest="sha256:31dc72a1",
        ),
        Real(
            folder="att-layout-v1.4.0",
            read=of_layout,
            subject=f"{SLSA_GENERATOR}v1.4.0",
            issuer=GITHUB,
            kind="uri",
            role="attestation",
            predicate_type="https://slsa.dev/provenance/v0.2",
            claims=5,
        ),
        Real(
            folder="att-layout-v2.1.0",
            read=of_layout,
            subject=f"{SLSA_GENERATOR}v2.1.0",
            issuer=GITHUB,
            kind="uri",
            role="attestation",
            predicate_type="https://slsa.dev/provenance/v0.2",
            claims=19,
        ),
        Real(
            folder="oci-attestation",
            read=of_bundle,
            subject="cody@soyland.com",
            issuer=GITHUB_LOGIN,
            kind="email",
            role="attestation",
            predicate_type="https://cosign.sigstore.dev/attestation/v1",
        ),
        Real(
            folder="containers-image-dir",
            read=of_directory,
            subject="mitr@redhat.com",
            issuer=GITHUB_LOGIN,
            kind="email",
            role="signature",
        ),
    )
}


def root_for(real: Real, vectors: Path) -> TrustRoot:
    """The embedded root; containers/image's image has a CA and a log key of its own as PEM."""
    if real.folder != "containers-image-dir":
        return trustroots.embedded().root
    folder = vectors / "real" / real.folder
    ca, log_key = (folder / name for name in ("fulcio_v1.crt.pem", "rekor.pub"))
    return from_pem(authorities=(ca.read_bytes(),), log_keys=(log_key.read_bytes(),))


@pytest.mark.parametrize("name", REAL)
def test_verified_with_its_identity(vectors: Path, name: str) -> None:
    """Everything that is said about it in the vectors' README is what comes out."""
    real = REAL[name]
    found = verify(real.read(vectors / "real" / name), root_for(real, vectors), at=NOW)
    assert found.identity is not None
    assert (found.identity.subject, found.identity.issuer) == (real.subject, real.issuer)
    assert (found.identity.subject_kind, found.role) == (real.kind, real.role)
    assert len(found.identity.claims) == real.claims
    assert found.claim.predicate_type == real.predicate_type
    assert any(str(digest).startswith(real.digest) for digest in found.digests)
    assert tuple(each.source for each in found.times) == real.sources
    assert len(found.logged) == 1
    assert found.sct == ("not checked" if name == "containers-image-dir" else "verified")


def without_logs(root: TrustRoot) -> TrustRoot:
    """Believes other logs only."""
    return root.replace(logs=tuple(log.replace(key_id=bytes(32)) for log in root.logs))


def without_authorities(root: TrustRoot) -> TrustRoot:
    """Believes no CA."""
    return root.replace(authorities=())


def of_others(root: TrustRoot) -> TrustRoot:
    """Somebody else's Sigstore."""
    return parse_trusted_root(VirtualSigstore().trusted_root())


def with_others_ca(root: TrustRoot) -> TrustRoot:
    """The right logs, somebody else's CA."""
    return root.replace(authorities=of_others(root).authorities)


def with_others_ct_log(root: TrustRoot) -> TrustRoot:
    """The right logs and CA, somebody else's CT log."""
    return root.replace(ct_logs=of_others(root).ct_logs)


OTHER_ROOTS = {
    "others": (of_others, "log-entry"),
    "no-logs": (without_logs, "log-entry"),
    "no-authorities": (without_authorities, "certificate-authority"),
    "others-ca": (with_others_ca, "certificate-authority"),
    "others-ct-log": (with_others_ct_log, "sct"),
}


@pytest.mark.parametrize("other", OTHER_ROOTS)
@pytest.mark.parametrize("name", REAL)
def test_refused_with_any_other_root(vectors: Path, name: str, other: str) -> None:
    """Each part of the root is needed, and somebody else's does not stand in for it."""
    real = REAL[name]
    change, code = OTHER_ROOTS[other]
    with pytest.raises(VerificationError) as refused:
        verify(real.read(vectors / "real" / name), change(root_for(real, vectors)), at=NOW)
    assert refused.value.code == code


@pytest.mark.parametrize("name", REAL)
def test_refused_before_it_was_made(vectors: Path, name: str) -> None:
    """A clock that stands before the log's time is wrong, or the log is: neither is believed."""
    real = REAL[name]
    found = real.read(vectors / "real" / name)
    root = root_for(real, vectors)
    made = verify(found, root, at=NOW).time
    assert made is not None
    with pytest.raises(VerificationError) as refused:
        verify(found, root, at=made - timedelta(minutes=6))
    assert refused.value.code == "clock"


@pytest.mark.parametrize("name", [name for name in REAL if name != "containers-image-dir"])
def test_refused_outside_every_window(vectors: Path, name: str) -> None:
    """A root whose windows had closed a second before does not speak for it."""
    real = REAL[name]
    found = real.read(vectors / "real" / name)
    root = root_for(real, vectors)
    made = verify(found, root, at=NOW).time
    assert made is not None
    over = made - timedelta(seconds=1)
    closed = {
        "log-window": root.replace(
            logs=tuple(log.replace(window=log.window.replace(end=over)) for log in root.logs)
        ),
        "authority-window": root.replace(
            authorities=tuple(ca.replace(window=ca.window.replace(end=over)) for ca in root.authorities)
        ),
        "sct-window": root.replace(
            ct_logs=tuple(
                log.replace(window=log.window.replace(end=over - timedelta(hours=1))) for log in root.ct_logs
            )
        ),
    }
    for code, narrowed in closed.items():
        with pytest.raises(VerificationError) as refused:
            verify(found, narrowed, at=NOW)
        assert refused.value.code == code


def test_artifact_of_the_gitlab_pipeline(vectors: Path) -> None:
    """The statement is about the file beside it, and says so under SHA-256."""
    folder = vectors / "real" / "gitlab"
    content = (folder / "gitlab_oidc_project-0.0.3.tar.gz").read_bytes()
    found = verify(of_bundle(folder), trustroots.embedded().root, at=NOW)
    assert found.digests == {Digest.of(content)}
    assert found.claim.names == ("gitlab_oidc_project-0.0.3.tar.gz",)


def test_image_of_the_legacy_signature(vectors: Path) -> None:
    """The payload names the image's manifest, whose bytes are beside it."""
    folder = vectors / "real" / "legacy-keyless-image"
    image = (folder / "image-manifest.json").read_bytes()
    found = verify(of_legacy(folder), trustroots.embedded().root, at=NOW)
    assert found.digests == {Digest.of(image)}
    assert found.claim.docker_reference == "index.docker.io/phbelitz/rekor-test"


def test_gitlab_claims_are_words(vectors: Path) -> None:
    """What a policy may pin of a real GitLab pipeline."""
    found = verify(of_bundle(vectors / "real" / "gitlab"), trustroots.embedded().root, at=NOW)
    assert found.identity is not None
    claims = found.identity.claims
    assert claims["source-repository-uri"] == "https://gitlab.com/facutuesca/gitlab-oidc-project"
    assert claims["source-repository-ref"] == "refs/heads/main"
    assert claims["source-repository-identifier"].isdigit()
    assert claims["build-config-uri"] == claims["build-signer-uri"] == found.identity.subject


def test_embedded_root_is_the_shared_one(vectors: Path) -> None:
    """The root that is shipped is the instance's own, byte for byte, or a newer one with the same members."""
    shared = parse_trusted_root((vectors / "real" / "trusted_root.json").read_bytes())
    embedded = trustroots.embedded().root
    assert {log.key_id for log in shared.logs} <= {log.key_id for log in embedded.logs}
    assert {ca.chain for ca in shared.authorities} <= {ca.chain for ca in embedded.authorities}
