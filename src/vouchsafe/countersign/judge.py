"""Is this digest accepted under this scope? From memory, from kept evidence, from the registry, or through its index.

Only `vouchsafe.admission.admit` accepts. What is kept saves questions to a registry, never a verification:
evidence from the store goes through the same door. An index speaks for an instance when it is accepted in
its own right, under the same scope and epoch; a list is never accepted because its instances are.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from vouchsafe import __version__
from vouchsafe.admission import Question, admit
from vouchsafe.admission.discovery import Candidate
from vouchsafe.admission.material import World
from vouchsafe.countersign.acceptance import TTL, Acceptance, Judgement, Refusal, accept
from vouchsafe.countersign.believed import Believed, believed
from vouchsafe.countersign.flights import Flights
from vouchsafe.countersign.recording import MOST_PIECES, Recording, candidates
from vouchsafe.countersign.remembered import Remembered
from vouchsafe.countersign.rows import SERVICE, THROUGH, Memory, Noted
from vouchsafe.countersign.scopes import tag_matters
from vouchsafe.countersign.state import Grounds, InForce
from vouchsafe.countersign.store import Store
from vouchsafe.errors import VouchsafeError
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference, Repository
from vouchsafe.policy.revocation import is_told_all
from vouchsafe.policy.scope import Policy
from vouchsafe.policy.verdict import Accepted, Reason, Undecided, Verdict
from vouchsafe.ports import Catalogue, Clock, Registry
from vouchsafe.record import Record

MOST_JUDGEMENTS = 4_096  # kept in memory
REJECTED_FOR = timedelta(seconds=10)  # in which a refusal is not looked into again
UNDECIDED_FOR = timedelta(seconds=1)  # podman asks three times, a second apart
LONGEST = timedelta(seconds=18)  # of one verdict; clients are answered after 20
OWN = "own"  # a judgement by the image's own signatures


class Subject(Record):
    """An image as a policy knows it, and the scope that it is judged under.

    `named`: what somebody asked for, where the question carries it and the scope compares tags: then they are
    compared here, and not by whoever reads a signature.
    """

    repository: Repository
    digest: Digest
    scope: str
    named: Reference | None = None

    @property
    def reference(self) -> Reference:
        """By digest: what is judged."""
        return Reference(transport="docker", repository=self.repository, digest=self.digest)


class Errand(Record):
    """What one question is judged with: the state it began in, and a registry with a budget of its own.

    `offline`: no registry is asked, and what is kept decides alone. `lane`: whose errand it is; what one could not
    find out, or has used up, is nothing to another. `lists` and `tags`: where an index that names the image may be,
    as somebody supposes.
    """

    grounds: Grounds
    registry: Catalogue
    world: World
    offline: bool = False
    lane: str = ""
    lists: tuple[Digest, ...] = ()
    tags: tuple[str, ...] = ()


class Judge:
    """Judges an image by its own signatures. Thread-safe; never raises."""

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock,
        report: Callable[[BaseException], None],
        ttl: timedelta = TTL,
    ) -> None:
        """`report` is told of errors that are our own fault; `ttl` is how long a registry's answer stands."""
        self.store = store
        self.clock = clock
        self._report = report
        self._ttl = ttl
        self._known: Remembered[tuple[str, ...], Judgement] = Remembered(MOST_JUDGEMENTS)
        self._flights: Flights[Judgement] = Flights()
        self._believed: Remembered[tuple[int, str], Believed] = Remembered(MOST_JUDGEMENTS)
        self._newest: list[datetime] = []

    def judge(self, errand: Errand, subject: Subject) -> Judgement:
        """The judgement."""
        return self.find_out(errand, subject, OWN, lambda: self._by_its_own(errand, subject))

    def find_out(
        self, errand: Errand, subject: Subject, kind: str, work: Callable[[], Judgement]
    ) -> Judgement:
        """From memory, or by `work`, which everybody who asks the same waits for. Never raises."""
        try:
            key = (*self._key(errand, subject), kind)
            known = self._known.get(key, self.clock.now())
            return known or self._flights.run(key, lambda: self._keep(key, subject, work()))
        except VouchsafeError as error:
            return Refusal(outcome="undecided", reason=Reason.of(error))
        except Exception as error:  # noqa: BLE001  # an edge: a crash denies
            self._report(error)
            message = f"expected a judgement, got an internal error ({type(error).__name__})"
            return Refusal(outcome="undecided", reason=Reason(code="internal", message=message))

    def newest_seen(self) -> datetime | None:
        """The newest verified time that this host knows of: its clock cannot be before it."""
        if not self._newest and (newest := self.store.newest_seen()) is not None:
            self._newest.append(newest)
        return max(self._newest, default=None)

    def _key(self, errand: Errand, subject: Subject) -> tuple[str, ...]:
        """All that a judgement depends on; with less, one repository would get another's."""
        return (
            subject.repository.name,
            str(subject.digest),
            subject.scope,
            errand.grounds.in_force.epoch,
            self._believes(errand, subject.scope).fingerprint,
            __version__,
            str(errand.grounds.generation),
            str(errand.offline),
            errand.lane,
            str(subject.named or ""),
        )

    def _believes(self, errand: Errand, scope: str) -> Believed:
        at = self.clock.now()
        key = (errand.grounds.generation, scope)
        found = self._believed.get(key, at)
        if found is None:
            found = believed(errand.grounds.in_force.rules[scope], errand.world)
            self._believed.put(key, found, start=at, end=at + TTL)
        return found

    def _keep(self, key: tuple[str, ...], subject: Subject, judgement: Judgement) -> Judgement:
        """Remember it for as long as it stands, and write down what was found."""
        at = self.clock.now()
        match judgement:
            case Acceptance(until=until, newest=newest):
                if newest is not None:
                    self._see(min(newest, at))
            case Refusal(outcome=outcome):
                until = at + (REJECTED_FOR if outcome == "rejected" else UNDECIDED_FOR)
        # By its own signatures it was noted already, when that was found out.
        if isinstance(judgement, Acceptance) and (key[-1] == OWN or judgement.through is not None):
            self.store.note(_noted(key, subject, judgement, at))
        self._known.put(key, judgement, start=at, end=until)
        return judgement

    def _see(self, newest: datetime) -> None:
        known = self.newest_seen()
        if known is None or newest > known:
            self.store.see(newest)
            self._newest[:] = [newest]

    def _by_its_own(self, errand: Errand, subject: Subject) -> Judgement:
        revoked = errand.grounds.tombstones.of_digest(subject.digest)
        if revoked is not None:
            return Refusal(outcome="rejected", reason=revoked)
        at = self.clock.now()
        kept = self._by_what_was_kept(errand, subject, at)
        # With as many names as are kept there may be others; where no tag is compared there is one.
        if isinstance(kept, Acceptance) and (errand.offline or len(kept.names) < MOST_PIECES):
            return kept
        if errand.offline:
            message = f"expected kept evidence about {subject.digest}, got none"
            return kept or Refusal(outcome="undecided", reason=Reason(code="nothing-kept", message=message))
        recording = Recording(errand.registry)
        until = at + self._ttl
        judgement, verdict = self._admit(errand, subject, recording, None, until)
        if isinstance(judgement, Acceptance):
            self.store.remember(
                Memory(
                    repository=subject.repository,
                    digest=subject.digest,
                    checked=at,
                    until=until,
                    source=SERVICE,
                    evidence=recording.pieces(verdict),
                )
            )
        elif judgement.outcome == "undecided" and isinstance(kept, Acceptance):
            return kept
        return judgement

    def _by_what_was_kept(self, errand: Errand, subject: Subject, at: datetime) -> Judgement | None:
        """None where nothing is, or its time is over."""
        memory = self.store.recall(subject.repository, subject.digest, at)
        if memory is None or not memory.evidence or not memory.checked <= at < memory.until:
            return None
        supplied = candidates(memory.evidence)
        judgement, _ = self._admit(errand, subject, errand.registry, supplied, memory.until)
        return judgement

    def _admit(
        self,
        errand: Errand,
        subject: Subject,
        registry: Registry,
        supplied: tuple[Candidate, ...] | None,
        until: datetime,
    ) -> tuple[Judgement, Verdict]:
        """Through the one door; a second time, thoroughly, when the first signature does not tell all."""
        rule = errand.grounds.in_force.rules[subject.scope]
        question = Question(
            reference=subject.reference,
            named=subject.named,
            policy=_policy(errand.grounds.in_force, subject),
            supplied=supplied,
            thorough=tag_matters(rule),
            newest_seen=self.newest_seen(),
            longest=LONGEST,
        )
        verdict = admit(
            question, registry=registry, clock=self.clock, world=errand.world, report=self._report
        )
        tombstones = errand.grounds.tombstones
        if isinstance(verdict, Accepted) and not question.thorough and not is_told_all(verdict, tombstones):
            verdict = admit(
                question.replace(thorough=True),
                registry=registry,
                clock=self.clock,
                world=errand.world,
                report=self._report,
            )
        if isinstance(verdict, Accepted):
            ends = self._believes(errand, subject.scope).ends
            until = until if ends is None else min(until, ends)
            return accept(verdict, rule, tombstones, until=until), verdict
        outcome = "undecided" if isinstance(verdict, Undecided) else "rejected"
        reason = verdict.reasons[0] if verdict.reasons else Reason(code=outcome, message=outcome)
        return Refusal(outcome=outcome, reason=reason), verdict


def _noted(key: tuple[str, ...], subject: Subject, judgement: Acceptance, at: datetime) -> Noted:
    through = () if judgement.through is None else (f"{THROUGH}{judgement.through}",)
    return Noted(
        repository=subject.repository.name,
        digest=str(subject.digest),
        scope=subject.scope,
        epoch=key[3],
        trust=key[4],
        version=key[5],
        outcome="accepted",
        code="",
        message="",
        signers=(*judgement.signers, *through),
        at=at,
        until=judgement.until,
    )


def _policy(in_force: InForce, subject: Subject) -> Policy:
    """The one scope, under a name that selects this image; the whole policy for a question with a name."""
    if subject.named is not None:
        return in_force.policy
    rule, name = in_force.judged[subject.scope], subject.repository.name
    scope = subject.scope if name.startswith(f"{subject.scope}/") else name
    nothing_else = rule.replace(requirements=())
    return Policy(
        default=nothing_else, transports={"docker": {scope: rule}}, dialect="vouchsafe", documents=()
    )
