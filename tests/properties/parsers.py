"""Every parser of what others wrote, each with something right that it reads; for properties and for fuzzing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.judging import evidence_of, root_of
from vouchsafe import evidence
from vouchsafe.errors import MalformedError, VerificationError
from vouchsafe.evidence import legacy, pem
from vouchsafe.evidence.containers import SIGNATURE_BLOB
from vouchsafe.evidence.types import Envelope
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import OCI_IMAGE, OCI_INDEX, Manifest
from vouchsafe.image.reference import Reference
from vouchsafe.protocol.request import Credentials, Request
from vouchsafe.strictjson import base64_bytes, parse
from vouchsafe.testing.canonical import b64, compact
from vouchsafe.testing.specimens import Draft, Form
from vouchsafe.testing.tsa import StampPlan
from vouchsafe.verification import certificate, checkpoint, entry, sct, timestamp, verify
from vouchsafe.verification.claim import read_payload, read_statement
from vouchsafe.verification.entry import Signed
from vouchsafe.verification.identity_reading import utf8_string
from vouchsafe.verification.trust import parse_time, parse_trusted_root

JUDGED: tuple[Form, ...] = ("legacy-tsa", "attestation", "bundle-rekor1", "bundle-rekor2")
SPECIMENS = {form: Draft(form).specimen("usual") for form in JUDGED}
SIGSTORE = Draft("bundle-rekor1").sigstore
ROOT = root_of(SPECIMENS["bundle-rekor1"])
NOW = SIGSTORE.clock.now()
FOUND = {form: evidence_of(specimen) for form, specimen in SPECIMENS.items()}
BUNDLE: dict[str, Any] = json.loads(SPECIMENS["bundle-rekor2"].blob)
OLD_BUNDLE: dict[str, Any] = json.loads(SPECIMENS["bundle-rekor1"].blob)
TRUSTED_ROOT: dict[str, Any] = json.loads(SIGSTORE.trusted_root())
ENVELOPE = FOUND["attestation"].content
ENTRY = FOUND["bundle-rekor1"].entries[0]
PROOF = ENTRY.proof
LEAF = FOUND["legacy-tsa"].certificate or b""
TOKEN = SIGSTORE.tsa.stamp(b"content", NOW, StampPlan(embed=True))
BLOB = {"digest": str(Digest.of(b"")), "size": 0, "mediaType": "x", "annotations": {"a": "b"}}
MANIFEST = {
    "schemaVersion": 2,
    "mediaType": OCI_IMAGE,
    "config": BLOB,
    "layers": [BLOB],
    "subject": BLOB,
    "annotations": {"a": "b"},
}
INDEX = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [BLOB | {"platform": {"os": "linux"}}]}
STORED = {
    "mimeType": legacy.SIMPLE_SIGNING,
    "payload": b64(SPECIMENS["legacy-tsa"].blob),
    "annotations": dict(SPECIMENS["legacy-tsa"].annotations),
}

REQUEST = Request(
    id="7",
    reference=Reference.parse("registry.example/group/app:v1"),
    digest=Digest.of(b"{}"),
    manifest=b"{}",
    through=Digest.of(b"a list"),
    physical="mirror.example/app:v1",
    credentials=Credentials(auth_file="/run/auth.json", tls_verify=True),
    requires=("fetch",),
).document()

OURS = (MalformedError, VerificationError)
Check = Callable[[bytes], object]


def whole(blob: bytes) -> object:
    """A bundle read, and judged if it can be read."""
    found = evidence.parse(blob, {}, "application/vnd.dev.sigstore.bundle.v0.3+json")
    return verify(found, ROOT, at=NOW, artifact=b"file")


def layer(form: Form) -> Check:
    """A layer's blob with its right annotations, read and judged."""
    specimen = SPECIMENS[form]

    def check(blob: bytes) -> object:
        return verify(evidence.parse(blob, specimen.annotations, specimen.media_type), ROOT, at=NOW)

    return check


def log_entry(body: bytes) -> None:
    """An entry's body, compared with evidence of its kind."""
    said = Signed(evidence=FOUND["bundle-rekor1"], signer=LEAF, message=b"")
    read = parse(body, what="body")
    kinds = {"kind": "", "version": ""}
    if isinstance(read, dict):
        kinds = {"kind": str(read.get("kind")), "version": str(read.get("apiVersion"))}
    entry.check(ENTRY.replace(body=body, **kinds), said)


def leaf(blob: bytes) -> None:
    """A certificate, its identity, its path and its SCT."""
    read = certificate.Leaf(blob)
    read.identity()
    certificate.is_authority(read.certificate)
    certificate.refuse_roots((blob,))
    issuer = certificate.path(read, (blob,), ROOT.authorities, [NOW])
    sct.verify(read, issuer, ROOT.ct_logs)


def from_text(parser: Callable[[str], object]) -> Check:
    """A parser of text, given whatever text some bytes are."""
    return lambda blob: parser(blob.decode("utf-8", "surrogatepass" if blob.isascii() else "replace"))


def statement(payload: bytes) -> object:
    """An in-toto statement."""
    return read_statement(Envelope(payload_type="application/vnd.in-toto+json", payload=payload))


assert isinstance(ENVELOPE, Envelope)
STATEMENT = ENVELOPE.payload
assert PROOF is not None
assert PROOF.checkpoint is not None
# What reads bytes, with something right that it reads.
PARSERS: dict[str, tuple[Check, bytes]] = {
    "json": (lambda blob: parse(blob, what="it"), compact(BUNDLE)),
    "base64": (from_text(lambda text: base64_bytes(text, "it")), b64(LEAF).encode()),
    "digest": (from_text(Digest.parse), str(Digest.of(b"")).encode()),
    "manifest": (Manifest.parse, compact(MANIFEST)),
    "index": (Manifest.parse, compact(INDEX)),
    "pem": (lambda blob: pem.certificates(blob, "it"), SIGSTORE.pem_files()["fulcio-chain.pem"]),
    "bundle": (whole, compact(BUNDLE)),
    "older-bundle": (whole, compact(OLD_BUNDLE)),
    "simple-signing": (layer("legacy-tsa"), SPECIMENS["legacy-tsa"].blob),
    "attestation": (layer("attestation"), SPECIMENS["attestation"].blob),
    "signature-blob": (
        lambda blob: evidence.parse(blob, {}, SIGNATURE_BLOB),
        b"\0sigstore-json\n" + compact(STORED),
    ),
    "checkpoint": (from_text(checkpoint.parse), PROOF.checkpoint.encode()),
    "trusted-root": (parse_trusted_root, compact(TRUSTED_ROOT)),
    "time": (from_text(lambda text: parse_time(text, "it")), b"2026-11-02T12:00:00.123+01:00"),
    "utf8-string": (lambda blob: utf8_string(blob, "it"), b"\x0c\x81\x80" + b"x" * 128),
    "payload": (read_payload, SPECIMENS["legacy-tsa"].blob),
    "statement": (statement, STATEMENT),
    "entry": (log_entry, ENTRY.body),
    "certificate": (leaf, LEAF),
    "time-stamp": (lambda blob: timestamp.verify(blob, b"content", ROOT.timestamp_authorities), TOKEN),
}
