"""The machine itself: its files below a root, its programs, and its policy as it stands there."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager

from vouchsafe import wiring
from vouchsafe.adapters import hosttree, surroundings
from vouchsafe.adapters.process import Programs
from vouchsafe.machine import HostEdits, Journal, Runner, Starter
from vouchsafe.policy.scope import Policy
from vouchsafe.wiring import Host


def files(root: str = "/") -> HostEdits:
    """The files of this machine, or of an image that is being built."""
    return hosttree.HostTree(root)


def scratch() -> AbstractContextManager[HostEdits]:
    """A root of our own that is gone afterwards."""
    return hosttree.scratch()


def programs(host: Host) -> Runner:
    """The programs that this process would find."""
    return Programs(host.settings.search_path)


def children() -> Starter:
    """Programs that run beside us."""
    from vouchsafe.adapters.children import Children

    return Children()


def journal() -> Journal:
    """Where what happens to this host is written down."""
    from vouchsafe.adapters.systemd import Journal as SystemJournal

    return SystemJournal()


def places(host: Host, scope: str) -> tuple[str, ...]:
    """Where images of a docker scope are fetched as well (mirrors). ConfigurationError."""
    from vouchsafe.adapters.registry import conf, physical

    return physical.places(conf.load(host.settings.replace(home="")), scope)


def pause(seconds: float) -> None:
    """Wait."""
    surroundings.pause(seconds)


def python() -> str:
    """The interpreter that runs this, with the package in it."""
    return surroundings.interpreter()


def below(host: Host, root: str) -> Host:
    """The host as it is seen below another root."""
    if root == "/":
        return host
    base = root.rstrip("/")
    settings = host.settings
    return host.replace(
        settings=settings.replace(
            etc=f"{base}{settings.etc}", share=f"{base}{settings.share}", run=f"{base}{settings.run}"
        )
    )


def physical(host: Host, policy: Policy) -> dict[str, tuple[str, ...]]:
    """For each docker scope that has such: where its images are fetched as well. ConfigurationError."""
    from vouchsafe.adapters.registry import conf
    from vouchsafe.adapters.registry.physical import places

    registries = conf.load(host.settings.replace(home=""))
    found = {scope: places(registries, scope) for scope in sorted(policy.transports.get("docker", {}))}
    return {scope: elsewhere for scope, elsewhere in found.items() if elsewhere}


def claims(host: Host, policy: Policy) -> Mapping[str, bool | str]:
    """Which registries of a policy say that they keep signatures themselves; see `adapters.registry.claims`."""
    from vouchsafe.adapters.http import HttpClient
    from vouchsafe.adapters.registry.claims import of_scopes

    settings = host.settings.replace(home="")
    http = HttpClient(proxies=settings.proxies, trust=settings.trust)
    try:
        return of_scopes(http, settings, sorted(policy.transports.get("docker", {})))
    finally:
        http.close()


def policy(host: Host) -> Policy | None:
    """/etc/vouchsafe/policy.json and its drop-ins; None when this host has none."""
    return wiring.policy_of_host(host)
