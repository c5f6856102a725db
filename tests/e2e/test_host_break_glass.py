"""Break-glass with the countersigner dead: real clients pull exactly that digest, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts import OURS, REJECT, Host
from tests.pulls import Client, Podman, Proxy, Pulls, Skopeo
from vouchsafe.cli import main
from vouchsafe.testing.pull_cases import layer
from vouchsafe.testing.registry import RegistryServer, push_image, push_index

pytestmark = pytest.mark.peers

REASON = ["--reason", "the countersigner is dead"]
# What docs/host.md says to type where there is no vouchsafe and no Python.
BY_HAND_REGISTRIES = "docker:\n  {scope}:\n    lookaside: file:///run/vouchsafe/none\n"


@pytest.fixture(scope="module")
def registry() -> Iterator[RegistryServer]:
    """With images that nobody signed."""
    with RegistryServer() as server:
        for name in ("wanted", "other"):
            push_image(server.store, f"acme/{name}", content=layer(name.encode()))
        push_index(server.store, "acme/index", contents=layer)
        yield server


@pytest.fixture
def host(tmp_path: Path, registry: RegistryServer) -> Host:
    """A host that enforces, with nobody on the countersigner's port."""
    made = Host(tmp_path / "root")
    scopes = {f"{registry.address}/acme": [OURS]}
    policy = {"default": [REJECT], "transports": {"docker": scopes}}
    made.write("/etc/vouchsafe/policy.json", json.dumps(policy))
    flags = ["--lookaside", "http://127.0.0.1:1", "--ca", f"{tmp_path}/ca.crt", "--without-units"]
    assert main(["host", "enable", "--root", str(made.folder), *flags]) == 0
    return made


@pytest.fixture(params=["skopeo", "skopeo_old", "proxy", "podman"])
def client(request: pytest.FixtureRequest, host: Host, tmp_path: Path, pulls: Pulls) -> Client:
    """Each client."""
    kinds = {"proxy": Proxy, "podman": Podman}
    program = request.getfixturevalue("skopeo" if request.param == "proxy" else request.param)
    return kinds.get(request.param, Skopeo)(program, host.folder / "etc/containers", tmp_path, pulls)


def digest(registry: RegistryServer, name: str) -> str:
    """An image by its digest."""
    found = registry.store.manifest(f"acme/{name}", "v1")
    assert found is not None
    return f"{registry.address}/acme/{name}@{found.digest}"


def test_one_digest(host: Host, registry: RegistryServer, client: Client) -> None:
    """It alone, by digest alone, until it ends."""
    image = digest(registry, "wanted")
    assert main(["break-glass", "--root", str(host.folder), image, *REASON]) == 0
    client.accepts(image)
    client.refuses(f"{registry.address}/acme/wanted:v1")
    client.refuses(digest(registry, "other"))
    assert main(["host", "status", "--root", str(host.folder)]) == 1
    assert main(["break-glass", "--root", str(host.folder), "--end"]) == 0
    client.refuses(image)
    assert main(["host", "status", "--root", str(host.folder)]) == 0


def test_a_list_covers_its_instances(host: Host, registry: RegistryServer, client: Client) -> None:
    """The name that was asked for decides."""
    image = digest(registry, "index")
    assert main(["break-glass", "--root", str(host.folder), image, *REASON]) == 0
    client.accepts(image)
    client.refuses(digest(registry, "other"))


def test_two_files_by_hand(host: Host, registry: RegistryServer, client: Client) -> None:
    """With vouchsafe, Python and the key gone."""
    image = digest(registry, "wanted")
    policy = json.loads(host.read("/etc/containers/policy.json"))
    policy["transports"]["docker"][image] = [{"type": "insecureAcceptAnything"}]
    host.write("/etc/containers/policy.json", json.dumps(policy))
    host.write("/etc/containers/registries.d/by-hand.yaml", BY_HAND_REGISTRIES.format(scope=image))
    client.accepts(image)
    client.refuses(digest(registry, "other"))


def test_the_next_boot_ends_it(host: Host, registry: RegistryServer) -> None:
    """Whatever its time."""
    before = host.read("/etc/containers/policy.json")
    main(["break-glass", "--root", str(host.folder), digest(registry, "wanted"), *REASON, "--for", "7d"])
    assert main(["host", "recover", "--at-boot", "--root", str(host.folder)]) == 0
    assert host.read("/etc/containers/policy.json") == before
