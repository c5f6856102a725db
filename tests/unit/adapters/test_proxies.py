"""Proxies by environment, as Go's tools on the same host choose them."""

from __future__ import annotations

import pytest

from vouchsafe.adapters.proxies import Proxies, is_loopback

PROXY = {"HTTP_PROXY": "http://plain.example:1", "HTTPS_PROXY": "http://tls.example:2"}
EXEMPT = [
    ("*", "a.example", 443, True),
    ("a.example", "a.example", 443, True),
    ("a.example", "b.a.example", 443, True),
    ("a.example", "ba.example", 443, False),
    (".a.example", "a.example", 443, False),
    (".a.example", "b.a.example", 443, True),
    ("*.a.example", "b.a.example", 443, True),
    ("A.Example", "a.example", 443, True),
    ("a.example:443", "a.example", 443, True),
    ("a.example:8443", "a.example", 443, False),
    ("10.0.0.0/8", "10.2.3.4", 80, True),
    ("10.0.0.0/8", "11.2.3.4", 80, False),
    ("10.0.0.0/8", "a.example", 80, False),
    ("nonsense/8", "10.2.3.4", 80, False),
    ("10.2.3.4", "10.2.3.4", 80, True),
    ("[fd00::1]:80", "fd00::1", 80, True),
    ("[fd00::1]:81", "fd00::1", 80, False),
    ("fd00::/8", "fd00::1", 80, True),
    ("x.example, ,a.example", "a.example", 80, True),
    ("", "a.example", 80, False),
]


@pytest.mark.parametrize("entry, host, port, exempt", EXEMPT)
def test_no_proxy(entry: str, host: str, port: int, exempt: bool) -> None:
    """NO_PROXY by name, domain, address, network and port."""
    proxies = Proxies.of({**PROXY, "NO_PROXY": entry})
    assert (proxies.choose("https", host, port) == "") == exempt


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_loopback_is_never_proxied(host: str) -> None:
    """As in Go: a proxy cannot mean this machine by its loopback address."""
    assert Proxies.of(PROXY).choose("http", host, 5000) == ""


@pytest.mark.parametrize(
    "host", ["127.0.0.1.example", "128.0.0.1", "a.example", "1.2.3", "fd00::1", "localhost.a"]
)
def test_what_is_not_loopback(host: str) -> None:
    """Names that look like it are not."""
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "environ, scheme, expected",
    [
        ({}, "http", ""),
        (PROXY, "http", "http://plain.example:1"),
        (PROXY, "https", "http://tls.example:2"),
        ({"http_proxy": "plain.example:1"}, "http", "http://plain.example:1"),
        ({"http_proxy": "b:1", "HTTP_PROXY": "a:1"}, "http", "http://a:1"),
        ({"HTTP_PROXY": "a:1"}, "https", ""),
        ({"https_proxy": "https://a:1"}, "https", "https://a:1"),
        ({"HTTPS_PROXY": "", "https_proxy": "a:1"}, "https", "http://a:1"),
    ],
)
def test_variables(environ: dict[str, str], scheme: str, expected: str) -> None:
    """Upper case before lower, one variable a scheme, http:// when none is written."""
    assert Proxies.of(environ).choose(scheme, "r.example", 443) == expected


def test_httpoxy_cve_2016_5385() -> None:
    """Inside CGI, HTTP_PROXY is a request header: it is ignored, the lower-case one is not."""
    assert Proxies.of({"HTTP_PROXY": "evil:1", "REQUEST_METHOD": "GET"}).choose("http", "a.example", 80) == ""
    assert (
        Proxies.of({"http_proxy": "b:1", "REQUEST_METHOD": "GET"}).choose("http", "a.example", 80)
        == "http://b:1"
    )
