"""Real bundles and the conformance cases, judged by three: the differences are counted and explained."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.differential.opinions import Question, cosign, ours, sigstore_python
from tests.vectors import test_conformance as suite
from tests.vectors.test_real import REAL
from vouchsafe.image.digest import Digest
from vouchsafe.strictjson import Fields

# sigstore-python refuses what is right.
PYTHON_CANNOT = {
    "managed-key-happy-path": "knows no signatures by keys",
    "managed-key-and-trusted-root": "knows no signatures by keys",
    "trust-root-tsa-validity-end-inclusive": "takes the end of a window for its outside",
}
BUNDLES = ("gitlab", "cosign-v3-image", "oci-attestation")


def of_case(vectors: Path, name: str) -> Question:
    """A conformance case."""
    folder = vectors / "conformance" / name
    own, key, root = folder / "artifact", folder / "key.pub", folder / "trusted_root.json"
    artifact = (own if own.exists() else folder.parent / "a.txt").read_bytes()
    blob = (folder / "bundle.sigstore.json").read_bytes()
    statement = b'"dsseEnvelope"' in blob
    return Question(
        blob=blob,
        root=(root if root.exists() else vectors / "real" / "trusted_root.json").read_bytes(),
        subject=suite.IDENTITY,
        issuer=suite.ISSUER,
        digest=Digest.of(artifact),
        predicate_type=predicate_type(blob) if statement else "",
        artifact=None if statement else artifact,
        key=key.read_bytes() if key.exists() else b"",
    )


def predicate_type(bundle: bytes) -> str:
    """What the statement says of itself."""
    payload = Fields.parse(bundle, what="bundle").fields("dsseEnvelope").data("payload")
    return Fields.parse(payload, what="statement").text("predicateType")


def of_real(vectors: Path, name: str) -> Question:
    """A real bundle."""
    real = REAL[name]
    found = real.read(vectors / "real" / name)
    payload = getattr(found.content, "payload", b"")
    subject = Fields.parse(payload, what="statement").objects("subject", 9)[0]
    return Question(
        blob=(vectors / "real" / name / "bundle.sigstore.json").read_bytes(),
        root=(vectors / "real" / "trusted_root.json").read_bytes(),
        subject=real.subject,
        issuer=real.issuer,
        digest=Digest(algorithm="sha256", hex=subject.texts("digest")["sha256"]),
        predicate_type=real.predicate_type,
    )


@pytest.mark.parametrize("name", [*suite.ACCEPTED, *suite.REFUSED])
def test_conformance_cases(vectors: Path, tmp_path: Path, name: str) -> None:
    """We go by the suite; sigstore-python does, but for what it cannot do."""
    asked = of_case(vectors, name)
    assert bool(ours(asked)) is name.endswith("_fail")
    refused = bool(sigstore_python(asked, tmp_path))
    assert refused is (name.endswith("_fail") or name in PYTHON_CANNOT)


@pytest.mark.peers
@pytest.mark.parametrize("name", [*suite.ACCEPTED, *suite.REFUSED])
def test_conformance_cases_with_cosign(vectors: Path, tmp_path: Path, cosign3: Path, name: str) -> None:
    """Of each case cosign says what we say."""
    asked = of_case(vectors, name)
    assert bool(cosign(asked, tmp_path, cosign3)) is bool(ours(asked))


@pytest.mark.parametrize("name", BUNDLES)
def test_real_bundles(vectors: Path, tmp_path: Path, name: str) -> None:
    """Accepted by both; refused by both for anybody else."""
    asked = of_real(vectors, name)
    assert (ours(asked), sigstore_python(asked, tmp_path)) == ("", "")
    for other in (
        asked.replace(subject="x"),
        asked.replace(issuer="x"),
        asked.replace(digest=Digest.of(b"")),
    ):
        assert ours(other)
        assert sigstore_python(other, tmp_path)


@pytest.mark.peers
@pytest.mark.parametrize("name", BUNDLES)
def test_real_bundles_with_cosign(vectors: Path, tmp_path: Path, cosign3: Path, name: str) -> None:
    """By cosign too."""
    asked = of_real(vectors, name)
    assert cosign(asked, tmp_path, cosign3) == ""
    assert cosign(asked.replace(subject="x"), tmp_path, cosign3) != ""
