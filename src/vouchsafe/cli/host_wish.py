"""What the flags of `vouchsafe host` and the environment say about which host is meant, and how."""

from __future__ import annotations

import argparse
from datetime import datetime

from vouchsafe import wiring
from vouchsafe.cli import compiling
from vouchsafe.errors import ConfigurationError
from vouchsafe.host import clients
from vouchsafe.host.places import CA, LOOKASIDE
from vouchsafe.host.plan import Plan, Wish, enabling, read_applied
from vouchsafe.host.surroundings import User
from vouchsafe.machine import HostEdits
from vouchsafe.policy.compile import LOCAL_TRANSPORTS, Host
from vouchsafe.policy.scope import Policy
from vouchsafe.wiring import machine

DEFAULT_HOST = Host(ca_path=CA, lookaside=LOOKASIDE, open_transports=LOCAL_TRANSPORTS)


class Target:
    """The host that is meant: this one, or an image below a folder."""

    def __init__(self, root: str | None = None) -> None:
        """Nothing is read yet. `/` is an image too, where it is written: that of a Containerfile's step."""
        self.is_live = root is None
        self.files: HostEdits = machine.files(root or "/")
        self.host = machine.below(wiring.this_host(), root or "/")

    def policy(self) -> Policy:
        """Its policy. ConfigurationError."""
        found = machine.policy(self.files.root)
        if found is None:
            raise ConfigurationError(
                "policy-missing",
                f"expected a policy in {self.host.settings.etc}/vouchsafe/policy.json, got none",
                hint="`vouchsafe identity from-gitlab PROJECT` writes one.",
            )
        return found

    def homes(self) -> tuple[User, ...]:
        """Who runs this, where HOME may differ from what /etc/passwd says (sudo -E)."""
        return homes_of(self.host) if self.is_live else ()

    def now(self) -> datetime:
        """The time."""
        return self.host.clock.now()


def homes_of(host: wiring.Host) -> tuple[User, ...]:
    """The home of who runs this; none where it has none."""
    settings = host.settings
    is_there = settings.home.startswith("/")
    return (User(name="HOME", uid=settings.uid, home=settings.home),) if is_there else ()


def wish(arguments: argparse.Namespace, target: Target) -> Wish:
    """How the flags want it; what they do not say stays as it was applied last."""
    return Wish(
        is_live=target.is_live,
        host=compiling.host_of(arguments, applied_host(target.files)),
        insecure_default=arguments.insecure_default,
        overwrite_edits=arguments.overwrite_edits,
        with_units=not arguments.without_units,
        homes=target.homes(),
    )


def applied_host(files: HostEdits) -> Host:
    """How the policy was compiled last; as it is by default where it never was."""
    current = read_applied(files)
    if current is not None:
        return current.host
    return DEFAULT_HOST


def planned(arguments: argparse.Namespace, target: Target) -> Plan:
    """The plan, tried with the host's own client. ConfigurationError."""
    policy = target.policy()
    wished = wish(arguments, target)
    mirrored = wished.host.replace(physical=machine.physical(target.host, policy))
    plan = enabling(policy, wished.replace(host=mirrored), target.files, at=target.now())
    if not plan.changes:
        return plan
    with machine.scratch() as scratch:
        said = clients.objections(
            plan.containers.compiled, target.files, machine.programs(target.host), scratch
        )
        return plan.replace(objections=(*plan.objections, *said))
