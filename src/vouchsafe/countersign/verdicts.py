"""Answers a policy plugin: what the scope that the policy selects says of an image, and for how long.

The same judge as for signatures, of the same scopes, with the same memory, tombstones and epoch. The question has
the tag here, so where a rule compares tags it is judged as it is written and not loosened (`scopes.for_judging`).
What no signature could change is refused at once, and what stock clients judge is left to whoever asks: no local
user makes this service ask a registry that the policy does not send it to.
"""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime

from vouchsafe.countersign.acceptance import Refusal
from vouchsafe.countersign.inquiry import Inquiry
from vouchsafe.countersign.judge import Subject
from vouchsafe.countersign.scopes import tag_matters
from vouchsafe.countersign.signer import REUSED
from vouchsafe.countersign.state import Ready
from vouchsafe.countersign.steady import EVERY_LANE, REFUSED_FOR, Steady
from vouchsafe.policy.evaluate import refusal
from vouchsafe.policy.scope import Selected, select
from vouchsafe.policy.verdict import Reason
from vouchsafe.protocol.decision import Decision
from vouchsafe.record import Record

NOT_VERIFIED = Reason(
    code="not-verified", message="expected a verified signature, got a rule that accepts anything"
)
NOT_OURS = Reason(code="not-ours", message="expected a scope that vouchsafe countersigns, got another")


class Held(Record):
    """A decision, and when somebody must ask again."""

    decision: Decision
    until: datetime

    def at(self, now: datetime) -> Decision:
        """As it is said at this moment: for how long it stands is what is left."""
        left = (self.until - now).total_seconds()
        return self.decision.replace(max_age=max(0, int(left)) if self.decision.word == "allow" else 0)


class Verdicts(Steady[Held]):
    """Answers. Thread-safe; never raises."""

    def remembered(self, asked: Inquiry, lane: str = "") -> Decision | None:
        """The decision, if it is at hand and no file has changed."""
        now = self._clock.now()
        held = self._recalled(_question(asked), lane, now)
        return None if held is None else held.at(now)

    def decide(self, asked: Inquiry, lane: str = "") -> Decision:
        """The decision, judged where it is not at hand."""
        found = self._steadily(lambda now: self._judged(now, asked, lane))
        return could_not(asked, found) if isinstance(found, Reason) else found.at(self._clock.now())

    def _judged(self, now: Ready, asked: Inquiry, lane: str) -> Held:
        at = self._clock.now()
        held = self._at_hand(now.generation, _question(asked), lane, at)
        if held is None:
            selected = select(now.in_force.policy, asked.reference)
            held = self._at_once(now, asked, selected, at) or self._found_out(now, asked, selected, at, lane)
            whose = EVERY_LANE if held.decision.word == "allow" else lane
            self._keep(now, _question(asked), whose, held, start=at, end=held.until)
        return held

    def _found_out(self, now: Ready, asked: Inquiry, selected: Selected, at: datetime, lane: str) -> Held:
        errand = self._errand(
            now,
            lane,
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
        judgement = self._means.bench.judge(errand, subject)
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


def _question(asked: Inquiry) -> Hashable:
    return (str(asked.reference), str(asked.digest), str(asked.through or ""))
