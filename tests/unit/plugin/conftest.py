"""A machine below a folder, as its plugin sees it: files, a registry, the real clock."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.countersigning import Machine
from tests.plugins import plugin_machine


@pytest.fixture(autouse=True)
def as_root() -> None:
    """The plugin believes files that only root may write, and these tests write such."""
    if os.geteuid() != 0:
        pytest.skip("only root makes files that the plugin believes")


@pytest.fixture
def machine() -> Iterator[Machine]:
    """Accepts acme/app's main branch, in acme/app."""
    with plugin_machine() as made:
        yield made
