"""The loopback server: framing, keep-alive, and every way to misbehave."""

from __future__ import annotations

import errno
import http.client
import itertools
import socket
import ssl
from collections.abc import Iterator

import pytest

from vouchsafe.testing.loopback import LoopbackServer, Request, Response
from vouchsafe.testing.tls import LoopbackTls


def echo(request: Request) -> Response:
    """Answers with what arrived."""
    return Response(headers={"X-Path": request.path}, body=request.method.encode() + b" " + request.body)


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    """A server that echoes."""
    with LoopbackServer(echo) as running:
        yield running


def raw(server: LoopbackServer, request: bytes) -> bytes:
    """Everything the server says to these bytes before it hangs up."""
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))
        except OSError as error:  # it hung up before it had read everything; Linux says so in several ways
            if error.errno not in {errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN}:
                raise
            return b""


def test_keep_alive_and_record(server: LoopbackServer) -> None:
    """Several requests on one connection; each is recorded, names in lower case."""
    client = http.client.HTTPConnection(server.address)
    for number in range(3):
        client.request("POST", f"/a%20b?n={number}", body=b"body", headers={"X-Thing": "y"})
        answer = client.getresponse()
        assert (answer.status, answer.read(), answer.headers["X-Path"]) == (200, b"POST body", "/a b")
    client.close()
    assert [request.query["n"] for request in server.requests] == ["0", "1", "2"]
    assert server.requests[0].headers["x-thing"] == "y"
    assert server.count("POST", "/a") == 3
    assert server.count("GET") == 0


def test_chunked_request_and_continue(server: LoopbackServer) -> None:
    """A chunked body with a trailer, asked for with 100-continue."""
    said = raw(
        server,
        b"PUT /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
        b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: t\r\n\r\n",
    )
    assert said.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert said.endswith(b"PUT abcde")


def test_head_has_length_and_no_body(server: LoopbackServer) -> None:
    """HEAD answers what GET would, without the body."""
    said = raw(server, b"HEAD /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    assert b"Content-Length: 5\r\n" in said
    assert said.endswith(b"\r\n\r\n")


def test_tls_on_a_plain_port_is_refused_at_once(server: LoopbackServer) -> None:
    """A client that tries https first must not wait for its time-out."""
    assert raw(server, b"\x16\x03\x01\x00\x05hello").startswith(b"HTTP/1.0 400")


def test_nonsense_ends_the_connection(server: LoopbackServer) -> None:
    """What is not HTTP, or ends within a body, gets no answer and hurts nobody."""
    assert raw(server, b"nonsense\r\n\r\n") == b""
    assert raw(server, b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nab") == b""
    assert raw(server, b"GET / HTTP/1.1\r\nX: " + b"x" * 300_000) == b""
    assert raw(server, b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_streams_and_cut_bodies() -> None:
    """An iterator is chunked, an endless one goes on, a wrong length is kept."""

    def answer(request: Request) -> Response:
        if request.path == "/endless":
            return Response(body=itertools.repeat(b"x" * 1000))
        if request.path == "/cut":
            return Response(body=b"half", length=8, close=True)
        return Response(body=iter((b"a", b"bc")), drip_seconds=0.001)

    with LoopbackServer(answer) as server:
        client = http.client.HTTPConnection(server.address)
        client.request("GET", "/stream")
        assert client.getresponse().read() == b"abc"
        client.request("GET", "/cut")
        with pytest.raises(http.client.IncompleteRead):
            client.getresponse().read()
        client.close()
        client.request("GET", "/endless")
        answered = client.getresponse()
        assert len(answered.read(50_000)) == 50_000
        answered.close()
        client.close()


def test_reset() -> None:
    """The connection is reset in place of an answer."""
    with LoopbackServer(lambda _: Response(reset=True)) as server:
        client = http.client.HTTPConnection(server.address)
        client.request("GET", "/")
        with pytest.raises(ConnectionResetError):
            client.getresponse()
        client.close()


def test_status_line() -> None:
    """A reason of one's own, an unknown status, and answers that have no body."""
    answers = iter(
        (Response(status=403, reason="no-signature: none"), Response(status=799), Response(status=204))
    )
    with LoopbackServer(lambda _: next(answers)) as server:
        client = http.client.HTTPConnection(server.address)
        seen = []
        for _ in range(3):
            client.request("GET", "/")
            answer = client.getresponse()
            seen.append((answer.status, answer.reason))
            answer.read()
        client.close()
    assert seen == [(403, "no-signature: none"), (799, "Status"), (204, "No Content")]


def test_delay_is_added() -> None:
    """Every answer waits as long as the server is told."""
    with LoopbackServer(echo, delay_ms=1) as server:
        assert raw(server, b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_tls_with_client_certificates(tmp_path: object) -> None:
    """The server proves to be 127.0.0.1 and may demand a certificate of its CA."""
    made = LoopbackTls()
    with LoopbackServer(echo, tls=made.context(demand_client=True)) as server:
        assert server.url.startswith("https://127.0.0.1:")
        context = ssl.create_default_context(cadata=made.ca_pem.decode())
        client = http.client.HTTPSConnection(server.address, context=context)

        def ask_without_certificate() -> None:
            client.request("GET", "/")
            client.getresponse()

        with pytest.raises((ssl.SSLError, ConnectionResetError, BrokenPipeError)):
            ask_without_certificate()
        client.close()


def test_tls_without_client_certificate() -> None:
    """The server's certificate holds for its CA."""
    made = LoopbackTls()
    with LoopbackServer(echo, tls=made.context()) as server:
        context = ssl.create_default_context(cadata=made.ca_pem.decode())
        client = http.client.HTTPSConnection(server.address, context=context)
        client.request("GET", "/x")
        assert client.getresponse().read() == b"GET "
        client.close()


def test_with_headers() -> None:
    """Headers are added; underscores become hyphens."""
    made = Response(headers={"A": "1"}).with_headers(WWW_Authenticate="Basic", A="2")
    assert made.headers == {"A": "2", "WWW-Authenticate": "Basic"}
