"""Rekor v2 over HTTP (rekor-tiles' openapi): one call that writes, and the checkpoint to read."""

from __future__ import annotations

import base64
from typing import Any

from cryptography import x509

from vouchsafe.testing.answers import NOT_FOUND, Rejected, json_object, json_response
from vouchsafe.testing.bundle import entry_object
from vouchsafe.testing.canonical import canonical, pae
from vouchsafe.testing.entries import body
from vouchsafe.testing.keys import PublicKey
from vouchsafe.testing.loopback import Request, Response
from vouchsafe.testing.material import Material
from vouchsafe.testing.proof import holds, holds_over_digest, read_public_key
from vouchsafe.testing.rekor2 import Rekor2

_SHA2_NAMES = {32: "SHA2_256", 48: "SHA2_384", 64: "SHA2_512"}


class Rekor2Api:
    """Answers for one log."""

    def __init__(self, log: Rekor2) -> None:
        """Which log."""
        self._log = log

    def answer(self, request: Request) -> Response:
        """Route a request."""
        try:
            match request.method, request.path:
                case "POST", "/api/v2/log/entries":
                    return self._add(request)
                case "GET", "/api/v2/checkpoint":
                    return Response(
                        headers={"Content-Type": "text/plain"}, body=self._log.checkpoint().encode()
                    )
        except Rejected as rejected:
            return rejected.response()
        return NOT_FOUND

    def _add(self, request: Request) -> Response:
        asked = json_object(request)
        try:
            if "hashedRekordRequestV002" in asked:
                kind, made = "hashedrekord/0.0.2", _hashedrekord(asked["hashedRekordRequestV002"])
            elif "dsseRequestV002" in asked:
                kind, made = "dsse/0.0.2", _dsse(asked["dsseRequestV002"])
            else:
                raise Rejected(400, "expected hashedRekordRequestV002 or dsseRequestV002")
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise Rejected(400, f"invalid request: {error!r}") from error
        return json_response(entry_object(self._log.append(kind, made)), 201)


def _hashedrekord(asked: dict[str, Any]) -> bytes:
    digest = base64.b64decode(asked["digest"])
    signature = asked["signature"]
    if not holds_over_digest(_key(signature["verifier"]), base64.b64decode(signature["content"]), digest):
        raise Rejected(400, "verifying signature: invalid signature")
    kept = {
        "data": {"algorithm": _SHA2_NAMES[len(digest)], "digest": asked["digest"]},
        "signature": {"content": signature["content"], "verifier": signature["verifier"]},
    }
    return canonical({"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": {"hashedRekordV002": kept}})


def _dsse(asked: dict[str, Any]) -> bytes:
    envelope, verifier = asked["envelope"], asked["verifiers"][0]
    payload = base64.b64decode(envelope["payload"])
    signatures = tuple(base64.b64decode(entry["sig"]) for entry in envelope["signatures"])
    if not holds(_key(verifier), signatures[0], pae(envelope["payloadType"], payload)):
        raise Rejected(400, "verifying signature: invalid signature")
    certificate = (verifier.get("x509Certificate") or {}).get("rawBytes")
    material = Material(
        payload=payload,
        payload_type=envelope["payloadType"],
        signatures=signatures,
        certificate=x509.load_der_x509_certificate(base64.b64decode(certificate)) if certificate else None,
        public_key=_key(verifier),
    )
    return body("dsse/0.0.2", material)


def _key(verifier: dict[str, Any]) -> PublicKey:
    holder = verifier.get("x509Certificate") or verifier["publicKey"]
    return read_public_key(base64.b64decode(holder["rawBytes"]))
