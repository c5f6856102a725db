"""An OIDC issuer: tokens shaped like GitLab's `id_tokens` and GitHub's, signed as JWT (RFC 7519)."""

from __future__ import annotations

import base64
import json
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils

from vouchsafe.ports import Clock
from vouchsafe.testing.canonical import compact
from vouchsafe.testing.claims import GITLAB, github_claims, gitlab_claims
from vouchsafe.testing.keys import KeySource, PrivateKey, log_id, sign

AUDIENCE = "sigstore"
TOKEN_SECONDS = 300  # GitLab's default life of an id token
_P256_BYTES = 32


class OidcIssuer:
    """Signs tokens for any `iss`: behind it stands one key, which Fulcio knows."""

    def __init__(self, keys: KeySource, clock: Clock, *, algorithm: str = "RS256") -> None:
        """`algorithm` is RS256, as GitLab and GitHub sign, or ES256 (cosign 3 takes such a token for a file name)."""
        self.algorithm = algorithm
        self._clock = clock
        self._keys = keys

    @cached_property
    def _key(self) -> PrivateKey:
        """Made when first needed: an RSA key takes its time."""
        return self._keys.key("oidc", "rsa" if self.algorithm == "RS256" else "p256")

    @property
    def key_id(self) -> str:
        """The `kid` of tokens and key set."""
        return log_id(self._key.public_key()).hex()[:16]

    def token(self, claims: dict[str, Any], *, audience: str = AUDIENCE, seconds: int = TOKEN_SECONDS) -> str:
        """A signed JWT; `seconds` below zero makes one that has expired."""
        now = int(self._clock.now().timestamp())
        times = {"aud": audience, "iat": now, "nbf": now - 5, "exp": now + seconds}
        header = compact({"alg": self.algorithm, "kid": self.key_id, "typ": "JWT"})
        signed = f"{_url64(header)}.{_url64(compact(times | claims))}"
        return f"{signed}.{_url64(self._signature(signed.encode()))}"

    def gitlab_token(self, instance: str = GITLAB, **claims: Any) -> str:
        """A token with `gitlab_claims`."""
        return self.token(gitlab_claims(instance, **claims))

    def github_token(self, **claims: Any) -> str:
        """A token with `github_claims`."""
        return self.token(github_claims(**claims))

    def read(self, token: str) -> dict[str, Any]:
        """The claims of a token of this issuer that is valid now; ValueError otherwise."""
        header, _, rest = token.partition(".")
        body, _, signature = rest.partition(".")
        if _url64(self._signature(f"{header}.{body}".encode())) != signature:
            raise ValueError("expected a token of this issuer, got another signature")
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        now = int(self._clock.now().timestamp())
        if not claims["nbf"] <= now <= claims["exp"] or claims["aud"] != AUDIENCE:
            raise ValueError(
                f"expected a token for {AUDIENCE!r} that is valid at {now}, got {claims['aud']!r}"
            )
        return claims

    def configuration(self, url: str) -> dict[str, Any]:
        """`/.well-known/openid-configuration` as served under `url`."""
        return {
            "issuer": url,
            "jwks_uri": f"{url}/oauth/discovery/keys",
            "authorization_endpoint": f"{url}/oauth/authorize",
            "token_endpoint": f"{url}/oauth/token",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [self.algorithm],
        }

    def jwks(self) -> dict[str, Any]:
        """The key set (RFC 7517)."""
        public = self._key.public_key()
        common = {"kid": self.key_id, "use": "sig", "alg": self.algorithm}
        if isinstance(public, rsa.RSAPublicKey):
            numbers = public.public_numbers()
            parts = {"kty": "RSA", "n": _big(numbers.n, public.key_size // 8), "e": _big(numbers.e, 3)}
        elif isinstance(public, ec.EllipticCurvePublicKey):
            point = public.public_numbers()
            parts = {
                "kty": "EC",
                "crv": "P-256",
                "x": _big(point.x, _P256_BYTES),
                "y": _big(point.y, _P256_BYTES),
            }
        else:
            raise TypeError("expected an EC or RSA key")
        return {"keys": [common | parts]}

    def _signature(self, signed: bytes) -> bytes:
        made = sign(self._key, signed)
        if self.algorithm == "RS256":
            return made
        r, s = utils.decode_dss_signature(made)  # JWS wants r and s side by side (RFC 7518 3.4)
        return r.to_bytes(_P256_BYTES, "big") + s.to_bytes(_P256_BYTES, "big")


def _url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _big(number: int, size: int) -> str:
    return _url64(number.to_bytes(size, "big"))
