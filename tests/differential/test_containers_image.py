"""One signature of cosign's old format with one thing changed, judged by real skopeo and by us under one policy.

Where skopeo refuses and we accept, nothing but the spelling differs: what is signed is the same bytes.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes

from tests.unit.policy.test_against_skopeo import copied, image
from vouchsafe.adapters.directory import Directory
from vouchsafe.adapters.files import SystemFiles
from vouchsafe.adapters.gnupg import GnuPG
from vouchsafe.adapters.trustroots import TrustRoots
from vouchsafe.admission import Question, admit
from vouchsafe.admission.material import World
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.policy import document
from vouchsafe.policy.verdict import Accepted
from vouchsafe.testing.annotations import BUNDLE, CERTIFICATE, SIGNATURE
from vouchsafe.testing.keys import public_pem
from vouchsafe.testing.sigstore import SignOptions, VirtualSigstore
from vouchsafe.testing.workload import email

pytestmark = pytest.mark.peers
NAME = "registry.example/app"
ME = email("me@acme.example")
SIGSTORE = VirtualSigstore("containers-image")
Annotations = dict[str, str]


class Noon:
    """When all of this is judged."""

    def now(self) -> datetime:
        """Long after it was signed."""
        return datetime(2026, 11, 22, tzinfo=UTC)


WORLD = World(files=SystemFiles(), trust=TrustRoots(uid=0), openpgp=GnuPG(""))


def encoded(content: bytes) -> str:
    """As a policy holds it."""
    return base64.b64encode(content).decode()


def policy(**signer: Any) -> bytes:
    """Of one signer: ME by a CA file and a log's key, where none is given."""
    files = {name: encoded(content) for name, content in SIGSTORE.pem_files().items()}
    fulcio = {"caData": files["fulcio-root.pem"], "oidcIssuer": ME.issuer, "subjectEmail": ME.subject}
    requirement = {
        "type": "sigstoreSigned",
        **(signer or {"fulcio": fulcio, "rekorPublicKeyData": files["rekor1.pub"]}),
        "signedIdentity": {"type": "exactRepository", "dockerRepository": NAME},
    }
    return json.dumps({"default": [requirement]}).encode()


def payload(digest: Digest, **changes: Any) -> bytes:
    """What is signed, with keys of it replaced; `...` removes one."""
    critical = {
        "identity": {"docker-reference": NAME},
        "image": {"docker-manifest-digest": str(digest)},
        "type": "cosign container image signature",
    }
    said = {"critical": critical, "optional": None} | changes
    return json.dumps({key: value for key, value in said.items() if value is not ...}).encode()


def promise(change: Callable[[dict[str, Any]], object]) -> Callable[[Annotations], None]:
    """The log's annotation, changed in place."""

    def apply(annotations: Annotations) -> None:
        document = json.loads(annotations[BUNDLE])
        change(document)
        annotations[BUNDLE] = json.dumps(document)

    return apply


def without_padding(annotations: Annotations) -> None:
    """Of the signature."""
    annotations[SIGNATURE] = annotations[SIGNATURE].rstrip("=")


def for_urls(annotations: Annotations) -> None:
    """The signature, in the other alphabet."""
    annotations[SIGNATURE] = annotations[SIGNATURE].replace("+", "-").replace("/", "_")


def with_text_after_it(annotations: Annotations) -> None:
    """The certificate."""
    annotations[CERTIFICATE] += "text"


# How the annotations are changed -> we accept. skopeo accepts none of them.
SPELLINGS: dict[str, tuple[Callable[[Annotations], object], bool]] = {
    "base64-without-padding": (without_padding, True),
    "base64-for-urls": (for_urls, True),
    "text-after-the-certificate": (with_text_after_it, True),
    "unknown-key-of-the-log": (promise(lambda said: said.update(extra=1)), True),
    "unknown-key-of-the-entry": (promise(lambda said: said["Payload"].update(extra=1)), True),
    "time-as-text": (
        promise(lambda said: said["Payload"].update(integratedTime=str(said["Payload"]["integratedTime"]))),
        True,
    ),
    "another-time": (promise(lambda said: said["Payload"].update(integratedTime=1)), False),
    "another-index": (promise(lambda said: said["Payload"].update(logIndex=99)), False),
    "no-log": (lambda annotations: annotations.pop(BUNDLE), False),
    "no-signature": (lambda annotations: annotations.pop(SIGNATURE), False),
}
# How the payload is changed -> who accepts: skopeo, we.
PAYLOADS: dict[str, tuple[dict[str, Any], bool, bool]] = {
    "usual": ({}, True, True),
    "optional-empty": ({"optional": {}}, True, True),
    "optional-anything": ({"optional": {"a": [1]}}, True, True),
    "creator-a-number": ({"optional": {"creator": 1}}, False, True),
    "timestamp-a-text": ({"optional": {"timestamp": "1"}}, False, True),
    "timestamp-with-a-fraction": ({"optional": {"timestamp": 1.5}}, False, True),
    "optional-absent": ({"optional": ...}, False, False),
    "optional-a-list": ({"optional": []}, False, False),
    "critical-absent": ({"critical": ...}, False, False),
    "unknown-key": ({"extra": 1}, False, False),
}


@pytest.fixture
def digest(tmp_path: Path) -> Digest:
    """Of a small image in a folder."""
    return Digest.of((image(tmp_path / "image") / "manifest.json").read_bytes())


def opinions(
    skopeo: Path, folder: Path, signed: bytes, annotations: Annotations, rule: bytes = b""
) -> tuple[bool, bool]:
    """Whether skopeo and we accept the image with this signature beside it; `rule`: the policy."""
    rule = rule or policy()
    blob = {
        "mimeType": "application/vnd.dev.cosign.simplesigning.v1+json",
        "payload": base64.b64encode(signed).decode(),
        "annotations": annotations,
    }
    (folder / "image/signature-1").write_bytes(b"\0sigstore-json\n" + json.dumps(blob).encode())
    done = copied(skopeo, folder / "image", folder, rule, "--remove-signatures")
    assert done.returncode == 0 or "Source image rejected" in done.stderr, done.stderr
    question = Question(
        reference=Reference.parse(f"dir:{folder}/image"),
        policy=document.parse(rule, dialect="containers", source="policy.json"),
    )
    verdict = admit(question, registry=Directory(), clock=Noon(), world=WORLD)
    return done.returncode == 0, isinstance(verdict, Accepted) and verdict.verified


@pytest.mark.parametrize("name", SPELLINGS)
def test_annotations(name: str, skopeo: Path, tmp_path: Path, digest: Digest) -> None:
    """What skopeo finds misspelt we read, if it says the same; what it finds wrong we find wrong."""
    change, accepted = SPELLINGS[name]
    for _ in range(50):  # until there is something to misspell
        signed, annotations = SIGSTORE.sign_legacy(digest, NAME, ME, payload=payload(digest))
        if annotations[SIGNATURE].endswith("=") and {"+", "/"} & set(annotations[SIGNATURE]):
            break
    change(annotations)
    assert opinions(skopeo, tmp_path, signed, annotations) == (False, accepted)


@pytest.mark.parametrize("name", PAYLOADS)
def test_payloads(name: str, skopeo: Path, tmp_path: Path, digest: Digest) -> None:
    """cosign signs any annotation that somebody asks for (`-a`), and containers/image knows two of them."""
    changes, theirs, ours = PAYLOADS[name]
    signed = SIGSTORE.sign_legacy(digest, NAME, ME, payload=payload(digest, **changes))
    assert opinions(skopeo, tmp_path, *signed) == (theirs, ours)


@pytest.mark.parametrize(
    "kind, algorithm, theirs",
    [
        ("p256", hashes.SHA256(), True),
        ("p384", hashes.SHA256(), True),
        ("p384", hashes.SHA384(), False),
        ("p521", hashes.SHA256(), True),
        ("p521", hashes.SHA512(), False),
        ("rsa", hashes.SHA256(), True),
        ("ed25519", None, True),
    ],
)
def test_keys(
    kind: str,
    algorithm: hashes.HashAlgorithm | None,
    theirs: bool,
    skopeo: Path,
    tmp_path: Path,
    digest: Digest,
) -> None:
    """cosign 3 signs with the hash that fits the curve; skopeo knows SHA-256 alone."""
    key = SIGSTORE.keys.key(f"own {kind}", kind)
    options: SignOptions = {"key": key}
    if algorithm is not None:
        options["hash"] = algorithm
    signed = SIGSTORE.sign_legacy(digest, NAME, payload=payload(digest), **options)
    rule = policy(keyData=encoded(public_pem(key.public_key())))
    assert opinions(skopeo, tmp_path, *signed, rule) == (theirs, True)


@pytest.mark.parametrize("beside, theirs", [("p256", True), ("rsa", False), ("ed25519", False)])
def test_logs(beside: str, theirs: bool, skopeo: Path, tmp_path: Path, digest: Digest) -> None:
    """Another log's key beside the one that signed: of a kind that skopeo does not check, it ends everything."""
    key = SIGSTORE.keys.ec("own")
    another = SIGSTORE.keys.key(f"log {beside}", beside).public_key()
    logs = [public_pem(another), SIGSTORE.pem_files()["rekor1.pub"]]
    rule = policy(
        keyData=encoded(public_pem(key.public_key())), rekorPublicKeyDatas=[encoded(log) for log in logs]
    )
    signed = SIGSTORE.sign_legacy(digest, NAME, payload=payload(digest), key=key)
    assert opinions(skopeo, tmp_path, *signed, rule) == (theirs, True)
