"""The HTTP door: limits, deadlines, retries, redirects, and what credentials do at each."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vouchsafe.adapters.direct import DirectConnection
from vouchsafe.adapters.http import (
    LONGEST_RETRY_AFTER,
    MOST_REDIRECTS,
    Budget,
    HttpClient,
    retry_after,
)
from vouchsafe.errors import MalformedError, Unavailable
from vouchsafe.testing.loopback import LoopbackServer, Request, Response

Pauses = list[float]
NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z


def in_turn(*answers: Response) -> Callable[[Request], Response]:
    """Answers one after the other, the last for ever."""
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def redirect(location: str, status: int = 307) -> Response:
    """A redirect."""
    return Response(status=status, headers={"Location": location})


def test_an_answer(http: HttpClient) -> None:
    """Status, headers with lower-case names, body; what we send says identity and who we are."""
    with LoopbackServer(
        lambda _: Response(headers={"Content-Type": "Text/Plain; a=b"}, body=b"hi")
    ) as server:
        response = http.request("GET", f"{server.url}/x", headers={"Accept": "text/plain"})
    assert (response.status, response.body, response.content_type) == (200, b"hi", "text/plain")
    sent = server.requests[0].headers
    assert (sent["accept"], sent["accept-encoding"], sent["user-agent"]) == (
        "text/plain",
        "identity",
        "vouchsafe",
    )


def test_a_body_is_posted(http: HttpClient) -> None:
    """With its length and whatever headers the caller gives."""
    with LoopbackServer(lambda request: Response(status=201, body=request.body[::-1])) as server:
        response = http.request(
            "POST", server.url, headers={"Content-Type": "application/json"}, body=b'{"a":1}'
        )
    assert (response.status, response.body) == (201, b'}1:"a"{')
    assert server.requests[0].headers["content-length"] == "7"


def test_a_connection_is_kept(http: HttpClient) -> None:
    """Many questions, one connection; closing forgets it."""
    seen: set[int] = set()

    with LoopbackServer(lambda _: Response(body=b"x")) as server:
        for _ in range(3):
            http.request("GET", server.url)
            seen.add(len(server._open))
        http.close()
    assert seen == {1}


def test_a_connection_closed_meanwhile_is_no_failure(http: HttpClient, pauses: Pauses) -> None:
    """The server hung up on an idle connection: a new one is made at once, without a pause."""
    with LoopbackServer(in_turn(Response(body=b"1"), Response(reset=True), Response(body=b"2"))) as server:
        bodies = [http.request("GET", server.url).body for _ in range(2)]
    assert (bodies, pauses) == ([b"1", b"2"], [])


@pytest.mark.parametrize("status", [200, 201, 204, 301, 400, 401, 403, 404, 405, 406, 410, 418, 500, 501])
def test_definite_answers_come_back(http: HttpClient, pauses: Pauses, status: int) -> None:
    """What is not worth asking again is the caller's to judge."""
    with LoopbackServer(lambda _: Response(status=status)) as server:
        assert http.request("GET", server.url).status == status
    assert pauses == []


def test_an_unexpected_status_is_unavailable(http: HttpClient) -> None:
    """With `expect`, everything else is an error that shows what the server said, escaped."""
    with (
        LoopbackServer(lambda _: Response(status=403, body=b"no \x1b[2J")) as server,
        pytest.raises(Unavailable) as caught,
    ):
        http.request("GET", f"{server.url}/x?token=secret", expect=(200,))
    assert (caught.value.code, caught.value.retryable) == ("http-status", False)
    assert caught.value.message == f"expected an answer from {server.url}/x, got status 403"
    assert caught.value.hint == "The server says: no \\x1b[2J"


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
def test_passing_trouble_is_asked_again(http: HttpClient, pauses: Pauses, status: int) -> None:
    """Later and later: a quarter, a half of a second."""
    trouble = Response(status=status)
    with LoopbackServer(in_turn(trouble, trouble, Response(body=b"ok"))) as server:
        assert http.request("GET", server.url).body == b"ok"
    assert pauses == [0.25, 0.5]


def test_patience_ends(http: HttpClient, pauses: Pauses) -> None:
    """Four attempts, then Unavailable that may be tried again."""
    with LoopbackServer(lambda _: Response(status=503)) as server, pytest.raises(Unavailable) as caught:
        http.request("GET", server.url)
    assert (len(server.requests), pauses, caught.value.retryable) == (4, [0.25, 0.5, 1.0], True)


def test_retry_after_is_honoured(http: HttpClient, pauses: Pauses) -> None:
    """In seconds and as a date, in place of our own pause."""
    date = "Fri, 15 Jan 2027 08:00:07 GMT"
    answers = in_turn(
        Response(status=429, headers={"Retry-After": "3"}),
        Response(status=503, headers={"Retry-After": date}),
        Response(body=b"ok"),
    )
    with LoopbackServer(answers) as server:
        assert http.request("GET", server.url).body == b"ok"
    assert pauses == [3.0, 7.0]


def test_retry_after_is_bounded(http: HttpClient, pauses: Pauses) -> None:
    """A server that asks for an hour is not waited for: it is unavailable now."""
    answer = Response(status=429, headers={"Retry-After": "3600"})
    with LoopbackServer(lambda _: answer) as server, pytest.raises(Unavailable) as caught:
        http.request("GET", server.url)
    assert (len(server.requests), pauses, caught.value.retryable) == (1, [], True)


@pytest.mark.parametrize(
    "value, expected",
    [
        ("", None),
        ("0", 0.0),
        (" 12 ", 12.0),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("9" * 400, 9_999_999_999.0),
        ("Fri, 15 Jan 2027 08:00:30 GMT", 30.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("Fri, 99 Jan 2027 08:00:30 GMT", None),
        ("٣", None),
    ],
)
def test_retry_after_reads(value: str, expected: float | None) -> None:
    """RFC 9110 §10.2.3; what is neither form is as if it were not there."""
    assert retry_after(value, lambda: NOW) == expected


@given(st.text())
def test_any_retry_after(value: str) -> None:
    """Whatever a server writes there: seconds from now, or nothing."""
    found = retry_after(value, lambda: NOW)
    assert found is None or found >= 0


def test_pauses_have_jitter(pauses: Pauses) -> None:
    """Half of a pause is certain, half is chance."""
    http = HttpClient(sleep=pauses.append, jitter=lambda: 0.0)
    with LoopbackServer(lambda _: Response(status=503)) as server, pytest.raises(Unavailable):
        http.request("GET", server.url)
    assert pauses == [0.125, 0.25, 0.5]


def test_what_changes_something_is_not_repeated(http: HttpClient, pauses: Pauses) -> None:
    """A POST is sent once, unless the caller knows that twice does no harm."""
    with LoopbackServer(lambda _: Response(status=503)) as server:
        with pytest.raises(Unavailable):
            http.request("POST", server.url, body=b"x")
        once = len(server.requests)
        with pytest.raises(Unavailable):
            http.request("POST", server.url, body=b"x", idempotent=True)
    assert (once, len(server.requests) - once) == (1, 4)


def test_a_reset_is_asked_again(http: HttpClient, pauses: Pauses) -> None:
    """A dropped connection is passing trouble."""
    with LoopbackServer(in_turn(Response(reset=True), Response(body=b"ok"))) as server:
        assert http.request("GET", server.url).body == b"ok"
    assert pauses == [0.25]


def test_a_refused_connection_is_not_waited_for(http: HttpClient, pauses: Pauses) -> None:
    """Nobody listens: at once, so that the next mirror gets its turn; though later may be different."""
    with LoopbackServer(lambda _: Response()) as server:
        pass
    with pytest.raises(Unavailable) as caught:
        http.request("GET", server.url)
    assert (caught.value.code, caught.value.retryable, pauses) == ("connection-refused", True, [])
    assert caught.value.message == f"expected a server at {server.address}, got none"


def test_an_unknown_host_is_unavailable(http: HttpClient, pauses: Pauses) -> None:
    """A name without an address (RFC 6761: .invalid never has one)."""
    with pytest.raises(Unavailable) as caught:
        http.request("GET", "http://nowhere.invalid/")
    assert caught.value.code in {"dns", "dns-temporary"}


def test_a_truncated_body_is_asked_again(http: HttpClient, pauses: Pauses) -> None:
    """Less than Content-Length said."""
    cut = Response(body=b"half", length=8, close=True)
    with LoopbackServer(in_turn(cut, Response(body=b"complete"))) as server:
        assert http.request("GET", server.url).body == b"complete"
    assert pauses == [0.25]


def test_a_truncated_body_is_never_an_answer(http: HttpClient) -> None:
    """However often it is asked."""
    with (
        LoopbackServer(lambda _: Response(body=b"half", length=8, close=True)) as server,
        pytest.raises(Unavailable) as caught,
    ):
        http.request("GET", server.url)
    assert caught.value.code == "truncated"


def test_a_truncated_error_is_no_use_again(http: HttpClient) -> None:
    """What goes with a 404 may end early; the connection has ended with it, and the next question has another."""
    cut = Response(status=404, body=b"half", length=8, close=True)
    with LoopbackServer(in_turn(cut, Response(body=b"complete"))) as server:
        assert http.request("GET", server.url).body == b"half"
        assert http.request("GET", server.url).body == b"complete"


def test_a_name_that_ends_with_a_dot() -> None:
    """Is asked for without it, as certificates have it; no domain is tried after it when it is looked up."""
    connection = DirectConnection("registry.example.", 443, seconds=1)
    assert (connection.host, connection.looked_up) == ("registry.example", b"registry.example.")


def test_a_large_body_is_refused_unread(http: HttpClient) -> None:
    """By its Content-Length, before anything of it is read."""
    answer = Response(body=b"x" * 11)
    with LoopbackServer(lambda _: answer) as server, pytest.raises(MalformedError) as caught:
        http.request("GET", server.url, largest=10)
    assert (caught.value.code, len(server.requests)) == ("answer-too-large", 1)


def test_a_body_of_exactly_the_limit(http: HttpClient) -> None:
    """The limit is inclusive."""
    with LoopbackServer(lambda _: Response(body=b"x" * 10)) as server:
        assert len(http.request("GET", server.url, largest=10).body) == 10


def test_an_endless_body_ends(http: HttpClient) -> None:
    """Chunks without end: as many bytes as allowed, and no more."""

    def forever() -> Iterator[bytes]:
        while True:
            yield b"x" * 1024

    with (
        LoopbackServer(lambda _: Response(body=forever())) as server,
        pytest.raises(MalformedError) as caught,
    ):
        http.request("GET", server.url, largest=10_000)
    assert caught.value.code == "answer-too-large"


def test_a_gzip_bomb_is_not_expanded(http: HttpClient) -> None:
    """We asked for identity: what comes compressed is refused, whatever it would expand to."""
    bomb = Response(headers={"Content-Encoding": "gzip"}, body=gzip.compress(bytes(1 << 20)))
    with LoopbackServer(lambda _: bomb) as server, pytest.raises(MalformedError) as caught:
        http.request("GET", server.url)
    assert caught.value.code == "answer-encoding"


def test_an_error_page_of_any_size_is_read_in_part(http: HttpClient) -> None:
    """The limit is for what was asked for; an error's text has its own, and never hides the status."""
    with LoopbackServer(lambda _: Response(status=404, body=b"x" * 1_000_000)) as server:
        response = http.request("GET", server.url, largest=2)
    assert (response.status, len(response.body)) == (404, 65_536)


def test_a_head_has_no_body(http: HttpClient) -> None:
    """Though it has a Content-Length."""
    with LoopbackServer(lambda _: Response(length=5_000_000)) as server:
        assert http.request("HEAD", server.url, largest=10).body == b""


WIRE = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "a header without end": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000,
    "too many headers": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1_000 + b"\r\n",
    "a chunk size that is no number": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n",
    "a negative chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nab\r\n",
    "a chunk cut short": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nab\r\n",
    "nothing": b"",
    "half a status line": b"HTTP/1.1",
    "a status that is no number": b"HTTP/1.1 OK OK\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
}


@pytest.mark.parametrize("name", WIRE)
def test_broken_http_is_unavailable(http: HttpClient, name: str, raw_server: Callable[[bytes], str]) -> None:
    """Whatever is on the wire: Unavailable, in our words, and nothing foreign."""
    with pytest.raises(Unavailable) as caught:
        http.request("GET", raw_server(WIRE[name]))
    assert caught.value.code in {"http-protocol", "connection-reset", "truncated"}


def test_a_chunk_of_minus_one_is_not_all_that_comes(
    http: HttpClient, raw_server: Callable[[bytes], str]
) -> None:
    """To http.client it is: a registry could fill the memory of whoever asks. A broken head, not a broken body."""
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n" + b"x" * 100_000
    with pytest.raises(Unavailable) as caught:
        http.request("GET", raw_server(answer), largest=10)
    assert caught.value.code == "http-protocol"


def test_what_comes_before_an_answer_ends_a_connection(http: HttpClient) -> None:
    """The answer itself would come to whoever asks next."""

    def serve() -> None:
        for body in (b"late", b"asked"):
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                if body == b"late":
                    connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")
                    if not connection.recv(65_536):  # hung up
                        continue
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + body.ljust(5))

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        assert http.request("GET", url).status == 103
        assert http.request("GET", url).body == b"asked"


def test_sending_has_the_time_of_its_own_exchange() -> None:
    """Not what was left for connecting, or when the exchange before read its last byte."""
    http = HttpClient(seconds=60.0, retries=0)
    body = b"x" * 40_000_000  # more than any two buffers hold
    heard: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                time.sleep(1.5)  # three times as long as the first exchange may take
                while sum(heard) < len(body):
                    heard.append(len(connection.recv(1_000_000)))
                connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")

        threading.Thread(target=serve, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        assert http.request("GET", url, seconds=0.5).status == 200
        assert http.request("PUT", url, body=body).status == 201


def test_a_slow_loris_meets_the_deadline() -> None:
    """A byte now and then never ends a socket's time-out: the whole exchange has one."""
    http = HttpClient(seconds=0.2, retries=0)
    body = (b"x" for _ in range(10_000))
    answer = Response(body=body, drip_seconds=0.02)
    with LoopbackServer(lambda _: answer) as server, pytest.raises(Unavailable) as caught:
        http.request("GET", server.url)
    assert (caught.value.code, caught.value.retryable) == ("timeout", True)


def test_a_server_that_says_nothing_meets_the_deadline() -> None:
    """Connected, asked, no answer."""
    silence = threading.Event()

    def wait(_: Request) -> Response:
        silence.wait(5)
        return Response()

    http = HttpClient(seconds=0.1, retries=0)
    with LoopbackServer(wait) as server:
        with pytest.raises(Unavailable) as caught:
            http.request("GET", server.url)
        silence.set()
    assert caught.value.code == "timeout"


def test_a_budget_ends_all_requests(pauses: Pauses) -> None:
    """One budget for a verdict: when it is spent, no request is made."""
    moment = [0.0]
    http = HttpClient(sleep=pauses.append).within(Budget(10, monotonic=lambda: moment[0]))
    with LoopbackServer(lambda _: Response()) as server:
        http.request("GET", server.url)
        moment[0] = 11.0
        with pytest.raises(Unavailable) as caught:
            http.request("GET", server.url)
    assert (caught.value.code, len(server.requests)) == ("deadline", 1)


def test_a_pause_longer_than_the_budget_is_not_begun(pauses: Pauses) -> None:
    """Better the failure now than the deadline later."""
    http = HttpClient(sleep=pauses.append).within(Budget(5, monotonic=lambda: 0.0))
    answer = Response(status=429, headers={"Retry-After": "6"})
    with LoopbackServer(lambda _: answer) as server, pytest.raises(Unavailable) as caught:
        http.request("GET", server.url)
    assert (caught.value.code, pauses) == ("http-status", [])


def test_a_budget_counts_bytes() -> None:
    """Ten small answers can be as large as one large one."""
    http = HttpClient().within(Budget(60, largest=25))
    with LoopbackServer(lambda _: Response(body=b"x" * 10)) as server:
        http.request("GET", server.url)
        http.request("GET", server.url)
        with pytest.raises(Unavailable) as caught:
            http.request("GET", server.url)
    assert caught.value.code == "limit-bytes"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(http: HttpClient, status: int) -> None:
    """On the same host with everything that was sent."""
    with LoopbackServer(in_turn(redirect("/there", status), Response(body=b"here"))) as server:
        response = http.request("GET", f"{server.url}/x", headers={"Authorization": "Bearer secret"})
    assert (response.body, response.url.target, response.left_origin) == (b"here", "/there", False)
    assert server.requests[1].headers["authorization"] == "Bearer secret"


SECRETS = {"Authorization": "Bearer secret", "Cookie": "a=b", "PRIVATE-TOKEN": "c", "X-Anything": "d"}


def test_ghsa_vh4v_2xq2_g5cg_credentials_stay_with_their_host(http: HttpClient) -> None:
    """Another host, or another port of the same, gets what kind of answer we want and nothing else."""
    with (
        LoopbackServer(lambda _: Response(body=b"stolen?")) as other,
        LoopbackServer(lambda _: redirect(f"{other.url}/blob")) as server,
    ):
        response = http.request("GET", server.url, headers={"Accept": "a/b", **SECRETS})
    assert (response.body, response.left_origin) == (b"stolen?", True)
    assert set(other.requests[0].headers) == {"host", "accept", "accept-encoding", "user-agent"}


def test_credentials_do_not_come_back(http: HttpClient) -> None:
    """There and back again: what was dropped stays dropped."""
    with LoopbackServer(lambda request: redirect(back[0])) as other:
        answers = in_turn(redirect(other.url), Response(body=b"home"))
        with LoopbackServer(answers) as server:
            back = [f"{server.url}/again"]
            http.request("GET", server.url, headers=SECRETS)
    assert "authorization" not in server.requests[1].headers


def test_redirects_end(http: HttpClient) -> None:
    """A loop is left after a few rounds."""
    with LoopbackServer(lambda _: redirect("/again")) as server, pytest.raises(Unavailable) as caught:
        http.request("GET", server.url)
    assert (caught.value.code, len(server.requests)) == ("redirects", MOST_REDIRECTS + 1)


@pytest.mark.parametrize(
    "location", ["ftp://a.example/", "https://u:p@a.example/", "file:///etc/passwd", "https://"]
)
def test_redirects_to_nowhere(http: HttpClient, location: str) -> None:
    """A location that is no plain URL is malformed."""
    with LoopbackServer(lambda _: redirect(location)) as server, pytest.raises(MalformedError) as caught:
        http.request("GET", server.url)
    assert caught.value.code == "url"


def test_a_redirect_can_be_kept_home(http: HttpClient) -> None:
    """`leave_origin=False`: the redirect itself is the answer."""
    with LoopbackServer(lambda _: redirect("http://elsewhere.example/", 303)) as server:
        response = http.request("GET", server.url, leave_origin=False)
    assert (response.status, response.left_origin) == (303, False)


def test_a_post_is_not_redirected(http: HttpClient) -> None:
    """A body goes where the caller sent it."""
    with LoopbackServer(lambda _: redirect("/there")) as server:
        assert http.request("POST", server.url, body=b"secret").status == 307
    assert len(server.requests) == 1


def test_a_proxy_is_told_the_whole_url() -> None:
    """Plain http through a proxy: absolute form, with the proxy's password for the proxy only."""
    from vouchsafe.adapters.proxies import Proxies

    with LoopbackServer(lambda _: Response(body=b"by proxy")) as server:
        proxies = Proxies(http=f"http://me:pw@{server.address}")
        response = HttpClient(proxies=proxies).request("GET", "http://registry.example/v2/x")
    sent = server.requests[0]
    assert (response.body, sent.path) == (b"by proxy", "http://registry.example/v2/x")
    assert sent.headers["proxy-authorization"] == "Basic bWU6cHc="


def test_a_proxy_that_refuses_the_tunnel() -> None:
    """https through a proxy is a tunnel; its refusal is told as the proxy's."""
    from vouchsafe.adapters.proxies import Proxies

    with LoopbackServer(lambda _: Response(status=407)) as server:
        http = HttpClient(proxies=Proxies(https=server.url), retries=0)
        with pytest.raises(Unavailable) as caught:
            http.request("GET", "https://registry.example/v2/")
    assert caught.value.code == "proxy"
    assert server.requests[0].method == "CONNECT"


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "http://", "http://[::1"])
def test_a_proxy_we_cannot_use(proxy: str) -> None:
    """The operator's mistake is named as such."""
    from vouchsafe.adapters.proxies import Proxies
    from vouchsafe.errors import ConfigurationError

    with pytest.raises(ConfigurationError) as caught:
        HttpClient(proxies=Proxies(http=proxy)).request("GET", "http://registry.example/")
    assert caught.value.code == "proxy"


def test_pauses_stay_below_their_limit(pauses: Pauses) -> None:
    """However many retries: doubling ends."""
    http = HttpClient(sleep=pauses.append, jitter=lambda: 1.0, retries=9)
    with LoopbackServer(lambda _: Response(status=503)) as server, pytest.raises(Unavailable):
        http.request("GET", server.url)
    assert max(pauses) == 8.0 < LONGEST_RETRY_AFTER


def test_threads_share_a_client(http: HttpClient) -> None:
    """Fifty questions from eight threads: fifty right answers."""
    from concurrent.futures import ThreadPoolExecutor

    with (
        LoopbackServer(lambda request: Response(body=request.path.encode())) as server,
        ThreadPoolExecutor(8) as threads,
    ):
        paths = [f"/{number}" for number in range(50)]
        bodies = list(threads.map(lambda path: http.request("GET", server.url + path).body.decode(), paths))
        http.close()
    assert bodies == paths


@pytest.mark.parametrize(
    "header, value, secrets",
    [
        ("Authorization", "Bearer ghp_0123456789", ["ghp_0123456789"]),
        ("PRIVATE-TOKEN", "glpat-0123456789", ["glpat-0123456789"]),
        ("Authorization", "Basic bWU6Y29ycmVjdCBob3JzZQ==", ["bWU6Y29ycmVjdCBob3JzZQ==", "correct horse"]),
        ("Authorization", "Bearer header01.payload2.signature", ["payload2", "signature"]),
    ],
)
def test_a_server_that_echoes_a_request(
    http: HttpClient, header: str, value: str, secrets: list[str]
) -> None:
    """An error page of a proxy, say: what it quotes of ours is cut out of every message, also where it is cut off."""
    for before in (0, 190):
        body = ("x" * before + " ".join((value, *secrets))).encode()
        refused = Response(status=418, body=body)
        with LoopbackServer(in_turn(refused, refused)) as server:
            response = http.request("GET", server.url, headers={header: value, "Accept": "text/plain"})
            with pytest.raises(Unavailable) as caught:
                http.request("GET", server.url, headers={header: value}, expect={200})
        for said in (response.excerpt, caught.value.hint, repr(response.sent)):
            assert [secret for secret in secrets if secret[:6] in said] == []
