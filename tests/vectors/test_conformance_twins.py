"""The cases of sigstore-conformance that the shared vectors do not hold, built anew and named alike.

The suite signs with the real Sigstore; here a virtual one stands in, and the client reads the same files:
bundle, artifact, trusted root, key. Each is judged by file and by digest, and fails for its own reason.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tools import conformance
from vouchsafe.image.digest import Digest
from vouchsafe.record import Record
from vouchsafe.testing.bundle import bundle_object
from vouchsafe.testing.ca import CertificateAuthority, Window
from vouchsafe.testing.canonical import b64, compact, der, rfc3339
from vouchsafe.testing.clock import VirtualClock
from vouchsafe.testing.entries import body, signed_bytes
from vouchsafe.testing.keys import KeySource, PrivateKey, PublicKey, public_pem, sign, spki
from vouchsafe.testing.material import LogEntry, Material
from vouchsafe.testing.note import note, signature_line
from vouchsafe.testing.signer import Order, make
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.testing.spoil import flipped
from vouchsafe.testing.statement import SLSA_V1
from vouchsafe.testing.tsa import StampPlan, TimestampAuthority

NOON = datetime(2025, 6, 2, 12, tzinfo=UTC)
ARTIFACT = b"what the suite signs\n"
DIGEST = Digest.of(ARTIFACT)
Bundle = dict[str, Any]


def virtual(**options: Any) -> VirtualSigstore:
    """A Sigstore that lives in the past, as the suite's material does."""
    return VirtualSigstore("conformance", clock=VirtualClock(NOON), **options)


class Twin(Record):
    """What the client is given. `root` None is the Sigstore's own."""

    sigstore: VirtualSigstore
    bundle: Bundle | bytes
    root: Bundle | None = None
    key: PublicKey | None = None
    asks_for_identity: bool = True


def message(sigstore: VirtualSigstore, **options: Any) -> Material:
    """A signature over the artifact."""
    stamp = options.pop("stamp", options.get("log") == "rekor2")
    return make(sigstore, Order(payload=ARTIFACT, stamp=stamp, **options))


def statement(sigstore: VirtualSigstore, **options: Any) -> Material:
    """A statement about the artifact."""
    return sigstore.dsse_material(DIGEST, **({"predicate_type": SLSA_V1} | options))


def written(material: Material, version: str = "0.3") -> Bundle:
    """As a bundle that tests edit."""
    return bundle_object(material, version, artifact_digest=DIGEST.raw)


def entry_of(material: Material) -> LogEntry:
    """The entry, which is there."""
    assert material.entry is not None
    return material.entry


def with_entry(material: Material, **changes: Any) -> Material:
    """The material with another answer of the log."""
    return material.replace(entry=entry_of(material).replace(**changes))


def with_proof(material: Material, **changes: Any) -> Material:
    """The material with another proof."""
    proof = entry_of(material).proof
    assert proof is not None
    return with_entry(material, proof=proof.replace(**changes))


def root_of(sigstore: VirtualSigstore) -> Bundle:
    """The trust root, to be edited."""
    return dict(json.loads(sigstore.trusted_root()))


def material_of(bundle: Bundle) -> Bundle:
    """The bundle's verificationMaterial."""
    return dict(bundle)["verificationMaterial"]


CASES: dict[str, tuple[Callable[[], Twin], str]] = {}


def case(name: str, code: str = "") -> Callable[[Callable[[], Twin]], Callable[[], Twin]]:
    """Register a case by the suite's name; `code` is how it fails."""
    assert name.endswith("_fail") is bool(code)

    def register(build: Callable[[], Twin]) -> Callable[[], Twin]:
        CASES[name] = (build, code)
        return build

    return register


def usual(version: str) -> Callable[[], Twin]:
    """A bundle of that version, Rekor v1."""

    def build() -> Twin:
        sigstore = virtual()
        return Twin(sigstore=sigstore, bundle=written(message(sigstore), version))

    return build


for each in ("0.1", "0.2", "0.3"):
    case(f"happy-path-v{each}")(usual(each))


@case("happy-path-intoto-in-dsse-v3")
def intoto_in_dsse() -> Twin:
    """A statement, logged as dsse 0.0.1."""
    sigstore = virtual()
    return Twin(sigstore=sigstore, bundle=written(statement(sigstore)))


@case("rekor2-happy-path")
def rekor2() -> Twin:
    """hashedrekord 0.0.2 and a time-stamp."""
    sigstore = virtual()
    return Twin(sigstore=sigstore, bundle=written(message(sigstore, log="rekor2")))


@case("bundle-empty-certificate-chain_fail", "bundle-chain")
def empty_chain() -> Twin:
    """No certificate in the chain."""
    twin = usual("0.1")()
    assert isinstance(twin.bundle, dict)
    material_of(twin.bundle)["x509CertificateChain"]["certificates"] = []
    return twin


@case("bundle-invalid-base64-signature_fail", "base64")
def invalid_base64() -> Twin:
    """The signature is not base64."""
    twin = usual("0.1")()
    assert isinstance(twin.bundle, dict)
    twin.bundle["messageSignature"]["signature"] = "%%%not base64%%%"
    return twin


@case("bundle-malformed-json_fail", "json-syntax")
def malformed_json() -> Twin:
    """Cut short."""
    twin = usual("0.1")()
    return twin.replace(bundle=compact(twin.bundle)[:-1])


@case("bundle-negative-log-index_fail", "json-type")
def negative_index() -> Twin:
    """An index below zero."""
    twin = usual("0.1")()
    assert isinstance(twin.bundle, dict)
    material_of(twin.bundle)["tlogEntries"][0]["logIndex"] = "-1"
    return twin


@case("bundle-with-root-cert_fail", "bundle-root")
def with_root() -> Twin:
    """The chain ends in a root, which belongs to the trust root."""
    twin = usual("0.1")()
    assert isinstance(twin.bundle, dict)
    chain = material_of(twin.bundle)["x509CertificateChain"]["certificates"]
    chain.append({"rawBytes": b64(der(twin.sigstore.ca.root))})
    return twin


@case("bundle-with-sct-with-extensions")
def sct_with_extensions() -> Twin:
    """An SCT with extensions, as tiled CT logs write their index."""
    sigstore = virtual()

    def extended(tbs: bytes, issuer: PublicKey, at: datetime) -> tuple[bytes, ...]:
        extensions = b"\x00\x00\x05\x00\x00\x00\x00\x07"  # type leaf_index, 5 bytes
        written = len(extensions).to_bytes(2, "big") + extensions
        moment = int(at.timestamp() * 1000).to_bytes(8, "big")
        bound = hashlib.sha256(spki(issuer)).digest() + len(tbs).to_bytes(3, "big") + tbs
        signature = sign(sigstore.ct_log.key, b"\0\0" + moment + b"\0\1" + bound + written)
        head = b"\0" + sigstore.ct_log.id + moment + written
        return (head + b"\x04\x03" + len(signature).to_bytes(2, "big") + signature,)

    plan = sigstore.leaf_plan().replace(scts=extended)
    return Twin(sigstore=sigstore, bundle=written(message(sigstore, leaf=plan)))


@case("checkpoint-bad-keyhint_fail", "checkpoint-signature")
def bad_key_hint() -> Twin:
    """The checkpoint's signature line names another key."""
    sigstore = virtual()
    made = message(sigstore)
    proof = entry_of(made).proof
    assert proof is not None
    text, _, line = proof.checkpoint.rpartition(" ")
    hinted = b64encode(flipped(b64decode(line), 0)).decode()
    return Twin(sigstore=sigstore, bundle=written(with_proof(made, checkpoint=f"{text} {hinted}\n"), "0.1"))


@case("invalid-checkpoint-signature_fail", "signature")
def invalid_checkpoint() -> Twin:
    """The checkpoint's signature does not hold."""
    sigstore = virtual()
    made = message(sigstore)
    proof = entry_of(made).proof
    assert proof is not None
    text, _, line = proof.checkpoint.rpartition(" ")
    broken = b64encode(flipped(b64decode(line))).decode()
    return Twin(sigstore=sigstore, bundle=written(with_proof(made, checkpoint=f"{text} {broken}\n"), "0.1"))


@case("invalid-inclusion-proof_fail", "bundle-proof")
def invalid_proof() -> Twin:
    """v0.2, a proof of another entry and without a checkpoint."""
    twin = usual("0.2")()
    assert isinstance(twin.bundle, dict)
    proof = material_of(twin.bundle)["tlogEntries"][0]["inclusionProof"]
    proof["hashes"] = proof["hashes"][::-1] * 2
    del proof["checkpoint"]
    return twin


@case("integrated-time-in-future_fail", "signature")
def in_future() -> Twin:
    """The entry says that it is of the year 2100; the promise says otherwise."""
    sigstore = virtual()
    made = with_entry(message(sigstore), integrated_time=4_102_444_800)
    return Twin(sigstore=sigstore, bundle=written(made, "0.1"))


@case("integrated-time-in-future-promised_fail", "clock")
def in_future_promised() -> Twin:
    """The same, and the log promised it: its clock is wrong, or ours."""
    sigstore = virtual()
    made = message(sigstore)
    entry = entry_of(made)
    promise = sigstore.rekor1.promise(entry.body, 4_102_444_800, entry.index)
    forged = with_entry(made, integrated_time=4_102_444_800, promise=promise)
    return Twin(sigstore=sigstore, bundle=written(forged, "0.1"))


@case("set-invalid-signature_fail", "signature")
def invalid_set() -> Twin:
    """The promise's signature does not hold."""
    sigstore = virtual()
    made = message(sigstore)
    promise = entry_of(made).promise
    assert promise is not None
    return Twin(sigstore=sigstore, bundle=written(with_entry(made, promise=flipped(promise))))


@case("message-digest-mismatch_fail", "artifact")
def digest_mismatch() -> Twin:
    """The digest in the bundle is not the artifact's."""
    sigstore = virtual()
    made = bundle_object(message(sigstore), "0.3", artifact_digest=bytes(32))
    return Twin(sigstore=sigstore, bundle=made)


@case("dsse-invalid-sig_fail", "signature")
def dsse_invalid() -> Twin:
    """The envelope's signature does not hold."""
    sigstore = virtual()
    made = statement(sigstore)
    return Twin(sigstore=sigstore, bundle=written(made.replace(signatures=(flipped(made.signature),))))


def two_statements(**options: Any) -> tuple[VirtualSigstore, Material, Material]:
    """Two statements by one key and certificate, both logged."""
    sigstore = virtual()
    key = sigstore.keys.ec("signer")
    plan, at = sigstore.leaf_plan(), sigstore.clock.now()
    certificate = sigstore.ca.issue(key.public_key(), sigstore.workload, at, plan)
    keyed = {"key": key, "predicate_type": SLSA_V1, **options}

    def about(predicate: dict[str, str]) -> Material:
        made = sigstore.dsse_material(DIGEST, predicate=predicate, **keyed)
        made = made.replace(certificate=certificate, public_key=None)
        kind = f"{entry_of(made).kind}/{entry_of(made).version}"
        log = sigstore.log(options.get("log"))
        return made.replace(entry=log.append(kind, body(kind, made)))

    return sigstore, about({"a": "1"}), about({"b": "2"})


def swapped(**options: Any) -> Twin:
    """The envelope and stamps of the second statement, the log entry of the first."""
    sigstore, first, second = two_statements(**options)
    return Twin(sigstore=sigstore, bundle=written(second.replace(entry=first.entry)))


def signed_again(**options: Any) -> Twin:
    """The same payload signed again with the same key: two valid signatures, one of them logged."""
    sigstore, first, _ = two_statements(**options)
    key: PrivateKey = sigstore.keys.ec("signer")
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    other = key.sign(signed_bytes(first), ec.ECDSA(hashes.SHA256()))
    stamps = (sigstore.tsa.stamp(other, sigstore.clock.now()),) if first.timestamps else ()
    return Twin(sigstore=sigstore, bundle=written(first.replace(signatures=(other,), timestamps=stamps)))


def by_stranger(**options: Any) -> Twin:
    """Signature and stamps of an unrelated key."""
    sigstore = virtual()
    mine, theirs = statement(sigstore, **options), statement(sigstore, **options)
    swapped_in = mine.replace(signatures=theirs.signatures, timestamps=theirs.timestamps)
    return Twin(sigstore=sigstore, bundle=written(swapped_in))


case("dsse-mismatch-envelope_fail", "log-entry-payload")(swapped)
case("dsse-mismatch-sig_fail", "log-entry-signature")(signed_again)
for prefix, logged in (
    ("rekor2-dsse", {"log": "rekor2"}),
    ("dsse-with-hashedrekord", {"entry_kind": "hashedrekord/0.0.1"}),
):
    case(f"{prefix}-mismatch-envelope_fail", "log-entry-payload")(partial(swapped, **logged))
    case(f"{prefix}-mismatch-sig_fail", "log-entry-signature")(partial(signed_again, **logged))
    case(f"{prefix}-invalid-sig_fail", "signature")(partial(by_stranger, **logged))


@case("dsse-with-hashedrekord-happy-path")
def dsse_with_hashedrekord() -> Twin:
    """A statement logged in Rekor v1 by the hash of what was signed."""
    sigstore = virtual()
    return Twin(sigstore=sigstore, bundle=written(statement(sigstore, entry_kind="hashedrekord/0.0.1")))


@case("cve-2022-36056-swapped-tlog-entry_fail", "log-entry-payload")
def swapped_entry() -> Twin:
    """The entry of another signature altogether, genuine and proven."""
    sigstore = virtual()
    made, other = message(sigstore), make(sigstore, Order(payload=b"something else"))
    return Twin(sigstore=sigstore, bundle=written(made.replace(entry=other.entry)))


def relogged(change: Callable[[VirtualSigstore, Material], Material]) -> Twin:
    """The entry is genuine and about a changed material."""
    sigstore = virtual()
    made = message(sigstore)
    kind = "hashedrekord/0.0.1"
    entry = sigstore.rekor1.append(kind, body(kind, change(sigstore, made)))
    return Twin(sigstore=sigstore, bundle=written(made.replace(entry=entry)))


@case("wrong-hashedrekord-entry_fail", "log-entry-payload")
def wrong_entry() -> Twin:
    """Another artifact in the entry."""
    return relogged(lambda _, made: made.replace(payload=b"another"))


@case("wrong-hashedrekord-cert-and-sig_fail", "log-entry-signature")
def wrong_certificate_and_signature() -> Twin:
    """The right artifact, another certificate and signature."""
    return relogged(lambda sigstore, _: message(sigstore))


def intoto(**options: Any) -> tuple[VirtualSigstore, Material]:
    """As sigstore-js's mock logs: intoto 0.0.2, v0.2, a leaf that the root signed itself, stamp and promise."""
    sigstore = virtual()
    sigstore.ca = CertificateAuthority(sigstore.keys, sigstore.name, sigstore.window, intermediate=False)
    return sigstore, statement(sigstore, entry_kind="intoto/0.0.2", tsa=True, **options)


@case("intoto-with-custom-trust-root")
def intoto_custom() -> Twin:
    """Everything at once, and the checkpoint ends in blank lines."""
    sigstore, made = intoto()
    proof = entry_of(made).proof
    assert proof is not None
    return Twin(
        sigstore=sigstore, bundle=written(with_proof(made, checkpoint=proof.checkpoint + "\n"), "0.2")
    )


@case("intoto-expired-certificate_fail", "authority-window")
def intoto_expired() -> Twin:
    """The CA was no longer believed when the certificate was issued."""
    sigstore, made = intoto()
    root = root_of(sigstore)
    root["certificateAuthorities"][0]["validFor"]["end"] = rfc3339(NOON - timedelta(days=1))
    return Twin(sigstore=sigstore, bundle=written(made, "0.2"), root=root)


@case("intoto-log-entry-mismatch_fail", "log-entry-payload")
def intoto_mismatch() -> Twin:
    """The entry is about another payload."""
    sigstore, made = intoto()
    kind = "intoto/0.0.2"
    entry = sigstore.rekor1.append(kind, body(kind, made.replace(payload=b"{}")))
    return Twin(sigstore=sigstore, bundle=written(made.replace(entry=entry), "0.2"))


@case("intoto-set-outside-signing-cert-validity_fail", "certificate-expired")
def intoto_late() -> Twin:
    """Logged after the certificate had expired."""
    sigstore, made = intoto()
    sigstore.virtual_clock.advance(days=1)
    entry = entry_of(made)
    late = sigstore.rekor1.append("intoto/0.0.2", entry.body)
    return Twin(sigstore=sigstore, bundle=written(made.replace(entry=late), "0.2"))


@case("intoto-canonical-log-entry")
def intoto_canonical() -> Twin:
    """A managed key, one leaf in the log, no promise and no time."""
    sigstore = virtual(empty_logs=True)
    key = sigstore.keys.ec("managed")
    made = statement(sigstore, key=key, entry_kind="intoto/0.0.2", promise=False, tsa=False)
    bundle = written(with_entry(made, integrated_time=0))
    return Twin(sigstore=sigstore, bundle=bundle, key=key.public_key(), asks_for_identity=False)


def keyed_statement(said: dict[str, Any]) -> Twin:
    """A managed key's statement in Rekor v2 whose `_type` is as given."""
    sigstore = virtual(empty_logs=True)
    key = sigstore.keys.ec("managed")
    head = {"subject": [{"name": "a.txt", "digest": {"sha256": DIGEST.hex}}]}
    payload = compact(said | head | {"predicateType": SLSA_V1, "predicate": {}})
    made = statement(sigstore, key=key, log="rekor2", tsa=False, statement=payload)
    return Twin(sigstore=sigstore, bundle=written(made), key=key.public_key(), asks_for_identity=False)


case("dsse-statement-missing-type_fail", "json-type")(lambda: keyed_statement({}))
case("dsse-statement-unknown-type_fail", "statement-type")(
    lambda: keyed_statement({"_type": "https://in-toto.io/Statement/v2"})
)


@case("managed-key-no-key_fail", "no-certificate")
def managed_without_key() -> Twin:
    """A bundle by a key, and nobody names one."""
    sigstore = virtual()
    return Twin(sigstore=sigstore, bundle=written(message(sigstore, key=sigstore.keys.ec("managed"))))


@case("managed-key-and-client-identity_fail", "expected either --key or --certificate-identity, got both")
def managed_and_identity() -> Twin:
    """Two questions at once."""
    sigstore = virtual()
    key = sigstore.keys.ec("managed")
    return Twin(
        sigstore=sigstore,
        bundle=written(message(sigstore, key=key)),
        key=key.public_key(),
        asks_for_identity=True,
    )


def noted(change: Callable[[VirtualSigstore, str], str]) -> Twin:
    """Rekor v2 with another checkpoint over the same tree."""
    sigstore = virtual()
    made = message(sigstore, log="rekor2")
    proof = entry_of(made).proof
    assert proof is not None
    return Twin(
        sigstore=sigstore, bundle=written(with_proof(made, checkpoint=change(sigstore, proof.checkpoint)))
    )


def signed_by_log(sigstore: VirtualSigstore, text: str) -> str:
    """A note with the log's signature, whatever it says."""
    return note(text, signature_line(sigstore.rekor2.origin, sigstore.rekor2.key, text))


def without_line(number: int) -> Callable[[VirtualSigstore, str], str]:
    """The checkpoint without one of its three lines, signed by the log."""

    def change(sigstore: VirtualSigstore, checkpoint: str) -> str:
        lines = checkpoint.partition("\n\n")[0].split("\n")
        del lines[number]
        return signed_by_log(sigstore, "\n".join(lines) + "\n")

    return change


for number, missing in enumerate(("origin", "size", "root-hash")):
    case(f"rekor2-checkpoint-missing-{missing}_fail", "checkpoint")(partial(noted, without_line(number)))


def by_stranger_in_its_name(sigstore: VirtualSigstore, checkpoint: str) -> str:
    """Signed under the log's name by a key that is not its."""
    text = checkpoint.partition("\n\n")[0] + "\n"
    return note(text, signature_line(sigstore.rekor2.origin, sigstore.keys.ed25519("stranger"), text))


case("rekor2-checkpoint-no-matching-signature_fail", "checkpoint-signature")(
    lambda: noted(by_stranger_in_its_name)
)


def second_algorithm(sigstore: VirtualSigstore, checkpoint: str) -> str:
    """Signed by the log with two algorithms, ours last."""
    text = checkpoint.partition("\n\n")[0] + "\n"
    origin = sigstore.rekor2.origin
    first = signature_line(origin, sigstore.keys.ec("the-log's-second"), text)
    return note(text, first, signature_line(origin, sigstore.rekor2.key, text))


case("rekor2-checkpoint-two-sigs-from-origin")(lambda: noted(second_algorithm))


def witnessed(*names: str) -> Twin:
    """Cosigned by witnesses."""
    sigstore = virtual()
    for name in names:
        sigstore.rekor2.witnesses[name] = sigstore.keys.ed25519(name)
    return Twin(sigstore=sigstore, bundle=written(message(sigstore, log="rekor2")))


case("rekor2-checkpoint-cosigned")(lambda: witnessed("witness.example/a"))
case("rekor2-checkpoint-multiple-cosigs")(lambda: witnessed("a.example", "z.example/2"))


@case("rekor2-no-inclusion-proof_fail", "bundle-proof")
def rekor2_without_proof() -> Twin:
    """No proof."""
    sigstore = virtual()
    return Twin(sigstore=sigstore, bundle=written(message(sigstore, log="rekor2", proof=False)))


@case("rekor2-no-timestamp_fail", "no-time")
def rekor2_without_time() -> Twin:
    """No time."""
    sigstore = virtual()
    return Twin(sigstore=sigstore, bundle=written(message(sigstore, log="rekor2", stamp=False)))


@case("rekor2-timestamp-payload-mismatch_fail", "timestamp-imprint")
def stamp_of_other() -> Twin:
    """A stamp of another signature."""
    sigstore = virtual()
    made = message(sigstore, log="rekor2")
    stamp = sigstore.tsa.stamp(flipped(made.signature), sigstore.clock.now())
    return Twin(sigstore=sigstore, bundle=written(made.replace(timestamps=(stamp,))))


@case("rekor2-timestamp-outside-tsa-cert-validity_fail", "timestamp-authority")
def stamp_by_expired() -> Twin:
    """The authority's certificate had expired."""
    sigstore = virtual()
    life = Window(start=NOON - timedelta(days=9), end=NOON - timedelta(days=1))
    sigstore.tsa = TimestampAuthority(
        sigstore.keys, f"tsa.{sigstore.name}", sigstore.window, leaf_window=life
    )
    return Twin(sigstore=sigstore, bundle=written(message(sigstore, log="rekor2")))


@case("rekor2-multiple-timestamps-one-outside-cert-validity_fail", "certificate-expired")
def second_stamp_late() -> Twin:
    """Two genuine stamps, one after the certificate had expired."""
    sigstore = virtual()
    made = message(sigstore, log="rekor2")
    late = sigstore.tsa.stamp(made.signature, NOON, StampPlan(at=NOON + timedelta(hours=1)))
    return Twin(sigstore=sigstore, bundle=written(made.replace(timestamps=(*made.timestamps, late))))


@case("rekor2-timestamp-wrong-tsa-validity-borrow_fail", "trusted-root")
def borrowed_window() -> Twin:
    """The authority's window is over; another entry without certificates has one that fits."""
    sigstore = virtual()
    root = root_of(sigstore)
    (authority,) = root["timestampAuthorities"]
    authority["validFor"] = {
        "start": rfc3339(NOON - timedelta(days=9)),
        "end": rfc3339(NOON - timedelta(days=1)),
    }
    lent = {"start": rfc3339(NOON - timedelta(days=1)), "end": rfc3339(NOON + timedelta(days=1))}
    root["timestampAuthorities"].append(
        {"uri": "https://lender.example", "certChain": {"certificates": []}, "validFor": lent}
    )
    return Twin(sigstore=sigstore, bundle=written(message(sigstore, log="rekor2")), root=root)


@case("sct-duplicate-intermediate-name")
def decoy_of_same_name() -> Twin:
    """An authority of the same names and another key stands first in the root."""
    sigstore = virtual()
    decoy = CertificateAuthority(KeySource("decoy"), sigstore.name, sigstore.window)
    root = root_of(sigstore)
    links = [{"rawBytes": b64(der(link))} for link in (decoy.signer, sigstore.ca.root)]  # holds together not
    (authority,) = root["certificateAuthorities"]
    root["certificateAuthorities"].insert(0, authority | {"certChain": {"certificates": links}})
    return Twin(sigstore=sigstore, bundle=written(message(sigstore)), root=root)


@case("trust-root-tlog-missing-validity-start_fail", "json-type")
def log_without_start() -> Twin:
    """The log's window does not say when it starts."""
    sigstore = virtual()
    root = root_of(sigstore)
    for log in root["tlogs"]:
        del log["publicKey"]["validFor"]["start"]
    return Twin(sigstore=sigstore, bundle=written(message(sigstore)), root=root)


@case("trust-root-tlog-validity-end-inclusive")
def log_ends_now() -> Twin:
    """The log's window ends with the second of the entry."""
    sigstore = virtual()
    root = root_of(sigstore)
    for log in root["tlogs"]:
        log["publicKey"]["validFor"]["end"] = rfc3339(NOON)
    return Twin(sigstore=sigstore, bundle=written(message(sigstore)), root=root)


def arguments(twin: Twin, folder: Path, form: str) -> list[str]:
    """Files in a folder, and what the suite calls the client with."""
    bundle = twin.bundle if isinstance(twin.bundle, bytes) else compact(twin.bundle)
    root = twin.sigstore.trusted_root() if twin.root is None else compact(twin.root)
    (folder / "bundle.sigstore.json").write_bytes(bundle)
    (folder / "trusted_root.json").write_bytes(root)
    (folder / "a.txt").write_bytes(ARTIFACT)
    said = ["verify-bundle", "--bundle", str(folder / "bundle.sigstore.json")]
    if twin.key is not None:
        (folder / "key.pub").write_bytes(public_pem(twin.key))
        said += ["--key", str(folder / "key.pub")]
    if twin.asks_for_identity:
        workload = twin.sigstore.workload
        said += [
            "--certificate-identity",
            workload.subject,
            "--certificate-oidc-issuer",
            workload.issuer,
        ]
    said += ["--trusted-root", str(folder / "trusted_root.json")]
    return [*said, str(folder / "a.txt") if form == "file" else str(DIGEST)]


@pytest.mark.parametrize("form", ["file", "digest"])
@pytest.mark.parametrize("name", CASES)
def test_as_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, form: str) -> None:
    """What ends in _fail is refused for its own reason, the rest is accepted."""
    build, code = CASES[name]
    twin = build()
    ended = conformance.main(arguments(twin, tmp_path, form))
    said = capsys.readouterr().err.removeprefix("refused: ")
    assert (ended, said.startswith(code)) == (1 if code else 0, True), said
