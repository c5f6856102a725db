"""A whole Sigstore in memory: CA, CT log, both Rekors, timestamp authority, OIDC issuer.

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
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

from cryptography.hazmat.primitives import hashes

from vouchsafe.image.digest import Digest
from vouchsafe.ports import Clock
from vouchsafe.testing.annotations import simple_signing, write_attestation, write_signature
from vouchsafe.testing.bundle import write_bundle
from vouchsafe.testing.ca import CertificateAuthority, LeafPlan, Window
from vouchsafe.testing.canonical import pem
from vouchsafe.testing.clock import VirtualClock
from vouchsafe.testing.ctlog import CtLog
from vouchsafe.testing.keys import KeySource, PrivateKey, PublicKey, public_pem
from vouchsafe.testing.material import IN_TOTO, Material
from vouchsafe.testing.oidc import OidcIssuer
from vouchsafe.testing.rekor1 import Rekor1
from vouchsafe.testing.rekor2 import Rekor2
from vouchsafe.testing.signer import LogName, Order, make
from vouchsafe.testing.statement import (
    CYCLONEDX,
    SIGN_V1,
    STATEMENT_V01,
    STATEMENT_V1,
    subject,
    write_statement,
)
from vouchsafe.testing.trust import TrustedAuthority, TrustedLog, TrustPlan, trusted_root
from vouchsafe.testing.tsa import StampPlan, TimestampAuthority
from vouchsafe.testing.workload import Workload, gitlab

if TYPE_CHECKING:
    from vouchsafe.testing.services import Services

BundleVersion = Literal["0.1", "0.2", "0.3-old", "0.3"]
FILLER = b'{"apiVersion":"0.0.1","kind":"filler","spec":{}}'  # entry 0, which some verifiers cannot read


class SignOptions(TypedDict, total=False):
    """Fields of an Order that every signing call takes; see there."""

    key: PrivateKey
    key_hint: str
    leaf_kind: str
    leaf: LeafPlan
    hash: hashes.HashAlgorithm
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


class VirtualSigstore:
    """All authorities of one Sigstore. The same seed and clock make the same bytes, RSA aside."""

    def __init__(
        self,
        seed: str = "virtual",
        *,
        clock: Clock | None = None,
        name: str = "sigstore.example",
        rekor2_key: str = "ed25519",
        empty_logs: bool = False,
    ) -> None:
        """`name` is the domain of its services; `empty_logs` lets the first entry have index 0."""
        self.clock: Clock = clock or VirtualClock()
        self.keys = KeySource(seed)
        self.name = name
        self.window = Window.around(self.clock.now())
        self.workload: Workload = gitlab()
        self.ca = CertificateAuthority(self.keys, name, self.window)
        self.ct_log = CtLog(self.keys.ec("ctlog"), url=f"https://ctlog.{name}")
        self.rekor1 = Rekor1(self.keys.ec("rekor1"), self.clock, host=f"rekor1.{name}")
        self.rekor2 = Rekor2(self.keys.key("rekor2", rekor2_key), self.clock, origin=f"rekor2.{name}")
        self.tsa = TimestampAuthority(self.keys, f"tsa.{name}", self.window)
        self.oidc = OidcIssuer(self.keys, self.clock)
        if not empty_logs:
            self.rekor1.append("filler/0.0.1", FILLER)
            self.rekor2.append("filler/0.0.1", FILLER)

    @property
    def virtual_clock(self) -> VirtualClock:
        """The clock, when it is one that can be moved."""
        if not isinstance(self.clock, VirtualClock):
            raise TypeError("expected a VirtualClock, got one that moves by itself")
        return self.clock

    def leaf_plan(self) -> LeafPlan:
        """What a leaf of this CA holds: one SCT of the CT log."""

        def one_sct(tbs: bytes, issuer: PublicKey, at: datetime) -> tuple[bytes, ...]:
            return (self.ct_log.sct(tbs, issuer, at),)

        return LeafPlan(scts=one_sct)

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

    def trust_plan(self) -> TrustPlan:
        """Everything of this Sigstore, each with its window."""
        here = self.window
        authority = TrustedAuthority(
            url=f"https://fulcio.{self.name}", organization=self.name, chain=self.ca.chain, window=here
        )
        logs = ((self.rekor1.host, self.rekor1), (self.rekor2.origin, self.rekor2))
        return TrustPlan(
            authorities=(authority,),
            logs=tuple(
                TrustedLog(url=f"https://{host}", key=log.public_key, id=log.id, window=here)
                for host, log in logs
            ),
            ct_logs=(
                TrustedLog(url=self.ct_log.url, key=self.ct_log.public_key, id=self.ct_log.id, window=here),
            ),
            timestamp_authorities=(
                authority.replace(
                    url=f"https://tsa.{self.name}/api/v1/timestamp",
                    organization=self.tsa.organization,
                    chain=self.tsa.chain,
                ),
            ),
        )

    def trusted_root(self, version: str = "0.1") -> bytes:
        """The trust root in JSON."""
        return trusted_root(self.trust_plan(), version)

    def pem_files(self) -> dict[str, bytes]:
        """Keys and chains by file name, as cosign 2 and containers/image take them."""
        return {
            "fulcio-chain.pem": pem(*self.ca.chain),
            "fulcio-root.pem": pem(self.ca.root),
            "ct.pub": public_pem(self.ct_log.public_key),
            "rekor1.pub": public_pem(self.rekor1.public_key),
            "rekor2.pub": public_pem(self.rekor2.public_key),
            "tsa-chain.pem": pem(*self.tsa.chain),
        }

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
