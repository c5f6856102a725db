"""Which scopes of the policy could select an image, when all that is known is its repository and digest.

A client asks with a repository and a digest, and pulls perhaps by a tag that nobody tells us. So every
scope that could have selected that pull is judged, each for itself, and each answer carries its own marker:
what `app` accepts is no countersignature for `app:prod`.

>>> Table(("r.example", "r.example/app:prod", "r.example/app:dev")).could_select("r.example/app", "sha256:0")
('r.example/app:prod', 'r.example/app:dev', 'r.example')
"""

from __future__ import annotations

from collections.abc import Iterable

from vouchsafe.policy.requirement import (
    MatchExact,
    MatchRepoDigestOrExact,
    MatchRepository,
    RemapIdentity,
    Requirement,
    SignedBy,
    SignedIdentity,
    SigstoreAttested,
    SigstoreSigned,
)
from vouchsafe.policy.scope import Rule


class Table:
    """The docker scopes of one policy, by repository."""

    def __init__(self, scopes: Iterable[str]) -> None:
        """`scopes`: all of them, countersigned or not, for the most specific one decides."""
        self._scopes = frozenset(scopes)
        self._exact: dict[str, list[str]] = {}
        for scope in scopes:
            name = _repository_of(scope)
            if name != scope:
                self._exact.setdefault(name, []).append(scope)

    def could_select(self, repository: str, digest: str) -> tuple[str, ...]:
        """Scopes of tags and of this digest, then the most specific of the repository and its parents."""
        found = [
            scope
            for scope in self._exact.get(repository, ())
            if "@" not in scope or scope == f"{repository}@{digest}"
        ]
        name = repository
        while name:
            if name in self._scopes:
                found.append(name)
                break
            name = name.rpartition("/")[0]
        return tuple(found)


def _repository_of(scope: str) -> str:
    """The repository of `host/path:tag` or `host/path@digest`; a host with a port stays what it is."""
    bare = scope.partition("@")[0]
    return bare[: bare.rfind(":")] if bare.rfind(":") > bare.rfind("/") > 0 else bare


def for_judging(rule: Rule) -> Rule:
    """The rule with names compared by repository only where a tag would decide.

    The client compares the tag itself: the evidence's docker-reference is repeated unchanged, and
    `signedIdentity` is compiled unchanged.
    """
    return rule.replace(requirements=tuple(_loosened(each) for each in rule.requirements))


def tag_matters(rule: Rule) -> bool:
    """Whether the client compares a tag, so that every name that the evidence carries counts."""
    return any(isinstance(_identity_of(each), _TAGGED | RemapIdentity) for each in rule.requirements)


_TAGGED = MatchExact | MatchRepoDigestOrExact


def _identity_of(requirement: Requirement) -> SignedIdentity | None:
    if isinstance(requirement, SignedBy | SigstoreSigned | SigstoreAttested):
        return requirement.signed_identity
    return None


def _loosened(requirement: Requirement) -> Requirement:
    if isinstance(requirement, SignedBy | SigstoreSigned | SigstoreAttested) and isinstance(
        requirement.signed_identity, _TAGGED
    ):
        return requirement.replace(signed_identity=MatchRepository())
    return requirement
