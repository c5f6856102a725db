"""Evidence from files: bundles, and what `cosign download signature` prints."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificates
from hypothesis import given
from hypothesis import strategies as st

from vouchsafe.errors import MalformedError
from vouchsafe.evidence import parse, saved
from vouchsafe.evidence.legacy import CERTIFICATE, CHAIN, PROMISE, SIGNATURE, SIMPLE_SIGNING, TIMESTAMP
from vouchsafe.image.digest import Digest
from vouchsafe.testing.registry import RegistryServer, push_image, push_signature
from vouchsafe.testing.sigstore import VirtualSigstore

SIGSTORE = VirtualSigstore()
IMAGE = Digest.of(b"image")


def downloaded(payload: bytes, annotations: dict[str, str]) -> dict[str, Any]:
    """A layer of `.sig` as cosign prints it."""

    def raw(text: str) -> list[dict[str, str]]:
        certificates = load_pem_x509_certificates(text.encode()) if text else []
        return [{"Raw": base64.b64encode(each.public_bytes(Encoding.DER)).decode()} for each in certificates]

    return {
        "Base64Signature": annotations[SIGNATURE],
        "Payload": base64.b64encode(payload).decode(),
        "Cert": raw(annotations[CERTIFICATE])[0] if CERTIFICATE in annotations else None,
        "Chain": raw(annotations.get(CHAIN, "")) or None,
        "Bundle": json.loads(annotations.get(PROMISE, "null")),
        "RFC3161Timestamp": json.loads(annotations.get(TIMESTAMP, "null")),
    }


@pytest.mark.parametrize("tsa", [False, True])
def test_a_downloaded_signature(tsa: bool) -> None:
    """It is the same evidence as the layer that it was."""
    payload, annotations = SIGSTORE.sign_legacy(IMAGE, "registry.example/app", tsa=tsa)
    (found,) = saved.read(json.dumps(downloaded(payload, annotations)).encode(), "file")
    assert found == parse(payload, annotations, SIMPLE_SIGNING, origin="file")


def test_a_downloaded_signature_by_a_key() -> None:
    """Without a certificate."""
    payload, annotations = SIGSTORE.sign_legacy(IMAGE, "app", key=SIGSTORE.keys.ec("saved"))
    document = downloaded(payload, annotations)
    assert document["Cert"] is None
    (found,) = saved.read(json.dumps(document).encode(), "file")
    assert (found.certificate, found.chain) == (None, ())


def test_several_lines() -> None:
    """One object a line, named by its line."""
    bundle = SIGSTORE.bundle(IMAGE)
    payload, annotations = SIGSTORE.sign_legacy(IMAGE, "app")
    text = bundle + b"\n\n" + json.dumps(downloaded(payload, annotations)).encode() + b"\n"
    assert [each.origin for each in saved.read(text, "file")] == ["file, line 1", "file, line 2"]


def test_a_bundle_over_several_lines() -> None:
    """A bundle that somebody laid out for reading is one bundle."""
    laid_out = json.dumps(json.loads(SIGSTORE.bundle(IMAGE)), indent=2).encode()
    assert [each.origin for each in saved.read(laid_out, "file")] == ["file"]


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"{}",
        b"[]",
        b'{"Base64Signature": "AA=="}',
        b'{"Base64Signature": "AA==", "Payload": "AA==", "Cert": {}}',
        b'{"Base64Signature": "AA==", "Payload": "AA==", "Cert": {"Raw": "-----END CERTIFICATE-----"}}',
        b'{"payloadType": "application/vnd.in-toto+json", "payload": "", "signatures": []}',
        b"{}\n" * 1001,
    ],
    ids=[
        "empty",
        "nothing",
        "a list",
        "no payload",
        "no certificate",
        "text in it",
        "an envelope",
        "too many",
    ],
)
def test_what_is_no_saved_evidence(blob: bytes) -> None:
    """It is malformed, never anything else."""
    with pytest.raises(MalformedError):
        saved.read(blob, "file")


@given(st.binary() | st.text().map(str.encode) | st.just(b'{"Base64Signature":"AA==","Payload":"AA=="}'))
def test_any_bytes(blob: bytes) -> None:
    """Any bytes lead to evidence or to MalformedError."""
    with contextlib.suppress(MalformedError):
        saved.read(blob, "file")


@pytest.mark.peers
@pytest.mark.parametrize("peer", ["cosign2", "cosign3"])
def test_what_cosign_downloads(peer: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """The real program's output is read, and is what was pushed."""
    cosign = request.getfixturevalue(peer)
    with RegistryServer() as registry:
        digest = push_image(registry.store, "app")
        payload, annotations = SIGSTORE.sign_legacy(digest, registry.reference("app"), tsa=True)
        push_signature(registry.store, "app", digest, payload, annotations)
        run: Callable[..., Any] = subprocess.run
        done = run(
            [cosign, "download", "signature", registry.reference("app")],
            capture_output=True,
            check=True,
            timeout=60,
            env=os.environ | {"HOME": str(tmp_path)},
        )
    (found,) = saved.read(done.stdout, "cosign")
    assert found == parse(payload, annotations, SIMPLE_SIGNING, origin="cosign")
