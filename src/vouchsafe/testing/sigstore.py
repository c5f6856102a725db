"""A whole Sigstore in memory: its authorities, and every form of signature that cosign makes with them.

>>> from vouchsafe.image.digest import Digest
>>> sigstore = VirtualSigstore()
>>> payload, annotations = sigstore.sign_legacy(Digest.of(b"image"), "registry.example/app")
>>> sorted(annotations)[0]
'dev.cosignproject.cosign/signature'
>>> sigstore.bundle(Digest.of(b"image"), log="rekor2")[:15]
b'{"mediaType":"a'
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

from cryptography.hazmat.primitives import hashes

from vouchsafe.image.digest import Digest
from vouchsafe.testing.annotations import simple_signing, write_attestation, write_signature
from vouchsafe.testing.authorities import Authorities, LogName
from vouchsafe.testing.bundle import write_bundle
from vouchsafe.testing.ca import LeafPlan
from vouchsafe.testing.keys import PrivateKey
from vouchsafe.testing.material import IN_TOTO, Material
from vouchsafe.testing.signer import Order, make
from vouchsafe.testing.statement import (
    CYCLONEDX,
    SIGN_V1,
    STATEMENT_V01,
    STATEMENT_V1,
    subject,
    write_statement,
)
from vouchsafe.testing.tsa import StampPlan
from vouchsafe.testing.workload import Workload

if TYPE_CHECKING:
    from vouchsafe.testing.services import Services

BundleVersion = Literal["0.1", "0.2", "0.3-old", "0.3"]


class SignOptions(TypedDict, total=False):
    """Fields of an Order that every signing call takes; see there."""

    key: PrivateKey
    key_hint: str
    leaf_kind: str
    leaf: LeafPlan
    hash: hashes.HashAlgorithm | None
    log: LogName | None
    entry_kind: str
    promise: bool
    proof: bool
    stamp_plan: StampPlan


class StatementOptions(TypedDict, total=False):
    """What a statement says: see `write_statement`; `statement` replaces it whole."""

    predicate_type: str
    predicate: Any
    statement_type: str
    statement: bytes
    payload_type: str
    subject_name: str
    subject_annotations: dict[str, str]


class BundleOptions(SignOptions, StatementOptions, total=False):
    """Everything a bundle call takes."""


class VirtualSigstore(Authorities):
    """All authorities of one Sigstore, and whoever signs with them."""

    def sign_legacy(
        self,
        digest: Digest,
        reference: str,
        identity: Workload | None = None,
        *,
        tsa: bool = False,
        optional: dict[str, Any] | None = None,
        payload: bytes | None = None,
        **options: Unpack[SignOptions],
    ) -> tuple[bytes, dict[str, str]]:
        """A layer of `.sig`: payload and annotations. `reference` is the payload's docker-reference."""
        content = payload or simple_signing(str(digest), reference, optional=optional)
        order = Order(payload=content, workload=identity, stamp=tsa, **options)
        return write_signature(make(self, order))

    def attest_legacy(
        self,
        digest: Digest,
        reference: str,
        identity: Workload | None = None,
        *,
        tsa: bool = False,
        **options: Unpack[BundleOptions],
    ) -> tuple[bytes, dict[str, str]]:
        """A layer of `.att`: envelope and annotations; a v0.1 statement whose subject is `reference`."""
        said: BundleOptions = {
            "statement_type": STATEMENT_V01,
            "predicate_type": CYCLONEDX,
            "subject_name": reference,
        }
        said |= options
        order = self._statement_order(digest, identity, said).replace(stamp=tsa, stamps_envelope=True)
        return write_attestation(make(self, order), said["predicate_type"])

    def bundle(
        self,
        digest: Digest,
        identity: Workload | None = None,
        *,
        version: BundleVersion = "0.3",
        tsa: bool | None = None,
        **options: Unpack[BundleOptions],
    ) -> bytes:
        """A bundle with a statement about `digest`, by default an image signature. `tsa`: yes on Rekor v2."""
        return write_bundle(self.dsse_material(digest, identity, tsa=tsa, **options), version)

    def dsse_material(
        self,
        digest: Digest,
        identity: Workload | None = None,
        *,
        tsa: bool | None = None,
        **options: Unpack[BundleOptions],
    ) -> Material:
        """What `bundle` writes, before it is written."""
        order = self._statement_order(digest, identity, options)
        return make(self, order.replace(stamp=order.log != "rekor1" if tsa is None else tsa))

    def message_bundle(
        self,
        artifact: bytes,
        identity: Workload | None = None,
        *,
        version: BundleVersion = "0.3",
        tsa: bool | None = None,
        **options: Unpack[SignOptions],
    ) -> bytes:
        """A bundle with a bare signature over `artifact`."""
        order = Order(payload=artifact, workload=identity, **options)
        order = order.replace(stamp=order.log != "rekor1" if tsa is None else tsa)
        return write_bundle(make(self, order), version, artifact_digest=Digest.of(artifact).raw)

    def serve(self, *, delay_ms: float = 0) -> AbstractContextManager[Services]:
        """All services on loopback: see `vouchsafe.testing.services`."""
        from vouchsafe.testing.services import serve

        return serve(self, delay_ms=delay_ms)

    def _statement_order(self, digest: Digest, identity: Workload | None, options: BundleOptions) -> Order:
        said = {name: options.get(name) for name in StatementOptions.__annotations__ if name in options}
        rest: dict[str, Any] = {name: value for name, value in options.items() if name not in said}
        named = subject(
            digest, name=options.get("subject_name"), annotations=options.get("subject_annotations")
        )
        payload = options.get("statement") or write_statement(
            named,
            predicate_type=options.get("predicate_type", SIGN_V1),
            predicate=options.get("predicate"),
            statement_type=options.get("statement_type", STATEMENT_V1),
        )
        payload_type = options.get("payload_type", IN_TOTO)
        return Order(payload=payload, payload_type=payload_type, workload=identity, **rest)
