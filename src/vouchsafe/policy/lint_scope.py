"""What is unwise about a scope: it can never match, or it opens what something broader had closed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from vouchsafe.errors import MalformedError
from vouchsafe.image.reference import DOMAIN, parse_named
from vouchsafe.policy.finding import Suspicion
from vouchsafe.policy.requirement import InsecureAcceptAnything
from vouchsafe.policy.scope import NAMED, TRANSPORTS, Policy, Rule, candidates

_REMOTE = NAMED - {"docker-daemon"}  # that one holds what is on this machine already
_WILDCARD = re.compile(r"\*\.[^*/:@]+")


def accepts_anything(rule: Rule) -> bool:
    """Whether nothing is demanded."""
    return all(isinstance(requirement, InsecureAcceptAnything) for requirement in rule.requirements)


def of_default(default: Rule) -> Iterator[Suspicion]:
    """A default that lets through what no scope names."""
    if accepts_anything(default):
        yield Suspicion(
            code="default-accepts",
            message="expected a strict default, got one that accepts anything that no scope names",
            fix='Write "default": [{"type": "reject"}], and a scope for each registry you use.',
        )


def of_scope(policy: Policy, transport: str, scope: str, rule: Rule) -> Iterator[Suspicion]:
    """Everything that is unwise about one scope."""
    if transport not in TRANSPORTS:
        yield Suspicion(
            code="transport-unknown",
            message=f"expected one of {', '.join(sorted(TRANSPORTS))}, got {transport!r}: it never matches",
            fix="Correct the name, or remove it.",
        )
        return
    if not scope:
        yield from _transport_wide(policy, transport, rule)
        return
    if transport not in NAMED:
        return
    never = _never_matches(scope)
    if never is not None:
        yield never
        return
    host = scope.partition("/")[0]
    if host != host.lower():
        yield Suspicion(
            code="scope-capitals",
            message=f"expected a host in lower case, got {host!r}: only references with the same capitals match",
            fix=f"Write {scope.replace(host, host.lower(), 1)}.",
        )
    if accepts_anything(rule):
        yield from _loosens(policy, transport, scope)


def _transport_wide(policy: Policy, transport: str, rule: Rule) -> Iterator[Suspicion]:
    """`docker: {"": …}` stands before `default`: every registry that has no scope of its own takes it."""
    if transport in _REMOTE and accepts_anything(rule) and not accepts_anything(policy.default):
        yield Suspicion(
            code="default-undone",
            severity="error",
            message=f'expected the strict default to hold, got {transport} "" accepting anything from everywhere',
            fix=f'Remove the scope "" of {transport}, and name what may be unsigned.',
        )


def _loosens(policy: Policy, transport: str, scope: str) -> Iterator[Suspicion]:
    """An accepting scope below a strict one. The parents are those of an image in it."""
    parents: Mapping[str, Rule] = policy.transports[transport]
    broader = [each for each in (*_parents(scope), "") if each in parents]
    above = parents[broader[0]] if broader else policy.default
    if not accepts_anything(above):
        name = f'{transport} "{broader[0]}"' if broader else "default"
        yield Suspicion(
            code="scope-accepts",
            message=f"expected what {name} demands, got {scope!r} accepting anything",
            fix="Demand a signature here too, or name single repositories.",
        )


def _parents(scope: str) -> tuple[str, ...]:
    if scope.startswith("*."):
        labels = scope[2:].split(".")
        return tuple("*." + ".".join(labels[index:]) for index in range(1, len(labels)))
    return tuple(each for each in candidates("docker", scope) if each != scope)


def _never_matches(scope: str) -> Suspicion | None:
    """Why no image has this scope among its own, if none has."""
    if _WILDCARD.fullmatch(scope):
        return None
    fix = ""
    if "*" in scope:
        reason, fix = "a wildcard stands for whole labels of a host only", "Write *.example.com alone."
    elif scope.endswith("/"):
        reason, fix = "it ends with a slash", f"Write {scope.rstrip('/')}."
    elif "://" in scope:
        reason, fix = "it is a URL", f"Write {scope.partition('://')[2]}."
    else:
        return _not_a_name(scope)
    return _never(scope, reason, fix)


def _not_a_name(scope: str) -> Suspicion | None:
    host, slash, path = scope.partition("/")
    if not slash:
        if host == "localhost" or (DOMAIN.fullmatch(host) and ("." in host or ":" in host)):
            return None if host != "index.docker.io" else _never(scope, "it is an alias", "Write docker.io.")
        return _never(scope, "it is no registry's host", f"Write docker.io/library/{scope}?")
    try:
        repository, tag, digest = parse_named(scope)
    except MalformedError as error:
        fix = f"Write {host}/{path.lower()}." if path != path.lower() else ""
        return _never(scope, error.message, fix)
    if host == "docker.io" and "/" not in path and tag is None and digest is None:
        return None  # the namespace of somebody, such as docker.io/library
    full = repository.name if tag is None else f"{repository}:{tag}"
    full = full if digest is None else f"{full}@{digest}"
    if tag is not None and digest is not None:
        return _never(scope, "an image is looked up by tag or by digest", f"Write {repository}@{digest}.")
    if full != scope:
        return _never(scope, f"its name in full is {full}", f"Write {full}.")
    return None


def _never(scope: str, reason: str, fix: str) -> Suspicion:
    return Suspicion(
        code="scope-never-matches",
        severity="error",
        message=f"expected a scope that an image can have, got {scope!r}: {reason}",
        fix=fix,
    )
