"""Writes to a registry: blobs, manifests, tags (OCI distribution-spec 1.1, "Push").

Writes go to the place that registries.conf names last, the registry itself, and so do reads: a mirror knows
nothing yet of what was just pushed. An upload that is cut is begun anew, because half of one is nobody's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from vouchsafe.adapters.http import SECONDS, HttpClient, Response
from vouchsafe.adapters.registry.client import RegistryClient
from vouchsafe.adapters.registry.conf import Source
from vouchsafe.adapters.registry.endpoints import Endpoints, Question
from vouchsafe.adapters.settings import Settings
from vouchsafe.errors import MalformedError, Unavailable
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import Descriptor, Manifest
from vouchsafe.image.reference import Reference

if TYPE_CHECKING:
    from vouchsafe.adapters.process import Programs

UPLOADS = 4  # attempts at one blob
FIRST_PAUSE = 0.25  # seconds before the second; doubled each time
ATTEMPTS = 5  # at one read that fails inside
INTERNAL_ERROR = 500
LARGEST_ANSWER = 64 * 1024  # bytes of an answer to a push; only errors have a body
LARGE_BLOB = 1024 * 1024  # bytes; beyond that it is worth a question whether it is there
SLOWEST = 128 * 1024  # bytes a second that an upload is waited for, where that is longer than usual
BLOB_TYPE = "application/octet-stream"
# What registries answer when the session is gone or half full: another upload may do.
_LOST_UPLOAD = frozenset((400, 404, 409, 416))
# distribution-spec, "Error Codes": distribution links a blob that two clients push at once a little late.
_BLOB_UNKNOWN = b"BLOB_UNKNOWN"
_EMPTY = Digest.of(b"{}")  # every bundle's config: nearly always there


class PatientEndpoints(Endpoints):
    """Asks again what failed inside: distribution answers 500 while somebody else rewrites the same tag."""

    sleep: Callable[[float], None] = time.sleep

    def ask(self, source: Source, question: Question) -> Response:
        """The answer; a 500 only when it stays, or when it is an answer to a write."""
        for attempt in range(ATTEMPTS - 1 if question.method in {"GET", "HEAD"} else 0):
            response = super().ask(source, question)
            if response.status != INTERNAL_ERROR:
                return response
            self.sleep(FIRST_PAUSE * 2**attempt)
        return super().ask(source, question)


class PushClient(RegistryClient):
    """Implements `ports.PushRegistry` for docker references. Thread-safe."""

    def __init__(
        self,
        http: HttpClient,
        settings: Settings,
        *,
        programs: Programs | None = None,
        actions: str = "pull,push",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """As its parent, but with tokens that may push, unless `actions` asks for less."""
        super().__init__(http, settings, programs=programs, actions=actions)
        self._endpoints = PatientEndpoints(http, settings, programs, actions=actions)
        self._endpoints.sleep = sleep
        self._sleep = sleep
        self._without_referrers: set[str] = set()

    def push_blob(self, reference: Reference, content: bytes) -> Digest:
        """See the port."""
        digest = Digest.of(content)
        source = self._sources(reference)[-1]
        if (digest == _EMPTY or len(content) > LARGE_BLOB) and self._has(source, digest):
            return digest
        for attempt in range(UPLOADS):
            try:
                self._upload(source, digest, content)
                return digest
            except Unavailable as error:
                if attempt + 1 == UPLOADS or not error.retryable:
                    raise
            self._sleep(FIRST_PAUSE * 2**attempt)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def push_manifest(
        self, reference: Reference, content: bytes, *, media_type: str, tag: str = ""
    ) -> tuple[Digest, bool]:
        """See the port."""
        manifest = Manifest.parse(content, served_as=media_type)
        # A tag is written by several: what was read for it is old after a pause, so the caller tries again.
        question = Question(
            suffix=f"manifests/{tag or manifest.digest}",
            accept="*/*",
            largest=LARGEST_ANSWER,
            method="PUT",
            body=content,
            content_type=media_type,
            retries=0 if tag else None,
        )
        response = self._endpoints.ask(self._sources(reference)[-1], question)
        again = _LOST_UPLOAD if _BLOB_UNKNOWN in response.body else frozenset[int]()
        _demand(response, (201, 200, 202), "keep a manifest", again=again)
        subject = manifest.subject
        said = response.headers.get("oci-subject", "")
        return manifest.digest, subject is not None and said == str(subject.digest)

    def _sources(self, reference: Reference) -> tuple[Source, ...]:
        return super()._sources(reference)[-1:]

    def _referrers(self, source: Source, digest: Digest) -> tuple[Descriptor, ...]:
        """Where there is no such API, it is asked for once in a run: it does not come meanwhile."""
        if str(source.repository) in self._without_referrers:
            return ()
        return super()._referrers(source, digest)

    def _has_no_referrers(self, source: Source) -> None:
        self._without_referrers.add(str(source.repository))

    def _has(self, source: Source, digest: Digest) -> bool:
        question = Question(suffix=f"blobs/{digest}", accept="*/*", largest=LARGEST_ANSWER, method="HEAD")
        return self._endpoints.ask(source, question).status == 200

    def _upload(self, source: Source, digest: Digest, content: bytes) -> None:
        opened = Question(
            suffix="blobs/uploads/", accept="*/*", largest=LARGEST_ANSWER, method="POST", body=b""
        )
        answer = self._endpoints.ask(source, opened)
        _demand(answer, (202,), "open an upload")
        location = answer.headers.get("location", "")
        if not location:
            raise MalformedError(
                "upload-location", f"expected a Location for the upload from {answer.url.authority}, got none"
            )
        joint = "&" if "?" in location else "?"
        sent = opened.replace(
            method="PUT",
            location=f"{location}{joint}digest={digest}",
            body=content,
            content_type=BLOB_TYPE,
            seconds=max(SECONDS, len(content) / SLOWEST),
        )
        _demand(self._endpoints.ask(source, sent), (201,), "keep a blob", again=_LOST_UPLOAD)


def _demand(
    response: Response, expected: tuple[int, ...], what: str, *, again: frozenset[int] = frozenset()
) -> None:
    if response.status not in expected:
        raise Unavailable(
            "push-refused",
            f"expected {response.url.authority} to {what}, got status {response.status}",
            hint=f"The registry says: {response.excerpt}" if response.body else "",
            retryable=response.status in again or response.status >= 500,
        )
