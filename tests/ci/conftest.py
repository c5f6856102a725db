"""One registry and one Sigstore for all pipelines; each test has images and a project of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ci.pipeline import Estate, estate


@pytest.fixture(scope="session")
def loopback() -> Iterator[Estate]:
    """Everything that a pipeline needs; skips where gitlab-ci-local or what it calls is missing."""
    with estate() as running:
        yield running
