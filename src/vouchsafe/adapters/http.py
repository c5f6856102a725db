"""The project's one HTTP door: bounded, under a deadline, retrying with sense, following with care.

* Every body has a limit; nothing is decompressed.
* 429, 502, 503, 504, dropped connections and time-outs are asked again, later and later, as long as a
  `Retry-After` asks for; idempotent methods only, unless the caller says otherwise.
* Redirects are followed by hand: never from https to http, and a request that leaves its origin
  carries nothing but what kind of answer is wanted (GHSA-vh4v-2xq2-g5cg, GHSA-jxpm-75mh-9fp7).
* Only our errors come out: Unavailable when there is no answer, MalformedError when it is too large.
"""

from __future__ import annotations

import binascii
import time
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, NamedTuple

from vouchsafe.adapters.budget import Budget as Budget  # noqa: PLC0414  # part of what this door offers
from vouchsafe.adapters.proxies import Proxies
from vouchsafe.adapters.tls import Contexts, SystemTrust, Tls
from vouchsafe.adapters.urls import Url
from vouchsafe.errors import Unavailable, VouchsafeError, printable
from vouchsafe.record import Record

if TYPE_CHECKING:
    from vouchsafe.adapters.connections import Connections
    from vouchsafe.adapters.streams import Incoming, Outgoing

USER_AGENT = "vouchsafe"
SECONDS = 30.0  # of one attempt, from connecting to the last byte
RETRIES = 3  # attempts after the first
MOST_REDIRECTS = 5
LARGEST_ANSWER = 4 * 1024 * 1024  # bytes, where a caller names no other limit
FIRST_PAUSE = 0.25  # seconds before the first retry; doubled each time, with jitter
LONGEST_PAUSE = 8.0  # seconds
LONGEST_RETRY_AFTER = 30.0  # seconds; who asks for more is not waited for
RETRIED_STATUSES = frozenset((408, 429, 502, 503, 504))
RETRIED_CODES = frozenset(("timeout", "connection-reset", "truncated", "dns-temporary", "http-status"))
REDIRECTS = frozenset((301, 302, 303, 307, 308))
IDEMPOTENT = frozenset(("GET", "HEAD", "PUT", "DELETE", "OPTIONS"))
# What a request may carry to another origin; a list of what is safe, because no list of secrets is complete.
_HARMLESS = frozenset(("accept", "accept-encoding", "user-agent", "range"))
_EXCERPT = 200  # characters of an unexpected answer that a message shows
_READ = 64 * 1024  # bytes of it that are searched for what we sent
# What is no secret of a request, so that it may stand in a message about the answer.
_PUBLIC = _HARMLESS | {"content-type", "if-none-match"}
REDACTED = "(the token)"
SHORTEST_SECRET = 8  # characters; anything shorter is no secret, and would cut holes into every message


def redacted(text: str, *secrets: str) -> str:
    """`text` without the secrets, or any of the parts of a JWT."""
    for secret in secrets:
        for part in (secret, *secret.split(".")):
            if len(part) >= SHORTEST_SECRET:
                text = text.replace(part, REDACTED)
    return text


class Sent(Record):
    """What was asked with: a server that echoes a request in its error page must not publish its secrets."""

    headers: Mapping[str, str] = {}

    def __repr__(self) -> str:
        """Without them."""
        return "Sent(…)"

    def cut_from(self, text: str) -> str:
        """`text` without what only the server shall know."""
        words = [
            word
            for name, value in self.headers.items()
            if name.lower() not in _PUBLIC
            for word in value.split(" ")
        ]
        return redacted(text, *words, *(part for word in words for part in _basic(word)))


def _basic(word: str) -> tuple[str, ...]:
    """The password in basic credentials (RFC 7617)."""
    try:
        return (binascii.a2b_base64(word).decode("utf-8", "replace").partition(":")[2],)
    except ValueError:
        return ()


class Response(Record):
    """An answer. `headers` have lower-case names; `url` gave it, `left_origin` says that another host did.

    `stream` is the body where one was asked for and the status is 200; `sent` is what is never quoted from it.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    url: Url
    left_origin: bool = False
    stream: Incoming | None = None
    sent: Sent = Sent()

    @property
    def content_type(self) -> str:
        """The media type, lower case, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def excerpt(self) -> str:
        """The beginning of the body, fit for a message."""
        return printable(self.sent.cut_from(self.body[:_READ].decode("utf-8", "replace").strip()), _EXCERPT)


class HttpClient:
    """Asks. Thread-safe; connections are kept and shared, also with the copies `within` makes."""

    def __init__(
        self,
        *,
        user_agent: str = USER_AGENT,
        seconds: float = SECONDS,
        retries: int = RETRIES,
        proxies: Proxies = Proxies(),
        trust: SystemTrust = SystemTrust(),
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
        jitter: Callable[[], float] | None = None,
    ) -> None:
        """`seconds` an attempt; `sleep`, `now` (Unix time) and `jitter` (0 to 1) are the world's but for tests."""
        self._user_agent = user_agent
        self._seconds = seconds
        self._retries = retries
        self._proxies = proxies
        self._sleep = sleep
        self._now = now
        self._jitter = jitter
        self._budget: Budget | None = None
        self._contexts = Contexts(trust)
        self._connections: list[Connections] = []

    def within(self, budget: Budget) -> HttpClient:
        """The same client, spending from `budget`."""
        copy = object.__new__(HttpClient)
        copy.__dict__.update(self.__dict__)
        copy._budget = budget
        return copy

    def close(self) -> None:
        """Close idle connections."""
        for connections in self._connections:
            connections.close()

    def request(
        self,
        method: str,
        url: str | Url,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Outgoing | None = None,
        largest: int = LARGEST_ANSWER,
        tls: Tls = Tls(),
        expect: Collection[int] | None = None,
        idempotent: bool | None = None,
        leave_origin: bool = True,
        retries: int | None = None,
        seconds: float | None = None,
        stream: bool = False,
    ) -> Response:
        """The answer to one question, redirects followed for GET and HEAD.

        `expect`: statuses to return; any other is Unavailable `http-status`. Without it every definite
        answer is returned, also 401 and 404. `leave_origin=False` returns a redirect to elsewhere as it is.
        `seconds` in place of the client's own; for a streamed body, of each piece. An Outgoing body needs
        `retries=0`: it is gone when it was sent.
        """
        place = url if isinstance(url, Url) else Url.parse(url)
        asked = place.origin
        carried = {"User-Agent": self._user_agent, "Accept-Encoding": "identity", **(headers or {})}
        again = method in IDEMPOTENT if idempotent is None else idempotent
        tries = (self._retries if retries is None else retries) if again else 0
        for _ in range(MOST_REDIRECTS + 1):
            call = _Call(method, place, carried, body, largest, tls, seconds or self._seconds, stream)
            response = self._persist(call, tries, expect or ())
            response = response.replace(left_origin=True) if place.origin != asked else response
            following = _redirect(method, response)
            if following is None or (following.origin != asked and not leave_origin):
                return _expected(response, expect)
            if following.origin != place.origin:
                carried = {name: value for name, value in carried.items() if name.lower() in _HARMLESS}
                tls = tls.without_client()
            place = following
        raise Unavailable("redirects", f"expected at most {MOST_REDIRECTS} redirects, got more")

    def _persist(self, call: _Call, tries: int, expect: Collection[int]) -> Response:
        for attempt in range(tries + 1):
            wait: float | None = None
            try:
                response = self._once(call)
                if response.status not in RETRIED_STATUSES or response.status in expect:
                    return response
                wait = retry_after(response.headers.get("retry-after", ""), self._now)
                failure = _status_error(response)
            except Unavailable as error:
                failure = error
            if attempt == tries or failure.code not in RETRIED_CODES:
                raise failure
            self._pause(attempt, wait, failure)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _once(self, call: _Call) -> Response:
        url = call.url
        seconds = call.seconds if self._budget is None else min(call.seconds, self._budget.left())
        proxy = self._proxies.choose(url.scheme, url.host, url.port)
        if not self._connections:
            from vouchsafe.adapters.connections import Connections

            self._connections.append(Connections(self._contexts))
        status, found, content = self._connections[0].exchange(
            call.method,
            url,
            call.headers,
            call.body,
            largest=call.largest,
            seconds=seconds,
            proxy=proxy,
            tls=call.tls,
            stream=call.stream,
        )
        sent = Sent(headers=call.headers)
        if not isinstance(content, bytes):
            return Response(status=status, headers=found, body=b"", url=url, stream=content, sent=sent)
        if self._budget is not None:
            self._budget.spend(len(content))
        return Response(status=status, headers=found, body=content, url=url, sent=sent)

    def _pause(self, attempt: int, wait: float | None, failure: VouchsafeError) -> None:
        if self._jitter is None:
            from random import random

            self._jitter = random
        backoff = min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt)
        # Half of it is certain, so that a storm of clients spreads and yet nobody hammers.
        pause = backoff * (0.5 + self._jitter() / 2) if wait is None else wait
        if pause > LONGEST_RETRY_AFTER:
            raise failure
        if self._budget is not None and pause >= self._budget.left():
            raise failure
        self._sleep(pause)


class _Call(NamedTuple):
    """One question, as each attempt asks it."""

    method: str
    url: Url
    headers: Mapping[str, str]
    body: bytes | Outgoing | None
    largest: int
    tls: Tls
    seconds: float
    stream: bool


def retry_after(untrusted_value: str, now: Callable[[], float]) -> float | None:
    """Seconds that a `Retry-After` asks for (RFC 9110 §10.2.3); None when absent or unreadable."""
    value = untrusted_value.strip()
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:10])
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now())
    except (ValueError, OverflowError):
        return None


def _redirect(method: str, response: Response) -> Url | None:
    location = response.headers.get("location")
    if response.status not in REDIRECTS or location is None or method not in {"GET", "HEAD"}:
        return None
    following = response.url.join(location)
    if response.url.scheme == "https" and following.scheme != "https":
        raise Unavailable(
            "redirect-insecure", f"expected https after {response.url.shown}, got a redirect to http"
        )
    return following


def _expected(response: Response, expect: Collection[int] | None) -> Response:
    if expect is not None and response.status not in expect:
        raise _status_error(response)
    return response


def _status_error(response: Response) -> Unavailable:
    again = response.status in RETRIED_STATUSES
    message = f"expected an answer from {response.url.shown}, got status {response.status}"
    hint = f"The server says: {response.excerpt}" if response.body else ""
    return Unavailable("http-status", message, hint=hint, retryable=again)
