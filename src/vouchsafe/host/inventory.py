"""What on this host pulls or starts images past the policy, as far as its files say.

Nothing here is asked by behaviour: these programs do not read policy.json at all, or are told not to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vouchsafe.host.objection import Objection
from vouchsafe.host.places import LARGEST_FILE
from vouchsafe.machine import HostFiles, Runner

# Pull images and never look at policy.json.
OUT_OF_REACH = {
    "apptainer": "its own policy accepts anything",
    "buildctl": "buildkit pulls by itself",
    "containerd": "asks only where it is told to: see `vouchsafe containerd check`",
    "crane": "a registry client, not a container engine",
    "ctr": "containerd's own client; `--local` asks nobody, whatever containerd is told",
    "docker": "has a daemon of its own",
    "dockerd": "pulls by itself",
    "flatpak": "has keys of its own",
    "importctl": "systemd's own, for disk images",
    "nerdctl": "containerd's client",
    "oras": "a registry client, not a container engine",
    "regctl": "a registry client, not a container engine",
    "singularity": "its own policy accepts anything",
}
UNIT_FOLDERS = ("/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system")
QUADLET_FOLDERS = ("/etc/containers/systemd", "/usr/share/containers/systemd")
_QUADLETS = (".container", ".image", ".kube", ".build", ".volume")
_UNITS = (".service", ".conf")
_DEEPEST = 2  # folders below one that is searched: drop-ins
_MOST_FILES = 20_000
# Settings that make a client read another policy, or none.
_BYPASS = re.compile(
    r"CONTAINERS_POLICY_JSON|BOOTC_EXP_EXTERNAL_CONTAINER_TOOL|--insecure-policy|--signature-policy"
)
# After a refusal these run what is there already, without a word.
_LENIENT_PULL = re.compile(r"(?:^\s*Pull\s*=\s*|--pull[= ])(newer|missing|never)\b", re.MULTILINE)


def out_of_reach(runner: Runner) -> Iterator[Objection]:
    """Programs that policy.json does not bind."""
    for name, why in OUT_OF_REACH.items():
        if runner.find(name) is not None:
            yield Objection(
                code="host-out-of-reach",
                message=f"expected only clients that obey policy.json, got {name}: {why}",
                severity="warns",
            )


def settings(files: HostFiles) -> Iterator[Objection]:
    """Units, quadlets and the environment that lead past the policy, or start what was not pulled now."""
    searched = [
        *((path, _UNITS) for path in UNIT_FOLDERS),
        *((path, _QUADLETS) for path in QUADLET_FOLDERS),
    ]
    every = ["/etc/environment", "/etc/systemd/system.conf", "/etc/crio/crio.conf"]
    for folder, suffixes in searched:
        every += [path for path in _below(folder, files, _DEEPEST) if path.endswith(suffixes)]
    for path in every[:_MOST_FILES]:
        text = (files.read(path, largest=LARGEST_FILE) or b"").decode("utf-8", "replace")
        if found := _BYPASS.search(_without_comments(text)):
            yield Objection(
                code="host-bypassed",
                message=f"expected clients to read the system's policy, got {found[0]} in {path}",
                fix=f"remove it from {path}",
                severity="warns",
            )
        if found := _LENIENT_PULL.search(_without_comments(text)):
            yield Objection(
                code="host-pull-lenient",
                message=f"expected a refused image not to run, got pull policy {found[1]} in {path}:"
                " what is in storage already is run instead",
                fix="Pull=always, or an image by digest",
                severity="warns",
            )


def _without_comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(("#", ";")))


def _below(folder: str, files: HostFiles, deepest: int) -> Iterator[str]:
    for name in files.names(folder):
        path = f"{folder}/{name}"
        if files.look(path).kind == "folder":
            if deepest:
                yield from _below(path, files, deepest - 1)
        elif files.look(path).kind == "file":
            yield path
