"""Bodies that nobody holds in memory, in both directions, and what happens when they end early."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.judging import code
from vouchsafe.adapters.http import HttpClient
from vouchsafe.adapters.streams import PIECE, Outgoing
from vouchsafe.errors import MalformedError, Unavailable
from vouchsafe.testing.faults import Fault, cut_short, endless
from vouchsafe.testing.loopback import LoopbackServer, Request, Response

Raw = Callable[[bytes], str]
BIG = bytes(range(256)) * 8192  # 2 MiB


def received(http: HttpClient, url: str) -> bytes:
    """A body, read as a stream."""
    response = http.request("GET", url, stream=True)
    assert response.stream is not None
    return b"".join(response.stream)


def test_an_answer_comes_in_pieces(http: HttpClient) -> None:
    """Whatever its size, whatever the limit; the connection is used again."""
    with LoopbackServer(lambda _: Response(body=BIG)) as server:
        response = http.request("GET", server.url, stream=True, largest=10)
        assert response.stream is not None
        sizes = [len(piece) for piece in response.stream]
        assert (response.body, sum(sizes), max(sizes) <= PIECE) == (b"", len(BIG), True)
        assert received(http, server.url) == BIG


def test_only_a_success_is_a_stream(http: HttpClient) -> None:
    """What explains an error is short, and is there at once."""
    with LoopbackServer(lambda _: Response(status=404, body=b"no")) as server:
        response = http.request("GET", server.url, stream=True)
        assert (response.stream, response.body) == (None, b"no")


def test_a_redirect_is_followed(http: HttpClient) -> None:
    """To another host without what is meant for the first."""
    with LoopbackServer(lambda _: Response(body=BIG)) as store:
        moved = Response(status=307, headers={"Location": f"{store.url}/blob"})
        with LoopbackServer(lambda _: moved) as server:
            response = http.request("GET", server.url, headers={"Authorization": "secret"}, stream=True)
            assert response.stream is not None
            assert sum(len(piece) for piece in response.stream) == len(BIG)
        assert "authorization" not in store.requests[0].headers


def test_each_piece_has_its_time_also_from_a_server_that_will_close(raw_server: Raw) -> None:
    """http.client gives the connection away then, as it does for HTTP/1.0; who reads has what is left of it."""
    http = HttpClient(seconds=2.0, retries=0)
    head = b"HTTP/1.0 200 OK\r\n\r\n"
    url = raw_server(head + BIG)
    response = http.request("GET", url, stream=True)
    assert response.stream is not None
    pieces = iter(response.stream)
    size = len(next(pieces))
    time.sleep(2.5)  # whoever copies was busy for longer than a piece may take
    assert size + sum(map(len, pieces)) == len(BIG)


def spoiled(fault: Fault) -> LoopbackServer:
    """A server of one big body with a fault."""
    honest = Response(body=BIG)

    def answer(request: Request) -> Response:
        return fault.answer(request, lambda _: honest)

    return LoopbackServer(answer)


def test_a_body_that_is_cut_short_is_told(http: HttpClient) -> None:
    """And may be asked for again."""
    with spoiled(Fault(cut_short)) as server, pytest.raises(Unavailable) as caught:
        received(http, server.url)
    assert (caught.value.code, caught.value.retryable) == ("truncated", True)


def test_whoever_has_enough_closes(http: HttpClient) -> None:
    """An endless body is given up, and the connection with it."""
    with spoiled(Fault(endless)) as server:
        response = http.request("GET", server.url, stream=True)
        assert response.stream is not None
        pieces = iter(response.stream)
        assert len(next(pieces)) > 0
        response.stream.close()
        response.stream.close()


def test_a_compressed_stream_is_refused(http: HttpClient) -> None:
    """We asked for none."""
    with LoopbackServer(lambda _: Response(headers={"Content-Encoding": "gzip"}, body=b"x")) as server:
        assert code(lambda: received(http, server.url)) == "answer-encoding"


def test_each_piece_has_its_own_deadline() -> None:
    """A large body may take longer than one attempt; one that drips may not."""
    steady = iter([b"x" * PIECE] * 3)
    http = HttpClient(seconds=1.0, sleep=lambda _: None)
    with LoopbackServer(lambda _: Response(body=steady, drip_seconds=0.4)) as server:
        assert len(received(http, server.url)) == 3 * PIECE
    dripping = (b"x" for _ in range(100))
    with LoopbackServer(lambda _: Response(body=dripping, drip_seconds=0.05)) as server:
        assert code(lambda: received(http, server.url)) == "timeout"


def sent(http: HttpClient, url: str, length: int, pieces: Iterator[bytes]) -> Response:
    """A body, sent as a stream."""
    return http.request("PATCH", url, body=Outgoing(length, pieces), retries=0)  # type: ignore[return-value]


def test_a_request_goes_out_in_pieces(http: HttpClient) -> None:
    """With its length said before."""
    with LoopbackServer(lambda _: Response(status=202)) as server:
        pieces = (BIG[start : start + PIECE] for start in range(0, len(BIG), PIECE))
        assert sent(http, server.url, len(BIG), pieces).status == 202
        request = server.requests[0]
    assert (request.headers["content-length"], request.body == BIG) == (str(len(BIG)), True)
    assert "transfer-encoding" not in request.headers


def test_a_source_that_fails_ends_the_request(http: HttpClient) -> None:
    """The error goes on as it is, and the server never has a whole request."""

    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise MalformedError("digest-mismatch", "expected the rest, got another")

    with LoopbackServer(lambda _: Response(status=202)) as server:
        assert code(lambda: sent(http, server.url, 8, pieces())) == "digest-mismatch"
        assert server.requests == []


def test_what_was_sent_once_is_not_sent_again(http: HttpClient) -> None:
    """A reset is told, and left to whoever can begin anew."""
    with LoopbackServer(lambda _: Response(reset=True)) as server:
        with pytest.raises(Unavailable) as caught:
            sent(http, server.url, 4, iter([b"body"]))
        assert (caught.value.retryable, len(server.requests)) == (True, 1)
