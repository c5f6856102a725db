"""Two places between which images are carried: registries or layouts, each reached in its own way."""

from __future__ import annotations

from typing import Self

from vouchsafe.adapters.http import HttpClient
from vouchsafe.adapters.layout import Layout
from vouchsafe.adapters.layout.writing import LayoutDepot
from vouchsafe.adapters.registry.depot import Puller, RegistryDepot
from vouchsafe.errors import MalformedError
from vouchsafe.image.reference import Reference
from vouchsafe.ports import BlobSource, Depot
from vouchsafe.wiring import Host


class Carriage:
    """A source and a destination, with connections that last as long as it does. A context manager.

    There is no time budget for the whole: layers have any size. Each request and each piece has its own.
    """

    def __init__(self, source: Reference, destination: Reference, *, read: Host, write: Host) -> None:
        """`read` and `write`: how the source and the destination are reached. Nothing is asked yet."""
        self._open: list[HttpClient] = []
        self.source: BlobSource = self._source(source, read)
        self.depot: Depot = self._depot(source, destination, write)

    def __enter__(self) -> Self:
        """As it is."""
        return self

    def __exit__(self, *failure: object) -> None:
        """Close idle connections."""
        for http in self._open:
            http.close()

    def _source(self, source: Reference, host: Host) -> BlobSource:
        match source.transport:
            case "docker":
                return Puller(self._http(host), host.settings)
            case "oci":
                return Layout()
            case _:
                raise _unfit(source)

    def _depot(self, source: Reference, destination: Reference, host: Host) -> Depot:
        match destination.transport:
            case "docker":
                return RegistryDepot(self._http(host), host.settings, origin=source.repository)
            case "oci":
                return LayoutDepot()
            case _:
                raise _unfit(destination)

    def _http(self, host: Host) -> HttpClient:
        self._open.append(HttpClient(proxies=host.settings.proxies, trust=host.settings.trust))
        return self._open[-1]


def _unfit(reference: Reference) -> MalformedError:
    return MalformedError(
        "reference-transport",
        f"expected docker: or oci:, got {reference}",
        hint="A dir: folder has no room for referrers. Use an OCI layout.",
    )
