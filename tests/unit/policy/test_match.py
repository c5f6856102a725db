"""Names in signatures against names that were asked for: each kind of signedIdentity."""

from __future__ import annotations

import pytest

from tests.unit.policy.policies import HEX
from vouchsafe.image.reference import Reference
from vouchsafe.policy.match import accepts
from vouchsafe.policy.requirement import (
    ExactReference,
    ExactRepository,
    MatchExact,
    MatchRepoDigestOrExact,
    MatchRepository,
    RemapIdentity,
    SignedIdentity,
)

OTHER = "f" * 64
TAGGED = "registry.example/ns/app:v1"
DIGESTED = f"registry.example/ns/app@sha256:{HEX}"


@pytest.mark.parametrize(
    "kind, image, signed, expected",
    [
        (MatchExact(), TAGGED, TAGGED, True),
        (MatchExact(), TAGGED, "registry.example/ns/app:v2", False),
        (MatchExact(), TAGGED, "registry.example/ns/app", False),
        (MatchExact(), TAGGED, f"{TAGGED}@sha256:{HEX}", False),
        (MatchExact(), DIGESTED, DIGESTED, True),
        (MatchExact(), DIGESTED, f"registry.example/ns/app@sha256:{OTHER}", False),
        (MatchExact(), "busybox", "docker.io/library/busybox:latest", True),
        (MatchExact(), "busybox", "busybox:latest", True),
        (MatchExact(), "busybox", "busybox", False),
        (MatchExact(), TAGGED, "UPPER", False),
        (MatchExact(), TAGGED, "", False),
        (MatchRepoDigestOrExact(), TAGGED, TAGGED, True),
        (MatchRepoDigestOrExact(), TAGGED, "registry.example/ns/app:v2", False),
        (MatchRepoDigestOrExact(), TAGGED, DIGESTED, False),
        (MatchRepoDigestOrExact(), DIGESTED, TAGGED, True),
        (MatchRepoDigestOrExact(), DIGESTED, f"registry.example/ns/app@sha256:{OTHER}", True),
        (MatchRepoDigestOrExact(), DIGESTED, "registry.example/ns/app", False),
        (MatchRepoDigestOrExact(), DIGESTED, "registry.example/ns/other:v1", False),
        (MatchRepository(), TAGGED, "registry.example/ns/app", True),
        (MatchRepository(), TAGGED, "registry.example/ns/app:v9", True),
        (MatchRepository(), TAGGED, "registry.example/ns/app2", False),
        (MatchRepository(), TAGGED, "registry.example:5000/ns/app", False),
        (MatchRepository(), "docker://index.docker.io/busybox", "busybox", True),
        (MatchRepository(), TAGGED, "not a name", False),
        (ExactReference(reference="a.b/c:d"), TAGGED, "a.b/c:d", True),
        (ExactReference(reference="a.b/c:d"), "oci:/srv/x", "a.b/c:d", True),
        (ExactReference(reference="a.b/c:d"), TAGGED, "a.b/c:e", False),
        (ExactReference(reference="a.b/c:d"), TAGGED, "a.b/c", False),
        (ExactReference(reference="UPPER"), TAGGED, "a.b/c:d", False),
        (ExactRepository(repository="a.b/c:ignored"), TAGGED, "a.b/c", True),
        (ExactRepository(repository="busybox"), "dir:/srv/x", "docker.io/library/busybox:1", True),
        (ExactRepository(repository="a.b/c"), TAGGED, "a.b/c/d", False),
        (ExactRepository(repository="UPPER"), TAGGED, "a.b/c", False),
        (MatchExact(), "oci:/srv/x", TAGGED, False),
        (MatchRepoDigestOrExact(), "dir:/srv/x", TAGGED, False),
        (MatchRepository(), "oci:/srv/x:v1", TAGGED, False),
    ],
)
def test_accepts(kind: SignedIdentity, image: str, signed: str, expected: bool) -> None:
    """Each kind, matching and not."""
    assert expected == accepts(kind, Reference.parse(image), signed)


@pytest.mark.parametrize(
    "prefix, signed_prefix, image, signed, expected",
    [
        ("mirror.example", "origin.example", "mirror.example/ns/app:v1", "origin.example/ns/app:v1", True),
        ("mirror.example", "origin.example", "mirror.example/ns/app:v1", "mirror.example/ns/app:v1", False),
        (
            "mirror.example/ns",
            "origin.example/a/b",
            "mirror.example/ns/app:v1",
            "origin.example/a/b/app:v1",
            True,
        ),
        ("mirror.example/ns/app", "o.example/x", "mirror.example/ns/app:v1", "o.example/x:v1", True),
        ("mirror.example/n", "o.example", "mirror.example/ns/app:v1", "mirror.example/ns/app:v1", True),
        ("mirror.example", "o.example", f"mirror.example/a@sha256:{HEX}", "o.example/a:any", True),
        ("mirror.example", "o.example", "other.example/a:v1", "other.example/a:v1", True),
        ("mirror.example", "busybox", "mirror.example/a:v1", "docker.io/busybox/a:v1", False),
        ("mirror.example/a", "o.example", "mirror.example/a:5", "o.example:5", False),
        ("mirror.example", "docker.io", "mirror.example/busybox:v1", "busybox:v1", False),
        ("mirror.example", "docker.io/library", "mirror.example/busybox:v1", "busybox:v1", True),
    ],
)
def test_remap(prefix: str, signed_prefix: str, image: str, signed: str, expected: bool) -> None:
    """The prefix is replaced by whole components, and what comes out must be a name in full."""
    kind = RemapIdentity(prefix=prefix, signed_prefix=signed_prefix)
    assert expected == accepts(kind, Reference.parse(image), signed)


def test_remap_without_a_name() -> None:
    """An image that has no docker name is not remapped into one."""
    kind = RemapIdentity(prefix="a.b", signed_prefix="c.d")
    assert accepts(kind, Reference.parse("oci:/srv/x"), "c.d/e:f") is False


def test_an_image_without_tag_and_digest_fits_by_its_repository_alone() -> None:
    """Nobody can write one, but upstream's rule says it: a name alone is neither exact nor a digest."""
    bare = Reference.parse(TAGGED).replace(tag=None)
    kinds = (MatchExact(), MatchRepoDigestOrExact(), MatchRepository())
    for signed in (TAGGED, DIGESTED, "registry.example/ns/app"):
        assert [accepts(kind, bare, signed) for kind in kinds] == [False, False, True]
