"""How a registry is spoken to: scheme, TLS, tokens. One `get` for everything that is asked of it.

A registry is https with verified certificates unless the operator says otherwise. An insecure one may
speak https or http; which, is found out with the first question and remembered for the host.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from vouchsafe.adapters.http import Budget, HttpClient, Response
from vouchsafe.adapters.proxies import is_loopback
from vouchsafe.adapters.registry.conf import Source
from vouchsafe.adapters.settings import Settings
from vouchsafe.adapters.tls import Tls
from vouchsafe.adapters.urls import Url
from vouchsafe.errors import Unavailable
from vouchsafe.image.reference import Repository
from vouchsafe.record import Record

if TYPE_CHECKING:
    from vouchsafe.adapters.process import Programs
    from vouchsafe.adapters.registry.tokens import Tokens
    from vouchsafe.adapters.streams import Outgoing

HUB = "docker.io"
HUB_HOST = "registry-1.docker.io"  # where Docker Hub answers its API
HTTPS_PORT = 443
# What speaking the wrong scheme looks like. Anything else is an answer, and is not asked again in clear.
WRONG_SCHEME = frozenset(("tls", "connection-refused", "connection-reset", "http-protocol"))


class Question(Record):
    """One request below `/v2/<repository>/`. `leave_origin` False: a redirect elsewhere is the answer.

    `location`: what a `Location` header said, in place of `suffix`; on another host it gets no credentials.
    `retries` 0: what is sent must not be sent again later.
    `seconds`, `stream` and an Outgoing body: see `HttpClient.request`.
    """

    suffix: str
    accept: str
    largest: int
    leave_origin: bool = True
    method: str = "GET"
    body: bytes | Outgoing | None = None
    content_type: str = ""
    location: str = ""
    retries: int | None = None
    seconds: float | None = None
    stream: bool = False

    @property
    def is_sent_once(self) -> bool:
        """Whether the body is gone when it was sent, so that nothing of this is asked again."""
        return self.body is not None and not isinstance(self.body, bytes)


class Endpoints:
    """Asks registries. Thread-safe."""

    def __init__(
        self,
        http: HttpClient,
        settings: Settings,
        programs: Programs | None,
        *,
        actions: str = "pull",
        beside: Repository | None = None,
    ) -> None:
        """`actions`: what tokens are asked for, such as `pull,push`; `beside`: what they shall let us read too."""
        self._http = http
        self._actions = actions
        self._beside = beside
        self._settings = settings
        self._programs = programs
        self._tokens: list[Tokens] = []
        self._schemes: dict[str, str] = {}
        self._tls: dict[tuple[str, bool], Tls] = {}

    def within(self, budget: Budget) -> Self:
        """The same, with everything it has learned, spending from `budget`."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy._http = self._http.within(budget)
        return copy

    def ask(self, source: Source, question: Question) -> Response:
        """The answer, also a 404; Unavailable when the registry does not let us in or does not answer."""
        verify = self._settings.tls_verify
        insecure = source.insecure if verify is None else not verify
        scheme = self._schemes.get(source.repository.domain) if insecure else "https"
        if scheme is None:
            return self._find_scheme(source, question)
        return self._ask_in(source, question, scheme, insecure)

    def _find_scheme(self, source: Source, question: Question) -> Response:
        """Ask in one scheme, then in the other; the one that gets an answer is remembered."""
        host = source.repository.domain
        place = Url.parse(f"https://{host}/")
        # https first, as containers/image; on loopback plain http is the rule, and guessing right saves a request.
        plain_first = place.port != HTTPS_PORT and is_loopback(place.host)
        schemes = ("http", "https") if plain_first else ("https", "http")
        failures: list[Unavailable] = []
        refusal: Response | None = None
        for scheme in schemes:
            try:
                response = self._ask_in(source, question, scheme, insecure=True, retries=0)
            except Unavailable as error:
                if error.code not in WRONG_SCHEME:
                    if not error.retryable:
                        raise
                    return self._ask_in(source, question, scheme, insecure=True)
                failures.append(error)
                continue
            if scheme == "http" and response.status == 400:  # what Go's TLS servers answer to plain http
                refusal = response
                continue
            self._schemes[host] = scheme
            return response
        if refusal is not None:
            return refusal
        if failures[0].code == "connection-reset":  # not the scheme, then: passing trouble
            return self._ask_in(source, question, schemes[0], insecure=True)
        raise failures[0]

    def _ask_in(
        self, source: Source, question: Question, scheme: str, insecure: bool, retries: int | None = None
    ) -> Response:
        repository = source.repository
        host = HUB_HOST if repository.domain == HUB else repository.domain
        url = Url.parse(f"{scheme}://{host}/v2/{repository.path}/{question.suffix}")
        tls = self._trust(repository.domain, insecure) if scheme == "https" else Tls()
        if question.location:
            place = _upload_place(url, question.location)
            if place.origin != url.origin:
                return self._once(place, question, None, tls.without_client(), retries)
            url = place
        sent = self._tokens[0].header(url, repository) if self._tokens else None
        response = self._once(url, question, sent, tls, retries)
        if response.status == 401 and not response.left_origin and not question.is_sent_once:
            header = self._gatekeeper().answer(self._http, response, repository, sent, tls)
            if header is not None:
                response = self._once(url, question, header, tls, retries)
        if response.status in {401, 403}:
            raise _unauthorized(response, repository.name, question)
        return response

    def _once(
        self, url: Url, question: Question, authorization: str | None, tls: Tls, retries: int | None
    ) -> Response:
        headers = {"Accept": question.accept}
        if question.content_type:
            headers["Content-Type"] = question.content_type
        if authorization is not None:
            headers["Authorization"] = authorization
        return self._http.request(
            question.method,
            url,
            headers=headers,
            body=question.body,
            idempotent=True,  # also a POST: it only opens an upload, which registries forget
            largest=question.largest,
            tls=tls,
            leave_origin=question.leave_origin,
            retries=0 if question.is_sent_once else question.retries if retries is None else retries,
            seconds=question.seconds,
            stream=question.stream,
        )

    def _gatekeeper(self) -> Tokens:
        """Made when a registry first asks who we are: most never do."""
        if not self._tokens:
            from vouchsafe.adapters.process import Programs
            from vouchsafe.adapters.registry.tokens import Tokens

            programs = self._programs or Programs(self._settings.search_path)
            self._tokens.append(Tokens(self._settings, programs, actions=self._actions, beside=self._beside))
        return self._tokens[0]

    def _trust(self, host: str, insecure: bool) -> Tls:
        found = self._tls.get((host, insecure))
        if found is None:
            from vouchsafe.adapters.registry import certs

            found = self._tls[host, insecure] = certs.tls_of(self._settings, host, insecure=insecure)
        return found


def _upload_place(asked: Url, untrusted_location: str) -> Url:
    """Where an upload goes on. Registries behind a proxy often write http: on their own host that means https."""
    place = asked.join(untrusted_location)
    if asked.scheme == "https" and place.scheme != "https":
        if place.host != asked.host:
            raise Unavailable(
                "redirect-insecure", f"expected https after {asked.shown}, got an upload to {place.shown}"
            )
        return place.replace(scheme="https", port=asked.port)
    return place


def _unauthorized(response: Response, name: str, question: Question) -> Unavailable:
    wanted = "read" if question.method in {"GET", "HEAD"} else "write to"
    return Unavailable(
        "registry-unauthorized",
        f"expected {response.url.authority} to let us {wanted} {name}, got status {response.status}",
        hint="Log in with podman login, give --authfile, or check the name: registries hide what is not there.",
        retryable=question.is_sent_once and response.status == 401,  # a token may end in the middle of a blob
    )
