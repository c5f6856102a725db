"""Connections through a proxy: urllib3's, which tunnel, also by TLS inside TLS. Imported where there is a proxy.

What is used of urllib3 are its connections, which are `http.client`'s; not its pools, which retry and redirect on
their own and log URLs with their queries.
"""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import unquote

from urllib3 import ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import LocationParseError
from urllib3.util import Url as ProxyUrl
from urllib3.util import make_headers, parse_url

from vouchsafe.adapters.tls import Contexts, Tls
from vouchsafe.adapters.urls import DEFAULT_PORTS, Url
from vouchsafe.errors import ConfigurationError


def connection(proxy: str, url: Url, tls: Tls, contexts: Contexts, seconds: float) -> Any:
    """Not connected yet, and with `direct.DirectConnection`'s methods. ConfigurationError."""
    made: Any = _connection(_parsed(proxy), proxy, url, tls, contexts, seconds)
    made.request = partial(made.request, preload_content=False, decode_content=False)
    return made


def _connection(
    where: ProxyUrl, proxy: str, url: Url, tls: Tls, contexts: Contexts, seconds: float
) -> HTTPConnection:
    """A tunnel for https; for http the proxy itself, in clear or by TLS that the system's CAs prove."""
    scheme, host = where.scheme or "", where.host or ""
    port = where.port or DEFAULT_PORTS[scheme]
    if url.scheme == "http" and scheme == "http":
        return HTTPConnection(host, port, timeout=seconds, proxy=where)
    usual = contexts.of(Tls()) if scheme == "https" else None
    # urllib3 makes what it wants to know of a proxy only here.
    config = ProxyManager(f"{scheme}://{where.netloc}", proxy_ssl_context=usual).proxy_config
    context = contexts.of(tls) if url.scheme == "https" else usual
    made = HTTPSConnection(host, port, timeout=seconds, proxy=where, proxy_config=config, ssl_context=context)
    if url.scheme == "https":
        made.set_tunnel(url.host, url.port, headers=headers(proxy), scheme=scheme)
    return made


def headers(proxy: str) -> dict[str, str]:
    """`Proxy-Authorization` where the proxy's URL holds a user (RFC 9110 §11.7.2). ConfigurationError."""
    user = _parsed(proxy).auth
    return dict(make_headers(proxy_basic_auth=unquote(user))) if user else {}


def _parsed(proxy: str) -> ProxyUrl:
    try:
        where = parse_url(proxy)
    except LocationParseError as error:
        raise ConfigurationError("proxy", "expected the URL of a proxy, got something else") from error
    if where.scheme not in {"http", "https"} or not where.host:
        raise ConfigurationError("proxy", f"expected an http or https proxy, got scheme {where.scheme!r}")
    return where
