"""The registry that is asked: distribution's own, in Go, where `make peers` fetched it, else the tests' one.

Both run in a process of their own. Ours is slower than distribution, which shifts the ratios towards 1.
"""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from vouchsafe.image.digest import Digest
from vouchsafe.testing.registry import RegistryServer, RegistryStore

_ADDRESS = re.compile(r"listening on (127\.0\.0\.1:\d+)")


@contextmanager
def serving(store: RegistryStore, program: Path | None, folder: Path) -> Iterator[str]:
    """The address of a registry that holds what `store` holds."""
    if program is None:
        with RegistryServer(store) as server:
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
            address = _address(process)
            _copy(store, address)
            yield address
        finally:
            process.terminate()


def _address(process: subprocess.Popen[str]) -> str:
    """Where it says it listens; what it says later is read and dropped, or it would block."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := _ADDRESS.search(line):
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return found[1]
    raise RuntimeError("expected docker-registry to listen, got its end")


def _copy(store: RegistryStore, address: str) -> None:
    with closing(http.client.HTTPConnection(address)) as connection:
        for repository in store.repositories():
            for tag in store.tags(repository):
                _push(store, connection, repository, tag)


def _push(store: RegistryStore, connection: http.client.HTTPConnection, repository: str, wanted: str) -> None:
    """A manifest, after everything it names: registries refuse what names something that is not there."""
    manifest = store.manifest(repository, wanted)
    assert manifest is not None
    content = json.loads(manifest.raw)
    for entry in content.get("manifests", ()):
        _push(store, connection, repository, entry["digest"])
    named = [content["config"], *content["layers"]] if "layers" in content else []
    for digest in dict.fromkeys(entry["digest"] for entry in named):
        _push_blob(store, connection, repository, Digest.parse(digest))
    headers = {"Content-Type": manifest.media_type}
    _ask(connection, "PUT", f"/v2/{repository}/manifests/{wanted}", manifest.raw, headers)


def _push_blob(
    store: RegistryStore, connection: http.client.HTTPConnection, repository: str, digest: Digest
) -> None:
    content = store.blob(repository, str(digest))
    assert content is not None
    place = _ask(connection, "POST", f"/v2/{repository}/blobs/uploads/", b"", {})
    target = "/" + place.partition("://")[2].partition("/")[2]
    headers = {"Content-Type": "application/octet-stream"}
    _ask(connection, "PUT", f"{target}&digest={digest}", content, headers)


def _ask(
    connection: http.client.HTTPConnection, method: str, target: str, body: bytes, headers: dict[str, str]
) -> str:
    connection.request(method, target, body, headers)
    response = connection.getresponse()
    said = response.read()
    if response.status not in (201, 202):
        raise RuntimeError(f"expected the registry to take {target}, got {response.status} {said[:500]!r}")
    return response.headers.get("Location", "")
