"""Is the proof sound? Evidence, a TrustRoot and a time lead to a VerifiedSignature, or to an error.

The whole argument, in order (design rules 4 to 8):

1. who signed: the certificate's key, or a managed key of the trust root;
2. the signature over the exact bytes;
3. the log entries: signed by the log, included, and about this very signature;
4. the times that somebody we believe vouched for;
5. the certificate's path at every one of these times, and its timestamp by a CT log;
6. only then: what the signed bytes say.

Whom to accept is another question; `vouchsafe.policy` answers it. This module opens no file, asks
no clock and logs nothing: `at` is an argument.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from vouchsafe.errors import VerificationError
from vouchsafe.evidence import bundle
from vouchsafe.evidence.dsse import pre_authentication_encoding
from vouchsafe.evidence.types import Envelope, Evidence, OpenPGP, SimpleSigning
from vouchsafe.image.digest import Digest
from vouchsafe.verification import keys
from vouchsafe.verification.claim import Claim, read_payload, read_statement
from vouchsafe.verification.entry import Signed
from vouchsafe.verification.identity import Identity
from vouchsafe.verification.signature import MADE_HERE, LogPlace, VerifiedSignature, VerifiedTime
from vouchsafe.verification.trust import PublicKey, TrustRoot, Window

if TYPE_CHECKING:
    from vouchsafe.verification import certificate, log

__all__ = ["Identity", "LogPlace", "TrustRoot", "VerifiedSignature", "VerifiedTime", "verify"]

CLOCK_SKEW = timedelta(minutes=5)  # by which a signer's log may be ahead of our clock


def verify(
    evidence: Evidence, root: TrustRoot, *, at: datetime, artifact: bytes | Digest | None = None
) -> VerifiedSignature:
    """Check everything that can be checked without knowing whom to accept.

    `at` is the current time (aware): times beyond it are refused with code `clock`. `artifact` is what a
    bundle of a plain file signature is about. Raises VerificationError or MalformedError, nothing else.
    """
    from vouchsafe.verification import certificate, log, sct  # 20 ms that who finds no evidence does without

    message = _message(evidence, artifact)
    leaf = _leaf(evidence, root)
    if leaf is None:
        public = _managed_key(evidence, root, message)
        signer, window = public.key, public.window
    else:
        keys.verify(leaf.key, evidence.signature, message, "the content")
        signer, window = leaf.der, Window()
    signed = Signed(evidence=evidence, signer=signer, message=message)
    logged = log.verify(evidence.entries, signed, root.logs) if root.logs else ()
    times = _times(evidence, root, logged, time_needed=leaf is not None)
    moments = [each.time for each in times]
    _check_times(moments, window, logged, at)
    identity = None
    if leaf is not None:
        identity = leaf.identity()
        issuer = certificate.path(leaf, evidence.chain, root.authorities, moments)
        if root.ct_logs:
            sct.verify(leaf, issuer, root.ct_logs)
    return VerifiedSignature(
        claim=_claim(evidence, message),
        identity=identity,
        key_id="" if leaf else Digest.of(signer).hex,
        times=times,
        logged=tuple(
            LogPlace(log=each.log.host or each.log.key_id.hex(), index=each.index) for each in logged
        ),
        sct="no certificate" if not leaf else "verified" if root.ct_logs else "not checked",
        origin=evidence.origin,
        media_type=evidence.media_type,
        blob_digest=evidence.blob_digest,
        made_here=MADE_HERE,
    )


def _leaf(evidence: Evidence, root: TrustRoot) -> certificate.Leaf | None:
    """The certificate; with a root of keys alone, one that came along means nothing (as containers/image)."""
    if evidence.certificate is None or (root.keys and not root.authorities):
        return None
    from vouchsafe.verification import certificate

    if evidence.media_type.startswith(bundle.FAMILY):
        certificate.refuse_roots(evidence.chain)
    return certificate.Leaf(evidence.certificate)


def _message(evidence: Evidence, artifact: bytes | Digest | None) -> bytes | Digest:
    """The bytes that the signature covers, or their digest when nobody has the bytes."""
    content = evidence.content
    if isinstance(content, SimpleSigning):
        return content.payload
    if isinstance(content, Envelope):
        return pre_authentication_encoding(content)
    if isinstance(content, OpenPGP):
        raise VerificationError("openpgp", "expected a Sigstore signature, got an OpenPGP one")
    if artifact is None:
        raise VerificationError("artifact", "expected the artifact that this bundle is about, got none")
    if content.digest is not None and not _same(content.digest, artifact):
        raise VerificationError("artifact", f"expected the artifact {content.digest}, got another")
    return artifact


def _same(digest: Digest, artifact: bytes | Digest) -> bool:
    if isinstance(artifact, Digest):
        return digest == artifact or digest.algorithm != artifact.algorithm
    return digest.matches(artifact)


def _managed_key(evidence: Evidence, root: TrustRoot, message: bytes | Digest) -> PublicKey:
    """The trust root's key that made this signature."""
    if not root.keys:
        raise VerificationError(
            "no-certificate", "expected a certificate, got a signature by a key nobody named"
        )
    nearest = VerificationError("signature", "expected a signature by a trusted key, got one by none of them")
    for public in root.keys:
        try:
            if keys.holds(keys.load(public.key), evidence.signature, message):
                return public
        except VerificationError as error:  # Ed25519, and nobody has the bytes
            nearest = error
    raise nearest


def _times(
    evidence: Evidence, root: TrustRoot, logged: tuple[log.LoggedEntry, ...], *, time_needed: bool
) -> tuple[VerifiedTime, ...]:
    """Every time that somebody we believe vouched for. A certificate cannot be judged without one."""
    times = [
        VerifiedTime(time=each.time, source="log", authority=each.log.host or each.log.key_id.hex())
        for each in logged
        if each.time is not None
    ]
    from vouchsafe.verification import timestamp

    missing = VerificationError("no-time", "expected a verified time of the signature, got none")
    for token in dict.fromkeys(evidence.timestamps):  # one stamp twice is one stamp: GHSA-9vcr-p3rj-q5q6
        try:
            time, authority = timestamp.verify(token, evidence.timestamped, root.timestamp_authorities)
        except timestamp.UnknownAuthority as error:
            missing = error  # proves nothing, and disproves nothing
            continue
        times.append(VerifiedTime(time=time, source="timestamp", authority=authority))
    if time_needed and not times:
        raise missing
    return tuple(times)


def _check_times(
    moments: list[datetime], window: Window, logged: tuple[log.LoggedEntry, ...], at: datetime
) -> None:
    """Every verified time must lie in the past, and in the windows of the key and of every log.

    `window` is a managed key's: judged now where nobody vouched for a time (GHSA-wqqc-jjcq-vfxm).
    """
    for moment in moments or [at]:
        if moment > at + CLOCK_SKEW:
            raise VerificationError(
                "clock",
                f"expected a signature made before {at:%F %T}, got one of {moment:%F %T}",
                hint="Is this machine's clock right?",
            )
        if moment not in window:
            raise VerificationError(
                "key-window", f"expected a key that is trusted at {moment:%F %T}, got one for {window}"
            )
        if any(moment not in each.log.window for each in logged):
            raise VerificationError(
                "log-window", f"expected an entry made while the log was trusted, got {moment:%F %T}"
            )


def _claim(evidence: Evidence, message: bytes | Digest) -> Claim:
    if isinstance(evidence.content, SimpleSigning):
        return read_payload(evidence.content.payload)
    if isinstance(evidence.content, Envelope):
        return read_statement(evidence.content)
    digest = message if isinstance(message, Digest) else Digest.of(message)
    return Claim(role="artifact", digests=frozenset((digest,)), annotations={})
