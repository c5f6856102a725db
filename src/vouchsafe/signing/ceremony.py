"""Signs: a signature, its log entry and its time-stamps become Evidence, which is verified before it leaves.

One certificate serves every signature of a run while it lives; a new one is asked for when it is about to
end, and only then is the token needed again. What comes back from Fulcio, Rekor and the time-stamping
authority is believed only after our own verifier has gone over it with the trust root that readers use.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from vouchsafe.errors import MalformedError, SigningError, VerificationError
from vouchsafe.evidence import legacy
from vouchsafe.evidence.dsse import IN_TOTO, pre_authentication_encoding
from vouchsafe.evidence.types import Envelope, Evidence, LogEntry, MessageSignature, SimpleSigning
from vouchsafe.image.digest import Digest
from vouchsafe.ports import CertificateIssuer, Clock, Submission, TimestampAuthority, TransparencyLog
from vouchsafe.record import Record
from vouchsafe.signing import content, der, formats
from vouchsafe.signing.key import SigningKey, ephemeral
from vouchsafe.signing.together import together
from vouchsafe.signing.token import IdentityToken, check_life
from vouchsafe.verification import VerifiedSignature, verify
from vouchsafe.verification.trust import TrustRoot

STILL_NEW = timedelta(seconds=5)  # a certificate that lives shorter than LEAST_LEFT would do no better anew
MOST_WITNESSES = 8  # logs and time-stamping authorities asked at once
LEAST_LEFT = timedelta(
    seconds=60
)  # of a certificate's life when a signature is begun; a log may take half of it
_FOREIGN_ROOT = "Nothing was published. Does the trusted root belong to these services?"
_UNPUBLISHED = {
    "certificate-expired": "Nothing was published. The certificate ended before the log or the time-stamping authority "
    "had answered: run it again, when they are quicker."
}


class Credential(Record):
    """What signs: a key, and the certificate of the one who signs unless the key is known by itself."""

    key: SigningKey
    certificate: bytes | None = None
    chain: tuple[bytes, ...] = ()
    hint: str = ""


class Signer:
    """Gives out the credential of the moment. Thread-safe."""

    def __init__(self, current: Callable[[], Credential]) -> None:
        """Made by `by_key` and `keyless`."""
        self.current = current


def by_key(key: SigningKey) -> Signer:
    """A managed key; the hint names it in a bundle, as cosign does: base64 of SHA-256 over its DER."""
    hint = content.base64_text(Digest.of(key.public).raw)
    credential = Credential(key=key, hint=hint)
    return Signer(lambda: credential)


def keyless(token: IdentityToken, issuer: CertificateIssuer, clock: Clock) -> Signer:
    """A new key and a certificate for it, asked for when first needed and again before it ends.

    When it ends is looked at when it is not quite new any more: what reads that is not needed before the log is asked.
    """
    held: list[tuple[Credential, datetime]] = []  # and when it was asked for
    lock = threading.Lock()

    def is_over(now: datetime) -> bool:
        credential, since = held[0]
        return now - since > STILL_NEW and _end(credential) - LEAST_LEFT < now

    def current() -> Credential:
        with lock:
            now = clock.now()
            if not held or is_over(now):
                check_life(token, at=now)
                held[:] = [(_certified(token, issuer), now)]
            return held[0][0]

    return Signer(current)


def _certified(token: IdentityToken, issuer: CertificateIssuer) -> Credential:
    key = ephemeral()
    chain = issuer.certify(token.secret, _request(key))
    if not all(map(der.is_sequence, chain)) or not chain:
        raise SigningError("certificate", "expected a certificate from Fulcio, got something else")
    return Credential(key=key, certificate=chain[0], chain=chain[1:])


def _end(credential: Credential) -> datetime:
    from vouchsafe.verification.certificate import load

    try:
        return load(credential.certificate or b"").not_valid_after_utc
    except MalformedError as error:
        raise SigningError("certificate", "expected a certificate from Fulcio, got something else") from error


def _request(key: SigningKey) -> bytes:
    """A certificate signing request: it proves to have the key; who asks is said by the token alone."""
    signed = der.to_be_signed(key.public)
    signature, _ = key.sign(signed)
    return content.pem("CERTIFICATE REQUEST", der.certificate_request(signed, signature)).encode("ascii")


class Ceremony:
    """Makes verified evidence. Thread-safe as far as its parts are.

    `logs` are the places that every bundle is recorded in, `legacy_log` the Rekor v1 that `.sig` needs;
    `stampers` vouch for the time. `root` is what readers believe.
    """

    def __init__(
        self,
        signer: Signer,
        *,
        root: TrustRoot,
        clock: Clock,
        logs: tuple[TransparencyLog, ...] = (),
        legacy_log: TransparencyLog | None = None,
        stampers: tuple[TimestampAuthority, ...] = (),
        natural_hash: bool = False,
    ) -> None:
        """`natural_hash`: a bundle's log insists on the hash that fits the key's curve. Nothing is asked yet."""
        self._natural_hash = natural_hash
        self._signer = signer
        self._root = root
        self._clock = clock
        self._logs = logs
        self._legacy_log = legacy_log
        self._stampers = stampers

    def prepare(self) -> None:
        """Get the certificate, if one is needed. SigningError, Unavailable."""
        self._signer.current()

    def warm_up(self) -> None:
        """Import what the verifier will need, while the log is being asked."""
        from vouchsafe.verification import certificate, log, sct  # noqa: F401

    def signature_layer(self, payload: bytes) -> tuple[Evidence, VerifiedSignature]:
        """A simple-signing payload signed as `.sig` wants it: SHA-256, and logged with a promise."""
        credential = self._signer.current()
        signature, digest = credential.key.sign(payload)
        entries, _ = self._witnessed(credential, signature, digest, b"", self._legacy_logs)
        evidence = _evidence(credential, SimpleSigning(payload=payload), signature, legacy.SIMPLE_SIGNING)
        return self._verified(evidence.replace(entries=entries, blob_digest=Digest.of(payload)))

    def bundle(self, statement: bytes) -> tuple[Evidence, VerifiedSignature]:
        """A statement signed for a bundle."""
        return self._verified(
            self._enveloped(statement, self._logs, natural=self._natural_hash, stamped=True)
        )

    def artifact_bundle(self, artifact: bytes) -> tuple[Evidence, VerifiedSignature]:
        """A file signed as it is, for a bundle that holds its digest only."""
        credential = self._signer.current()
        signature, digest = credential.key.sign(artifact, natural=self._natural_hash)
        entries, stamps = self._witnessed(credential, signature, digest, b"", self._logs, stamped=True)
        made = _evidence(credential, MessageSignature(digest=digest), signature, formats.BUNDLE)
        return self._verified(made.replace(entries=entries, timestamps=stamps, chain=()), artifact)

    def attestation(
        self, statement: bytes, *, layer: bool, bundle: bool
    ) -> tuple[tuple[Evidence, VerifiedSignature] | None, tuple[Evidence, VerifiedSignature] | None]:
        """A statement as `.att` layer, as bundle, or as both: then one signature and one entry serve for both.

        Sharing needs one log; where they differ there are two signatures.
        """
        shares = layer and self._logs == self._legacy_logs

        def for_layer() -> Evidence | None:
            return self._enveloped(statement, self._legacy_logs, stamped=shares and bundle) if layer else None

        def for_bundle() -> Evidence | None:
            if shares or not bundle:
                return None
            return self._enveloped(statement, self._logs, natural=self._natural_hash, stamped=True)

        made, own = together([for_layer, for_bundle], most=2)
        one = made if shares and bundle else own
        return (
            None if made is None else self._verified(_stored(made, statement)),
            None if one is None else self._verified(one),
        )

    @property
    def _legacy_logs(self) -> tuple[TransparencyLog, ...]:
        return () if self._legacy_log is None else (self._legacy_log,)

    def _enveloped(
        self,
        statement: bytes,
        logs: tuple[TransparencyLog, ...],
        *,
        natural: bool = False,
        stamped: bool = False,
    ) -> Evidence:
        credential = self._signer.current()
        sealed = Envelope(payload_type=IN_TOTO, payload=statement)
        signature, digest = credential.key.sign(pre_authentication_encoding(sealed), natural=natural)
        envelope = content.envelope(statement, signature)
        entries, stamps = self._witnessed(credential, signature, digest, envelope, logs, stamped=stamped)
        # A bundle v0.3 holds no chain: its readers know the authorities.
        made = _evidence(credential, sealed, signature, formats.BUNDLE)
        return made.replace(entries=entries, timestamps=stamps, chain=())

    def _witnessed(
        self,
        credential: Credential,
        signature: bytes,
        digest: Digest,
        envelope: bytes,
        logs: tuple[TransparencyLog, ...],
        *,
        stamped: bool = False,
    ) -> tuple[tuple[LogEntry, ...], tuple[bytes, ...]]:
        """The entries of the logs and, where they are wanted, time-stamps over the signature; all asked at once."""
        submission = Submission(
            signature=signature,
            signer=credential.certificate or credential.key.public,
            is_certificate=credential.certificate is not None,
            key_details=credential.key.details,
            message=digest,
            envelope=envelope,
        )
        entries: dict[int, LogEntry] = {}
        stamps: dict[int, bytes] = {}

        def enter(number: int, log: TransparencyLog) -> None:
            entries[number] = log.add(submission)

        def stamp(number: int, stamper: TimestampAuthority) -> None:
            stamps[number] = stamper.stamp(signature)

        stampers = self._stampers if stamped else ()
        tasks = [partial(enter, *pair) for pair in enumerate(logs)]
        together([*tasks, *(partial(stamp, *pair) for pair in enumerate(stampers))], most=MOST_WITNESSES)
        return tuple(entries[n] for n in range(len(logs))), tuple(stamps[n] for n in range(len(stampers)))

    def _verified(
        self, evidence: Evidence, artifact: bytes | None = None
    ) -> tuple[Evidence, VerifiedSignature]:
        """What no reader would accept is not published."""
        try:
            return evidence, verify(evidence, self._root, at=self._clock.now(), artifact=artifact)
        except (VerificationError, MalformedError) as error:
            raise SigningError(
                f"unverifiable-{error.code}",
                f"expected a signature that readers accept, got one of which our verifier says: {error.message}",
                hint=error.hint or _UNPUBLISHED.get(error.code, _FOREIGN_ROOT),
            ) from error


def _stored(made: Evidence, statement: bytes) -> Evidence:
    """The same signature as an `.att` layer holds it: the envelope's own bytes are the blob."""
    blob = content.envelope(statement, made.signature)
    digest = Digest.of(blob)
    return made.replace(
        content=Envelope(payload_type=IN_TOTO, payload=statement, stored=digest),
        media_type=legacy.DSSE_ENVELOPE,
        blob_digest=digest,
        timestamps=(),  # a layer's would have to be of the envelope
        timestamped=blob,
    )


def _evidence(
    credential: Credential,
    sealed: SimpleSigning | Envelope | MessageSignature,
    signature: bytes,
    media_type: str,
) -> Evidence:
    return Evidence(
        origin="this run",
        media_type=media_type,
        content=sealed,
        signature=signature,
        certificate=credential.certificate,
        chain=credential.chain,
        key_hint=credential.hint if credential.certificate is None else "",
        timestamped=signature,
        blob_digest=Digest.of(signature),
    )
