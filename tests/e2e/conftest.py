"""Real clients on a machine that countersigns; each module makes a `machine` of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.countersigning import Machine
from tests.pulls import Client, Fleet, Podman, Proxy, Pulls, Skopeo

# Those that read certificates. Debian 12's skopeo, which reads OpenPGP alone, is asked for by name.
CLIENTS: dict[str, type[Client]] = {
    "skopeo": Skopeo,
    "skopeo_old": Skopeo,
    "podman": Podman,
    "proxy": Proxy,
}


@pytest.fixture
def fleet(request: pytest.FixtureRequest, machine: Machine, pulls: Pulls) -> Fleet:
    """Every client that there is; what is missing is named at the end of a run (`peer MISSING`)."""
    found: dict[str, Client] = {}
    for name, kind in CLIENTS.items():
        try:
            program: Path = request.getfixturevalue("skopeo" if name == "proxy" else name)
        except pytest.skip.Exception:
            continue
        found[name] = machine.client(kind, program, pulls)
        found[name].tells_why = name != "skopeo_old"
    if not found:
        pytest.skip("no client is there: `make peers` has not run")
    return Fleet(found)


@pytest.fixture
def openpgp_client(machine: Machine, skopeo_openpgp: Path, pulls: Pulls) -> Skopeo:
    """Debian 12's."""
    client = machine.client(Skopeo, skopeo_openpgp, pulls)
    client.tells_why = False
    return client
