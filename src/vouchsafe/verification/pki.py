"""The two older ways to sign: certificates of an operator's own CA, and OpenPGP.

`sigstoreSigned.pki`: no log and no Fulcio claims; the path is checked *now*, the subject is an e-mail
address or a host name. `signedBy`: a program checked the OpenPGP signature, and what it gave back is a
payload like cosign's. Sources: containers/image signature/pki_cert.go, containers-signature(5).
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from cryptography import x509

from vouchsafe.errors import VerificationError
from vouchsafe.evidence.types import Evidence, SimpleSigning
from vouchsafe.verification import certificate, keys
from vouchsafe.verification.claim import ATOMIC_TYPE, Claim, read_payload
from vouchsafe.verification.signature import MADE_HERE, VerifiedSignature
from vouchsafe.verification.trust import CertificateAuthority, Window


def verify(
    evidence: Evidence, *, roots: tuple[bytes, ...], intermediates: tuple[bytes, ...], at: datetime
) -> VerifiedSignature:
    """Check the signature, and at `at` its path to one of `roots` (DER). VerificationError or MalformedError."""
    if not isinstance(evidence.content, SimpleSigning) or evidence.certificate is None:
        raise VerificationError(
            "no-certificate", "expected a signature with a certificate of the configured CA"
        )
    leaf = certificate.Leaf(evidence.certificate)
    keys.verify(leaf.key, evidence.signature, evidence.content.payload, "the content")
    anchors = tuple(CertificateAuthority(chain=(root,), window=Window(), open_path=True) for root in roots)
    certificate.path(leaf, (*intermediates, *evidence.chain), anchors, [at])
    claim = read_payload(evidence.content.payload)
    return _signature(evidence, claim, _names(leaf.extensions), "not checked")


def openpgp(evidence: Evidence, payload: bytes) -> VerifiedSignature:
    """What a program says was signed by a key in the requirement's keyring; read as strictly as the rest."""
    return _signature(evidence, read_payload(payload, ATOMIC_TYPE), (), "no certificate")


def names_email(names: tuple[str, ...], wanted: str) -> bool:
    """Whether a certificate for `names` is one for the address `wanted`, letter by letter."""
    return "@" in wanted and wanted in names


def names_host(names: tuple[str, ...], wanted: str) -> bool:
    """Whether a certificate for `names` is one for `wanted` (RFC 6125: one wildcard, whole left-most label).

    A number is no name: containers/image compares it with IP addresses, which are not read here.
    """
    host = wanted.lower().removesuffix(".")
    if not host or "@" in host or host.replace(".", "").isdigit():
        return False
    _, _, parent = host.partition(".")
    accepted = (host, f"*.{parent}") if parent else (host,)
    return any(name.lower() in accepted for name in names)


def _names(extensions: certificate.Extensions) -> tuple[str, ...]:
    names = certificate.find(extensions, x509.SubjectAlternativeName)
    if names is None:
        return ()
    emails, hosts = names.get_values_for_type(x509.RFC822Name), names.get_values_for_type(x509.DNSName)
    # An address without an @ would pass for a host, a host with one for an address.
    return (*(each for each in emails if "@" in each), *(each for each in hosts if "@" not in each))


def _signature(
    evidence: Evidence,
    claim: Claim,
    subjects: tuple[str, ...],
    sct: Literal["not checked", "no certificate"],
) -> VerifiedSignature:
    return VerifiedSignature(
        claim=claim,
        identity=None,
        key_id="",
        times=(),
        logged=(),
        sct=sct,
        subjects=subjects,
        origin=evidence.origin,
        media_type=evidence.media_type,
        blob_digest=evidence.blob_digest,
        made_here=MADE_HERE,
    )
