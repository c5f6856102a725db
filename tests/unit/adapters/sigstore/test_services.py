"""Fulcio, Rekor and time-stamping: their answers, their refusals in their own words, and no token in either."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import rfc3161_client

from tests.signing_lab import Lab, Service
from vouchsafe.adapters.http import redacted
from vouchsafe.adapters.sigstore import tsa
from vouchsafe.adapters.sigstore.exchange import ATTEMPTS
from vouchsafe.adapters.sigstore.rekor1 import ENTRIES
from vouchsafe.errors import SigningError, Unavailable, VouchsafeError
from vouchsafe.image.digest import Digest
from vouchsafe.ports import Submission
from vouchsafe.signing import ceremony
from vouchsafe.signing.key import ephemeral
from vouchsafe.testing.loopback import Request, Response
from vouchsafe.testing.tsa_api import read_request


def answer(status: int, body: Any, **headers: str) -> Response:
    """A JSON answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status=status, headers={"Content-Type": "application/json", **headers}, body=content)


def refusing(status: int, said: str = "no") -> Callable[[Request], Response]:
    """A service that always says no."""
    return lambda _request: answer(status, {"code": status, "message": said})


def submission(message: bytes = b"message") -> Submission:
    """A plain signature by a bare key."""
    key = ephemeral()
    signature, digest = key.sign(message)
    return Submission(
        signature=signature, signer=key.public, is_certificate=False, key_details=key.details, message=digest
    )


def everything(error: VouchsafeError) -> str:
    """All that an error says, its causes too."""
    said = []
    each: BaseException | None = error
    while each is not None:
        said.append(f"{each} {getattr(each, 'hint', '')}")
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
    return " ".join(said)


def certify(lab: Lab) -> tuple[bytes, ...]:
    """Ask for a certificate."""
    return lab.issuer().certify(lab.token().secret, ceremony._request(ephemeral()))


def test_certificate() -> None:
    """Leaf, intermediate and root."""
    lab = Lab()
    assert len(certify(lab)) == len(lab.sigstore.ca.chain) + 1
    asked = json.loads(lab.fulcio.requests[0].body)
    assert set(asked) == {"credentials", "certificateSigningRequest"}


@pytest.mark.parametrize(
    "status, code",
    [(400, "fulcio-refused"), (401, "fulcio-refused"), (404, "fulcio-status"), (501, "service-status")],
)
def test_fulcio_says_no(status: int, code: str) -> None:
    """In its own words; what most often is behind it in ours."""
    lab = Lab()
    lab.fulcio.handler = refusing(status, "There was an error processing the identity token")
    with pytest.raises((SigningError, Unavailable)) as raised:
        certify(lab)
    assert raised.value.code == code
    assert "Fulcio says: There was an error processing the identity token" in raised.value.hint


@pytest.mark.parametrize("status", [400, 500, 502])
def test_an_echoed_token_is_cut_out(status: int) -> None:
    """Whole, or any of its parts, in an answer or in a failure of the client below."""
    lab = Lab()
    secret = lab.token().secret

    def echo(_request: Request) -> Response:
        if status == 502:
            raise Unavailable("http-status", f"got {secret}", hint=f"The server says: {secret}")
        return answer(status, {"message": f"bad token {secret} and {secret.split('.')[1]}"})

    lab.fulcio.handler = echo
    with pytest.raises((SigningError, Unavailable)) as raised:
        lab.issuer().certify(secret, b"request")
    said = everything(raised.value)
    assert all(part not in said for part in (secret, *secret.split(".")))
    assert "(the token)" in said


def test_a_malformed_answer_is_not_quoted() -> None:
    """A JSON error shows what it could not read, which could be the token."""
    lab = Lab()
    secret = lab.token().secret
    lab.fulcio.handler = lambda _request: answer(200, {"signedCertificateEmbeddedSct": {secret: secret}})
    with pytest.raises(SigningError) as raised:
        lab.issuer().certify(secret, b"request")
    assert raised.value.code == "service-answer"
    assert secret not in everything(raised.value)


@pytest.mark.parametrize(
    "body, code",
    [
        ({}, "service-answer"),
        ({"signedCertificateEmbeddedSct": {"chain": {"certificates": []}}}, "service-answer"),
        ({"signedCertificateEmbeddedSct": {"chain": {"certificates": [7]}}}, "service-answer"),
        ({"signedCertificateEmbeddedSct": {"chain": {"certificates": ["no PEM"]}}}, "service-answer"),
        ({"signedCertificateDetachedSct": {}}, "fulcio-detached-sct"),
    ],
)
def test_not_a_certificate(body: Any, code: str) -> None:
    """Whatever else Fulcio answers."""
    lab = Lab()
    lab.fulcio.handler = lambda _request: answer(201, body)
    with pytest.raises(SigningError) as raised:
        certify(lab)
    assert raised.value.code == code


def test_500_then_well() -> None:
    """What failed inside is asked again, later and later."""
    lab = Lab()
    lab.fulcio.spoilt += [answer(500, {"message": "restarting"})] * (ATTEMPTS - 1)
    assert len(certify(lab)) > 1
    assert len(lab.fulcio.requests) == ATTEMPTS


def test_500_for_ever() -> None:
    """And then it is told, with the server's words."""
    lab = Lab()
    lab.fulcio.handler = refusing(500, "database gone")
    with pytest.raises(Unavailable) as raised:
        certify(lab)
    assert (raised.value.code, raised.value.retryable) == ("service-status", True)
    assert "database gone" in raised.value.hint
    assert len(lab.fulcio.requests) == ATTEMPTS


def test_rekor_has_it_already() -> None:
    """409, as when the first answer was lost: the entry is fetched from where it says."""
    lab = Lab()
    told = submission()
    first = lab.log().add(told)
    again = lab.log().add(told)
    assert (again.log_index, again.body) == (first.log_index, first.body)
    assert [each.method for each in lab.rekor1.requests] == ["POST", "POST", "GET"]


@pytest.mark.parametrize("headers", [{}, {"Location": "http://elsewhere.example/api/v1/log/entries/x"}])
def test_409_without_a_location_of_its_own(headers: dict[str, str]) -> None:
    """The UUID in its words will do; a link to elsewhere will not."""
    lab = Lab()
    told = submission()
    first = lab.log().add(told)
    uuid = lab.sigstore.rekor1.uuid(first.log_index)
    lab.rekor1.spoilt.append(answer(409, {"message": f"already there with UUID {uuid}"}, **headers))
    if headers:
        with pytest.raises(SigningError) as raised:
            lab.log().add(told)
        assert raised.value.code == "service-answer"
    else:
        assert lab.log().add(told).log_index == first.log_index
        assert lab.rekor1.requests[-1].path == f"{ENTRIES}/{uuid}"


@pytest.mark.parametrize(
    "refusal, code",
    [
        (answer(400, {"message": "verifying signature: invalid signature"}), "log-refused"),
        (answer(413, b"<html>Request Entity Too Large</html>"), "log-too-large"),
        (answer(400, {"message": "http: request body too large"}), "log-too-large"),
        (answer(409, {"message": "already there"}), "log-refused"),
        (answer(200, {}), "service-answer"),
        (answer(200, b"no JSON"), "service-answer"),
        (answer(200, {"a": {"body": "e30="}}), "service-answer"),
    ],
)
def test_rekor_says_no(refusal: Response, code: str) -> None:
    """In its own words, and what to do where it is too large."""
    lab = Lab()
    lab.rekor1.spoilt.append(refusal)
    with pytest.raises(SigningError) as raised:
        lab.log().add(submission())
    assert raised.value.code == code
    if code == "log-too-large":
        assert "Rekor v2" in raised.value.hint


@pytest.mark.parametrize("hashes", ["xx", 7])
def test_a_proof_that_is_none(hashes: Any) -> None:
    """Hexadecimal where it should be."""
    lab = Lab()
    lab.log().add(submission())
    honest = lab.rekor1.handler

    def spoil(request: Request) -> Response:
        given = honest(request)
        assert isinstance(given.body, bytes)
        document = json.loads(given.body)
        next(iter(document.values()))["verification"]["inclusionProof"]["rootHash"] = hashes
        return answer(given.status, document)

    lab.rekor1.handler = spoil
    with pytest.raises(SigningError) as raised:
        lab.log().add(submission(b"another"))
    assert raised.value.code == "service-answer"


def test_rekor_2() -> None:
    """A proof and a checkpoint, no promise."""
    entry = Lab().log(2).add(submission())
    assert (entry.kind, entry.version, entry.promise) == ("hashedrekord", "0.0.2", None)
    assert entry.proof is not None
    assert entry.proof.checkpoint


@pytest.mark.parametrize(
    "refusal, code", [(answer(400, {"message": "no"}), "log-refused"), (answer(201, {}), "service-answer")]
)
def test_rekor_2_says_no(refusal: Response, code: str) -> None:
    """In its own words."""
    lab = Lab()
    lab.rekor2.spoilt.append(refusal)
    with pytest.raises(SigningError) as raised:
        lab.log(2).add(submission())
    assert raised.value.code == code


@pytest.mark.parametrize("nonce", [b"\0" * 8, b"\xff" * 8, b"\0\x80\1", b"\x7f"])
def test_timestamp_request(nonce: bytes) -> None:
    """The DER is what others read: version 1, SHA-256, the nonce, the certificate wanted."""
    imprint = Digest.of(b"content").raw
    read = read_request(tsa.request(imprint, nonce))
    assert (read.imprint, read.algorithm, read.wants_certificate) == (imprint, "sha256", True)
    assert read.nonce == int.from_bytes(nonce, "big")


def test_timestamp_request_as_the_library_makes_it() -> None:
    """Byte for byte but for the nonce."""
    builder = rfc3161_client.TimestampRequestBuilder().data(b"content")
    made = builder.hash_algorithm(rfc3161_client.HashAlgorithm.SHA256).build()
    assert made.nonce is not None
    theirs = made.as_bytes()
    ours = tsa.request(
        Digest.of(b"content").raw, made.nonce.to_bytes((made.nonce.bit_length() + 7) // 8, "big")
    )
    assert ours.hex() == theirs.hex()


def test_timestamp() -> None:
    """A token over the content."""
    lab = Lab()
    assert rfc3161_client.decode_timestamp_response(lab.stamper().stamp(b"x")).status == 0


@pytest.mark.parametrize(
    "refusal, code",
    [
        (answer(400, {"message": "bad request"}), "timestamp-refused"),
        (answer(200, b"<html>"), "service-answer"),
    ],
)
def test_timestamping_says_no(refusal: Response, code: str) -> None:
    """Or answers with a web page, where the path was left out."""
    lab = Lab()
    lab.tsa.spoilt.append(refusal)
    with pytest.raises(SigningError) as raised:
        lab.stamper().stamp(b"x")
    assert raised.value.code == code


def test_a_redirect_is_no_answer() -> None:
    """A token goes to the service that was named and nowhere else."""
    lab = Lab()
    lab.fulcio.handler = lambda _request: Response(status=307, headers={"Location": "https://evil.example/"})
    with pytest.raises(SigningError):
        certify(lab)
    assert len(lab.fulcio.requests) == 1


@pytest.mark.parametrize(
    "text, secret, shown",
    [
        ("nothing", "", "nothing"),
        ("a.b.c", "a.b.c", "a.b.c"),
        ("x aaaaaaaa.bbbbbbbb.cccccccc y", "aaaaaaaa.bbbbbbbb.cccccccc", "x (the token) y"),
        ("x bbbbbbbb y", "aaaaaaaa.bbbbbbbb.cccccccc", "x (the token) y"),
    ],
)
def test_redacted(text: str, secret: str, shown: str) -> None:
    """The whole or a part; what is too short to be a secret stays."""
    assert redacted(text, secret) == shown


def test_a_service_behind_a_path() -> None:
    """A slash at the end of its URL is not doubled, a path before the API is kept."""
    service = Service(refusing(200))
    service.exchange("https://corp.example/fulcio/", "Fulcio").post("/api", b"")
    assert service.requests[0].path == "/fulcio/api"
