"""Finds the trust root: the embedded one, what a refresh left in a cache, or a file that the operator names.

The newest public-good root wins. A cache is not trusted: its content is re-authenticated from the embedded
TUF root (`verification.tuf`), it must belong to this user or to root and be writable by nobody else, and
one that is older than the embedded root is passed over, so that putting back an old cache gains nothing.
A cache that cannot be used is never an error: pulls go on with the embedded root, and `trust show` says why.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from typing import TYPE_CHECKING

from vouchsafe.adapters.files import Missing, read_regular
from vouchsafe.errors import ConfigurationError, MalformedError, VouchsafeError
from vouchsafe.strictjson import Fields
from vouchsafe.verification.trust import LoadedRoot, TrustRoot, parse_time, parse_trusted_root

if TYPE_CHECKING:
    from vouchsafe.verification.tuf import Authenticated, Delivery

EMBEDDED = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data", "public-good")
PUBLIC_GOOD = "public-good"
PUBLIC_GOOD_URL = "https://tuf-repo-cdn.sigstore.dev"
TARGET = "trusted_root.json"
SYSTEM_CACHE = "/var/cache/vouchsafe"
DELIVERY = "delivery.json"  # all that a refresh brought, in one file: it is there or it is not
LARGEST_TRUSTED_ROOT = 4 * 1024 * 1024  # bytes
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


def cache_directories(environ: Mapping[str, str], uid: int) -> tuple[str, ...]:
    """Where refreshed roots are: the first is this user's and is written to, the others are read too."""
    chosen = environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(chosen) and uid != 0 and os.path.isabs(environ.get("HOME", "")):
        chosen = os.path.join(environ["HOME"], ".cache")
    own = os.path.join(chosen, "vouchsafe") if os.path.isabs(chosen) else SYSTEM_CACHE
    return (own,) if own == SYSTEM_CACHE else (own, SYSTEM_CACHE)


def repository_directory(cache: str, name: str) -> str:
    """Where the refreshed roots of one TUF repository are, below a cache directory."""
    return os.path.join(cache, "trust", name)


class TrustRoots:
    """Implements `ports.TrustSource`, and tells where the root came from."""

    def __init__(self, caches: tuple[str, ...] = (), *, uid: int, shipped: str = EMBEDDED) -> None:
        """`caches` as of `cache_directories`; `uid` is ours; `shipped` is a test's to change."""
        self._caches = caches
        self._uid = uid
        self._shipped = shipped

    def public_good(self) -> TrustRoot:
        """The newest public-good root of this host; ConfigurationError when the installation is damaged."""
        return self.current().root

    def current(self) -> LoadedRoot:
        """The same, with its origin."""
        built_in = embedded(self._shipped)
        best: tuple[tuple[int, int], LoadedRoot] | None = None
        passed_over: list[str] = []
        for cache in self._caches:
            place = os.path.join(repository_directory(cache, PUBLIC_GOOD), DELIVERY)
            try:
                delivery, signed = self._delivered(place)
                _check_newer(signed, built_in)
                loaded = _loaded(delivery, signed, place)
            except Missing:
                continue
            except VouchsafeError as error:
                passed_over.append(f"{place}: {error.message}")
                continue
            order = (signed.root_version, signed.timestamp_version)
            if best is None or order > best[0]:
                best = (order, loaded)
        return (best[1] if best else built_in).replace(passed_over=tuple(passed_over))

    def _delivered(self, place: str) -> tuple[Delivery, Authenticated]:
        _check_owner(place, self._uid)
        from vouchsafe.verification.tuf import (
            LARGEST_DELIVERY,
            Delivery,
            authenticate,
        )  # rarely: a cache is there

        delivery = Delivery.read(read_regular(place, largest=LARGEST_DELIVERY))
        return delivery, authenticate(bootstrap_root(self._shipped), delivery)


def embedded(shipped: str = EMBEDDED) -> LoadedRoot:
    """The root that this version ships."""
    blob = _shipped(shipped, TARGET)
    provenance = Fields.parse(_shipped(shipped, "provenance.json"), what="provenance")
    as_of = parse_time(provenance.text("asOf"), "provenance.asOf")
    return LoadedRoot(
        root=parse_trusted_root(blob, source="embedded"),
        source="embedded",
        place=os.path.join(shipped, TARGET),
        sha256=hashlib.sha256(blob).hexdigest(),
        as_of=as_of,
        url=PUBLIC_GOOD_URL,
    )


def bootstrap_root(shipped: str = EMBEDDED) -> bytes:
    """The TUF root that this version ships: where every authentication begins."""
    return _shipped(shipped, "root.json")


def from_file(path: str) -> LoadedRoot:
    """A trusted_root.json that the operator names. ConfigurationError when it cannot be used."""
    try:
        blob = read_regular(path, largest=LARGEST_TRUSTED_ROOT)
        root = parse_trusted_root(blob, source=path)
    except Missing as error:
        raise ConfigurationError("file-missing", f"expected a trusted root at {path}, got nothing") from error
    except MalformedError as error:
        hint = (
            "It must be a Sigstore trusted_root.json. `cosign trusted-root create` makes one from PEM files."
        )
        raise ConfigurationError(error.code, f"{error.message} ({path})", hint=hint) from error
    return LoadedRoot(root=root, source="file", place=path, sha256=hashlib.sha256(blob).hexdigest())


def _shipped(shipped: str, name: str) -> bytes:
    path = os.path.join(shipped, name)
    try:
        return read_regular(path, largest=LARGEST_TRUSTED_ROOT)
    except Missing as error:
        hint = "Install vouchsafe again."
        raise ConfigurationError("installation", f"expected {path}, got nothing", hint=hint) from error


def _loaded(delivery: Delivery, signed: Authenticated, place: str) -> LoadedRoot:
    return LoadedRoot(
        root=parse_trusted_root(delivery.target, source=f"TUF, {place}"),
        source="tuf",
        place=place,
        sha256=hashlib.sha256(delivery.target).hexdigest(),
        as_of=delivery.fetched,
        fresh_until=signed.fresh_until,
        url=delivery.url,
    )


def _check_newer(signed: Authenticated, built_in: LoadedRoot) -> None:
    """What was signed before this version was made is no refresh of it; its end tells when it was signed."""
    if built_in.as_of is not None and signed.timestamp_expires < built_in.as_of:
        raise ConfigurationError(
            "trust-rollback",
            f"expected metadata from after {built_in.as_of:%F}, got some that ended {signed.timestamp_expires:%F}",
        )


def _check_owner(place: str, uid: int) -> None:
    """Only this user and root may have written there."""
    try:
        found = os.lstat(place)
    except (OSError, ValueError) as error:
        raise Missing(place) from error
    if found.st_uid not in {0, uid} or found.st_mode & _OTHERS_MAY_WRITE:
        raise ConfigurationError(
            "trust-cache", f"expected a file that only root or user {uid} can write, got one that others can"
        )
