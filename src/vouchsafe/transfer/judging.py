"""A copy's verdicts: on the source before anything is written, and on the destination when all is there.

A policy says where an image may come from, so a copy can be refused where it goes although it is accepted where
it is: a signature in `.sig` names the source's repository. That is found out before anything is written, by
judging the source's evidence under the destination's name.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from vouchsafe.admission import Question, admit
from vouchsafe.admission.material import World
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import Descriptor, Manifest
from vouchsafe.image.reference import Reference
from vouchsafe.policy.scope import Policy
from vouchsafe.policy.verdict import Verdict
from vouchsafe.ports import Clock, Registry
from vouchsafe.record import Record


class Judge(Record):
    """Who is asked, and by which policy."""

    policy: Policy
    clock: Clock
    world: World
    longest: timedelta
    report: Callable[[BaseException], None]

    @property
    def minds_names(self) -> bool:
        """Whether the verdict may depend on what the image is called."""
        return bool(self.policy.transports)

    def at(self, reference: Reference, registry: Registry) -> Verdict:
        """The verdict on an image there."""
        question = Question(reference=reference, policy=self.policy, longest=self.longest)
        return admit(question, registry=registry, clock=self.clock, world=self.world, report=self.report)


class Moved:
    """Implements `ports.Registry`: what is at `source`, whatever it is called."""

    def __init__(self, registry: Registry, source: Reference, digest: Digest) -> None:
        """`digest` is the image that the copy is of."""
        self._registry = registry
        self._source = source
        self._digest = digest

    def manifest(self, reference: Reference, wanted: str | Digest | None) -> Manifest | None:
        """See the port."""
        return self._registry.manifest(self._source, self._digest if wanted is None else wanted)

    def blob(self, reference: Reference, descriptor: Descriptor, *, largest: int) -> bytes:
        """See the port."""
        return self._registry.blob(self._source, descriptor, largest=largest)

    def referrers(self, reference: Reference, digest: Digest) -> tuple[Descriptor, ...]:
        """See the port."""
        return self._registry.referrers(self._source, digest)

    def signatures(self, reference: Reference, digest: Digest) -> tuple[bytes, ...]:
        """See the port."""
        return self._registry.signatures(self._source, digest)
