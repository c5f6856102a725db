"""The one door of all enforcement: may this image be used under this policy?

`admit` resolves the tag once, reads evidence in the likeliest order, verifies what could count, and
stops at the first signature that satisfies each requirement. It never raises: what could not be asked,
and what went wrong in us, is Undecided, and Undecided denies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from vouchsafe.admission import discovery, material
from vouchsafe.admission.discovery import Candidate, Found
from vouchsafe.admission.material import Judge, World
from vouchsafe.admission.search import Search, Task
from vouchsafe.errors import MalformedError, VouchsafeError
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference, absent
from vouchsafe.policy.evaluate import evaluate, refusal
from vouchsafe.policy.requirement import SigstoreAttested
from vouchsafe.policy.scope import Policy, select
from vouchsafe.policy.verdict import Reason, Undecided, Verdict
from vouchsafe.ports import Clock, Registry
from vouchsafe.record import Record

LONGEST = timedelta(minutes=5)  # for one verdict
BUILT = datetime(2026, 11, 1, tzinfo=UTC)  # no clock is right that says earlier; moved at each release


class Question(Record):
    """What is asked. `supplied`: evidence that was handed over; then nothing else is looked at.

    `named`: what the image was asked for as, when somebody has resolved that to `reference`, which then has a
    digest: policy scopes and `signedIdentity` see the name, registries the digest. `thorough` reads everything
    there is, for `explain`. `newest_seen`: the newest verified time known on this machine, which the clock
    cannot be before.
    """

    reference: Reference
    policy: Policy
    named: Reference | None = None
    supplied: tuple[Candidate, ...] | None = None
    thorough: bool = False
    newest_seen: datetime | None = None
    longest: timedelta = LONGEST

    def _check(self) -> None:
        if self.named is not None and self.reference.digest is None:
            raise MalformedError("digest", f"expected the digest that {self.named} was resolved to, got none")

    @property
    def asked_for(self) -> Reference:
        """What the policy is about."""
        return self.named or self.reference


def admit(
    question: Question,
    *,
    registry: Registry,
    clock: Clock,
    world: World,
    report: Callable[[BaseException], None] = lambda _: None,
) -> Verdict:
    """The verdict. Never raises; `report` is told of errors that are our own fault."""
    try:
        return _admit(question, registry, clock, world)
    except VouchsafeError as error:
        return _undecided(question, Reason.of(error))
    except Exception as error:  # noqa: BLE001  # the edge of all enforcement: a crash denies
        report(error)
        message = f"expected an answer, got an internal error ({type(error).__name__})"
        return _undecided(
            question, Reason(code="internal", message=message, hint="Run it with --verbose and report it.")
        )


def _admit(question: Question, registry: Registry, clock: Clock, world: World) -> Verdict:
    at = clock.now()
    earliest = max(BUILT, question.newest_seen or BUILT)
    if at < earliest:
        message = f"expected a clock at or after {earliest:%F}, got {at:%F %T}"
        return _undecided(question, Reason(code="clock", message=message, hint="Set this machine's clock."))
    selected = select(question.policy, question.asked_for)
    refused = refusal(selected, question.asked_for, question.reference.digest)
    if refused is not None and not question.thorough:
        return refused  # no signature could change it, so nobody is asked
    judges = {i: judge for i, r in enumerate(selected.requirements) if (judge := material.prepare(r, world))}
    for judge in judges.values():
        if judge.root is not None and judge.root.expires is not None and at > judge.root.expires:
            message = f"expected a trust root that is current, got one that expired {judge.root.expires:%F}"
            return _undecided(question, Reason(code="clock", message=message, hint="vouchsafe trust refresh"))
    digest = _resolve(question, registry)
    task = Task(
        reference=question.asked_for,
        digest=digest,
        selected=selected,
        judges=judges,
        at=at,
        longest=question.longest,
        thorough=question.thorough,
    )
    search = Search(task, clock)
    if judges:
        search.read(_candidates(question, registry, digest, judges))
        if search.found_nothing and question.supplied is None and question.reference.digest is not None:
            _must_exist(question, registry)
    return evaluate(selected, question.asked_for, digest, search.outcome())


def _undecided(question: Question, reason: Reason) -> Undecided:
    return Undecided(reference=str(question.asked_for), digest=question.reference.digest, reasons=(reason,))


def _resolve(question: Question, registry: Registry) -> Digest:
    """The digest that everything from here on is about: a tag is asked for once."""
    if question.reference.digest is not None:
        return question.reference.digest
    manifest = registry.manifest(question.reference, None)
    if manifest is None:
        raise absent(question.reference)
    return manifest.digest


def _must_exist(question: Question, registry: Registry) -> None:
    """Tell "unsigned" from "not there", which asking by digest alone does not."""
    if registry.manifest(question.reference, None) is None:
        raise absent(question.reference)


def _candidates(
    question: Question, registry: Registry, digest: Digest, judges: dict[int, Judge]
) -> Iterable[Found]:
    if question.supplied is not None:
        return question.supplied
    attestations = question.thorough or any(
        isinstance(j.requirement, SigstoreAttested) for j in judges.values()
    )
    return discovery.candidates(
        registry,
        question.reference,
        digest,
        attestations=attestations,
        likely=lambda leaf: _likely(leaf, judges),
    )


def _likely(leaf: bytes, judges: dict[int, Judge]) -> bool:
    """A cheap look at an unverified certificate: does it hold the bytes of a name that would be accepted?"""
    return any(want in leaf for judge in judges.values() for want in judge.wants)
