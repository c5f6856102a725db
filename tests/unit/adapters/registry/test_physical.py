"""Where the images of a scope are fetched: each place that the registry client itself would ask."""

from __future__ import annotations

import pytest

from vouchsafe.adapters.registry.conf import Entry, Mirror, Registries
from vouchsafe.adapters.registry.physical import places
from vouchsafe.image.reference import Repository

NEAR, FAR = Mirror(location="near.example:5000/cache"), Mirror(location="far.example", pull="digest-only")


def entry(prefix: str, location: str = "", *mirrors: Mirror) -> Entry:
    """An entry that leads to itself unless it says otherwise."""
    return Entry(prefix=prefix, location=location or prefix, mirrors=mirrors)


@pytest.mark.parametrize(
    "entries, scope, expected",
    [
        ([], "a.example", []),
        ([entry("a.example")], "a.example/b", []),
        ([entry("a.example", "", NEAR)], "a.example/b", ["near.example:5000/cache/b"]),
        ([entry("a.example", "", NEAR)], "a.example/b:v1", ["near.example:5000/cache/b:v1"]),
        ([entry("a.example:5000", "", NEAR)], "a.example:5000", ["near.example:5000/cache"]),
        ([entry("a.example", "", NEAR, FAR)], "a.example", ["near.example:5000/cache", "far.example"]),
        ([entry("a.example", "b.example/x")], "a.example/c@sha256:00", ["b.example/x/c@sha256:00"]),
        ([entry("a.example/b", "c.example/d")], "a.example", ["c.example/d"]),
        ([entry("a.example/b", "c.example/d")], "a.example/bc", []),
        (
            [entry("a.example", "x.example"), entry("a.example/b", "y.example")],
            "a.example/b/c",
            ["y.example/c"],
        ),
        (
            [entry("a.example", "x.example"), entry("a.example/b", "y.example")],
            "a.example",
            ["x.example", "y.example"],
        ),
        (
            [Entry(prefix="*.example", location="", mirrors=(NEAR,))],
            "a.example/b",
            ["near.example:5000/cache/b"],
        ),
    ],
)
def test_places(entries: list[Entry], scope: str, expected: list[str]) -> None:
    """Mirrors, locations, the nearest entry, entries for a part of the scope."""
    assert list(places(Registries(entries=tuple(entries)), scope)) == expected


@pytest.mark.parametrize("by_digest", [True, False])
def test_every_source_of_an_image_is_a_place_of_its_scope(by_digest: bool) -> None:
    """What the registry client would ask lies at or below one of the places, or at the scope itself."""
    registries = Registries(
        entries=(
            entry("a.example", "", NEAR, FAR),
            entry("a.example/b", "c.example/d", NEAR),
            Entry(prefix="*.example", location="", mirrors=(FAR,)),
        )
    )
    for name in ("a.example/x/y", "a.example/b/c", "z.example/q"):
        repository = Repository.parse(name)
        scopes = (name, name.rpartition("/")[0], name.partition("/")[0])
        for source in registries.sources(repository, by_digest=by_digest):
            for scope in scopes:
                known = (scope, *places(registries, scope))
                assert any(f"{source.repository.name}/".startswith(f"{place}/") for place in known)
