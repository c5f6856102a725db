"""Scopes: which one applies, for every transport, and which ones a transport takes."""

from __future__ import annotations

import json

import pytest

from tests.unit.policy.policies import HEX
from vouchsafe.errors import MalformedError
from vouchsafe.image.reference import Reference
from vouchsafe.policy.document import parse
from vouchsafe.policy.scope import Policy, candidates, lookup, select

REJECT = [{"type": "reject"}]


def policy(**transports: list[str]) -> Policy:
    """A policy with these scopes, `_` for `-` in the names of transports."""
    scopes = {name.replace("_", "-"): dict.fromkeys(each, REJECT) for name, each in transports.items()}
    blob = json.dumps({"default": REJECT, "transports": scopes}).encode()
    return parse(blob, dialect="containers", source="policy.json")


@pytest.mark.parametrize(
    "transport, identity, expected",
    [
        (
            "docker",
            "sub.registry.example:5000/a/b:v1",
            (
                "sub.registry.example:5000/a/b:v1",
                "sub.registry.example:5000/a/b",
                "sub.registry.example:5000/a",
                "sub.registry.example:5000",
                "*.registry.example",
                "*.example",
            ),
        ),
        (
            "docker",
            f"docker.io/library/busybox@sha256:{HEX}",
            (
                f"docker.io/library/busybox@sha256:{HEX}",
                "docker.io/library/busybox",
                "docker.io/library",
                "docker.io",
                "*.io",
            ),
        ),
        ("docker", "localhost/x:v1", ("localhost/x:v1", "localhost/x", "localhost")),
        ("atomic", "h:80/ns/s:t", ("h:80/ns/s:t", "h:80/ns/s", "h:80/ns", "h:80")),
        ("docker-daemon", "a.b/c:d", ("a.b/c:d", "a.b/c", "a.b", "*.b")),
        ("docker-daemon", "", ()),
        ("docker-archive", "", ()),
        ("tarball", "", ()),
        ("unheard-of", "x", ("x",)),
        ("oci", "/srv/a/b", ("/srv/a/b", "/srv/a", "/srv")),
        ("dir", "/srv", ("/srv",)),
        (
            "containers-storage",
            f"[overlay@/x]a.b/c:d@sha256:{HEX}@{HEX}",
            (
                f"[overlay@/x]a.b/c:d@sha256:{HEX}@{HEX}",
                f"[overlay@/x]a.b/c:d@sha256:{HEX}",
                "[overlay@/x]a.b/c:d",
                "[overlay@/x]a.b/c",
                "[overlay@/x]a.b",
                "[overlay@/x]",
                "[/x]",
            ),
        ),
        (
            "containers-storage",
            "[overlay@/x]a.b/c:d",
            ("[overlay@/x]a.b/c:d", "[overlay@/x]a.b/c", "[overlay@/x]a.b", "[overlay@/x]", "[/x]"),
        ),
        ("containers-storage", f"[overlay@/x]@{HEX}", (f"[overlay@/x]@{HEX}", "[overlay@/x]", "[/x]")),
        ("containers-storage", "[/x]a:b", ("[/x]a:b", "[/x]a", "[/x]")),
    ],
)
def test_candidates(transport: str, identity: str, expected: tuple[str, ...]) -> None:
    """The image's own identity first, then its parents, the most specific first."""
    assert expected == candidates(transport, identity)


@pytest.mark.parametrize(
    "image, expected",
    [
        ("registry.example/a/b:v1", 'transports.docker["registry.example/a/b:v1"]'),
        ("registry.example/a/b:v2", 'transports.docker["registry.example/a/b"]'),
        ("registry.example/a/bc", 'transports.docker["registry.example/a"]'),
        ("registry.example/ab/c", 'transports.docker["registry.example"]'),
        ("registry.example:5000/a/b", 'transports.docker["*.example"]'),
        ("other.example/a", 'transports.docker["*.example"]'),
        ("example/a", 'transports.docker[""]'),
        ("busybox", 'transports.docker["docker.io/library/busybox"]'),
        ("docker://index.docker.io/library/busybox", 'transports.docker["docker.io/library/busybox"]'),
        ("Registry.example/a/b", 'transports.docker["*.example"]'),
        ("oci:/srv/a/b:v1", 'transports.oci["/srv/a"]'),
        ("oci:/other", "default"),
        ("dir:/srv/a", "default"),
    ],
)
def test_select(image: str, expected: str) -> None:
    """One scope applies; nothing is inherited; a port or a capital letter makes another host."""
    found = select(
        policy(
            docker=[
                "",
                "*.example",
                "registry.example",
                "registry.example/a",
                "registry.example/a/b",
                "registry.example/a/b:v1",
                "registry.example/",
                "docker.io/library/busybox",
            ],
            oci=["/srv/a"],
        ),
        Reference.parse(image),
    )
    assert expected == found.where


def test_port_beats_wildcard() -> None:
    """host:port comes before any wildcard, and wildcards do not see the port."""
    both = policy(docker=["*.0.0.1", "127.0.0.1:5000"])
    assert select(both, Reference.parse("127.0.0.1:5000/a")).scope == "127.0.0.1:5000"
    assert select(both, Reference.parse("127.0.0.1:5001/a")).scope == "*.0.0.1"


def test_wildcard_does_not_match_its_own_domain() -> None:
    """*.example.com is not example.com."""
    assert select(policy(docker=["*.example.com"]), Reference.parse("example.com/a")).transport == ""


def test_other_transports() -> None:
    """What Reference cannot name is looked up by the transport's own identity."""
    found = lookup(policy(containers_storage=["[/x]"]), "containers-storage", "[overlay@/x]a.b/c:d")
    assert (found.transport, found.scope) == ("containers-storage", "[/x]")


@pytest.mark.parametrize("path", ["relative", "/a/../b", "/a/", "//a", "/"])
def test_paths_must_be_resolved(path: str) -> None:
    """A path that could be another one is refused: it would fall through to something looser."""
    with pytest.raises(MalformedError, match="absolute path"):
        select(policy(), Reference.parse(f"dir:{path}"))


def test_what_is_selected() -> None:
    """Selected shows the rule's requirements and bounds."""
    blob = json.dumps(
        {
            "default": {
                "requirements": REJECT,
                "notBefore": "2026-01-02T03:04:05+01:00",
                "maxAge": "12h",
                "repositoryOfProject": {"https://gitlab.com/a/b": "r.example/c"},
            }
        }
    ).encode()
    found = select(parse(blob, dialect="vouchsafe", source="p"), Reference.parse("busybox"))
    assert str(found.not_before) == "2026-01-02 02:04:05+00:00"
    assert str(found.max_age) == "12:00:00"
    assert found.repository_of_project == {"https://gitlab.com/a/b": ("r.example/c",)}
    assert found.where == "default"
    assert found.requirements == found.rule.requirements
