"""Blob uploads: in one POST, in POST and PUT, in chunks by PATCH, or mounted from another repository."""

from __future__ import annotations

from vouchsafe.errors import MalformedError
from vouchsafe.image.digest import Digest
from vouchsafe.testing.canonical import compact
from vouchsafe.testing.loopback import Request, Response
from vouchsafe.testing.registry_store import RegistryStore


class Uploads:
    """Sessions by number; none is ever forgotten."""

    def __init__(self, store: RegistryStore) -> None:
        """Where finished blobs go."""
        self._store = store
        self._sessions: dict[str, bytearray] = {}

    def answer(self, request: Request, name: str, session: str) -> Response:
        """POST opens, PATCH adds, PUT closes, GET tells how much is there."""
        if request.method == "POST":
            return self._open(request, name)
        if session not in self._sessions:
            return denied(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
        content = self._sessions[session]
        if request.method in ("PATCH", "PUT"):
            content += request.body
        if request.method == "PUT":
            return self._close(request, name, session, bytes(content))
        return self._progress(204 if request.method == "GET" else 202, name, session)

    def _open(self, request: Request, name: str) -> Response:
        mounted = self._store.blob(request.query.get("from", ""), request.query.get("mount", ""))
        if mounted is not None:
            return _created(name, self._store.put_blob(name, mounted))
        session = f"upload-{len(self._sessions) + 1}"
        self._sessions[session] = bytearray()
        if "digest" in request.query:
            return self._close(request, name, session, request.body)
        return self._progress(202, name, session)

    def _close(self, request: Request, name: str, session: str, content: bytes) -> Response:
        try:
            wanted = Digest.parse(request.query.get("digest", ""))
        except MalformedError:
            return denied(400, "DIGEST_INVALID", "expected a digest")
        if not wanted.matches(content):
            return denied(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
        self._sessions.pop(session, None)
        return _created(name, self._store.put_blob(name, content, wanted.algorithm))

    def _progress(self, status: int, name: str, session: str) -> Response:
        end = max(len(self._sessions[session]) - 1, 0)
        headers = {
            "Location": f"/v2/{name}/blobs/uploads/{session}",
            "Range": f"0-{end}",
            "Docker-Upload-UUID": session,
        }
        return Response(status=status, headers=headers)


def denied(status: int, code: str, message: str) -> Response:
    """An error as the distribution-spec shapes it."""
    body = compact({"errors": [{"code": code, "message": message, "detail": {}}]})
    return Response(status=status, headers={"Content-Type": "application/json"}, body=body)


def _created(name: str, digest: Digest) -> Response:
    headers = {"Location": f"/v2/{name}/blobs/{digest}", "Docker-Content-Digest": str(digest)}
    return Response(status=201, headers=headers)
