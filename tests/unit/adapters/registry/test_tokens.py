"""Getting in: basic, bearer, identity tokens; and to whom credentials never go."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from vouchsafe.adapters.http import HttpClient
from vouchsafe.adapters.registry import RegistryClient
from vouchsafe.adapters.settings import Settings
from vouchsafe.errors import Unavailable, VouchsafeError
from vouchsafe.image.reference import Reference
from vouchsafe.testing.loopback import LoopbackServer, Request, Response
from vouchsafe.testing.registry import BasicAccess, RegistryServer, TokenAccess, push_image
from vouchsafe.testing.tls import LoopbackTls

OwnHost = Callable[..., Settings]
USERS = {"me": "hunter2"}


def log_in(settings: Settings, host: str, **entry: str) -> Settings:
    """Settings with an auth file that knows one host."""
    written = entry or {"auth": base64.b64encode(b"me:hunter2").decode()}
    path = Path(settings.etc).parent / "auth.json"
    path.write_text(json.dumps({"auths": {host: written}}))
    return settings.replace(authfile=str(path))


def paths(server: LoopbackServer) -> list[str]:
    """What was asked, in order."""
    return [request.path.removeprefix("/v2/group/app/") for request in server.requests]


def secrets(server: LoopbackServer) -> list[str]:
    """The Authorization headers and bodies that arrived."""
    return [
        found
        for request in server.requests
        for found in (request.headers.get("authorization", ""), request.body.decode())
        if found
    ]


def test_anonymous_tokens(http: HttpClient, own_host: OwnHost) -> None:
    """A public repository: question, token, question; afterwards the token is known."""
    access = TokenAccess(USERS, anonymous_pull=True)
    with RegistryServer(access=access) as server:
        digest = push_image(server.store, "group/app")
        client = RegistryClient(http, own_host(tls_verify=False))
        reference = Reference.parse(server.reference("group/app"))
        found = client.manifest(reference, None)
        client.referrers(reference, digest)
        client.manifest(reference, digest)
    assert found is not None
    assert paths(server) == [
        "manifests/v1",
        "/token",
        "manifests/v1",
        f"referrers/{digest}",
        f"manifests/{digest}",
    ]
    token = server.requests[1]
    assert dict(token.query) == {"service": "registry.example", "scope": "repository:group/app:pull"}
    assert "authorization" not in token.headers


def test_tokens_with_a_password(http: HttpClient, own_host: OwnHost) -> None:
    """Only the token service sees the password, the registry only the token."""
    access = TokenAccess(USERS)
    with RegistryServer(access=access) as server:
        push_image(server.store, "group/app")
        client = RegistryClient(http, log_in(own_host(tls_verify=False), server.address))
        found = client.manifest(Reference.parse(server.reference("group/app")), None)
    assert found is not None
    token = access.token("repository:group/app:pull")
    assert secrets(server) == ["Basic " + base64.b64encode(b"me:hunter2").decode(), f"Bearer {token}"]
    assert server.requests[1].query["account"] == "me"


def test_identity_tokens(http: HttpClient, own_host: OwnHost) -> None:
    """Exchanged by POST (grant_type refresh_token), never in a URL."""
    access = TokenAccess({}, identity_tokens={"long-lived": "me"})
    with RegistryServer(access=access) as server:
        push_image(server.store, "group/app")
        settings = log_in(own_host(tls_verify=False), server.address, identitytoken="long-lived")
        found = RegistryClient(http, settings).manifest(Reference.parse(server.reference("group/app")), None)
    assert found is not None
    exchange = server.requests[1]
    assert (exchange.method, dict(exchange.query)) == ("POST", {})
    assert b"refresh_token=long-lived" in exchange.body


def test_basic(http: HttpClient, own_host: OwnHost) -> None:
    """Anonymous first, then with the password; afterwards with it at once."""
    with RegistryServer(access=BasicAccess(USERS)) as server:
        digest = push_image(server.store, "group/app")
        client = RegistryClient(http, log_in(own_host(tls_verify=False), server.address))
        reference = Reference.parse(server.reference("group/app"))
        client.manifest(reference, None)
        client.manifest(reference, digest)
    assert [("authorization" in request.headers) for request in server.requests] == [False, True, True]


@pytest.mark.parametrize("access", [BasicAccess(USERS), TokenAccess(USERS)], ids=["basic", "token"])
def test_without_credentials(http: HttpClient, own_host: OwnHost, access: BasicAccess | TokenAccess) -> None:
    """Unavailable, with what to do; never "no such image"."""
    with RegistryServer(access=access) as server:
        push_image(server.store, "group/app")
        client = RegistryClient(http, own_host(tls_verify=False))
        with pytest.raises(Unavailable) as caught:
            client.manifest(Reference.parse(server.reference("group/app")), None)
    assert caught.value.code == "registry-unauthorized"
    assert "podman login" in caught.value.hint


@pytest.mark.parametrize("access", [BasicAccess({}), TokenAccess({})], ids=["basic", "token"])
def test_a_wrong_password(http: HttpClient, own_host: OwnHost, access: BasicAccess | TokenAccess) -> None:
    """Tried once, not for ever; not shown."""
    with RegistryServer(access=access) as server:
        push_image(server.store, "group/app")
        client = RegistryClient(http, log_in(own_host(tls_verify=False), server.address))
        with pytest.raises(Unavailable) as caught:
            client.manifest(Reference.parse(server.reference("group/app")), None)
    assert (caught.value.code, len(server.requests)) == ("registry-unauthorized", 2)
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"


def test_an_expired_token_is_renewed(own_host: OwnHost) -> None:
    """A 401 with a token that worked before: one new token, one more question."""
    granted = [0]

    def answer(request: Request) -> Response:
        if request.path == "/token":
            granted[0] += 1
            body = json.dumps({"token": f"t{granted[0]}"}).encode()
            return Response(headers={"Content-Type": "application/json"}, body=body)
        if (
            request.headers.get("authorization")
            == f"Bearer t{max(granted[0], len(server.requests) // 4 + 1)}"
        ):
            return Response(status=404)
        challenge = f'Bearer realm="{server.url}/token",service="s"'
        return Response(status=401, headers={"WWW-Authenticate": challenge})

    with LoopbackServer(answer) as server:
        client = RegistryClient(HttpClient(), own_host(tls_verify=False))
        reference = Reference.parse(f"{server.address}/group/app")
        for _ in range(3):
            assert client.manifest(reference, None) is None
    assert granted[0] == 2


def test_one_token_for_many_threads(own_host: OwnHost) -> None:
    """Eight threads that meet the same 401 ask for one token between them."""
    from concurrent.futures import ThreadPoolExecutor

    with RegistryServer(access=TokenAccess(USERS, anonymous_pull=True)) as server:
        digest = push_image(server.store, "group/app")
        client = RegistryClient(HttpClient(), own_host(tls_verify=False))
        reference = Reference.parse(server.reference("group/app"))
        with ThreadPoolExecutor(8) as threads:
            found = list(threads.map(lambda _: client.manifest(reference, digest), range(16)))
    assert {each.digest for each in found if each} == {digest}
    assert server.count(path="/token") == 1


def test_each_repository_has_its_token(http: HttpClient, own_host: OwnHost) -> None:
    """A token for one repository is not shown to another."""
    access = TokenAccess(USERS, anonymous_pull=True)
    with RegistryServer(access=access) as server:
        push_image(server.store, "one")
        push_image(server.store, "two")
        client = RegistryClient(http, own_host(tls_verify=False))
        for name in ("one", "two"):
            client.manifest(Reference.parse(server.reference(name)), None)
    used = {
        (request.path.split("/")[2], auth)
        for request in server.requests
        if (auth := request.headers.get("authorization"))
    }
    assert used == {(name, f"Bearer {access.token(f'repository:{name}:pull')}") for name in ("one", "two")}


def test_ghsa_vh4v_2xq2_g5cg_a_foreign_realm_gets_no_password(http: HttpClient, own_host: OwnHost) -> None:
    """A registry without TLS proves nothing: whoever answered may have named any realm."""
    with LoopbackServer(lambda _: Response(body=b'{"token":"x"}')) as thief:
        realm = f"http://localhost:{thief.port}/token"
        with RegistryServer(access=TokenAccess(USERS, realm=realm)) as server:
            push_image(server.store, "group/app")
            client = RegistryClient(http, log_in(own_host(tls_verify=False), server.address))
            with pytest.raises(Unavailable) as caught:
                client.manifest(Reference.parse(server.reference("group/app")), None)
    assert (caught.value.code, thief.requests) == ("realm-foreign", [])


def test_an_anonymous_question_may_go_to_a_foreign_realm(http: HttpClient, own_host: OwnHost) -> None:
    """There is nothing to lose."""
    with LoopbackServer(lambda _: Response(body=b'{"token":"x"}')) as realm:
        access = TokenAccess(USERS, realm=f"http://localhost:{realm.port}/token")
        client = RegistryClient(http, own_host(tls_verify=False))
        with RegistryServer(access=access) as server, pytest.raises(Unavailable):
            client.manifest(Reference.parse(server.reference("group/app")), None)
    assert [secrets(realm), len(realm.requests)] == [[], 1]


@pytest.fixture(scope="module")
def tls() -> LoopbackTls:
    """One CA for the module."""
    return LoopbackTls()


def trusting(settings: Settings, tls: LoopbackTls) -> Settings:
    """Settings whose system trust is that CA."""
    path = Path(settings.etc).parent / "ca.pem"
    path.write_bytes(tls.ca_pem)
    return settings.replace(trust=settings.trust.replace(file=str(path)))


def test_a_proven_registry_may_name_a_realm_elsewhere(own_host: OwnHost, tls: LoopbackTls) -> None:
    """As Docker Hub and GitLab do: over https, named over https."""
    access = TokenAccess(USERS)
    with RegistryServer(access=access, tls=tls.context()) as realm:
        access_here = TokenAccess(USERS, realm=f"https://localhost:{realm.port}/token")
        with RegistryServer(access=access_here, tls=tls.context()) as server:
            push_image(server.store, "group/app")
            settings = log_in(trusting(own_host(), tls), server.address)
            client = RegistryClient(HttpClient(trust=settings.trust), settings)
            found = client.manifest(Reference.parse(server.reference("group/app")), None)
    assert found is not None
    assert secrets(realm) == ["Basic " + base64.b64encode(b"me:hunter2").decode()]


def test_ghsa_44f7_5fj5_h4px_an_https_registry_names_no_plain_realm(
    own_host: OwnHost, tls: LoopbackTls
) -> None:
    """From https to http is refused with and without credentials."""
    with LoopbackServer(lambda _: Response(body=b'{"token":"x"}')) as thief:
        access = TokenAccess(USERS, realm=f"{thief.url}/token")
        with RegistryServer(access=access, tls=tls.context()) as server:
            for settings in (own_host(), log_in(own_host(), server.address)):
                trusted = trusting(settings, tls)
                client = RegistryClient(HttpClient(trust=trusted.trust), trusted)
                with pytest.raises(Unavailable) as caught:
                    client.manifest(Reference.parse(server.reference("group/app")), None)
                assert caught.value.code == "realm"
    assert thief.requests == []


def test_unverified_tls_proves_nothing(own_host: OwnHost, tls: LoopbackTls) -> None:
    """With --tls-verify=false a realm on another host gets no password either."""
    with RegistryServer(access=TokenAccess(USERS), tls=tls.context()) as thief:
        access = TokenAccess(USERS, realm=f"https://localhost:{thief.port}/token")
        with RegistryServer(access=access, tls=tls.context()) as server:
            settings = log_in(own_host(tls_verify=False), server.address)
            with pytest.raises(Unavailable) as caught:
                RegistryClient(HttpClient(), settings).manifest(
                    Reference.parse(server.reference("group/app")), None
                )
    assert (caught.value.code, thief.requests) == ("realm-foreign", [])


def test_a_challenge_after_a_redirect_is_nobodys(http: HttpClient, own_host: OwnHost) -> None:
    """The host we were sent to asks for a password: it is not the registry's realm."""
    challenge = Response(status=401, headers={"WWW-Authenticate": "Basic realm=x"})
    with LoopbackServer(lambda _: challenge) as thief:
        away = Response(status=307, headers={"Location": f"{thief.url}/blob"})
        with LoopbackServer(lambda _: away) as server:
            settings = log_in(own_host(tls_verify=False), server.address)
            with pytest.raises(Unavailable) as caught:
                RegistryClient(http, settings).manifest(Reference.parse(f"{server.address}/group/app"), None)
    assert (caught.value.code, secrets(thief)) == ("registry-unauthorized", [])


def test_a_realm_that_redirects_gets_no_further(http: HttpClient, own_host: OwnHost) -> None:
    """A token is the realm's own answer or none."""
    with LoopbackServer(lambda _: Response(body=b'{"token":"x"}')) as thief:

        def answer(request: Request) -> Response:
            if request.path == "/token":
                return Response(status=307, headers={"Location": f"{thief.url}/token"})
            return Response(status=401, headers={"WWW-Authenticate": f'Bearer realm="{server.url}/token"'})

        with LoopbackServer(answer) as server:
            settings = log_in(own_host(tls_verify=False), server.address)
            with pytest.raises(Unavailable) as caught:
                RegistryClient(http, settings).manifest(Reference.parse(f"{server.address}/group/app"), None)
    assert (caught.value.code, thief.requests) == ("registry-unauthorized", [])


GRANTS = [
    b"",
    b"{",
    b"[]",
    b"{}",
    b'{"token":""}',
    b'{"token":1}',
    b'{"token":"a b"}',
    b'{"token":"a\\r\\nX: y"}',
]


@pytest.mark.parametrize("grant", [*GRANTS, b'{"token":"\xc3\xa9"}', b'{"token":"t","expires_in":"soon"}'])
def test_a_token_that_is_none(http: HttpClient, own_host: OwnHost, grant: bytes) -> None:
    """Whatever the realm answers ends in Unavailable, and no header is split by it."""

    def answer(request: Request) -> Response:
        if request.path == "/token":
            return Response(headers={"Content-Type": "application/json"}, body=grant)
        return Response(status=401, headers={"WWW-Authenticate": f'Bearer realm="{server.url}/token"'})

    with LoopbackServer(answer) as server, pytest.raises(Unavailable) as caught:
        RegistryClient(http, own_host(tls_verify=False)).manifest(
            Reference.parse(f"{server.address}/a"), None
        )
    assert caught.value.code == "token"


CHALLENGES = [
    "",
    "Bearer",
    'Bearer realm=""',
    'Bearer realm="/token"',
    'Bearer realm="ftp://a.example/"',
    'Bearer realm="http://u:p@a.example/"',
    'Bearer realm="http://a.example/',
    "Digest realm=x, nonce=y",
    "Negotiate",
]


@pytest.mark.parametrize("challenge", CHALLENGES)
def test_a_challenge_we_cannot_meet(http: HttpClient, own_host: OwnHost, challenge: str) -> None:
    """One of our errors, with and without credentials, and nothing is sent anywhere."""
    refusal = Response(status=401, headers={"WWW-Authenticate": challenge})
    with LoopbackServer(lambda _: refusal) as server:
        for settings in (own_host(tls_verify=False), log_in(own_host(tls_verify=False), server.address)):
            with pytest.raises(VouchsafeError):
                RegistryClient(http, settings).manifest(Reference.parse(f"{server.address}/a"), None)
    assert secrets(server) == []
