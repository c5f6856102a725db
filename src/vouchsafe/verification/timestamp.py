"""RFC 3161 time-stamps: when did somebody whom we believe see this signature?

`rfc3161-client` does CMS and certificate paths (at the stamped time, with its extended key usage); the
trust root decides who may stamp, and when. The library is loaded only when a time-stamp is there.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from vouchsafe.errors import MalformedError, VerificationError
from vouchsafe.image.digest import SHA2
from vouchsafe.verification import certificate
from vouchsafe.verification.trust import CertificateAuthority

if TYPE_CHECKING:
    import rfc3161_client

LARGEST_TOKEN = 64 * 1024  # bytes
AUTHORITIES_KEPT = 16
_HASHES = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}


class UnknownAuthority(VerificationError):
    """The time-stamp is by nobody whom the trust root knows: it proves nothing, and disproves nothing."""


def verify(
    token: bytes, message: bytes, authorities: tuple[CertificateAuthority, ...]
) -> tuple[datetime, str]:
    """The time at which an authority stamped `message`, and the authority's URI.

    Raises VerificationError (UnknownAuthority when it is by somebody else), MalformedError.
    """
    response, at, imprint = _decode(token)
    algorithm = _HASHES.get(imprint.hash_algorithm.dotted_string)
    if algorithm is None or SHA2[algorithm](message).digest() != imprint.message:
        raise VerificationError(
            "timestamp-imprint", "expected a time-stamp of this signature, got one of another"
        )
    nearest: VerificationError = UnknownAuthority(
        "timestamp-authority", "expected a time-stamp by a trusted authority, got one by nobody we trust"
    )
    _refuse_doubles(response)
    for authority in authorities:
        if not _stamped_by(response, imprint.message, authority):
            continue
        if at in authority.window:
            return at, authority.uri
        nearest = VerificationError(
            "timestamp-window", f"expected a time-stamp while its authority was trusted, got {at:%F %T}"
        )
    raise nearest


def _decode(token: bytes) -> tuple[rfc3161_client.TimeStampResponse, datetime, rfc3161_client.MessageImprint]:
    import rfc3161_client  # 57 ms that only evidence with a time-stamp should pay

    if len(token) > LARGEST_TOKEN:
        raise MalformedError(
            "timestamp", f"expected at most {LARGEST_TOKEN} bytes of time-stamp, got {len(token)}"
        )
    try:
        response = rfc3161_client.decode_timestamp_response(token)
        info = response.tst_info
        at, imprint = info.gen_time, info.message_imprint
    except (ValueError, TypeError) as error:
        raise MalformedError("timestamp", f"expected an RFC 3161 time-stamp, got {error}") from error
    return response, at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC), imprint


def _refuse_doubles(response: rfc3161_client.TimeStampResponse) -> None:
    """Two embedded certificates of one issuer and number: which of them signed? (GHSA-xm5m-wgh2-rrg3)

    The library checks the signature with one of them and the extended key usage of, perhaps, the other.
    """
    embedded = [certificate.load(der) for der in response.signed_data.certificates]
    if len({(each.issuer, each.serial_number) for each in embedded}) != len(embedded):
        raise VerificationError(
            "timestamp-certificate", "expected one certificate of each number in the time-stamp, got two"
        )


def _stamped_by(
    response: rfc3161_client.TimeStampResponse, imprint: bytes, authority: CertificateAuthority
) -> bool:
    import rfc3161_client  # as above

    try:
        return _verifier(authority).verify(response, imprint)
    except (rfc3161_client.VerificationError, VerificationError, ValueError, TypeError):
        return False


@lru_cache(maxsize=AUTHORITIES_KEPT)
def _verifier(authority: CertificateAuthority) -> rfc3161_client.Verifier:
    """A verifier that knows this authority only. A chain may begin with the stamping certificate or its issuer."""
    import rfc3161_client  # as above

    first, *rest = (certificate.load_kept(der) for der in authority.chain)
    names_stamper = not certificate.is_authority(first)
    builder = rfc3161_client.VerifierBuilder(
        tsa_certificate=first if names_stamper else None,
        intermediates=rest[:-1] if names_stamper else [first, *rest][:-1],
        roots=rest[-1:] or [first],
    )
    return builder.build()
