"""The services over HTTP, asked as cosign and sigstore-python ask them, and refusing what real ones refuse."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import rfc3161_client
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from vouchsafe.image.digest import Digest
from vouchsafe.testing.__main__ import main
from vouchsafe.testing.canonical import b64, pae, pem
from vouchsafe.testing.claims import github_claims, gitlab_claims
from vouchsafe.testing.entries import body, envelope, verifier2
from vouchsafe.testing.keys import public_pem, sign
from vouchsafe.testing.loopback import LoopbackServer
from vouchsafe.testing.material import IN_TOTO
from vouchsafe.testing.services import Services
from vouchsafe.testing.signer import Order, prepare
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.testing.workload import Workload


@pytest.fixture
def services() -> Iterator[Services]:
    """Everything running, on a clock that stands still."""
    with VirtualSigstore().serve() as running:
        yield running


def ask(
    server: LoopbackServer, method: str, path: str, value: Any = None, token: str = ""
) -> tuple[int, dict[str, str], bytes]:
    """One request; a value is sent as JSON, bytes as they are."""
    client = http.client.HTTPConnection(server.address)
    sent = value if isinstance(value, bytes) else b"" if value is None else json.dumps(value).encode()
    try:
        client.request(method, path, body=sent, headers={"Authorization": f"Bearer {token}"} if token else {})
        answer = client.getresponse()
        return answer.status, dict(answer.headers), answer.read()
    finally:
        client.close()


def subject_of(leaf: x509.Certificate) -> str:
    """The one URI a leaf names."""
    (uri,) = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(
        x509.UniformResourceIdentifier
    )
    return str(uri)


def key_request(services: Services, claims: dict[str, Any], *, proves: bool = True) -> dict[str, Any]:
    """A v2 request with a key and, if wanted, a proof of possessing it."""
    key = services.sigstore.keys.ec("requester")
    proof = sign(key, str(claims["sub"]).encode() if proves else b"other")
    return {
        "credentials": {"oidcIdentityToken": services.sigstore.oidc.token(claims)},
        "publicKeyRequest": {
            "publicKey": {"algorithm": "ECDSA", "content": public_pem(key.public_key()).decode()},
            "proofOfPossession": b64(proof),
        },
    }


def test_fulcio_v2_with_a_key(services: Services) -> None:
    """A leaf and its chain for whoever brings a token and proves to have the key."""
    status, _, raw = ask(
        services.servers["fulcio"], "POST", "/api/v2/signingCert", key_request(services, gitlab_claims())
    )
    chain = json.loads(raw)["signedCertificateEmbeddedSct"]["chain"]["certificates"]
    assert (status, len(chain)) == (200, 3)
    assert subject_of(x509.load_pem_x509_certificate(chain[0].encode())) == services.sigstore.workload.subject


def test_fulcio_v2_with_a_request(services: Services) -> None:
    """sigstore-python sends a certificate signing request and the token in a header."""
    key = services.sigstore.keys.ec("requester")
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    asked = {"certificateSigningRequest": b64(request.public_bytes(serialization.Encoding.PEM))}
    fulcio, token = services.servers["fulcio"], services.sigstore.oidc.token(github_claims())
    for version, expected in (("v1", 201), ("v2", 200)):
        assert ask(fulcio, "POST", f"/api/{version}/signingCert", asked, token)[0] == expected


def test_fulcio_v1(services: Services) -> None:
    """cosign 2: a DER key, its signature over the subject, the answer in PEM."""
    key = services.sigstore.keys.ec("requester")
    der = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    claims = gitlab_claims()
    asked = {
        "publicKey": {"algorithm": "ecdsa", "content": b64(der)},
        "signedEmailAddress": b64(sign(key, claims["sub"].encode())),
        "certificateSigningRequest": None,
    }
    fulcio = services.servers["fulcio"]
    status, _, raw = ask(fulcio, "POST", "/api/v1/signingCert", asked, services.sigstore.oidc.token(claims))
    assert (status, len(x509.load_pem_x509_certificates(raw))) == (201, 3)
    assert ask(fulcio, "GET", "/api/v1/rootCert")[2] == pem(*services.sigstore.ca.chain)
    bundle = json.loads(ask(fulcio, "GET", "/api/v2/trustBundle")[2])
    assert len(bundle["chains"][0]["certificates"]) == 2
    assert json.loads(ask(fulcio, "GET", "/api/v2/configuration")[2])["issuers"][0]["audience"] == "sigstore"


@pytest.mark.parametrize(
    "changes, status",
    [
        ({"ci_config_ref_uri": ...}, 400),
        ({"aud": "other"}, 401),
        ({"exp": 0}, 401),
    ],
)
def test_fulcio_refuses_tokens(services: Services, changes: dict[str, Any], status: int) -> None:
    """No configuration, another audience, expired."""
    asked = key_request(services, gitlab_claims(**changes))
    assert ask(services.servers["fulcio"], "POST", "/api/v2/signingCert", asked)[0] == status


def test_fulcio_refuses_the_rest(services: Services) -> None:
    """No proof of the key, no token, no JSON, no such path."""
    fulcio = services.servers["fulcio"]
    unproven = key_request(services, gitlab_claims(), proves=False)
    assert ask(fulcio, "POST", "/api/v2/signingCert", unproven)[0] == 400
    assert ask(fulcio, "POST", "/api/v2/signingCert", {})[0] == 401
    assert ask(fulcio, "POST", "/api/v1/signingCert", b"not json")[0] == 400
    assert ask(fulcio, "POST", "/api/v1/signingCert", b"[]")[0] == 400
    assert ask(fulcio, "POST", "/api/v1/signingCert", {"publicKey": {}}, "x")[0] == 400
    assert ask(fulcio, "GET", "/api/v3/signingCert")[0] == 404


def hashedrekord(services: Services) -> dict[str, Any]:
    """A proposal that holds."""
    material = prepare(services.sigstore, Order(payload=b"artifact"))
    return dict(json.loads(body("hashedrekord/0.0.1", material)))


def test_rekor1_logs_once(services: Services) -> None:
    """201 with ETag and Location, 409 with the entry's Location the second time, and every way to read it."""
    rekor, proposal = services.servers["rekor1"], hashedrekord(services)
    status, headers, raw = ask(rekor, "POST", "/api/v1/log/entries", proposal)
    ((uuid, entry),) = json.loads(raw).items()
    assert (status, headers["ETag"], headers["Location"]) == (201, uuid, f"/api/v1/log/entries/{uuid}")
    assert entry["logIndex"] == 1
    status, headers, _ = ask(rekor, "POST", "/api/v1/log/entries", proposal)
    assert (status, headers["Location"]) == (409, f"/api/v1/log/entries/{uuid}")
    by_index = json.loads(ask(rekor, "GET", "/api/v1/log/entries?logIndex=1")[2])
    assert json.loads(ask(rekor, "GET", f"/api/v1/log/entries/{uuid}")[2]) == by_index == json.loads(raw)
    asked = {"entryUUIDs": [uuid], "logIndexes": [1], "entries": [proposal]}
    assert json.loads(ask(rekor, "POST", "/api/v1/log/entries/retrieve", asked)[2]) == [by_index] * 3


def test_rekor1_about_itself(services: Services) -> None:
    """Tree head, key, consistency."""
    rekor, log = services.servers["rekor1"], services.sigstore.rekor1
    ask(rekor, "POST", "/api/v1/log/entries", hashedrekord(services))
    head = json.loads(ask(rekor, "GET", "/api/v1/log")[2])
    assert (head["treeSize"], head["rootHash"]) == (2, log.tree.root().hex())
    assert ask(rekor, "GET", "/api/v1/log/publicKey")[2] == public_pem(log.public_key)
    proof = json.loads(ask(rekor, "GET", "/api/v1/log/proof?firstSize=1&lastSize=2")[2])
    assert proof == {
        "hashes": [node.hex() for node in log.tree.consistency(1, 2)],
        "rootHash": head["rootHash"],
    }


@pytest.mark.parametrize("kind", ["dsse/0.0.1", "intoto/0.0.1", "intoto/0.0.2"])
def test_rekor1_envelopes(services: Services, kind: str) -> None:
    """An envelope is logged as what it would be if we made the entry."""
    material = prepare(services.sigstore, Order(payload=b"{}", payload_type=IN_TOTO))
    verifier = b64(pem(material.certificate)) if material.certificate else ""
    raw = envelope(material)
    name, _, version = kind.partition("/")
    spec: dict[str, Any] = {"proposedContent": {"envelope": raw.decode(), "verifiers": [verifier]}}
    if kind == "intoto/0.0.1":
        spec = {"content": {"envelope": raw.decode()}, "publicKey": verifier}
    if kind == "intoto/0.0.2":
        twice = b64(b64(material.signature).encode())
        signed = {"payloadType": IN_TOTO, "payload": b64(b64(b"{}").encode())}
        spec = {"content": {"envelope": signed | {"signatures": [{"sig": twice, "publicKey": verifier}]}}}
    proposal = {"kind": name, "apiVersion": version, "spec": spec}
    status, _, answer = ask(services.servers["rekor1"], "POST", "/api/v1/log/entries", proposal)
    assert status == 201
    (entry,) = json.loads(answer).values()
    logged = json.loads(base64.b64decode(entry["body"]))
    expected = json.loads(body(kind, material))
    for made in (logged, expected):  # hashes of envelopes differ with the spaces in them
        made["spec"].pop("envelopeHash", None)
        made["spec"].get("content", {}).pop("hash", None)
    assert logged == expected


def test_rekor1_refuses(services: Services) -> None:
    """A signature that does not hold, a kind nobody knows, nonsense, an entry that is not there."""
    rekor, proposal = services.servers["rekor1"], hashedrekord(services)
    proposal["spec"]["data"]["hash"]["value"] = hashlib.sha256(b"other").hexdigest()
    for bad in (proposal, {"kind": "alpine", "apiVersion": "0.0.1"}, {"kind": "dsse", "apiVersion": "0.0.1"}):
        assert ask(rekor, "POST", "/api/v1/log/entries", bad)[0] == 400
    assert ask(rekor, "GET", "/api/v1/log/entries?logIndex=9")[0] == 404
    assert ask(rekor, "GET", f"/api/v1/log/entries/{'0' * 64}")[0] == 404
    assert ask(rekor, "GET", "/api/v1/log/proof?firstSize=5&lastSize=9")[0] == 400
    assert ask(rekor, "GET", "/nowhere")[0] == 404


def test_rekor2(services: Services) -> None:
    """A hash or an envelope is logged with a proof; what does not hold is refused."""
    rekor, log = services.servers["rekor2"], services.sigstore.rekor2
    material = prepare(services.sigstore, Order(payload=b"{}", payload_type=IN_TOTO))
    digest = hashlib.sha256(pae(IN_TOTO, b"{}")).digest()
    signature = {"content": b64(material.signature), "verifier": verifier2(material)}
    asked = {"hashedRekordRequestV002": {"digest": b64(digest), "signature": signature}}
    status, _, raw = ask(rekor, "POST", "/api/v2/log/entries", asked)
    entry = json.loads(raw)
    assert (status, base64.b64decode(entry["canonicalizedBody"])) == (
        201,
        body("hashedrekord/0.0.2", material),
    )
    assert (
        entry["inclusionProof"]["checkpoint"]["envelope"]
        == ask(rekor, "GET", "/api/v2/checkpoint")[2].decode()
    )
    signed = json.loads(envelope(material))
    dsse = {"dsseRequestV002": {"envelope": signed, "verifiers": [verifier2(material)]}}
    assert ask(rekor, "POST", "/api/v2/log/entries", dsse)[0] == 201
    assert log.size == 3
    asked["hashedRekordRequestV002"]["digest"] = b64(bytes(32))
    signed["payload"] = b64(b"[]")
    refused: tuple[dict[str, Any], ...] = (asked, dsse, {}, {"dsseRequestV002": {}})
    for bad in refused:
        assert ask(rekor, "POST", "/api/v2/log/entries", bad)[0] == 400
    assert ask(rekor, "GET", "/nowhere")[0] == 404


def test_tsa(services: Services) -> None:
    """rfc3161-client's request gets an answer that it verifies; nonsense gets none."""
    tsa = services.servers["tsa"]
    request = rfc3161_client.TimestampRequestBuilder().data(b"signature").nonce(nonce=True).build()
    status, headers, raw = ask(tsa, "POST", "/api/v1/timestamp", request.as_bytes())
    assert (status, headers["Content-Type"]) == (201, "application/timestamp-reply")
    response = rfc3161_client.decode_timestamp_response(raw)
    verifier = rfc3161_client.VerifierBuilder.from_request(request)
    verifier = verifier.tsa_certificate(services.sigstore.tsa.leaf).add_root_certificate(
        services.sigstore.tsa.root
    )
    assert verifier.build().verify_message(response, b"signature")
    assert ask(tsa, "POST", "/api/v1/timestamp", b"nonsense")[0] == 400
    assert ask(tsa, "GET", "/api/v1/timestamp/certchain")[2] == pem(*services.sigstore.tsa.chain)
    assert ask(tsa, "GET", "/nowhere")[0] == 404


def test_oidc(services: Services) -> None:
    """Discovery leads to keys; the shop window hands out tokens without a newline."""
    oidc = services.servers["oidc"]
    found = json.loads(ask(oidc, "GET", "/.well-known/openid-configuration")[2])
    assert found["jwks_uri"].startswith(oidc.url)
    assert json.loads(ask(oidc, "GET", "/oauth/discovery/keys")[2]) == services.sigstore.oidc.jwks()
    token = ask(oidc, "GET", "/token?project_path=a/b&ref=refs/tags/v1")[2].decode()
    assert (
        services.sigstore.oidc.read(token)["ci_config_ref_uri"]
        == "gitlab.example/a/b//.gitlab-ci.yml@refs/tags/v1"
    )
    other = ask(oidc, "GET", "/token?kind=github&repository=a/b")[2].decode()
    assert services.sigstore.oidc.read(other)["repository"] == "a/b"
    assert ask(oidc, "GET", "/nowhere")[0] == 404


def test_files_and_flags(services: Services) -> None:
    """Everything a real client needs is in the folder, and the flags name it."""
    names = {path.name for path in services.folder.iterdir()}
    assert {"trusted_root.json", "fulcio-chain.pem", "ct.pub", "rekor1.pub", "tsa-chain.pem"} <= names
    config = json.loads((services.folder / "signing_config_v2.json").read_bytes())
    assert config["rekorTlogUrls"][0]["url"] == services.urls["rekor2"]
    assert config["tsaConfig"] == {"selector": "ANY"}
    assert "tsaConfig" not in json.loads((services.folder / "signing_config_v1.json").read_bytes())
    who = Workload(subject="s", issuer="i")
    root = ["--trusted-root", str(services.trusted_root)]
    named = ["--certificate-identity", "s", "--certificate-oidc-issuer", "i"]
    assert services.verify_flags(who) == [*named, *root]
    assert services.verify_flags(who, cosign=2) == named
    assert services.sign_flags("bundle-rekor1", "t")[:3] == ["--identity-token", "t", "--signing-config"]
    assert "--timestamp-server-url" in services.sign_flags("legacy-tsa", "t", cosign=2)
    assert "--new-bundle-format=false" in services.sign_flags("legacy", "t")
    assert services.environment["COSIGN_YES"] == "true"


def test_command_serve(capsys: pytest.CaptureFixture[str]) -> None:
    """`serve` prints where everything is and ends when it is told to."""
    done = threading.Event()
    done.set()
    assert main(["serve", "--seed", "a", "--referrers", "api"], until=done) == 0
    printed = capsys.readouterr().out
    assert "cosign sign --yes" in printed
    assert "vouchsafe verify --tls-verify=false --trusted-root" in printed


def test_command_list_and_write(capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    """`list` gives names and reasons, `write` the files of one."""
    assert main(["list"]) == 0
    assert "The certificate embeds no SCT" in capsys.readouterr().out
    assert main(["write", "no-sct", "--form", "bundle-rekor2", "--to", str(tmp_path / "b")]) == 0
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == [
        "bundle.sigstore.json",
        "trusted_root.json",
    ]
    assert main(["write", "no-sct", "--form", "legacy", "--to", str(tmp_path / "l")]) == 0
    assert {path.name for path in (tmp_path / "l").iterdir()} >= {"blob.json", "bundle", "signature"}
    assert main(["write", "no-critical", "--form", "bundle-rekor1", "--to", str(tmp_path)]) == 64


def test_delay_reaches_the_services() -> None:
    """Every service waits as long as it is told."""
    with VirtualSigstore().serve(delay_ms=1) as services:
        assert {server.delay_ms for server in services.servers.values()} == {1}


def test_clock_that_moves_by_itself() -> None:
    """A specimen's clock has to be movable; the real one is not."""
    from vouchsafe.testing.clock import RealClock

    with pytest.raises(TypeError, match="VirtualClock"):
        _ = VirtualSigstore(clock=RealClock()).virtual_clock
    assert Digest.of(b"").algorithm == "sha256"
