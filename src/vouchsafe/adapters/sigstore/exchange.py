"""How a Sigstore service is asked: a POST that may be repeated, and its own words when it refuses.

Asking twice is safe everywhere here: a second certificate harms nobody, a log answers 409 for what it has.
What a service says about a refusal is kept, because it is the only explanation there is; a token that it
echoes is cut out.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping

from vouchsafe.adapters.http import HttpClient, Response, redacted
from vouchsafe.adapters.tls import Tls
from vouchsafe.adapters.urls import Url
from vouchsafe.errors import MalformedError, SigningError, Unavailable
from vouchsafe.strictjson import Fields
from vouchsafe.strictjson import parse as parse_json

LARGEST_ANSWER = 8 * 1024 * 1024  # bytes; Rekor v1 answers with what it logged
ATTEMPTS = 4
FIRST_PAUSE = 0.5  # seconds before a service that failed inside (500) is asked again; doubled each time
INTERNAL_ERROR = 500  # what Fulcio and Rekor answer while something behind them restarts
LONGEST_WORDS = 400  # characters of a service's explanation


class Exchange:
    """Asks one service. Thread-safe, as its HTTP client is."""

    def __init__(
        self,
        http: HttpClient,
        url: str,
        *,
        name: str,
        tls: Tls = Tls(),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`name` is what people call the service; `url` its address without a slash at the end."""
        self._http = http
        self._base = url.rstrip("/")
        self._tls = tls
        self._sleep = sleep
        self.name = name

    def post(
        self,
        path: str,
        body: bytes,
        *,
        content_type: str = "application/json",
        accept: str = "application/json",
        secret: str = "",
    ) -> Response:
        """The answer, whatever its status below 500 is. Unavailable when there is none; never with `secret` in it."""
        headers = {"Content-Type": content_type, "Accept": accept}
        for attempt in range(ATTEMPTS):
            response = self._request("POST", path, headers, body, secret)
            if response.status != INTERNAL_ERROR:
                break
            if attempt + 1 < ATTEMPTS:
                self._sleep(FIRST_PAUSE * 2**attempt)
        if response.status >= INTERNAL_ERROR:
            raise Unavailable(
                "service-status",
                f"expected {self.name} at {response.url.authority} to answer, got status {response.status}",
                hint=self._hint(response, secret),
                retryable=True,
            )
        return response

    def get(self, location: str) -> Response:
        """The answer to a GET of a path, or of a URL on the same host."""
        return self._request("GET", location, {"Accept": "application/json"}, None, "")

    def refusal(self, response: Response, code: str, *, hint: str = "", secret: str = "") -> SigningError:
        """What to raise when a service said no."""
        message = (
            f"expected {self.name} at {response.url.authority} to accept this, got status {response.status}"
        )
        said = self._hint(response, secret)
        return SigningError(code, message, hint=" ".join(part for part in (said, hint) if part))

    def fields(self, response: Response) -> Fields:
        """The JSON object in an answer; SigningError when there is none."""
        try:
            return Fields.parse(response.body, what=f"the answer of {self.name}", largest=LARGEST_ANSWER)
        except MalformedError as error:
            raise self.malformed(error) from error

    def malformed(self, error: MalformedError) -> SigningError:
        """What to raise when an answer is not what it should be."""
        return SigningError(
            "service-answer", f"expected an answer of {self.name}, got one with: {error.message}"
        )

    def _request(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, secret: str
    ) -> Response:
        base = Url.parse(self._base + "/")
        url = base.join(path) if path.startswith(("http://", "https://")) else Url.parse(self._base + path)
        if url.origin != base.origin:
            raise SigningError(
                "service-answer", f"expected {self.name} to answer for itself, got a link to {url.authority}"
            )
        try:
            return self._http.request(
                method,
                url,
                headers=headers,
                body=body,
                largest=LARGEST_ANSWER,
                tls=self._tls,
                idempotent=True,
                leave_origin=False,
            )
        except Unavailable as error:
            # The cause quotes what the server said, which may quote the token: it goes no further.
            raise Unavailable(
                error.code,
                f"{self.name}: {redacted(error.message, secret)}",
                hint=redacted(error.hint, secret),
                retryable=error.retryable,
            ) from None

    def _hint(self, response: Response, secret: str) -> str:
        said = redacted(_words(response.body), secret)
        return f"{self.name} says: {said.rstrip('.')}." if said else ""


def json_body(value: object) -> bytes:
    """A request's JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


def _words(body: bytes) -> str:
    """The sentence in an error document (gRPC gateway, go-openapi), or the beginning of any other text."""
    try:
        document = parse_json(body, what="error")
    except MalformedError:
        document = None
    if isinstance(document, dict) and isinstance(document.get("message"), str):
        return str(document["message"])
    return body.decode("utf-8", "replace").strip()


__all__ = ["ATTEMPTS", "Exchange", "json_body"]
