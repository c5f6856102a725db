"""How registries misbehave, by name: each a Fault that takes some requests and answers them its own way.

>>> sorted(FAULTS)[:3]
['blob-lie', 'body-cut-short', 'body-endless']
>>> fault = FAULTS["server-error"]()
>>> fault.takes(Request(method="GET", path="/v2/app/manifests/v1"))
True
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator

from vouchsafe.testing.loopback import Handler, Request, Response

Spoil = Callable[[Request, Handler], Response]
_CHUNK = b"\0" * 65536
_LIE = b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{},"layers":[]}'


class Fault:
    """Takes requests of `method` whose path contains `path`: the first `times` of them, after `skip`."""

    def __init__(
        self,
        spoil: Spoil,
        *,
        method: str = "GET",
        path: str = "/v2/",
        times: int | None = None,
        skip: int = 0,
    ) -> None:
        """`times` None is for ever."""
        self._spoil = spoil
        self._method = method
        self._path = path
        self._left = times
        self._skip = skip
        self._lock = threading.Lock()
        self.taken = 0

    def takes(self, request: Request) -> bool:
        """Whether this fault answers the request; counts it if so."""
        if request.method != self._method or self._path not in request.path:
            return False
        with self._lock:
            if self._skip:
                self._skip -= 1
                return False
            if self._left is not None and self.taken >= self._left:
                return False
            self.taken += 1
        return True

    def answer(self, request: Request, honest: Handler) -> Response:
        """What to answer in place of, or made from, the honest answer."""
        return self._spoil(request, honest)


def always(response: Response) -> Spoil:
    """The same answer whatever was asked."""
    return lambda _request, _honest: response


def with_body(change: Callable[[bytes], bytes]) -> Spoil:
    """The honest answer with another body."""

    def spoil(request: Request, honest: Handler) -> Response:
        answer = honest(request)
        return answer.replace(body=change(_whole(answer)))

    return spoil


def slow(seconds: float = 0.05, chunk: int = 1) -> Spoil:
    """The honest body, `chunk` bytes at a time with a pause before each."""

    def spoil(request: Request, honest: Handler) -> Response:
        answer = honest(request)
        content = _whole(answer)
        parts = (content[start : start + chunk] for start in range(0, len(content), chunk))
        return answer.replace(body=parts, drip_seconds=seconds)

    return spoil


def endless(request: Request, honest: Handler) -> Response:
    """A body that goes on until the client hangs up."""

    def forever() -> Iterator[bytes]:
        while True:
            yield _CHUNK

    return honest(request).replace(body=forever())


def cut_short(request: Request, honest: Handler) -> Response:
    """Half of the body under the whole's Content-Length, then nothing."""
    answer = honest(request)
    content = _whole(answer)
    return answer.replace(body=content[: len(content) // 2], length=len(content), close=True)


def gzip_bomb(size: int = 64 * 1024 * 1024) -> Spoil:
    """A few kilobytes that unpack to `size` bytes, as Content-Encoding: gzip."""
    packed = gzip.compress(b"\0" * size, compresslevel=9)
    return lambda request, honest: honest(request).replace(body=packed).with_headers(Content_Encoding="gzip")


def redirect(location: str, status: int = 307) -> Spoil:
    """To `location`; `{path}` in it stands for the path that was asked for."""
    return lambda request, _honest: Response(
        status=status, headers={"Location": location.replace("{path}", request.path)}
    )


def moving(*tags: str) -> Spoil:
    """Answers as if `tags` had been asked for, one after the other, the last for ever."""
    left = list(tags)

    def spoil(request: Request, honest: Handler) -> Response:
        tag = left.pop(0) if len(left) > 1 else left[0]
        return honest(request.replace(path=request.path.rpartition("/")[0] + "/" + tag))

    return spoil


def typed(content_type: str) -> Spoil:
    """The honest answer under another Content-Type."""
    return lambda request, honest: honest(request).with_headers(Content_Type=content_type)


def oversized(size: int = 8 * 1024 * 1024) -> Spoil:
    """A manifest padded with spaces to `size` bytes: still the same JSON."""
    return with_body(lambda content: content.ljust(size))


def too_many(retry_after: str = "0") -> Spoil:
    """429 with a Retry-After in seconds, or as a date."""
    return always(Response(status=429, headers={"Retry-After": retry_after}, body=b"slow down"))


def _whole(answer: Response) -> bytes:
    if not isinstance(answer.body, bytes):
        raise TypeError("expected an answer with a whole body, got a stream")
    return answer.body


_HTML = Response(
    status=404, headers={"Content-Type": "text/html"}, body=b"<html><body><h1>Not Found</h1></body></html>"
)
_MANIFESTS = "/manifests/"
_BLOBS = "/blobs/"

# The common ones, ready to use; others are Fault(…) with the functions above.
FAULTS: dict[str, Callable[[], Fault]] = {
    "body-slow": lambda: Fault(slow(), path=_BLOBS),
    "body-endless": lambda: Fault(endless, path=_BLOBS),
    "body-cut-short": lambda: Fault(cut_short, path=_BLOBS),
    "manifest-endless": lambda: Fault(endless, path=_MANIFESTS),
    "manifest-cut-short": lambda: Fault(cut_short, path=_MANIFESTS),
    "manifest-oversized": lambda: Fault(oversized(), path=_MANIFESTS),
    "manifest-lie": lambda: Fault(with_body(lambda _: _LIE), path=f"{_MANIFESTS}sha256:"),
    "blob-lie": lambda: Fault(with_body(lambda content: content[::-1]), path=_BLOBS),
    "gzip-bomb": lambda: Fault(gzip_bomb(), path=_BLOBS),
    "manifest-gzip-bomb": lambda: Fault(gzip_bomb(), path=_MANIFESTS),
    "html-404": lambda: Fault(always(_HTML)),
    "html-200": lambda: Fault(always(_HTML.replace(status=200))),
    "too-many-requests": lambda: Fault(too_many(), times=2),
    "too-many-requests-for-ever": lambda: Fault(too_many("1")),
    "server-error": lambda: Fault(always(Response(status=503, body=b"down")), times=2),
    "server-error-for-ever": lambda: Fault(always(Response(status=500, body=b"down"))),
    "wrong-content-type": lambda: Fault(typed("text/plain"), path=_MANIFESTS),
    "index-served-as-image": lambda: Fault(typed("application/vnd.oci.image.index.v1+json"), path=_MANIFESTS),
    "connection-reset": lambda: Fault(always(Response(reset=True)), times=1),
    "connection-reset-for-ever": lambda: Fault(always(Response(reset=True))),
    "empty-body": lambda: Fault(always(Response()), path=_MANIFESTS),
    "redirect-loop": lambda: Fault(redirect("{path}"), path=_BLOBS),
}
