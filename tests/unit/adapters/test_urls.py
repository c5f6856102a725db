"""URLs: what may be connected to, joined, shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vouchsafe.adapters.urls import LONGEST_URL, Url
from vouchsafe.errors import MalformedError

GOOD = {
    "https://a.example": ("https", "a.example", 443, "/"),
    "http://a.example:5000/v2/?n=1#part": ("http", "a.example", 5000, "/v2/?n=1"),
    "HTTPS://A.Example/B": ("https", "a.example", 443, "/B"),
    "http://[::1]:8080/x": ("http", "::1", 8080, "/x"),
    "http://127.0.0.1:1/a%20b": ("http", "127.0.0.1", 1, "/a%20b"),
}
BAD = [
    "",
    "a.example/x",
    "ftp://a.example/",
    "file:///etc/passwd",
    "https://",
    "https://user:secret@a.example/",
    "https://@a.example/",
    "https://a.example:99999/",
    "https://a.example:x/",
    "https://a.example/ b",
    "https://a.example/\r\nHost: b",
    "https://a.example/\x00",
    "https://exämple.example/",
    "https://a_b.example\\@evil.example/",
    "http://[::1/",
    "https://" + "a" * LONGEST_URL,
]


@pytest.mark.parametrize("text", GOOD)
def test_reads(text: str) -> None:
    """Scheme and host in lower case, the port always known, no fragment."""
    url = Url.parse(text)
    assert (url.scheme, url.host, url.port, url.target) == GOOD[text]


@pytest.mark.parametrize("text", BAD)
def test_refuses(text: str) -> None:
    """What is no plain http(s) URL is malformed."""
    with pytest.raises(MalformedError):
        Url.parse(text)


@pytest.mark.parametrize("text", BAD)
def test_a_refusal_shows_no_password(text: str) -> None:
    """Whatever is wrong with a URL, the password in it is not repeated."""
    with pytest.raises(MalformedError) as caught:
        Url.parse(text)
    assert "secret" not in caught.value.message


def test_shows_no_query() -> None:
    """GHSA-v554-xwgw-hc3w: pre-signed storage URLs carry their credentials in the query."""
    assert Url.parse("https://s.example/a?X-Amz-Signature=abc").shown == "https://s.example/a"


def test_joins() -> None:
    """Relative and absolute locations (RFC 3986 §5)."""
    base = Url.parse("http://a.example:5000/v2/app/blobs/x?q=1")
    joined = [str(base.join(each)) for each in ("/b", "b", "?c=d", "//b.example/x", "https://c.example/")]
    assert joined == [
        "http://a.example:5000/b",
        "http://a.example:5000/v2/app/blobs/b",
        "http://a.example:5000/v2/app/blobs/x?c=d",
        "http://b.example/x",
        "https://c.example/",
    ]


def test_the_default_port_is_part_of_the_origin() -> None:
    """`https://a` and `https://a:443` are one origin, `http://a` is another."""
    assert Url.parse("https://a.example").origin == Url.parse("https://a.example:443/x").origin
    assert Url.parse("https://a.example").origin != Url.parse("http://a.example").origin


@given(st.text())
def test_any_text_is_a_url_or_malformed(text: str) -> None:
    """And what is read once reads the same again."""
    try:
        url = Url.parse(text)
    except MalformedError:
        return
    assert Url.parse(str(url)) == url


@given(st.text())
def test_any_location_joins_or_is_malformed(text: str) -> None:
    """A hostile Location raises our error and no other."""
    try:
        joined = Url.parse("https://a.example/v2/").join(text)
    except MalformedError:
        return
    assert joined.scheme in {"http", "https"}
