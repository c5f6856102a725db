"""A real skopeo pulls through the running service: accepted and refused, and told why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.countersigning import Machine, Running, Skopeo
from vouchsafe.testing.registry import RegistryServer

pytestmark = pytest.mark.peers


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A host that accepts acme/app's main branch in acme/app."""
    with RegistryServer() as registry:
        made = Machine(tmp_path, registry)
        made.apply({f"{registry.address}/acme/app": [made.keyless()]})
        yield made
        made.close()


def test_a_signed_image_is_pulled_and_an_unsigned_one_is_not(machine: Machine, skopeo: Path) -> None:
    """The service answers inside the pull."""
    machine.sign(machine.image(tag="signed"))
    machine.image(tag="unsigned", content=b"unsigned")
    client = Skopeo(skopeo, machine)
    with Running(machine):
        assert client.pull(f"{machine.name()}:signed") == (0, "")
        status, said = client.pull(f"{machine.name()}:unsigned")
    assert (status, "vouchsafe: rejected: unsigned" in said) == (1, True), said
