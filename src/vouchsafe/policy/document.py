"""Reads a policy file: containers-policy.json(5) with containers/image's strictness, in one of two dialects.

`containers` is what stock clients load, no more and no less; `vouchsafe` is the same grammar with our keys
(docs/policy-json.md). One unknown key spoils the whole file, as it does for them.

>>> policy = parse(b'{"default": [{"type": "reject"}]}', dialect="containers", source="policy.json")
>>> policy.default.requirements
(Reject(),)
"""

from __future__ import annotations

from collections.abc import Mapping

from vouchsafe.errors import MalformedError
from vouchsafe.image.reference import Repository
from vouchsafe.policy.binding import ANY_PROJECT
from vouchsafe.policy.grammar import OURS_HINT, Dialect, read_requirements
from vouchsafe.policy.keyless import strings, written_text
from vouchsafe.policy.reading import Document, Field, Members, read
from vouchsafe.policy.scope import Policy, Rule, valid
from vouchsafe.policy.window import duration, instant
from vouchsafe.record import Record

_TOP = frozenset(("default", "transports"))
_RULE = frozenset(("requirements", "notBefore", "maxAge", "repositoryOfProject"))


class Part(Record):
    """One file of a policy; only the main file has a `default`."""

    document: Document
    default: Rule | None
    transports: Mapping[str, Mapping[str, Rule]]


def parse(blob: bytes, *, dialect: Dialect, source: str) -> Policy:
    """Read a complete policy. `source` is how errors name it. PolicyError, a ConfigurationError."""
    return policy_of(read_part(blob, dialect=dialect, source=source), dialect)


def policy_of(part: Part, dialect: Dialect) -> Policy:
    """The policy that one file makes alone; it must have a `default`."""
    if part.default is None:
        hint = 'Write "default": [{"type": "reject"}].'
        raise part.document.top.error("policy-missing-key", "expected the key 'default', got none", hint=hint)
    return Policy(
        default=part.default, transports=part.transports, dialect=dialect, documents=(part.document,)
    )


def read_part(blob: bytes, *, dialect: Dialect, source: str) -> Part:
    """Read one file, which may lack a `default`."""
    document = read(blob, source)
    members = Members(document.top, _TOP, {})
    default = members.get("default")
    transports = members.get("transports")
    return Part(
        document=document,
        default=None if default is None else _rule(default, dialect),
        transports={} if transports is None else _transports(transports, dialect),
    )


def _transports(field: Field, dialect: Dialect) -> dict[str, dict[str, Rule]]:
    return {name: _scopes(scopes, name, dialect) for name, scopes in field.members().items()}


def _scopes(field: Field, transport: str, dialect: Dialect) -> dict[str, Rule]:
    found: dict[str, Rule] = {}
    for scope, requirements in field.members().items():
        if not valid(transport, scope):
            message = f"expected a scope of {transport}, got {scope!r}"
            raise field.error(
                "policy-scope", message, hint=_SCOPE_HINTS.get(transport, ""), at=requirements.node
            )
        found[scope] = _rule(requirements, dialect)
    return found


_PATH_HINT = "Write an absolute path without '.', '..', '//' or a slash at the end, and not '/' alone."
_SCOPE_HINTS = {
    **dict.fromkeys(("oci", "oci-archive", "dir", "sif"), _PATH_HINT),
    **dict.fromkeys(("docker-archive", "tarball"), 'Only "" is a scope here.'),
    "containers-storage": "Write [driver@/graph/root] or [/graph/root] first.",
    "docker-daemon": "An image's id has no name to look up.",
    "atomic": "Write host/namespace/stream:tag.",
}


def _rule(field: Field, dialect: Dialect) -> Rule:
    """A list of requirements; in our dialect also an object that holds the list and bounds."""
    if field.node.kind != "object":
        return Rule(requirements=read_requirements(field, dialect), place=field.place)
    if dialect != "vouchsafe":
        hint = OURS_HINT if "requirements" in field.members() else "Put brackets around the requirement."
        raise field.error("policy-type", "expected an array, got object", hint=hint)
    members = Members(field, _RULE, {"type": "Put brackets around the requirement."})
    not_before_text, max_age_text = written_text(members, "notBefore"), written_text(members, "maxAge")
    not_before, max_age = instant(not_before_text), duration(max_age_text)
    if not_before_text and not_before is None:
        message = f"expected a time such as 2026-01-01T00:00:00Z, got {not_before_text!r}"
        raise members.need("notBefore").error("policy-time", message)
    if max_age_text and max_age is None:
        message = f"expected a length of time such as 90d or 12h, got {max_age_text!r}"
        raise members.need("maxAge").error("policy-time", message)
    return Rule(
        requirements=read_requirements(members.need("requirements"), dialect),
        not_before=not_before,
        max_age=max_age,
        repository_of_project=_repositories(members.get("repositoryOfProject")),
        place=field.place,
    )


def _repositories(field: Field | None) -> dict[str, tuple[str, ...]]:
    """Project (its URI, a subject, or `*`) → repositories, each with all that lies below it."""
    if field is None:
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for project, value in field.members().items():
        if project != ANY_PROJECT and "://" not in project and "@" not in project:
            message = f"expected a project's URL, a signer's e-mail address or *, got {project!r}"
            raise value.error("policy-project", message)
        found[project] = strings(value)
        for name in found[project]:
            _check_repository(value, name)
    return found


def _check_repository(field: Field, name: str) -> None:
    try:
        expanded = Repository.parse(name).name
    except MalformedError as error:
        raise field.error("policy-project", error.message) from error
    if expanded != name:
        raise field.error("policy-project", f"expected a name in full such as {expanded}, got {name!r}")
