"""Fulcio's API v2 (fulcio.proto): a token and a certificate signing request become a short-lived certificate."""

from __future__ import annotations

import binascii

from vouchsafe.adapters.sigstore.exchange import Exchange, json_body
from vouchsafe.errors import MalformedError, SigningError
from vouchsafe.evidence import pem
from vouchsafe.strictjson import Fields

PATH = "/api/v2/signingCert"
MOST_CERTIFICATES = 16
_EMBEDDED = "signedCertificateEmbeddedSct"
_DETACHED = "signedCertificateDetachedSct"
_ISSUER_HINT = (
    "Does this Fulcio know the token's issuer? Sigstore's public one knows gitlab.com and a few others: a GitLab "
    "of one's own needs a Fulcio of one's own (--trust-config)."
)


class Fulcio:
    """Implements `ports.CertificateIssuer`."""

    def __init__(self, exchange: Exchange) -> None:
        """Asks through `exchange`."""
        self._exchange = exchange

    def certify(self, token: str, request: bytes) -> tuple[bytes, ...]:
        """See the port."""
        body = json_body(
            {
                "credentials": {"oidcIdentityToken": token},
                "certificateSigningRequest": binascii.b2a_base64(request, newline=False).decode(),
            }
        )
        response = self._exchange.post(PATH, body, secret=token)
        if response.status not in {200, 201}:
            refused = response.status in {400, 401, 403}
            hint = _ISSUER_HINT if refused else ""
            code = "fulcio-refused" if refused else "fulcio-status"
            raise self._exchange.refusal(response, code, hint=hint, secret=token)
        try:
            return _chain(Fields.parse(response.body, what="Fulcio's answer"))
        except MalformedError as error:
            raise self._exchange.malformed(error) from None  # it quotes the answer


def _chain(answer: Fields) -> tuple[bytes, ...]:
    if _DETACHED in answer:
        raise SigningError(
            "fulcio-detached-sct",
            "expected a certificate with its SCT inside, got one beside it",
            hint="No signature format has a place for it. Configure Fulcio's CA to embed SCTs.",
        )
    texts = answer.fields(_EMBEDDED).fields("chain").items("certificates", MOST_CERTIFICATES)
    if not texts or not all(isinstance(text, str) for text in texts):
        raise MalformedError("certificate", "expected a chain of PEM certificates, got none")
    return pem.certificates("".join(str(text) for text in texts).encode(), "Fulcio's answer")
