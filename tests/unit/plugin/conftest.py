"""A machine below a folder, as its plugin sees it: files, a registry, the real clock."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.countersigning import Machine
from vouchsafe.testing.registry import RegistryServer


@pytest.fixture(autouse=True)
def as_root() -> None:
    """The plugin believes files that only root may write, and these tests write such."""
    if os.geteuid() != 0:
        pytest.skip("only root makes files that the plugin believes")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """Accepts acme/app's main branch, in acme/app."""
    with RegistryServer() as registry:
        made = Machine(tmp_path, registry, below_root=True)
        made.apply({made.name(): [made.keyless()]})
        yield made
        made.close()
