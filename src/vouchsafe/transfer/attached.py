"""What is attached to each manifest of an image, and by whom: verified, or only claimed.

Nobody is accepted here. A signature that verifies says who made it, and says so of this very digest; everything
else is somebody's claim and is told as one. Whether that somebody may sign is a policy's business.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Literal

from vouchsafe.admission.discovery import LARGEST_BLOB
from vouchsafe.errors import MalformedError, VouchsafeError
from vouchsafe.evidence import Evidence, containers, is_evidence_type, parse
from vouchsafe.evidence.types import Envelope, MessageSignature, SimpleSigning
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import Descriptor, Manifest
from vouchsafe.image.reference import Reference
from vouchsafe.policy.verdict import Reason
from vouchsafe.ports import Registry
from vouchsafe.record import Record
from vouchsafe.signing.together import together
from vouchsafe.strictjson import Fields
from vouchsafe.transfer.graph import Graph
from vouchsafe.verification import Identity, TrustRoot, VerifiedSignature, verify
from vouchsafe.verification.bare_certificate import look
from vouchsafe.verification.claim import SIGN_PREDICATE

MOST_VERIFIED = 256  # cryptographic verifications for one image
BATCH = 32  # blobs held at the same time
MOST_AT_ONCE = 8  # requests
PREDICATE_TYPE = "dev.sigstore.bundle.predicateType"

Kind = Literal["signature", "attestation", "artifact"]


class Attached(Record):
    """One thing. `place` is its tag's suffix with the layer, or "referrer"; `manifest` holds it.

    `type` is the predicate type of an attestation, and the media type of what is no evidence. `signature` is
    there when it was verified; `against` says why it was not; `claimed` is whom it names all the same.
    """

    kind: Kind
    place: str
    manifest: Digest
    type: str
    size: int
    signature: VerifiedSignature | None = None
    claimed: Identity | None = None
    against: Reason | None = None


class _Piece(Record):
    """A layer that claims to be evidence about `subject`."""

    subject: Digest
    place: str
    manifest: Digest
    layer: Descriptor
    kind: Kind
    type: str


class Looker:
    """Reads and verifies what is attached."""

    def __init__(self, registry: Registry, reference: Reference, root: TrustRoot, at: datetime) -> None:
        """`root`: whose certificates, logs and keys are believed."""
        self._registry = registry
        self._reference = reference
        self._root = root
        self._at = at
        self._verified = 0

    def look(self, graph: Graph) -> dict[Digest, tuple[Attached, ...]]:
        """By the manifest that it is attached to, in the order of the tags and lists."""
        found: dict[Digest, list[Attached]] = {digest: [] for digest in graph.around}
        found[graph.root] = list(self._beside(graph.root))
        pieces = [piece for subject in graph.around for piece in _pieces(graph, subject)]
        for start in range(0, len(pieces), BATCH):
            batch = pieces[start : start + BATCH]
            read = together([partial(self._read, piece) for piece in batch], most=MOST_AT_ONCE)
            for piece, blob in zip(batch, read, strict=True):
                found[piece.subject].append(self._judged(piece, blob))
        for subject in graph.around:
            found[subject] += _artifacts(graph, subject)
        return {subject: tuple(listed) for subject, listed in found.items()}

    def _beside(self, image: Digest) -> Iterator[Attached]:
        """Signatures that a `dir:` folder keeps as files."""
        for number, blob in enumerate(self._registry.signatures(self._reference, image), 1):
            size, digest = len(blob), Digest.of(blob)
            layer = Descriptor(media_type=containers.SIGNATURE_BLOB, digest=digest, size=size, annotations={})
            place = f"signature-{number}"
            yield self._judged(
                _Piece(subject=image, place=place, manifest=image, layer=layer, kind="signature", type=""),
                blob,
            )

    def _read(self, piece: _Piece) -> bytes | VouchsafeError:
        try:
            return self._registry.blob(self._reference, piece.layer, largest=LARGEST_BLOB)
        except VouchsafeError as error:
            return error

    def _judged(self, piece: _Piece, blob: bytes | VouchsafeError) -> Attached:
        made = Attached(
            kind=piece.kind,
            place=piece.place,
            manifest=piece.manifest,
            type=piece.type,
            size=piece.layer.size,
        )
        if isinstance(blob, VouchsafeError):
            return made.replace(against=Reason.of(blob))
        try:
            evidence = parse(blob, piece.layer.annotations, piece.layer.media_type, origin=piece.place)
        except VouchsafeError as error:
            return made.replace(against=Reason.of(error))
        made = made.replace(claimed=self._claimed(evidence), **_said(evidence))
        if self._verified == MOST_VERIFIED:
            message = f"expected at most {MOST_VERIFIED} signatures to verify, got more"
            return made.replace(against=Reason(code="limit-reached", message=message))
        self._verified += 1
        try:
            artifact = piece.subject if isinstance(evidence.content, MessageSignature) else None
            signature = verify(evidence, self._root, at=self._at, artifact=artifact)
        except VouchsafeError as error:
            return made.replace(against=Reason.of(error))
        if piece.subject not in signature.digests:
            got = ", ".join(sorted(map(str, signature.digests)))
            message = f"expected a signature of {piece.subject}, got one of {got}"
            return made.replace(against=Reason(code="other-digest", message=message))
        return made.replace(signature=signature, kind=signature.role)

    def _claimed(self, evidence: Evidence) -> Identity | None:
        if evidence.certificate is None:
            return None
        try:
            return look(evidence.certificate, evidence.chain, self._root).identity
        except VouchsafeError:
            return None


def _pieces(graph: Graph, subject: Digest) -> Iterator[_Piece]:
    around = graph.around[subject]
    for suffix, digest in around.companions.items():
        kind: Kind = "attestation" if suffix == ".att" else "signature"
        manifest = graph.manifests.get(digest)
        for number, layer in enumerate(manifest.layers if manifest is not None else (), 1):
            if is_evidence_type(layer.media_type):
                yield _Piece(
                    subject=subject,
                    place=f"{suffix}, layer {number}",
                    manifest=digest,
                    layer=layer,
                    kind=kind,
                    type=layer.annotations.get("predicateType", ""),
                )
    for digest in around.referrers:
        manifest = graph.manifests.get(digest)
        for layer in manifest.layers if manifest is not None else ():
            if manifest is not None and is_evidence_type(layer.media_type):
                said = manifest.annotations.get(PREDICATE_TYPE, "")
                yield _Piece(
                    subject=subject,
                    place="referrer",
                    manifest=digest,
                    layer=layer,
                    kind="signature" if said in ("", SIGN_PREDICATE) else "attestation",
                    type="" if said == SIGN_PREDICATE else said,
                )


def _artifacts(graph: Graph, subject: Digest) -> Iterator[Attached]:
    """What is no evidence: SBOMs that were only attached, notation's signatures, anything."""
    around = graph.around[subject]
    places = [
        *((d, suffix) for suffix, d in around.companions.items()),
        *((d, "referrer") for d in around.referrers),
    ]
    for digest, place in places:
        manifest = graph.manifests.get(digest)
        if manifest is None or any(is_evidence_type(layer.media_type) for layer in manifest.layers):
            continue
        yield Attached(
            kind="artifact", place=place, manifest=digest, type=_type_of(manifest), size=size_of(manifest)
        )


def size_of(manifest: Manifest) -> int:
    """Bytes of what a manifest holds."""
    return sum(layer.size for layer in manifest.layers)


def _type_of(manifest: Manifest) -> str:
    """What an artifact calls itself; for those without a word of their own, what their first layer is."""
    if manifest.artifact_type:
        return manifest.artifact_type
    if manifest.layers:
        return manifest.layers[0].media_type
    return manifest.config.media_type if manifest.config is not None else manifest.media_type


def _said(evidence: Evidence) -> dict[str, str]:
    """What the signed bytes themselves say they are: better than an annotation, verified or not."""
    content = evidence.content
    if isinstance(content, SimpleSigning):
        return {"kind": "signature", "type": ""}
    if not isinstance(content, Envelope):
        return {}
    try:
        predicate_type = Fields.parse(content.payload, what="statement").text("predicateType", "")
    except MalformedError:
        return {}
    if predicate_type == SIGN_PREDICATE:
        return {"kind": "signature", "type": ""}
    return {"kind": "attestation", "type": predicate_type}
