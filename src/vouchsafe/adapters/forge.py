"""Asks a REST service that holds projects, issues or packages: GitHub, GitLab, a distribution's list of sources.

* What has not changed is not sent again (ETag), and what a server allows in an hour is respected: when it says
  that the limit is reached, or when a run's own budget is spent, nothing more is asked, and the error says until when.
* A redirect is followed on the same origin only, and the place that answered is told: projects move.
* A token belongs to one origin and is never part of a message.
* What is not an answer (HTML, another status, bytes that are no text) is an error, never an empty answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

from vouchsafe.adapters.http import HttpClient, Response, retry_after
from vouchsafe.errors import ConfigurationError, MalformedError, Unavailable
from vouchsafe.ports import Fetched
from vouchsafe.record import Record

LARGEST_ANSWER = 8 * 1024 * 1024  # bytes; a page of a hundred events with their pull requests is near one
MOST_FAILURES = 2  # one after the other, until a service counts as down
JSON = "application/json"
_LOCAL = frozenset(("127.0.0.1", "::1", "localhost"))
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_DEFINITE = frozenset((200, 201, 204, 304, 400, 401, 403, 404, 409, 410, 422, 429, 451)) | _REDIRECTS
_GONE = frozenset((404, 410, 451))
_SAYS_LIMIT = "rate limit"  # GitHub's secondary limits say so in the body only
_RESETS = ("x-ratelimit-reset", "ratelimit-reset")
_LATEST_RESET = 253_402_300_799  # Unix time of the last second that a datetime can hold


class Token(Record):
    """A secret and the header that carries it; `repr` shows neither."""

    header: str
    secret: str

    def __repr__(self) -> str:
        """Without the secret."""
        return f"Token(header={self.header!r})"


class Service(Record):
    """Where one is, and how it is asked. `most`: so many requests of one run may count against its limit."""

    name: str
    url: str
    token: Token | None = None
    headers: Mapping[str, str] = {}
    more_with: str = ""  # a sentence for hints: which token opens more
    most: int


def sound(secret: str, where: str, *, code: str) -> str:
    """The secret, which must be one printable word: it becomes a header. ConfigurationError."""
    if not secret or not secret.isascii() or not secret.isprintable() or " " in secret:
        raise ConfigurationError(code, f"expected a token of printable ASCII in {where}, got other text")
    return secret


def keeps_secrets(url: str) -> bool:
    """Whether nobody on the way there can read a token."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.hostname or "") in _LOCAL


class Forge:
    """Implements `ports.ForgeEdits`."""

    def __init__(self, service: Service, http: HttpClient) -> None:
        """Nothing is asked yet. ConfigurationError for a token that others could read."""
        if service.token is not None and not keeps_secrets(service.url):
            raise ConfigurationError(
                "forge-token",
                f"expected https for a token, got {service.url}",
                hint="Everybody on the way could read the token.",
            )
        self._service = service
        self._http = http
        self._base = urlsplit(service.url).path.rstrip("/")
        self._counted = 0
        self._failed = 0
        self._resets = ""
        self._stopped: Unavailable | None = None

    @property
    def counted(self) -> int:
        """How many requests counted so far."""
        return self._counted

    def get(self, path: str, *, accept: str = JSON, etag: str = "") -> Fetched:
        """See the port."""
        headers = {"If-None-Match": etag} if etag else {}
        answer = self._ask("GET", path, accept, headers, b"")
        if answer.status == 304 and etag:
            return Fetched(text="", etag=etag, place=self._place(answer), is_same=True)
        if not answer.body:
            raise MalformedError(
                "forge-answer", f"expected content of {self._service.name}, got none (status {answer.status})"
            )
        return self._fetched(answer, accept)

    def send(self, method: str, path: str, content: Mapping[str, object]) -> Fetched:
        """See the port."""
        body = json.dumps(content).encode()
        return self._fetched(self._ask(method, path, JSON, {"Content-Type": JSON}, body), JSON)

    def _ask(self, method: str, path: str, accept: str, more: Mapping[str, str], body: bytes) -> Response:
        self._must_not_be_spent()
        headers = {"Accept": accept, **self._service.headers, **more}
        if self._service.token is not None:
            headers[self._service.token.header] = self._service.token.secret
        try:
            answer = self._http.request(
                method,
                f"{self._service.url}{path}",
                headers=headers,
                body=body or None,
                largest=LARGEST_ANSWER,
                expect=_DEFINITE,
                leave_origin=False,
            )
        except Unavailable as error:
            self._failed += 1
            # Each try takes time-outs and pauses: a service that is down is not asked forty times.
            self._stopped = error if self._failed >= MOST_FAILURES else None
            raise
        self._failed = 0
        if answer.status != 304:  # which costs nothing
            self._counted += 1
        self._resets = self._reset(answer) or self._resets
        self._check(answer, path)
        return answer

    def _must_not_be_spent(self) -> None:
        if self._stopped is not None:
            raise self._stopped
        if self._counted >= self._service.most:
            self._stopped = Unavailable(
                "forge-budget",
                f"expected at most {self._service.most} requests of {self._service.name} in one run, got more to ask",
                hint=self._hint(),
                retryable=True,
            )
            raise self._stopped

    def _check(self, answer: Response, path: str) -> None:
        name, status = self._service.name, answer.status
        shown = path.partition("?")[0]
        if answer.left_origin or status in _REDIRECTS:
            raise Unavailable(
                "forge-redirect",
                f"expected an answer of {self._service.url} about {shown}, got a redirect to elsewhere",
                hint="A token is not sent along. Has the service moved? --service NAME=URL",
            )
        if self._is_limit(answer):
            self._stopped = Unavailable(
                "forge-limit",
                f"expected an answer of {name}, got its limit of requests (status {status})",
                hint=self._hint(),
                retryable=True,
            )
            raise self._stopped
        if status in _GONE:
            raise Unavailable("forge-missing", f"expected {shown} at {name}, got status {status}")
        if status in {401, 403}:
            known = "a token" if self._service.token is not None else "no token"
            raise Unavailable(
                "forge-token",
                f"expected to be let in at {name}, got status {status} (asked with {known})",
                hint=self._service.more_with,
            )
        if status >= 400:
            raise Unavailable(
                "forge-status",
                f"expected {name} to answer about {shown}, got status {status}",
                hint=f"It says: {answer.excerpt}" if answer.body else "",
            )

    @staticmethod
    def _is_limit(answer: Response) -> bool:
        if answer.status == 429:
            return True
        if answer.status != 403:
            return False
        nothing_left = answer.headers.get("x-ratelimit-remaining", "").strip() == "0"
        return nothing_left or "retry-after" in answer.headers or _SAYS_LIMIT in answer.excerpt.lower()

    def _reset(self, answer: Response) -> str:
        """When the limit begins anew, as the server says; empty when it does not."""
        for name in _RESETS:
            value = answer.headers.get(name, "").strip()
            if value.isascii() and value.isdigit() and int(value[:12]) <= _LATEST_RESET:
                return f"{datetime.fromtimestamp(int(value[:12]), UTC):%Y-%m-%d %H:%M:%S} UTC"
        wait = retry_after(answer.headers.get("retry-after", ""), lambda: 0.0)
        return f"{wait:.0f} seconds" if wait and answer.status in {403, 429} else ""

    def _hint(self) -> str:
        again = f"Ask again after {self._resets}." if self._resets else "Ask again in an hour."
        if self._service.token is None and self._service.more_with:
            again += f" {self._service.more_with}"
        return again

    def _place(self, answer: Response) -> str:
        path = answer.url.target.partition("?")[0]
        return path.removeprefix(self._base) if self._base else path

    def _fetched(self, answer: Response, accept: str) -> Fetched:
        name = self._service.name
        kind = answer.content_type
        if answer.body and (kind == "text/html" or (accept == JSON and not kind.endswith("json"))):
            raise MalformedError(
                "forge-answer", f"expected {accept} of {name}, got {kind or 'no type'}: {answer.excerpt}"
            )
        try:
            text = answer.body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise MalformedError("forge-answer", f"expected UTF-8 of {name}, got other bytes") from error
        following = 'rel="next"' in answer.headers.get("link", "") or bool(
            answer.headers.get("x-next-page", "").strip()
        )
        return Fetched(
            text=text, etag=answer.headers.get("etag", ""), place=self._place(answer), has_more=following
        )
