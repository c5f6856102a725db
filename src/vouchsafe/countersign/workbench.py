"""What judges, put together without a service: for commands that work beside one, or where there is none.

It reads the same files and writes the same database, so what a command admits the service answers with.
"""

from __future__ import annotations

from collections.abc import Callable

from vouchsafe.countersign.authority import Authority
from vouchsafe.countersign.database import Database, File
from vouchsafe.countersign.judge import Errand, Judge
from vouchsafe.countersign.lists import Lists
from vouchsafe.countersign.state import Grounds, authority, in_force
from vouchsafe.countersign.store import Store
from vouchsafe.countersign.through import Bench
from vouchsafe.countersign.upstream import Upstream
from vouchsafe.image.reference import Reference
from vouchsafe.policy import revocation
from vouchsafe.ports import Catalogue, Clock, HostConfiguration, Standing

GENERATION = 1  # a command sees one state of the files


class Workbench:
    """Everything a command needs, as the files are now."""

    def __init__(
        self,
        configuration: HostConfiguration,
        upstream: Upstream,
        file: File,
        clock: Clock,
        *,
        report: Callable[[BaseException], None],
        tracked: tuple[Reference, ...] = (),
    ) -> None:
        """Nothing is read yet; `report` is told of errors that are our own fault."""
        self.clock = clock
        self.store = Store(Database(file))
        self.judge = Judge(self.store, clock=clock, report=report)
        self.bench = Bench(self.judge, Lists(clock, tracked))
        self._configuration = configuration
        self._upstream = upstream
        self._standing: Standing | None = None

    def standing(self) -> Standing:
        """The files. ConfigurationError, HostError."""
        if self._standing is None:
            self._standing = self._configuration.read()
        return self._standing

    def errand(self) -> Errand:
        """What one image is judged with. ConfigurationError when the policy is not the one in force."""
        found = self.standing()
        grounds = Grounds(
            generation=GENERATION,
            in_force=in_force(found),
            tombstones=revocation.read(found.tombstones),
        )
        return Errand(
            grounds=grounds,
            registry=self.registry(),
            world=self._upstream.world(GENERATION),
        )

    def registry(self) -> Catalogue:
        """All registries, with a budget for one image."""
        return self._upstream.registry(GENERATION)

    def authority(self) -> Authority:
        """Who signs. HostError."""
        return authority(self.standing(), self.clock.now())

    def close(self) -> None:
        """Let go of the database, and of registries."""
        self.store.close()
        self._upstream.close()
