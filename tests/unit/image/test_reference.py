"""References: distribution/reference's grammar with containers/image's normalisation."""

from __future__ import annotations

import pytest

from vouchsafe.errors import MalformedError
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import LONGEST_NAME, Reference, Repository, absent, parse_named

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    "text, expected",
    [
        ("registry.example/group/app:v1", "docker://registry.example/group/app:v1"),
        ("docker://registry.example/group/app", "docker://registry.example/group/app:latest"),
        ("registry.example:5000/app", "docker://registry.example:5000/app:latest"),
        ("127.0.0.1:5000/app:5000", "docker://127.0.0.1:5000/app:5000"),
        ("localhost/app", "docker://localhost/app:latest"),
        ("busybox", "docker://docker.io/library/busybox:latest"),
        ("acme/app:v1", "docker://docker.io/acme/app:v1"),
        ("docker.io/busybox", "docker://docker.io/library/busybox:latest"),
        ("index.docker.io/busybox", "docker://docker.io/library/busybox:latest"),
        ("index.docker.io/acme/app", "docker://docker.io/acme/app:latest"),
        ("localhost:5000", "docker://docker.io/library/localhost:5000"),
        ("REGISTRY.example/app", "docker://REGISTRY.example/app:latest"),
        ("HOST:5000/app", "docker://HOST:5000/app:latest"),
        ("a_b.example/app", "docker://a_b.example/app:latest"),
        (f"app@sha256:{HEX}", f"docker://docker.io/library/app@sha256:{HEX}"),
        (f"app:v1@sha256:{HEX}", f"docker://docker.io/library/app@sha256:{HEX}"),
        (f"app@sha512:{HEX}{HEX}", f"docker://docker.io/library/app@sha512:{HEX}{HEX}"),
        (f"{HEX}:v1", f"docker://docker.io/library/{HEX}:v1"),
        (f"registry.example/{HEX}", f"docker://registry.example/{HEX}:latest"),
        ("a.b/c__d/e-f--g.h", "docker://a.b/c__d/e-f--g.h:latest"),
        ("oci:/srv/layout", "oci:/srv/layout"),
        ("oci:/srv/layout:v1", "oci:/srv/layout:v1"),
        (f"oci:/srv/layout:@sha256:{HEX}", f"oci:/srv/layout:@sha256:{HEX}"),
        ("dir:/srv/image", "dir:/srv/image"),
        ("oci:/srv/my layouts/app:v1", "oci:/srv/my layouts/app:v1"),
        ("dir:/srv/my images/app", "dir:/srv/my images/app"),
    ],
)
def test_parsed(text: str, expected: str) -> None:
    """What a person writes, in full; and in full it reads as the same again."""
    found = Reference.parse(text)
    assert expected == str(found)
    assert found == Reference.parse(expected)


@pytest.mark.parametrize(
    "text, code",
    [
        ("", "reference"),
        (" busybox", "reference"),
        ("busybox\n", "reference"),
        ("docker://registry.example/group/my app", "reference"),
        ("oci:/srv/lay\nout", "reference"),
        ("dir:/srv/\u2028image", "reference"),
        ("bu\x1bsybox", "reference"),
        (HEX, "reference"),
        ("UPPER", "reference"),
        ("HOST/app", "reference"),
        ("registry.example/App", "reference"),
        ("registry.example/", "reference"),
        ("/app", "reference"),
        ("a//b", "reference"),
        ("a.b/../c", "reference"),
        ("a___b", "reference"),
        ("a_.b", "reference"),
        ("-a", "reference"),
        ("a-", "reference"),
        ("-a.example/b", "reference"),
        ("a-.example/b", "reference"),
        ("a.example:port/b", "reference"),
        ("[::1]:5000/b", "reference"),
        ("a.example/b/", "reference"),
        ("a:", "reference"),
        ("a:.t", "reference"),
        ("a:" + "t" * 129, "reference"),
        ("a@", "digest"),
        ("a@sha256:00", "digest"),
        (f"a@sha256:{HEX.upper()}", "digest"),
        (f"a@sha256:{HEX}@sha256:{HEX}", "digest"),
        (f"a@md5:{HEX[:32]}", "digest"),
        ("a" * (LONGEST_NAME - len("docker.io/library/") + 1), "reference"),
        ("docker-daemon:busybox", "reference-transport"),
        ("containers-storage:busybox", "reference-transport"),
        ("https://registry.example/app", "reference-transport"),
        ("oci:", "reference"),
        ("oci:/srv/layout:", "reference"),
        ("oci:/srv/layout:@sha256:00", "digest"),
        ("dir:", "reference"),
    ],
)
def test_refused(text: str, code: str) -> None:
    """What no client takes, or what is not looked at here."""
    with pytest.raises(MalformedError) as caught:
        Reference.parse(text)
    assert code == caught.value.code


def test_what_is_absent_has_a_hint_where_credentials_hide_things() -> None:
    """A registry may say so of what is there; a folder does not."""
    hidden = absent(Reference.parse("registry.example/app:v1"))
    assert (hidden.code, "credentials" in hidden.hint) == ("no-such-image", True)
    assert absent(Reference.parse("dir:/srv/app")).hint == ""


@pytest.mark.parametrize("length, fits", [(LONGEST_NAME, True), (LONGEST_NAME + 1, False)])
def test_longest_name(length: int, fits: bool) -> None:
    """Host and path together may have 255 characters."""
    text = "a.b/" + "c" * (length - 4)
    if fits:
        assert len(Repository.parse(text).name) == length
    else:
        with pytest.raises(MalformedError, match="at most 255"):
            Repository.parse(text)


@pytest.mark.parametrize("domain, path", [("a/b", "c"), ("", "c"), ("a.b", ""), ("-", "c"), ("A_b", "c")])
def test_repository_is_checked_at_birth(domain: str, path: str) -> None:
    """However a Repository is made, it holds a host and a path."""
    with pytest.raises(MalformedError):
        Repository(domain=domain, path=path)


def test_repository_of_an_image_id() -> None:
    """64 hexadecimal digits alone are an image's id."""
    with pytest.raises(MalformedError, match="image ID"):
        Repository.parse(HEX)


def test_parse_named_adds_nothing() -> None:
    """A name keeps what is written after it, tag and digest beside each other."""
    digest = Digest(algorithm="sha256", hex=HEX)
    repository = Repository(domain="a.b", path="c")
    assert parse_named("a.b/c") == (repository, None, None)
    assert parse_named("a.b/c:v1") == (repository, "v1", None)
    assert parse_named(f"a.b/c:v1@sha256:{HEX}") == (repository, "v1", digest)
    assert str(repository) == "a.b/c"


def test_identity() -> None:
    """What policy scopes see: the name in full, or the path without its tag."""
    digest = Digest(algorithm="sha256", hex=HEX)
    image = Reference.parse("busybox")
    assert image.identity == "docker.io/library/busybox:latest"
    assert image.with_digest(digest).identity == f"docker.io/library/busybox@sha256:{HEX}"
    assert Reference.parse("oci:/srv/layout:v1").identity == "/srv/layout"
