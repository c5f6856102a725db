"""Settings become objects: the only place that names adapters to the use cases.

Everything heavy is imported when its transport is asked for: `dir:` needs no HTTP, `docker:` no layouts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from vouchsafe.adapters.clock import SystemClock
from vouchsafe.adapters.files import SystemFiles
from vouchsafe.adapters.gnupg import GnuPG
from vouchsafe.adapters.settings import Settings
from vouchsafe.adapters.trustroots import HostTrust
from vouchsafe.admission.material import World
from vouchsafe.errors import Unavailable
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import Descriptor, Manifest
from vouchsafe.image.reference import Reference
from vouchsafe.ports import Clock, Registry
from vouchsafe.record import Record

MOST_SECONDS = 24 * 60 * 60


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
    files = SystemFiles()
    return Host(
        settings=settings,
        clock=SystemClock(),
        world=World(files=files, trust=HostTrust(settings, files), openpgp=GnuPG(settings.search_path)),
        timeout=timeout,
    )


class Sources:
    """Implements `ports.Registry` for every transport, each adapter made when first asked for. Thread-safe."""

    def __init__(self, host: Host) -> None:
        """Nothing is read or connected yet."""
        self._host = host
        self._made: dict[str, Registry] = {}

    def manifest(self, reference: Reference, wanted: str | Digest | None) -> Manifest | None:
        """See the port."""
        return self._of(reference).manifest(reference, wanted)

    def blob(self, reference: Reference, descriptor: Descriptor, *, largest: int) -> bytes:
        """See the port."""
        return self._of(reference).blob(reference, descriptor, largest=largest)

    def referrers(self, reference: Reference, digest: Digest) -> tuple[Descriptor, ...]:
        """See the port."""
        return self._of(reference).referrers(reference, digest)

    def signatures(self, reference: Reference, digest: Digest) -> tuple[bytes, ...]:
        """See the port."""
        return self._of(reference).signatures(reference, digest)

    def _of(self, reference: Reference) -> Registry:
        made = self._made.get(reference.transport)
        if made is None:
            made = self._made.setdefault(reference.transport, self._make(reference.transport))
        return made

    def _make(self, transport: str) -> Registry:
        match transport:
            case "docker":
                from vouchsafe.adapters.http import Budget, HttpClient
                from vouchsafe.adapters.registry import RegistryClient

                settings = self._host.settings
                http = HttpClient(proxies=settings.proxies, trust=settings.trust)
                return RegistryClient(http, settings).within(Budget(self._host.timeout.total_seconds()))
            case "oci":
                from vouchsafe.adapters.layout import Layout

                return Layout()
            case "dir":
                from vouchsafe.adapters.directory import Directory

                return Directory()
            case _:
                raise Unavailable("reference-transport", f"expected docker, oci or dir, got {transport}")
