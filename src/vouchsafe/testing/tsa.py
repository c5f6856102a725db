"""A timestamp authority: RFC 3161 responses over a hash, in CMS (RFC 5652) written element by element.

The token carries signed attributes content-type, signing-time, message-digest and
signing-certificate-v2 (RFC 5816), as Sigstore's authority makes them.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from vouchsafe.record import Record
from vouchsafe.testing import der
from vouchsafe.testing.ca import Window, common_name, key_usage
from vouchsafe.testing.keys import KeySource, sign

_SIGNED_DATA = der.oid("1.2.840.113549.1.7.2")
_TST_INFO = der.oid("1.2.840.113549.1.9.16.1.4")
_CONTENT_TYPE = der.oid("1.2.840.113549.1.9.3")
_MESSAGE_DIGEST = der.oid("1.2.840.113549.1.9.4")
_SIGNING_TIME = der.oid("1.2.840.113549.1.9.5")
_SIGNING_CERTIFICATE_V2 = der.oid("1.2.840.113549.1.9.16.2.47")
_ECDSA_SHA256 = der.sequence(der.oid("1.2.840.10045.4.3.2"))
_POLICY = der.oid("1.3.6.1.4.1.57264.2")
HASHES = {
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
_SHA256 = der.sequence(der.oid(HASHES["sha256"]))
_GRANTED = der.sequence(der.integer(0))
TIME_STAMPING = (ExtendedKeyUsageOID.TIME_STAMPING,)


class StampPlan(Record):
    """What a response holds besides the hash; by default what Sigstore's authority answers to cosign."""

    algorithm: str = "sha256"
    at: datetime | None = None
    nonce: int | None = None
    embed: bool = False  # the certificates, when the request asked for them


class TimestampAuthority:
    """A leaf under a root; `chain` goes into the trust root, leaf first."""

    def __init__(
        self,
        keys: KeySource,
        name: str,
        window: Window,
        *,
        usages: tuple[ObjectIdentifier, ...] = TIME_STAMPING,
        leaf_window: Window | None = None,
    ) -> None:
        """`name` names keys and certificates; `usages` is the leaf's extended key usage."""
        self._keys = keys
        self.organization = name
        self.window = window
        root, self._key = keys.ec(f"{name}-root", "p384"), keys.ec(name)
        number = keys.number
        self.root = _certificate(name, f"{name}-root", root, root, window, (), number(f"{name}-root"))
        self.leaf = _certificate(name, name, self._key, root, leaf_window or window, usages, number(name))

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """Leaf and root."""
        return (self.leaf, self.root)

    def stamp(self, content: bytes, at: datetime, plan: StampPlan | None = None) -> bytes:
        """A TimeStampResp in DER over the hash of `content`."""
        chosen = plan or StampPlan()
        return self.stamp_hash(hashlib.new(chosen.algorithm, content).digest(), at, chosen)

    def stamp_hash(self, imprint: bytes, at: datetime, plan: StampPlan) -> bytes:
        """A TimeStampResp in DER over a hash that somebody else made."""
        info = self._info(imprint, plan.at or at, plan)
        attributes = self._attributes(info, at)
        certificates = [c.public_bytes(Encoding.DER) for c in self.chain] if plan.embed else []
        signed = der.sequence(
            der.integer(3),
            der.set_of(_SHA256),
            der.sequence(_TST_INFO, der.context(0, der.octet_string(info))),
            der.context(0, b"".join(sorted(certificates))) if certificates else b"",
            der.set_of(self._signer_info(attributes)),
        )
        return der.sequence(_GRANTED, der.sequence(_SIGNED_DATA, der.context(0, signed)))

    def _info(self, imprint: bytes, at: datetime, plan: StampPlan) -> bytes:
        """TSTInfo (RFC 3161 2.4.2)."""
        return der.sequence(
            der.integer(1),
            _POLICY,
            der.sequence(der.sequence(der.oid(HASHES[plan.algorithm])), der.octet_string(imprint)),
            der.integer(self._keys.number(self._keys.fresh(f"{self.organization}-stamp"))),
            der.generalized_time(at),
            der.sequence(der.integer(1)),  # accurate to a second
            der.integer(plan.nonce) if plan.nonce is not None else b"",
            der.context(0, der.context(4, self.leaf.subject.public_bytes())),
        )

    def _attributes(self, info: bytes, at: datetime) -> bytes:
        """The content of the SET of signed attributes (RFC 5652 5.3)."""
        certificate = hashlib.sha256(self.leaf.public_bytes(Encoding.DER)).digest()
        reference = der.sequence(
            der.sequence(der.sequence(der.octet_string(certificate), self._issuer_serial()))
        )
        return b"".join(
            sorted(
                (
                    der.sequence(_CONTENT_TYPE, der.set_of(_TST_INFO)),
                    der.sequence(_SIGNING_TIME, der.set_of(der.time(at))),
                    der.sequence(
                        _MESSAGE_DIGEST, der.set_of(der.octet_string(hashlib.sha256(info).digest()))
                    ),
                    der.sequence(_SIGNING_CERTIFICATE_V2, der.set_of(reference)),
                )
            )
        )

    def _issuer_serial(self) -> bytes:
        names = der.sequence(der.context(4, self.leaf.issuer.public_bytes()))
        return der.sequence(names, der.integer(self.leaf.serial_number))

    def _signer_info(self, attributes: bytes) -> bytes:
        """SignerInfo; what is signed is the SET, what is written is [0] (RFC 5652 5.4)."""
        return der.sequence(
            der.integer(1),
            der.sequence(self.leaf.issuer.public_bytes(), der.integer(self.leaf.serial_number)),
            _SHA256,
            der.context(0, attributes),
            _ECDSA_SHA256,
            der.octet_string(sign(self._key, der.tlv(0x31, attributes))),
        )


@lru_cache(maxsize=128)  # a Sigstore is set up for each test, with the same few authorities
def _certificate(
    organization: str,
    name: str,
    key: ec.EllipticCurvePrivateKey,
    root_key: ec.EllipticCurvePrivateKey,
    window: Window,
    usages: tuple[ObjectIdentifier, ...],
    serial: int,
) -> x509.Certificate:
    is_root = key is root_key
    public = key.public_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(common_name(organization, name))
        .issuer_name(common_name(organization, f"{organization}-root"))
        .public_key(public)
        .serial_number(serial)
        .not_valid_before(window.start)
        .not_valid_after(window.end)
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        .add_extension(key_usage(certificates=is_root), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )
    if usages:  # RFC 3161 2.3: critical, and nothing else in it
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=True)
    if not is_root:
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
        builder = builder.add_extension(authority, critical=False)
    return builder.sign(root_key, hashes.SHA384(), ecdsa_deterministic=True)
