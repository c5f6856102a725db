"""registries.conf read backwards: under which names could somebody have asked for what is fetched here?

A client asks its lookaside under the physical name (a mirror's, say), and a policy speaks of the logical
one. Candidates are made from the entries and then sent forward again: only what registries.conf really
leads here counts.

>>> from vouchsafe.adapters.registry.conf import Entry, Mirror
>>> far = Entry(prefix="far.example", location="far.example", mirrors=(Mirror(location="near.example/far"),))
>>> [str(name) for name in names(Registries(entries=(far,)), Repository.parse("near.example/far/app"), ())]
['near.example/far/app', 'far.example/app']
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vouchsafe.adapters.registry.conf import Registries, matched
from vouchsafe.errors import VouchsafeError
from vouchsafe.image.reference import Repository

MOST_NAMES = 16  # of one place


def names(registries: Registries, physical: Repository, domains: Iterable[str]) -> tuple[Repository, ...]:
    """The logical names of `physical`, its own first. `domains`: hosts that a wildcard entry may stand for."""
    found: list[Repository] = []
    for candidate in (physical, *_candidates(registries, physical, tuple(domains))):
        if candidate not in found and _leads(registries, candidate, physical):
            found.append(candidate)
    return tuple(found[:MOST_NAMES])


def _candidates(
    registries: Registries, physical: Repository, domains: tuple[str, ...]
) -> Iterator[Repository]:
    for entry in registries.entries:
        for location in (entry.location, *(mirror.location for mirror in entry.mirrors)):
            length = matched(physical.name, location) if location else -1
            if length < 0:
                continue
            rest = physical.name[length:]
            for prefix in _prefixes(entry.prefix, domains):
                try:
                    yield Repository.parse(prefix + rest)
                except VouchsafeError:
                    continue  # no name that anybody could have asked for


def _prefixes(prefix: str, domains: tuple[str, ...]) -> Iterator[str]:
    """What a prefix stands for: itself, or the hosts under a wildcard, without their ports."""
    if not prefix.startswith("*."):
        yield prefix
        return
    for domain in domains:
        if matched(domain, prefix) >= 0:
            yield domain.partition(":")[0]


def _leads(registries: Registries, logical: Repository, physical: Repository) -> bool:
    for by_digest in (True, False):
        try:
            sources = registries.sources(logical, by_digest=by_digest)
        except VouchsafeError:
            continue  # blocked
        if any(source.repository == physical for source in sources):
            return True
    return False
