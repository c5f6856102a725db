"""The ceremony: a key, a certificate, a signature, a log entry, a timestamp, in that order.

`Order` says what to sign and how. Its defaults are what cosign does; each field is a place where a test may
do something else.
"""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes

from vouchsafe.record import Record
from vouchsafe.testing.authorities import Authorities, LogName
from vouchsafe.testing.ca import LeafPlan
from vouchsafe.testing.entries import body, envelope, signed_bytes
from vouchsafe.testing.keys import PrivateKey, sign
from vouchsafe.testing.material import LogEntry, Material
from vouchsafe.testing.tsa import StampPlan
from vouchsafe.testing.workload import Workload


class Order(Record):
    """`workload` for a keyless signature, or `key` for one by a key that has no certificate."""

    payload: bytes
    payload_type: str | None = None
    workload: Workload | None = None
    key: PrivateKey | None = None
    key_hint: str = ""
    leaf_kind: str = "p256"  # of KEY_KINDS: what kind of key to certify
    leaf: LeafPlan | None = None
    hash: hashes.HashAlgorithm | None = None
    log: LogName | None = "rekor1"
    entry_kind: str = ""
    promise: bool = True
    proof: bool = True
    stamp: bool = False
    stamps_envelope: bool = False  # cosign 2 stamps the whole envelope of an attestation
    stamp_plan: StampPlan | None = None


def make(sigstore: Authorities, order: Order) -> Material:
    """Sign, log and stamp at the time of the sigstore's clock."""
    return publish(sigstore, order, prepare(sigstore, order))


def prepare(sigstore: Authorities, order: Order) -> Material:
    """Key, certificate and signature, not yet logged."""
    key = order.key
    certificate = None
    if key is None:
        key = sigstore.keys.key(sigstore.keys.fresh("leaf"), order.leaf_kind)
        workload = order.workload or sigstore.workload
        plan = order.leaf or sigstore.leaf_plan()
        certificate = sigstore.ca.issue(key.public_key(), workload, sigstore.clock.now(), plan)
    unsigned = Material(payload=order.payload, payload_type=order.payload_type, signatures=())
    return unsigned.replace(
        signatures=(sign(key, signed_bytes(unsigned), order.hash),),
        certificate=certificate,
        chain=sigstore.ca.chain if certificate else (),
        public_key=key.public_key(),
        key_hint=order.key_hint,
        hash_name=order.hash.name if order.hash else "",
    )


def publish(sigstore: Authorities, order: Order, material: Material) -> Material:
    """Log entry and timestamp for a material that is signed."""
    entry = _log(sigstore, order, material) if order.log else None
    stamps: tuple[bytes, ...] = ()
    if order.stamp:
        content = envelope(material) if order.stamps_envelope else material.signature
        stamps = (sigstore.tsa.stamp(content, sigstore.clock.now(), order.stamp_plan),)
    return material.replace(entry=entry, timestamps=stamps)


def _log(sigstore: Authorities, order: Order, material: Material) -> LogEntry:
    kind = order.entry_kind or usual_kind(order)
    entry = sigstore.log(order.log).append(kind, body(kind, material))
    return entry.replace(
        promise=entry.promise if order.promise else None,
        proof=entry.proof if order.proof else None,
    )


def usual_kind(order: Order) -> str:
    """The entry cosign asks for."""
    if order.log == "rekor2":
        return "hashedrekord/0.0.2"
    return "hashedrekord/0.0.1" if order.payload_type is None else "dsse/0.0.1"
