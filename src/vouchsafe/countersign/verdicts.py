"""Answers a policy plugin: what the scope that the policy selects says of an image, and for how long.

The same judge as for signatures, of the same scopes, with the same memory, tombstones and epoch. The question has
the tag here, so where a rule compares tags it is judged as it is written and not loosened (`scopes.for_judging`).
What no signature could change is refused at once, and what stock clients judge is left to whoever asks: no local
user makes this service ask a registry that the policy does not send it to.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from vouchsafe.countersign.acceptance import Refusal
from vouchsafe.countersign.countersigner import REFUSED_FOR
from vouchsafe.countersign.inquiry import Inquiry
from vouchsafe.countersign.judge import Errand, Subject
from vouchsafe.countersign.remembered import Remembered
from vouchsafe.countersign.scopes import tag_matters
from vouchsafe.countersign.signer import REUSED
from vouchsafe.countersign.state import Keeper, Ready
from vouchsafe.countersign.steady import steady
from vouchsafe.countersign.through import Bench
from vouchsafe.countersign.upstream import Upstream
from vouchsafe.policy.evaluate import refusal
from vouchsafe.policy.scope import Selected, select
from vouchsafe.policy.verdict import Reason
from vouchsafe.ports import Clock
from vouchsafe.protocol.decision import Decision
from vouchsafe.record import Record

NOT_VERIFIED = Reason(
    code="not-verified", message="expected a verified signature, got a rule that accepts anything"
)
NOT_OURS = Reason(code="not-ours", message="expected a scope that vouchsafe countersigns, got another")
MOST_VERDICTS = 2_048  # kept in memory, a kilobyte each


class Held(Record):
    """A decision, and when somebody must ask again."""

    decision: Decision
    until: datetime

    def at(self, now: datetime) -> Decision:
        """As it is said at this moment: for how long it stands is what is left."""
        left = (self.until - now).total_seconds()
        return self.decision.replace(max_age=max(0, int(left)) if self.decision.word == "allow" else 0)


class Verdicts:
    """Answers. Thread-safe; never raises."""

    def __init__(
        self,
        keeper: Keeper,
        bench: Bench,
        upstream: Upstream,
        *,
        clock: Clock,
        report: Callable[[BaseException], None],
    ) -> None:
        """`report` is told of errors that are our own fault."""
        self._keeper = keeper
        self._bench = bench
        self._upstream = upstream
        self._clock = clock
        self._report = report
        self._held: Remembered[tuple[int, str, str, str], Held] = Remembered(MOST_VERDICTS)

    def remembered(self, asked: Inquiry) -> Decision | None:
        """The decision, if it is at hand and no file has changed; cheap enough for every question."""
        state = self._keeper.peek()
        if state is None or state.problem is not None:
            return None
        now = self._clock.now()
        held = self._held.get(_key(state.generation, asked), now)
        return None if held is None else held.at(now)

    def decide(self, asked: Inquiry) -> Decision:
        """The decision, judged where it is not at hand."""
        found = steady(self._keeper, self._report, lambda now: self._judged(now, asked))
        return could_not(asked, found) if isinstance(found, Reason) else found

    def _judged(self, now: Ready, asked: Inquiry) -> Decision:
        at = self._clock.now()
        key = _key(now.generation, asked)
        held = self._held.get(key, at)
        if held is None:
            selected = select(now.in_force.policy, asked.reference)
            held = self._at_once(now, asked, selected, at) or self._found_out(now, asked, selected, at)
            self._held.put(key, held, start=at, end=held.until)
        return held.at(at)

    def _found_out(self, now: Ready, asked: Inquiry, selected: Selected, at: datetime) -> Held:
        errand = Errand(
            grounds=now,
            registry=self._upstream.registry(now.generation),
            world=self._upstream.world(now.generation),
            lists=() if asked.through is None else (asked.through,),
            tags=() if asked.reference.tag is None else (asked.reference.tag,),
        )
        subject = Subject(
            repository=asked.repository,
            digest=asked.digest,
            scope=selected.scope,
            # Elsewhere it is the question that a signature is asked by, and what is known of one serves both.
            named=asked.reference if tag_matters(selected.rule) else None,
        )
        judgement = self._bench.judge(errand, subject)
        if isinstance(judgement, Refusal):
            return _refused(now, asked, selected, judgement, at)
        decision = Decision(
            word="allow",
            message=f"{asked.reference} is signed as {selected.where} demands",
            digest=asked.digest,
            verified=True,
            scope=selected.where,
            evidence=judgement.evidence,
            signers=judgement.signers,
            through=judgement.through,
            epoch=now.in_force.epoch,
        )
        return Held(decision=decision, until=min(at + REUSED, judgement.until))

    def _at_once(self, now: Ready, asked: Inquiry, selected: Selected, at: datetime) -> Held | None:
        """What is known without a look at the image; None for a scope that we countersign."""
        refused = refusal(selected, asked.reference, asked.digest)
        if refused is not None:
            reason, outcome = refused.reasons[0], "rejected"
        elif not any(requirement.verifies_signatures for requirement in selected.requirements):
            reason, outcome = NOT_VERIFIED, "rejected"
        elif selected.transport and selected.scope in now.in_force.markers:
            return None
        else:
            reason, outcome = NOT_OURS, "undecided"
        return _refused(now, asked, selected, Refusal(outcome=outcome, reason=reason), at)


def _refused(now: Ready, asked: Inquiry, selected: Selected, refusal: Refusal, at: datetime) -> Held:
    decision = Decision(
        word="deny" if refusal.outcome == "rejected" else "error",
        code=refusal.reason.code,
        message=refusal.reason.message,
        hint=refusal.reason.hint,
        digest=asked.digest,
        scope=selected.where,
        epoch=now.in_force.epoch,
    )
    return Held(decision=decision, until=at + REFUSED_FOR)


def could_not(asked: Inquiry, reason: Reason) -> Decision:
    """Nobody could tell."""
    return Decision(
        word="error", code=reason.code, message=reason.message, hint=reason.hint, digest=asked.digest
    )


def _key(generation: int, asked: Inquiry) -> tuple[int, str, str, str]:
    return (generation, str(asked.reference), str(asked.digest), str(asked.through or ""))
