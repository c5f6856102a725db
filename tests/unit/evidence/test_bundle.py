"""Sigstore bundles, field by field: read as protobuf's JSON, or malformed with a code that says where."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.judging import code
from vouchsafe import evidence
from vouchsafe.errors import MalformedError
from vouchsafe.evidence import bundle
from vouchsafe.evidence.types import Envelope, Evidence, MessageSignature
from vouchsafe.image.digest import Digest
from vouchsafe.testing.bundle import bundle_object
from vouchsafe.testing.canonical import b64, compact, der
from vouchsafe.testing.material import Material
from vouchsafe.testing.signer import Order, make
from vouchsafe.testing.sigstore import VirtualSigstore

SIGSTORE = VirtualSigstore()
STATEMENT: Material = SIGSTORE.dsse_material(Digest.of(b"image"), log="rekor1", tsa=True)
MESSAGE: Material = make(SIGSTORE, Order(payload=b"file"))
KEYED: Material = SIGSTORE.dsse_material(
    Digest.of(b"image"), key=SIGSTORE.keys.ec("managed"), key_hint="hint", log=None
)
Json = dict[str, Any]
Change = Callable[[Json], None]
BUNDLES: dict[str, Json] = {
    "statement": bundle_object(STATEMENT),
    "message": bundle_object(MESSAGE, artifact_digest=Digest.of(b"file").raw),
    "keyed": bundle_object(KEYED),
    "0.2": bundle_object(STATEMENT, "0.2"),
    "0.1": bundle_object(STATEMENT, "0.1"),
}


def read(made: Json) -> Evidence:
    """The bundle as bytes, read under any bundle's media type."""
    return evidence.parse(compact(made), {}, f"{bundle.FAMILY}.v0.3+json", origin="a test")


def changed(name: str, *changes: Change) -> Json:
    """A bundle of BUNDLES with changes."""
    made = copy.deepcopy(BUNDLES[name])
    for change in changes:
        change(made)
    return made


def at(path: str, value: Any) -> Change:
    """Put a value at a path such as `a.b.0.c`; `...` removes what is there."""

    def change(made: Json) -> None:
        *way, last = path.split(".")
        place: Any = made
        for step in way:
            place = place[int(step)] if isinstance(place, list) else place[step]
        key: Any = int(last) if isinstance(place, list) else last
        if value is ...:
            del place[key]
        else:
            place[key] = value

    return change


ENTRY = "verificationMaterial.tlogEntries.0"
MATERIAL = "verificationMaterial"
SIGNATURES = "dsseEnvelope.signatures"

MALFORMED: dict[str, tuple[str, Change, str]] = {
    "no-media-type": ("statement", at("mediaType", ...), "json-type"),
    "media-type-0.4": (
        "statement",
        at("mediaType", "application/vnd.dev.sigstore.bundle.v0.4+json"),
        "bundle-version",
    ),
    "media-type-capital": (
        "statement",
        at("mediaType", "application/vnd.dev.sigstore.bundle.V0.3+json"),
        "bundle-version",
    ),
    "media-type-number": ("statement", at("mediaType", 3), "json-type"),
    "no-material": ("statement", at(MATERIAL, ...), "json-type"),
    "material-list": ("statement", at(MATERIAL, []), "json-type"),
    "no-content": ("statement", at("dsseEnvelope", ...), "bundle-content"),
    "content-null": ("statement", at("dsseEnvelope", None), "bundle-content"),
    "both-contents": ("statement", at("messageSignature", {"signature": "AA=="}), "bundle-content"),
    "no-payload": ("statement", at("dsseEnvelope.payload", ...), "json-type"),
    "payload-not-base64": ("statement", at("dsseEnvelope.payload", "!"), "base64"),
    "no-payload-type": ("statement", at("dsseEnvelope.payloadType", ...), "json-type"),
    "no-signatures": ("statement", at(SIGNATURES, []), "dsse-signatures"),
    "two-signatures": ("statement", at(SIGNATURES, [{"sig": "AA=="}, {"sig": "AA=="}]), "dsse-signatures"),
    "many-signatures": ("statement", at(SIGNATURES, [{"sig": "AA=="}] * 17), "json-too-many"),
    "signature-empty": ("statement", at(f"{SIGNATURES}.0.sig", ""), "dsse-signatures"),
    "signature-absent": ("statement", at(f"{SIGNATURES}.0.sig", ...), "json-type"),
    "message-no-signature": ("message", at("messageSignature.signature", ...), "json-type"),
    "message-signature-empty": ("message", at("messageSignature.signature", ""), "no-signature"),
    "digest-sha1": ("message", at("messageSignature.messageDigest.algorithm", "SHA1"), "digest"),
    "digest-unspecified": ("message", at("messageSignature.messageDigest.algorithm", ...), "digest"),
    "digest-short": ("message", at("messageSignature.messageDigest.digest", "AA=="), "digest"),
    "digest-long": ("message", at("messageSignature.messageDigest.algorithm", "SHA2_512"), "digest"),
    "no-signer": ("statement", at(f"{MATERIAL}.certificate", ...), "bundle-signer"),
    "two-signers": ("statement", at(f"{MATERIAL}.publicKey", {"hint": ""}), "bundle-signer"),
    "certificate-and-chain": (
        "0.2",
        at(f"{MATERIAL}.certificate", {"rawBytes": "AA=="}),
        "bundle-signer",
    ),
    "certificate-without-bytes": ("statement", at(f"{MATERIAL}.certificate", {}), "json-type"),
    "chain-in-0.3": (
        "0.2",
        at("mediaType", "application/vnd.dev.sigstore.bundle.v0.3+json"),
        "bundle-chain",
    ),
    "chain-empty": ("0.2", at(f"{MATERIAL}.x509CertificateChain.certificates", []), "bundle-chain"),
    "chain-long": (
        "0.2",
        at(f"{MATERIAL}.x509CertificateChain.certificates", [{"rawBytes": "AA=="}] * 17),
        "json-too-many",
    ),
    "key-text": ("keyed", at(f"{MATERIAL}.publicKey", "hint"), "json-type"),
    "entries-object": ("statement", at(f"{MATERIAL}.tlogEntries", {}), "json-type"),
    "entries-many": ("statement", at(f"{MATERIAL}.tlogEntries", [{}] * 33), "json-too-many"),
    "entry-null": ("statement", at(ENTRY, None), "json-type"),
    "no-kind": ("statement", at(f"{ENTRY}.kindVersion", ...), "json-type"),
    "no-version": ("statement", at(f"{ENTRY}.kindVersion.version", ...), "json-type"),
    "no-log": ("statement", at(f"{ENTRY}.logId", ...), "json-type"),
    "log-not-base64": ("statement", at(f"{ENTRY}.logId.keyId", "x"), "base64"),
    "no-body": ("statement", at(f"{ENTRY}.canonicalizedBody", ...), "json-type"),
    "index-negative": ("statement", at(f"{ENTRY}.logIndex", "-1"), "json-type"),
    "index-words": ("statement", at(f"{ENTRY}.logIndex", "one"), "json-type"),
    "index-huge": ("statement", at(f"{ENTRY}.logIndex", str(2**64)), "json-type"),
    "time-negative": ("statement", at(f"{ENTRY}.integratedTime", "-5"), "json-type"),
    "promise-empty": ("statement", at(f"{ENTRY}.inclusionPromise", {}), "json-type"),
    "promise-text": ("statement", at(f"{ENTRY}.inclusionPromise", "AA=="), "json-type"),
    "no-proof-0.3": ("statement", at(f"{ENTRY}.inclusionProof", ...), "bundle-proof"),
    "no-proof-0.2": ("0.2", at(f"{ENTRY}.inclusionProof", None), "bundle-proof"),
    "no-checkpoint": ("statement", at(f"{ENTRY}.inclusionProof.checkpoint", ...), "bundle-proof"),
    "checkpoint-empty": ("statement", at(f"{ENTRY}.inclusionProof.checkpoint", {}), "json-type"),
    "proof-hash-number": ("statement", at(f"{ENTRY}.inclusionProof.hashes", [1]), "json-type"),
    "proof-hash-words": ("statement", at(f"{ENTRY}.inclusionProof.hashes", ["!"]), "base64"),
    "proof-long": ("statement", at(f"{ENTRY}.inclusionProof.hashes", [""] * 65), "json-too-many"),
    "proof-index-negative": ("statement", at(f"{ENTRY}.inclusionProof.logIndex", -1), "json-type"),
    "stamps-list": ("statement", at(f"{MATERIAL}.timestampVerificationData", []), "json-type"),
    "stamps-many": (
        "statement",
        at(
            f"{MATERIAL}.timestampVerificationData.rfc3161Timestamps",
            [{"signedTimestamp": ""}] * 33,
        ),
        "json-too-many",
    ),
    "stamp-empty": (
        "statement",
        at(f"{MATERIAL}.timestampVerificationData.rfc3161Timestamps.0", {}),
        "json-type",
    ),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(name: str) -> None:
    """A field that we know has its type and its bounds."""
    of, change, expected = MALFORMED[name]
    assert code(lambda: read(changed(of, change))) == expected


def test_statement() -> None:
    """Everything that a bundle of a statement holds."""
    found = read(BUNDLES["statement"])
    assert STATEMENT.certificate is not None
    assert STATEMENT.entry is not None
    assert STATEMENT.entry.proof is not None
    assert found.content == Envelope(payload_type="application/vnd.in-toto+json", payload=STATEMENT.payload)
    assert (found.signature, found.timestamped) == (STATEMENT.signature, STATEMENT.signature)
    assert (found.certificate, found.chain, found.key_hint) == (der(STATEMENT.certificate), (), "")
    assert found.timestamps == STATEMENT.timestamps
    assert (found.origin, found.media_type) == ("a test", f"{bundle.FAMILY}.v0.3+json")
    assert found.blob_digest == Digest.of(compact(BUNDLES["statement"]))
    (entry,) = found.entries
    assert (entry.kind, entry.version, entry.body) == ("dsse", "0.0.1", STATEMENT.entry.body)
    assert (entry.log_id, entry.log_index) == (STATEMENT.entry.log_id, STATEMENT.entry.index)
    assert (entry.integrated_time, entry.promise) == (
        STATEMENT.entry.integrated_time,
        STATEMENT.entry.promise,
    )
    assert entry.proof is not None
    assert entry.proof.hashes == STATEMENT.entry.proof.hashes
    assert entry.proof.checkpoint == STATEMENT.entry.proof.checkpoint
    assert (entry.proof.tree_size, entry.proof.root_hash) == (
        STATEMENT.entry.proof.size,
        STATEMENT.entry.proof.root,
    )


def test_message() -> None:
    """A signature over content that the bundle does not hold."""
    found = read(BUNDLES["message"])
    assert found.content == MessageSignature(digest=Digest.of(b"file"))
    assert found.signature == MESSAGE.signature
    without = changed("message", at("messageSignature.messageDigest", ...))
    assert read(without).content == MessageSignature(digest=None)


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_message_digest_algorithms(algorithm: str) -> None:
    """Sigstore's names for SHA-2."""
    digest = Digest.of(b"file", algorithm)
    named = {"algorithm": algorithm.upper().replace("SHA", "SHA2_"), "digest": b64(digest.raw)}
    found = read(changed("message", at("messageSignature.messageDigest", named)))
    assert found.content == MessageSignature(digest=digest)


def test_managed_key() -> None:
    """No certificate, no entry; the hint is a hint."""
    found = read(BUNDLES["keyed"])
    assert (found.certificate, found.key_hint, found.entries) == (None, "hint", ())
    assert read(changed("keyed", at(f"{MATERIAL}.publicKey", {}))).key_hint == ""


def test_chains_of_older_versions() -> None:
    """The leaf comes first, what follows is a hint."""
    for version in ("0.1", "0.2"):
        found = read(BUNDLES[version])
        assert found.certificate == der(STATEMENT.certificate)  # type: ignore[arg-type]
        assert found.chain == (der(SIGSTORE.ca.signer),)


def test_proof_may_be_absent_in_01_only() -> None:
    """v0.1 had promises alone; and a proof without checkpoint."""
    assert read(changed("0.1", at(f"{ENTRY}.inclusionProof", ...))).entries[0].proof is None
    bare = read(changed("0.1", at(f"{ENTRY}.inclusionProof.checkpoint", None))).entries[0].proof
    assert bare is not None
    assert bare.checkpoint is None


def test_zeros_are_absent() -> None:
    """Protobuf's JSON leaves out what is zero; a reader must not miss it (sigstore-python does)."""
    zeros = (f"{ENTRY}.logIndex", f"{ENTRY}.integratedTime", f"{ENTRY}.inclusionPromise")
    within = tuple(
        f"{ENTRY}.inclusionProof.{name}" for name in ("logIndex", "treeSize", "hashes", "rootHash")
    )
    (entry,) = read(changed("statement", *(at(path, None) for path in (*zeros, *within)))).entries
    assert (entry.log_index, entry.integrated_time, entry.promise) == (0, 0, None)
    assert entry.proof is not None
    assert (entry.proof.log_index, entry.proof.tree_size, entry.proof.hashes) == (0, 0, ())


def test_absent_lists_are_empty() -> None:
    """No entries, no stamps."""
    found = read(
        changed(
            "statement",
            at(f"{MATERIAL}.tlogEntries", ...),
            at(f"{MATERIAL}.timestampVerificationData", ...),
        )
    )
    assert (found.entries, found.timestamps) == ((), ())
    none = read(changed("statement", at(f"{MATERIAL}.timestampVerificationData", {})))
    assert none.timestamps == ()


def test_unknown_fields_are_let_be() -> None:
    """As protobuf's JSON allows; nothing of them is believed."""
    added = changed("statement", at("extra", {"x": 1}), at(f"{MATERIAL}.extra", [1]), at(f"{ENTRY}.extra", 1))
    assert read(added).replace(blob_digest=Digest.of(b"")) == read(BUNDLES["statement"]).replace(
        blob_digest=Digest.of(b"")
    )


def test_media_types_of_layers() -> None:
    """Which layers are evidence; versions to come are, and say so when read."""
    for media_type in bundle.MEDIA_TYPES:
        assert evidence.is_evidence_type(media_type)
    assert evidence.is_evidence_type(f"{bundle.FAMILY}.v0.9+json")
    assert not evidence.is_evidence_type("application/vnd.oci.image.layer.v1.tar+gzip")
    assert code(lambda: evidence.parse(b"{}", {}, "text/plain")) == "evidence-media-type"
    with pytest.raises(MalformedError):
        evidence.parse(b"{}", {}, f"{bundle.FAMILY}.v0.9+json")
