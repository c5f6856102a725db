"""`vouchsafe policy test`: does a policy decide a table of images as somebody wrote down that it should?"""

from __future__ import annotations

import argparse
import os
from datetime import datetime

from vouchsafe import wiring
from vouchsafe.admission import Question, admit
from vouchsafe.cli import ACCEPTED, REJECTED, options
from vouchsafe.cli.console import Console
from vouchsafe.cli.policy_show import policy_of
from vouchsafe.errors import ConfigurationError, MalformedError, printable
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import Descriptor, Manifest
from vouchsafe.image.reference import Reference
from vouchsafe.policy import cases
from vouchsafe.policy.cases import Case
from vouchsafe.policy.scope import Policy
from vouchsafe.policy.verdict import Accepted, Verdict
from vouchsafe.ports import Clock, Registry
from vouchsafe.record import Record


class Result(Record):
    """A case and what became of it."""

    case: Case
    verdict: Verdict

    @property
    def got(self) -> str:
        """The verdict's word; what no signature accepted is told apart."""
        accepted = isinstance(self.verdict, Accepted)
        return cases.UNVERIFIED if accepted and not self._verified else self.verdict.word

    @property
    def reason(self) -> str:
        """The code of the first reason."""
        return self.verdict.reasons[0].code if self.verdict.reasons else ""

    @property
    def passed(self) -> bool:
        """Whether it came out as expected."""
        return self.got == self.case.expect and self.case.reason in ("", self.reason)

    @property
    def _verified(self) -> bool:
        return isinstance(self.verdict, Accepted) and self.verdict.verified

    @property
    def wanted(self) -> str:
        """What was expected, in words."""
        return f"{self.case.expect} ({self.case.reason})" if self.case.reason else self.case.expect

    @property
    def came(self) -> str:
        """What came, in words."""
        return f"{self.got} ({self.reason})" if self.reason else self.got


class StandIn:
    """Implements `ports.Registry`: whatever is asked about an image is answered by a fixture."""

    def __init__(self, registry: Registry, fixture: Reference) -> None:
        """`registry` holds `fixture`."""
        self._registry = registry
        self._fixture = fixture

    def manifest(self, reference: Reference, wanted: str | Digest | None) -> Manifest | None:
        """The fixture's, also where the image is asked for by its own tag or digest."""
        own = wanted if wanted is not None else reference.digest
        return self._registry.manifest(self._fixture, own)

    def blob(self, reference: Reference, descriptor: Descriptor, *, largest: int) -> bytes:
        """The fixture's."""
        return self._registry.blob(self._fixture, descriptor, largest=largest)

    def referrers(self, reference: Reference, digest: Digest) -> tuple[Descriptor, ...]:
        """The fixture's."""
        return self._registry.referrers(self._fixture, digest)

    def signatures(self, reference: Reference, digest: Digest) -> tuple[bytes, ...]:
        """The fixture's."""
        return self._registry.signatures(self._fixture, digest)


class FixedClock:
    """Implements `ports.Clock` for a case that says when."""

    def __init__(self, at: datetime) -> None:
        """Always `at`."""
        self._at = at

    def now(self) -> datetime:
        """The case's time."""
        return self._at


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Judge each case in its turn."""
    host = options.host_of(arguments)
    policy = policy_of(arguments.policy)
    path = os.path.abspath(arguments.cases)
    table = cases.parse(host.world.files.read(path, largest=cases.LARGEST_TABLE), source=arguments.cases)
    placed = [(case, _located(case.image, path), _fixture(case, path)) for case in table]
    results = []
    with wiring.Sources(host) as sources:
        for case, reference, fixture in placed:
            registry = sources.for_one()
            if fixture is not None:
                registry = StandIn(registry, fixture)
            clock = host.clock if case.at is None else FixedClock(case.at)
            results.append(
                Result(case=case, verdict=_judge(policy, reference, registry, clock, host, console))
            )
    _show(results, arguments.output, console)
    return ACCEPTED if all(result.passed for result in results) else REJECTED


def _judge(
    policy: Policy,
    reference: Reference,
    registry: Registry,
    clock: Clock,
    host: wiring.Host,
    console: Console,
) -> Verdict:
    question = Question(reference=reference, policy=policy, longest=host.timeout)
    return admit(question, registry=registry, clock=clock, world=host.world, report=console.internal)


def _fixture(case: Case, path: str) -> Reference | None:
    if not case.fixture:
        return None
    found = _located(case.fixture, path)
    if found.path is None:
        message = f"expected oci: or dir: as the fixture of {case.name!r}, got {case.fixture!r}"
        raise ConfigurationError("policy-cases", message)
    return found


def _located(text: str, path: str) -> Reference:
    """A reference of the table; its path is relative to the table's folder."""
    try:
        reference = Reference.parse(text)
    except MalformedError as error:
        raise ConfigurationError("policy-cases", error.message, hint=error.hint) from error
    if reference.path is not None:
        reference = reference.replace(path=os.path.join(os.path.dirname(path), reference.path))
    return wiring.located(reference)


def _show(results: list[Result], output: str, console: Console) -> None:
    if output == "json":
        listed = [
            {
                "name": result.case.name,
                "image": result.case.image,
                "passed": result.passed,
                "expected": {"verdict": result.case.expect, "reason": result.case.reason or None},
                "got": {"verdict": result.got, "reason": result.reason or None},
            }
            for result in results
        ]
        console.document({"cases": listed})
    elif output == "junit":
        console.print(_junit(results))
    else:
        for result in results:
            mark = console.style("ok  ", "good") if result.passed else console.style("FAIL", "bad")
            console.print(f"{mark}  {printable(result.case.name)}: {result.came}")
            if not result.passed:
                console.print(f"      expected {result.wanted}")
                for reason in result.verdict.reasons[:1]:
                    console.print(f"      because {printable(reason.message)}")
        passed = sum(result.passed for result in results)
        console.print(f"{passed} of {len(results)} as expected")


def _junit(results: list[Result]) -> str:
    from vouchsafe.cli import junit

    listed = []
    for result in results:
        failure = None
        if not result.passed:
            details = "\n".join(f"{reason.code}: {reason.message}" for reason in result.verdict.reasons)
            failure = (result.reason or result.got, f"expected {result.wanted}, got {result.came}", details)
        listed.append(junit.Case(suite="vouchsafe.policy", name=result.case.name, failure=failure))
    return junit.document("vouchsafe policy test", listed)
