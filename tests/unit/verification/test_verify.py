"""The whole argument: who, over what, logged where, when, and only then what it says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.judging import code, evidence_of, judge, root_of
from vouchsafe import evidence
from vouchsafe.errors import VerificationError
from vouchsafe.evidence.bundle import FAMILY
from vouchsafe.evidence.containers import SIGNATURE_BLOB
from vouchsafe.evidence.types import Evidence
from vouchsafe.image.digest import Digest
from vouchsafe.testing.bundle import write_bundle
from vouchsafe.testing.canonical import der
from vouchsafe.testing.keys import spki
from vouchsafe.testing.material import Material
from vouchsafe.testing.signer import Order, make, publish
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.testing.specimens import FORMS, Draft, Form
from vouchsafe.testing.tsa import StampPlan, TimestampAuthority
from vouchsafe.verification import CLOCK_SKEW, TrustRoot, VerifiedSignature, verify
from vouchsafe.verification.trust import PublicKey, Window, parse_trusted_root

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
BUNDLE = f"{FAMILY}.v0.3+json"
SIGSTORE = VirtualSigstore()
ROOT = parse_trusted_root(SIGSTORE.trusted_root())
IMAGE = Digest.of(b"image")
FILE = b"a file"


def read(material: Material, version: str = "0.3", digest: bytes = Digest.of(FILE).raw) -> Evidence:
    """A material as a bundle."""
    return evidence.parse(write_bundle(material, version, artifact_digest=digest), {}, BUNDLE)


def statement(**options: Any) -> Evidence:
    """A signed image."""
    return read(SIGSTORE.dsse_material(IMAGE, **options))


def message(**options: Any) -> Evidence:
    """A signed file."""
    return read(make(SIGSTORE, Order(payload=FILE, **options)))


def judged(
    found: Evidence, root: TrustRoot = ROOT, *, at: datetime = LATER, **options: Any
) -> VerifiedSignature:
    """By the virtual root."""
    return verify(found, root, at=at, **options)


@pytest.mark.parametrize("form", FORMS)
def test_what_comes_out(form: Form) -> None:
    """Where it was, which log, which authority, what it was."""
    specimen = Draft(form).specimen("usual")
    found = evidence_of(specimen)
    made = judge(specimen)
    assert (made.media_type, made.blob_digest, made.origin) == (found.media_type, found.blob_digest, "")
    sources = {"legacy-tsa": ["log", "timestamp"], "bundle-rekor2": ["timestamp"]}.get(form, ["log"])
    assert [each.source for each in made.times] == sources
    log = "rekor2.sigstore.example" if form == "bundle-rekor2" else "rekor1.sigstore.example"
    assert [(each.log, each.index) for each in made.logged] == [(log, 1)]
    assert made.time == NOON
    assert made.key_id == ""


def test_artifact_by_bytes_and_by_digest() -> None:
    """A file's signature is about the file that is given, under the hash that was signed."""
    found = message()
    for artifact in (FILE, Digest.of(FILE)):
        made = judged(found, artifact=artifact)
        assert (made.role, made.digests) == ("artifact", frozenset({Digest.of(FILE)}))
    for other in (b"another", Digest.of(b"another"), None):
        assert code(lambda artifact=other: judged(found, artifact=artifact)) == "artifact"  # type: ignore[misc]


def test_artifact_under_another_algorithm() -> None:
    """A digest that the signature cannot be checked against proves nothing."""
    assert code(lambda: judged(message(), artifact=Digest.of(FILE, "sha512"))) == "signature"
    long = message(leaf_kind="p521")
    assert judged(long, artifact=Digest.of(FILE, "sha512")).digests == {Digest.of(FILE, "sha512")}
    assert judged(long, artifact=FILE).digests == {Digest.of(FILE)}
    assert code(lambda: judged(long, artifact=Digest.of(FILE))) == "signature"


def test_artifact_digest_in_the_bundle_is_compared() -> None:
    """Even where the signature would hold; absent, it is not needed."""
    wrong = read(make(SIGSTORE, Order(payload=FILE)), digest=bytes(32))
    assert code(lambda: judged(wrong, artifact=FILE)) == "artifact"
    bare = message()
    content: Any = bare.content
    assert judged(bare.replace(content=content.replace(digest=None)), artifact=FILE).role == "artifact"


def test_an_artifact_does_not_matter_to_a_statement() -> None:
    """It says itself what it is about; whoever asks compares."""
    assert judged(statement(), artifact=b"whatever").digests == {IMAGE}


def test_openpgp_is_somebody_elses() -> None:
    """A program checks it; here it is no Sigstore signature."""
    found = evidence.parse(b"\x88packet", {}, SIGNATURE_BLOB)
    assert code(lambda: judged(found)) == "openpgp"


MANAGED, OTHER = SIGSTORE.keys.ec("managed"), SIGSTORE.keys.ec("other")
EDWARDS = SIGSTORE.keys.ed25519("managed")


def keyed(*keys: Any, window: Window | None = None, **changes: Any) -> TrustRoot:
    """The root with managed keys."""
    named = tuple(PublicKey(key=spki(key.public_key()), window=window or Window()) for key in keys)
    return ROOT.replace(keys=named, **changes)


def test_a_managed_key() -> None:
    """Any of those that the root names; its id is the hash of the key."""
    found = statement(key=MANAGED)
    made = judged(found, keyed(OTHER, MANAGED))
    assert (made.identity, made.sct) == (None, "no certificate")
    assert made.key_id == Digest.of(spki(MANAGED.public_key())).hex
    assert code(lambda: judged(found, keyed(OTHER))) == "signature"
    assert code(lambda: judged(found)) == "no-certificate"


def test_ed25519_and_a_digest() -> None:
    """Another key may still fit; when none does, it says why it could not tell."""
    plain = message(key=MANAGED)
    assert judged(plain, keyed(EDWARDS, MANAGED), artifact=Digest.of(FILE)).key_id
    with pytest.raises(VerificationError) as caught:
        judged(message(key=EDWARDS, log=None), keyed(EDWARDS, logs=()), artifact=Digest.of(FILE))
    assert caught.value.message == "expected the artifact itself to check an Ed25519 signature"


def test_ghsa_wqqc_jjcq_vfxm_windows_of_managed_keys() -> None:
    """CVE-2026-54787: judged at every verified time, and now where there is none."""
    timed = statement(key=MANAGED)
    assert judged(timed, keyed(MANAGED, window=Window(start=NOON, end=NOON))).times
    for window in (Window(start=NOON + SECOND), Window(end=NOON - SECOND)):
        assert code(lambda held=window: judged(timed, keyed(MANAGED, window=held))) == "key-window"  # type: ignore[misc]
    timeless = statement(key=MANAGED, log=None, tsa=False)
    assert judged(timeless, keyed(MANAGED, window=Window(start=LATER, end=LATER), logs=())).times == ()
    for window in (Window(start=LATER + SECOND), Window(end=LATER - SECOND)):
        assert (
            code(lambda held=window: judged(timeless, keyed(MANAGED, window=held, logs=())))  # type: ignore[misc]
            == "key-window"
        )


def test_a_key_needs_a_log_where_one_is_trusted() -> None:
    """And where none is, none."""
    found = statement(key=MANAGED, log=None)
    assert judged(found, keyed(MANAGED, logs=())).logged == ()
    assert code(lambda: judged(found, keyed(MANAGED))) == "log-entry"
    logged = statement(key=MANAGED)
    assert judged(logged, keyed(MANAGED, logs=())).logged == ()


def test_without_a_time_a_log_must_be_trusted_now() -> None:
    """A proof without a time could be of any day."""
    found = statement(key=MANAGED, promise=False)
    assert judged(found, keyed(MANAGED)).times == ()
    over = tuple(log.replace(window=Window(end=NOON + SECOND)) for log in ROOT.logs)
    assert code(lambda: judged(found, keyed(MANAGED, logs=over))) == "log-window"


def test_with_keys_alone_a_certificate_means_nothing() -> None:
    """As in containers/image; with a CA beside them it is believed as ever."""
    found = statement()
    assert code(lambda: judged(found, keyed(MANAGED, authorities=()))) == "signature"
    assert judged(found, keyed(MANAGED)).identity is not None


def test_time_only_by_those_whom_we_believe() -> None:
    """GitHub's private Sigstore: a stamp and no log."""
    found = statement(log=None, tsa=True)
    bare = ROOT.replace(logs=())
    made = judged(found, bare)
    assert ([each.source for each in made.times], made.logged) == (["timestamp"], ())
    assert code(lambda: judged(found)) == "log-entry"
    assert code(lambda: judged(statement(log=None, tsa=False), bare)) == "no-time"
    assert code(lambda: judged(found, bare.replace(timestamp_authorities=()))) == "timestamp-authority"


STRANGER = TimestampAuthority(SIGSTORE.keys, "stranger.example", SIGSTORE.window)


def stamp(by: TimestampAuthority, moment: datetime = NOON) -> bytes:
    """Over the signature of the file, which is the same each time."""
    made = SIGSTORE.keys.ec("one-signer")
    signature = make(SIGSTORE, Order(payload=FILE, key=made, log=None)).signature
    return by.stamp(signature, moment, StampPlan(at=moment))


def one_signer(*tokens: bytes, log: Any = "rekor1", **options: Any) -> Evidence:
    """A certificate for that key, and the stamps."""
    key = SIGSTORE.keys.ec("one-signer")
    plan = SIGSTORE.leaf_plan()
    leaf = SIGSTORE.ca.issue(key.public_key(), SIGSTORE.workload, NOON, plan)
    made = make(SIGSTORE, Order(payload=FILE, key=key, log=None))
    certified = publish(
        SIGSTORE, Order(payload=FILE, log=log, **options), made.replace(certificate=leaf, public_key=None)
    )
    return read(certified.replace(timestamps=tokens))


OURS, THEIRS = stamp(SIGSTORE.tsa), stamp(STRANGER)


def test_strangers_stamps_prove_and_disprove_nothing() -> None:
    """Wherever they stand among others; alone they are no time."""
    for tokens in ((OURS, THEIRS), (THEIRS, OURS), (THEIRS, OURS, THEIRS)):
        found = one_signer(*tokens, promise=False)
        assert [each.source for each in judged(found, artifact=FILE).times] == ["timestamp"]
    assert [each.source for each in judged(one_signer(THEIRS), artifact=FILE).times] == ["log"]
    alone = one_signer(THEIRS, promise=False)
    assert code(lambda: judged(alone, artifact=FILE)) == "timestamp-authority"
    none = one_signer(promise=False)
    assert code(lambda: judged(none, artifact=FILE)) == "no-time"


def test_ghsa_9vcr_p3rj_q5q6_one_stamp_twice_is_one() -> None:
    """CVE-2026-49834: nobody is counted twice."""
    made = judged(one_signer(OURS, OURS), artifact=FILE)
    assert [each.source for each in made.times] == ["log", "timestamp"]
    second = stamp(SIGSTORE.tsa, NOON + SECOND)
    assert len(judged(one_signer(OURS, second), artifact=FILE).times) == 3


def test_every_time_counts() -> None:
    """The certificate must have been valid at each; a bad stamp beside a good promise is refused."""
    late = stamp(SIGSTORE.tsa, NOON + timedelta(minutes=11))
    assert code(lambda: judged(one_signer(OURS, late), artifact=FILE)) == "certificate-expired"
    assert code(lambda: judged(one_signer(late), artifact=FILE)) == "certificate-expired"
    wrong = SIGSTORE.tsa.stamp(b"something else", NOON)
    assert code(lambda: judged(one_signer(wrong), artifact=FILE)) == "timestamp-imprint"
    assert code(lambda: judged(one_signer(b"junk"), artifact=FILE)) == "timestamp"


def test_every_time_lies_in_every_logs_window() -> None:
    """A stamp from when the log was no longer believed, beside a promise from when it was."""
    later = stamp(SIGSTORE.tsa, NOON + timedelta(minutes=5))
    logs = tuple(log.replace(window=Window(end=NOON + SECOND)) for log in ROOT.logs)
    assert code(lambda: judged(one_signer(later), ROOT.replace(logs=logs), artifact=FILE)) == "log-window"


def test_the_clock() -> None:
    """What was signed in the future was not: the log's clock is wrong, or ours."""
    found = statement()
    assert judged(found, at=NOON - CLOCK_SKEW).times
    with pytest.raises(VerificationError) as caught:
        judged(found, at=NOON - CLOCK_SKEW - SECOND)
    assert (caught.value.code, caught.value.hint) == ("clock", "Is this machine's clock right?")
    assert caught.value.message == (
        "expected a signature made before 2026-11-02 11:54:59, got one of 2026-11-02 12:00:00"
    )


def test_roots_in_bundles_and_in_annotations() -> None:
    """A bundle must not bring one; cosign's older format did, and nobody believes it there."""
    made = SIGSTORE.dsse_material(IMAGE)
    bundle = read(made, "0.2")
    assert judged(bundle).identity is not None
    with_root = bundle.replace(chain=(*bundle.chain, der(SIGSTORE.ca.root)))
    assert code(lambda: judged(with_root)) == "bundle-root"
    specimen = Draft("legacy").specimen("usual")
    assert der(SIGSTORE.ca.root) in evidence_of(specimen).chain
    assert judge(specimen).identity is not None


def test_a_root_without_ct_logs_does_not_check_the_sct() -> None:
    """And says so."""
    assert judged(statement(), ROOT.replace(ct_logs=())).sct == "not checked"
    plan = SIGSTORE.leaf_plan().replace(scts=lambda *_: ())
    assert judged(statement(leaf=plan), ROOT.replace(ct_logs=())).sct == "not checked"
    assert code(lambda: judged(statement(leaf=plan))) == "sct"


def test_a_log_without_a_host_is_named_by_its_key() -> None:
    """As a PEM file leaves it."""
    logs = tuple(log.replace(host="") for log in ROOT.logs)
    made = judged(statement(), ROOT.replace(logs=logs))
    assert made.logged[0].log == made.times[0].authority == SIGSTORE.rekor1.id.hex()


def test_content_is_read_last() -> None:
    """Nothing that was signed is parsed before the signature holds."""
    specimen = Draft("bundle-rekor1").specimen("usual")
    found = evidence_of(specimen)
    content: Any = found.content
    hostile = found.replace(content=content.replace(payload=b"[" * 100_000))
    assert code(lambda: verify(hostile, root_of(specimen), at=specimen.at)) == "signature"
