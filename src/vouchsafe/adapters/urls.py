"""A URL in parts, checked once: what may be connected to and what may be shown.

Queries carry signatures of storage services and user parts carry passwords, so neither is ever part
of a message: `shown` leaves both out (GHSA-v554-xwgw-hc3w).

>>> Url.parse("https://cdn.example/a/b?sig=secret").shown
'https://cdn.example/a/b'
>>> Url.parse("https://registry.example/v2/").join("../blobs").target
'/blobs'
"""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from vouchsafe.errors import MalformedError
from vouchsafe.record import Record

DEFAULT_PORTS = {"http": 80, "https": 443}
LONGEST_URL = 8_192  # characters; pre-signed storage URLs reach 2 000
_HOST = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-._:%")


class Url(Record):
    """`host` without brackets, `port` always a number, `target` the path and query, no fragment, no user."""

    scheme: str
    host: str
    port: int
    target: str

    @classmethod
    def parse(cls, untrusted_text: str) -> Url:
        """Read an absolute http or https URL; MalformedError for anything else."""
        if (
            len(untrusted_text) > LONGEST_URL
            or not untrusted_text.isascii()
            or not untrusted_text.isprintable()
        ):
            raise MalformedError("url", f"expected a URL of printable ASCII, got {untrusted_text[:60]!r}")
        try:
            parts = urlsplit(untrusted_text)
            port = parts.port
        except ValueError as error:
            raise MalformedError("url", f"expected a URL, got one with {error}") from error
        host = (parts.hostname or "").lower()
        if parts.scheme not in DEFAULT_PORTS:
            raise MalformedError(
                "url", f"expected an http or https URL, got one with scheme {parts.scheme!r}"
            )
        if not host or not _HOST.issuperset(host) or " " in untrusted_text:
            raise MalformedError("url", "expected a URL with a host name, got one without")
        if "@" in parts.netloc:
            raise MalformedError("url", "expected a URL without user and password, got one with them")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(scheme=parts.scheme, host=host, port=port or DEFAULT_PORTS[parts.scheme], target=target)

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: what credentials belong to (RFC 6454)."""
        return (self.scheme, self.host, self.port)

    @property
    def authority(self) -> str:
        """`host[:port]`, the port only when it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """The URL for people and logs: without its query."""
        return f"{self.scheme}://{self.authority}{self.target.partition('?')[0]}"

    def join(self, untrusted_location: str) -> Url:
        """The URL that a `Location` or `Link` header means here (RFC 3986 §5)."""
        try:
            joined = urljoin(str(self), untrusted_location)
        except ValueError as error:
            raise MalformedError("url", f"expected a URL, got one with {error}") from error
        return Url.parse(joined)

    def __str__(self) -> str:
        """The whole URL, query included: to ask with, never to show."""
        return f"{self.scheme}://{self.authority}{self.target}"
