"""A whole host below a folder: policy, CA, countersigner and clients, none of which the live one knows.

The rehearsal's policy believes the laboratory's Sigstore, whose keys anybody may know; so it stands in a root of
its own, with a CA of its own, and ends with the process that started it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from vouchsafe.errors import HostError
from vouchsafe.host import enforce
from vouchsafe.host.laboratory import Identity, Laboratory
from vouchsafe.host.places import PUBLIC_MODE
from vouchsafe.host.plan import Wish, enabling
from vouchsafe.host.pullers import Rules, Tools
from vouchsafe.machine import HostEdits, Started
from vouchsafe.policy import document
from vouchsafe.policy.compile import LOCAL_TRANSPORTS, Form, Host
from vouchsafe.record import Record

ROOT = "/host"  # below the scratch root
TRUST = "/etc/vouchsafe/laboratory.json"
MACHINE_ID = "00000000000000000000000000000001"
LISTENING = "answering on "
SECONDS = 60.0


class Script(Record):
    """How it goes. `publish` makes and publishes what the machine below a root needs: its CA, its keys."""

    publish: Callable[[str], None]
    now: Callable[[], datetime]
    form: Form = "pki"


class Rehearsal:
    """The host; `apply` puts a policy into force as `vouchsafe host enable` does."""

    def __init__(self, tools: Tools, laboratory: Laboratory, files: HostEdits, script: Script) -> None:
        """`files` below the rehearsal's own root."""
        self.tools = tools
        self.laboratory = laboratory
        self.files = files
        self.script = script
        self._service: Started | None = None
        self._lookaside = ""

    @property
    def root(self) -> str:
        """Where it stands."""
        return self.files.root

    @property
    def rules(self) -> Rules:
        """What its clients read."""
        containers = f"{self.root}/etc/containers"
        return Rules(
            policy=f"{containers}/policy.json",
            registries=f"{containers}/registries.d",
            home=f"{self.root}/home",
        )

    @property
    def lookaside(self) -> str:
        """The countersigner's URL."""
        return self._lookaside

    def furnish(self) -> None:
        """All that is there before the policy."""
        self.files.put("/etc/machine-id", f"{MACHINE_ID}\n".encode(), mode=PUBLIC_MODE)
        registries = f'[[registry]]\nlocation = "{self.laboratory.registry}"\ninsecure = true\n'
        self.files.put("/etc/containers/registries.conf", registries.encode(), mode=PUBLIC_MODE)
        trusted = self.tools.scratch.read("/lab/trusted_root.json", largest=1024 * 1024) or b""
        self.files.put(TRUST, trusted, mode=PUBLIC_MODE)
        self.files.link("/home/.config/containers", "", below="/etc/containers")
        self.script.publish(self.root)

    def start(self) -> None:
        """The countersigner, on a port that is free. HostError, Unavailable."""
        where = ("--root", self.root, "--listen", "127.0.0.1:0")
        command = self.tools.ours("vouchsafe.cli", "countersign", "serve", *where)
        self._service = self.tools.starter.start(command, environment=self.tools.environment, errors=True)
        line = self._service.line(seconds=SECONDS)
        _, found, address = line.partition(LISTENING)
        if not found:
            said = line.removeprefix("vouchsafe: error: ")
            raise HostError(
                "host-rehearsal",
                f"expected the countersigner to answer, got: {said}",
                hint="`vouchsafe countersign serve` says more.",
            )
        self._lookaside = f"http://{address.strip()}"

    def stop(self) -> None:
        """Whoever asks it now is refused."""
        if self._service is not None:
            self._service.end()
            self._service = None

    def apply(self, *, more_scopes: bool = False) -> None:
        """Put the policy into force; with `more_scopes` another one. HostError, ConfigurationError."""
        blob = json.dumps(policy(self.laboratory, more_scopes=more_scopes), indent=2).encode()
        self.files.put("/etc/vouchsafe/policy.json", blob, mode=PUBLIC_MODE)
        read = document.parse(blob, dialect="vouchsafe", source="the rehearsal's policy")
        host = Host(
            ca_path=f"{self.root}/run/vouchsafe/ca.crt",
            lookaside=self._lookaside,
            open_transports=LOCAL_TRANSPORTS,
            form=self.script.form,
            keys=f"{self.root}/run/vouchsafe/keys",
        )
        wish = Wish(is_live=False, host=host, with_units=False)
        enforce.enable(lambda: enabling(read, wish, self.files, at=self.script.now()), self.files)
        self.script.publish(self.root)

    def admit(self, image: str, folder: str, lasting: str) -> None:
        """Countersign in advance, into files of a lookaside. HostError."""
        words = ("countersign", "admit", "--root", self.root, "--for", lasting, "--files", folder, image)
        command = self.tools.ours("vouchsafe.cli", *words)
        ended = self.tools.runner.run(command, seconds=SECONDS, environment=self.tools.environment)
        if ended.status != 0:
            said = ended.errors.decode("utf-8", "replace") or ended.output.decode("utf-8", "replace")
            raise HostError("host-rehearsal", f"expected {image} to be admitted, got: {said}")


@contextmanager
def rehearsal(tools: Tools, laboratory: Laboratory, files: HostEdits, script: Script) -> Iterator[Rehearsal]:
    """A host that enforces, for as long as this is held. HostError, ConfigurationError, Unavailable."""
    made = Rehearsal(tools, laboratory, files, script)
    try:
        made.furnish()
        made.start()
        made.apply()
        yield made
    finally:
        made.stop()


def policy(laboratory: Laboratory, *, more_scopes: bool = False) -> dict[str, Any]:
    """What the laboratory's images are judged by: one project, a looser repository, a stricter tag of it."""
    registry = laboratory.registry
    project = f"{registry}/{laboratory.project}"
    strict = [requirement(laboratory.main)]
    scopes = {
        project: strict,
        f"{registry}/{laboratory.elsewhere}": [anybody(laboratory.main)],
        f"{project}/tagged": [requirement(laboratory.other)],
        f"{project}/tagged:prod": strict,
    }
    if more_scopes:
        scopes[f"{project}/another"] = strict
    return {"default": [{"type": "reject"}], "transports": {"docker": scopes}}


def requirement(identity: Identity) -> dict[str, Any]:
    """A signature by exactly this pipeline."""
    claims = {"source-repository-identifier": [identity.project_id]}
    return _signed(identity, {"subjectURI": identity.subject, "claims": claims})


def anybody(identity: Identity) -> dict[str, Any]:
    """A signature by any pipeline of the instance: pinned to no project, so a bundle must lie with its own."""
    return _signed(identity, {"subjectRegexp": f"{re.escape(identity.issuer)}/.*"})


def _signed(identity: Identity, subject: dict[str, Any]) -> dict[str, Any]:
    fulcio = {"trustedRootPath": TRUST, "oidcIssuer": identity.issuer, **subject}
    return {"type": "sigstoreSigned", "fulcio": fulcio, "signedIdentity": {"type": "matchRepository"}}
