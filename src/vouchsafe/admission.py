"""The one door of all enforcement: may this image be used under this policy?

`admit` resolves the tag once, reads evidence in the likeliest order, verifies what could count, and
stops at the first signature that satisfies each requirement. It never raises: what could not be asked,
and what went wrong in us, is Undecided, and Undecided denies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from vouchsafe import discovery, material
from vouchsafe.discovery import Candidate, Found, Trouble
from vouchsafe.errors import ConfigurationError, MalformedError, Unavailable, VerificationError, VouchsafeError
from vouchsafe.evidence import Evidence, parse
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.material import Judge, World
from vouchsafe.policy.evaluate import Outcome, consider, evaluate
from vouchsafe.policy.requirement import SigstoreAttested
from vouchsafe.policy.scope import Policy, Selected, select
from vouchsafe.policy.verdict import Looked, Reason, Undecided, Verdict
from vouchsafe.ports import Clock, Registry
from vouchsafe.record import Record
from vouchsafe.verification import VerifiedSignature

MOST_VERIFICATIONS = 256  # cryptographic, for one verdict; listings are bounded by bytes
MOST_BYTES = 512 * 1024 * 1024  # of evidence read for one verdict
MOST_DEFERRED_BYTES = 16 * 1024 * 1024  # of evidence kept in case nothing better comes
LONGEST = timedelta(minutes=5)  # for one verdict
BUILT = datetime(2026, 11, 1, tzinfo=UTC)  # no clock is right that says earlier; moved at each release
MOST_TROUBLES = 32  # kept for the report


class Question(Record):
    """What is asked. `supplied`: evidence that was handed over; then nothing else is looked at.

    `thorough` reads everything there is, for `explain`. `newest_seen`: the newest verified time known on
    this machine, which the clock cannot be before.
    """

    reference: Reference
    policy: Policy
    supplied: tuple[Candidate, ...] | None = None
    thorough: bool = False
    newest_seen: datetime | None = None
    longest: timedelta = LONGEST


def admit(question: Question, *, registry: Registry, clock: Clock, world: World, report: Callable[[BaseException], None] = lambda _: None) -> Verdict:
    """The verdict. Never raises; `report` is told of errors that are our own fault."""
    try:
        return _admit(question, registry, clock, world)
    except VouchsafeError as error:
        return _undecided(question, Reason.of(error))
    except Exception as error:  # noqa: BLE001  # the edge of all enforcement: a crash denies
        report(error)
        message = f"expected an answer, got an internal error ({type(error).__name__})"
        return _undecided(question, Reason(code="internal", message=message, hint="Run it with --verbose and report it."))


def _admit(question: Question, registry: Registry, clock: Clock, world: World) -> Verdict:
    at = clock.now()
    earliest = max(BUILT, question.newest_seen or BUILT)
    if at < earliest:
        message = f"expected a clock at or after {earliest:%F}, got {at:%F %T}"
        return _undecided(question, Reason(code="clock", message=message, hint="Set this machine's clock."))
    selected = select(question.policy, question.reference)
    judges = {i: judge for i, r in enumerate(selected.requirements) if (judge := material.prepare(r, world))}
    for judge in judges.values():
        if judge.root is not None and judge.root.expires is not None and at > judge.root.expires:
            message = f"expected a trust root that is current, got one that expired {judge.root.expires:%F}"
            return _undecided(question, Reason(code="clock", message=message, hint="vouchsafe trust refresh"))
    digest = _resolve(question, registry)
    search = _Search(question, digest, selected, judges, at, clock)
    if judges:
        search.read(_candidates(question, registry, digest, judges))
        if search.found_nothing and question.supplied is None and question.reference.digest is not None:
            _must_exist(question, registry)
    return evaluate(selected, question.reference, digest, search.outcome())


def _undecided(question: Question, reason: Reason) -> Undecided:
    return Undecided(reference=str(question.reference), digest=question.reference.digest, reasons=(reason,))


def _resolve(question: Question, registry: Registry) -> Digest:
    """The digest that everything from here on is about: a tag is asked for once."""
    if question.reference.digest is not None:
        return question.reference.digest
    manifest = registry.manifest(question.reference, None)
    if manifest is None:
        raise Unavailable("no-such-image", f"expected an image at {question.reference}, got none")
    return manifest.digest


def _must_exist(question: Question, registry: Registry) -> None:
    """Tell "unsigned" from "not there", which asking by digest alone does not."""
    if registry.manifest(question.reference, None) is None:
        raise Unavailable("no-such-image", f"expected an image at {question.reference}, got none")


def _candidates(question: Question, registry: Registry, digest: Digest, judges: dict[int, Judge]) -> Iterable[Found]:
    if question.supplied is not None:
        return question.supplied
    attestations = question.thorough or any(isinstance(j.requirement, SigstoreAttested) for j in judges.values())
    return discovery.candidates(
        registry, question.reference, digest, attestations=attestations, likely=lambda leaf: _likely(leaf, judges)
    )


def _likely(leaf: bytes, judges: dict[int, Judge]) -> bool:
    """A cheap look at an unverified certificate: does it hold the bytes of a name that would be accepted?"""
    return any(want in leaf for judge in judges.values() for want in judge.wants)


class _Search:
    """Reads candidates until each requirement has its answer, or there is nothing left."""

    def __init__(
        self, question: Question, digest: Digest, selected: Selected, judges: dict[int, Judge], at: datetime, clock: Clock
    ) -> None:
        self._question = question
        self._digest = digest
        self._selected = selected
        self._judges = judges
        self._at = at
        self._clock = clock
        self._open = set(judges)
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
        if not self._open and not self._question.thorough:
            return True
        if self._clock.now() - self._at > self._question.longest:
            self._limit = Reason(
                code="limit-reached", message=f"expected an answer within {self._question.longest}, got no further"
            )
        return self._limit is not None

    def _take(self, each: Found) -> None:
        """Fetch, parse and look; what cannot be read is noted and passed over, so that it denies nothing else."""
        if isinstance(each, Trouble):
            self._note(each.error, each.origin)
            return
        try:
            blob = each.read()
            self._bytes += len(blob)
            evidence = parse(blob, each.annotations, each.media_type, origin=each.origin)
        except VouchsafeError as error:
            self._note(error, each.origin)
            return
        if self._bytes > MOST_BYTES:
            self._limit = Reason(code="limit-reached", message=f"expected at most {MOST_BYTES} bytes of evidence, got more")
        elif self._question.thorough or self._could_satisfy(evidence):
            self._look(evidence)
        else:
            self._defer(evidence, len(blob))

    def _note(self, error: VouchsafeError, origin: str) -> None:
        reasons = self._troubles if isinstance(error, MalformedError | VerificationError) else self._unanswered
        if len(reasons) < MOST_TROUBLES:
            reasons.append(Reason.of(error, about=origin))

    def _could_satisfy(self, evidence: Evidence) -> bool:
        """The cheap look: a certificate that does not hold the bytes of an accepted name comes later."""
        certificate = evidence.certificate
        judges = [self._judges[index] for index in self._open]
        return certificate is None or any(
            not judge.keyless or any(want in certificate for want in judge.wants) for judge in judges
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
        for index, judge in self._judges.items():
            if index not in self._open and not self._question.thorough:
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
            return judge.check(evidence, self._at)
        except VouchsafeError as error:
            return error

    def _hold(self, index: int, judge: Judge, evidence: Evidence, result: VerifiedSignature | VouchsafeError) -> None:
        if isinstance(result, Unavailable | ConfigurationError):
            self._note(result, evidence.origin)
            return
        against: tuple[Reason, ...]
        if isinstance(result, VouchsafeError):
            against, signature = (Reason.of(result, about=evidence.origin),), None
        else:
            signature = result
            against = consider(judge.requirement, result, self._question.reference, self._digest, self._selected, self._at)
        if not against:
            self._open.discard(index)
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
            message=f"expected an acceptable signature among the first {MOST_VERIFICATIONS}, got more than that to verify",
            hint="Remove signatures that nobody needs, or name the signer exactly.",
        )
