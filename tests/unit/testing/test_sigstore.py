"""The virtual Sigstore, judged by sigstore-python and rfc3161-client: what they accept, we made rightly."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from pathlib import Path

import pytest
import rfc3161_client
from cryptography import x509
from cryptography.x509.oid import ExtensionOID
from sigstore.errors import VerificationError
from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier
from sigstore.verify.policy import AllOf, Identity, OIDCIssuerV2

from vouchsafe.errors import SigningError
from vouchsafe.image.digest import Digest
from vouchsafe.testing.annotations import BUNDLE, CERTIFICATE, CHAIN, SIGNATURE, TIMESTAMP
from vouchsafe.testing.ca import CertificateAuthority, Window
from vouchsafe.testing.claims import gitlab_claims
from vouchsafe.testing.clock import VIRTUAL_NOON
from vouchsafe.testing.keys import KeySource
from vouchsafe.testing.oidc import OidcIssuer
from vouchsafe.testing.signer import Order, make
from vouchsafe.testing.sigstore import BundleVersion, VirtualSigstore
from vouchsafe.testing.statement import CYCLONEDX
from vouchsafe.testing.trust import trusted_root
from vouchsafe.testing.tsa import StampPlan, TimestampAuthority
from vouchsafe.testing.workload import Workload, certified, email, github, gitlab, other

IMAGE = Digest.of(b"image")


def oracle(sigstore: VirtualSigstore, folder: Path) -> Verifier:
    """A sigstore-python that believes `sigstore`."""
    path = folder / "trusted_root.json"
    path.write_bytes(sigstore.trusted_root())
    return Verifier(trusted_root=TrustedRoot.from_file(str(path)))


def named(workload: Workload) -> AllOf:
    """sigstore-python's policy for a workload."""
    return AllOf([Identity(identity=workload.subject), OIDCIssuerV2(workload.issuer)])


@pytest.mark.parametrize("workload", [gitlab(), github(), email("a@example.com")])
@pytest.mark.parametrize("log", ["rekor1", "rekor2"])
def test_statement_bundle(tmp_path: Path, workload: Workload, log: str) -> None:
    """sigstore-python verifies a statement for every kind of workload, on both logs."""
    sigstore = VirtualSigstore()
    blob = sigstore.bundle(IMAGE, workload, log="rekor1" if log == "rekor1" else "rekor2")
    kind, payload = oracle(sigstore, tmp_path).verify_dsse(Bundle.from_json(blob), named(workload))
    assert kind == "application/vnd.in-toto+json"
    assert json.loads(payload)["subject"] == [{"digest": {"sha256": IMAGE.hex}, "annotations": {}}]


@pytest.mark.parametrize("version", ["0.1", "0.2", "0.3-old", "0.3"])
def test_message_bundle_of_every_version(tmp_path: Path, version: BundleVersion) -> None:
    """sigstore-python verifies a message signature in every version of the bundle."""
    sigstore = VirtualSigstore()
    blob = sigstore.message_bundle(b"hello", version=version, tsa=True)
    verifier = oracle(sigstore, tmp_path)
    verifier.verify_artifact(b"hello", Bundle.from_json(blob), named(sigstore.workload))
    with pytest.raises(VerificationError):
        verifier.verify_artifact(b"other", Bundle.from_json(blob), named(sigstore.workload))


@pytest.mark.parametrize("kind", ["p256", "ed25519"])
def test_rekor2_with_either_key(tmp_path: Path, kind: str) -> None:
    """Rekor v2 may have an Ed25519 or an ECDSA key; both make checkpoints that hold."""
    sigstore = VirtualSigstore(rekor2_key=kind)
    bundle = Bundle.from_json(sigstore.message_bundle(b"hello", log="rekor2"))
    oracle(sigstore, tmp_path).verify_artifact(b"hello", bundle, named(sigstore.workload))


def test_trusted_root_v02_says_the_same() -> None:
    """Only the media type differs."""
    old, new = (json.loads(VirtualSigstore().trusted_root(version)) for version in ("0.1", "0.2"))
    assert new.pop("mediaType") == "application/vnd.dev.sigstore.trustedroot.v0.2+json"
    del old["mediaType"]
    assert old == new


def test_same_seed_same_bundle() -> None:
    """Two Sigstores of one seed make the same bytes, others do not."""
    one, two, three = (VirtualSigstore(seed).bundle(IMAGE, log="rekor2") for seed in ("a", "a", "b"))
    assert one == two
    assert one != three


def test_legacy_annotations() -> None:
    """A layer carries signature, certificate, chain, log entry and timestamp; the payload names the image."""
    payload, annotations = VirtualSigstore().sign_legacy(IMAGE, "registry.example/app", tsa=True)
    assert set(annotations) == {SIGNATURE, CERTIFICATE, CHAIN, BUNDLE, TIMESTAMP}
    critical = json.loads(payload)["critical"]
    assert critical["image"]["docker-manifest-digest"] == str(IMAGE)
    assert critical["identity"]["docker-reference"] == "registry.example/app"


def test_legacy_attestation() -> None:
    """A layer of `.att` has an empty signature and names its predicate's type."""
    envelope, annotations = VirtualSigstore().attest_legacy(IMAGE, "registry.example/app")
    assert annotations[SIGNATURE] == ""
    assert annotations["predicateType"] == CYCLONEDX
    assert json.loads(envelope)["payloadType"] == "application/vnd.in-toto+json"


def test_key_signed_material_has_no_certificate() -> None:
    """A key in place of an identity: no certificate, no chain, a hint in the bundle."""
    sigstore = VirtualSigstore()
    key = sigstore.keys.ec("mine")
    _, annotations = sigstore.sign_legacy(IMAGE, "registry.example/app", key=key)
    assert CERTIFICATE not in annotations
    bundle = json.loads(sigstore.bundle(IMAGE, key=key, key_hint="mine", log=None, tsa=False))
    assert bundle["verificationMaterial"] == {"publicKey": {"hint": "mine"}, "tlogEntries": []}


def test_leaf_profile() -> None:
    """Critical SAN, empty subject, ten minutes, both issuer extensions, in Fulcio's order."""
    material = make(VirtualSigstore(), Order(payload=b"x", workload=gitlab(environment="production")))
    leaf = material.certificate
    assert leaf is not None
    assert leaf.subject == x509.Name([])
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == timedelta(minutes=10)
    san = leaf.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
    assert san.critical
    arcs = [
        int(e.oid.dotted_string.rpartition(".")[2]) for e in leaf.extensions if "57264" in e.oid.dotted_string
    ]
    assert arcs == [1, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24]
    values = {e.oid.dotted_string: e.value for e in leaf.extensions}
    issuer = values["1.3.6.1.4.1.57264.1.8"]
    assert isinstance(issuer, x509.UnrecognizedExtension)
    assert issuer.value == b"\x0c\x16https://gitlab.example"


def test_leaf_for_other_name() -> None:
    """An otherName of Fulcio's type with a UTF8String in it."""
    leaf = make(VirtualSigstore(), Order(payload=b"x", workload=other("me!example.com"))).certificate
    assert leaf is not None
    san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    (name,) = san.get_values_for_type(x509.OtherName)
    assert (name.type_id.dotted_string, name.value) == ("1.3.6.1.4.1.57264.1.7", b"\x0c\x0eme!example.com")


def test_sct_is_over_the_precertificate() -> None:
    """The certificate without its SCT list is what was promised a place (RFC 6962 3.2)."""
    sigstore = VirtualSigstore()
    leaf = make(sigstore, Order(payload=b"x")).certificate
    assert leaf is not None
    scts = leaf.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps).value
    (sct,) = scts
    assert sct.log_id == sigstore.ct_log.id
    assert sct.timestamp.replace(tzinfo=VIRTUAL_NOON.tzinfo) == VIRTUAL_NOON


def test_root_that_signs_by_itself(tmp_path: Path) -> None:
    """A CA without an intermediate issues from its root."""
    sigstore = VirtualSigstore()
    sigstore.ca = CertificateAuthority(sigstore.keys, "flat.example", sigstore.window, intermediate=False)
    assert len(sigstore.ca.chain) == 1
    bundle = Bundle.from_json(sigstore.message_bundle(b"hello"))
    oracle(sigstore, tmp_path).verify_artifact(b"hello", bundle, named(sigstore.workload))


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("embed", [True, False])
def test_timestamps_hold(algorithm: str, embed: bool) -> None:
    """rfc3161-client verifies our tokens, with every hash, with certificates inside and without."""
    tsa = TimestampAuthority(KeySource("a"), "tsa.example", Window.around(VIRTUAL_NOON))
    plan = StampPlan(algorithm=algorithm, embed=embed, nonce=7)
    response = rfc3161_client.decode_timestamp_response(tsa.stamp(b"signature", VIRTUAL_NOON, plan))
    builder = rfc3161_client.VerifierBuilder(tsa_certificate=tsa.leaf, roots=[tsa.root])
    imprint = hashlib.new(algorithm, b"signature").digest()
    assert builder.build().verify(response, imprint)
    assert response.tst_info.gen_time == VIRTUAL_NOON
    with pytest.raises(rfc3161_client.VerificationError):
        builder.build().verify(response, hashlib.new(algorithm, b"other").digest())


def test_timestamp_without_eku_fails() -> None:
    """rfc3161-client refuses a token whose certificate is for something else."""
    window = Window.around(VIRTUAL_NOON)
    tsa = TimestampAuthority(KeySource("a"), "tsa.example", window, usages=())
    response = rfc3161_client.decode_timestamp_response(tsa.stamp(b"signature", VIRTUAL_NOON))
    builder = rfc3161_client.VerifierBuilder(tsa_certificate=tsa.leaf, roots=[tsa.root])
    with pytest.raises(rfc3161_client.VerificationError):
        builder.build().verify(response, hashlib.sha256(b"signature").digest())


def test_trust_plan_can_be_edited() -> None:
    """A window that ends is written, one that is open is not."""
    plan = VirtualSigstore().trust_plan()
    (authority,) = plan.authorities
    closed = plan.replace(authorities=(authority.replace(open_ended=False),))
    ends = [
        json.loads(trusted_root(p))["certificateAuthorities"][0]["validFor"].get("end")
        for p in (plan, closed)
    ]
    assert ends == [None, "2036-10-30T12:00:00Z"]


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_tokens_are_read_back(algorithm: str) -> None:
    """A token's claims come back; an expired, foreign or altered one does not."""
    sigstore = VirtualSigstore()
    issuer = OidcIssuer(sigstore.keys, sigstore.clock, algorithm=algorithm)
    token = issuer.gitlab_token(project_path="a/b")
    assert issuer.read(token)["project_path"] == "a/b"
    stranger = OidcIssuer(KeySource("b"), sigstore.clock, algorithm=algorithm)
    for bad in (
        stranger.gitlab_token(),
        token[:-4] + "AAAA",
        issuer.token(gitlab_claims(), seconds=-10),
        issuer.token(gitlab_claims(), audience="other"),
    ):
        with pytest.raises(ValueError, match="expected a token"):
            issuer.read(bad)
    (key,) = issuer.jwks()["keys"]
    assert key["alg"] == algorithm
    assert issuer.configuration("http://x")["jwks_uri"] == "http://x/oauth/discovery/keys"


def test_what_fulcio_certifies() -> None:
    """GitLab's null becomes `<nil>`, a missing configuration is refused, so is an e-mail not verified."""
    assert gitlab(ci_config_ref_uri=None).subject == "https://<nil>"
    with pytest.raises(SigningError, match="ci_config_ref_uri"):
        gitlab(ci_config_ref_uri=...)
    with pytest.raises(SigningError, match="verified"):
        certified({"iss": "https://a", "email": "a@b", "email_verified": False})
    assert certified({"iss": "https://a", "email": "a@b", "email_verified": True}) == email(
        "a@b", "https://a"
    )
    assert certified({"iss": "https://a", "username": "me!a"}) == other("me!a", "https://a")
    assert certified({"iss": "https://a", "sub": "https://a/spiffe"}).subject == "https://a/spiffe"
    assert gitlab(ref="refs/tags/v1").claims["source-repository-ref"] == "refs/tags/v1"


def test_gitlab_certificate_of_another_instance() -> None:
    """A self-managed instance is its own issuer and its projects lie under it."""
    made = gitlab("https://git.example.org", project_path="a/b/c", ref="refs/heads/x")
    assert made.subject == "https://git.example.org/a/b/c//.gitlab-ci.yml@refs/heads/x"
    assert made.claims["source-repository-uri"] == "https://git.example.org/a/b/c"
    assert made.claims["source-repository-owner-uri"] == "https://git.example.org/a/b"
