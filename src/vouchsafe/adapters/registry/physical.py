"""Under which names are images of a policy's scope really fetched? registries.conf, read for whole scopes.

registries.d is looked up by the physical name, so a scope that is countersigned needs a section for every
place that its images may come from.

>>> from vouchsafe.adapters.registry.conf import Entry, Mirror
>>> far = Entry(prefix="far.example", location="far.example", mirrors=(Mirror(location="near.example/far"),))
>>> places(Registries(entries=(far,)), "far.example/group/app:v1")
('near.example/far/group/app:v1',)
"""

from __future__ import annotations

from vouchsafe.adapters.registry.conf import Entry, Registries, matched


def places(registries: Registries, scope: str) -> tuple[str, ...]:
    """The scopes that `scope` is fetched as, beside itself."""
    name, suffix = split(scope)
    found: list[str] = []
    nearest = max((entry for entry in registries.entries if _covers(entry, name)), key=_length, default=None)
    if nearest is not None:
        rest = name[matched(name, nearest.prefix) :]
        found += [location + rest + suffix for location in _locations(nearest)]
    if not suffix:  # an entry for a part of the scope leads that part elsewhere
        for entry in registries.entries:
            if entry.prefix.startswith(f"{name}/"):
                found += _locations(entry)
    return tuple(dict.fromkeys(place for place in found if place != scope))


def _covers(entry: Entry, name: str) -> bool:
    return matched(name, entry.prefix) >= 0


def _length(entry: Entry) -> int:
    return len(entry.prefix)


def _locations(entry: Entry) -> list[str]:
    places = (*(mirror.location for mirror in entry.mirrors), entry.location)
    return [place for place in places if place]  # a wildcard without location changes nothing


def split(scope: str) -> tuple[str, str]:
    """The repository or its parent, and `:tag` or `@digest`."""
    name, at, digest = scope.partition("@")
    colon = name.rfind(":")
    if not at and colon > name.rfind("/") >= 0:
        return name[:colon], name[colon:]
    return name, at + digest
