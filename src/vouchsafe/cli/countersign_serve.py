"""`vouchsafe countersign serve`: the service, on the sockets of systemd or its own."""

from __future__ import annotations

import argparse
import os

from vouchsafe.cli import ACCEPTED
from vouchsafe.cli.console import Console
from vouchsafe.cli.countersign_tools import places_of
from vouchsafe.cli.usage import UsageError
from vouchsafe.errors import ConfigurationError
from vouchsafe.image.reference import Reference
from vouchsafe.wiring import countersign as wiring
from vouchsafe.wiring.countersign import Places


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Until a signal."""
    try:
        from vouchsafe.countersign.service import Outside, Service, Sockets, run
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "installation",
            f"expected the library {error.name}, got none",
            hint="The extra `serve` is not installed: requirements/serve.txt of the sources has all of it.",
        ) from error
    places = places_of(arguments)
    around = wiring.surroundings(os.environ, uid=os.geteuid(), places=places)
    opened = wiring.sockets(
        os.environ, lookaside=arguments.listen, verdicts=arguments.verdicts, metrics=arguments.metrics
    )
    sockets = Sockets(
        lookaside=opened[wiring.LOOKASIDE], verdicts=opened[wiring.VERDICTS], metrics=opened[wiring.METRICS]
    )
    if not sockets.lookaside:
        raise UsageError(
            "expected a socket from systemd, or --listen, got neither",
            hint="systemctl start vouchsafe-countersign.socket",
        )
    service = Service(
        Outside(
            configuration=around.configuration,
            upstream=around.upstream,
            file=around.file,
            clock=around.clock,
            journal=around.journal,
            notifier=around.notifier,
            knowing=wiring.knowing,
            tracked=lambda: _tracked(places, console),
            trust_ends=around.trust_ends,
        )
    )
    for listening in (*sockets.lookaside, *sockets.verdicts):
        name = listening.getsockname()
        console.note(f"vouchsafe: answering on {name if isinstance(name, str) else ':'.join(map(str, name))}")
    run(service, sockets)
    return ACCEPTED


def _tracked(places: Places, console: Console) -> tuple[Reference, ...]:
    """Only where to look first: a line that is no image must not end what answers."""
    try:
        return wiring.tracked(places)
    except ConfigurationError as error:
        console.error(error.message, code=error.code)
        return ()
