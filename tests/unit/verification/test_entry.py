"""What a log entry says, compared with the evidence, kind by kind and field by field."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.judging import code
from vouchsafe import evidence
from vouchsafe.evidence.bundle import FAMILY
from vouchsafe.evidence.dsse import pre_authentication_encoding
from vouchsafe.evidence.legacy import DSSE_ENVELOPE, SIMPLE_SIGNING
from vouchsafe.evidence.types import Envelope, Evidence, LogEntry, SimpleSigning
from vouchsafe.image.digest import Digest
from vouchsafe.testing.bundle import write_bundle
from vouchsafe.testing.canonical import b64, compact
from vouchsafe.testing.keys import spki
from vouchsafe.testing.signer import Order, make
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.verification import entry
from vouchsafe.verification.entry import Signed

SIGSTORE = VirtualSigstore()
IMAGE = Digest.of(b"image")
Json = dict[str, Any]


def signed(found: Evidence, signer: bytes | None = None) -> Signed:
    """What the evidence says."""
    content = found.content
    message: bytes
    if isinstance(content, Envelope):
        message = pre_authentication_encoding(content)
    else:
        assert isinstance(content, SimpleSigning)
        message = content.payload
    return Signed(evidence=found, signer=found.certificate or signer or b"", message=message)


def of_bundle(**options: Any) -> Signed:
    """A statement in a bundle."""
    blob = SIGSTORE.bundle(IMAGE, **options)
    return signed(evidence.parse(blob, {}, f"{FAMILY}.v0.3+json"))


def of_attestation(kind: str) -> Signed:
    """A statement in an `.att` layer."""
    blob, annotations = SIGSTORE.attest_legacy(IMAGE, "registry.example/app", entry_kind=kind)
    return signed(evidence.parse(blob, annotations, DSSE_ENVELOPE))


def of_signature() -> Signed:
    """A simple-signing payload."""
    blob, annotations = SIGSTORE.sign_legacy(IMAGE, "registry.example/app")
    return signed(evidence.parse(blob, annotations, SIMPLE_SIGNING))


def of_key(**options: Any) -> Signed:
    """A statement by a managed key."""
    key = SIGSTORE.keys.ec("managed")
    blob = SIGSTORE.bundle(IMAGE, key=key, **options)
    return signed(evidence.parse(blob, {}, f"{FAMILY}.v0.3+json"), spki(key.public_key()))


KINDS: dict[str, Signed] = {
    "hashedrekord/0.0.1": of_signature(),
    "hashedrekord/0.0.1 over an envelope": of_bundle(entry_kind="hashedrekord/0.0.1"),
    "hashedrekord/0.0.1 by a key": of_key(entry_kind="hashedrekord/0.0.1"),
    "hashedrekord/0.0.2": of_bundle(log="rekor2"),
    "hashedrekord/0.0.2 by a key": of_key(log="rekor2"),
    "dsse/0.0.1": of_bundle(),
    "dsse/0.0.1 by a key": of_key(),
    "dsse/0.0.2": of_bundle(log="rekor2", entry_kind="dsse/0.0.2"),
    "dsse/0.0.2 by a key": of_key(log="rekor2", entry_kind="dsse/0.0.2"),
    "intoto/0.0.1": of_attestation("intoto/0.0.1"),
    "intoto/0.0.2": of_bundle(entry_kind="intoto/0.0.2"),
    "intoto/0.0.2 by a key": of_key(entry_kind="intoto/0.0.2"),
}


def only(said: Signed) -> LogEntry:
    """The one entry."""
    (found,) = said.evidence.entries
    return found


def spec(name: str) -> tuple[Signed, LogEntry, Json]:
    """A kind's evidence, entry, and the entry's body to be changed."""
    found = only(KINDS[name])
    return KINDS[name], found, copy.deepcopy(json.loads(found.body))


def at(path: str, value: Any) -> Callable[[Json], None]:
    """Put a value below `spec`; `...` removes what is there."""

    def change(body: Json) -> None:
        *way, last = path.split(".")
        place: Any = body["spec"]
        for step in way:
            place = place[int(step)] if isinstance(place, list) else place[step]
        if value is ...:
            del place[last]
        else:
            place[last] = value

    return change


@pytest.mark.parametrize("name", KINDS)
def test_about_this_signature(name: str) -> None:
    """Each kind as its Rekor writes it."""
    said, found, _ = spec(name)
    assert (found.kind, found.version) == tuple(name.partition(" ")[0].split("/"))
    entry.check(found, said)


OTHER_PEM = b64(b"-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n")
OTHER_HEX, OTHER_B64 = "0" * 64, b64(bytes(32))
V2 = "hashedRekordV002"
DSSE2 = "dsseV002"
INTOTO = "content.envelope.signatures"

DIFFERENT: dict[str, tuple[str, str, Any, str]] = {
    "hashedrekord-1-hash": ("hashedrekord/0.0.1", "data.hash.value", OTHER_HEX, "log-entry-payload"),
    "hashedrekord-1-capitals": (
        "hashedrekord/0.0.1",
        "data.hash.value",
        "E" * 64,
        "log-entry-payload",
    ),
    "hashedrekord-1-other-sha2": (
        "hashedrekord/0.0.1",
        "data.hash.algorithm",
        "sha512",
        "log-entry-payload",
    ),
    "hashedrekord-1-sha1": ("hashedrekord/0.0.1", "data.hash.algorithm", "sha1", "log-entry-hash"),
    "hashedrekord-1-signature": (
        "hashedrekord/0.0.1",
        "signature.content",
        OTHER_B64,
        "log-entry-signature",
    ),
    "hashedrekord-1-certificate": (
        "hashedrekord/0.0.1",
        "signature.publicKey.content",
        OTHER_PEM,
        "log-entry-certificate",
    ),
    "hashedrekord-1-not-pem": ("hashedrekord/0.0.1", "signature.publicKey.content", OTHER_B64, "pem"),
    "hashedrekord-1-no-hash": ("hashedrekord/0.0.1", "data.hash", ..., "json-type"),
    "hashedrekord-2-digest": (
        "hashedrekord/0.0.2",
        f"{V2}.data.digest",
        OTHER_B64,
        "log-entry-payload",
    ),
    "hashedrekord-2-algorithm": (
        "hashedrekord/0.0.2",
        f"{V2}.data.algorithm",
        "SHA2_224",
        "log-entry-hash",
    ),
    "hashedrekord-2-signature": (
        "hashedrekord/0.0.2",
        f"{V2}.signature.content",
        OTHER_B64,
        "log-entry-signature",
    ),
    "hashedrekord-2-certificate": (
        "hashedrekord/0.0.2",
        f"{V2}.signature.verifier.x509Certificate.rawBytes",
        OTHER_B64,
        "log-entry-certificate",
    ),
    "hashedrekord-2-key": (
        "hashedrekord/0.0.2 by a key",
        f"{V2}.signature.verifier.publicKey.rawBytes",
        OTHER_B64,
        "log-entry-certificate",
    ),
    "hashedrekord-2-no-verifier": (
        "hashedrekord/0.0.2",
        f"{V2}.signature.verifier",
        {},
        "json-type",
    ),
    "hashedrekord-2-certificate-beside-key": (
        "hashedrekord/0.0.2 by a key",
        f"{V2}.signature.verifier.x509Certificate",
        {"rawBytes": OTHER_B64},
        "log-entry-certificate",
    ),
    "dsse-1-payload": ("dsse/0.0.1", "payloadHash.value", OTHER_HEX, "log-entry-payload"),
    "dsse-1-sha1": ("dsse/0.0.1", "payloadHash.algorithm", "sha1", "log-entry-hash"),
    "dsse-1-signature": ("dsse/0.0.1", "signatures.0.signature", OTHER_B64, "log-entry-signature"),
    "dsse-1-certificate": ("dsse/0.0.1", "signatures.0.verifier", OTHER_PEM, "log-entry-certificate"),
    "dsse-1-no-signatures": ("dsse/0.0.1", "signatures", [], "log-entry-signature"),
    "dsse-1-two-signatures": ("dsse/0.0.1", "signatures", [{}, {}], "log-entry-signature"),
    "dsse-1-many-signatures": ("dsse/0.0.1", "signatures", [{}] * 17, "json-too-many"),
    "dsse-2-payload": ("dsse/0.0.2", f"{DSSE2}.payloadHash.digest", OTHER_B64, "log-entry-payload"),
    "dsse-2-algorithm": ("dsse/0.0.2", f"{DSSE2}.payloadHash.algorithm", "MD5", "log-entry-hash"),
    "dsse-2-signature": (
        "dsse/0.0.2",
        f"{DSSE2}.signatures.0.content",
        OTHER_B64,
        "log-entry-signature",
    ),
    "dsse-2-no-signature": ("dsse/0.0.2", f"{DSSE2}.signatures", [], "log-entry-signature"),
    "dsse-2-certificate": (
        "dsse/0.0.2",
        f"{DSSE2}.signatures.0.verifier.x509Certificate.rawBytes",
        OTHER_B64,
        "log-entry-certificate",
    ),
    "intoto-1-envelope": ("intoto/0.0.1", "content.hash.value", OTHER_HEX, "log-entry-payload"),
    "intoto-1-algorithm": ("intoto/0.0.1", "content.hash.algorithm", "sha512", "log-entry-kind"),
    "intoto-1-certificate": ("intoto/0.0.1", "publicKey", OTHER_PEM, "log-entry-certificate"),
    "intoto-1-no-hash": ("intoto/0.0.1", "content.hash", ..., "json-type"),
    "intoto-2-payload": ("intoto/0.0.2", "content.payloadHash.value", OTHER_HEX, "log-entry-payload"),
    "intoto-2-no-payload": ("intoto/0.0.2", "content.payloadHash", ..., "json-type"),
    "intoto-2-payload-type": (
        "intoto/0.0.2",
        "content.envelope.payloadType",
        "text/plain",
        "log-entry-payload",
    ),
    "intoto-2-signature": (
        "intoto/0.0.2",
        f"{INTOTO}.0.sig",
        b64(OTHER_B64.encode()),
        "log-entry-signature",
    ),
    "intoto-2-signature-once-encoded": ("intoto/0.0.2", f"{INTOTO}.0.sig", OTHER_B64, "base64"),
    "intoto-2-certificate": (
        "intoto/0.0.2",
        f"{INTOTO}.0.publicKey",
        OTHER_PEM,
        "log-entry-certificate",
    ),
    "intoto-2-two-signatures": ("intoto/0.0.2", INTOTO, [{}, {}], "log-entry-signature"),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_ghsa_whqx_f9j3_ch6m_every_field_is_compared(name: str) -> None:
    """An entry that differs in one field is about something else (also GHSA-8gw7-4j42-w388)."""
    kind, path, value, expected = DIFFERENT[name]
    said, found, body = spec(kind)
    at(path, value)(body)
    changed = found.replace(body=compact(body))
    assert code(lambda: entry.check(changed, said)) == expected


def test_kind_must_be_the_bodys() -> None:
    """What the bundle says of the entry is not signed; what the body says is."""
    said, found, _ = spec("dsse/0.0.1")
    for changes in ({"kind": "hashedrekord"}, {"version": "0.0.2"}, {"kind": ""}):
        assert code(lambda made=changes: entry.check(found.replace(**made), said)) == "log-entry-kind"  # type: ignore[misc]


@pytest.mark.parametrize(
    "kind", ["rekord/0.0.1", "dsse/0.0.3", "hashedrekord/0.0.0", "intoto/0.0.3", "rpm/0.0.1"]
)
def test_unknown_kinds_prove_nothing(kind: str) -> None:
    """Kinds that we do not read, in body and bundle alike."""
    said, found, body = spec("dsse/0.0.1")
    name, _, version = kind.partition("/")
    changed = found.replace(
        kind=name, version=version, body=compact(body | {"kind": name, "apiVersion": version})
    )
    assert code(lambda: entry.check(changed, said)) == "log-entry-kind"


@pytest.mark.parametrize("name", ["dsse/0.0.1", "dsse/0.0.2", "intoto/0.0.1", "intoto/0.0.2"])
def test_an_attestations_entry_is_not_a_signatures(name: str) -> None:
    """The kinds of envelopes beside a plain signature."""
    found = only(KINDS[name])
    assert code(lambda: entry.check(found, KINDS["hashedrekord/0.0.1"])) == "log-entry-kind"


def test_intoto_1_needs_the_envelopes_bytes() -> None:
    """It holds the hash of the envelope as uploaded, which a bundle does not keep."""
    said, found, _ = spec("intoto/0.0.1")
    content = said.evidence.content
    assert isinstance(content, Envelope)
    without = said.replace(evidence=said.evidence.replace(content=content.replace(stored=None)))
    assert code(lambda: entry.check(found, without)) == "log-entry-kind"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"kind":"dsse"}', b'{"kind":1,"apiVersion":"0.0.1"}'])
def test_unreadable_bodies(body: bytes) -> None:
    """Malformed, not merely different."""
    said, found, _ = spec("dsse/0.0.1")
    assert code(lambda: entry.check(found.replace(body=body), said)) in {"json-syntax", "json-type"}


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_digests_in_place_of_bytes(algorithm: str) -> None:
    """With a digest alone, the entry must name the same one under the same algorithm."""
    kind = {"sha256": "p256", "sha384": "p384", "sha512": "p521"}[algorithm]
    material = make(SIGSTORE, Order(payload=b"file", leaf_kind=kind))
    blob = write_bundle(material, artifact_digest=Digest.of(b"file").raw)
    found = evidence.parse(blob, {}, f"{FAMILY}.v0.3+json")
    said = Signed(evidence=found, signer=found.certificate or b"", message=b"file")
    entry.check(found.entries[0], said)
    for other in ("sha256", "sha384", "sha512"):
        with_digest = said.replace(message=Digest.of(b"file", other))
        if other == algorithm:
            entry.check(found.entries[0], with_digest)
        else:
            assert (
                code(lambda made=with_digest: entry.check(found.entries[0], made)) == "log-entry-payload"  # type: ignore[misc]
            )
