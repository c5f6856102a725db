"""The signing certificate: its path to a certificate authority, and the Identity it names.

RFC 5280 path rules as far as Fulcio needs them, stricter where it costs nothing: code signing is
demanded of the leaf and must be allowed by every CA that restricts its use; one subject name; no
critical extension that we do not understand. Issuer and claims: Fulcio's oid-info.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from typing import TypeVar, cast

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from vouchsafe.errors import MalformedError, VerificationError
from vouchsafe.verification import keys
from vouchsafe.verification.identity import Identity
from vouchsafe.verification.identity_reading import read_identity
from vouchsafe.verification.issued import X509_ERRORS, has_positive_serial, is_issued
from vouchsafe.verification.trust import CertificateAuthority

LONGEST_PATH = 5  # certificates between leaf and anchor
CERTIFICATES_KEPT = 64  # parsed CA certificates
_UNDERSTOOD = frozenset(
    (
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    )
)
Extensions = Mapping[x509.ObjectIdentifier, x509.Extension[x509.ExtensionType]]
_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


class Leaf:
    """A parsed leaf certificate; nothing about it is believed until `path` returned."""

    __slots__ = ("certificate", "der", "extensions", "key")

    def __init__(self, der: bytes) -> None:
        """Parse DER. Raises MalformedError, VerificationError where it cannot be a signer's."""
        self.der = der
        self.certificate = load(der)
        try:
            self.extensions = _by_identifier(self.certificate)
            self.key = keys.supported(self.certificate.public_key())
        except X509_ERRORS as error:
            raise MalformedError("certificate", f"expected a certificate, got {error}") from error
        _check_leaf_use(self.extensions)

    def identity(self) -> Identity:
        """Whom Fulcio says it issued this to."""
        return read_identity(self.extensions)


def load(der: bytes) -> x509.Certificate:
    """Parse an untrusted DER certificate, names and times too: the library reads those when they are asked for."""
    if not has_positive_serial(der):  # of which the library warns on stderr
        raise MalformedError("certificate", "expected a certificate with a positive serial number")
    return _parse(der)


def _parse(der: bytes) -> x509.Certificate:
    try:
        parsed = x509.load_der_x509_certificate(der)
        _ = parsed.subject, parsed.issuer, parsed.not_valid_before_utc, parsed.not_valid_after_utc
    except X509_ERRORS as error:
        raise MalformedError("certificate", f"expected a certificate, got {error}") from error
    return parsed


def path(
    leaf: Leaf,
    untrusted_chain: tuple[bytes, ...],
    authorities: tuple[CertificateAuthority, ...],
    times: list[datetime],
) -> x509.Certificate:
    """The certificate that issued `leaf`, on a path to an authority that holds at all `times`.

    Raises VerificationError with the reason of the nearest miss.
    """
    nearest = VerificationError(
        "certificate-authority", "expected a certificate of a trusted authority, got one of nobody we trust"
    )
    is_open = any(authority.open_path for authority in authorities)
    candidates = _Candidates(leaf.der, untrusted_chain if is_open else ())
    for authority in authorities:
        try:
            chains = candidates.under(authority)
        except VerificationError as error:
            nearest = error
            continue
        for chain in chains:
            try:
                if authority.open_path:
                    _check_authorities_use(chain)
                _check_path(leaf.certificate, chain, authority, times)
            except VerificationError as error:
                nearest = error
            else:
                return chain[0]
    raise nearest


class _Candidates:
    """A leaf and what came along with it. Each signature among them is checked once, however they are crossed."""

    def __init__(self, leaf: bytes, untrusted_chain: tuple[bytes, ...]) -> None:
        self._ders = (leaf, *untrusted_chain[:LONGEST_PATH])
        self._certificates = tuple(load(der) for der in self._ders)
        self._issued: dict[tuple[int, int], bool] = {}

    def under(self, authority: CertificateAuthority) -> list[tuple[x509.Certificate, ...]]:
        """Paths, issuer first, anchor last, whose names and signatures fit."""
        first = load_kept(authority.chain[0])
        if authority.open_path:
            return list(self._paths(0, first, {}, frozenset((0,))))
        return [parsed_chain(authority.chain)] if self._is_issued_by(0, first) else []

    def _paths(
        self, child: int, anchor: x509.Certificate, anchored: dict[int, bool], used: frozenset[int]
    ) -> Iterator[tuple[x509.Certificate, ...]]:
        """Every way from `child` up to `anchor`, each certificate used once at most."""
        if child not in anchored:
            anchored[child] = self._is_issued_by(child, anchor)
        if anchored[child]:
            yield (anchor,)
        for parent, hint in enumerate(self._certificates):
            if parent not in used and hint != anchor and self._is_issued(child, parent):
                for rest in self._paths(parent, anchor, anchored, used | {parent}):
                    yield (hint, *rest)

    def _is_issued(self, child: int, parent: int) -> bool:
        if (child, parent) not in self._issued:
            self._issued[child, parent] = self._is_issued_by(child, self._certificates[parent])
        return self._issued[child, parent]

    def _is_issued_by(self, child: int, parent: x509.Certificate) -> bool:
        return is_issued(self._certificates[child], self._ders[child], parent)


@lru_cache(maxsize=CERTIFICATES_KEPT)
def load_kept(der: bytes) -> x509.Certificate:
    """A certificate of the trust root, parsed once; that one cannot be read is not the evidence's fault."""
    try:
        return _parse(der)
    except MalformedError as error:
        raise VerificationError("trusted-chain", f"{error.message} in the trust root") from error


@lru_cache(maxsize=CERTIFICATES_KEPT)
def parsed_chain(ders: tuple[bytes, ...]) -> tuple[x509.Certificate, ...]:
    """The chain of an authority of the trust root: parsed, its inner signatures and uses checked, once.

    Raises VerificationError when it does not hold together.
    """
    chain = tuple(load_kept(der) for der in ders)
    for (issued, der), (issuer, _) in pairwise(zip(chain, ders, strict=True)):
        if not is_issued(issued, der, issuer):
            raise VerificationError(
                "trusted-chain", "expected each certificate of the trust root issued by the next"
            )
    _check_authorities_use(chain)
    return chain


def refuse_roots(chain: tuple[bytes, ...]) -> None:
    """A bundle must not bring a root (sigstore_bundle.proto), as if one could be believed."""
    for der in chain:
        untrusted = load(der)
        if untrusted.subject == untrusted.issuer:
            raise VerificationError("bundle-root", "expected no root certificate in the bundle, got one")


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether a certificate of the trust root is a CA's."""
    constraints = find(_by_identifier(certificate), x509.BasicConstraints)
    return constraints is not None and constraints.ca


def _check_path(
    leaf: x509.Certificate,
    chain: tuple[x509.Certificate, ...],
    authority: CertificateAuthority,
    times: list[datetime],
) -> None:
    for at in times:
        if at not in authority.window:
            raise VerificationError(
                "authority-window",
                f"expected a signature made while the authority was trusted, got {at:%F %T}",
            )
        for certificate in (leaf, *chain):  # the whole chain: GHSA-wfqv-66vq-46rm
            start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
            if not start <= at <= end:
                raise VerificationError(
                    "certificate-expired",
                    f"expected a signature made from {start:%F %T} to {end:%F %T}, got one of {at:%F %T}",
                )


def _check_leaf_use(extensions: Extensions) -> None:
    _refuse_unknown_critical(extensions)
    constraints = find(extensions, x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        raise VerificationError(
            "certificate-use", "expected a signer's certificate, got a certificate authority's"
        )
    usage = find(extensions, x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        raise VerificationError(
            "certificate-use", "expected a key for digital signatures, got one for other uses"
        )
    extended = find(extensions, x509.ExtendedKeyUsage)
    if extended is None or ExtendedKeyUsageOID.CODE_SIGNING not in extended:
        raise VerificationError(
            "certificate-use", "expected a certificate for code signing, got one for other uses"
        )


def _check_authorities_use(chain: tuple[x509.Certificate, ...]) -> None:
    for depth, certificate in enumerate(chain):
        _check_authority_use(certificate, depth)


def _check_authority_use(certificate: x509.Certificate, depth: int) -> None:
    try:
        extensions = _by_identifier(certificate)
    except X509_ERRORS as error:
        raise MalformedError("certificate", f"expected a CA certificate, got {error}") from error
    _refuse_unknown_critical(extensions)
    constraints = find(extensions, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
        raise VerificationError(
            "certificate-use", "expected a certificate authority in the path, got another"
        )
    if constraints.path_length is not None and depth > constraints.path_length:
        raise VerificationError(
            "certificate-use", f"expected a path of at most {constraints.path_length} CAs"
        )
    if (
        find(extensions, x509.NameConstraints) is not None
    ):  # critical by RFC 5280 §4.2.1.10, but not always written so
        raise VerificationError(
            "certificate-use", "expected an authority for any name, got one with name constraints"
        )
    usage = find(extensions, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        raise VerificationError("certificate-use", "expected an authority that may sign certificates")
    extended = find(extensions, x509.ExtendedKeyUsage)
    allowed = (ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    if extended is not None and not any(use in extended for use in allowed):
        raise VerificationError(
            "certificate-use", "expected an authority for code signing, got one for other uses"
        )


def _refuse_unknown_critical(extensions: Extensions) -> None:
    for identifier, extension in extensions.items():
        if extension.critical and identifier not in _UNDERSTOOD:
            raise VerificationError(
                "certificate-critical",
                f"expected no unknown critical extension, got {identifier.dotted_string}",
            )


def _by_identifier(certificate: x509.Certificate) -> Extensions:
    """Looked up once each: the library's own look-up goes over all of them every time."""
    return {extension.oid: extension for extension in certificate.extensions}


def find(extensions: Extensions, kind: type[_Extension]) -> _Extension | None:
    """The extension's value, or None."""
    found = extensions.get(kind.oid)
    return None if found is None else cast("_Extension", found.value)
