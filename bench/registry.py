"""The registry that is asked: distribution's own, in Go, where `make peers` fetched it, else the tests' one.

Both run in a process of their own. Ours is slower than distribution, which shifts the ratios towards 1.
"""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from types import MappingProxyType

from vouchsafe.image.digest import Digest
from vouchsafe.testing.registry import RegistryServer, RegistryStore

_ADDRESS = re.compile(r"listening on (127\.0\.0\.1:\d+)")


@contextmanager
def serving(store: RegistryStore, program: Path | None, folder: Path) -> Iterator[str]:
    """The address of a registry that holds what `store` holds."""
    with running(program, folder) as address:
        fill(address, store)
        yield address


@contextmanager
def running(program: Path | None, folder: Path) -> Iterator[str]:
    """The address of a registry that holds nothing yet."""
    if program is None:
        with RegistryServer() as server:
            yield server.address
        return
    config = {
        "version": 0.1,
        "log": {"level": "info", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": "127.0.0.1:0", "secret": "of this run"},
    }
    path = folder / "registry.yml"
    path.write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML too
    with subprocess.Popen(
        [program, "serve", path], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield _address(process)
        finally:
            process.terminate()


def fill(
    address: str, store: RegistryStore, untagged: Mapping[str, Iterable[Digest]] = MappingProxyType({})
) -> None:
    """Push what a tag of `store` leads to, and what `untagged` names, by repository."""
    _Copy(store, address).all(untagged)


def _address(process: subprocess.Popen[str]) -> str:
    """Where it says it listens; what it says later is read and dropped, or it would block."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := _ADDRESS.search(line):
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return found[1]
    raise RuntimeError("expected docker-registry to listen, got its end")


class _Copy:
    """Pushes what a store holds over one connection, each blob once."""

    def __init__(self, store: RegistryStore, address: str) -> None:
        self._store = store
        self._connection = http.client.HTTPConnection(address)
        self._pushed: set[tuple[str, str]] = set()

    def all(self, untagged: Mapping[str, Iterable[Digest]]) -> None:
        with closing(self._connection):
            for repository, digests in untagged.items():
                for digest in digests:
                    self._manifest(repository, str(digest))
            for repository in self._store.repositories():
                for tag in self._store.tags(repository):
                    self._manifest(repository, tag)

    def _manifest(self, repository: str, wanted: str) -> None:
        """After everything it names: registries refuse what names something that is not there."""
        manifest = self._store.manifest(repository, wanted)
        assert manifest is not None
        content = json.loads(manifest.raw)
        for entry in content.get("manifests", ()):
            self._manifest(repository, entry["digest"])
        named = [content["config"], *content["layers"]] if "layers" in content else []
        for digest in dict.fromkeys(entry["digest"] for entry in named):
            if (repository, digest) not in self._pushed:
                self._blob(repository, digest)
                self._pushed.add((repository, digest))
        headers = {"Content-Type": manifest.media_type}
        _ask(self._connection, "PUT", f"/v2/{repository}/manifests/{wanted}", manifest.raw, headers)

    def _blob(self, repository: str, digest: str) -> None:
        content = self._store.blob(repository, digest)
        assert content is not None
        place = _ask(self._connection, "POST", f"/v2/{repository}/blobs/uploads/", b"", {})
        target = "/" + place.partition("://")[2].partition("/")[2]
        headers = {"Content-Type": "application/octet-stream"}
        _ask(self._connection, "PUT", f"{target}&digest={digest}", content, headers)


def _ask(
    connection: http.client.HTTPConnection, method: str, target: str, body: bytes, headers: dict[str, str]
) -> str:
    connection.request(method, target, body, headers)
    response = connection.getresponse()
    said = response.read()
    if response.status not in (201, 202):
        raise RuntimeError(f"expected the registry to take {target}, got {response.status} {said[:500]!r}")
    return response.headers.get("Location", "")
