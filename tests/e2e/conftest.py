"""Real clients on a machine that countersigns; each module makes a `machine` of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.countersigning import Machine
from tests.pulls import Client, Fleet, Podman, Proxy, Pulls, Skopeo

# Those that read certificates. Debian 12's skopeo, which reads OpenPGP alone, is asked for by name.
CLIENTS: dict[str, type[Client]] = {"skopeo": Skopeo, "proxy": Proxy}
EVERY: dict[str, type[Client]] = {**CLIENTS, "podman": Podman, "skopeo_old": Skopeo}


@pytest.fixture(scope="session")
def podman_storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What podman pulled, in all tests."""
    return tmp_path_factory.mktemp("podman")


@pytest.fixture
def fleet(request: pytest.FixtureRequest, machine: Machine, pulls: Pulls, podman_storage: Path) -> Fleet:
    """The newest skopeo, and the proxy that bootc pulls through: the two that differ in what they ask for."""
    return _found(request, machine, pulls, podman_storage, CLIENTS)


@pytest.fixture
def everyone(request: pytest.FixtureRequest, machine: Machine, pulls: Pulls, podman_storage: Path) -> Fleet:
    """The same, podman, and Debian 13's skopeo: where a case or an attack is about each of them."""
    return _found(request, machine, pulls, podman_storage, EVERY)


def _found(
    request: pytest.FixtureRequest,
    machine: Machine,
    pulls: Pulls,
    storage: Path,
    kinds: dict[str, type[Client]],
) -> Fleet:
    """Every client that there is; what is missing is named at the end of a run (`peer MISSING`)."""
    found: dict[str, Client] = {}
    for name, kind in kinds.items():
        try:
            program: Path = request.getfixturevalue("skopeo" if name == "proxy" else name)
        except pytest.skip.Exception:
            continue
        client = machine.client(kind, program, pulls)
        client.tells_why = name != "skopeo_old"
        if isinstance(client, Podman):
            client.storage = storage
        found[name] = client
    if not found:
        pytest.skip("no client is there: `make peers` has not run")
    return Fleet(found)


@pytest.fixture
def openpgp_client(machine: Machine, skopeo_openpgp: Path, pulls: Pulls) -> Skopeo:
    """Debian 12's."""
    client = machine.client(Skopeo, skopeo_openpgp, pulls)
    client.tells_why = False
    return client
