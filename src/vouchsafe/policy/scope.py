"""Which one list of requirements applies to an image: the most specific scope, and nothing of the others.

Lookup: the transport's scopes by the image's identity, by each parent of it, by "", then the global
default (containers-policy.json(5); containers/image policy_eval.go). Nothing is merged or inherited.

>>> candidates("docker", "registry.example:5000/group/app:v1")[:4]
('registry.example:5000/group/app:v1', 'registry.example:5000/group/app', 'registry.example:5000/group', \
'registry.example:5000')
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from vouchsafe.errors import MalformedError
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.policy.reading import Document, Place
from vouchsafe.policy.requirement import Requirement
from vouchsafe.record import Record

NAMED = frozenset(("docker", "atomic", "docker-daemon"))
PATHS = frozenset(("oci", "oci-archive", "dir", "sif"))
NAMELESS = frozenset(("docker-archive", "tarball"))
STORAGE = "containers-storage"
TRANSPORTS = NAMED | PATHS | NAMELESS | {STORAGE}
_ATOMIC = re.compile(r"[^/]*(?:/[^:/]*(?:/[^:/]*(?::[^:/]*)?)?)?")


class Rule(Record):
    """What one scope (or `default`) demands.

    `not_before` and `max_age` bound every verified signature; `repository_of_project` says, for signatures
    that name no repository, which repositories a project may sign for beyond its own path.
    """

    requirements: tuple[Requirement, ...]
    not_before: datetime | None = None
    max_age: timedelta | None = None
    repository_of_project: Mapping[str, tuple[str, ...]] = {}
    place: Place


class Policy(Record):
    """A policy: the rule of each scope of each transport, and what applies to everything else."""

    default: Rule
    transports: Mapping[str, Mapping[str, Rule]]
    dialect: str
    documents: tuple[Document, ...]


class Selected(Record):
    """The rule that applies. `transport` is "" when it is the global default."""

    transport: str
    scope: str
    rule: Rule

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        """What must hold."""
        return self.rule.requirements

    @property
    def not_before(self) -> datetime | None:
        """The moment from which signatures count."""
        return self.rule.not_before

    @property
    def max_age(self) -> timedelta | None:
        """How old a signature may be."""
        return self.rule.max_age

    @property
    def repository_of_project(self) -> Mapping[str, tuple[str, ...]]:
        """Which repositories a project may sign for beyond its own path."""
        return self.rule.repository_of_project

    @property
    def where(self) -> str:
        """As one would look for it in the file."""
        return f'transports.{self.transport}["{self.scope}"]' if self.transport else "default"


def select(policy: Policy, reference: Reference) -> Selected:
    """The rule for an image. A path must be absolute with symbolic links resolved; MalformedError if not."""
    return lookup(policy, reference.transport, reference.identity)


def lookup(policy: Policy, transport: str, identity: str) -> Selected:
    """The same by a transport's name and its identity of an image, for transports that Reference lacks."""
    scopes = policy.transports.get(transport, {})
    for scope in (*candidates(transport, identity), ""):
        if scope in scopes:
            return Selected(transport=transport, scope=scope, rule=scopes[scope])
    return Selected(transport="", scope="", rule=policy.default)


def candidates(transport: str, identity: str) -> tuple[str, ...]:
    """The scopes that could apply, most specific first, without the transport's own ""."""
    if transport in PATHS:
        if not _is_clean(identity):
            raise MalformedError(
                "reference-path", f"expected an absolute path without links, got {identity!r}"
            )
        return _parents(identity)
    if transport == STORAGE:
        return _storage(identity)
    if transport in NAMED and identity:
        return (identity, *_named(_name_of(identity)))
    return (identity,) if identity else ()


def valid(transport: str, scope: str) -> bool:
    """Whether the transport's code takes the scope; any goes for "", docker and transports nobody knows."""
    if not scope or transport == "docker" or transport not in TRANSPORTS:
        return True
    if transport == "atomic":
        return _ATOMIC.fullmatch(scope) is not None
    if transport == "docker-daemon":
        return not _is_digest(scope)
    if transport == STORAGE:
        return _valid_storage(scope)
    return transport in PATHS and _is_clean(scope)


def _name_of(identity: str) -> str:
    """The repository of `name:tag` or `name@digest`."""
    bare = identity.partition("@")[0]
    return bare[: bare.rfind(":")] if bare.rfind(":") > bare.rfind("/") else bare


def _named(name: str) -> tuple[str, ...]:
    """The repository, its parents, its host, then wildcards of the host without its port."""
    found = [name]
    while "/" in name:
        name = name.rpartition("/")[0]
        found.append(name)
    host = name.partition(":")[0]
    while "." in host:
        host = host.partition(".")[2]
        found.append(f"*.{host}")
    return tuple(found)


def _parents(path: str) -> tuple[str, ...]:
    """The path and its parents, without the root: "" stands for that."""
    found = [path]
    while path.rfind("/") > 0:
        path = path.rpartition("/")[0]
        found.append(path)
    return tuple(found)


def _storage(identity: str) -> tuple[str, ...]:
    """Of `[driver@root]name:tag@digest@id`: without the id, the name and its parents, the store, its root."""
    store, bracket, rest = identity.partition("]")
    store += bracket
    found = [identity]
    named, _, last = rest.rpartition("@")
    if named and _is_image_id(last):
        found.append(store + named)
    else:
        named = "" if _is_image_id(last) and not named else rest
    if named:
        bare = named.partition("@")[0]
        name = _name_of(bare)
        if "@" in named and bare != name:
            found.append(store + bare)
        while name:
            found.append(store + name)
            name = name.rpartition("/")[0]
    driver, at, root = store.removeprefix("[").partition("@")
    return tuple(dict.fromkeys((*found, store, f"[{root}" if at else f"[{driver}")))


def _is_clean(path: str) -> bool:
    return path.startswith("/") and not {"", ".", ".."}.intersection(path[1:].split("/"))


def _is_digest(text: str) -> bool:
    try:
        Digest.parse(text)
    except MalformedError:
        return False
    return True


def _is_image_id(text: str) -> bool:
    return _is_digest(f"sha256:{text}")


def _valid_storage(scope: str) -> bool:
    """`[driver@/root]` or `[/root]`, then perhaps a name with a digest, an image's id, or both."""
    store, bracket, rest = scope.partition("]")
    if not scope.startswith("[") or not bracket:
        return False
    driver, at, root = store[1:].partition("@")
    if not (root if at else driver).startswith("/") or not driver:
        return False
    parts = rest.split("@", 2)
    if len(parts) == 3:  # name@digest@id
        return _is_digest(parts[1]) and _is_image_id(parts[2])
    return len(parts) == 1 or _is_image_id(parts[1]) or _is_digest(parts[1])
