"""What would exhaust a verifier: each advisory's input, refused before it costs anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.judging import code
from vouchsafe import evidence
from vouchsafe.evidence import legacy
from vouchsafe.image.manifest import LARGEST_MANIFEST, MOST_LAYERS, OCI_IMAGE, OCI_INDEX, Manifest
from vouchsafe.strictjson import LARGEST
from vouchsafe.testing.canonical import compact
from vouchsafe.testing.specimens import Draft

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
DOCUMENT = Draft("bundle-rekor2").specimen("usual").blob


def bundle(change: Callable[[dict[str, Any]], object]) -> str:
    """The code of a bundle with a change."""
    made = json.loads(DOCUMENT)
    change(made["verificationMaterial"])
    return code(lambda: evidence.parse(compact(made), {}, BUNDLE))


def test_ghsa_cq38_jh5f_37mq_many_of_everything() -> None:
    """Entries, stamps, hashes and certificates of one bundle are counted before any is verified."""
    assert bundle(lambda made: made.update(tlogEntries=made["tlogEntries"] * 33)) == "json-too-many"
    stamps = "timestampVerificationData"
    assert (
        bundle(lambda made: made[stamps].update(rfc3161Timestamps=made[stamps]["rfc3161Timestamps"] * 33))
        == "json-too-many"
    )
    proof = "inclusionProof"
    assert bundle(lambda made: made["tlogEntries"][0][proof].update(hashes=["AA=="] * 65)) == "json-too-many"


@pytest.mark.parametrize(
    "media_type", [BUNDLE, legacy.DSSE_ENVELOPE, "application/vnd.dev.sigstore.bundle+json;version=0.1"]
)
def test_ghsa_88jx_383q_w4qc_large_evidence(media_type: str) -> None:
    """An attachment of any size is refused unread."""
    assert code(lambda: evidence.parse(b" " * (LARGEST + 1), {}, media_type)) == "json-too-large"


def test_ghsa_95pr_fxf5_86gv_large_payload() -> None:
    """And so is a payload."""
    annotations = {legacy.SIGNATURE: "AA=="}
    payload = b" " * (legacy.LARGEST_PAYLOAD + 1)
    assert code(lambda: evidence.parse(payload, annotations, legacy.SIMPLE_SIGNING)) == "payload-too-large"


def test_ghsa_vfp6_jrw2_99g9_many_layers() -> None:
    """A manifest of tens of thousands of signatures."""
    layer = {"digest": "sha256:" + "0" * 64, "size": 1}
    many = {"schemaVersion": 2, "mediaType": OCI_IMAGE, "layers": [layer] * (MOST_LAYERS + 1)}
    blob = compact(many)
    assert len(blob) < LARGEST_MANIFEST
    assert code(lambda: Manifest.parse(blob)) == "json-too-many"


def test_ghsa_9m3v_v4r5_ppx7_large_manifests() -> None:
    """An index of any length is read up to its limit in bytes."""
    index = compact({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []})
    assert code(lambda: Manifest.parse(index + b" " * LARGEST_MANIFEST)) == "json-too-large"


def test_ghsa_9g37_h7p2_2c6r_deep_json() -> None:
    """Nesting ends before the stack does, in every document that a registry sends."""
    deep = b'{"mediaType":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert code(lambda: evidence.parse(deep, {}, BUNDLE)) == "json-too-deep"
    assert code(lambda: Manifest.parse(deep)) == "json-too-deep"


def test_backtracking_in_pem() -> None:
    """A certificate of blank lines: with a backtracking expression this test does not end."""
    annotations = {
        legacy.SIGNATURE: "AA==",
        legacy.CERTIFICATE: "-----BEGIN CERTIFICATE-----" + "\n" * 250_000,
    }
    assert code(lambda: evidence.parse(b"{}", annotations, legacy.SIMPLE_SIGNING)) == "pem"
