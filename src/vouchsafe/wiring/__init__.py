"""Settings become objects: the only place that names adapters to the use cases.

Everything heavy is imported when its transport is asked for: `dir:` needs no HTTP, `docker:` no layouts.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from vouchsafe.adapters import surroundings, trustroots
from vouchsafe.adapters.budget import Budget
from vouchsafe.adapters.clock import SystemClock
from vouchsafe.adapters.files import SystemFiles
from vouchsafe.adapters.gnupg import GnuPG
from vouchsafe.adapters.settings import Settings
from vouchsafe.adapters.trustroots import TrustRoots, cache_directories
from vouchsafe.admission import Question, admit
from vouchsafe.admission.material import World
from vouchsafe.errors import Unavailable
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import Descriptor, Manifest
from vouchsafe.image.reference import Reference
from vouchsafe.policy.grammar import Dialect
from vouchsafe.policy.scope import Policy
from vouchsafe.policy.verdict import Verdict
from vouchsafe.ports import Clock, Registry, TrustSource
from vouchsafe.record import Record
from vouchsafe.verification.trust import LoadedRoot, TrustRoot

if TYPE_CHECKING:
    from vouchsafe.adapters.http import HttpClient
    from vouchsafe.adapters.registry import RegistryClient
    from vouchsafe.policy.gitlab_project import Project
    from vouchsafe.verification.tuf import Refreshed


class Host(Record):
    """The world as this process sees it."""

    settings: Settings
    clock: Clock
    world: World
    timeout: timedelta


def host(
    environ: Mapping[str, str],
    *,
    uid: int,
    authfile: str = "",
    cert_dir: str = "",
    registries_conf: str = "",
    tls_verify: bool | None = None,
    timeout: timedelta = timedelta(seconds=60),
) -> Host:
    """Read the environment once. ConfigurationError comes later, from what needs the wrong file."""
    settings = Settings.of(
        environ,
        uid=uid,
        authfile=authfile,
        cert_dir=cert_dir,
        registries_conf=registries_conf,
        tls_verify=tls_verify,
    )
    trust = OnceRead(TrustRoots(cache_directories(environ, uid), uid=uid))
    return Host(
        settings=settings,
        clock=SystemClock(),
        world=World(files=SystemFiles(), trust=trust, openpgp=GnuPG(settings.search_path)),
        timeout=timeout,
    )


class OnceRead:
    """A TrustSource that asks another once: all requirements of one run mean the same root."""

    def __init__(self, source: TrustSource) -> None:
        """`source` is asked when the root is first needed."""
        self._source = source
        self._root: TrustRoot | None = None

    def public_good(self) -> TrustRoot:
        """See the port."""
        if self._root is None:
            self._root = self._source.public_good()
        return self._root


class Sources:
    """All places that images are read from. Made once for a run, so that connections and tokens are shared.

    A context manager: leaving it closes what is open. Thread-safe.
    """

    def __init__(self, host: Host) -> None:
        """Nothing is read or connected yet."""
        self._host = host
        self._http: HttpClient | None = None
        self._registry: RegistryClient | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        """As it is."""
        return self

    def __exit__(self, *failure: object) -> None:
        """Close idle connections."""
        if self._http is not None:
            self._http.close()

    def for_one(self) -> Registry:
        """What one verdict reads from, with a time budget of its own."""
        return _ForOne(self, self._host.timeout.total_seconds())

    def docker(self) -> RegistryClient:
        """The registry client, made when the first image needs it."""
        from vouchsafe.adapters.http import HttpClient
        from vouchsafe.adapters.registry import RegistryClient

        with self._lock:
            if self._registry is None:
                settings = self._host.settings
                self._http = HttpClient(proxies=settings.proxies, trust=settings.trust)
                self._registry = RegistryClient(self._http, settings)
            return self._registry


class _ForOne:
    """Implements `ports.Registry` for every transport, each adapter made when first asked for."""

    def __init__(self, sources: Sources, seconds: float) -> None:
        self._sources = sources
        self._seconds = seconds
        self._made: dict[str, Registry] = {}

    def manifest(self, reference: Reference, wanted: str | Digest | None) -> Manifest | None:
        return self._of(reference).manifest(reference, wanted)

    def blob(self, reference: Reference, descriptor: Descriptor, *, largest: int) -> bytes:
        return self._of(reference).blob(reference, descriptor, largest=largest)

    def referrers(self, reference: Reference, digest: Digest) -> tuple[Descriptor, ...]:
        return self._of(reference).referrers(reference, digest)

    def signatures(self, reference: Reference, digest: Digest) -> tuple[bytes, ...]:
        return self._of(reference).signatures(reference, digest)

    def _of(self, reference: Reference) -> Registry:
        made = self._made.get(reference.transport)
        if made is None:
            made = self._made.setdefault(reference.transport, self._make(reference.transport))
        return made

    def _make(self, transport: str) -> Registry:
        match transport:
            case "docker":
                return self._sources.docker().within(Budget(self._seconds))
            case "oci":
                from vouchsafe.adapters.layout import Layout

                return Layout(Budget(self._seconds))
            case "dir":
                from vouchsafe.adapters.directory import Directory

                return Directory(Budget(self._seconds))
            case _:
                raise Unavailable("reference-transport", f"expected docker, oci or dir, got {transport}")


def located(reference: Reference) -> Reference:
    """A reference to a folder with its path as policy scopes know it: absolute, no links."""
    if reference.path is None:
        return reference
    from vouchsafe.adapters.paths import fully_explicit

    return reference.replace(path=fully_explicit(reference.path))


def policy_of_host(host: Host) -> Policy | None:
    """/etc/vouchsafe/policy.json and its drop-ins; None when this host has none."""
    from vouchsafe.adapters import policyfiles

    return policyfiles.of_host(f"{host.settings.etc}/vouchsafe")


def policy_of_files(paths: Sequence[str], *, dialect: Dialect = "vouchsafe") -> Policy:
    """The policy of a main file and, after it, its drop-ins."""
    from vouchsafe.adapters import policyfiles

    return policyfiles.of_files(paths, dialect=dialect)


def clock() -> Clock:
    """The machine's own."""
    return SystemClock()


def embedded_trust() -> LoadedRoot:
    """The trust root that this version ships."""
    return trustroots.embedded()


def trust_in_use(environ: Mapping[str, str], *, uid: int, cache_dir: str = "") -> LoadedRoot:
    """The public-good root that this host believes, and where it came from."""
    caches = (cache_dir,) if cache_dir else cache_directories(environ, uid)
    return TrustRoots(caches, uid=uid).current()


def trust_from_file(path: str) -> LoadedRoot:
    """The trusted_root.json that the operator names."""
    return trustroots.from_file(path)


def refresh_trust(
    environ: Mapping[str, str], *, uid: int, url: str, root_file: str, cache_dir: str, keep: bool
) -> Refreshed:
    """Ask a TUF repository: the public-good one, or a mirror of it at `url`, or a private one by its `root_file`."""
    from vouchsafe.adapters import tuf
    from vouchsafe.adapters.http import HttpClient

    settings = Settings.of(environ, uid=uid)
    where = url or trustroots.PUBLIC_GOOD_URL
    mirror = tuf.Mirror(
        url=where,
        bootstrap=SystemFiles().read(root_file) if root_file else trustroots.bootstrap_root(),
        directory=trustroots.repository_directory(
            cache_dir or cache_directories(environ, uid)[0],
            tuf.repository_name(where) if root_file else trustroots.PUBLIC_GOOD,
        ),
    )
    http = HttpClient(proxies=settings.proxies, trust=settings.trust)
    return tuf.refresh(mirror, http=http, clock=SystemClock(), keep=keep)


def this_host(
    *,
    authfile: str = "",
    cert_dir: str = "",
    registries_conf: str = "",
    tls_verify: bool | None = None,
    timeout: timedelta = timedelta(seconds=60),
) -> Host:
    """The world with this process's environment, user and clock; see `host`."""
    return host(
        surroundings.environment(),
        uid=surroundings.user(),
        authfile=authfile,
        cert_dir=cert_dir,
        registries_conf=registries_conf,
        tls_verify=tls_verify,
        timeout=timeout,
    )


def verify_image(image: str, policy: Policy, *, on: Host | None = None) -> Verdict:
    """The verdict on one image, judged on this host (or another).

    Raises MalformedError when `image` is no reference, and nothing else. For many images make one
    `Sources` and ask `admit` for each: connections and tokens are shared then.
    """
    here = on or this_host()
    question = Question(reference=located(Reference.parse(image)), policy=policy, longest=here.timeout)
    with Sources(here) as sources:
        return admit(question, registry=sources.for_one(), clock=here.clock, world=here.world)


def gitlab_project(
    environ: Mapping[str, str], *, uid: int, project: str, base_url: str, token_file: str
) -> Project:
    """What a GitLab instance says of a project; see `adapters.gitlab.question` for who is asked and as whom."""
    from vouchsafe.adapters import gitlab
    from vouchsafe.adapters.http import HttpClient

    settings = Settings.of(environ, uid=uid)
    asked = gitlab.question(environ, project=project, base_url=base_url, token_file=token_file)
    return gitlab.describe(asked, HttpClient(proxies=settings.proxies, trust=settings.trust))


def read_file(path: str, *, largest: int) -> bytes:
    """The content of a file. ConfigurationError."""
    return SystemFiles().read(path, largest=largest)


def write_file(path: str, content: bytes) -> None:
    """Replace a file in one step; a device, a pipe or a descriptor is written to. HostError."""
    SystemFiles().deliver(path, content)


def demand_places(*paths: str | None) -> None:
    """HostError when one of the files that are to be written has no place."""
    for path in filter(None, paths):
        SystemFiles().demand_place(path)
