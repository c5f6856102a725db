"""A host below a folder that a runbook can be run on: real files, plans and changes; clients that answer as told."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.hosts import OPEN_POLICY, OURS, REJECT, Host
from vouchsafe.adapters.hosttree import HostTree
from vouchsafe.errors import ConfigurationError, HostError, Unavailable, VouchsafeError
from vouchsafe.host import enforce
from vouchsafe.host.leg import Leg
from vouchsafe.host.plan import Plan, Wish, enabling
from vouchsafe.host.probe import QUESTIONS
from vouchsafe.host.probe import Finding as Probing
from vouchsafe.host.state import State
from vouchsafe.host.status import Status, status
from vouchsafe.host.which_files import Answer
from vouchsafe.image.digest import Digest
from vouchsafe.machine import HostEdits
from vouchsafe.policy import document
from vouchsafe.policy.compile import Form
from vouchsafe.policy.finding import Finding
from vouchsafe.policy.scope import Policy
from vouchsafe.policy.verdict import Accepted
from vouchsafe.runbook.actions import ReEnable, Wanted
from vouchsafe.runbook.journal import Book
from vouchsafe.runbook.preflight import Inspected, Unit
from vouchsafe.runbook.re_enable import RUNBOOK
from vouchsafe.runbook.running import Asked, Report, Run, Shown
from vouchsafe.runbook.site import Probed
from vouchsafe.runbook.step import Step
from vouchsafe.runbook.trust import Trusted
from vouchsafe.testing.clock import VIRTUAL_NOON, VirtualClock
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.verification.trust import parse_trusted_root

SCOPE = "registry.example/acme"
IMAGE = f"{SCOPE}/app:v1"
ROOT = parse_trusted_root(VirtualSigstore().trusted_root())
GOOD = Leg(client="skopeo copy", name="legacy", why="signed", allowed=True, pulled=True)
REFUSED = Leg(client="skopeo copy", name="unsigned", why="unsigned", allowed=False, pulled=False, said="no")


def written(scopes: dict[str, Any] | None = None, *, default: Any = REJECT) -> Policy:
    """A policy of ours."""
    blob = json.dumps({"default": [default], "transports": {"docker": scopes or {SCOPE: [OURS]}}})
    return document.parse(blob.encode(), dialect="vouchsafe", source="/etc/vouchsafe/policy.json")


def answers(**changes: Answer) -> tuple[Probing, ...]:
    """What a client says to everything; underscores in `changes` are hyphens."""
    said: dict[str, Answer] = dict.fromkeys(QUESTIONS, "yes")
    said |= {name.replace("_", "-"): answer for name, answer in changes.items()}
    return tuple(
        Probing(
            client="skopeo copy", question=question, answer=answer, evidence="it said so", at=VIRTUAL_NOON
        )
        for question, answer in said.items()
    )


class Activation:
    """The countersigner; `broken` keeps it from publishing what a policy names."""

    def __init__(self) -> None:
        self.broken = False
        self.told: list[str] = []

    def start(self) -> None:
        self.told.append("start")

    def applied(self) -> None:
        self.told.append("applied")
        if self.broken:
            raise HostError("host-systemd", "expected systemctl to succeed, got no")

    def stop(self) -> None:
        self.told.append("stop")


class Estate:
    """One host; every answer can be set. Implements `runbook.site.Site`."""

    def __init__(self, folder: Path) -> None:
        self.host = Host(folder)
        self.host.write("/etc/containers/policy.json", OPEN_POLICY)
        self.host.write("/etc/vouchsafe/policy.json", "{}")
        self.files: HostEdits = HostTree(str(folder))
        self.clock = VirtualClock()
        self.activation = Activation()
        self.loaded: Policy | VouchsafeError = written()
        self.wish = Wish(is_live=False, with_units=False)
        self.wanted = Wanted(images=(IMAGE,), facts={"host": "one.example", "contact": "ops"})
        self.findings: tuple[Finding, ...] = ()
        self.roots = (Trusted(name="public-good root", root=ROOT),)
        self.probed = Probed(findings=answers(), notes=())
        self.legs: tuple[Leg, ...] = (GOOD, REFUSED)
        self.on_plan: Callable[[], object] = lambda: None
        self.missing: set[str] = set()
        self.shown: list[Shown] = []

    # runbook.site.Site

    def policy(self) -> Policy:
        if isinstance(self.loaded, VouchsafeError):
            raise self.loaded
        return self.loaded

    def lint(self, policy: Policy) -> tuple[Finding, ...]:
        return self.findings

    def inspect(self, image: str, policy: Policy) -> Inspected:
        if image in self.missing:
            raise Unavailable("no-such-image", "expected an image, got none")
        verdict = Accepted(reference=image, digest=Digest.of(image.encode()))
        units = (Unit(name="", verdict=verdict),)
        where = f'transports.docker["{SCOPE}"]'
        return Inspected(image=image, scope=where, is_protected=True, is_ours=True, units=units)

    def trusted(self, policy: Policy) -> tuple[Trusted, ...]:
        return self.roots

    def form(self) -> Form:
        return self.wish.host.form

    def probe(self) -> Probed:
        return self.probed

    def plan(self) -> Plan:
        self.on_plan()
        return enabling(self.policy(), self.wish, self.files, at=self.clock.now())

    def enable(self, keep: Callable[[Plan], None]) -> Plan:
        def make() -> Plan:
            plan = self.plan()
            if plan.changes and not plan.refusals:
                keep(plan)
            return plan

        return enforce.enable(make, self.files, activation=self.activation)

    def put_back(self, before: Mapping[str, State]) -> tuple[str, ...]:
        return enforce.put_back(before, self.files, activation=self.activation)

    def smoke(self) -> tuple[Leg, ...]:
        return self.legs

    def status(self) -> Status:
        loaded = self.loaded
        if not isinstance(loaded, Policy):
            assert isinstance(loaded, ConfigurationError)
        return status(loaded, self.files, is_live=False)

    # running.Desk

    def agrees(self, step: Step, changes: tuple[str, ...]) -> bool:
        return True

    def begins(self, step: Step) -> None:
        """Nothing to see."""

    def ends(self, shown: Shown) -> None:
        self.shown.append(shown)

    # how a test runs it

    def run(self, *, back: bool = False, basis: str = "b", **asked: Any) -> Report:
        """One run in a process of its own, which settles first what a crash left."""
        enforce.recover(self.files)
        book = Book(self.files, machine="m", writes=not asked.get("dry_run", False))
        actions = ReEnable(self, book, self.clock, self.wanted).actions()
        run = Run(RUNBOOK, actions, book, self, self.clock)
        self.shown = []
        return (run.back if back else run.go)(Asked(**asked), basis=basis)

    def book(self) -> Book:
        """The journal as it lies on the disk."""
        return Book(HostTree(str(self.host.folder)), machine="m")

    def tree(self) -> dict[str, tuple[int, bytes | str]]:
        """Every file but the journal."""
        return {name: found for name, found in self.host.tree().items() if "runbook" not in name}

    def text(self, step: str) -> str:
        """What the last run of a step says to send."""
        entry = self.book().journal.last(step)
        assert entry is not None
        return entry.result.text
