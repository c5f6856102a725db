"""Refreshes a trust root by TUF, with the library `tuf` over our own HTTP door; never part of a pull.

The library follows the specification: roots one after the other, nothing older than what was seen, nothing
that has expired. Around it: every answer bounded, one deadline for all, delegations off, and one target name
that is ours and never the repository's (GHSA-fcv2-xgw5-pqxf, GHSA-jqc5-w2xx-5vq4, GHSA-fphv-w9fq-2525).
What comes out is checked once more by `verification.tuf`, which readers of the cache rely on, and replaces
the last delivery in one step.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from tuf.api import exceptions
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig  # type: ignore[attr-defined]

from vouchsafe.adapters.files import Missing, SystemFiles, read_regular
from vouchsafe.adapters.http import Budget, HttpClient
from vouchsafe.errors import HostError, MalformedError, Unavailable, VerificationError, VouchsafeError
from vouchsafe.ports import Clock
from vouchsafe.record import Record
from vouchsafe.verification.trust import parse_trusted_root
from vouchsafe.verification.tuf import (
    LARGEST_DELIVERY,
    LARGEST_METADATA,
    MOST_ROOTS,
    TARGET,
    Authenticated,
    Delivery,
    Refreshed,
    authenticate,
    newest_root,
)

SECONDS = 120.0  # for a whole refresh
MOST_BYTES = 64 * 1024 * 1024  # of a whole refresh
LARGEST_TIMESTAMP = 16 * 1024  # bytes
DELIVERY = "delivery.json"
_ABSENT = frozenset((403, 404))  # object stores answer 403 for what is not there
_HOST = re.compile(r"[^a-z0-9.-]+")
_REFUSALS = (
    (
        exceptions.ExpiredMetadataError,
        "tuf-expired",
        "The mirror serves old metadata, or this clock is wrong.",
    ),
    (
        exceptions.BadVersionNumberError,
        "tuf-rollback",
        "The mirror serves older metadata than was seen before.",
    ),
    (
        exceptions.UnsignedMetadataError,
        "tuf-signature",
        "The mirror serves metadata that is not its owners'.",
    ),
    (exceptions.LengthOrHashMismatchError, "tuf-target", "The mirror serves a file that was not signed."),
)


class Mirror(Record):
    """Where to refresh from, the root to begin with, and the directory to keep the result in."""

    url: str
    bootstrap: bytes
    directory: str


def repository_name(url: str) -> str:
    """A directory name for a repository: readable, and different for every URL."""
    plain = _HOST.sub("-", url.lower().partition("://")[2]).strip("-.")[:60]
    return f"{plain}-{hashlib.sha256(url.encode()).hexdigest()[:8]}"


def refresh(
    mirror: Mirror, *, http: HttpClient, clock: Clock, keep: bool = True, seconds: float = SECONDS
) -> Refreshed:
    """Ask the repository and replace the delivery; with `keep` off nothing that lasts is written.

    Unavailable when there is no answer; VerificationError or MalformedError when the answer is refused: the
    last delivery then stays. HostError when the cache cannot be written.
    """
    place = os.path.join(mirror.directory, DELIVERY)
    door = _Door(http.within(Budget(seconds, largest=MOST_BYTES)))
    first = newest_root(mirror.bootstrap).version
    try:
        with tempfile.TemporaryDirectory(prefix="vouchsafe-") as scratch:
            metadata = os.path.join(mirror.directory, "metadata")
            if not keep:
                metadata = _copied(metadata, os.path.join(scratch, "metadata"))
            os.makedirs(metadata, exist_ok=True)
            before = _before(place)
            delivery = _Refresh(mirror, door, metadata, scratch, first).run(before, clock)
    except OSError as error:
        raise HostError(
            "trust-cache", f"expected to write {mirror.directory}, got: {error.strerror}"
        ) from error
    signed = authenticate(mirror.bootstrap, delivery)
    _check_not_older(mirror.bootstrap, before, signed)
    parse_trusted_root(delivery.target)
    if keep:
        files = SystemFiles()
        files.write(os.path.join(mirror.directory, TARGET), delivery.target)  # for other programs
        files.write(place, delivery.to_json())
    return Refreshed(delivery=delivery, signed=signed, place=place, before=before)


class _Refresh:
    """One run of the library in its own metadata directory."""

    def __init__(self, mirror: Mirror, door: _Door, metadata: str, scratch: str, first: int) -> None:
        self._mirror = mirror
        self._door = door
        self._metadata = metadata
        self._scratch = scratch
        self._first = first

    def run(self, before: Delivery | None, clock: Clock) -> Delivery:
        try:
            target = self._target(before)
        except exceptions.RepositoryError as error:
            raise _refusal(error) from error
        except exceptions.DownloadError as error:
            raise Unavailable(
                "tuf-unavailable", f"expected TUF metadata of {self._mirror.url}, got: {error}"
            ) from error
        newest = json.loads(self._read("root.json"))["signed"]["version"]
        history = [f"root_history/{version}.root.json" for version in range(self._first + 1, newest + 1)]
        return Delivery(
            url=self._mirror.url,
            fetched=clock.now(),
            roots=tuple(self._read(name) for name in history),
            timestamp=self._read("timestamp.json"),
            snapshot=self._read("snapshot.json"),
            targets=self._read("targets.json"),
            target=target,
        )

    def _target(self, before: Delivery | None) -> bytes:
        updater = Updater(
            self._metadata,
            self._mirror.url,
            target_base_url=f"{self._mirror.url.rstrip('/')}/targets/",
            fetcher=self._door,
            config=UpdaterConfig(
                max_root_rotations=MOST_ROOTS,
                max_delegations=0,  # Sigstore lists its trust root in the top-level role
                root_max_length=LARGEST_METADATA,
                timestamp_max_length=LARGEST_TIMESTAMP,
                snapshot_max_length=LARGEST_METADATA,
                targets_max_length=LARGEST_METADATA,
            ),
            bootstrap=self._mirror.bootstrap,
        )
        listed = updater.get_targetinfo(TARGET)
        if listed is None:
            raise VerificationError("tuf-target", f"expected {TARGET} in the TUF repository, got none")
        if listed.length > LARGEST_METADATA:
            raise MalformedError(
                "tuf-target", f"expected {TARGET} of at most {LARGEST_METADATA} bytes, got {listed.length}"
            )
        if before is not None and _is(listed, before.target):
            return before.target
        path = os.path.join(self._scratch, TARGET)
        updater.download_target(listed, path)
        return read_regular(path, largest=LARGEST_METADATA, error=HostError)

    def _read(self, name: str) -> bytes:
        return read_regular(os.path.join(self._metadata, name), largest=LARGEST_METADATA, error=HostError)


class _Door(FetcherInterface):
    """The library's way out: our HTTP client, with the library's own limit of each file."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    def _fetch(self, url: str) -> Iterator[bytes]:
        raise NotImplementedError(f"without a limit: {url}")

    @contextmanager
    def download_file(self, url: str, max_length: int) -> Iterator[io.BytesIO]:
        """The file at `url`; our own errors pass through the library unchanged."""
        answer = self._http.request("GET", url, largest=max_length, expect={200, *_ABSENT})
        if answer.status in _ABSENT:
            raise exceptions.DownloadHTTPError(
                f"status {answer.status} for {answer.url.shown}", answer.status
            )
        yield io.BytesIO(answer.body)


def _is(listed: object, content: bytes) -> bool:
    try:
        listed.verify_length_and_hashes(content)  # type: ignore[attr-defined]
    except exceptions.LengthOrHashMismatchError:
        return False
    return True


def _refusal(error: exceptions.RepositoryError) -> VouchsafeError:
    for kind, code, hint in _REFUSALS:
        if isinstance(error, kind):
            return VerificationError(
                code, f"expected current metadata of the repository, got: {error}", hint=hint
            )
    return MalformedError("tuf-metadata", f"expected TUF metadata, got: {error}")


def _before(place: str) -> Delivery | None:
    try:
        return Delivery.read(read_regular(place, largest=LARGEST_DELIVERY))
    except (Missing, VouchsafeError):
        return None


def _check_not_older(bootstrap: bytes, before: Delivery | None, signed: Authenticated) -> None:
    """The metadata directory may have been lost; the delivery still says what was seen.

    Under a newer root versions may start again: that is how TUF recovers from a fast-forward (§5.3.11).
    """
    if before is None:
        return
    try:
        seen = authenticate(bootstrap, before)
    except VouchsafeError:
        return
    if signed.root_version == seen.root_version and signed.timestamp_version < seen.timestamp_version:
        raise VerificationError(
            "tuf-rollback",
            f"expected timestamp {seen.timestamp_version} or newer, got {signed.timestamp_version}",
            hint="The mirror serves older metadata than was seen before.",
        )


def _copied(metadata: str, copy: str) -> str:
    if os.path.isdir(metadata):
        shutil.copytree(metadata, copy, symlinks=True)
    return copy
