"""What a run of a runbook is about: the host, versions, the images, the host that went first, and what it rests on."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import re
import shlex
from collections.abc import Iterator, Mapping

from vouchsafe import __version__, wiring
from vouchsafe.cli.host_wish import Target
from vouchsafe.cli.usage import UsageError
from vouchsafe.errors import ConfigurationError, HostError, MalformedError, Unavailable, printable
from vouchsafe.host import bootc
from vouchsafe.host.places import LARGEST_FILE, OUR_DROP_INS, OUR_POLICY
from vouchsafe.image.reference import Reference
from vouchsafe.machine import HostFiles, Runner
from vouchsafe.policy.lint import PUBLIC_GOOD_ROOT, named_files
from vouchsafe.runbook.actions import POLICY
from vouchsafe.runbook.step import Runbook
from vouchsafe.runbook.trust import TRUST
from vouchsafe.strictjson import Fields
from vouchsafe.wiring import machine
from vouchsafe.wiring.places import LARGEST_TRACKED, Places, known_machine_id, listed, tracked

CLIENTS = ("skopeo", "podman", "bootc", "buildah")
_SECONDS = 10.0  # for a version
_LONGEST = 100  # characters of what a program calls itself
_DOMAIN = "vouchsafe runbook "  # machine-id(5): the id itself is not shown to anybody
_PRETTY = re.compile(r'^PRETTY_NAME="?([^"\n]*)', re.MULTILINE)
_CONFIGURATION = ("/etc/containers/registries.conf", "/etc/containers/registries.conf.d")


def places_of(arguments: argparse.Namespace) -> Places:
    """Where things stand on the host that is meant."""
    return Places() if arguments.root is None else Places.below(arguments.root)


def machine_name(places: Places) -> str:
    """A name of this machine that says nothing about it; empty in an image that is being built."""
    found = known_machine_id(places)
    return hashlib.sha256(f"{_DOMAIN}{found}".encode()).hexdigest()[:16] if found else ""


def images(arguments: argparse.Namespace, target: Target) -> tuple[str, ...]:
    """What this host must be able to pull: as said, else what is tracked and what bootc boots."""
    said = [Reference.parse(text) for text in arguments.image]
    for path in arguments.images:
        said += listed(wiring.read_file(path, largest=LARGEST_TRACKED), path)
    if not said:
        booted = of_bootc(machine.programs(target.host)) if target.is_live else ()
        said = [*tracked(places_of(arguments)), *booted]
    for each in said:
        if each.repository is None:
            raise UsageError(f"expected an image of a registry, got {each}")
    return tuple(dict.fromkeys(str(each).removeprefix("docker://") for each in said))


def of_bootc(runner: Runner) -> Iterator[Reference]:
    """The image that bootc tracks, where there is one."""
    try:
        wanted = bootc.deployments(runner).wanted
        if wanted is not None and wanted.transport == bootc.REGISTRY:
            yield Reference.parse(wanted.name)
    except (HostError, MalformedError):
        return  # no bootc here, or one that tracks nothing


def like(path: str | None) -> dict[str, str]:
    """What the host that went first had, by its own document. ConfigurationError."""
    if path is None:
        return {}
    try:
        fields = Fields.parse(wiring.read_file(path, largest=LARGEST_FILE), what=path)
        if fields.text("outcome") != "passed" or fields.boolean("unproven") or fields.boolean("dryRun"):
            raise ConfigurationError("runbook-like", f"expected a run that was proven in {path}, got another")
        facts = fields.fields("facts")
        return {TRUST: facts.text(TRUST), POLICY: facts.text(POLICY)}
    except MalformedError as error:
        hint = "It is what `vouchsafe runbook re-enable -o json` printed there."
        raise ConfigurationError("runbook-like", error.message, hint=hint) from error


def about(arguments: argparse.Namespace, target: Target) -> dict[str, str]:
    """Host and versions, for the log and for other hosts."""
    files = target.files
    text = (files.read("/etc/os-release", largest=LARGEST_FILE) or b"").decode("utf-8", "replace")
    system = _PRETTY.search(text)
    found = {
        "host": os.uname().nodename if target.is_live else "every host of this image",
        "system": printable(system[1], _LONGEST) if system else "unknown",
        "vouchsafe": __version__,
        **dict(_versions(machine.programs(target.host))),
        "flags": shlex.join(_flags(arguments)) or "none",
    }
    return found | ({"contact": arguments.contact} if arguments.contact else {})


def _versions(runner: Runner) -> Iterator[tuple[str, str]]:
    for name in CLIENTS:
        program = runner.find(name)
        if program is None:
            continue
        try:
            said = runner.run((program, "--version"), seconds=_SECONDS).output.decode("utf-8", "replace")
        except Unavailable as error:
            said = error.message
        yield name, printable(said.strip().partition("\n")[0], _LONGEST)


def basis(
    arguments: argparse.Namespace, target: Target, known: Mapping[str, str], wanted: tuple[str, ...]
) -> str:
    """A name of all that a step's result rests on: another policy, trust, client or wish, another name."""
    said = {
        "about": dict(known),
        "machine": machine_name(places_of(arguments)),
        "images": wanted,
        "flags": _flags(arguments),
        "like": like(arguments.like),
        "strict": arguments.strict,
        "clients": dict(_programs(machine.programs(target.host))),
        "files": dict(_hashes(target)),
        "trust": wiring.trust_in_use(os.environ, uid=target.host.settings.uid).sha256,
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _programs(runner: Runner) -> Iterator[tuple[str, list[int]]]:
    """Which programs they are, whatever they say of themselves."""
    for name in CLIENTS:
        program = runner.find(name)
        if program is not None:
            found = os.stat(program)
            yield program, [found.st_size, found.st_mtime_ns]


def _hashes(target: Target) -> Iterator[tuple[str, str]]:
    """Of every file that a step reads and that the change does not write."""
    files = target.files
    paths = [OUR_POLICY, _CONFIGURATION[0]]
    for folder in (OUR_DROP_INS, _CONFIGURATION[1]):
        paths += [f"{folder}/{name}" for name in files.names(folder)]
    with contextlib.suppress(ConfigurationError):  # the first step says so
        paths += [name for name in named_files(target.policy()) if name != PUBLIC_GOOD_ROOT]
    for path in paths:
        content = _read(files, path)
        yield path, "" if content is None else hashlib.sha256(content).hexdigest()


def _read(files: HostFiles, path: str) -> bytes | None:
    try:
        return files.read(path, largest=LARGEST_FILE)
    except HostError:
        return None  # the step that needs it says so


def by_hand(
    runbook: Runbook, arguments: argparse.Namespace, target: Target, wanted: tuple[str, ...]
) -> Runbook:
    """The runbook with the commands that would do the same here."""
    flags = shlex.join(_flags(arguments))
    policy = "" if target.is_live else f" {shlex.quote(target.files.root + OUR_POLICY)}"
    root = "" if target.is_live else f" --root {shlex.quote(arguments.root)}"
    more = {
        "preflight": f" {shlex.join(wanted)}" if wanted else " IMAGE",
        "policy": policy,
        "plan": f" {flags}",
        "enable": f" {flags}",
        "smoke": f" --form {arguments.form}" if arguments.form else "",
        "status": root,
        "announce": root,
    }
    return runbook.replace(
        steps=tuple(
            step.replace(command=f"{step.command.removesuffix(' IMAGE')}{more.get(step.name, '')}".rstrip())
            for step in runbook.steps
        )
    )


def _flags(arguments: argparse.Namespace) -> list[str]:
    """Those that `host plan` and `host enable` take too."""
    words = []
    for name in ("root", "lookaside", "ca", "form"):
        value = getattr(arguments, name)
        words += [f"--{name}", value] if value else []
    for each in arguments.refuse_transport or ():
        words += ["--refuse-transport", each]
    for name in ("without_units", "overwrite_edits", "insecure_default"):
        words += [f"--{name.replace('_', '-')}"] if getattr(arguments, name) else []
    return words
