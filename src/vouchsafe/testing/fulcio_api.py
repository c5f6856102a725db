"""Fulcio over HTTP: certificates for whoever brings a token and proves to have the key.

v1 is what cosign 2 speaks, v2 what cosign 3 and sigstore-python speak (fulcio.swagger.json).
"""

from __future__ import annotations

import base64
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from vouchsafe.errors import SigningError
from vouchsafe.testing.answers import NOT_FOUND, Rejected, json_object, json_response
from vouchsafe.testing.authorities import Authorities
from vouchsafe.testing.canonical import pem
from vouchsafe.testing.keys import PublicKey
from vouchsafe.testing.loopback import Request, Response
from vouchsafe.testing.proof import holds, read_public_key
from vouchsafe.testing.workload import certified


class FulcioApi:
    """Answers for one CA."""

    def __init__(self, sigstore: Authorities) -> None:
        """Whose CA, CT log and OIDC issuer."""
        self._sigstore = sigstore

    def answer(self, request: Request) -> Response:
        """Route a request."""
        try:
            match request.method, request.path:
                case "POST", "/api/v1/signingCert":
                    return self._certify1(request)
                case "POST", "/api/v2/signingCert":
                    return self._certify2(request)
                case "GET", "/api/v1/rootCert":
                    chain = pem(*self._sigstore.ca.chain)
                    return Response(headers={"Content-Type": "application/pem-certificate-chain"}, body=chain)
                case "GET", "/api/v2/trustBundle":
                    return json_response({"chains": [{"certificates": self._chain()}]})
                case "GET", "/api/v2/configuration":
                    issuer = {
                        "issuerUrl": "https://gitlab.example",
                        "audience": "sigstore",
                        "challengeClaim": "sub",
                    }
                    return json_response({"issuers": [issuer]})
        except Rejected as rejected:
            return rejected.response()
        return NOT_FOUND

    def _chain(self) -> list[str]:
        return [pem(link).decode() for link in self._sigstore.ca.chain]

    def _certify1(self, request: Request) -> Response:
        asked = json_object(request)
        if asked.get("certificateSigningRequest"):
            key = _requested(_decoded(asked, "certificateSigningRequest"))
            claims = self._claims(_bearer(request))
        else:
            key = read_public_key(_decoded(asked.get("publicKey") or {}, "content"))
            claims = self._claims(_bearer(request))
            _prove(key, _decoded(asked, "signedEmailAddress"), claims)
        leaf = self._issue(key, claims)
        body = (pem(leaf).decode() + "".join(self._chain())).encode()
        return Response(status=201, headers={"Content-Type": "application/pem-certificate-chain"}, body=body)

    def _certify2(self, request: Request) -> Response:
        asked = json_object(request)
        token = (asked.get("credentials") or {}).get("oidcIdentityToken") or _bearer(request)
        claims = self._claims(token)
        if asked.get("certificateSigningRequest"):
            key = _requested(_decoded(asked, "certificateSigningRequest"))
        else:
            wanted = asked.get("publicKeyRequest") or {}
            key = read_public_key(str((wanted.get("publicKey") or {}).get("content", "")).encode())
            _prove(key, _decoded(wanted, "proofOfPossession"), claims)
        chain = [pem(self._issue(key, claims)).decode(), *self._chain()]
        return json_response({"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}})

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            return self._sigstore.oidc.read(token)
        except (ValueError, KeyError) as error:
            raise Rejected(401, f"There was an error processing the identity token: {error}") from error

    def _issue(self, key: PublicKey, claims: dict[str, Any]) -> x509.Certificate:
        try:
            workload = certified(claims)
        except SigningError as error:
            raise Rejected(400, f"There was an error processing the identity token: {error}") from error
        now = self._sigstore.clock.now()
        return self._sigstore.ca.issue(key, workload, now, self._sigstore.leaf_plan())


def _bearer(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer":
        raise Rejected(401, "There was an error processing the identity token: expected a bearer token")
    return token


def _decoded(values: dict[str, Any], name: str) -> bytes:
    try:
        return base64.b64decode(values[name], validate=True)
    except (KeyError, TypeError, ValueError) as error:
        raise Rejected(400, f"expected base64 in {name}") from error


def _requested(blob: bytes) -> PublicKey:
    """The key of a certificate signing request that proves to have it."""
    request = x509.load_pem_x509_csr(blob)
    if not request.is_signature_valid:
        raise Rejected(400, "The signature supplied in the request could not be verified")
    return read_public_key(request.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def _prove(key: PublicKey, signature: bytes, claims: dict[str, Any]) -> None:
    """The requester has signed its own name: the e-mail address, or the token's subject."""
    challenge = str(claims.get("email") or claims.get("sub", ""))
    if not holds(key, signature, challenge.encode()):
        raise Rejected(400, "The signature supplied in the request could not be verified")
