"""How a service is asked: limits, redirects, tokens, ETags, and answers that are none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.judging import code
from vouchsafe.adapters.forge import LARGEST_ANSWER, MOST_FAILURES, Forge, Service, Token
from vouchsafe.adapters.http import HttpClient
from vouchsafe.errors import ConfigurationError, Unavailable
from vouchsafe.testing.loopback import LoopbackServer, Request, Response
from vouchsafe.wiring.upstream import _token

SECRET = "ghp-of-somebody"
TOKEN = Token(header="Authorization", secret=f"Bearer {SECRET}")
JSON = {"Content-Type": "application/json; charset=utf-8"}
Handler = Callable[[Request], Response]


@contextmanager
def forge(
    handler: Handler, *, token: Token | None = None, most: int = 10
) -> Iterator[tuple[Forge, LoopbackServer]]:
    """One service below a path."""
    http = HttpClient(retries=0)
    with LoopbackServer(handler) as server:
        service = Service(
            name="github", url=f"{server.url}/api", token=token, most=most, more_with="A token helps."
        )
        try:
            yield Forge(service, http), server
        finally:
            http.close()


def always(response: Response) -> Handler:
    """Whatever is asked."""
    return lambda _: response


def said(value: object = None, **headers: str) -> Response:
    """An answer in JSON."""
    return Response(headers=JSON, body=json.dumps(value or {}).encode()).with_headers(**headers)


def test_not_modified_costs_nothing() -> None:
    """The ETag goes along, and what is the same does not count."""

    def handler(request: Request) -> Response:
        known = request.headers.get("if-none-match") == '"1"'
        return Response(status=304) if known else said({"a": 1}, ETag='"1"')

    with forge(handler) as (asked, _):
        first = asked.get("/x")
        again = asked.get("/x", etag=first.etag)
        assert (first.etag, first.is_same, again.is_same, asked.counted) == ('"1"', False, True, 1)


def test_a_redirect_is_followed_and_told() -> None:
    """On the same origin; the place is the one that answered, below the service's own path."""

    def handler(request: Request) -> Response:
        if request.path == "/api/repos/old":
            return Response(status=301, headers={"Location": "/api/repositories/7"})
        return said()

    with forge(handler, token=TOKEN) as (asked, server):
        assert asked.get("/repos/old").place == "/repositories/7"
        assert {each.headers["authorization"] for each in server.requests} == {TOKEN.secret}


@pytest.mark.parametrize("method", ["get", "send"])
def test_a_redirect_to_elsewhere(method: str) -> None:
    """Is refused, and the other host gets nothing at all."""
    with LoopbackServer(always(said())) as other:
        elsewhere = Response(status=302, headers={"Location": f"{other.url}/x"})
        with forge(always(elsewhere), token=TOKEN) as (asked, _):
            call = (lambda: asked.get("/x")) if method == "get" else (lambda: asked.send("POST", "/x", {}))
            assert code(call) == "forge-redirect"
        assert other.requests == []


@pytest.mark.parametrize(
    "response",
    [
        Response(status=403, body=b"{}").with_headers(
            X_RateLimit_Remaining="0", X_RateLimit_Reset="1800000000"
        ),
        Response(status=429, body=b"{}").with_headers(RateLimit_Reset="1800000000"),
    ],
)
def test_a_limit_ends_the_asking(response: Response) -> None:
    """It says until when, and nothing more is sent."""
    with forge(always(response)) as (asked, server):
        for _ in range(3):
            with pytest.raises(Unavailable) as refused:
                asked.get("/x")
            assert refused.value.code == "forge-limit"
            assert "2027-01-15 08:00:00 UTC" in refused.value.hint
        assert (len(server.requests), "A token helps." in refused.value.hint) == (1, True)


@pytest.mark.parametrize(
    "response, hint",
    [
        (Response(status=403, body=b'{"message": "You have exceeded a secondary rate limit"}'), "in an hour"),
        (Response(status=403, headers={"Retry-After": "60"}), "60 seconds"),
        (Response(status=429, headers={"X-RateLimit-Reset": "9" * 40}), "in an hour"),
        (Response(status=429, headers={"X-RateLimit-Reset": "soon"}), "in an hour"),
    ],
)
def test_limits_of_other_kinds(response: Response, hint: str) -> None:
    """Secondary ones, and those that do not say when they end."""
    with forge(always(response)) as (asked, _), pytest.raises(Unavailable) as refused:
        asked.get("/x")
    assert (refused.value.code, hint in refused.value.hint) == ("forge-limit", True)


def test_a_budget() -> None:
    """So many that count in one run; then it says that it stops, and when the service's limit begins anew."""
    with forge(always(said({}, X_RateLimit_Reset="1800000000")), most=2) as (asked, server):
        asked.get("/1")
        asked.get("/2")
        with pytest.raises(Unavailable) as refused:
            asked.get("/3")
        assert (refused.value.code, "2027-01-15" in refused.value.hint) == ("forge-budget", True)
        assert len(server.requests) == 2


@pytest.mark.parametrize(
    "response, expected",
    [
        (Response(status=404, headers=JSON, body=b"{}"), "forge-missing"),
        (Response(status=410), "forge-missing"),
        (Response(status=451), "forge-missing"),
        (Response(status=401, body=b"{}"), "forge-token"),
        (Response(status=403, body=b"{}"), "forge-token"),
        (Response(status=422, body=b'{"message": "Validation Failed"}'), "forge-status"),
        (Response(status=304), "forge-answer"),
        (Response(status=301), "forge-redirect"),
        (Response(status=500, body=b"oops"), "http-status"),
        (Response(status=502), "http-status"),
        (Response(headers={"Content-Type": "text/html"}, body=b"<html>Unicorn!</html>"), "forge-answer"),
        (Response(headers={"Content-Type": "text/plain"}, body=b"{}"), "forge-answer"),
        (Response(headers=JSON, body=b"\xff\xfe"), "forge-answer"),
        (Response(headers=JSON, body=b'{"a"', length=400, close=True), "truncated"),
        (Response(headers=JSON, body=b"{}", length=LARGEST_ANSWER + 1), "answer-too-large"),
        (Response(reset=True), "connection-reset"),
    ],
)
def test_what_is_no_answer(response: Response, expected: str) -> None:
    """Is an error; the caller never sees an empty text in its place."""
    with forge(always(response)) as (asked, _):
        assert code(lambda: asked.get("/x")) == expected


def test_a_file_as_it_is() -> None:
    """GitHub's raw media type; a page of HTML in its place is none."""
    raw = "application/vnd.github.raw+json"
    with forge(always(Response(headers={"Content-Type": raw}, body=b"package x"))) as (asked, server):
        assert asked.get("/x", accept=raw).text == "package x"
        assert server.requests[0].headers["accept"] == raw
    with forge(always(Response(headers={"Content-Type": "text/html"}, body=b"package x"))) as (asked, _):
        assert code(lambda: asked.get("/x", accept=raw)) == "forge-answer"


def test_a_service_that_is_down_is_not_asked_again() -> None:
    """After so many failures one after the other; an answer in between begins anew."""
    answers = [Response(status=500), said(), Response(status=500), Response(status=500), said()]
    with forge(lambda _: answers.pop(0)) as (asked, server):
        assert code(lambda: asked.get("/1")) == "http-status"
        asked.get("/2")
        for _ in range(MOST_FAILURES):
            assert code(lambda: asked.get("/3")) == "http-status"
        assert code(lambda: asked.get("/4")) == "http-status"
        assert len(server.requests) == 2 + MOST_FAILURES


@pytest.mark.parametrize(
    "headers, expected",
    [
        ({"Link": '<http://x/?page=2>; rel="next", <http://x/?page=9>; rel="last"'}, True),
        ({"Link": '<http://x/?page=1>; rel="prev"'}, False),
        ({"X_Next_Page": "2"}, True),
        ({"X_Next_Page": ""}, False),
        ({}, False),
    ],
)
def test_pages(headers: dict[str, str], expected: bool) -> None:
    """As GitHub and as GitLab say it."""
    with forge(always(said([1], **headers))) as (asked, _):
        assert asked.get("/x").has_more is expected


def test_changes_are_asked_once() -> None:
    """No retry of its own; the content is JSON."""
    with forge(always(Response(status=201, headers=JSON, body=b'{"iid": 1}'))) as (asked, server):
        assert asked.send("POST", "/issues", {"title": "t"}).text == '{"iid": 1}'
        assert (server.requests[0].method, server.requests[0].body) == ("POST", b'{"title": "t"}')
    with forge(always(Response(status=204))) as (asked, _):
        assert asked.send("DELETE", "/notes/1", {}).text == ""


def test_a_token_needs_https() -> None:
    """Or this machine; it is in no message."""
    with pytest.raises(ConfigurationError) as refused:
        Forge(Service(name="github", url="http://api.example", token=TOKEN, most=1), HttpClient())
    assert SECRET not in f"{refused.value.message}{refused.value.hint}{TOKEN!r}"


GITHUB, GITLAB = "https://api.github.com", "https://gitlab.com/api/v4"


@pytest.mark.parametrize(
    "environ, name, url, expected",
    [
        ({"GITHUB_TOKEN": "a"}, "github", GITHUB, "Bearer a"),
        ({"GH_TOKEN": "b", "GITHUB_TOKEN": "a"}, "github", GITHUB, "Bearer b"),
        (
            {"GITHUB_TOKEN": "a", "GITHUB_API_URL": "https://ghe.example/api/v3"},
            "github",
            GITHUB,
            "",
        ),
        ({"GITHUB_TOKEN": "a"}, "github", "https://proxy.example", ""),
        ({"GITLAB_TOKEN": "c"}, "gitlab", GITLAB, "c"),
        (
            {"GITLAB_TOKEN": "c", "CI_API_V4_URL": "https://git.example/api/v4"},
            "gitlab",
            GITLAB,
            "",
        ),
        ({"CI_JOB_TOKEN": "d"}, "gitlab", GITLAB, ""),
        ({"GITHUB_TOKEN": "a", "GITLAB_TOKEN": "c"}, "debian", "https://sources.debian.org/api", ""),
        ({}, "github", GITHUB, ""),
    ],
)
def test_whose_token(environ: dict[str, str], name: str, url: str, expected: str) -> None:
    """Each goes to its own service: not to a proxy, not to another instance whose job this is."""
    found = _token(environ, name, url)
    assert (found.secret if found else "") == expected


def test_a_token_of_other_text() -> None:
    """Would break a header, and is not shown."""
    with pytest.raises(ConfigurationError) as refused:
        _token({"GITHUB_TOKEN": "a\nb"}, "github", GITHUB)
    assert "a\nb" not in refused.value.message
