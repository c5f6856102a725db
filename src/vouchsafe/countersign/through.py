"""An instance by itself, or through an index that names it and is accepted in its own right.

Same repository, same scope, all requirements, same epoch, fetched by digest, one level deep, and named in
one way only. The order is from cheap to dear: what was accepted before, the image's own signatures, then
the look around (`lists`).
"""

from __future__ import annotations

from contextlib import closing

from vouchsafe.countersign.acceptance import Acceptance, Judgement, Refusal
from vouchsafe.countersign.judge import Errand, Judge, Subject
from vouchsafe.countersign.lists import MOST_ASKED_BEFORE, Lists, tags_of
from vouchsafe.errors import MalformedError, VouchsafeError
from vouchsafe.image.manifest import Descriptor, Manifest, names_exactly
from vouchsafe.policy.requirement import Reject, SignedBaseLayer
from vouchsafe.policy.verdict import Reason


class Bench:
    """Judges images, instances included. Thread-safe; never raises."""

    def __init__(self, judge: Judge, lists: Lists) -> None:
        """`judge` judges by an image's own signatures, `lists` finds indexes."""
        self._judge = judge
        self._lists = lists

    def judge(self, errand: Errand, subject: Subject) -> Judgement:
        """The judgement, remembered for as long as it stands."""
        hints = " ".join((*map(str, errand.lists), *errand.tags))  # where to look changes what is found
        return self._judge.find_out(errand, subject, f"any {hints}", lambda: self._any(errand, subject))

    def _any(self, errand: Errand, subject: Subject) -> Judgement:
        revoked = errand.grounds.tombstones.of_digest(subject.digest)
        if revoked is not None:
            return Refusal(outcome="rejected", reason=revoked)
        known = self._through_known(errand, subject)
        if known is not None:
            return known
        direct = self._judge.judge(errand, subject)
        rule = errand.grounds.in_force.rules[subject.scope]
        hopeless = any(isinstance(each, Reject | SignedBaseLayer) for each in rule.requirements)
        if (
            isinstance(direct, Acceptance)
            or errand.offline
            or hopeless
            or direct.reason.code in {"revoked", "clock"}
        ):
            return direct
        try:
            found = self._through_found(errand, subject)
        except VouchsafeError as error:
            if direct.outcome == "undecided":
                return direct
            message = f"{error.message}; by itself: {direct.reason.message}"
            return Refusal(outcome="undecided", reason=Reason.of(error).replace(message=message))
        return found or direct

    def _through_known(self, errand: Errand, subject: Subject) -> Judgement | None:
        """Indexes that were accepted before. A revoked one takes its instances with it."""
        store = self._judge.store
        for index, confirmed in store.parents(subject.repository, subject.digest):
            revoked = errand.grounds.tombstones.of_digest(index.digest)
            if revoked is not None:
                return Refusal(outcome="rejected", reason=revoked)
            judgement = self._judge.judge(errand, subject.replace(digest=index.digest))
            if not isinstance(judgement, Acceptance):
                continue
            if not confirmed and errand.offline:
                continue
            if not confirmed:
                instance = self._instance(errand, subject)
                if instance is None or not _names(index, instance):
                    continue
                store.confirm(subject.repository, index.digest, subject.digest)
            return judgement.replace(through=index.digest)
        return None

    def _through_found(self, errand: Errand, subject: Subject) -> Judgement | None:
        """Indexes that are found by looking around. Unavailable when not all could be looked at."""
        instance = self._instance(errand, subject)
        if instance is None:
            return None
        store = self._judge.store
        docker = errand.grounds.in_force.policy.transports.get("docker", {})
        found = self._lists.candidates(
            errand.registry,
            subject.repository,
            subject.digest,
            asked_before=(*errand.lists, *store.asked_before(subject.repository, MOST_ASKED_BEFORE)),
            named_tags=(*errand.tags, *tags_of(docker, subject.repository)),
        )
        with closing(found):  # what is being looked through is let go of at once
            for index in found:
                revoked = errand.grounds.tombstones.of_digest(index.digest)
                if revoked is not None:
                    return Refusal(outcome="rejected", reason=revoked)
                if not _names(index, instance):
                    continue
                judgement = self._judge.judge(errand, subject.replace(digest=index.digest))
                if isinstance(judgement, Acceptance):
                    store.learn(subject.repository, index, self._judge.clock.now())
                    store.confirm(subject.repository, index.digest, subject.digest)
                    return judgement.replace(through=index.digest)
        return None

    def _instance(self, errand: Errand, subject: Subject) -> Descriptor | None:
        """What the instance really is; None when it is an index itself, or not there."""
        manifest = errand.registry.manifest(subject.reference, subject.digest)
        if manifest is None or manifest.is_index:
            return None
        return Descriptor(
            media_type=manifest.media_type,
            digest=manifest.digest,
            size=len(manifest.raw),
            annotations={},
        )


def _names(index: Manifest, instance: Descriptor) -> bool:
    try:
        names_exactly(index, instance)
    except MalformedError:
        return False
    return True
