"""What the steps of `re-enable` do, on a host that is reached through `Site`.

The state that is put back is kept before anything changes, and what is put into force is what was checked.
"""

from __future__ import annotations

from collections.abc import Mapping

from vouchsafe.errors import HostError, Unavailable, VouchsafeError
from vouchsafe.host.objection import Objection
from vouchsafe.host.plan import Plan
from vouchsafe.host.state import State
from vouchsafe.host.status import BROKEN
from vouchsafe.policy import applied
from vouchsafe.policy.compile import epoch, needs_countersignature
from vouchsafe.policy.scope import Policy
from vouchsafe.ports import Clock
from vouchsafe.record import Record
from vouchsafe.runbook import announcement, clients, preflight, trust
from vouchsafe.runbook.journal import Book
from vouchsafe.runbook.preflight import Inspected
from vouchsafe.runbook.site import Site
from vouchsafe.runbook.step import Action, Result
from vouchsafe.runbook.trust import unlike

POLICY = "policy"  # the fact that hosts of one estate share
_ANNOUNCED = "announced"


class Wanted(Record):
    """What is asked of this runbook. `like`: the facts of the host that went first; `facts` of this one."""

    images: tuple[str, ...]
    facts: Mapping[str, str] = {}
    like: Mapping[str, str] = {}
    insecure_default: bool = False


class ReEnable:
    """The steps' actions on one host."""

    def __init__(self, site: Site, book: Book, clock: Clock, wanted: Wanted) -> None:
        """Nothing is asked yet."""
        self._site = site
        self._book = book
        self._clock = clock
        self._wanted = wanted

    def actions(self) -> dict[str, Action]:
        """By the names of the steps."""
        return {
            "preflight": Action(perform=self._preflight),
            "trust": Action(perform=self._trust),
            "policy": Action(perform=self._policy),
            "probe": Action(perform=lambda: clients.probed(self._site.probe(), self._site.form())),
            "plan": Action(perform=self._plan),
            "enable": Action(perform=self._enable, pending=self._pending, undo=self._put_back),
            "smoke": Action(perform=self._smoke, foretell=self._smoke),
            "status": Action(perform=self._status),
            "announce": Action(perform=self._announce, undo=self._take_back_announcement),
        }

    def _preflight(self) -> Result:
        policy = self._site.policy()
        if not self._wanted.images and _needs_images(policy):
            missing = Objection(
                code="runbook-no-image",
                message="expected an image that this host must be able to pull, got none",
                fix="--image IMAGE, or one a line in {STATE.rpartition('/')[0]}/track",
            )
            return Result(objections=(missing,))
        found = [self._looked_at(image, policy) for image in self._wanted.images]
        inspected = tuple(each for each, _ in found if each is not None)
        joined = Result(objections=tuple(preflight.untried(policy, inspected)))
        for _, result in found:
            joined = joined.joined(result)
        return joined

    def _looked_at(self, image: str, policy: Policy) -> tuple[Inspected | None, Result]:
        """One that is not there must not hide what is wrong with the next."""
        try:
            found = self._site.inspect(image, policy)
        except Unavailable as error:
            objection = Objection(code=error.code, message=f"{image}: {error.message}", fix=error.hint)
            return None, Result(objections=(objection,), unknown=True)
        return found, preflight.judged(found)

    def _trust(self) -> Result:
        found = self._site.trusted(self._site.policy())
        return trust.judged(found, self._clock.now(), self._wanted.like)

    def _policy(self) -> Result:
        policy = self._site.policy()
        facts = {POLICY: epoch(policy)}
        objections = [
            Objection(
                code=each.code,
                message=f"{each.file}:{each.line}: {each.message}",
                fix=each.fix,
                severity="refuses" if each.severity == "error" else "warns",
            )
            for each in self._site.lint(policy)
        ]
        objections += unlike(POLICY, facts, self._wanted.like)
        said = (
            *(f"{document.source} loads" for document in policy.documents),
            f"policy {facts[POLICY]}; scopes that vouchsafe judges: {_countersigned(policy)}",
        )
        return Result(said=said, objections=tuple(objections), facts=facts)

    def _plan(self) -> Result:
        plan = self._site.plan()
        facts = _announced(plan)
        return Result(
            said=(*_changes(plan), *(f"{each.subject}: {each.effect}" for each in plan.consequences)),
            objections=plan.objections,
            facts=facts,
            # What cannot be enabled is not announced.
            text=announcement.ahead({**self._wanted.facts, **facts})
            if plan.changes and not plan.refusals
            else "",
        )

    def _pending(self) -> tuple[str, ...]:
        plan = self._site.plan()
        return () if plan.refusals else _changes(plan)

    def _enable(self) -> Result:
        """The plan's own "before" is kept before anything changes; an earlier one that is unproven stays under it."""
        known = self._book.journal
        earlier = dict(known.before or {}) if known.is_unproven else {}
        attempt: dict[str, State] = {}

        def keep(plan: Plan) -> None:
            self._must_be_checked(plan.epoch)
            attempt.update({edit.path: edit.before for edit in plan.changes})
            epochs = (*(known.epochs if earlier else ()), plan.epoch)
            self._book.replace(before=attempt | earlier, proven=False, epochs=epochs)

        try:
            plan = self._site.enable(keep)
        except VouchsafeError:
            if attempt:
                self._site.put_back(attempt)
                self._book.replace(before=known.before, proven=known.proven, epochs=known.epochs)
            raise
        said = _changes(plan) or ("in force already: nothing was changed",)
        return Result(
            said=said, objections=plan.objections, facts=_announced(plan), changed=bool(plan.changes)
        )

    def _must_be_checked(self, of_epoch: str) -> None:
        """What is put into force is what the steps before have checked."""
        checked = self._book.journal.last("policy")
        if checked is None or checked.result.facts.get(POLICY) != of_epoch:
            raise HostError(
                "host-refused",
                f"expected the policy that was checked, got {of_epoch}: edited meanwhile",
                hint="Run it again.",
            )

    def _put_back(self) -> Result:
        before = self._book.journal.before
        if before is None:
            hint = "nothing: this runbook made no change here; `vouchsafe host disable` undoes `host enable`"
            return Result(said=(hint,))
        self._must_be_ours(before)
        paths = self._site.put_back(before)
        self._book.replace(before=None, proven=False, epochs=())
        said = tuple(f"put back {path}" for path in paths) or ("all was as before already",)
        return Result(said=said, changed=bool(paths))

    def _must_be_ours(self, before: Mapping[str, State]) -> None:
        """What others have enabled or disabled since is not taken back as if it were this runbook's."""
        was, now = before.get(applied.PATH), self._site.status().epoch
        known = {*self._book.journal.epochs}
        if was is not None:
            known.add("" if was.kind == "absent" else applied.parse(was.content).epoch)
        if now not in known:
            raise HostError(
                "host-refused",
                f"expected the policy that this runbook put into force, got {now or 'none'}: changed by others since",
                hint="`vouchsafe host status`; `vouchsafe host disable` goes all the way back.",
            )

    def _smoke(self) -> Result:
        return clients.proven(self._site.smoke())

    def _status(self) -> Result:
        found = self._site.status()
        knowingly = {"host-default-open"} if self._wanted.insecure_default else set()
        objections = tuple(
            each.replace(severity="warns" if each.code in knowingly else "refuses") for each in found.reasons
        )
        notes = tuple(each.replace(severity="warns") for each in found.notes)
        said = (f"{found.word}: policy {found.epoch}, since {found.since}",) if found.epoch else (found.word,)
        return Result(said=said, objections=objections + notes, unknown=found.word == BROKEN)

    def _announce(self) -> Result:
        if self._announced is not None:
            known = f"announced {self._announced}, and nothing has changed since"
            return Result(said=(known,), facts={_ANNOUNCED: self._announced})
        enabled = self._book.journal.last("enable")
        facts = {} if enabled is None else enabled.result.facts
        time = f"{self._clock.now():%Y-%m-%d %H:%M} UTC"
        text = announcement.done({**self._wanted.facts, **facts, "time": time})
        said = ("send this to whoever uses this host",)
        return Result(said=said, text=text, facts={_ANNOUNCED: time})

    def _take_back_announcement(self) -> Result:
        if not self._must_be_told:
            return Result(said=("nothing was announced",))
        time = f"{self._clock.now():%Y-%m-%d %H:%M} UTC"
        return Result(
            said=("send this to whoever was told",),
            text=announcement.back({**self._wanted.facts, "time": time}),
        )

    @property
    def _announced(self) -> str | None:
        """When the text was written for the change that stands; None when it was not, or was taken back."""
        for entry in reversed(self._book.journal.entries):
            if entry.step == "announce" and entry.mark in {"passed", "undone"}:
                return entry.result.facts.get(_ANNOUNCED)
            if entry.step == "enable" and entry.result.changed:
                return None
        return None

    @property
    def _must_be_told(self) -> bool:
        """Whether the change that people were told of was put back since, and nobody was told of that."""
        is_put_back = False
        for entry in reversed(self._book.journal.entries):
            if entry.step == "announce" and entry.mark in {"passed", "undone"}:
                return is_put_back and _ANNOUNCED in entry.result.facts
            if entry.step == "enable" and entry.result.changed:
                is_put_back = entry.mark == "undone"
                if not is_put_back:
                    return False
        return False


def _needs_images(policy: Policy) -> bool:
    rules = policy.transports.get("docker", {}).values()
    return any(requirement.verifies_signatures for rule in rules for requirement in rule.requirements)


def _countersigned(policy: Policy) -> int:
    return sum(needs_countersignature(rule) for rule in policy.transports.get("docker", {}).values())


def _changes(plan: Plan) -> tuple[str, ...]:
    """Each file that changes, in words."""
    return tuple(edit.headline for edit in plan.changes)


def _announced(plan: Plan) -> dict[str, str]:
    """What people are told: which images are judged, which are not, and what happens to the rest."""
    docker = [each for each in plan.consequences if each.subject.startswith("docker:")]
    judged = [each.subject.removeprefix("docker:") for each in docker if each.effect.startswith("judged")]
    passed = [each.subject.removeprefix("docker:") for each in docker if each.effect.startswith("accepted")]
    otherwise = next(
        (each.effect for each in plan.consequences if each.subject == "anything else"), "refused"
    )
    return {
        POLICY: plan.epoch,
        "scopes": "\n".join(judged),
        "unjudged": "\n".join(passed),
        "otherwise": otherwise,
    }
