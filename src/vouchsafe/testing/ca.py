"""A Fulcio CA: root, intermediate, and leaves that live ten minutes and name a Workload.

What a leaf is made of is a LeafPlan, so that a wrong certificate is a right one with one field changed.
Certificate profile: Fulcio's certificate-specification.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from types import MappingProxyType

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from vouchsafe.record import Record
from vouchsafe.testing import der
from vouchsafe.testing.ctlog import SCT_LIST, sct_list
from vouchsafe.testing.der_read import elements
from vouchsafe.testing.keys import KeySource, PublicKey, natural_hash, sign
from vouchsafe.testing.workload import EXTENSIONS, FULCIO_ARC, LAST_RAW_ARC, OTHER_NAME, Workload

LEAF_LIFE = timedelta(minutes=10)
CODE_SIGNING = ExtendedKeyUsageOID.CODE_SIGNING

# (certificate without SCT, issuer's key, time) → SCTs to embed; none at all leaves the extension out
SctMaker = Callable[[bytes, PublicKey, datetime], tuple[bytes, ...]]
Extension = tuple[x509.ExtensionType, bool]


class Window(Record):
    """From when until when; both ends are inside."""

    start: datetime
    end: datetime

    @classmethod
    def around(cls, moment: datetime, *, days: float = 3650, before: float = 300) -> Window:
        """From `before` days earlier to `days` later."""
        return cls(start=moment - timedelta(days=before), end=moment + timedelta(days=days))


class LeafPlan(Record):
    """What to put into a leaf: by default, what Fulcio puts there."""

    scts: SctMaker
    life: timedelta = LEAF_LIFE
    usages: tuple[ObjectIdentifier, ...] = (CODE_SIGNING,)
    is_ca: bool = False
    signs: bool = True  # key usage digitalSignature
    names: tuple[x509.GeneralName, ...] | None = ()  # in place of the workload's own; None: no SAN
    common_name: str = ""
    values: Mapping[str, bytes | None] = MappingProxyType(
        {}
    )  # raw value by extension name; None leaves it out
    more: tuple[Extension, ...] = ()
    appended: tuple[bytes, ...] = ()  # extensions in DER that no builder would let through


class CertificateAuthority:
    """`chain` is what belongs into a trust root: intermediate first, root last."""

    def __init__(
        self,
        keys: KeySource,
        name: str,
        window: Window,
        *,
        intermediate_window: Window | None = None,
        curve: str = "p384",
        intermediate: bool = True,
    ) -> None:
        """`name` names keys and certificates; without an intermediate the root signs leaves itself."""
        self._keys = keys
        self.organization = name
        self.window = window
        root_key = keys.ec(f"{name}-root", curve)
        self.root = self._made(f"{name}-root", root_key, root_key, None, window)
        self.signer, self._key = self.root, root_key
        if intermediate:
            self._key = keys.ec(f"{name}-intermediate", curve)
            life = intermediate_window or window
            self.signer = self._made(f"{name}-intermediate", self._key, root_key, self.root, life)
        self.chain = (self.signer, self.root) if intermediate else (self.root,)

    def _made(
        self,
        name: str,
        key: ec.EllipticCurvePrivateKey,
        issuer_key: ec.EllipticCurvePrivateKey,
        issuer: x509.Certificate | None,
        window: Window,
    ) -> x509.Certificate:
        serial = self._keys.number(name)
        return _authority(self.organization, name, key, issuer_key, issuer, window, serial)

    def sign_as(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        """From now on, sign leaves in the name of `certificate`, CA or not."""
        self.signer, self._key = certificate, key
        self.chain = (certificate, *self.chain)

    def issue(self, key: PublicKey, workload: Workload, at: datetime, plan: LeafPlan) -> x509.Certificate:
        """A leaf for `key`, valid from `at`."""
        serial = self._keys.number(self._keys.fresh(f"{self.organization}-serial"))
        builder = (
            x509.CertificateBuilder()
            .subject_name(_subject(plan))
            .issuer_name(self.signer.subject)
            .public_key(key)
            .serial_number(serial)
            .not_valid_before(at)
            .not_valid_after(at + plan.life)
        )
        for extension, critical in (*self._profile(key, workload, plan), *plan.more):
            builder = builder.add_extension(extension, critical)
        scts = plan.scts(self._sign(builder, plan.appended).tbs_certificate_bytes, self._key.public_key(), at)
        if scts:
            extension = x509.UnrecognizedExtension(ObjectIdentifier(SCT_LIST), sct_list(*scts))
            builder = builder.add_extension(extension, critical=False)
        return self._sign(builder, plan.appended)

    def _profile(self, key: PublicKey, workload: Workload, plan: LeafPlan) -> list[Extension]:
        made: list[Extension] = [(key_usage(certificates=False, signs=plan.signs), True)]
        if plan.is_ca:
            made.append((x509.BasicConstraints(ca=True, path_length=None), True))
        if plan.usages:
            made.append((x509.ExtendedKeyUsage(plan.usages), False))
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        made += [(x509.SubjectKeyIdentifier.from_public_key(key), False), (authority, False)]
        if plan.names is not None:
            made.append((x509.SubjectAlternativeName(plan.names or (_general_name(workload),)), True))
        values: dict[str, bytes | None] = {
            name: extension_value(name, text) for name, text in workload.extensions.items()
        }
        for name, value in (values | dict(plan.values)).items():
            if value is not None:
                made.append((fulcio_extension(name, value), False))
        return made

    def _sign(self, builder: x509.CertificateBuilder, appended: tuple[bytes, ...]) -> x509.Certificate:
        made = builder.sign(self._key, natural_hash(self._key), ecdsa_deterministic=True)
        return self._spliced(made, appended) if appended else made

    def _spliced(self, certificate: x509.Certificate, appended: tuple[bytes, ...]) -> x509.Certificate:
        """The same certificate with more extensions at the end, signed again."""
        fields = elements(elements(certificate.tbs_certificate_bytes)[0][1])
        listed = elements(elements(fields[-1][1])[0][1])
        kept = [der.tlv(tag, content) for tag, content in listed]
        extensions = der.context(3, der.sequence(*kept, *appended))
        tbs = der.sequence(*(der.tlv(tag, content) for tag, content in fields[:-1]), extensions)
        tag, algorithm = elements(elements(certificate.public_bytes(Encoding.DER))[0][1])[1]
        signature = der.tlv(0x03, b"\0" + sign(self._key, tbs))
        return x509.load_der_x509_certificate(der.sequence(tbs, der.tlv(tag, algorithm), signature))


@lru_cache(maxsize=128)  # a Sigstore is set up for each test, with the same few authorities
def _authority(
    organization: str,
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
    window: Window,
    serial: int,
) -> x509.Certificate:
    subject = common_name(organization, name)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(window.start)
        .not_valid_after(window.end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0 if issuer else 1), critical=True)
        .add_extension(key_usage(certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if issuer:
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
        builder = builder.add_extension(x509.ExtendedKeyUsage((CODE_SIGNING,)), critical=False)
        builder = builder.add_extension(authority, critical=False)
    return builder.sign(issuer_key, hashes.SHA384(), ecdsa_deterministic=True)


def common_name(organization: str, name: str) -> x509.Name:
    """O and CN."""
    pairs = ((NameOID.ORGANIZATION_NAME, organization), (NameOID.COMMON_NAME, name))
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in pairs])


def extension_value(name: str, text: str) -> bytes:
    """The bytes Fulcio writes: bare up to .6, a DER UTF8String after."""
    return text.encode() if EXTENSIONS[name] <= LAST_RAW_ARC else der.utf8(text)


def fulcio_extension(name: str, value: bytes) -> x509.UnrecognizedExtension:
    """An extension of Fulcio's arc with a value as given."""
    return x509.UnrecognizedExtension(ObjectIdentifier(f"{FULCIO_ARC}.{EXTENSIONS[name]}"), value)


def _subject(plan: LeafPlan) -> x509.Name:
    if not plan.common_name:
        return x509.Name([])
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, plan.common_name)])


def _general_name(workload: Workload) -> x509.GeneralName:
    if workload.subject_kind == "uri":
        return x509.UniformResourceIdentifier(workload.subject)
    if workload.subject_kind == "email":
        return x509.RFC822Name(workload.subject)
    return x509.OtherName(ObjectIdentifier(OTHER_NAME), der.utf8(workload.subject))


def key_usage(*, certificates: bool, signs: bool = True) -> x509.KeyUsage:
    """What a CA may do, or what a leaf may: sign certificates, or sign; a key that may not, may encipher."""
    return x509.KeyUsage(
        digital_signature=signs and not certificates,
        key_cert_sign=certificates,
        crl_sign=certificates,
        content_commitment=False,
        key_encipherment=not signs,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
