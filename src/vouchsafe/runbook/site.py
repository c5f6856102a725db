"""What the steps need of the host that they run on: looks, and the two changes. The command line has the real one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from vouchsafe.host.leg import Leg
from vouchsafe.host.objection import Objection
from vouchsafe.host.plan import Plan
from vouchsafe.host.probe import Finding as Probing
from vouchsafe.host.state import State
from vouchsafe.host.status import Status
from vouchsafe.policy.compile import Form
from vouchsafe.policy.finding import Finding
from vouchsafe.policy.scope import Policy
from vouchsafe.record import Record
from vouchsafe.runbook.preflight import Inspected
from vouchsafe.runbook.trust import Trusted


class Probed(Record):
    """What each client that would be used answered, and what leads past the policy."""

    findings: tuple[Probing, ...]
    notes: tuple[Objection, ...]


class Site(Protocol):
    """The host. Every method raises VouchsafeErrors only."""

    def policy(self) -> Policy:
        """Ours, as it stands there. ConfigurationError."""

    def lint(self, policy: Policy) -> tuple[Finding, ...]:
        """What is unwise in it."""

    def inspect(self, image: str, policy: Policy) -> Inspected:
        """An image as it will be judged here: by vouchsafe, or by the clients themselves."""

    def trusted(self, policy: Policy) -> tuple[Trusted, ...]:
        """What the policy's files make believed."""

    def form(self) -> Form:
        """What clients will be asked to demand."""

    def probe(self) -> Probed:
        """What the clients can do."""

    def plan(self) -> Plan:
        """What enabling would change."""

    def enable(self, keep: Callable[[Plan], None]) -> Plan:
        """Change it; `keep` is called with the plan before anything is. Taken back when it cannot be finished."""

    def put_back(self, before: Mapping[str, State]) -> tuple[str, ...]:
        """Make these files what they were; those that were not so."""

    def smoke(self) -> tuple[Leg, ...]:
        """Every leg of the proof."""

    def status(self) -> Status:
        """Whether it enforces now."""
