"""Reads `signedIdentity` and `baseLayerIdentity`: which name a signature must carry.

Each kind is an object with exactly its own keys. What is checked here and what is left to matching is
what containers/image checks when it loads a policy, no more: `prefix: "busybox"` loads and never matches.
"""

from __future__ import annotations

from vouchsafe.errors import MalformedError
from vouchsafe.image.reference import DOMAIN, DOMAIN_PREFIX, NAME, parse_named
from vouchsafe.policy.reading import Field, Members
from vouchsafe.policy.requirement import (
    ExactReference,
    ExactRepository,
    MatchExact,
    MatchRepoDigestOrExact,
    MatchRepository,
    RemapIdentity,
    SignedIdentity,
)

_KEYS = {
    "matchExact": ("type",),
    "matchRepoDigestOrExact": ("type",),
    "matchRepository": ("type",),
    "exactReference": ("type", "dockerReference"),
    "exactRepository": ("type", "dockerRepository"),
    "remapIdentity": ("type", "prefix", "signedPrefix"),
}


def read_signed_identity(field: Field) -> SignedIdentity:
    """The kind that `type` names, with its keys."""
    written = field.members().get("type")
    kind = (written.text() if written else None) or ""
    if kind not in _KEYS:
        message = f"expected a type of {', '.join(_KEYS)}, got {kind!r}"
        raise field.error("policy-signed-identity", message)
    members = Members(field, frozenset(_KEYS[kind]), {})
    values = {key: members.need(key).text() or "" for key in _KEYS[kind]}
    if kind == "matchExact":
        return MatchExact()
    if kind == "matchRepoDigestOrExact":
        return MatchRepoDigestOrExact()
    if kind == "matchRepository":
        return MatchRepository()
    if kind == "exactReference":
        return _exact_reference(members.need("dockerReference"), values["dockerReference"])
    if kind == "exactRepository":
        _named(members.need("dockerRepository"), values["dockerRepository"])
        return ExactRepository(repository=values["dockerRepository"])
    for key in ("prefix", "signedPrefix"):
        _check_prefix(members.need(key), values[key])
    return RemapIdentity(prefix=values["prefix"], signed_prefix=values["signedPrefix"])


def _named(field: Field, text: str) -> bool:
    """Whether a reference that must be well formed carries a tag or a digest."""
    try:
        _, tag, digest = parse_named(text)
    except MalformedError as error:
        raise field.error("policy-signed-identity", error.message, hint=error.hint) from error
    return tag is not None or digest is not None


def _exact_reference(field: Field, text: str) -> ExactReference:
    if not _named(field, text):
        message = f"expected a reference with a tag or a digest, got {text!r}"
        raise field.error(
            "policy-signed-identity", message, hint="Use exactRepository for a whole repository."
        )
    return ExactReference(reference=text)


def _check_prefix(field: Field, text: str) -> None:
    """A host, or a name whose first component could be one; neither tag nor digest nor a slash at the end."""
    if DOMAIN.fullmatch(text) or (NAME.fullmatch(text) and DOMAIN_PREFIX.match(text)):
        return
    message = f"expected a host, or a host and a path without tag and digest, got {text!r}"
    raise field.error("policy-signed-identity", message)
