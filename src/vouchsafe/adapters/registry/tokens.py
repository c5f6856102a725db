"""Gets a registry to answer: basic authentication and the token service (distribution-spec, Docker token auth).

Anonymous first; what is learned is kept for each repository, and the next question goes out with it.

Where credentials go (GHSA-vh4v-2xq2-g5cg, GHSA-jxpm-75mh-9fp7, GHSA-44f7-5fj5-h4px): only to the realm
that the registry itself named, never one that a redirect's target named. A registry that proved who
it is by TLS may name a realm on another host, as Docker Hub and GitLab do, over https only. One that
did not (plain http, verification turned off) may name only its own host: anybody on the way could
have put another name there.
"""

from __future__ import annotations

import binascii
import threading
import time
from collections.abc import Callable
from urllib.parse import urlencode

from vouchsafe.adapters.http import HttpClient, Response
from vouchsafe.adapters.process import Programs
from vouchsafe.adapters.registry import auth
from vouchsafe.adapters.registry.auth import Credentials
from vouchsafe.adapters.registry.challenge import Challenge
from vouchsafe.adapters.registry.challenge import parse as parse_challenges
from vouchsafe.adapters.settings import Settings
from vouchsafe.adapters.tls import Tls
from vouchsafe.adapters.urls import Url
from vouchsafe.errors import MalformedError, Unavailable
from vouchsafe.image.reference import Repository
from vouchsafe.record import Record
from vouchsafe.strictjson import Fields

LARGEST_ANSWER = 256 * 1024  # bytes; GitLab's tokens have a few thousand
SECONDS_OF_TOKEN = 60  # when the service does not say, and the least (token specification)
LONGEST_TOKEN = 86_400  # seconds
SECONDS_EARLY = 5.0  # a token is not used in its last moments
MOST_TOKENS = 10_000  # a resident service meets many repositories
CLIENT_ID = "vouchsafe"


class _Held(Record):
    """An Authorization header and the monotonic time at which it ends."""

    header: str
    ends: float

    def __repr__(self) -> str:
        """Without the secret."""
        return "_Held(…)"


class Tokens:
    """Authorization headers by registry origin and repository. Thread-safe."""

    def __init__(
        self,
        settings: Settings,
        programs: Programs,
        *,
        actions: str = "pull",
        beside: Repository | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`actions`: what a token is asked to allow, `pull` or `pull,push`.

        `beside`: a repository that it shall let us pull from too, where it is of the same registry.
        """
        self._settings = settings
        self._actions = actions
        self._beside = beside
        self._programs = programs
        self._monotonic = monotonic
        self._held: dict[tuple[object, str], _Held] = {}
        self._locks: dict[object, threading.Lock] = {}

    def header(self, url: Url, repository: Repository) -> str | None:
        """What to send to this registry for this repository; None: ask anonymously."""
        held = self._held.get((url.origin, repository.name))
        return held.header if held is not None and held.ends > self._monotonic() else None

    def answer(
        self, http: HttpClient, refused: Response, repository: Repository, sent: str | None, tls: Tls
    ) -> str | None:
        """A header that may satisfy a 401, None when there is nothing else to try."""
        lock = self._locks.setdefault(refused.url.origin, threading.Lock())
        with lock:
            known = self.header(refused.url, repository)
            if known is not None and known != sent:  # another thread was here first
                return known
            held = self._obtain(http, refused, repository, tls)
            if held is None or (held.header == sent and sent.startswith("Basic ")):
                return None
            if len(self._held) >= MOST_TOKENS:
                self._held.clear()
            self._held[refused.url.origin, repository.name] = held
            return held.header

    def _obtain(self, http: HttpClient, refused: Response, repository: Repository, tls: Tls) -> _Held | None:
        challenges = parse_challenges(refused.headers.get("www-authenticate", ""))
        bearer = next((each for each in challenges if each.scheme == "bearer"), None)
        credentials = auth.find(self._settings, repository, self._programs)
        if bearer is not None:
            return self._bearer(http, bearer, refused.url, repository, credentials, tls)
        if credentials is None or not credentials.username:
            return None
        if any(each.scheme == "basic" for each in challenges):
            return _Held(header=_basic(credentials), ends=float("inf"))
        return None

    def _bearer(
        self,
        http: HttpClient,
        challenge: Challenge,
        registry: Url,
        repository: Repository,
        credentials: Credentials | None,
        tls: Tls,
    ) -> _Held:
        realm = _realm(challenge, registry, tls, secret=credentials is not None)
        # Our own scope, not the one the challenge asks for: a verifier only ever reads, and only this repository.
        wanted = {
            "service": challenge.parameters.get("service", ""),
            "scope": " ".join(self._scopes(repository)),
        }
        wanted = {name: value for name, value in wanted.items() if value}
        same_host = realm.host == registry.host
        response = _ask(http, realm, wanted, credentials, tls if same_host else Tls())
        if response.status != 200:
            raise _refused(response, credentials)
        return _read(response, self._monotonic())

    def _scopes(self, repository: Repository) -> list[str]:
        scopes = [f"repository:{repository.path}:{self._actions}"]
        beside = self._beside
        if beside is not None and beside.domain == repository.domain and beside.path != repository.path:
            scopes.append(f"repository:{beside.path}:pull")
        return scopes


def _realm(challenge: Challenge, registry: Url, tls: Tls, *, secret: bool) -> Url:
    try:
        realm = Url.parse(challenge.parameters.get("realm", ""))
    except MalformedError as error:
        raise Unavailable(
            "realm", f"expected a realm URL from {registry.authority}, got: {error.message}"
        ) from error
    proven = registry.scheme == "https" and not tls.insecure
    if registry.scheme == "https" and realm.scheme != "https":
        raise Unavailable("realm", f"expected an https realm from {registry.authority}, got {realm.shown}")
    if secret and not proven and realm.host != registry.host:
        raise Unavailable(
            "realm-foreign",
            f"expected a realm on {registry.host} for our credentials, got {realm.shown}",
            hint="A registry without verified TLS cannot send credentials to another host.",
        )
    return realm


def _ask(
    http: HttpClient, realm: Url, wanted: dict[str, str], credentials: Credentials | None, tls: Tls
) -> Response:
    if credentials is not None and credentials.identity_token:
        form = {
            **wanted,
            "grant_type": "refresh_token",
            "client_id": CLIENT_ID,
            "refresh_token": credentials.identity_token,
        }
        return http.request(
            "POST",
            realm,
            headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
            body=urlencode(form).encode(),
            largest=LARGEST_ANSWER,
            tls=tls,
            idempotent=True,  # asking for a token twice gives two tokens and harms nobody
        )
    headers = {"Accept": "application/json"}
    if credentials is not None:
        headers["Authorization"] = _basic(credentials)
        wanted = {**wanted, "account": credentials.username}
    # Several scopes are one word after the other in a form, and one parameter each in a query (token specification).
    query = urlencode(wanted | {"scope": wanted["scope"].split()}, doseq=True)
    joint = "&" if "?" in realm.target else "?"
    asked = realm.replace(target=f"{realm.target}{joint}{query}" if query else realm.target)
    # A realm that sends us elsewhere would hand our password on, or ours to read its answer: neither.
    return http.request("GET", asked, headers=headers, largest=LARGEST_ANSWER, tls=tls, leave_origin=False)


def _read(response: Response, now: float) -> _Held:
    try:
        fields = Fields.parse(response.body, what="token answer", largest=LARGEST_ANSWER)
        token = fields.text("token", "") or fields.text("access_token", "")
        seconds = max(SECONDS_OF_TOKEN, fields.integer("expires_in", SECONDS_OF_TOKEN))
    except MalformedError:
        # A JSON error holds the answer, and the answer is a secret: nothing of it goes on.
        raise Unavailable("token", f"expected a token from {response.url.shown}, got no JSON") from None
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise Unavailable("token", f"expected a token from {response.url.shown}, got none")
    return _Held(header=f"Bearer {token}", ends=now + min(seconds, LONGEST_TOKEN) - SECONDS_EARLY)


def _refused(response: Response, credentials: Credentials | None) -> Unavailable:
    hint = (
        "Log in with podman login, or check the password." if credentials is None else "Check the password."
    )
    return Unavailable(
        "registry-unauthorized",
        f"expected a token from {response.url.shown}, got status {response.status}",
        hint=hint,
    )


def _basic(credentials: Credentials) -> str:
    pair = f"{credentials.username}:{credentials.password}".encode()
    return "Basic " + binascii.b2a_base64(pair, newline=False).decode("ascii")
