r"""A lookaside of signatures in each form that containers/image reads, to ask a client what it understands.

The signatures are by a key and by a CA of the moment; what they are worth is decided by whoever trusts those.
Forms: containers/image internal/signature/signature.go, `\0sigstore-json\n{…}`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vouchsafe.image.digest import Digest
from vouchsafe.testing.annotations import CERTIFICATE, CHAIN, SIGNATURE, simple_signing
from vouchsafe.testing.canonical import b64, compact, pem
from vouchsafe.testing.keys import KeySource, public_pem
from vouchsafe.testing.material import SIMPLE_SIGNING

LIFE = timedelta(hours=1)
EMAIL = "probe@vouchsafe.invalid"
_SHA256 = hashes.SHA256()


def blob(payload: bytes, annotations: dict[str, str]) -> bytes:
    """A layer of `.sig` as a file of a lookaside."""
    document = {"mimeType": SIMPLE_SIGNING, "payload": b64(payload), "annotations": annotations}
    return b"\0sigstore-json\n" + compact(document)


class Forms:
    """One signer, with a bare key and with a certificate of a CA of its own."""

    def __init__(self, seed: str, at: datetime) -> None:
        """Valid for an hour from `at`."""
        keys = KeySource(seed)
        self._key = keys.ec("lookaside")
        self._at = at
        root = keys.ec("lookaside-root")
        self._root = self._certificate(root.public_key(), root, name="vouchsafe probe CA", is_ca=True)
        self._leaf = self._certificate(self._key.public_key(), root, name="vouchsafe probe CA", is_ca=False)

    @property
    def key(self) -> ec.EllipticCurvePrivateKey:
        """The bare key."""
        return self._key

    @property
    def key_pem(self) -> bytes:
        """For `keyPath`."""
        return public_pem(self._key.public_key())

    @property
    def ca_pem(self) -> bytes:
        """For `caRootsPath`; the subject is EMAIL."""
        return pem(self._root)

    def by_key(self, digest: Digest, docker_reference: str) -> bytes:
        """A signature that a key checks."""
        return self._blob(digest, docker_reference, {})

    def by_certificate(self, digest: Digest, docker_reference: str) -> bytes:
        """A signature that a CA's leaf checks."""
        return self._blob(
            digest, docker_reference, {CERTIFICATE: pem(self._leaf).decode(), CHAIN: pem(self._root).decode()}
        )

    def _blob(self, digest: Digest, docker_reference: str, proofs: dict[str, str]) -> bytes:
        payload = simple_signing(str(digest), docker_reference)
        signature = self._key.sign(payload, ec.ECDSA(_SHA256))
        return blob(payload, {SIGNATURE: b64(signature), **proofs})

    def _certificate(
        self, key: ec.EllipticCurvePublicKey, root: ec.EllipticCurvePrivateKey, *, name: str, is_ca: bool
    ) -> x509.Certificate:
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = (
            x509.CertificateBuilder()
            .subject_name(issuer if is_ca else x509.Name([]))
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._at - LIFE)
            .not_valid_after(self._at + LIFE)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        )
        if not is_ca:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([x509.RFC822Name(EMAIL)]), critical=True
            ).add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        return builder.sign(root, _SHA256)
