"""Reads units of systemd, as far as the tests ask them something."""

from __future__ import annotations

from pathlib import Path

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
SYSTEMD = DEPLOY / "systemd"


class Unit:
    """The keys of every section: of one that stands several times, every value."""

    def __init__(self, path: Path) -> None:
        self._values: dict[str, list[str]] = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            key, equals, value = line.partition("=")
            if equals and not line.startswith(("#", ";", "[")):
                self._values.setdefault(key, []).append(value)

    def all(self, key: str) -> list[str]:
        """Every value."""
        return self._values.get(key, [])

    def one(self, key: str, otherwise: str = "") -> str:
        """The last value."""
        return (self.all(key) or [otherwise])[-1]

    def is_on(self, key: str) -> bool:
        """A boolean."""
        return self.one(key) in {"yes", "true", "1", "on"}
