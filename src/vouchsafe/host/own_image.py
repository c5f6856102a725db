"""Proof with an image of the operator's own, under the policy in force and by the countersigner that runs.

It must be pulled as it is, and refused when it differs by one byte. The changed one lies in the laboratory's
registry, and a registries.conf that this client alone reads says that it is the real one's mirror: so it carries the
real name, is judged by the real policy, and the real countersigner is asked about it. And a manifest that really is
in the same repository and that nobody signs must be refused: the image's own signature is one. Nothing is pushed
anywhere, and nothing of the host changes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping

from vouchsafe.errors import ConfigurationError
from vouchsafe.host.clients import ACCEPT_ANYTHING
from vouchsafe.host.laboratory import Laboratory
from vouchsafe.host.leg import Leg, leg
from vouchsafe.host.places import LARGEST_FILE, POLICY, PUBLIC_MODE, REGISTRIES_D
from vouchsafe.host.plan import read_applied
from vouchsafe.host.pullers import Puller, Rules, Tools
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import Manifest
from vouchsafe.image.reference import Reference, Repository
from vouchsafe.machine import HostFiles
from vouchsafe.policy.compile import Host
from vouchsafe.record import Record

CHANGED_TAG = "vouchsafe-changed"  # of an image that was named by digest


class Own(Record):
    """An image of the operator's; `shown` puts a manifest into the laboratory's registry, under a path and a tag.

    `beside`: a manifest of evidence about it, None where none was found.
    """

    reference: Reference
    manifest: Manifest
    beside: Digest | None
    shown: Callable[[str, str, bytes, str], None]

    @property
    def repository(self) -> Repository:
        """Where it is."""
        if self.reference.repository is None:
            raise ConfigurationError("smoke-image", f"expected an image of a registry, got {self.reference}")
        return self.reference.repository


def legs(
    own: Own,
    clients: tuple[Puller, ...],
    tools: Tools,
    laboratory: Laboratory,
    files: HostFiles,
    live: Rules,
) -> Iterator[Leg]:
    """Three or four for each client; `live` is what it reads on this host.

    ConfigurationError where nothing is in force.
    """
    applied = read_applied(files)
    if applied is None:
        raise ConfigurationError(
            "host-not-enabled",
            "expected a host that enforces a policy to try an image of your own with, got none",
            hint="vouchsafe host enable",
        )
    name = str(own.reference).removeprefix("docker://")
    changed = f"{own.repository.name}:{own.reference.tag or CHANGED_TAG}"
    # The same in every respect that a client understands, and signed by nobody.
    own.shown(
        own.repository.path,
        own.reference.tag or CHANGED_TAG,
        own.manifest.raw + b"\n",
        own.manifest.media_type,
    )
    judged = _redirected(
        own, "own-judged", tools, laboratory, _live_files(own, laboratory, files, applied.host)
    )
    unjudged = _redirected(own, "own-unjudged", tools, laboratory, {"policy.json": ACCEPT_ANYTHING})
    for client in clients:
        yield leg(client, "own", f"{name}, by what this host says", name, live, allowed=True)
        why = f"{name}, changed by one byte, where nobody judges: it can be pulled"
        yield leg(client, "own shown", why, changed, unjudged, allowed=True)
        why = f"{name}, changed by one byte, by what this host says"
        yield leg(client, "own changed", why, changed, judged, allowed=False)
        if own.beside is not None:
            why = f"a signature of {name} in its repository, which is a manifest too, and signed by nobody"
            evidence = f"{own.repository.name}@{own.beside}"
            yield leg(client, "own evidence", why, evidence, live, allowed=False)


def _live_files(own: Own, laboratory: Laboratory, files: HostFiles, host: Host) -> Mapping[str, bytes]:
    """The policy and registries.d in force; for the changed image's place the lookaside of the real one."""
    found = {"policy.json": files.read(POLICY, largest=LARGEST_FILE) or b""}
    for name in files.names(REGISTRIES_D):
        if name.endswith(".yaml"):
            found[f"registries.d/{name}"] = files.read(f"{REGISTRIES_D}/{name}", largest=LARGEST_FILE) or b""
    section = {"lookaside": f"{host.lookaside}/{own.repository.domain}", "use-sigstore-attachments": False}
    place = f"{laboratory.registry}/{own.repository.path}"
    found["registries.d/vouchsafe-own-image.yaml"] = json.dumps({"docker": {place: section}}).encode()
    return found


def _redirected(
    own: Own, name: str, tools: Tools, laboratory: Laboratory, contents: Mapping[str, bytes]
) -> Rules:
    """A home whose registries.conf leads this one repository to the laboratory."""
    place = f"{laboratory.registry}/{own.repository.path}"
    conf = f'[[registry]]\nprefix = "{own.repository.name}"\nlocation = "{place}"\ninsecure = true\n'
    folder = f"/rules/{name}/home/.config/containers"
    for path, content in {**contents, "registries.conf": conf.encode()}.items():
        tools.scratch.put(f"{folder}/{path}", content, mode=PUBLIC_MODE)
    home = f"{tools.scratch.root}/rules/{name}/home"
    return Rules(policy="", registries="", home=home, is_real=True)
