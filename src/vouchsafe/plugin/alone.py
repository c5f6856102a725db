"""A judgement without the countersigner: by the same policy, tombstones and rules, from the files of this host.

Never broader than a countersignature would be: a policy that is edited but not applied, or that others may
write, tombstones that cannot be read, and what only `insecureAcceptAnything` lets through are no allow.
"""

from __future__ import annotations

from collections.abc import Callable

from vouchsafe import wiring
from vouchsafe.admission import Question, admit
from vouchsafe.errors import ConfigurationError, MalformedError, VouchsafeError
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import Descriptor, names_exactly
from vouchsafe.policy import applied, revocation
from vouchsafe.policy.compile import epoch
from vouchsafe.policy.requirement import InsecureAcceptAnything
from vouchsafe.policy.revocation import Tombstones
from vouchsafe.policy.scope import Policy, select
from vouchsafe.policy.verdict import Accepted, Reason, Undecided, Verdict
from vouchsafe.ports import Registry, Rules
from vouchsafe.protocol.decision import Decision, Word
from vouchsafe.protocol.request import Request
from vouchsafe.record import Record
from vouchsafe.wiring.plugin import surroundings

SPARE_SECONDS = 0.5  # of the host's patience, kept for the answer
SOURCE = "alone"
FINAL = frozenset(("revoked", "clock", "policy-rejects", "not-verified"))  # no list changes these


class Grounds(Record):
    """What is judged by."""

    policy: Policy
    epoch: str
    tombstones: Tombstones


def judge(request: Request, *, root: str, report: Callable[[BaseException], None]) -> Decision:
    """The decision. Never raises but for errors of our own."""
    try:
        around = surroundings(request.credentials, root=root, seconds=request.seconds - SPARE_SECONDS)
        grounds = _grounds(around.rules())
        with wiring.Sources(around.host) as sources:
            bench = _Bench(request, grounds, around.host, sources.for_one(), report)
            return bench.decide()
    except VouchsafeError as error:
        return _refused(request, "error", Reason.of(error))


def _grounds(rules: Rules) -> Grounds:
    """ConfigurationError, HostError."""
    if rules.policy is None:
        raise ConfigurationError("policy-missing", "expected a policy in /etc/vouchsafe, got none")
    if rules.applied is not None:  # this host countersigns: what holds there holds here
        record = applied.parse(rules.applied)
        applied.in_force(rules.policy, record, rules.containers_policy, rules.registries)
    return Grounds(
        policy=rules.policy,
        epoch=epoch(rules.policy),
        tombstones=revocation.read(rules.tombstones),
    )


class _Bench:
    """One question and what it is judged with."""

    def __init__(
        self,
        request: Request,
        grounds: Grounds,
        host: wiring.Host,
        registry: Registry,
        report: Callable[[BaseException], None],
    ) -> None:
        self._request = request
        self._named = wiring.located(request.reference)
        self._grounds = grounds
        self._host = host
        self._registry = registry
        self._report = report

    def decide(self) -> Decision:
        """By the image's own signatures, or through a list that names it and is accepted in its own right."""
        own = self._judge(self._request.digest)
        if own.word == "allow" or own.code in FINAL:
            return own
        try:
            listing = self._list()
        except VouchsafeError as error:
            return own if own.word == "error" else _refused(self._request, "error", Reason.of(error))
        if listing is None:
            return own
        through = self._judge(listing)
        if through.word == "allow":
            return through.replace(digest=self._request.digest, through=listing)
        return through if through.code == "revoked" else own

    def _list(self) -> Digest | None:
        """The list that the host names, else the one that the tag means now, if it names this image exactly."""
        image = self._registry.manifest(self._request.resolved, self._request.digest)
        wanted = self._request.through or self._named.digest or self._named.tag
        if image is None or image.is_index or wanted in {None, image.digest}:
            return None
        listing = self._registry.manifest(self._request.resolved, wanted)
        instance = Descriptor(
            media_type=image.media_type, digest=image.digest, size=len(image.raw), annotations={}
        )
        try:
            if listing is None or listing.digest == image.digest:
                return None
            names_exactly(listing, instance)
        except MalformedError:
            return None
        return listing.digest

    def _judge(self, digest: Digest) -> Decision:
        """Through the one door of all enforcement; thoroughly, when the first signature is revoked."""
        tombstones = self._grounds.tombstones
        revoked = tombstones.of_digest(digest)
        if revoked is not None:
            return _refused(self._request, "deny", revoked)
        question = Question(
            reference=self._named.with_digest(digest),
            named=self._named,
            policy=self._grounds.policy,
            longest=self._host.timeout,
        )
        verdict = self._admit(question)
        if isinstance(verdict, Accepted) and not revocation.is_told_all(verdict, tombstones):
            verdict = self._admit(question.replace(thorough=True))
        if isinstance(verdict, Accepted):
            return self._allowed(verdict, digest)
        reason = verdict.reasons[0] if verdict.reasons else Reason(code=verdict.word, message=verdict.word)
        word: Word = "error" if isinstance(verdict, Undecided) else "deny"
        return _refused(self._request, word, reason, verdict.scope)

    def _allowed(self, verdict: Accepted, digest: Digest) -> Decision:
        """Only with a signature for every requirement that asks for one, none of them revoked."""
        if not verdict.verified:
            message = "expected a verified signature, got a rule that accepts anything"
            return _refused(
                self._request, "deny", Reason(code="not-verified", message=message), verdict.scope
            )
        rule = select(self._grounds.policy, self._named).rule
        good = revocation.standing(verdict, rule, self._grounds.tombstones)
        if isinstance(good, Reason):
            return _refused(self._request, "deny", good, verdict.scope)
        used = [signature for signatures in good.values() for signature in signatures]
        return Decision(
            word="allow",
            message=f"{verdict.reference} is signed as {verdict.scope} demands",
            digest=digest,
            verified=True,
            scope=verdict.scope,
            evidence=tuple(dict.fromkeys(each.blob_digest for each in used)),
            signers=tuple(dict.fromkeys(each.signer for each in used)),
            epoch=self._grounds.epoch,
            source=SOURCE,
        )

    def _admit(self, question: Question) -> Verdict:
        return admit(
            question,
            registry=self._registry,
            clock=self._host.clock,
            world=self._host.world,
            report=self._report,
        )


def _refused(request: Request, word: Word, reason: Reason, scope: str = "") -> Decision:
    return Decision(
        word=word,
        code=reason.code,
        message=reason.message,
        hint=reason.hint,
        digest=request.digest,
        scope=scope,
        source=SOURCE,
    )


def lets_through(request: Request, *, root: str) -> bool:
    """Whether the policy in force accepts this image by a scope that names it and accepts anything.

    For hosts that have no scopes of their own to exempt an image by. `default` and docker:"" do not count: another
    spelling of a host would lead there. VouchsafeError.
    """
    around = surroundings(request.credentials, root=root, seconds=request.seconds)
    grounds = _grounds(around.rules())
    if grounds.tombstones.of_digest(request.digest) is not None:
        return False
    selected = select(grounds.policy, wiring.located(request.reference))
    exempts = all(isinstance(each, InsecureAcceptAnything) for each in selected.requirements)
    return exempts and selected.transport == "docker" and bool(selected.scope)
