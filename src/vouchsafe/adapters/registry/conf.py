"""registries.conf v2: where an image's bytes are really fetched (containers-registries.conf(5)).

The name that a policy judges stays the one the person gave; this says which hosts hold it, in which
order, and which may be spoken to without verified TLS. Semantics, misfeatures included, are those of
containers/image 5.39, because podman on the same host reads the same file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from vouchsafe.adapters.files import Missing, read_regular
from vouchsafe.adapters.settings import Settings
from vouchsafe.errors import ConfigurationError, Unavailable, VouchsafeError
from vouchsafe.image.reference import Repository
from vouchsafe.record import Record

LARGEST_FILE = 4 * 1024 * 1024  # bytes
PULLS = frozenset(("", "all", "digest-only", "tag-only"))


class Source(Record):
    """One place to ask: the repository as it is called there."""

    repository: Repository
    insecure: bool = False


class Mirror(Record):
    """A `[[registry.mirror]]`; `pull` is all, digest-only or tag-only."""

    location: str
    insecure: bool = False
    pull: str = "all"


class Entry(Record):
    """A `[[registry]]`."""

    prefix: str
    location: str
    insecure: bool = False
    blocked: bool = False
    digest_only: bool = False
    mirrors: tuple[Mirror, ...] = ()


class Registries(Record):
    """All entries of all files, one for each prefix."""

    entries: tuple[Entry, ...] = ()

    def sources(self, repository: Repository, *, by_digest: bool) -> tuple[Source, ...]:
        """Where to ask, in order; Unavailable `registry-blocked` when the operator forbids it."""
        name = repository.name
        entry = self._entry_of(name)
        if entry is None:
            return (Source(repository=repository),)
        places = [
            (mirror.location, mirror.insecure)
            for mirror in entry.mirrors
            if _applies(entry, mirror, by_digest)
        ]
        places.append((entry.location, entry.insecure))
        length = matched(name, entry.prefix)
        found = [
            Source(repository=_rewrite(name, length, place), insecure=unsafe) for place, unsafe in places
        ]
        # What a mirror or location is rewritten to may be blocked by an entry of its own.
        allowed = tuple(source for source in found if not self._is_blocked(source.repository.name))
        if entry.blocked or not allowed:
            raise Unavailable(
                "registry-blocked",
                f"expected to ask {name}, got `blocked = true` for {entry.prefix!r} in registries.conf",
            )
        return allowed

    def _entry_of(self, name: str) -> Entry | None:
        """The entry with the longest prefix; of equals the first by name, as containers/image sorts them."""
        matching = [entry for entry in self.entries if matched(name, entry.prefix) >= 0]
        return min(matching, key=lambda each: (-len(each.prefix), each.prefix), default=None)

    def _is_blocked(self, name: str) -> bool:
        entry = self._entry_of(name)
        return entry is not None and entry.blocked


def matched(name: str, prefix: str) -> int:
    """How many characters of `name` the prefix covers, -1 when it does not match.

    `example.com` covers `example.com:5000/x` too: documented upstream, and kept.
    """
    if prefix.startswith("*."):
        host = name.partition("/")[0]
        bare = host.partition(":")[0]
        return len(bare) if bare.endswith(prefix[1:]) else -1
    if not name.startswith(prefix):
        return -1
    return len(prefix) if name[len(prefix) : len(prefix) + 1] in {"", "/", ":", "@"} else -1


def _applies(entry: Entry, mirror: Mirror, by_digest: bool) -> bool:
    if entry.digest_only:
        return by_digest
    return mirror.pull == "all" or (mirror.pull == "digest-only") == by_digest


def _rewrite(name: str, length: int, location: str) -> Repository:
    if not location:  # a `*.` prefix without location changes nothing
        return Repository.parse(name)
    try:
        return Repository.parse(location + name[length:])
    except VouchsafeError as error:
        raise ConfigurationError(
            "registries-conf", f"expected location {location!r} to make a repository, got: {error.message}"
        ) from error


def load(settings: Settings) -> Registries:
    """Read the main file and the drop-ins; ConfigurationError names the file that is wrong."""
    merged: dict[str, Entry] = {}
    for path, must_exist in _files(settings):
        try:
            content = read_regular(path, largest=LARGEST_FILE)
        except Missing as absent:
            if must_exist:
                raise ConfigurationError(
                    "registries-conf", f"expected a file at {path}, got nothing"
                ) from absent
            continue
        merged |= {entry.prefix: entry for entry in parse(content, path)}
    return Registries(entries=tuple(merged.values()))


def _files(settings: Settings) -> Iterable[tuple[str, bool]]:
    """Paths in the order of reading, and whether the person named them."""
    own = f"{settings.home}/.config/containers" if settings.home else ""
    system = f"{settings.etc}/containers"
    mains = [f"{base}/registries.conf" for base in (own, system, f"{settings.share}/containers") if base]
    if settings.registries_conf:
        yield settings.registries_conf, True
    else:
        yield from [(path, False) for path in mains if os.path.exists(path)][:1]
    for folder in (f"{system}/registries.conf.d", f"{own}/registries.conf.d"):
        if not folder.startswith("/registries") and os.path.isdir(folder):
            yield from ((f"{folder}/{name}", False) for name in _drop_ins(folder))


def _drop_ins(folder: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if name.endswith(".conf"))
    except OSError as error:
        raise _wrong(folder, "a readable folder", str(error.strerror)) from error


def parse(content: bytes, path: str) -> tuple[Entry, ...]:
    """The entries of one file, the first of those with the same prefix; ConfigurationError otherwise."""
    document = _toml(content, path)
    if "registries" in document:
        raise _wrong(path, "version 2 ([[registry]])", "the old version 1 ([registries])")
    tables = _tables(document, "registry", path)
    entries = [_entry(table, f"{path}: registry[{index}]") for index, table in enumerate(tables)]
    seen: dict[str, Entry] = {}
    for entry in entries:
        other = seen.setdefault(entry.location, entry)
        if entry.location and (entry.insecure, entry.blocked) != (other.insecure, other.blocked):
            raise _wrong(
                path, f"one `insecure` and one `blocked` for location {entry.location!r}", "two that differ"
            )
    first: dict[str, Entry] = {}
    for entry in entries:
        first.setdefault(entry.prefix, entry)
    return tuple(first.values())


def _toml(content: bytes, path: str) -> dict[str, Any]:
    try:
        text = content.decode("utf-8")
        # The file that packages install holds comments only: not worth the import.
        if all(not line.strip() or line.lstrip().startswith("#") for line in text.splitlines()):
            return {}
        import tomllib

        return tomllib.loads(text)
    except RecursionError as error:
        raise _wrong(path, "TOML", "too many levels") from error
    except ValueError as error:  # UnicodeDecodeError and TOMLDecodeError are ValueErrors
        raise _wrong(path, "TOML", str(error)) from error


def _entry(table: dict[str, Any], where: str) -> Entry:
    written = _text(table, "prefix", where)
    location = _text(table, "location", where)
    if not written and not location:
        raise _wrong(where, "a prefix or a location", "neither")
    if "pull-from-mirror" in table:
        raise _wrong(where, "pull-from-mirror in [[registry.mirror]] only", "it in [[registry]]")
    prefix = _location(written or location, where)
    if not location and not prefix.startswith("*."):
        raise _wrong(where, f"a location for prefix {prefix!r}", "none")
    digest_only = _flag(table, "mirror-by-digest-only", where)
    mirrors = tuple(
        _mirror(mirror, f"{where}.mirror[{index}]", digest_only)
        for index, mirror in enumerate(_tables(table, "mirror", where))
    )
    return Entry(
        prefix=prefix,
        location=_location(location, where) if location else "",
        insecure=_flag(table, "insecure", where),
        blocked=_flag(table, "blocked", where),
        digest_only=digest_only,
        mirrors=mirrors,
    )


def _mirror(table: dict[str, Any], where: str, digest_only: bool) -> Mirror:
    pull = _text(table, "pull-from-mirror", where)
    if pull not in PULLS:
        raise _wrong(where, "pull-from-mirror all, digest-only or tag-only", repr(pull))
    if pull and digest_only:
        raise _wrong(where, "pull-from-mirror or mirror-by-digest-only", "both")
    return Mirror(
        location=_location(_text(table, "location", where), where),
        insecure=_flag(table, "insecure", where),
        pull=pull or "all",
    )


def _location(text: str, where: str) -> str:
    trimmed = text.rstrip("/")
    if not trimmed or trimmed.startswith(("http://", "https://")):
        raise _wrong(where, "a location as host[:port][/path]", repr(text))
    return trimmed


def _tables(table: dict[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise _wrong(where, f"[[{key}]] tables", "something else")
    return found


def _text(table: dict[str, Any], key: str, where: str) -> str:
    found = table.get(key, "")
    if not isinstance(found, str):
        raise _wrong(where, f"a string in {key}", repr(found))
    return found


def _flag(table: dict[str, Any], key: str, where: str) -> bool:
    found = table.get(key, False)
    if not isinstance(found, bool):
        raise _wrong(where, f"true or false in {key}", repr(found))
    return found


def _wrong(where: str, expected: str, got: str) -> ConfigurationError:
    return ConfigurationError("registries-conf", f"{where}: expected {expected}, got {got}")
