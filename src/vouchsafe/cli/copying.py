"""One run of `vouchsafe copy`, in its order: nothing is written before the source is judged and both ends are read."""

from __future__ import annotations

from vouchsafe import wiring
from vouchsafe.cli.console import Console
from vouchsafe.cli.copy_progress import watched
from vouchsafe.errors import Unavailable
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference, absent
from vouchsafe.policy.scope import Policy
from vouchsafe.policy.verdict import Accepted, Verdict
from vouchsafe.record import Record
from vouchsafe.transfer.copy import Copied, Copy
from vouchsafe.transfer.graph import explore
from vouchsafe.transfer.judging import Judge, Moved
from vouchsafe.transfer.plan import Plan, plan
from vouchsafe.wiring.signing import pace
from vouchsafe.wiring.transfer import Carriage

Verdicts = dict[str, Verdict]  # by what was judged: source, as destination, destination


class Ends(Record):
    """From where to where, and how both are reached."""

    source: Reference
    destination: Reference
    read: wiring.Host
    write: wiring.Host


class Done(Record):
    """What came of it. `plan` is None when a verdict ended it; `copied` when nothing was to be written.

    `verdicts` are of the source, of its evidence under the destination's name, and of the destination.
    """

    ends: Ends
    digest: Digest | None
    verdicts: Verdicts
    plan: Plan | None = None
    copied: Copied | None = None
    dry_run: bool = False


class Errand:
    """What is to be copied, and by whose leave."""

    def __init__(
        self, ends: Ends, policy: Policy | None, console: Console, *, force: bool, allow_unverified: bool
    ) -> None:
        """`policy` None: nothing is verified."""
        self._ends = ends
        self._console = console
        self._force = force
        self._allow_unverified = allow_unverified
        self._judge = None
        if policy is not None:
            self._judge = Judge(
                policy=policy,
                clock=ends.read.clock,
                world=ends.read.world,
                longest=ends.read.timeout,
                report=console.internal,
            )

    def run(self, *, dry_run: bool) -> Done:
        """All of it, as far as it goes."""
        ends = self._ends
        with Carriage(ends.source, ends.destination, read=ends.read, write=ends.write) as carriage:
            verdicts: Verdicts = {}
            digest = self._resolve(carriage, verdicts)
            if digest is None or not self._is_welcome(carriage, digest, verdicts):
                return Done(ends=ends, digest=digest, verdicts=verdicts)
            made = self._plan(carriage, digest)
            if dry_run:
                return Done(ends=ends, digest=digest, verdicts=verdicts, plan=made, dry_run=True)
            with watched(made, self._console) as watcher:
                copied = Copy(made, carriage.source, carriage.depot, pace(), watcher).run()
            if self._judge is not None:
                verdicts["destination"] = self._judge.at(ends.destination, carriage.depot)
            return Done(ends=ends, digest=digest, verdicts=verdicts, plan=made, copied=copied)

    def _resolve(self, carriage: Carriage, verdicts: Verdicts) -> Digest | None:
        """The digest that everything is about: the verdict's, where somebody is to be trusted."""
        source = self._ends.source
        if self._judge is None:
            manifest = carriage.source.manifest(source, source.digest)
            if manifest is None:
                raise absent(source)
            return manifest.digest
        verdicts["source"] = self._judge.at(source, carriage.source)
        return self._accepted(verdicts["source"])

    def _is_welcome(self, carriage: Carriage, digest: Digest, verdicts: Verdicts) -> bool:
        """Whether the policy will accept it under its new name too."""
        if self._judge is None or not self._judge.minds_names:
            return True
        moved = Moved(carriage.source, self._ends.source, digest)
        verdicts["as destination"] = self._judge.at(self._ends.destination, moved)
        return self._accepted(verdicts["as destination"]) is not None

    def _accepted(self, verdict: Verdict) -> Digest | None:
        if isinstance(verdict, Accepted) and (verdict.verified or self._allow_unverified):
            return verdict.digest
        return None

    def _plan(self, carriage: Carriage, digest: Digest) -> Plan:
        ends = self._ends
        root = carriage.source.manifest(ends.source, digest)
        if root is None:
            raise Unavailable("no-such-image", f"expected {digest} at {ends.source}, got nothing")
        graph = explore(carriage.source, ends.source, root)
        return plan(graph, ends.source, ends.destination, carriage.depot, force=self._force)
