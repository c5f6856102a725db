"""cosign's older layers, and containers/image's signature blobs, read annotation by annotation."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.judging import code
from vouchsafe import evidence
from vouchsafe.evidence import legacy
from vouchsafe.evidence.containers import LARGEST_BLOB, SIGNATURE_BLOB
from vouchsafe.evidence.dsse import pre_authentication_encoding
from vouchsafe.evidence.types import Envelope, Evidence, OpenPGP, SimpleSigning
from vouchsafe.image.digest import Digest
from vouchsafe.testing.canonical import b64, compact, der, pae
from vouchsafe.testing.sigstore import VirtualSigstore

SIGSTORE = VirtualSigstore()
IMAGE = Digest.of(b"image")
PAYLOAD, SIGNED = SIGSTORE.sign_legacy(IMAGE, "registry.example/app", tsa=True)
ENVELOPE, ATTESTED = SIGSTORE.attest_legacy(IMAGE, "registry.example/app", tsa=True)
KEYED_PAYLOAD, KEYED = SIGSTORE.sign_legacy(
    IMAGE, "registry.example/app", key=SIGSTORE.keys.ec("managed"), log=None
)
PROMISE = json.loads(SIGNED[legacy.PROMISE])
Change = Callable[[dict[str, Any]], object]


def read(changes: dict[str, str | None] | None = None, *, payload: bytes = PAYLOAD) -> Evidence:
    """The `.sig` layer with annotations replaced; None removes one."""
    annotations = {name: text for name, text in (SIGNED | (changes or {})).items() if text is not None}
    return evidence.parse(payload, annotations, legacy.SIMPLE_SIGNING, origin="a test")


def promise(change: Change) -> str:
    """The log annotation with a change."""
    made = json.loads(json.dumps(PROMISE))
    change(made)
    return json.dumps(made)


MALFORMED: dict[str, tuple[dict[str, str | None], str]] = {
    "no-signature": ({legacy.SIGNATURE: None}, "no-signature"),
    "signature-empty": ({legacy.SIGNATURE: ""}, "no-signature"),
    "signature-words": ({legacy.SIGNATURE: "not base64"}, "base64"),
    "signature-half-character": ({legacy.SIGNATURE: "\ud800"}, "base64"),
    "certificate-words": ({legacy.CERTIFICATE: "leaf"}, "pem"),
    "certificate-twice": ({legacy.CERTIFICATE: SIGNED[legacy.CERTIFICATE] * 2}, "pem"),
    "certificate-is-key": (
        {legacy.CERTIFICATE: "-----BEGIN PUBLIC KEY-----\nAQID\n-----END PUBLIC KEY-----\n"},
        "pem",
    ),
    "certificate-half-character": ({legacy.CERTIFICATE: "\ud800"}, "annotation"),
    "chain-words": ({legacy.CHAIN: "root"}, "pem"),
    "chain-half-character": ({legacy.CHAIN: "\udfff"}, "annotation"),
    "promise-words": ({legacy.PROMISE: "{"}, "json-syntax"),
    "promise-list": ({legacy.PROMISE: "[]"}, "json-type"),
    "promise-null": ({legacy.PROMISE: "null"}, "json-type"),
    "promise-half-character": ({legacy.PROMISE: "\ud800"}, "annotation"),
    "promise-no-payload": ({legacy.PROMISE: promise(lambda made: made.pop("Payload"))}, "json-type"),
    "promise-unsigned": (
        {legacy.PROMISE: promise(lambda made: made.pop("SignedEntryTimestamp"))},
        "json-type",
    ),
    "promise-no-index": (
        {legacy.PROMISE: promise(lambda made: made["Payload"].pop("logIndex"))},
        "json-type",
    ),
    "promise-no-time": (
        {legacy.PROMISE: promise(lambda made: made["Payload"].pop("integratedTime"))},
        "json-type",
    ),
    "promise-log-words": ({legacy.PROMISE: promise(lambda made: made["Payload"].update(logID="xyz"))}, "hex"),
    "promise-body-words": (
        {legacy.PROMISE: promise(lambda made: made["Payload"].update(body="%"))},
        "base64",
    ),
    "promise-body-no-json": (
        {legacy.PROMISE: promise(lambda made: made["Payload"].update(body=b64(b"x")))},
        "json-syntax",
    ),
    "promise-body-no-kind": (
        {legacy.PROMISE: promise(lambda made: made["Payload"].update(body=b64(b"{}")))},
        "json-type",
    ),
    "stamp-words": ({legacy.TIMESTAMP: "stamp"}, "json-syntax"),
    "stamp-empty": ({legacy.TIMESTAMP: "{}"}, "json-type"),
    "stamp-half-character": ({legacy.TIMESTAMP: "\ud800"}, "annotation"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(name: str) -> None:
    """An annotation that is there must be what it claims to be."""
    changes, expected = MALFORMED[name]
    assert code(lambda: read(changes)) == expected


def test_simple_signing() -> None:
    """Payload bytes as they were; proofs from annotations."""
    found = read()
    assert found.content == SimpleSigning(payload=PAYLOAD)
    assert found.signature == found.timestamped
    assert found.certificate is not None
    assert found.chain == (der(SIGSTORE.ca.signer), der(SIGSTORE.ca.root))
    (entry,) = found.entries
    assert (entry.kind, entry.version, entry.proof) == ("hashedrekord", "0.0.1", None)
    assert (entry.log_id, entry.log_index) == (SIGSTORE.rekor1.id, PROMISE["Payload"]["logIndex"])
    assert len(found.timestamps) == 1
    assert (found.media_type, found.blob_digest) == (legacy.SIMPLE_SIGNING, Digest.of(PAYLOAD))


def test_what_is_absent() -> None:
    """A key's signature has none of it; `null` is what cosign writes for no stamp."""
    found = evidence.parse(KEYED_PAYLOAD, KEYED, legacy.SIMPLE_SIGNING)
    assert (found.certificate, found.chain, found.entries, found.timestamps) == (None, (), (), ())
    for text in ("null", "", None):
        assert read({legacy.TIMESTAMP: text}).timestamps == ()
    for text in ("", "\n", None):
        assert read({legacy.CHAIN: text}).chain == ()
    for text in ("", None):
        bare = read({legacy.CERTIFICATE: text, legacy.PROMISE: text})
        assert (bare.certificate, bare.entries) == (None, ())


def test_payload_is_capped() -> None:
    """As in containers/image."""
    largest = b" " * legacy.LARGEST_PAYLOAD
    assert read(payload=largest).content == SimpleSigning(payload=largest)
    assert code(lambda: read(payload=largest + b" ")) == "payload-too-large"


def test_attestation() -> None:
    """The envelope keeps the digest of its own bytes, and the stamp covers them all."""
    found = evidence.parse(ENVELOPE, ATTESTED, legacy.DSSE_ENVELOPE)
    assert isinstance(found.content, Envelope)
    assert found.content.stored == found.blob_digest == Digest.of(ENVELOPE)
    assert (found.timestamped, len(found.timestamps)) == (ENVELOPE, 1)
    assert found.signature not in {b"", ENVELOPE}


def test_attestation_envelopes_are_strict() -> None:
    """One signature; JSON."""
    made = json.loads(ENVELOPE)
    two = compact(made | {"signatures": made["signatures"] * 2})
    assert code(lambda: evidence.parse(two, ATTESTED, legacy.DSSE_ENVELOPE)) == "dsse-signatures"
    assert code(lambda: evidence.parse(b"", ATTESTED, legacy.DSSE_ENVELOPE)) == "json-syntax"


@pytest.mark.parametrize("kind", ["application/vnd.in-toto+json", "", "ü", "a b"])
def test_pre_authentication_encoding(kind: str) -> None:
    """Lengths in bytes, so that no two envelopes sign alike (DSSE protocol.md)."""
    envelope = Envelope(payload_type=kind, payload=b"content")
    assert pre_authentication_encoding(envelope) == pae(kind, b"content")


def blob(said: dict[str, Any]) -> bytes:
    """A sigstore-json blob as containers/image writes it."""
    return b"\0sigstore-json\n" + compact(said)


STORED = {"mimeType": legacy.SIMPLE_SIGNING, "payload": b64(PAYLOAD), "annotations": SIGNED}


def test_signature_blobs() -> None:
    """containers/image's container of the same layer."""
    found = evidence.parse(blob(STORED), {}, SIGNATURE_BLOB)
    assert found.replace(origin="a test") == read()


@pytest.mark.parametrize("first", [0x88, 0x90, 0xA3, 0xC2, 0xC4, 0xC8, 0x3D])
def test_openpgp_blobs(first: int) -> None:
    """Bare packets, and the same under their name: kept for a program that can check them."""
    packet = bytes((first, 1, 2))
    assert evidence.parse(packet, {}, SIGNATURE_BLOB).content == OpenPGP(blob=packet)
    named = b"\0simple-signing\n" + packet
    found = evidence.parse(named, {}, SIGNATURE_BLOB)
    assert found.content == OpenPGP(blob=packet)
    assert found.blob_digest == Digest.of(named)


BLOBS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "signature-blob"),
    "zero": (b"\0", "signature-blob"),
    "no-newline": (b"\0sigstore-json{}", "signature-blob"),
    "other-format": (b"\0notary\n{}", "signature-blob"),
    "text": (b"signature", "signature-blob"),
    "json": (b"{}", "signature-blob"),
    "too-large": (blob(STORED) + b" " * LARGEST_BLOB, "signature-blob"),
    "other-first-byte": (b"\1" + blob(STORED)[1:], "signature-blob"),
    "format-alone": (b"\0simple-signing", "signature-blob"),
    "not-json": (b"\0sigstore-json\nx", "json-syntax"),
    "no-mime-type": (blob({"payload": "", "annotations": {}}), "json-type"),
    "attestation": (blob(STORED | {"mimeType": legacy.DSSE_ENVELOPE}), "evidence-media-type"),
    "no-payload": (blob({"mimeType": legacy.SIMPLE_SIGNING, "annotations": SIGNED}), "json-type"),
    "annotation-number": (blob(STORED | {"annotations": {legacy.SIGNATURE: 1}}), "json-type"),
    "no-annotations": (blob(STORED | {"annotations": None}), "no-signature"),
}


@pytest.mark.parametrize("name", BLOBS)
def test_wrong_blobs(name: str) -> None:
    """Neither format, or a broken one."""
    made, expected = BLOBS[name]
    assert code(lambda: evidence.parse(made, {}, SIGNATURE_BLOB)) == expected
