"""The clients on this host as one more service that the watch asks: each pulls, under policies with new words."""

from __future__ import annotations

import json

from vouchsafe import wiring
from vouchsafe.cli.host_tools import tools_and_laboratory
from vouchsafe.errors import Unavailable, VouchsafeError
from vouchsafe.host import pullers
from vouchsafe.host.probe import Finding, abilities
from vouchsafe.ports import Fetched
from vouchsafe.wiring import machine


class HostClients:
    """Implements `ports.Forge`: the path is what is asked, `key NAME; type NAME; bundle`."""

    def __init__(self, host: wiring.Host) -> None:
        """Nothing is started yet."""
        self._host = host

    def get(self, path: str, *, accept: str = "application/json", etag: str = "") -> Fetched:
        """Everything, of every client that somebody on this host uses. Unavailable when they cannot be tried."""
        asked = tuple(path.removeprefix("/").split("; "))
        try:
            findings = findings_of(self._host, asked)
        except Unavailable:
            raise
        except VouchsafeError as error:
            raise Unavailable("upstream-host", error.message, hint=error.hint) from error
        said = [
            {
                "client": each.client,
                "question": each.question,
                "answer": each.answer,
                "evidence": each.evidence if each.answer == "unknown" else "",
                "at": f"{each.at:%Y-%m-%d}",
            }
            for each in findings
        ]
        return Fetched(text=json.dumps({"findings": said}))


def findings_of(host: wiring.Host, asked: tuple[str, ...]) -> tuple[Finding, ...]:
    """What each client answers; nothing where there is none. HostError, Unavailable."""
    found: list[Finding] = []
    if not pullers.present(machine.programs(host)):
        return ()
    with tools_and_laboratory(host) as (tools, laboratory):
        clients = pullers.used(pullers.found(tools), laboratory.probes.image, tools)
        for client in clients:
            found += abilities(client, laboratory, tools, asked, at=host.clock.now())
    return tuple(found)
