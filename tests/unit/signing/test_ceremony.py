"""The ceremony: what comes out is verified, in every format, and survives being written and read again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.signing_lab import CYCLONEDX, ISSUER, MAIN, NAME, Handler, Lab, Service
from vouchsafe.errors import SigningError, Unavailable
from vouchsafe.evidence import parse
from vouchsafe.evidence.legacy import SIMPLE_SIGNING
from vouchsafe.image.digest import Digest
from vouchsafe.signing import ceremony, content, formats
from vouchsafe.signing.key import SigningKey, ephemeral
from vouchsafe.signing.make import FORMS, Statement, make
from vouchsafe.testing.keys import KeySource
from vouchsafe.testing.loopback import Request, Response
from vouchsafe.testing.rekor1_api import Rekor1Api
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.verification import verify
from vouchsafe.verification.trust import from_pem

KEYS = KeySource("signing")
BOTH = frozenset(FORMS)
SBOM = Statement(predicate_type=CYCLONEDX, predicate={"bomFormat": "CycloneDX", "specVersion": "1.6"})


@pytest.mark.parametrize("version", [1, 2])
def test_signature(version: int) -> None:
    """A `.sig` layer from Rekor v1, a bundle from either, by one certificate."""
    lab = Lab()
    made = make(lab.ceremony(bundle_log=version), Statement(), lab.digest, NAME, BOTH)
    layer, bundle = made
    assert [each.form for each in made] == ["legacy", "bundle"]
    for each in made:
        identity = each.verified.identity
        assert identity is not None
        assert (identity.subject, identity.issuer) == (MAIN, ISSUER)
        assert (each.verified.digests, each.verified.role) == (frozenset((lab.digest,)), "signature")
        assert each.verified.sct == "verified"
    assert layer.verified.claim.docker_reference == NAME
    assert bundle.verified.claim.names == (NAME,)
    sources = {each.source for each in bundle.verified.times}
    assert sources == ({"log", "timestamp"} if version == 1 else {"timestamp"})
    assert len(lab.fulcio.requests) == 1


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("statement", [Statement(), SBOM], ids=["signature", "attestation"])
def test_what_is_written_is_read_again(version: int, statement: Statement) -> None:
    """Parsed from its bytes, the evidence verifies to the same claim, identity, times and places."""
    lab = Lab()
    for each in make(lab.ceremony(bundle_log=version), statement, lab.digest, NAME, BOTH):
        found = parse(each.blob, each.annotations, each.verified.media_type)
        verified = verify(found, lab.root, at=lab.clock.now())
        assert (verified.claim, verified.identity) == (each.verified.claim, each.verified.identity)
        assert (verified.times, verified.logged) == (each.verified.times, each.verified.logged)


def test_an_attestation_shares_signature_and_entry() -> None:
    """Where one log serves both forms, there is one signature and one log entry for both."""
    lab = Lab()
    layer, bundle = make(lab.ceremony(), SBOM, lab.digest, NAME, BOTH)
    assert layer.verified.logged == bundle.verified.logged
    assert len(lab.rekor1.requests) == 1
    assert layer.annotations["predicateType"] == CYCLONEDX
    assert layer.annotations["dev.cosignproject.cosign/signature"] == ""


def test_an_attestation_with_two_logs() -> None:
    """With Rekor v2 for bundles, `.att` has an entry of its own in Rekor v1."""
    lab = Lab()
    layer, bundle = make(lab.ceremony(bundle_log=2), SBOM, lab.digest, NAME, BOTH)
    assert (layer.verified.logged[0].log, bundle.verified.logged[0].log) == (
        "rekor1.sigstore.example",
        "rekor2.sigstore.example",
    )


def test_annotations_are_signed() -> None:
    """In the payload's optional part and beside the statement's subject."""
    lab = Lab()
    made = make(lab.ceremony(), Statement(annotations={"env": "prod"}), lab.digest, NAME, BOTH)
    assert [each.verified.claim.annotations for each in made] == [{"env": "prod"}, {"env": "prod"}]


@pytest.mark.parametrize("kind", ["p256", "p384", "p521", "rsa"])
@pytest.mark.parametrize("logged", [True, False])
def test_by_key(kind: str, logged: bool) -> None:
    """A managed key signs every form, logged or not."""
    lab = Lab()
    key = SigningKey(KEYS.key("managed", kind))
    root = from_pem(keys=(key.public_pem,)).replace(logs=lab.root.logs if logged else ())
    parts: dict[str, Any] = {"root": root, "stampers": ()}
    if not logged:
        parts |= {"logs": (), "legacy_log": None}
    for statement in (Statement(), SBOM):
        for each in make(lab.ceremony(ceremony.by_key(key), **parts), statement, lab.digest, NAME, BOTH):
            found = parse(each.blob, each.annotations, each.verified.media_type)
            assert found.certificate is None
            assert verify(found, root, at=lab.clock.now()).key_id == Digest.of(key.public).hex
            assert bool(found.entries) == logged


@pytest.mark.parametrize("kind", ["p256", "p384", "p521", "rsa"])
def test_by_key_in_rekor_2(kind: str) -> None:
    """Bundles with the hash that fits the curve, `.att` with the one that its readers know."""
    lab = Lab()
    key = SigningKey(KEYS.key("managed", kind))
    root = from_pem(keys=(key.public_pem,)).replace(logs=lab.root.logs)
    parts: dict[str, Any] = {"root": root, "stampers": (), "bundle_log": 2, "natural_hash": True}
    made = make(lab.ceremony(ceremony.by_key(key), **parts), SBOM, lab.digest, NAME, BOTH)
    assert [each.verified.logged[0].log for each in made] == [
        "rekor1.sigstore.example",
        "rekor2.sigstore.example",
    ]


def test_ed25519_without_a_log() -> None:
    """Logs keep digests; a signature by Ed25519 cannot be checked with one."""
    lab = Lab()
    key = SigningKey(KEYS.ed25519("managed"))
    root = from_pem(keys=(key.public_pem,))
    parts: dict[str, Any] = {"root": root, "stampers": (), "logs": (), "legacy_log": None}
    made = make(lab.ceremony(ceremony.by_key(key), **parts), Statement(), lab.digest, NAME, BOTH)
    assert (len(made), key.can_be_logged) == (2, False)


def test_one_certificate_until_it_ends() -> None:
    """A second one is asked for when the first is about to end, and the token is looked at again."""
    lab = Lab()
    signer = lab.signer()
    first = signer.current()
    lab.clock.advance(minutes=3)
    assert signer.current() is first
    lab.clock.advance(minutes=1, seconds=50)  # the token has 10 seconds, the certificate 5 minutes
    assert signer.current() is first


def test_the_token_ends_before_the_second_certificate() -> None:
    """A run that takes longer than its certificate says so, and says what to do."""
    lab = Lab()
    signer = lab.signer()
    assert signer.current().certificate is not None
    lab.clock.advance(minutes=9, seconds=30)
    with pytest.raises(SigningError) as raised:
        signer.current()
    assert raised.value.code == "token-expired"
    assert "timeout" in raised.value.hint
    assert len(lab.fulcio.requests) == 1


def test_the_certificate_ends_while_the_log_is_asked() -> None:
    """Nobody would accept that: it is said what happened, not that the trust root is wrong."""
    lab = Lab()
    honest = lab.rekor1.handler

    def slow(request: Request) -> Response:
        lab.clock.advance(minutes=11)
        return honest(request)

    move(lab.rekor1, slow)
    with pytest.raises(SigningError) as raised:
        lab.ceremony().signature_layer(b"{}")
    assert (raised.value.code, "certificate ended" in raised.value.hint) == (
        "unverifiable-certificate-expired",
        True,
    )


def test_a_longer_token_gets_a_second_certificate() -> None:
    """With a new key: the first one's certificate is over."""
    lab = Lab()
    signer = lab.signer(exp=int(lab.clock.now().timestamp()) + 3600)
    first = signer.current()
    lab.clock.advance(minutes=9, seconds=30)
    second = signer.current()
    assert (len(lab.fulcio.requests), first.key.public == second.key.public) == (2, False)
    assert second.certificate is not None


def another_log() -> Rekor1Api:
    """A log that nobody trusts."""
    return Rekor1Api(VirtualSigstore("stranger", name="stranger.example").rekor1)


def move(service: Service, handler: Handler) -> None:
    """Another service answers at this address."""
    service.handler = handler


def foreign_entry(lab: Lab) -> Response:
    """A sound entry about something else."""
    other = Lab()
    make(other.ceremony(), Statement(), Digest.of(b"other"), NAME, frozenset(("legacy",)))
    return Rekor1Api(lab.sigstore.rekor1).answer(other.rekor1.requests[0])


@pytest.mark.parametrize(
    "spoil, code",
    [
        (lambda lab: move(lab.rekor1, another_log().answer), "unverifiable-log-entry"),
        (
            lambda lab: lab.rekor1.spoilt.append(foreign_entry(lab)),
            "unverifiable-log-entry-payload",
        ),
    ],
)
def test_what_readers_would_refuse_is_not_given_out(spoil: Any, code: str) -> None:
    """A log that is not trusted, or one that answers with an entry about something else."""
    lab = Lab()
    spoil(lab)
    with pytest.raises(SigningError) as raised:
        make(lab.ceremony(), Statement(), lab.digest, NAME, frozenset(("legacy",)))
    assert raised.value.code == code
    assert raised.value.hint


def test_a_ca_that_is_not_trusted() -> None:
    """Fulcio of another Sigstore: refused before anything is attached."""
    lab = Lab()
    root = Lab().root.replace(authorities=())
    with pytest.raises(SigningError) as raised:
        make(lab.ceremony(root=root), Statement(), lab.digest, NAME, BOTH)
    assert raised.value.code == "unverifiable-certificate-authority"


def test_the_tsa_is_down() -> None:
    """No time-stamp, no bundle: what readers of Rekor v2 need must be there."""
    lab = Lab()
    lab.tsa.spoilt += [Unavailable("timeout", "expected an answer, got none", retryable=True)]
    with pytest.raises(Unavailable) as raised:
        make(lab.ceremony(bundle_log=2), Statement(), lab.digest, NAME, frozenset(("bundle",)))
    assert raised.value.message == "TSA: expected an answer, got none"


def test_the_certificate_request() -> None:
    """Written out by hand, and to the letter what cryptography writes but for the signature, which holds."""
    key = ephemeral()
    assert isinstance(key.private, ec.EllipticCurvePrivateKey)
    found = x509.load_pem_x509_csr(ceremony._request(key))
    theirs = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    expected = theirs.sign(key.private, hashes.SHA256())
    assert found.is_signature_valid
    assert found.tbs_certrequest_bytes == expected.tbs_certrequest_bytes
    assert found.signature_algorithm_oid == expected.signature_algorithm_oid


def test_a_certificate_that_is_none() -> None:
    """An issuer that answers with something else."""
    lab = Lab()

    class Wrong:
        def certify(self, token: str, request: bytes) -> tuple[bytes, ...]:
            return (b"not DER",)

    with pytest.raises(SigningError) as raised:
        ceremony.keyless(lab.token(), Wrong(), lab.clock).current()
    assert raised.value.code == "certificate"


def test_layer_without_a_promise() -> None:
    """An entry of Rekor v2 cannot stand in a `.sig`."""
    lab = Lab()
    evidence, _ = lab.ceremony(bundle_log=2).bundle(content.statement(lab.digest, NAME))
    with pytest.raises(SigningError) as raised:
        formats.layer_annotations(evidence)
    assert raised.value.code == "log-promise"


def test_bundle_of_what_has_none() -> None:
    """A simple-signing payload has no place in a bundle."""
    lab = Lab()
    evidence, _ = lab.ceremony().signature_layer(content.simple_signing(lab.digest, NAME))
    assert evidence.media_type == SIMPLE_SIGNING
    with pytest.raises(SigningError) as raised:
        formats.bundle(evidence)
    assert raised.value.code == "bundle-content"


def test_no_secret_in_a_key_repr() -> None:
    """Says which kind."""
    assert repr(ephemeral()) == "SigningKey(PKIX_ECDSA_P256_SHA_256)"
    assert timedelta(seconds=1) < ceremony.LEAST_LEFT
