"""Whole images out of a registry and into one: blobs of any size, mounted where the registry has them already.

A blob goes up in three requests, as docker and containers/image do it: open (which may mount), stream, commit.
The last piece is sent only when the digest holds, so that nothing wrong is ever committed. A cut upload is begun
anew, from the first byte: registries forget what they were half told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from vouchsafe.adapters.http import HttpClient, Response
from vouchsafe.adapters.registry.client import RegistryClient
from vouchsafe.adapters.registry.conf import Source
from vouchsafe.adapters.registry.endpoints import Endpoints, Question
from vouchsafe.adapters.registry.push import BLOB_TYPE, FIRST_PAUSE, LARGEST_ANSWER, UPLOADS, PushClient
from vouchsafe.adapters.settings import Settings
from vouchsafe.adapters.streams import Outgoing
from vouchsafe.errors import MalformedError, Unavailable
from vouchsafe.image.manifest import Descriptor, Manifest
from vouchsafe.image.pieces import checked
from vouchsafe.image.reference import Reference, Repository

SMALL = 1024 * 1024  # bytes; smaller blobs go up in two requests, held in memory
SECONDS_TO_COMMIT = 300.0  # some registries copy the blob to its place while we wait
_LOST_UPLOAD = frozenset((400, 404, 409, 416))


class Puller(RegistryClient):
    """Implements `ports.BlobSource` for docker references. Thread-safe."""

    def pieces(self, reference: Reference, descriptor: Descriptor) -> Iterator[bytes]:
        """See the port."""
        return checked(descriptor, self._of_image(reference, lambda source: self._stream(source, descriptor)))

    def _stream(self, source: Source, descriptor: Descriptor) -> Iterable[bytes]:
        digest = descriptor.digest
        question = Question(suffix=f"blobs/{digest}", accept="*/*", largest=LARGEST_ANSWER, stream=True)
        response = self._endpoints.ask(source, question)
        if response.status == 404:
            raise Unavailable("blob-missing", f"expected blob {digest} in {source.repository}, got none")
        if response.stream is None:
            raise _refused(response, "give a blob")
        return response.stream


class RegistryDepot(PushClient):
    """Implements `ports.Depot` for docker references. Thread-safe."""

    def __init__(
        self,
        http: HttpClient,
        settings: Settings,
        *,
        origin: Repository | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`origin`: where blobs may be mounted from; tokens are asked to let us read it."""
        super().__init__(http, settings, sleep=sleep)
        self._endpoints = Endpoints(http, settings, None, actions="pull,push", beside=origin)
        self._mounts = True

    def has_blob(self, reference: Reference, descriptor: Descriptor) -> bool:
        """See the port."""
        return self._has(self._sources(reference)[-1], descriptor.digest)

    def keep_blob(
        self,
        reference: Reference,
        descriptor: Descriptor,
        opened: Callable[[], Iterable[bytes]],
        *,
        origin: Repository | None,
    ) -> bool:
        """See the port."""
        source = self._sources(reference)[-1]
        for attempt in range(UPLOADS):
            try:
                return self._keep(source, descriptor, opened, origin)
            except Unavailable as error:
                if attempt + 1 == UPLOADS or not error.retryable:
                    raise
            self._sleep(FIRST_PAUSE * 2**attempt)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def publish(self, reference: Reference, manifest: Manifest) -> None:
        """See the port. An image named by digest is there already."""
        if reference.digest is None:
            self.push_manifest(
                reference, manifest.raw, media_type=manifest.media_type, tag=reference.tag or "latest"
            )

    def _keep(
        self,
        source: Source,
        descriptor: Descriptor,
        opened: Callable[[], Iterable[bytes]],
        origin: Repository | None,
    ) -> bool:
        begun = self._begin(source, descriptor, origin)
        if begun.status == 201:
            return True
        small = descriptor.size <= SMALL
        held = b"".join(opened()) if small else b""
        if not small:
            body = Outgoing(descriptor.size, opened())
            begun = self._go_on(source, begun, "PATCH", body=body, content_type=BLOB_TYPE)
            _demand(begun, (202, 204), "take a blob")
        done = self._go_on(
            source,
            begun,
            "PUT",
            query=f"digest={descriptor.digest}",
            body=held,
            content_type=BLOB_TYPE,
            seconds=SECONDS_TO_COMMIT,
        )
        _demand(done, (201, 204), "keep a blob")
        return False

    def _begin(self, source: Source, descriptor: Descriptor, origin: Repository | None) -> Response:
        """Open an upload; 201 when the registry took the blob from the other repository instead."""
        if self._mounts and origin is not None and origin.domain == source.repository.domain:
            try:
                return self._post(source, f"?mount={descriptor.digest}&from={origin.path}", (201, 202))
            except Unavailable as error:
                if error.code not in {"registry-unauthorized", "push-refused"}:
                    raise
                self._mounts = False  # no leave to read there, or no such thing: the blobs have to travel
        return self._post(source, "", (202,))

    def _post(self, source: Source, query: str, expected: tuple[int, ...]) -> Response:
        suffix = f"blobs/uploads/{query}"
        question = Question(suffix=suffix, accept="*/*", largest=LARGEST_ANSWER, method="POST", body=b"")
        answer = self._endpoints.ask(source, question)
        _demand(answer, expected, "open an upload")
        return answer

    def _go_on(
        self,
        source: Source,
        before: Response,
        method: str,
        *,
        query: str = "",
        body: bytes | Outgoing,
        content_type: str,
        seconds: float | None = None,
    ) -> Response:
        """The next request of an upload, at the place that the last answer named."""
        location = before.headers.get("location", "")
        if not location:
            raise MalformedError(
                "upload-location",
                f"expected a Location for the upload from {before.url.authority}, got none",
            )
        if query:
            location += f"{'&' if '?' in location else '?'}{query}"
        question = Question(
            suffix="",
            accept="*/*",
            largest=LARGEST_ANSWER,
            method=method,
            location=location,
            body=body,
            content_type=content_type,
            seconds=seconds,
        )
        return self._endpoints.ask(source, question)


def _demand(response: Response, expected: tuple[int, ...], what: str) -> None:
    if response.status not in expected:
        raise _refused(response, what)


def _refused(response: Response, what: str) -> Unavailable:
    return Unavailable(
        "push-refused" if what != "give a blob" else "http-status",
        f"expected {response.url.authority} to {what}, got status {response.status}",
        hint=f"The registry says: {response.excerpt}" if response.body else "",
        retryable=response.status in _LOST_UPLOAD or response.status >= 500,
    )
