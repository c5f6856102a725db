"""TLS contexts: whom they trust, where that comes from, and that they are made late."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vouchsafe.adapters.http import HttpClient
from vouchsafe.adapters.proxies import Proxies
from vouchsafe.adapters.tls import SystemTrust, Tls, context
from vouchsafe.errors import ConfigurationError, Unavailable
from vouchsafe.testing.loopback import LoopbackServer, Response
from vouchsafe.testing.tls import LoopbackTls


@pytest.fixture(scope="module")
def tls() -> LoopbackTls:
    """One CA for the module."""
    return LoopbackTls()


@pytest.fixture
def ca_file(tls: LoopbackTls, tmp_path: Path) -> str:
    """Its certificate in a file."""
    (tmp_path / "ca.pem").write_bytes(tls.ca_pem)
    return f"{tmp_path}/ca.pem"


def test_verification_is_the_rule() -> None:
    """Host name and chain; TLS 1.2 at least."""
    made = context(Tls(), SystemTrust())
    assert (made.check_hostname, made.verify_mode, made.minimum_version) == (
        True,
        ssl.CERT_REQUIRED,
        ssl.TLSVersion.TLSv1_2,
    )


def test_insecure_is_asked_for_by_name() -> None:
    """Only `insecure=True` turns it off."""
    made = context(Tls(insecure=True), SystemTrust())
    assert (made.check_hostname, made.verify_mode) == (False, ssl.CERT_NONE)


def ask(trust: SystemTrust, server: LoopbackServer, tls: Tls = Tls()) -> int:
    """The status of an answer."""
    client = HttpClient(trust=trust, retries=0)
    try:
        return client.request("GET", server.url, tls=tls).status
    finally:
        client.close()


def test_ssl_cert_file(tls: LoopbackTls, ca_file: str) -> None:
    """Replaces the system's CAs."""
    with LoopbackServer(lambda _: Response(), tls=tls.context()) as server:
        assert ask(SystemTrust(file=ca_file), server) == 200
        with pytest.raises(Unavailable):
            ask(SystemTrust(), server)


def test_ssl_cert_dir(tls: LoopbackTls, ca_file: str, tmp_path: Path) -> None:
    """A folder of hashed names, as c_rehash makes it."""
    folder = tmp_path / "hashed"
    folder.mkdir()
    subject = subprocess.run(
        ["openssl", "x509", "-hash", "-noout", "-in", ca_file], capture_output=True, text=True, check=False
    ).stdout.strip()
    if not subject:
        pytest.skip("program openssl is missing")
    os.link(ca_file, folder / f"{subject}.0")
    with LoopbackServer(lambda _: Response(), tls=tls.context()) as server:
        assert ask(SystemTrust(directory=str(folder)), server) == 200


def test_a_ca_beside_the_systems(tls: LoopbackTls, ca_file: str) -> None:
    """What certs.d and a private service need."""
    with LoopbackServer(lambda _: Response(), tls=tls.context()) as server:
        assert ask(SystemTrust(), server, Tls(ca_files=(ca_file,))) == 200


def test_contexts_do_not_mix(tls: LoopbackTls, ca_file: str) -> None:
    """A connection made without verification is not used for a question that wants it."""
    client = HttpClient(retries=0)
    with LoopbackServer(lambda _: Response(), tls=tls.context()) as server:
        client.request("GET", server.url, tls=Tls(insecure=True))
        with pytest.raises(Unavailable) as caught:
            client.request("GET", server.url)
        assert client.request("GET", server.url, tls=Tls(ca_files=(ca_file,))).status == 200
        client.close()
    assert caught.value.code == "tls-certificate"


@pytest.mark.parametrize("content", [None, b"", b"not PEM"])
def test_a_file_that_cannot_be_used(tmp_path: Path, content: bytes | None) -> None:
    """Named, as the operator's."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    for settings in ((Tls(ca_files=(str(path),)), SystemTrust()), (Tls(), SystemTrust(file=str(path)))):
        with pytest.raises(ConfigurationError) as caught:
            context(*settings)
        assert (caught.value.code, str(path) in caught.value.message) == ("tls-file", True)


def test_a_client_certificate_without_key(tls: LoopbackTls, tmp_path: Path) -> None:
    """Named too."""
    (tmp_path / "c.cert").write_bytes(tls.client_pem)
    (tmp_path / "c.key").write_bytes(b"")
    with pytest.raises(ConfigurationError, match=r"c\.cert"):
        context(Tls(client=((f"{tmp_path}/c.cert", f"{tmp_path}/c.key"),)), SystemTrust())


def test_a_client_certificate_stays_with_its_host(tls: LoopbackTls, tmp_path: Path, ca_file: str) -> None:
    """A redirect to another host is followed without naming ourselves."""
    for name, content in (("c.cert", tls.client_pem), ("c.key", tls.client_key_pem)):
        (tmp_path / name).write_bytes(content)
    ours = Tls(ca_files=(ca_file,), client=((f"{tmp_path}/c.cert", f"{tmp_path}/c.key"),))
    demanding = tls.context(demand_client=True)
    with LoopbackServer(lambda _: Response(), tls=demanding) as other:
        away = Response(status=307, headers={"Location": other.url})
        with LoopbackServer(lambda _: away, tls=demanding) as server, pytest.raises(Unavailable):
            ask(SystemTrust(), server, ours)
    assert (len(server.requests), other.requests) == (1, [])


def test_https_does_not_become_http(tls: LoopbackTls, ca_file: str) -> None:
    """A redirect to clear text is refused, whatever it carries."""
    with LoopbackServer(lambda _: Response()) as plain:
        away = Response(status=307, headers={"Location": plain.url})
        with (
            LoopbackServer(lambda _: away, tls=tls.context()) as server,
            pytest.raises(Unavailable) as caught,
        ):
            ask(SystemTrust(file=ca_file), server)
    assert (caught.value.code, plain.requests) == ("redirect-insecure", [])


@pytest.mark.parametrize("by_tls", [False, True], ids=["plain proxy", "TLS proxy"])
def test_a_tunnel(tls: LoopbackTls, ca_file: str, tunnel_proxy: Callable[..., Any], by_tls: bool) -> None:
    """https through a proxy: the proxy sees where to, its password, and nothing of the question."""
    proxy = tunnel_proxy(tls.context() if by_tls else None)
    address = proxy.url.replace("://", "://me:p%40ss@")
    client = HttpClient(trust=SystemTrust(file=ca_file), proxies=Proxies(https=address), retries=0)
    with LoopbackServer(lambda _: Response(body=b"through"), tls=tls.context()) as server:
        # Loopback is never proxied: the server goes by a name that the proxy resolves.
        url = f"https://registry.example:{server.port}/secret"
        unproven = Tls(insecure=True)  # its certificate is for localhost
        bodies = [client.request("GET", url, tls=unproven).body for _ in range(2)]
        with pytest.raises(Unavailable) as caught:
            client.request("GET", url)
        client.close()
    assert bodies == [b"through", b"through"]
    assert caught.value.code == "tls-certificate"
    assert [head.split()[:2] for head in proxy.heads] == [["CONNECT", f"registry.example:{server.port}"]] * 2
    assert ["Basic bWU6cEBzcw==" in head for head in proxy.heads] == [True, True]
    assert ["proxy-authorization" in request.headers for request in server.requests] == [False, False]


def test_a_proxy_must_prove_itself(tls: LoopbackTls, tunnel_proxy: Callable[..., Any]) -> None:
    """An https proxy with a CA that nobody knows gets no password, whatever the registry's settings are."""
    proxy = tunnel_proxy(tls.context())
    client = HttpClient(proxies=Proxies(https=proxy.url.replace("://", "://me:pw@")), retries=0)
    with pytest.raises(Unavailable) as caught:
        client.request("GET", "https://registry.example/", tls=Tls(insecure=True))
    assert (caught.value.code, proxy.heads) == ("tls-certificate", [])


LATE = """
import sys
from vouchsafe.adapters.http import HttpClient
from vouchsafe.adapters.registry import RegistryClient
from vouchsafe.adapters.settings import Settings
early = {name for name in ("urllib3", "ssl", "socket", "subprocess", "tomllib", "http.client") if name in sys.modules}
from vouchsafe.image.reference import Reference
settings = Settings(etc="/none", share="/none", run="/none", tls_verify=False)
client = RegistryClient(HttpClient(), settings)
assert client.manifest(Reference.parse(sys.argv[1]), None) is None
import ssl
late = {name for name in ("subprocess", "tomllib", "concurrent.futures", "asyncio", "urllib3") if name in sys.modules}
late |= {"certs" for name in sys.modules if name.endswith(("registry.certs", "registry.auth", "registry.tokens"))}
print(sorted(early | late))
"""


def test_what_is_imported_when() -> None:
    """HTTP with the first request, urllib3 with a proxy; TOML, programs, tokens, certificates when needed."""
    with LoopbackServer(lambda _: Response(status=404)) as server:
        done = subprocess.run(
            [sys.executable, "-c", LATE, f"{server.address}/app"], capture_output=True, text=True, check=False
        )
    assert (done.stdout, done.stderr) == ("[]\n", "")
