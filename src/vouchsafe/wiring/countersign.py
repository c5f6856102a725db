"""The countersigner's surroundings: the files that decide, the registries, the database, systemd.

The service reads what root's pulls read, from /etc and not from any home, and nothing that others may write.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from socket import socket

from vouchsafe.adapters import accounts, callers, guarded, listening, systemd
from vouchsafe.adapters.clock import SystemClock
from vouchsafe.adapters.databasefile import DatabaseFile
from vouchsafe.adapters.gnupg import GnuPG
from vouchsafe.adapters.guarded import GuardedFiles
from vouchsafe.adapters.http import Budget
from vouchsafe.adapters.listening import EVERYBODY, ROOT_ONLY
from vouchsafe.adapters.registry import conf, logical
from vouchsafe.adapters.settings import Settings
from vouchsafe.adapters.trustroots import (
    DELIVERY,
    PUBLIC_GOOD,
    TrustRoots,
    cache_directories,
    repository_directory,
)
from vouchsafe.admission.material import World
from vouchsafe.image.reference import Repository
from vouchsafe.ports import Catalogue, Clock, Standing
from vouchsafe.record import Record
from vouchsafe.wiring import Host, OnceRead, Sources
from vouchsafe.wiring.places import ACCOUNT, Places, known_machine_id, tracked
from vouchsafe.wiring.rules import read_rules

__all__ = ["Places", "Surroundings", "knowing", "sockets", "surroundings", "tracked"]

LONGEST = timedelta(seconds=18)  # of one question's requests; clients are answered after 20
LOOKASIDE, VERDICTS, METRICS = "lookaside", "verdicts", "metrics"  # FileDescriptorName= of the sockets


class HostConfiguration:
    """The files behind the service."""

    def __init__(
        self, places: Places, settings: Settings, environ: Mapping[str, str], account: int | None
    ) -> None:
        """Nothing is read yet. `account`: the service's, which owns what lies in its state folder."""
        self._places = places
        self._uid = settings.uid
        self._files = GuardedFiles(settings.uid)
        self._state = GuardedFiles(settings.uid, *(() if account is None else (account,)))
        containers = f"{places.etc}/containers"
        self._single = (
            f"{places.ours}/policy.json",
            *(places.applied, places.containers_policy, places.registries),
            *(
                places.tombstones,
                places.certificate,
                places.key,
                places.published,
                places.tracked,
                places.rotation,
            ),
            *(f"{containers}/registries.conf", f"{places.etc}/machine-id"),
            *(
                f"{repository_directory(cache, PUBLIC_GOOD)}/{DELIVERY}"
                for cache in cache_directories(environ, settings.uid)
            ),
        )
        self._folders = (
            f"{places.ours}/policy.d",
            *(f"{containers}/{name}" for name in ("registries.conf.d", "certs.d")),
        )
        self._above = (places.ours, containers, places.state, f"{places.run}/vouchsafe")

    def stamp(self, *paths: str) -> object:
        """What differs when a file has changed. Never raises."""
        if paths:
            return tuple(guarded.stamp(self._places.root + path) for path in paths)
        return (
            *map(guarded.stamp, self._single),
            *map(guarded.folder_stamp, self._folders),
            *map(guarded.who_may_write, self._above),
        )

    def read(self) -> Standing:
        """Everything. HostError."""
        places, files = self._places, self._files
        rules = read_rules(places, files, self._state, self._uid)
        return Standing(
            policy=rules.policy,
            applied=rules.applied,
            containers_policy=rules.containers_policy,
            registries=rules.registries,
            tombstones=rules.tombstones,
            certificate=self._state.read_if_there(places.certificate),
            key=self._state.read_if_there(places.key),
            published=files.read_if_there(places.published),
            rotation=self._state.read_if_there(places.rotation),
            machine_id=known_machine_id(places),
        )


class Upstream:
    """Registries and trust material, made anew for each generation of the files. Thread-safe."""

    def __init__(self, host: Host, environ: Mapping[str, str], root: str = "") -> None:
        """`host` with a clock, settings and a time limit; its world is not used. `root`: of what a policy names."""
        self._host = host
        self._root = root
        self._environ = environ
        self._lock = threading.Lock()
        self._generation = 0
        self._made: tuple[Sources, World, conf.Registries] | None = None

    def registry(self, generation: int) -> Catalogue:
        """All registries, with a time budget for one question."""
        sources, _, _ = self._of(generation)
        return sources.docker().within(Budget(self._host.timeout.total_seconds()))

    def world(self, generation: int) -> World:
        """Files that only root writes, and the trust root of this generation."""
        _, world, _ = self._of(generation)
        return world

    def trust_ends(self) -> datetime | None:
        """When the metadata of the public-good root ends."""
        settings = self._host.settings
        caches = cache_directories(self._environ, settings.uid)
        return TrustRoots(caches, uid=settings.uid).current().fresh_until

    def logical(
        self, generation: int, physical: Repository, domains: Iterable[str]
    ) -> tuple[Repository, ...]:
        """See `adapters.registry.logical`."""
        _, _, registries = self._of(generation)
        return logical.names(registries, physical, domains)

    def close(self) -> None:
        """Close idle connections."""
        with self._lock:
            self._let_go()

    def _let_go(self) -> None:
        if self._made is not None:
            self._made[0].__exit__()
            self._made = None

    def _of(self, generation: int) -> tuple[Sources, World, conf.Registries]:
        with self._lock:
            if self._made is None or self._generation != generation:
                self._let_go()
                settings = self._host.settings
                trust = TrustRoots(cache_directories(self._environ, settings.uid), uid=settings.uid)
                world = World(
                    files=GuardedFiles(settings.uid, root=self._root),
                    trust=OnceRead(trust),
                    openpgp=GnuPG(settings.search_path),
                )
                self._made = (Sources(self._host), world, conf.load(settings))
                self._generation = generation
            return self._made


class Surroundings(Record):
    """What a service, or a command beside it, needs of the world."""

    places: Places
    configuration: HostConfiguration
    upstream: Upstream
    file: DatabaseFile
    clock: Clock
    journal: systemd.Journal
    notifier: systemd.Notifier

    def trust_ends(self) -> datetime | None:
        """When the metadata of the public-good trust root ends; None for the one that was shipped."""
        return self.upstream.trust_ends()


def surroundings(
    environ: Mapping[str, str], *, uid: int, places: Places = Places(), clock: Clock | None = None
) -> Surroundings:
    """Of this process. Nothing is read but the environment."""
    # /etc decides, and not the home of the account that we run as: clients of every user ask us.
    settings = Settings.of({**environ, "HOME": "", "XDG_CONFIG_HOME": ""}, uid=uid).replace(
        etc=places.etc, run=places.run
    )
    credentials = environ.get("CREDENTIALS_DIRECTORY", "")
    settings = settings.replace(
        authfiles=(
            *((f"{credentials}/auth.json",) if credentials else ()),
            *(f"{places.run}/containers/0/auth.json", f"{places.etc}/ostree/auth.json"),
        ),
        auth_broker=places.broker,
    )
    places = places.with_credentials(environ)
    time = clock or SystemClock()
    nothing = World(files=GuardedFiles(uid), trust=TrustRoots(uid=uid), openpgp=GnuPG(settings.search_path))
    return Surroundings(
        places=places,
        configuration=HostConfiguration(places, settings, environ, accounts.uid_of(ACCOUNT)),
        upstream=Upstream(
            Host(settings=settings, clock=time, world=nothing, timeout=LONGEST), environ, places.root
        ),
        file=DatabaseFile(places.database),
        clock=time,
        journal=systemd.Journal(),
        notifier=systemd.Notifier(environ),
    )


def sockets(
    environ: Mapping[str, str],
    *,
    lookaside: Iterable[str] = (),
    verdicts: Iterable[str] = (),
    metrics: Iterable[str] = (),
) -> dict[str, tuple[socket, ...]]:
    """Sockets by what is answered there: what systemd opened (LOOKASIDE unless it has another name), and our own."""
    own = {LOOKASIDE: lookaside, VERDICTS: verdicts, METRICS: metrics}
    given = [(name if name in own else LOOKASIDE, each) for name, each in systemd.listening(environ)]
    return {
        kind: (
            *(each for name, each in given if name == kind),
            *(
                listening.listen(each, mode=EVERYBODY if kind == VERDICTS else ROOT_ONLY)
                for each in addresses
            ),
        )
        for kind, addresses in own.items()
    }


knowing = callers.caller
