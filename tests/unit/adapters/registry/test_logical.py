"""registries.conf backwards: the names that somebody could have asked for, and no others."""

from __future__ import annotations

import pytest

from vouchsafe.adapters.registry.conf import Registries, parse
from vouchsafe.adapters.registry.logical import names
from vouchsafe.image.reference import Repository

CONF = b"""
[[registry]]
location = "far.example"
[[registry.mirror]]
location = "near.example/far"
[[registry.mirror]]
location = "tags.example"
pull-from-mirror = "tag-only"

[[registry]]
prefix = "old.example/team"
location = "new.example/group"

[[registry]]
prefix = "*.wild.example"
location = "near.example/wild"

[[registry]]
location = "closed.example"
blocked = true
[[registry.mirror]]
location = "near.example/closed"
"""
REGISTRIES = Registries(entries=parse(CONF, "registries.conf"))
DOMAINS = ("a.wild.example", "b.wild.example:5000", "other.example", "wild.example")


@pytest.mark.parametrize(
    "physical, logical",
    [
        ("plain.example/app", ["plain.example/app"]),
        ("far.example/app", ["far.example/app"]),
        ("near.example/far/app", ["near.example/far/app", "far.example/app"]),
        ("tags.example/app", ["tags.example/app", "far.example/app"]),
        ("new.example/group/app", ["new.example/group/app", "old.example/team/app"]),
        ("new.example/group2/app", ["new.example/group2/app"]),
        ("old.example/team/app", []),
        ("near.example/wild/app", ["near.example/wild/app", "a.wild.example/app", "b.wild.example/app"]),
        ("near.example/closed/app", ["near.example/closed/app"]),
        ("closed.example/app", []),
    ],
)
def test_names(physical: str, logical: list[str]) -> None:
    """Each of them leads to the place, read forward."""
    domain, _, path = physical.partition("/")
    found = names(REGISTRIES, Repository(domain=domain, path=path), DOMAINS)
    assert [each.name for each in found] == logical


def test_a_port_survives_a_wildcard() -> None:
    """`*.x` covers the host without its port; the rest of the name is kept as it was."""
    conf = b'[[registry]]\nprefix = "*.wild.example"\nlocation = "near.example"\n'
    registries = Registries(entries=parse(conf, "registries.conf"))
    found = names(registries, Repository(domain="near.example:5000", path="app"), ("a.wild.example:5000",))
    assert [each.name for each in found] == ["near.example:5000/app", "a.wild.example:5000/app"]
