"""Requests that nobody's client sends: no signature but for what was asked literally, and the service lives on.

Each is sent on a connection of its own to a service that would countersign SIGNED and refuses REFUSED.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.countersigning import Machine, Running
from vouchsafe.countersign.fairness import Limits
from vouchsafe.image.digest import Digest

ONCE = b"Host: x\r\nConnection: close\r\n"
KEPT = b"Host: x\r\n"


@dataclass(frozen=True)
class Service:
    """What runs, and the two images that it has an opinion of."""

    running: Running
    signed: Digest
    refused: Digest

    def target(self, digest: Digest) -> bytes:
        """What a client asks for."""
        return f"/{self.running.machine.name()}@sha256={digest.hex}/signature-1".encode()

    def fill(self, template: bytes) -> bytes:
        """With SIGNED and REFUSED as targets, HEX as the good digest, HOST as the registry's name."""
        host = self.running.machine.registry.address.encode()
        for name, value in (
            (b"SIGNED", self.target(self.signed)),
            (b"REFUSED", self.target(self.refused)),
            (b"HEX", self.signed.hex.encode()),
            (b"HOST", host),
        ):
            template = template.replace(name, value)
        return template

    def send(self, template: bytes) -> list[bytes]:
        """The answers: `signature` for one, a status for everything else."""
        received = b""
        with socket.create_connection(("127.0.0.1", self.running.machine.port), timeout=60) as connection:
            with contextlib.suppress(OSError):  # it hangs up on whoever sends too much
                connection.sendall(self.fill(template))
            with contextlib.suppress(ConnectionResetError):
                while piece := connection.recv(65_536):
                    received += piece
        return [
            b"signature" if b"sigstore-json" in answer else answer[:3]
            for answer in received.split(b"HTTP/1.1 ")[1:]
        ]

    def lives(self) -> bool:
        """Whether it answers whoever asks as one should."""
        return [self.running.asked(each)[0] for each in (self.signed, self.refused)] == [200, 403]


@pytest.fixture
def service(machine: Machine) -> Iterator[Service]:
    """With a short deadline for whoever never ends a request."""
    signed, refused = machine.image(), machine.image(tag="v2", content=b"other")
    machine.sign(signed)
    with Running(machine, limits=Limits(header_seconds=1.0)) as running:
        yield Service(running=running, signed=signed, refused=refused)


@pytest.mark.parametrize(
    "target",
    [
        b"http://127.0.0.1SIGNED",
        b"http://evil.exampleSIGNED",
        b"/HOST/acme/x/../app@sha256=HEX/signature-1",
        b"/HOST/acme/x/%2e%2e/app@sha256=HEX/signature-1",
        b"/HOST/acme/x/%252e%252e/app@sha256=HEX/signature-1",
        b"/HOST/acme%2fapp@sha256=HEX/signature-1",
        b"/HOST/acme/%61pp@sha256=HEX/signature-1",
        b"/HOST/acme/app%40sha256=HEX/signature-1",
        b"/HOST/acme/app%00@sha256=HEX/signature-1",
        b"/HOST/ACME/app@sha256=HEX/signature-1",
        b"/./HOST/acme/app@sha256=HEX/signature-1",
        b"/u:p@HOST/acme/app@sha256=HEX/signature-1",
        b"/HOST/acme/app@sha256=HEX@sha256=HEX/signature-1",
        b"/HOST/acme/app@sha256:HEX/signature-1",
        b"/SIGNED",
        b"SIGNEDSIGNED",
        b"SIGNED%00",
        b"SIGNED\0",
        b"SIGNED\t",
        b"SIGNED\r",
        b"SIGNED\nX: y",
        b"SIGNED\x0b",
        b"SIGNED\xff",
        b"SIGNED x",
        b"/HOST/ac\tme/app@sha256=HEX/signature-1",
        b"/HOST/ac\rme/app@sha256=HEX/signature-1",
        b"/HOST/ac\nme/app@sha256=HEX/signature-1",
        "/HOST/acmé/app@sha256=HEX/signature-1".encode(),
    ],
)
def test_a_target_is_taken_literally(service: Service, target: bytes) -> None:
    """Nothing is decoded, joined, folded or cut off until it is a question."""
    assert service.send(b"GET " + target + b" HTTP/1.1\r\n" + ONCE + b"\r\n") == [b"400"]
    assert service.lives()


@pytest.mark.parametrize("method", [b"HEAD", b"POST", b"OPTIONS", b"TRACE", b"CONNECT", b"get", b"GETX", b""])
def test_a_method_is_taken_literally(service: Service, method: bytes) -> None:
    """GET alone asks."""
    assert service.send(method + b" SIGNED HTTP/1.1\r\n" + ONCE + b"\r\n") == [b"400"]
    assert service.lives()


@pytest.mark.parametrize(
    "request_",
    [
        b"GET SIGNED HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 5\r\n" + ONCE + b"\r\nhello",
        b"GET SIGNED HTTP/1.1\r\nContent-Length: -1\r\n" + ONCE + b"\r\n",
        b"GET SIGNED HTTP/1.1\r\nContent-Length : 5\r\n" + ONCE + b"\r\nhello",
        b"GET SIGNED HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + ONCE + b"\r\n0\r\n\r\n",
        b"GET SIGNED HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n" + ONCE + b"\r\n0\r\n\r\n",
        # What somebody in front takes for the body of the first, we would take for a second request.
        b"GET REFUSED HTTP/1.1\r\nContent-Length: 9\r\n"
        + KEPT
        + b"\r\nGET SIGNED HTTP/1.1\r\n"
        + ONCE
        + b"\r\n",
        b"GET REFUSED HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 99\r\n"
        + KEPT
        + b"\r\n0\r\n\r\nGET SIGNED HTTP/1.1\r\n"
        + ONCE
        + b"\r\n",
        b"GET SIGNED HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET SIGNED HTTP/1.1\r\nX: " + 1_000_000 * b"a" + b"\r\n" + ONCE + b"\r\n",
        b"GET SIGNED HTTP/1.1\r\n" + 100_000 * b"X: a\r\n" + ONCE + b"\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(100),
    ],
)
def test_a_request_that_could_be_read_in_two_ways(service: Service, request_: bytes) -> None:
    """400 and the end of the connection; what follows is not read."""
    assert service.send(request_) == [b"400"]
    assert service.lives()


def test_a_question_without_a_version(service: Service) -> None:
    """HTTP/0.9 has no end of its head: nobody is answered."""
    assert service.send(b"GET SIGNED\r\n") == []
    assert service.lives()


def test_headers_ask_for_nothing(service: Service) -> None:
    """The target alone does."""
    headers = b"X-Original-URL: SIGNED\r\nX-Rewrite-URL: SIGNED\r\n"
    assert service.send(b"GET REFUSED HTTP/1.1\r\n" + headers + ONCE + b"\r\n") == [b"403"]


def test_many_requests_in_one_piece(service: Service) -> None:
    """Each has its own answer, in order; after `Connection: close` and after junk there is none."""
    signed, refused = (b"GET %s HTTP/1.1\r\n%s\r\n" % (each, KEPT) for each in (b"SIGNED", b"REFUSED"))
    last = b"GET REFUSED HTTP/1.1\r\n" + ONCE + b"\r\n"
    answers = service.send(20 * (refused + signed) + last + signed)
    assert answers == [*(20 * [b"403", b"signature"]), b"403"]
    assert service.send(signed + b"\0junk\r\n\r\n" + signed) == [b"signature", b"400"]
    assert service.lives()
