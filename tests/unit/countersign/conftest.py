"""A machine in a folder, whose clock stands still, and its service without a socket."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.countersigning import Counter, Machine
from vouchsafe.testing.clock import VirtualClock


@pytest.fixture(autouse=True)
def as_root() -> None:
    """The countersigner believes files that only root may write, and these tests write such."""
    if os.geteuid() != 0:
        pytest.skip("only root makes files that the countersigner believes")


@pytest.fixture
def clock() -> VirtualClock:
    """Stands still until a test moves it."""
    return VirtualClock()


@pytest.fixture
def machine(tmp_path: Path, clock: VirtualClock) -> Iterator[Machine]:
    """Accepts acme/app's main branch, in acme/app."""
    with Machine.of_acme(tmp_path, clock=clock) as made:
        yield made


@pytest.fixture
def counter(machine: Machine) -> Iterator[Counter]:
    """Its service."""
    with Counter(machine) as made:
        yield made
