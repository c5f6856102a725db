"""Who may do what at a registry: anyone, basic authentication, or bearer tokens of a realm.

A token is good for the scopes it was asked for. A registry's realm may name another host, which is how credentials are
stolen; the host that gets them here is a LoopbackServer too, and its `requests` tell.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import parse_qs

from vouchsafe.testing.canonical import compact
from vouchsafe.testing.loopback import Request, Response
from vouchsafe.testing.registry_uploads import denied

_READS = frozenset(("GET", "HEAD"))
TOKEN_PATH = "/token"


class Access(Protocol):
    """Decides before the registry answers."""

    def check(self, request: Request, url: str) -> Response | None:
        """None to let it pass, or the answer in its place; `url` is the registry's own."""


class Anyone:
    """No authentication."""

    def check(self, request: Request, url: str) -> Response | None:
        """Passes."""
        del request, url
        return None


class BasicAccess:
    """A name and a password on every request."""

    def __init__(self, users: Mapping[str, str]) -> None:
        """Passwords by name."""
        self._users = dict(users)

    def check(self, request: Request, url: str) -> Response | None:
        """401 without good credentials."""
        del url
        if basic_user(request, self._users) is not None:
            return None
        return denied(401, "UNAUTHORIZED", "authentication required").with_headers(
            WWW_Authenticate='Basic realm="registry"'
        )


class TokenAccess:
    """Bearer tokens (distribution's token authentication): 401 names realm, service and scope."""

    def __init__(
        self,
        users: Mapping[str, str],
        *,
        anonymous_pull: bool = False,
        realm: str = "",
        identity_tokens: Mapping[str, str] | None = None,
        service: str = "registry.example",
    ) -> None:
        """`realm`: in place of this registry's own; `identity_tokens`: refresh tokens, by which user."""
        self._users = dict(users)
        self._refresh = dict(identity_tokens or {})
        self._anonymous_pull = anonymous_pull
        self._realm = realm
        self._service = service
        self._joint: dict[str, frozenset[str]] = {}  # tokens for several scopes

    def check(self, request: Request, url: str) -> Response | None:
        """Serves the realm itself, and wants its tokens elsewhere."""
        if request.path == TOKEN_PATH:
            return self._grant(request)
        scope = _scope(request)
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and all(
            self._allows(token, each, request) for each in (scope, *_mounted_from(request))
        ):
            return None
        challenge = f'Bearer realm="{self._realm or url + TOKEN_PATH}",service="{self._service}"'
        if scope:
            challenge += f',scope="{scope}"'
        return denied(401, "UNAUTHORIZED", "authentication required").with_headers(WWW_Authenticate=challenge)

    def token(self, scope: str) -> str:
        """The token for a scope, in whatever order its actions are written."""
        repository, _, actions = scope.rpartition(":")
        ordered = ",".join(sorted(actions.split(",")))
        return hashlib.sha256(f"token for {repository}:{ordered}".encode()).hexdigest()

    def _allows(self, token: str, scope: str, request: Request) -> bool:
        """Whether a token opens a scope: its own, or for what only reads the read-write one."""
        good = {scope}
        if scope and (request.method in _READS or scope.endswith(":pull")):
            good.add(f"{scope},push")
        return token in {self.token(each) for each in good} or bool(
            good & self._joint.get(token, frozenset())
        )

    def _grant(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs(request.body.decode("latin-1")).items()}
        asked = form.get("scope") or request.query.get("scope", "")
        if form.get("grant_type") == "refresh_token":
            user = self._refresh.get(form.get("refresh_token", ""))
        else:
            user = basic_user(request, self._users)
        carries = "authorization" in request.headers or bool(form)
        pulls = self._anonymous_pull and asked.endswith(":pull") and not carries
        if user is None and not pulls:
            return denied(401, "UNAUTHORIZED", "incorrect username or password")
        scopes = [value for name, value in request.pairs if name == "scope"] or asked.split(" ")
        made = self.token(" ".join(scopes))
        if len(scopes) > 1:
            self._joint[made] = frozenset(scopes)
        body = compact({"token": made, "access_token": made, "expires_in": 300})
        return Response(headers={"Content-Type": "application/json"}, body=body)


def basic_user(request: Request, users: Mapping[str, str]) -> str | None:
    """The user whose name and password a request carries, if they are right."""
    kind, _, encoded = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return None
    return name if users.get(name) == password else None


def _mounted_from(request: Request) -> tuple[str, ...]:
    """A mount reads from the other repository (distribution, "Cross Repository Blob Mount")."""
    origin = request.query.get("from", "")
    return (f"repository:{origin}:pull",) if origin and request.method == "POST" else ()


def _scope(request: Request) -> str:
    """What a token must be for: `repository:<name>:pull`, or with push for a write."""
    parts = request.path.split("/")
    kinds = [index for index, part in enumerate(parts) if part in ("manifests", "blobs", "referrers", "tags")]
    if not kinds:
        return ""
    name = "/".join(parts[2 : kinds[-1]])
    if "uploads" in parts:
        name = "/".join(parts[2 : parts.index("uploads") - 1])
    return f"repository:{name}:{'pull' if request.method in _READS else 'pull,push'}"
