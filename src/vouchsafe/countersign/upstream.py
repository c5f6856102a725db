"""Where images and their evidence are, as this host knows it in one generation of its files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from vouchsafe.admission.material import World
from vouchsafe.image.reference import Repository
from vouchsafe.ports import Catalogue


class Upstream(Protocol):
    """Where images and their evidence are, as this host knows it in one generation of its files."""

    def registry(self, generation: int) -> Catalogue:
        """All registries, with a budget for one question."""

    def world(self, generation: int) -> World:
        """What requirements name."""

    def logical(
        self, generation: int, physical: Repository, domains: Iterable[str]
    ) -> tuple[Repository, ...]:
        """The names under which somebody could have asked for this place. ConfigurationError."""

    def close(self) -> None:
        """Close idle connections."""
