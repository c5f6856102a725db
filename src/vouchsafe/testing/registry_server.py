"""An OCI registry on loopback (distribution-spec 1.1): pull, push, and referrers in every fashion.

>>> from vouchsafe.testing.push import push_image
>>> with RegistryServer() as registry:
...     digest = push_image(registry.store, "app")
...     from urllib.request import urlopen
...
...     len(urlopen(registry.url + "/v2/app/manifests/v1").read()) > 100
True
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable, Mapping
from typing import Any, Literal
from urllib.parse import quote

from vouchsafe.errors import MalformedError
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import OCI_INDEX
from vouchsafe.testing.canonical import compact
from vouchsafe.testing.faults import Fault
from vouchsafe.testing.loopback import LoopbackServer, Request, Response
from vouchsafe.testing.registry_access import Access, Anyone
from vouchsafe.testing.registry_store import RegistryStore
from vouchsafe.testing.registry_uploads import Uploads, denied

# How `GET /v2/<name>/referrers/<digest>` is answered; all but `api…` leave the fallback tag to clients.
ReferrersMode = Literal["absent", "absent-json", "html", "empty", "api", "api-unfiltered", "api-unannounced"]
_ROUTE = re.compile(r"/v2/(?P<name>.+?)/(?P<kind>manifests|blobs/uploads|blobs|referrers|tags)/(?P<what>.*)")
_HTML = b"<!DOCTYPE html><html><body>Sign in</body></html>"


class RegistryServer(LoopbackServer):
    """`store` may be filled from outside; `faults` are looked at before every answer, first match wins."""

    def __init__(
        self,
        store: RegistryStore | None = None,
        *,
        referrers: ReferrersMode = "absent",
        page: int = 0,
        access: Access | None = None,
        faults: Iterable[Fault] = (),
        tls: ssl.SSLContext | None = None,
        delay_ms: float = 0,
    ) -> None:
        """`page`: so many referrers or tags in one answer, the rest behind a Link header."""
        self.store = store or RegistryStore()
        self.referrers_mode: ReferrersMode = referrers
        self.page = page
        self.access: Access = access or Anyone()
        self.faults = list(faults)
        self._uploads = Uploads(self.store)
        super().__init__(self.answer, tls=tls, delay_ms=delay_ms)

    def reference(self, repository: str, wanted: str | Digest = "v1") -> str:
        """How a client writes a tag or digest of this registry."""
        return f"{self.address}/{repository}{'@' if isinstance(wanted, Digest) else ':'}{wanted}"

    def answer(self, request: Request) -> Response:
        """The answer, faults applied."""
        fault = next((fault for fault in self.faults if fault.takes(request)), None)
        if fault is not None:
            return fault.answer(request, self._honest)
        return self._honest(request)

    def _honest(self, request: Request) -> Response:
        refused = self.access.check(request, self.url)
        if refused is not None:
            return refused
        if request.path in ("/v2", "/v2/"):
            return _json({}, headers={"Docker-Distribution-API-Version": "registry/2.0"})
        route = _ROUTE.fullmatch(request.path)
        if route is None:
            return Response(status=404, headers={"Content-Type": "text/plain"}, body=b"404 page not found\n")
        name, kind, what = route["name"], route["kind"], route["what"]
        if kind == "manifests":
            return self._manifest(request, name, what)
        if kind == "referrers":
            return self._referrers(request, name, what)
        if kind == "tags":
            return self._tags(request, name)
        if kind == "blobs":
            return self._blob(request, name, what)
        return self._uploads.answer(request, name, what)

    def _manifest(self, request: Request, name: str, what: str) -> Response:
        if request.method == "PUT":
            return self._put_manifest(request, name, what)
        if request.method == "DELETE":
            return Response(status=202 if self.store.delete(name, what) else 404)
        found = self.store.manifest(name, what)
        if found is None:
            return denied(404, "MANIFEST_UNKNOWN", "manifest unknown")
        headers = {"Content-Type": found.media_type, "Docker-Content-Digest": str(found.digest)}
        return _sized(request, found.raw, headers)

    def _put_manifest(self, request: Request, name: str, what: str) -> Response:
        is_digest = ":" in what
        algorithm = what.partition(":")[0] if is_digest else "sha256"
        media_type = request.headers.get("content-type", "")
        try:
            digest = Digest.of(request.body, algorithm)
        except MalformedError:
            return denied(400, "DIGEST_INVALID", "unsupported digest")
        if is_digest and str(digest) != what:
            return denied(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
        self.store.put_manifest(name, request.body, media_type, "" if is_digest else what, algorithm)
        headers = {"Location": f"/v2/{name}/manifests/{digest}", "Docker-Content-Digest": str(digest)}
        subject = self._subject(request.body)
        if subject and self.referrers_mode in ("api", "api-unfiltered"):
            headers["OCI-Subject"] = subject
        return Response(status=201, headers=headers)

    def _subject(self, raw: bytes) -> str:
        found = re.search(rb'"subject"\s*:\s*\{[^}]*"digest"\s*:\s*"([^"]+)"', raw)
        return found[1].decode() if found else ""

    def _blob(self, request: Request, name: str, what: str) -> Response:
        content = self.store.blob(name, what)
        if content is None:
            return denied(404, "BLOB_UNKNOWN", "blob unknown to registry")
        headers = {"Content-Type": "application/octet-stream", "Docker-Content-Digest": what}
        return _sized(request, content, headers)

    def _referrers(self, request: Request, name: str, what: str) -> Response:
        mode = self.referrers_mode
        if mode == "absent":
            return Response(status=404, headers={"Content-Type": "text/plain"}, body=b"404 page not found\n")
        if mode == "absent-json":
            return denied(404, "METHOD_UNKNOWN", "we don't understand your method + url")
        if mode == "html":
            return Response(headers={"Content-Type": "text/html; charset=utf-8"}, body=_HTML)
        wanted = request.query.get("artifactType", "") if mode == "api" else ""
        listed = [] if mode == "empty" else self.store.referrers(name, what, wanted)
        shown, headers = self._paged(request, listed)
        if wanted:
            headers["OCI-Filters-Applied"] = "artifactType"
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": shown}
        return Response(headers={"Content-Type": OCI_INDEX, **headers}, body=compact(index))

    def _tags(self, request: Request, name: str) -> Response:
        tags = self.store.tags(name)
        if not tags:
            return denied(404, "NAME_UNKNOWN", "repository name not known to registry")
        shown, headers = self._paged(request, tags)
        return _json({"name": name, "tags": shown}, headers=headers)

    def _paged(self, request: Request, listed: list[Any]) -> tuple[list[Any], dict[str, str]]:
        """One page and the Link to the next (RFC 8288)."""
        start = int(request.query.get("last", "0") or "0")
        size = self.page or len(listed) or 1
        if start + size >= len(listed):
            return listed[start:], {}
        kept = {key: value for key, value in request.query.items() if key != "last"} | {
            "last": str(start + size)
        }
        query = "&".join(f"{key}={quote(value)}" for key, value in kept.items())
        return listed[start : start + size], {"Link": f'<{request.path}?{query}>; rel="next"'}


def _sized(request: Request, content: bytes, headers: Mapping[str, str]) -> Response:
    """A body, or for HEAD its length only."""
    if request.method == "HEAD":
        return Response(headers=headers, length=len(content))
    return Response(headers=headers, body=content)


def _json(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        status=status, headers={"Content-Type": "application/json", **(headers or {})}, body=compact(value)
    )
