"""The host's own CA, and the leaves of minutes that it issues.

The CA belongs to one machine: its name carries a hash of the machine's id, and it is remade where that
differs, so that a key baked into an image or copied with a disk is worth nothing. A leaf names the scopes
of the policy epoch that accepted (`<epoch>.<scope>@vouchsafe.invalid`); what was harvested is worth its
few minutes, and never crosses a policy change.

>>> from datetime import UTC, datetime
>>> authority = Authority.make("0123456789abcdef", at=datetime(2026, 11, 22, tzinfo=UTC))
>>> authority.belongs_to("0123456789abcdef"), authority.belongs_to("another")
(True, False)
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vouchsafe.countersign.derived import Rotation, scope_key
from vouchsafe.countersign.openpgp import SigningKey
from vouchsafe.errors import HostError
from vouchsafe.record import Record

CA_LIFETIME = timedelta(days=3650)
LEAF_LIFETIME = timedelta(minutes=10)  # of an answer; a harvested one is worth no longer
CLOCK_SLACK = timedelta(minutes=1)  # before now, for clients whose clock was just stepped back
LONGEST_LEAF = timedelta(days=366)  # of a file made in advance
_SHA256 = hashes.SHA256()


class Leaf(Record):
    """A key that lives for minutes, its certificate (PEM), and until when it serves."""

    key: ec.EllipticCurvePrivateKey
    certificate: bytes
    markers: tuple[str, ...]
    not_after: datetime

    def sign(self, payload: bytes) -> bytes:
        """ECDSA P-256 with SHA-256, DER: what containers/image verifies."""
        return self.key.sign(payload, ec.ECDSA(_SHA256))


class Authority:
    """The CA: a certificate that policy.json points to, and the key that only the countersigner reads."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        """HostError when the two do not belong together."""
        if certificate.public_key() != key.public_key():
            raise HostError("authority-key", "expected the key of the CA certificate, got another")
        self._certificate = certificate
        self._key = key

    @classmethod
    def make(cls, machine_id: str, *, at: datetime) -> Self:
        """A new CA for this machine."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(machine_id)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(at - CLOCK_SLACK)
            .not_valid_after(at + CA_LIFETIME)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        return cls(builder.sign(key, _SHA256), key)

    @classmethod
    def load(cls, certificate: bytes, key: bytes) -> Self:
        """From two PEM files. HostError."""
        try:
            loaded = load_pem_private_key(key, password=None)
            found = x509.load_pem_x509_certificate(certificate)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise HostError(
                "authority-key", "expected a CA certificate and its key, got something else"
            ) from error
        if not isinstance(loaded, ec.EllipticCurvePrivateKey):
            raise HostError("authority-key", "expected an ECDSA key, got another kind")
        return cls(found, loaded)

    @property
    def certificate_pem(self) -> bytes:
        """What is published, 0644."""
        return self._certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """What is kept, 0600, by the service's account alone."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def not_before(self) -> datetime:
        """When the CA itself begins."""
        return self._certificate.not_valid_before_utc

    @property
    def not_after(self) -> datetime:
        """When the CA itself ends."""
        return self._certificate.not_valid_after_utc

    def belongs_to(self, machine_id: str) -> bool:
        """Whether this CA was made on this machine."""
        return self._certificate.subject == _name(machine_id)

    def bare_key(self, rotation: Rotation, marker: str) -> ec.EllipticCurvePrivateKey:
        """The key of one scope, for clients that read bare keys."""
        return scope_key(self._key, rotation, "key", marker)

    def openpgp_key(self, rotation: Rotation, marker: str) -> SigningKey:
        """The key of one scope, for clients that read OpenPGP alone."""
        made = scope_key(self._key, rotation, "openpgp", marker)
        return SigningKey(made, f"vouchsafe <{marker}>", self.not_before)

    def issue(self, markers: tuple[str, ...], *, at: datetime, lifetime: timedelta = LEAF_LIFETIME) -> Leaf:
        """A leaf that names `markers`. HostError for an empty list, or a life that is too long."""
        if not markers or not timedelta(0) < lifetime <= LONGEST_LEAF:
            raise HostError(
                "authority-leaf", f"expected somebody to name and at most {LONGEST_LEAF.days} days"
            )
        key = ec.generate_private_key(ec.SECP256R1())
        not_after = min(at + lifetime, self.not_after)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self._certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(at - CLOCK_SLACK)
            .not_valid_after(not_after)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(
                x509.SubjectAlternativeName([x509.RFC822Name(each) for each in markers]), critical=True
            )
        )
        made = builder.sign(self._key, _SHA256)
        return Leaf(
            key=key, certificate=made.public_bytes(Encoding.PEM), markers=markers, not_after=not_after
        )


def _name(machine_id: str) -> x509.Name:
    digest = hashlib.sha256(
        f"vouchsafe CA of {machine_id}".encode()
    ).hexdigest()  # the id itself is not for the world
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"vouchsafe host CA {digest[:32]}")])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
