"""Reads candidates until each requirement has its answer, within bounds that no registry can move.

What names an accepted signer is looked at as it comes; the rest waits, because junk in front must neither
end the search nor fill the memory. What cannot be read is noted: it denies nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from vouchsafe.admission.discovery import Found, Trouble
from vouchsafe.admission.material import Judge
from vouchsafe.errors import (
    ConfigurationError,
    MalformedError,
    Unavailable,
    VerificationError,
    VouchsafeError,
)
from vouchsafe.evidence import Envelope, Evidence, SimpleSigning, parse
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.policy.consider import consider
from vouchsafe.policy.evaluate import Outcome
from vouchsafe.policy.scope import Selected
from vouchsafe.policy.verdict import Looked, Reason
from vouchsafe.ports import Clock
from vouchsafe.record import Record
from vouchsafe.verification import VerifiedSignature

MOST_VERIFICATIONS = 256  # cryptographic, for one verdict; listings are bounded by bytes
MOST_BYTES = 512 * 1024 * 1024  # of evidence read for one verdict
MOST_DEFERRED_BYTES = 16 * 1024 * 1024  # of evidence kept in case nothing better comes
MOST_TROUBLES = 32  # kept for the report


class Task(Record):
    """What is searched for. `thorough`: read everything there is, also after an answer."""

    reference: Reference
    digest: Digest
    selected: Selected
    judges: dict[int, Judge]
    at: datetime
    longest: timedelta
    thorough: bool


class Search:
    """Reads candidates until each requirement has its answer, or there is nothing left."""

    def __init__(self, task: Task, clock: Clock) -> None:
        """Nothing is read yet."""
        self._task = task
        self._clock = clock
        self._open = set(task.judges)
        self._looked: list[Looked] = []
        self._unanswered: list[Reason] = []
        self._troubles: list[Reason] = []
        self._limit: Reason | None = None
        self._deferred: list[Evidence] = []
        self._deferred_bytes = 0
        self._left_out = False
        self._verifications = 0
        self._bytes = 0

    @property
    def found_nothing(self) -> bool:
        """Whether there was nothing at all to look at."""
        return not (self._looked or self._unanswered or self._troubles or self._limit)

    def outcome(self) -> Outcome:
        """What was found out."""
        return Outcome(
            looked=tuple(self._looked),
            unanswered=tuple(self._unanswered),
            troubles=tuple(self._troubles),
            limit=self._limit,
        )

    def read(self, found: Iterable[Found]) -> None:
        """Look at everything, the likely at once, the rest when nothing better came."""
        for each in found:
            self._take(each)
            if self._is_done():
                return
        for evidence in self._deferred:
            self._look(evidence)
            if self._is_done():
                return
        if self._left_out:
            self._reach_limit()

    def _is_done(self) -> bool:
        if not self._open and not self._task.thorough:
            return True
        if self._clock.now() - self._task.at > self._task.longest:
            self._limit = Reason(
                code="limit-reached",
                message=f"expected an answer within {self._task.longest}, got no further",
            )
        return self._limit is not None

    def _take(self, each: Found) -> None:
        """Fetch, parse and look; what cannot be read is noted and passed over, so that it denies nothing else."""
        if isinstance(each, Trouble):
            self._note(each.error, each.origin)
            return
        try:
            blob = each.read()
            size = len(blob) + sum(map(len, each.annotations.values()))  # where `.sig` has its proofs
            self._bytes += size
            evidence = parse(blob, each.annotations, each.media_type, origin=each.origin)
        except VouchsafeError as error:
            self._note(error, each.origin)
            return
        if self._bytes > MOST_BYTES:
            self._limit = Reason(
                code="limit-reached", message=f"expected at most {MOST_BYTES} bytes of evidence, got more"
            )
        elif self._task.thorough or self._could_satisfy(evidence):
            self._look(evidence)
        else:
            self._defer(evidence, size)

    def _note(self, error: VouchsafeError, origin: str) -> None:
        reasons = (
            self._troubles if isinstance(error, MalformedError | VerificationError) else self._unanswered
        )
        if len(reasons) < MOST_TROUBLES:
            reasons.append(Reason.of(error, about=origin))

    def _could_satisfy(self, evidence: Evidence) -> bool:
        """The cheap look: what does not hold the bytes of an accepted name, or of this image, comes later."""
        return any(
            _names_signer(evidence, judge) and _names_image(evidence, judge, self._task.digest)
            for judge in map(self._task.judges.__getitem__, self._open)
        )

    def _defer(self, evidence: Evidence, size: int) -> None:
        """Keep for the near misses; junk must neither end the search nor fill the memory."""
        self._deferred_bytes += size
        if len(self._deferred) < MOST_VERIFICATIONS and self._deferred_bytes <= MOST_DEFERRED_BYTES:
            self._deferred.append(evidence)
        else:
            self._left_out = True

    def _look(self, evidence: Evidence) -> None:
        """Verify once for each trust root, and hold the result against each open requirement."""
        results: list[tuple[Judge, VerifiedSignature | VouchsafeError]] = []
        for index, judge in self._task.judges.items():
            if index not in self._open and not self._task.thorough:
                continue
            result = next((r for j, r in results if j.root is not None and j.root is judge.root), None)
            if result is None:
                if self._verifications == MOST_VERIFICATIONS:
                    self._reach_limit()
                    return
                self._verifications += 1
                result = self._check(judge, evidence)
                results.append((judge, result))
            self._hold(index, judge, evidence, result)

    def _check(self, judge: Judge, evidence: Evidence) -> VerifiedSignature | VouchsafeError:
        try:
            return judge.check(evidence, self._task.at)
        except VouchsafeError as error:
            return error

    def _hold(
        self, index: int, judge: Judge, evidence: Evidence, result: VerifiedSignature | VouchsafeError
    ) -> None:
        if isinstance(result, Unavailable | ConfigurationError):
            self._note(result, evidence.origin)
            return
        against: tuple[Reason, ...]
        if isinstance(result, VouchsafeError):
            against, signature = (Reason.of(result, about=evidence.origin),), None
        else:
            signature = result
            against = consider(
                judge.requirement,
                result,
                self._task.reference,
                self._task.digest,
                self._task.selected,
                self._task.at,
            )
        if not against:
            self._open.discard(index)
        elif signature is not None:
            signature = signature.outline()
        self._looked.append(
            Looked(
                requirement=index,
                origin=evidence.origin,
                media_type=evidence.media_type,
                against=against,
                signature=signature,
            )
        )

    def _reach_limit(self) -> None:
        self._limit = Reason(
            code="limit-reached",
            message=f"expected an answer among {MOST_VERIFICATIONS} signatures, got more than that to verify",
            hint="Remove signatures that nobody needs, or name the signer exactly.",
        )


def _names_signer(evidence: Evidence, judge: Judge) -> bool:
    """A requirement of an identity has no use for a signature by a key, nor for a certificate of others."""
    certificate = evidence.certificate
    return not judge.keyless or (certificate is not None and any(want in certificate for want in judge.wants))


def _names_image(evidence: Evidence, judge: Judge, digest: Digest) -> bool:
    """Somebody's signatures of other images, copied here, and statements of another kind come later."""
    match evidence.content:
        case SimpleSigning(payload=payload):
            return digest.hex.encode() in payload
        case Envelope(payload=payload):
            return digest.hex.encode() in payload and judge.predicate_type.encode() in payload
        case _:
            return True
