"""The programs, the folder and the laboratory that `probe` and `smoke` work with, and a first boot below a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from vouchsafe import wiring
from vouchsafe.countersign.genesis import prepare, publish_keys
from vouchsafe.countersign.state import in_force
from vouchsafe.host.laboratory import Laboratory, laboratory
from vouchsafe.host.pullers import Tools
from vouchsafe.machine import HostEdits
from vouchsafe.wiring import authority, machine
from vouchsafe.wiring import countersign as countersigning
from vouchsafe.wiring.places import Places


@contextmanager
def tools_and_laboratory(host: wiring.Host) -> Iterator[tuple[Tools, Laboratory]]:
    """Both, for as long as this is held. HostError, Unavailable."""
    # Not the whole environment: a proxy or a credential of whoever runs this decides nothing here.
    environment = {"PATH": host.settings.search_path, "PODMAN_IGNORE_CGROUPSV1_WARNING": "1"}
    with machine.scratch() as scratch:
        tools = tools_in(scratch, host, environment)
        with laboratory(tools) as lab:
            yield tools, lab


def tools_in(scratch: HostEdits, host: wiring.Host, environment: dict[str, str]) -> Tools:
    """The programs of this host, and a folder of our own."""
    return Tools(
        runner=machine.programs(host),
        starter=machine.children(),
        scratch=scratch,
        environment=environment,
        is_root=host.settings.uid == 0,
        python=machine.python(),
    )


def first_boot(places: Places, host: wiring.Host) -> None:
    """What `vouchsafe countersign init` does, for the machine below a root: its CA, and the keys of its policy.

    HostError, ConfigurationError.
    """
    uid = host.settings.uid
    kept = authority.KeptAuthority(places, None, uid=uid)
    done = prepare(kept, at=host.clock.now())
    around = countersigning.surroundings({"PATH": host.settings.search_path}, uid=uid, places=places)
    standing = around.configuration.read()
    publish_keys(kept, done.authority, None if standing.applied is None else in_force(standing))
