"""The host that a runbook runs on: the other commands' own ways to look at it and to change it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping

from vouchsafe import wiring
from vouchsafe.admission.named import material_of
from vouchsafe.cli import host_probe, host_status
from vouchsafe.cli.console import Console
from vouchsafe.cli.host_enable import activation
from vouchsafe.cli.host_tools import tools_in
from vouchsafe.cli.host_wish import Target, planned, wish
from vouchsafe.errors import ConfigurationError
from vouchsafe.host import enforce
from vouchsafe.host.leg import Leg
from vouchsafe.host.native import Native
from vouchsafe.host.plan import Plan
from vouchsafe.host.state import State
from vouchsafe.host.status import Status
from vouchsafe.image.reference import Reference
from vouchsafe.policy.compile import Form, compile_policy
from vouchsafe.policy.finding import Finding
from vouchsafe.policy.lint import PUBLIC_GOOD_ROOT, lint, named_files
from vouchsafe.policy.scope import Policy
from vouchsafe.runbook import preflight, trust
from vouchsafe.runbook.preflight import Eyes, Inspected
from vouchsafe.runbook.site import Probed
from vouchsafe.runbook.trust import Trusted
from vouchsafe.wiring import countersign as countersigning
from vouchsafe.wiring import machine
from vouchsafe.wiring.places import Places

_GENERATION = 0  # of the files: this is one look
_REGISTRIES_CONF = "/etc/containers/registries.conf"


class ThisHost:
    """Implements `runbook.site.Site`. Images are judged with what the countersigner will have, not with a home's."""

    def __init__(self, arguments: argparse.Namespace, target: Target, console: Console) -> None:
        """Nothing is asked yet."""
        self._arguments = arguments
        self._target = target
        self._console = console
        self._wish = wish(arguments, target)
        self._environ = {name: value for name, value in os.environ.items() if name != "XDG_CACHE_HOME"}
        self._uid = target.host.settings.uid
        places = Places() if target.is_live else Places.below(arguments.root)
        around = countersigning.surroundings(self._environ, uid=self._uid, places=places)
        self._upstream = around.upstream

    def close(self) -> None:
        """Close idle connections."""
        self._upstream.close()

    def policy(self) -> Policy:
        """See the port."""
        return self._target.policy()

    def lint(self, policy: Policy) -> tuple[Finding, ...]:
        """See the port."""
        world = self._upstream.world(_GENERATION)
        material = {name: material_of(name, world) for name in named_files(policy)}
        return lint(policy, now=self._target.now(), material=material)

    def inspect(self, image: str, policy: Policy) -> Inspected:
        """See the port."""
        eyes = Eyes(
            registry=self._upstream.registry(_GENERATION),
            world=self._upstream.world(_GENERATION),
            clock=self._target.host.clock,
            client=lambda instance: self._client(instance, policy),
        )
        return preflight.inspect(Reference.parse(image), policy, eyes)

    def trusted(self, policy: Policy) -> tuple[Trusted, ...]:
        """See the port."""
        public_good = wiring.trust_in_use(self._environ, uid=self._uid)
        return tuple(trust.trusted(policy, self._upstream.world(_GENERATION), public_good))

    def form(self) -> Form:
        """See the port."""
        return self._wish.host.form

    def probe(self) -> Probed:
        """See the port."""
        host = self._target.host
        return Probed(
            findings=host_probe.ask(host, only_used=True),
            notes=host_probe.notes_of(host, self._target.files),
        )

    def plan(self) -> Plan:
        """See the port."""
        return planned(self._arguments, self._target)

    def enable(self, keep: Callable[[Plan], None]) -> Plan:
        """See the port."""

        def make() -> Plan:
            plan = self.plan()
            if plan.changes and not plan.refusals:
                keep(plan)
            return plan

        return enforce.enable(make, self._target.files, activation=self._activation())

    def put_back(self, before: Mapping[str, State]) -> tuple[str, ...]:
        """See the port."""
        return enforce.put_back(
            before,
            self._target.files,
            activation=self._activation(),
            overwrite_edits=self._arguments.overwrite_edits,
        )

    def smoke(self) -> tuple[Leg, ...]:
        """See the port."""
        from vouchsafe.cli.host_smoke import rehearse

        return rehearse(self._target.host, lambda _: None, form=self.form())

    def status(self) -> Status:
        """See the port."""
        return host_status.look(self._target)

    def _activation(self) -> enforce.Activation:
        return activation(self._arguments, self._target, self._console)

    def _client(self, instance: Reference, policy: Policy) -> str | None:
        """What this host's own client has against an image, under what would be written."""
        root = self._target.files.root
        if root and any(name != PUBLIC_GOOD_ROOT for name in named_files(policy)):
            return None  # a client that runs here would look for the image's files on this machine
        try:
            compiled = compile_policy(policy, self._wish.host)
        except ConfigurationError:
            return None  # `plan` says why
        conf = f"{root}{_REGISTRIES_CONF}"
        flags = ("--registries-conf", conf) if root and os.path.exists(conf) else ()
        with machine.scratch() as scratch:
            tools = tools_in(scratch, self._target.host, dict(os.environ))
            return Native(compiled, self._target.files, tools, flags).words_about(instance)
