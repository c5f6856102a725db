"""Somebody else's network errors in our words: the one place that maps them.

Behind a proxy urllib3 wraps errors of `http.client`, `ssl` and `socket`, sometimes twice and sometimes not at all, so
what is looked for is looked for anywhere in the chain.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import sys
from collections.abc import Iterator
from typing import TypeVar

from vouchsafe.adapters.urls import Url
from vouchsafe.errors import Unavailable

_DEEPEST = 8  # wrappers around one error
_DROPPED = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)

_NAME = "Is the name spelt right? Does this machine reach the network, perhaps by a proxy (HTTPS_PROXY) only?"
_PORT = "Is it running, and is the port right?"

E = TypeVar("E", bound=BaseException)


def kinds() -> tuple[type[Exception], ...]:
    """What an exchange may raise that is not ours; of urllib3 only where a proxy has brought it in."""
    foreign = sys.modules.get("urllib3.exceptions")
    usual = (http.client.HTTPException, OSError, ValueError)
    return usual if foreign is None else (*usual, foreign.HTTPError)


def translated(error: Exception, url: Url) -> Unavailable:
    """What to raise from `error`, which came of asking `url`."""
    chain = tuple(_chain(error))
    return _of_connecting(chain, url) or _of_tls(chain, url) or _of_answer(chain, url)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, what it wraps and what it was raised from, outermost first."""
    for _ in range(_DEEPEST):
        if error is None:
            return
        yield error
        wrapped = [each for each in error.args if isinstance(each, BaseException)]
        error = wrapped[0] if wrapped else error.__cause__


def _find(chain: tuple[BaseException, ...], *kinds: type[E]) -> E | None:
    return next((each for each in chain if isinstance(each, kinds)), None)


def _of_connecting(chain: tuple[BaseException, ...], url: Url) -> Unavailable | None:
    looked_up = _find(chain, socket.gaierror)
    if looked_up is not None:
        temporary = looked_up.errno == socket.EAI_AGAIN
        code = "dns-temporary" if temporary else "dns"
        message = f"expected an address for {url.host}, got none"
        return Unavailable(code, message, hint=_NAME, retryable=temporary)
    if _find(chain, ConnectionRefusedError):
        message = f"expected a server at {url.authority}, got none"
        return Unavailable("connection-refused", message, hint=_PORT, retryable=True)
    tunnel = next((str(each) for each in chain if str(each).startswith("Tunnel connection failed")), "")
    if tunnel:
        return Unavailable("proxy", f"expected a tunnel to {url.authority}, got: {tunnel}")
    if _find(chain, TimeoutError):
        return Unavailable(
            "timeout", f"expected an answer from {url.shown} in time, got none", retryable=True
        )
    return None


def _of_tls(chain: tuple[BaseException, ...], url: Url) -> Unavailable | None:
    if (refused := _find(chain, ssl.SSLCertVerificationError)) is not None:
        return Unavailable(
            "tls-certificate",
            f"expected a certificate that we trust from {url.authority}, got: {refused.verify_message}",
            hint="Put its CA into certs.d (docs/registries.md), or check the clock.",
        )
    failed = _find(chain, ssl.SSLError)
    if failed is not None and not _find(chain, *_DROPPED):
        message = f"expected TLS from {url.authority}, got: {failed.reason or 'something else'}"
        hint = "If it speaks plain HTTP: --tls-verify=false, or insecure = true in registries.conf."
        return Unavailable("tls", message, hint=hint)
    return None


def _of_answer(chain: tuple[BaseException, ...], url: Url) -> Unavailable:
    if _find(chain, http.client.IncompleteRead):
        message = f"expected the whole answer of {url.shown}, got part of it"
        return Unavailable("truncated", message, retryable=True)
    if _find(chain, *_DROPPED):  # http.client.RemoteDisconnected is a ConnectionError too
        message = f"expected an answer from {url.shown}, got a closed connection"
        return Unavailable("connection-reset", message, retryable=True)
    if (failed := _find(chain, OSError)) is not None:
        detail = failed.strerror or type(failed).__name__
        return Unavailable(
            "network", f"expected a connection to {url.authority}, got: {detail}", retryable=True
        )
    return Unavailable("http-protocol", f"expected HTTP from {url.shown}, got {type(chain[0]).__name__}")
