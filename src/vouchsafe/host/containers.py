"""What is written to /etc/containers, and whether stock clients would read it as it is meant.

The compiled policy is read back by their grammar before anybody else may see it, and must not be open at
the bottom: a scope is compared letter by letter, so beside a permissive default `LOCALHOST:5000/app` is
another way to `localhost:5000/app`.
"""

from __future__ import annotations

from collections.abc import Iterator

from vouchsafe.errors import HostError, MalformedError
from vouchsafe.host import registries_d
from vouchsafe.host.objection import Consequence, Objection
from vouchsafe.host.places import GLASS_REGISTRIES, LARGEST_FILE, POLICY, REGISTRIES, REGISTRIES_D
from vouchsafe.machine import HostFiles
from vouchsafe.policy import document
from vouchsafe.policy.compile import LOCAL_TRANSPORTS, Compiled, Host, compile_policy
from vouchsafe.policy.requirement import InsecureAcceptAnything, Reject
from vouchsafe.policy.scope import Policy, Rule, candidates
from vouchsafe.record import Record

# What an accepting entry for a local transport keeps alive. Each is the operator's choice (--refuse-transport).
LOCAL_USES = {
    "containers-storage": "podman push, build FROM and save of what is here; bootc's own storage",
    "dir": "folders that skopeo copy wrote",
    "docker-archive": "podman load, and save as it is by default",
    "docker-daemon": "images of a docker beside podman",
    "oci": "image builds that hand an OCI layout on",
    "oci-archive": "podman save --format oci-archive, disk image builders",
    "tarball": "podman import",
}


class Containers(Record):
    """Both files, and the policy as stock clients read it."""

    compiled: Compiled
    as_read: Policy


def written(policy: Policy, host: Host) -> Containers:
    """Compile, and read back. ConfigurationError when the policy cannot be enforced."""
    compiled = compile_policy(policy, host)
    return Containers(
        compiled=compiled, as_read=document.parse(compiled.policy, dialect="containers", source=POLICY)
    )


def is_strict(rule: Rule) -> bool:
    """Whether no image passes without a signature: requirements are ANDed, so one that demands suffices."""
    return any(isinstance(each, Reject) or each.verifies_signatures for each in rule.requirements)


def open_bottom(policy: Policy) -> Iterator[Objection]:
    """A permissive `default` or `docker:""`, or a wildcard over the host of a stricter scope."""
    docker = policy.transports.get("docker", {})
    bottoms = {"default": policy.default}
    if "" in docker:
        bottoms['transports.docker[""]'] = docker[""]
    for where, rule in bottoms.items():
        if not is_strict(rule):
            yield Objection(
                code="host-default-open",
                message=f"expected {where} to reject or to demand a signature, got one that accepts anything",
                fix=f'write [{{"type": "reject"}}] for {where} and a scope for each registry that you use',
            )
    for wildcard in (
        scope for scope, rule in docker.items() if scope.startswith("*.") and not is_strict(rule)
    ):
        for scope in (scope for scope, rule in docker.items() if scope and is_strict(rule)):
            if wildcard in candidates("docker", scope)[1:]:
                yield _another_way(wildcard, scope)
                break


def _another_way(wildcard: str, scope: str) -> Objection:
    """Wildcards do not see ports, and other scopes compare them letter by letter."""
    return Objection(
        code="host-default-open",
        message=f'expected transports.docker["{wildcard}"] to reject or to demand a signature, got one that accepts'
        f" anything: {_with_port(scope)} is another way to {scope}",
        fix=f"name the registries that you accept from one by one, in place of {wildcard}",
    )


def _with_port(scope: str) -> str:
    host, slash, path = scope.partition("/")
    return f"{host}:443{slash}{path}" if ":" not in host else f"another port than that of {host}"


def consequences(policy: Policy, containers: Containers) -> tuple[Consequence, ...]:
    """What each part of the policy does to images, in words."""
    ours = {each.scope for each in containers.compiled.countersigned}
    found = [Consequence(subject="anything else", effect=_effect(containers.as_read.default))]
    for transport, scopes in sorted(containers.as_read.transports.items()):
        for scope, rule in sorted(scopes.items()):
            subject = f"{transport}:{scope}" if scope else f"{transport}: anything else"
            if transport == "docker" and scope in ours:
                effect = "judged by vouchsafe, countersigned when accepted"
            else:
                effect = _effect(rule)
            if transport in LOCAL_TRANSPORTS and transport not in policy.transports:
                effect += f" (added for {LOCAL_USES[transport]})"
            found.append(Consequence(subject=subject, effect=effect))
    for transport, use in LOCAL_USES.items():
        if transport not in containers.as_read.transports:
            effect = f"{_effect(containers.as_read.default)}, as anything else: no {use}"
            found.append(Consequence(subject=f"{transport}: anything else", effect=effect))
    return tuple(found)


def _effect(rule: Rule) -> str:
    if any(isinstance(each, Reject) for each in rule.requirements):
        return "refused"
    if all(isinstance(each, InsecureAcceptAnything) for each in rule.requirements):
        return "accepted, whoever made it"
    return "judged by podman, skopeo and bootc themselves"


def conflicts(compiled: Compiled, files: HostFiles) -> Iterator[Objection]:
    """Other files of registries.d that would end every pull, or keep clients from asking us."""
    sections: list[registries_d.Section] = []
    for name in files.names(REGISTRIES_D):
        path = f"{REGISTRIES_D}/{name}"
        if not name.endswith(registries_d.SUFFIX) or path in {REGISTRIES, GLASS_REGISTRIES}:
            continue
        try:
            sections += registries_d.read(files.read(path, largest=LARGEST_FILE) or b"", path)
        except (HostError, MalformedError) as error:
            yield Objection(
                code="host-registries-unclear",
                message=error.message,
                fix="see to it that it names none of the policy's scopes; clients are asked whether it loads",
                severity="warns",
            )
    mine = registries_d.read(compiled.registries, REGISTRIES)
    for section in sections:
        yield from _conflicts(section, compiled, mine)


def _conflicts(
    section: registries_d.Section, compiled: Compiled, mine: tuple[registries_d.Section, ...]
) -> Iterator[Objection]:
    if section.namespace and section.namespace in {each.namespace for each in mine}:
        yield Objection(
            code="host-registries-duplicate",
            message=f"expected {section.namespace} in {REGISTRIES} only, got it in {section.file} too",
            fix=f"remove it from {section.file}: clients refuse every pull when a namespace stands twice",
        )
        return
    for scope in (each.scope for each in compiled.countersigned):
        below = section.namespace and scope in candidates("docker", section.namespace)[1:]
        if below and {"lookaside", "sigstore"}.intersection(section.keys):
            yield Objection(
                code="host-registries-shadowed",
                message=f"expected clients to ask us about {scope}, got another lookaside for"
                f" {section.namespace} in {section.file}",
                fix=f"remove it from {section.file}, or give {section.namespace} a scope of its own",
            )
