"""Whether the name inside a signature fits the image that was asked for: `signedIdentity`.

Compares *names*; that the signature is about this digest is checked elsewhere. Everything that cannot be
parsed matches nothing. containers/image, policy_reference_match.go.

>>> image = Reference.parse("registry.example/group/app:v1")
>>> accepts(MatchRepository(), image, "registry.example/group/app")
True
>>> accepts(MatchRepoDigestOrExact(), image, "registry.example/group/app:v2")
False
"""

from __future__ import annotations

from typing import assert_never

from vouchsafe.errors import MalformedError
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference, Repository, parse_named
from vouchsafe.policy.requirement import (
    ExactReference,
    ExactRepository,
    MatchExact,
    MatchRepoDigestOrExact,
    MatchRepository,
    RemapIdentity,
    SignedIdentity,
)
from vouchsafe.record import Record


class _Named(Record):
    """A normalised name with what is written after it, nothing added."""

    repository: Repository
    tag: str | None
    digest: Digest | None

    @property
    def name_only(self) -> bool:
        return self.tag is None and self.digest is None

    def __str__(self) -> str:
        tag = "" if self.tag is None else f":{self.tag}"
        return f"{self.repository}{tag}{'' if self.digest is None else f'@{self.digest}'}"


def accepts(signed_identity: SignedIdentity, image: Reference, untrusted_docker_reference: str) -> bool:
    """Whether a signature that carries this docker-reference may speak for `image`.

    An image that has no docker name (`oci:`, `dir:`) fits only the two kinds that compare with the policy.
    """
    signed = _parse(untrusted_docker_reference)
    if signed is None:
        return False
    match signed_identity:
        case ExactReference(reference=text):
            wanted = _parse(text)
            return wanted is not None and _same_reference(wanted, signed)
        case ExactRepository(repository=text):
            wanted = _parse(text)
            return wanted is not None and wanted.repository == signed.repository
        case _:
            asked = _of(image)
            return asked is not None and _of_image(signed_identity, asked, signed)


def lacks_tag(image: Reference, untrusted_docker_reference: str) -> bool:
    """Whether the name is the image's repository with nothing after it, as `cosign sign` writes it."""
    signed = _parse(untrusted_docker_reference)
    return signed is not None and signed.name_only and signed.repository == image.repository


def _of_image(
    kind: MatchExact | MatchRepoDigestOrExact | MatchRepository | RemapIdentity, asked: _Named, signed: _Named
) -> bool:
    match kind:
        case MatchExact():
            return _same_reference(asked, signed)
        case MatchRepoDigestOrExact():
            return _repo_digest_or_exact(asked, signed)
        case MatchRepository():
            return asked.repository == signed.repository
        case RemapIdentity(prefix=prefix, signed_prefix=signed_prefix):
            remapped = _remapped(asked, prefix, signed_prefix)
            return remapped is not None and _repo_digest_or_exact(remapped, signed)
        case _:
            assert_never(kind)


def _same_reference(one: _Named, other: _Named) -> bool:
    return one == other and not one.name_only


def _repo_digest_or_exact(asked: _Named, signed: _Named) -> bool:
    """With a digest asked for, what is after the signed name may differ: the signature's digest is checked."""
    if signed.name_only:
        return False
    if asked.tag is not None:
        return asked == signed
    return asked.digest is not None and asked.repository == signed.repository


def _remapped(asked: _Named, prefix: str, signed_prefix: str) -> _Named | None:
    """The name with its prefix replaced; it must come out fully qualified, or nothing matches."""
    name = asked.repository.name
    if name != prefix and not name.startswith(f"{prefix}/"):
        return asked
    text = signed_prefix + str(asked)[len(prefix) :]
    named = _parse(text)
    return named if named is not None and str(named) == text else None


def _of(image: Reference) -> _Named | None:
    if image.repository is None:
        return None
    return _Named(repository=image.repository, tag=image.tag, digest=image.digest)


def _parse(untrusted_text: str) -> _Named | None:
    try:
        repository, tag, digest = parse_named(untrusted_text)
    except MalformedError:
        return None
    return _Named(repository=repository, tag=tag, digest=digest)
