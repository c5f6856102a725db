"""The OIDC issuer over HTTP: discovery, keys, and a shop window where a shell can get a token.

`GET /token?kind=gitlab&project_path=group/app&ref=refs/heads/main` answers with the token alone, without a
newline: cosign takes one for part of it.
"""

from __future__ import annotations

from typing import Any

from vouchsafe.testing.answers import NOT_FOUND, json_response
from vouchsafe.testing.loopback import Request, Response
from vouchsafe.testing.oidc import OidcIssuer


class OidcApi:
    """Answers for one issuer."""

    def __init__(self, issuer: OidcIssuer) -> None:
        """Which issuer."""
        self._issuer = issuer

    def answer(self, request: Request) -> Response:
        """Route a request."""
        match request.method, request.path:
            case "GET", "/.well-known/openid-configuration":
                return json_response(self._issuer.configuration("http://" + request.headers.get("host", "")))
            case "GET", "/oauth/discovery/keys":
                return json_response(self._issuer.jwks())
            case "GET", "/token":
                return Response(headers={"Content-Type": "text/plain"}, body=self._token(request).encode())
        return NOT_FOUND

    def _token(self, request: Request) -> str:
        wishes: dict[str, Any] = dict(request.query)
        kind = wishes.pop("kind", "gitlab")
        return (
            self._issuer.github_token(**wishes) if kind == "github" else self._issuer.gitlab_token(**wishes)
        )
