"""Asks the host's own client whether it loads what would be written, before anybody depends on it.

Each answer is positive evidence: a copy that succeeded or was refused *by the policy*, a connection that was
tried. Any other failure counts as "does not load".
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator

from vouchsafe.errors import Unavailable, printable
from vouchsafe.host import registries_d
from vouchsafe.host.objection import Objection
from vouchsafe.host.places import LARGEST_FILE, PUBLIC_MODE, REGISTRIES, REGISTRIES_D
from vouchsafe.machine import Ended, HostEdits, HostFiles, Runner
from vouchsafe.policy.compile import Compiled

SECONDS = 60.0
ACCEPT_ANYTHING = b'{"default":[{"type":"insecureAcceptAnything"}]}'
NOBODY = "127.0.0.1:1"  # tcpmux: nobody listens there, and no name is looked up
_LONGEST = 1000  # characters of what a client said
_STRUCTURED = re.compile(r'time="[^"]*" level=\w+ msg=("(?:[^"\\]|\\.)*")')  # as skopeo logs


def objections(
    compiled: Compiled, files: HostFiles, runner: Runner, scratch: HostEdits
) -> Iterator[Objection]:
    """What speaks against these files. `files` of the host, `scratch` a folder of our own."""
    skopeo = runner.find("skopeo")
    if skopeo is None:
        yield Objection(
            code="host-no-client",
            message="expected skopeo to try the files with, got none",
            fix="install skopeo, or run `vouchsafe host smoke` where it is",
            severity="warns",
        )
        return
    try:
        why = policy_problem(compiled.policy, skopeo, runner, scratch)
        why = why or _registries_problem(compiled, skopeo, files, runner, scratch)
    except Unavailable as error:
        why = error.message
    if why:
        yield Objection(
            code="host-client-refuses",
            message=f"expected {skopeo} to load what would be written, got: {why}",
            fix="`vouchsafe host probe` says what the clients on this host can do",
        )


def policy_problem(policy: bytes, skopeo: str, runner: Runner, scratch: HostEdits) -> str:
    """Why skopeo does not load a policy; empty when it does. Unavailable."""
    scratch.put("/compiled.json", policy, mode=PUBLIC_MODE)
    image = smallest_image(scratch, "/image")
    ended = runner.run(
        (skopeo, "--policy", f"{scratch.root}/compiled.json", "copy", image, f"dir:{scratch.root}/copy"),
        seconds=SECONDS,
    )
    loaded = ended.status == 0 or b"Source image rejected" in ended.errors
    return "" if loaded else last_words(ended)


def _registries_problem(
    compiled: Compiled, skopeo: str, files: HostFiles, runner: Runner, scratch: HostEdits
) -> str:
    scratch.put("/accept.json", ACCEPT_ANYTHING, mode=PUBLIC_MODE)
    where = ("--policy", f"{scratch.root}/accept.json", "--registries.d", staged(compiled, files, scratch))
    ended = runner.run(
        (
            skopeo,
            *where,
            "copy",
            "--src-tls-verify=false",
            f"docker://{NOBODY}/x",
            f"dir:{scratch.root}/none",
        ),
        seconds=SECONDS,
    )
    return "" if b"connection refused" in ended.errors else last_words(ended)


def staged(compiled: Compiled, files: HostFiles, scratch: HostEdits) -> str:
    """A folder of our own with registries.d as it would be: the host's files, and ours as compiled."""
    for name in files.names(REGISTRIES_D):
        path = f"{REGISTRIES_D}/{name}"
        if name.endswith(registries_d.SUFFIX) and path != REGISTRIES:
            content = files.read(path, largest=LARGEST_FILE) or b""
            scratch.put(f"/registries.d/{name}", content, mode=PUBLIC_MODE)
    scratch.put("/registries.d/vouchsafe.yaml", compiled.registries, mode=PUBLIC_MODE)
    return f"{scratch.root}/registries.d"


def last_words(ended: Ended) -> str:
    """The last line that a program said, for a message."""
    said = ended.errors.decode("utf-8", "replace").strip() or f"exit {ended.status}"
    return plain(said.splitlines()[-1])


def plain(line: str) -> str:
    """A line that a client said, for a message; of a structured one what it says."""
    structured = _STRUCTURED.fullmatch(line)
    if structured is not None:
        with contextlib.suppress(ValueError):
            line = str(json.loads(structured[1]))
    return printable(line, _LONGEST)


def smallest_image(scratch: HostEdits, path: str) -> str:
    """An image without layers in `dir:` form; how a client names it."""
    config = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]},"config":{}}'
    digest = hashlib.sha256(config).hexdigest()
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": f"sha256:{digest}",
            "size": len(config),
        },
        "layers": [],
    }
    scratch.put(f"{path}/{digest}", config, mode=PUBLIC_MODE)
    scratch.put(f"{path}/manifest.json", json.dumps(manifest).encode(), mode=PUBLIC_MODE)
    scratch.put(f"{path}/version", b"Directory Transport Version: 1.1\n", mode=PUBLIC_MODE)
    return f"dir:{scratch.root}{path}"
