"""Reads the Identity out of a Fulcio certificate's extensions, DER exactly.

Extensions .1 to .6 hold raw text, .8 and above a DER UTF8String; both issuers must agree where both are
present. Names of the claims are those of Fulcio's oid-info.md, in kebab-case.
"""

from __future__ import annotations

from collections.abc import Mapping

from cryptography import x509

from vouchsafe.errors import MalformedError, VerificationError
from vouchsafe.verification.identity import Identity, SubjectKind

_FULCIO = "1.3.6.1.4.1.57264.1."
_OTHER_NAME = f"{_FULCIO}7"
_ISSUER_V1 = x509.ObjectIdentifier(f"{_FULCIO}1")
_ISSUER_V2 = x509.ObjectIdentifier(f"{_FULCIO}8")
_RAW_CLAIMS = {
    2: "github-workflow-trigger",
    3: "github-workflow-sha",
    4: "github-workflow-name",
    5: "github-workflow-repository",
    6: "github-workflow-ref",
}
_DER_CLAIMS = {
    9: "build-signer-uri",
    10: "build-signer-digest",
    11: "runner-environment",
    12: "source-repository-uri",
    13: "source-repository-digest",
    14: "source-repository-ref",
    15: "source-repository-identifier",
    16: "source-repository-owner-uri",
    17: "source-repository-owner-identifier",
    18: "build-config-uri",
    19: "build-config-digest",
    20: "build-trigger",
    21: "run-invocation-uri",
    22: "source-repository-visibility-at-signing",
    23: "deployment-environment",
    24: "token-subject",
}
CLAIM_NAMES = frozenset((*_RAW_CLAIMS.values(), *_DER_CLAIMS.values()))
_RAW_IDENTIFIERS = {x509.ObjectIdentifier(f"{_FULCIO}{n}"): name for n, name in _RAW_CLAIMS.items()}
_DER_IDENTIFIERS = {x509.ObjectIdentifier(f"{_FULCIO}{n}"): name for n, name in _DER_CLAIMS.items()}
_UTF8_STRING = 0x0C  # ASN.1 tag
_LONG_FORM = 0x80


def read_identity(extensions: Mapping[x509.ObjectIdentifier, x509.Extension[x509.ExtensionType]]) -> Identity:
    """What a certificate's extensions say. Raises MalformedError; VerificationError when nobody is named."""
    subject, kind = _subject(extensions)
    issuers: dict[x509.ObjectIdentifier, bytes] = {}
    claims: dict[str, str] = {}
    for identifier, extension in extensions.items():
        if type(extension.value) is not x509.UnrecognizedExtension:
            continue
        value = extension.value.value
        if (name := _DER_IDENTIFIERS.get(identifier)) is not None:
            claims[name] = utf8_string(value, name)
        elif (name := _RAW_IDENTIFIERS.get(identifier)) is not None:
            claims[name] = _raw_text(value, name)
        elif identifier in (_ISSUER_V1, _ISSUER_V2):
            issuers[identifier] = value
    return Identity(issuer=_issuer(issuers), subject=subject, subject_kind=kind, claims=claims)


def utf8_string(der: bytes, what: str) -> str:
    """Exactly one DER UTF8String (X.690 §8.1, §10.1: definite, shortest length, nothing after it)."""
    if len(der) < 2 or der[0] != _UTF8_STRING:
        raise MalformedError("certificate-claim", f"expected a UTF8String in {what}, got {der[:8].hex()}")
    length, start = der[1], 2
    if length & _LONG_FORM:
        start = 2 + (length & 0x7F)
        length = int.from_bytes(der[2:start], "big")
        if length < _LONG_FORM or der[2] == 0:  # of no bytes (the indefinite form) it is 0
            raise MalformedError("certificate-claim", f"expected the shortest DER length in {what}")
    if len(der) != start + length:
        raise MalformedError(
            "certificate-claim", f"expected {length} bytes in {what}, got {len(der) - start}"
        )
    return _raw_text(der[start:], what)


def _raw_text(value: bytes, what: str) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError("certificate-claim", f"expected UTF-8 in {what}") from error


def _issuer(values: dict[x509.ObjectIdentifier, bytes]) -> str:
    written = []
    if _ISSUER_V1 in values:
        written.append(_raw_text(values[_ISSUER_V1], "issuer"))
    if _ISSUER_V2 in values:
        written.append(utf8_string(values[_ISSUER_V2], "issuer (v2)"))
    if not written or not written[0]:
        raise VerificationError("certificate-issuer", "expected an OIDC issuer in the certificate, got none")
    if written[0] != written[-1]:
        raise VerificationError(
            "certificate-issuer", f"expected one OIDC issuer, got {written[0]!r} and {written[1]!r}"
        )
    return written[0]


def _subject(
    extensions: Mapping[x509.ObjectIdentifier, x509.Extension[x509.ExtensionType]],
) -> tuple[str, SubjectKind]:
    found = extensions.get(x509.SubjectAlternativeName.oid)
    value = found.value if found is not None else None
    names = list(value) if isinstance(value, x509.SubjectAlternativeName) else []
    if len(names) != 1:
        raise VerificationError(
            "certificate-subject", f"expected one subject alternative name, got {len(names)}"
        )
    match names[0]:
        case x509.UniformResourceIdentifier(value=str(uri)) if uri:
            return uri, "uri"
        case x509.RFC822Name(value=str(email)) if email:
            return email, "email"
        case x509.OtherName() as other if other.type_id.dotted_string == _OTHER_NAME:
            if name := utf8_string(other.value, "subject"):
                return name, "other"
            raise VerificationError("certificate-subject", "expected a user name, got an empty one")
        case other_kind:
            kind = type(other_kind).__name__
            raise VerificationError("certificate-subject", f"expected a URI, e-mail or user name, got {kind}")
