"""Sigstore bundles v0.1, v0.2 and v0.3 (protobuf-specs sigstore_bundle.proto, as JSON).

Protobuf's JSON leaves out what is zero (a logIndex of 0), writes 64-bit numbers as strings, and lets
readers ignore fields that they do not know; we do, but a field that we know must have its type.
"""

from __future__ import annotations

from vouchsafe.errors import MalformedError
from vouchsafe.evidence.dsse import read_envelope
from vouchsafe.evidence.types import Content, Evidence, InclusionProof, LogEntry, MessageSignature
from vouchsafe.image.digest import Digest
from vouchsafe.strictjson import Fields, base64_bytes

FAMILY = "application/vnd.dev.sigstore.bundle"
_VERSIONS = {
    f"{FAMILY}+json;version=0.1": (0, 1),
    f"{FAMILY}+json;version=0.2": (0, 2),
    f"{FAMILY}+json;version=0.3": (0, 3),
    f"{FAMILY}.v0.3+json": (0, 3),
}
MEDIA_TYPES = frozenset(_VERSIONS)
_ALGORITHMS = {"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}
MOST_ENTRIES = 32  # log entries, and time-stamps, of one bundle
MOST_CERTIFICATES = 16
MOST_HASHES = 64  # of one inclusion proof: a tree of 2^64 leaves


def parse(blob: bytes, origin: str) -> Evidence:
    """Read a bundle of any of the versions."""
    fields = Fields.parse(blob, what="bundle")
    media_type = fields.text("mediaType")
    version = _VERSIONS.get(media_type)
    if version is None:
        raise MalformedError(
            "bundle-version", f"expected a bundle of version 0.1, 0.2 or 0.3, got {media_type!r}"
        )
    material = fields.fields("verificationMaterial")
    content, signature = _content(fields)
    certificate, chain, hint = _signer(material, version)
    entries = tuple(read_entry(entry, version) for entry in material.objects("tlogEntries", MOST_ENTRIES, ()))
    return Evidence(
        origin=origin,
        media_type=media_type,
        content=content,
        signature=signature,
        certificate=certificate,
        chain=chain,
        key_hint=hint,
        entries=entries,
        timestamps=_timestamps(material),
        timestamped=signature,
        blob_digest=Digest.of(blob),
    )


def _content(fields: Fields) -> tuple[Content, bytes]:
    if ("dsseEnvelope" in fields) == ("messageSignature" in fields):
        raise MalformedError("bundle-content", "expected a bundle of either dsseEnvelope or messageSignature")
    if "dsseEnvelope" in fields:
        return read_envelope(fields.fields("dsseEnvelope"))
    message = fields.fields("messageSignature")
    signature = message.data("signature")
    if not signature:
        raise MalformedError("no-signature", "expected a signature in bundle.messageSignature, got nothing")
    return MessageSignature(digest=_digest(message)), signature


def _digest(message: Fields) -> Digest | None:
    if "messageDigest" not in message:
        return None
    digest = message.fields("messageDigest")
    algorithm = _ALGORITHMS.get(digest.text("algorithm", ""))
    if algorithm is None:
        raise MalformedError("digest", f"expected SHA-2 in {digest.what}, got {digest.raw('algorithm')!r}")
    return Digest(algorithm=algorithm, hex=digest.data("digest").hex())


def _signer(material: Fields, version: tuple[int, int]) -> tuple[bytes | None, tuple[bytes, ...], str]:
    kinds = [kind for kind in ("certificate", "x509CertificateChain", "publicKey") if kind in material]
    if len(kinds) != 1:
        raise MalformedError(
            "bundle-signer", f"expected one kind of signer in {material.what}, got {len(kinds)}"
        )
    if kinds[0] == "publicKey":
        return None, (), material.fields("publicKey").text("hint", "")
    if kinds[0] == "certificate":
        return material.fields("certificate").data("rawBytes"), (), ""
    if version >= (0, 3):
        raise MalformedError("bundle-chain", "expected a single certificate in a bundle v0.3, got a chain")
    chain = material.fields("x509CertificateChain").objects("certificates", MOST_CERTIFICATES)
    if not chain:
        raise MalformedError("bundle-chain", "expected a certificate in the bundle's chain, got none")
    leaf, *others = (certificate.data("rawBytes") for certificate in chain)
    return leaf, tuple(others), ""


def read_entry(entry: Fields, version: tuple[int, int]) -> LogEntry:
    """A TransparencyLogEntry of a bundle of this version (sigstore_rekor.proto); Rekor v2 answers with one."""
    kind = entry.fields("kindVersion")
    promise = None
    if "inclusionPromise" in entry:
        promise = entry.fields("inclusionPromise").data("signedEntryTimestamp")
    proof = _proof(entry.fields("inclusionProof")) if "inclusionProof" in entry else None
    if version >= (0, 2) and (proof is None or proof.checkpoint is None):
        raise MalformedError(
            "bundle-proof", f"expected an inclusion proof with checkpoint in {entry.what}, got none"
        )
    return LogEntry(
        kind=kind.text("kind"),
        version=kind.text("version"),
        log_id=entry.fields("logId").data("keyId"),
        log_index=entry.integer("logIndex", 0),
        body=entry.data("canonicalizedBody"),
        integrated_time=entry.integer("integratedTime", 0),
        promise=promise,
        proof=proof,
    )


def _proof(proof: Fields) -> InclusionProof:
    hashes = proof.items("hashes", MOST_HASHES, ())
    checkpoint = proof.fields("checkpoint").text("envelope") if "checkpoint" in proof else None
    return InclusionProof(
        log_index=proof.integer("logIndex", 0),
        tree_size=proof.integer("treeSize", 0),
        root_hash=proof.data("rootHash", b""),
        hashes=tuple(_hash(value, proof.what) for value in hashes),
        checkpoint=checkpoint,
    )


def _hash(value: object, where: str) -> bytes:
    if not isinstance(value, str):
        raise MalformedError("json-type", f"expected strings in {where}.hashes, got another value")
    return base64_bytes(value, where)


def _timestamps(material: Fields) -> tuple[bytes, ...]:
    if "timestampVerificationData" not in material:
        return ()
    data = material.fields("timestampVerificationData")
    return tuple(
        stamp.data("signedTimestamp") for stamp in data.objects("rfc3161Timestamps", MOST_ENTRIES, ())
    )
