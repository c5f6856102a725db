"""The registry client: what it asks, what it believes, and where it looks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vouchsafe.adapters.http import Budget, HttpClient
from vouchsafe.adapters.registry import RegistryClient
from vouchsafe.adapters.settings import Settings
from vouchsafe.errors import ConfigurationError, MalformedError, Unavailable
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import Descriptor
from vouchsafe.image.reference import Reference
from vouchsafe.testing.loopback import LoopbackServer, Request, Response
from vouchsafe.testing.registry import RegistryServer, RegistryStore, push_image
from vouchsafe.testing.tls import LoopbackTls

OwnHost = Callable[..., Settings]


@pytest.fixture
def client(http: HttpClient, own_host: OwnHost) -> RegistryClient:
    """A client of loopback registries."""
    return RegistryClient(http, own_host(tls_verify=False))


def descriptor(content: bytes, **changes: object) -> Descriptor:
    """A descriptor of some content."""
    made = Descriptor(media_type="a/b", digest=Digest.of(content), size=len(content), annotations={})
    return made.replace(**changes)


def test_an_image_by_tag_and_digest(client: RegistryClient) -> None:
    """No ping, one request each."""
    with RegistryServer() as server:
        digest = push_image(server.store, "group/app")
        reference = Reference.parse(server.reference("group/app"))
        by_tag = client.manifest(reference, None)
        by_digest = client.manifest(reference.with_digest(digest), None)
        other = client.manifest(reference, "missing")
    assert by_tag is not None
    assert (by_tag.digest, by_digest, other) == (digest, by_tag, None)
    assert len(server.requests) == 3
    assert server.requests[0].headers["accept"].count("application/vnd.") == 4


def test_a_blob(client: RegistryClient) -> None:
    """With its size and digest."""
    with RegistryServer() as server:
        server.store.put_blob("group/app", b"content")
        reference = Reference.parse(server.reference("group/app"))
        assert client.blob(reference, descriptor(b"content"), largest=100) == b"content"


def test_sha512(client: RegistryClient) -> None:
    """A digest's own algorithm decides what is compared."""
    with RegistryServer() as server:
        digest = server.store.put_blob("app", b"content", "sha512")
        reference = Reference.parse(server.reference("app"))
        assert client.blob(reference, descriptor(b"content", digest=digest), largest=100) == b"content"
        lie = digest.replace(hex="0" * 128)
        with pytest.raises(Unavailable):
            client.blob(reference, descriptor(b"content", digest=lie), largest=100)


def serving(body: bytes, content_type: str = "application/vnd.oci.image.manifest.v1+json") -> LoopbackServer:
    """A registry that answers everything the same."""
    return LoopbackServer(lambda _: Response(headers={"Content-Type": content_type}, body=body))


BLOB_LIES = {
    "another content": (b"c0ntent", {}, "digest-mismatch"),
    "shorter": (b"conten", {}, "blob-size"),
    "longer": (b"contents", {}, "answer-too-large"),
    "larger than allowed": (b"content", {"size": 101}, "blob-too-large"),
    "smaller than said": (b"content", {"size": 9}, "blob-size"),
}


@pytest.mark.parametrize("name", BLOB_LIES)
def test_a_blob_that_lies(client: RegistryClient, name: str) -> None:
    """Malformed: not what was asked for."""
    body, changes, code = BLOB_LIES[name]
    with serving(body) as server, pytest.raises(MalformedError) as caught:
        client.blob(Reference.parse(f"{server.address}/app"), descriptor(b"content", **changes), largest=100)
    assert caught.value.code == code


def test_a_blob_that_is_not_there(client: RegistryClient) -> None:
    """Its manifest names it: to miss it is a failure, not an absence."""
    with RegistryServer() as server, pytest.raises(Unavailable) as caught:
        client.blob(Reference.parse(server.reference("app")), descriptor(b"content"), largest=100)
    assert caught.value.code == "blob-missing"


IMAGE = (
    b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"a/b","digest":"sha256:%s","size":1},"layers":[]}'
    % (b"a" * 64)
)
MANIFEST_LIES = {
    "both index and image (CVE-2021-41190)": (
        IMAGE.replace(b'"layers"', b'"manifests":[],"layers"'),
        "application/vnd.oci.image.manifest.v1+json",
    ),
    "served as something else (CVE-2021-41190)": (IMAGE, "application/vnd.oci.image.index.v1+json"),
    "not JSON": (b"hello", "text/plain"),
    "nothing": (b"", "application/vnd.oci.image.manifest.v1+json"),
    "an error with status 200": (b'{"errors":[]}', "application/json"),
}


@pytest.mark.parametrize("name", MANIFEST_LIES)
def test_a_manifest_that_is_none(client: RegistryClient, name: str) -> None:
    """Malformed, for the image and for a companion tag alike."""
    body, content_type = MANIFEST_LIES[name]
    with serving(body, content_type) as server:
        for wanted in (None, "sha256-" + "a" * 64 + ".sig"):
            with pytest.raises(MalformedError):
                client.manifest(Reference.parse(f"{server.address}/app"), wanted)


def test_a_digest_that_lies(client: RegistryClient) -> None:
    """GHSA-xhg5-42rf-296r: what is asked by digest is hashed, whatever the registry says about it."""
    digest = Digest.of(b"other")
    lie = Response(
        headers={
            "Content-Type": "application/vnd.oci.image.manifest.v1+json",
            "Docker-Content-Digest": str(digest),
        },
        body=IMAGE,
    )
    with LoopbackServer(lambda _: lie) as server, pytest.raises(MalformedError) as caught:
        client.manifest(Reference.parse(f"{server.address}/app@{digest}"), None)
    assert caught.value.code == "digest-mismatch"


def test_docker_content_digest_is_not_believed(client: RegistryClient) -> None:
    """The digest of a tag is that of the bytes."""
    lie = Response(headers={"Docker-Content-Digest": f"sha256:{'0' * 64}"}, body=IMAGE)
    with LoopbackServer(lambda _: lie) as server:
        found = client.manifest(Reference.parse(f"{server.address}/app"), None)
    assert found is not None
    assert found.digest == Digest.of(IMAGE)


def test_a_web_page_is_no_registry(client: RegistryClient) -> None:
    """A portal that answers 200 to everything: could not ask, rather than malformed or absent."""
    with serving(b"<html>", "text/html; charset=utf-8") as server:
        for wanted in (None, "sha256-" + "a" * 64):
            with pytest.raises(Unavailable) as caught:
                client.manifest(Reference.parse(f"{server.address}/app"), wanted)
            assert caught.value.code == "registry-html"


def test_an_html_404_is_an_absence(client: RegistryClient) -> None:
    """The status says it."""
    with LoopbackServer(lambda _: Response(status=404, headers={"Content-Type": "text/html"})) as server:
        assert client.manifest(Reference.parse(f"{server.address}/app"), None) is None


@pytest.mark.parametrize("status", [400, 402, 406, 410, 500, 503])
def test_other_answers_are_no_absence(client: RegistryClient, status: int) -> None:
    """Only 404 says that there is nothing."""
    with LoopbackServer(lambda _: Response(status=status, body=b"why")) as server, pytest.raises(Unavailable):
        client.manifest(Reference.parse(f"{server.address}/app"), None)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_is_told_as_one(client: RegistryClient, status: int) -> None:
    """With a hint about logging in; for referrers too."""
    with LoopbackServer(lambda _: Response(status=status)) as server:
        reference = Reference.parse(f"{server.address}/app")
        with pytest.raises(Unavailable) as caught:
            client.manifest(reference, None)
        with pytest.raises(Unavailable):
            client.referrers(reference, Digest.of(b""))
    assert caught.value.code == "registry-unauthorized"


def push_referrer(store: RegistryStore, repository: str, subject: Digest, note: str) -> Digest:
    """A manifest that refers to another."""
    config = f'{{"mediaType":"a/b","digest":"sha256:{"a" * 64}","size":2}}'
    raw = (
        f'{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{config},"layers":[],'
        f'"subject":{{"mediaType":"a/b","digest":"{subject}","size":2}},"annotations":{{"n":"{note}"}}}}'
    )
    return store.put_manifest(repository, raw.encode(), "application/vnd.oci.image.manifest.v1+json")


@pytest.mark.parametrize("page", [0, 1, 2, 3])
def test_referrers_in_pages(client: RegistryClient, page: int) -> None:
    """All of them, however few come at a time, never filtered."""
    with RegistryServer(referrers="api", page=page) as server:
        digest = push_image(server.store, "app")
        pushed = {push_referrer(server.store, "app", digest, str(number)) for number in range(5)}
        found = client.referrers(Reference.parse(server.reference("app")), digest)
    assert {each.digest for each in found} == pushed
    assert all("artifactType" not in request.query for request in server.requests)


@pytest.mark.parametrize("mode", ["absent", "absent-json", "html", "empty"])
def test_no_referrers(client: RegistryClient, mode: str) -> None:
    """Every way of having none."""
    with RegistryServer(referrers=mode) as server:  # type: ignore[arg-type]
        digest = push_image(server.store, "app")
        assert client.referrers(Reference.parse(server.reference("app")), digest) == ()


def test_referrers_that_never_end(client: RegistryClient) -> None:
    """A registry that always has a next page: a limit, and never "none found"."""
    entry = f'{{"mediaType":"a/b","digest":"sha256:{"a" * 64}","size":1}}'
    page = f'{{"schemaVersion":2,"manifests":[{",".join([entry] * 2_000)}]}}'.encode()
    headers = {"Content-Type": "application/vnd.oci.image.index.v1+json", "Link": "<?last=x>; rel=next"}
    with (
        LoopbackServer(lambda _: Response(headers=headers, body=page)) as server,
        pytest.raises(Unavailable) as caught,
    ):
        client.referrers(Reference.parse(f"{server.address}/app"), Digest.of(b""))
    assert caught.value.code == "limit-referrers"


def test_referrers_that_stop_in_the_middle(client: RegistryClient) -> None:
    """The second page is no index: what it would have held is unknown."""
    first = Response(
        headers={"Content-Type": "application/vnd.oci.image.index.v1+json", "Link": "<?last=x>; rel=next"},
        body=f'{{"manifests":[{{"mediaType":"a/b","digest":"sha256:{"a" * 64}","size":1}}]}}'.encode(),
    )
    with (
        LoopbackServer(lambda request: Response(status=404) if request.query else first) as server,
        pytest.raises(Unavailable) as caught,
    ):
        client.referrers(Reference.parse(f"{server.address}/app"), Digest.of(b""))
    assert caught.value.code == "referrers-page"


def test_referrers_elsewhere_are_not_asked(client: RegistryClient) -> None:
    """A redirect to another host is a login page; nothing but the image's registry is asked."""
    with LoopbackServer(lambda _: Response()) as other:
        away = Response(status=303, headers={"Location": f"{other.url}/login"})
        with LoopbackServer(lambda _: away) as server:
            assert client.referrers(Reference.parse(f"{server.address}/app"), Digest.of(b"")) == ()
    assert other.requests == []


def test_no_signature_files(client: RegistryClient) -> None:
    """They are beside `dir:` images only; no request is made."""
    assert client.signatures(Reference.parse("127.0.0.1:1/app"), Digest.of(b"")) == ()


def test_another_transport(client: RegistryClient) -> None:
    """A mistake of the wiring is told, not guessed around."""
    with pytest.raises(MalformedError):
        client.manifest(Reference.parse("oci:/x"), None)


def test_a_budget_is_shared_with_the_copy(client: RegistryClient) -> None:
    """`within` keeps what was learned and spends from the budget."""
    with RegistryServer() as server:
        push_image(server.store, "app")
        reference = Reference.parse(server.reference("app"))
        moment = [0.0]
        bounded = client.within(Budget(10, monotonic=lambda: moment[0]))
        assert bounded.manifest(reference, None) == client.manifest(reference, None)
        moment[0] = 11.0
        with pytest.raises(Unavailable) as caught:
            bounded.manifest(reference, None)
    assert (caught.value.code, len(server.requests)) == ("deadline", 2)


# --- Schemes and TLS.


@pytest.fixture(scope="module")
def tls() -> LoopbackTls:
    """One CA for the module."""
    return LoopbackTls()


def certificates(settings: Settings, server: LoopbackServer, **files: bytes) -> None:
    """Files in the registry's certs.d folder; `_` for the dot."""
    folder = Path(f"{settings.etc}/containers/certs.d/{server.address}")
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_bytes(content)


def test_https_is_the_rule(http: HttpClient, own_host: OwnHost) -> None:
    """Without --tls-verify=false a loopback registry without TLS is not asked in clear."""
    with RegistryServer() as server:
        push_image(server.store, "app")
        with pytest.raises(Unavailable) as caught:
            RegistryClient(http, own_host()).manifest(Reference.parse(server.reference("app")), None)
    assert (caught.value.code, server.requests) == ("tls", [])
    assert "--tls-verify=false" in caught.value.hint


def test_an_unknown_ca(http: HttpClient, own_host: OwnHost, tls: LoopbackTls) -> None:
    """Refused, with what to do."""
    with RegistryServer(tls=tls.context()) as server, pytest.raises(Unavailable) as caught:
        RegistryClient(http, own_host()).manifest(Reference.parse(server.reference("app")), None)
    assert (caught.value.code, "certs.d" in caught.value.hint) == ("tls-certificate", True)


def test_a_ca_in_certs_d(http: HttpClient, own_host: OwnHost, tls: LoopbackTls) -> None:
    """The registry's own CA is trusted for it."""
    with RegistryServer(tls=tls.context()) as server:
        digest = push_image(server.store, "app")
        settings = own_host()
        certificates(settings, server, ca_crt=tls.ca_pem)
        found = RegistryClient(http, settings).manifest(Reference.parse(server.reference("app")), None)
    assert found is not None
    assert found.digest == digest


def test_a_client_certificate(http: HttpClient, own_host: OwnHost, tls: LoopbackTls) -> None:
    """Shown to the registry that demands one."""
    with RegistryServer(tls=tls.context(demand_client=True)) as server:
        push_image(server.store, "app")
        settings = own_host()
        certificates(
            settings, server, ca_crt=tls.ca_pem, client_cert=tls.client_pem, client_key=tls.client_key_pem
        )
        found = RegistryClient(http, settings).manifest(Reference.parse(server.reference("app")), None)
        bare = RegistryClient(http, settings.replace(trust=settings.trust, cert_dir=f"{settings.etc}/none"))
        with pytest.raises(Unavailable):
            bare.manifest(Reference.parse(server.reference("app")), None)
    assert found is not None


def test_the_wrong_name(http: HttpClient, own_host: OwnHost) -> None:
    """A certificate for another host is no proof, whoever issued it."""
    from cryptography import x509

    other = LoopbackTls(names=(x509.DNSName("other.example"),))
    with RegistryServer(tls=other.context()) as server:
        settings = own_host()
        certificates(settings, server, ca_crt=other.ca_pem)
        with pytest.raises(Unavailable) as caught:
            RegistryClient(http, settings).manifest(Reference.parse(server.reference("app")), None)
    assert caught.value.code == "tls-certificate"


def test_a_broken_ca_file(http: HttpClient, own_host: OwnHost, tls: LoopbackTls) -> None:
    """Named: the operator put it there."""
    with RegistryServer(tls=tls.context()) as server:
        settings = own_host()
        certificates(settings, server, ca_crt=b"not PEM")
        with pytest.raises(ConfigurationError, match=r"ca\.crt"):
            RegistryClient(http, settings).manifest(Reference.parse(server.reference("app")), None)


def test_tls_verify_false_on_loopback(client: RegistryClient) -> None:
    """Plain http at once: not one request is lost on finding out."""
    with RegistryServer() as server:
        push_image(server.store, "app")
        assert client.manifest(Reference.parse(server.reference("app")), None) is not None
    assert len(server.requests) == 1


def test_tls_verify_false_with_tls(client: RegistryClient, tls: LoopbackTls) -> None:
    """Nobody speaks http there: https without verification, remembered."""
    with RegistryServer(tls=tls.context()) as server:
        push_image(server.store, "app")
        reference = Reference.parse(server.reference("app"))
        found = [client.manifest(reference, None) for _ in range(2)]
    assert (None in found, len(server.requests)) == (False, 2)


def test_a_go_server_answers_http_with_400(client: RegistryClient) -> None:
    """The words "sent an HTTP request to an HTTPS server" are no answer about the image."""
    refusal = Response(status=400, body=b"Client sent an HTTP request to an HTTPS server.")
    with LoopbackServer(lambda _: refusal) as server, pytest.raises(Unavailable) as caught:
        client.manifest(Reference.parse(f"{server.address}/app"), None)
    assert "status 400" in caught.value.message


def test_an_insecure_registry_that_is_busy(client: RegistryClient, pauses: list[float]) -> None:
    """503 is an answer in the right scheme: asked again there, not in the other one."""
    left = [Response(status=503), Response(status=503), Response(status=404)]
    with LoopbackServer(lambda _: left.pop(0)) as server:
        assert client.manifest(Reference.parse(f"{server.address}/app"), None) is None
    assert len(server.requests) == 3


def test_insecure_in_registries_conf(http: HttpClient, own_host: OwnHost, tmp_path: Path) -> None:
    """The same by file; the flag wins over it in both directions."""
    with RegistryServer() as server:
        push_image(server.store, "app")
        conf = tmp_path / "r.conf"
        conf.write_text(f'[[registry]]\nlocation = "{server.address}"\ninsecure = true\n')
        settings = own_host(registries_conf=str(conf))
        reference = Reference.parse(server.reference("app"))
        assert RegistryClient(http, settings).manifest(reference, None) is not None
        with pytest.raises(Unavailable):
            RegistryClient(http, settings.replace(tls_verify=True)).manifest(reference, None)


# --- Mirrors.


def mirrored(own_host: OwnHost, tmp_path: Path, *places: str, more: str = "") -> Settings:
    """Settings that look for `r.example` in these places, the last being its location."""
    *mirrors, location = places
    text = f'[[registry]]\nprefix = "r.example"\nlocation = "{location}"\ninsecure = true\n{more}\n'
    text += "".join(f'[[registry.mirror]]\nlocation = "{each}"\ninsecure = true\n' for each in mirrors)
    path = tmp_path / "mirrors.conf"
    path.write_text(text)
    return own_host(registries_conf=str(path))


IMAGE_NAME = Reference.parse("r.example/app:v1")


def test_what_answered_the_manifest_answers_the_rest(
    http: HttpClient, own_host: OwnHost, tmp_path: Path
) -> None:
    """The mirror without the image is left; the one that has it gives referrers, tags and blobs too."""
    with RegistryServer() as empty, RegistryServer() as mirror, RegistryServer() as primary:
        digest = push_image(mirror.store, "m/app")
        push_image(primary.store, "app")
        settings = mirrored(own_host, tmp_path, empty.address, f"{mirror.address}/m", primary.address)
        client = RegistryClient(http, settings)
        found = client.manifest(IMAGE_NAME, None)
        assert found is not None
        client.referrers(IMAGE_NAME, digest)
        client.manifest(IMAGE_NAME, f"{digest.tag_prefix}.sig")
        client.blob(IMAGE_NAME, found.layers[0], largest=100)
        client.referrers(IMAGE_NAME.with_digest(digest), digest)
    assert (len(empty.requests), len(mirror.requests), len(primary.requests)) == (1, 5, 0)
    assert {request.path.split("/")[2] for request in mirror.requests} == {"m"}


def test_no_signature_at_the_mirror_is_no_reason_to_look_elsewhere(
    http: HttpClient, own_host: OwnHost, tmp_path: Path
) -> None:
    """containers/image does not fall back either: the two would judge different evidence."""
    with RegistryServer() as mirror, RegistryServer() as primary:
        digest = push_image(mirror.store, "app")
        push_image(primary.store, "app", f"{digest.tag_prefix}.sig")
        client = RegistryClient(http, mirrored(own_host, tmp_path, mirror.address, primary.address))
        client.manifest(IMAGE_NAME, None)
        assert client.manifest(IMAGE_NAME, f"{digest.tag_prefix}.sig") is None
    assert primary.requests == []


def test_evidence_by_digest_is_where_the_image_is(
    http: HttpClient, own_host: OwnHost, tmp_path: Path
) -> None:
    """Nobody asked for the manifest yet: it is found first, or an empty mirror would hide a signature."""
    with RegistryServer() as mirror, RegistryServer() as primary:
        digest = push_image(primary.store, "app")
        push_image(primary.store, "app", f"{digest.tag_prefix}.sig", content=b"signature")
        reference = IMAGE_NAME.with_digest(digest)
        client = RegistryClient(http, mirrored(own_host, tmp_path, mirror.address, primary.address))
        assert client.manifest(reference, f"{digest.tag_prefix}.sig") is not None
        client.referrers(reference, digest)
    assert (len(mirror.requests), len(primary.requests)) == (1, 3)


def test_evidence_of_an_image_that_is_nowhere(http: HttpClient, own_host: OwnHost, tmp_path: Path) -> None:
    """Is asked of the primary."""
    with RegistryServer() as mirror, RegistryServer() as primary:
        digest = push_image(primary.store, "other")
        client = RegistryClient(http, mirrored(own_host, tmp_path, mirror.address, primary.address))
        assert client.referrers(IMAGE_NAME.with_digest(digest), digest) == ()
    assert (mirror.count(path="referrers"), primary.count(path="referrers")) == (0, 1)


def test_each_image_has_its_source(http: HttpClient, own_host: OwnHost, tmp_path: Path) -> None:
    """That one image is at the mirror says nothing about another."""
    with RegistryServer() as mirror, RegistryServer() as primary:
        first = push_image(mirror.store, "app", "v1")
        second = push_image(primary.store, "app", "v2", content=b"2")
        client = RegistryClient(http, mirrored(own_host, tmp_path, mirror.address, primary.address))
        other = Reference.parse("r.example/app:v2")
        client.manifest(IMAGE_NAME, None)
        client.manifest(other, None)
        client.referrers(IMAGE_NAME, first)
        client.referrers(other, second)
    assert [server.count(path="referrers") for server in (mirror, primary)] == [1, 1]
    assert [server.count(path=str(second)) for server in (mirror, primary)] == [0, 1]


@pytest.mark.parametrize(
    "trouble",
    [
        Response(status=500),
        Response(status=403),
        Response(body=b"<html>", headers={"Content-Type": "text/html"}),
        Response(reset=True),
    ],
    ids=["500", "403", "html", "reset"],
)
def test_a_mirror_in_trouble_is_left(
    http: HttpClient, own_host: OwnHost, tmp_path: Path, trouble: Response
) -> None:
    """Whatever is wrong with it, the next one is asked."""
    with LoopbackServer(lambda _: trouble) as mirror, RegistryServer() as primary:
        digest = push_image(primary.store, "app")
        client = RegistryClient(http, mirrored(own_host, tmp_path, mirror.address, primary.address))
        found = client.manifest(IMAGE_NAME, None)
    assert found is not None
    assert found.digest == digest


def test_a_lying_mirror_is_left(http: HttpClient, own_host: OwnHost, tmp_path: Path) -> None:
    """By digest it cannot pretend."""
    with serving(IMAGE) as mirror, RegistryServer() as primary:
        digest = push_image(primary.store, "app")
        client = RegistryClient(http, mirrored(own_host, tmp_path, mirror.address, primary.address))
        found = client.manifest(IMAGE_NAME.with_digest(digest), None)
    assert found is not None
    assert found.digest == digest


def test_all_sources_without_the_image(http: HttpClient, own_host: OwnHost, tmp_path: Path) -> None:
    """Absent everywhere is absent."""
    with RegistryServer() as mirror, RegistryServer() as primary:
        client = RegistryClient(http, mirrored(own_host, tmp_path, mirror.address, primary.address))
        assert client.manifest(IMAGE_NAME, None) is None


def test_a_source_that_could_not_be_asked_may_have_it(
    http: HttpClient, own_host: OwnHost, tmp_path: Path
) -> None:
    """One is down, the other has nothing: we could not tell."""
    with LoopbackServer(lambda _: Response(status=500)) as mirror, RegistryServer() as primary:
        client = RegistryClient(http, mirrored(own_host, tmp_path, mirror.address, primary.address))
        with pytest.raises(Unavailable):
            client.manifest(IMAGE_NAME, None)


def test_all_sources_down(http: HttpClient, own_host: OwnHost, tmp_path: Path) -> None:
    """Every failure is told."""
    with (
        LoopbackServer(lambda _: Response(status=500)) as mirror,
        LoopbackServer(lambda _: Response(status=403)) as primary,
    ):
        client = RegistryClient(http, mirrored(own_host, tmp_path, mirror.address, primary.address))
        with pytest.raises(Unavailable) as caught:
            client.manifest(IMAGE_NAME, None)
    assert caught.value.code == "registry-sources"
    assert (mirror.address in caught.value.message, primary.address in caught.value.message) == (True, True)


def test_a_blocked_registry_is_not_asked(http: HttpClient, own_host: OwnHost, tmp_path: Path) -> None:
    """Not for anything."""
    with RegistryServer() as server:
        client = RegistryClient(http, mirrored(own_host, tmp_path, server.address, more="blocked = true"))
        for ask in (
            lambda: client.manifest(IMAGE_NAME, None),
            lambda: client.referrers(IMAGE_NAME, Digest.of(b"")),
            lambda: client.blob(IMAGE_NAME, descriptor(b"x"), largest=10),
        ):
            with pytest.raises(Unavailable) as caught:
                ask()
            assert caught.value.code == "registry-blocked"
    assert server.requests == []


def test_docker_hub_answers_elsewhere(own_host: OwnHost) -> None:
    """docker.io's API is at registry-1.docker.io; a proxy sees whom we ask for."""
    from vouchsafe.adapters.proxies import Proxies

    asked: list[str] = []

    def tunnel(request: Request) -> Response:
        asked.append(request.path)
        return Response(status=403)

    with LoopbackServer(tunnel) as proxy:
        http = HttpClient(proxies=Proxies(https=proxy.url), retries=0)
        with pytest.raises(Unavailable):
            RegistryClient(http, own_host()).manifest(Reference.parse("busybox"), None)
    assert asked == ["registry-1.docker.io:443"]
