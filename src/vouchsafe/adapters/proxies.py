"""Which proxy a URL goes through: HTTP_PROXY, HTTPS_PROXY and NO_PROXY by the rules of Go's tools.

podman, skopeo and cosign read these variables with Go's `httpproxy`; a host where they work must
work for us. Loopback is never proxied. `HTTP_PROXY` in upper case is ignored inside CGI, where a
request header sets it (httpoxy, CVE-2016-5385).

>>> Proxies.of({"HTTPS_PROXY": "proxy.example:3128", "NO_PROXY": ".corp.example"}).choose(
...     "https", "a.example", 443
... )
'http://proxy.example:3128'
"""

from __future__ import annotations

from collections.abc import Mapping

from vouchsafe.record import Record


class Proxies(Record):
    """`http` and `https` are proxy URLs or empty; `exempt` the entries of NO_PROXY, lower case."""

    http: str = ""
    https: str = ""
    exempt: tuple[str, ...] = ()

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Proxies:
        """Read the variables, upper case before lower case as Go does."""
        http = environ.get("HTTP_PROXY", "") if "REQUEST_METHOD" not in environ else ""
        exempt = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
        return cls(
            http=_complete(http or environ.get("http_proxy", "")),
            https=_complete(environ.get("HTTPS_PROXY") or environ.get("https_proxy") or ""),
            exempt=tuple(entry.strip().lower() for entry in exempt.split(",") if entry.strip()),
        )

    def choose(self, scheme: str, host: str, port: int) -> str:
        """The proxy's URL, empty for none."""
        proxy = self.https if scheme == "https" else self.http
        if not proxy or is_loopback(host) or any(_exempts(entry, host, port) for entry in self.exempt):
            return ""
        return proxy


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine by name or address; never resolves."""
    if host in {"localhost", "127.0.0.1", "::1"}:
        return True
    if not host.replace(".", "").isdigit() and ":" not in host:
        return False
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _complete(proxy: str) -> str:
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


def _exempts(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        return _in_network(entry, host)
    name, colon, wanted = entry.rpartition(":")
    if colon and wanted.isdigit() and (name.count(":") == 0 or name.startswith("[")):
        if int(wanted) != port:
            return False
        entry = name
    entry = entry.strip("[]").removeprefix("*")
    if entry.startswith("."):
        return host.endswith(entry)
    return host == entry or host.endswith(f".{entry}")


def _in_network(entry: str, host: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False
