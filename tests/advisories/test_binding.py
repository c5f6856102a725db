"""Binding evidence to an image: each advisory's mistake, made here and refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.judging import code, evidence_of, judge, root_of
from tests.unit.admission.test_admission import CYCLONEDX, ISSUER, Estate, by_main, written
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.policy.verdict import Accepted, Rejected, require
from vouchsafe.testing.canonical import compact
from vouchsafe.testing.push import push_bundle, push_image
from vouchsafe.testing.specimens import FORMS, STATEMENTS, Draft, Form
from vouchsafe.testing.statement import subject
from vouchsafe.testing.wrongs import WRONGS
from vouchsafe.verification import verify
from vouchsafe.verification.claim import MOST_DIGESTS, MOST_SUBJECTS


@pytest.mark.parametrize("form", FORMS)
def test_ghsa_whqx_f9j3_ch6m_entry_of_other_signature(form: Form) -> None:
    """CVE-2026-22703: a valid entry, about another signature of the same signer's."""
    assert code(lambda: judge(WRONGS["entry-of-other-signature"].make(form))) == "log-entry-signature"


@pytest.mark.parametrize("form", FORMS)
def test_ghsa_8gw7_4j42_w388_entry_of_other_payload(form: Form) -> None:
    """CVE-2022-36056: a valid entry, about something else that was signed."""
    assert code(lambda: judge(WRONGS["entry-of-other-payload"].make(form))) == "log-entry-payload"


@pytest.mark.parametrize("form", FORMS)
def test_ghsa_8pmp_678w_c8xx_any_entry_of_the_log(form: Form) -> None:
    """CVE-2024-51746: that an entry is in the log says nothing; here it is of no kind that signs."""
    assert code(lambda: judge(WRONGS["entry-of-other-kind"].make(form))) == "log-entry-kind"


@pytest.mark.parametrize("name", ["entry-of-other-certificate", "self-signed-ca", "set-of-other-entry"])
def test_ghsa_ccxc_vr6p_4858_forged_bundle(name: str) -> None:
    """CVE-2022-23649: an entry or a certificate that somebody made up or took from elsewhere."""
    for form in WRONGS[name].forms:
        assert code(lambda kind=form: judge(WRONGS[name].make(kind)))  # type: ignore[misc]


@pytest.mark.parametrize("form", STATEMENTS)
def test_ghsa_w6c6_c85g_mmv6_unparsable_payload(form: Form) -> None:
    """CVE-2026-39395: a payload that cannot be read is a failure, not an absence."""
    assert code(lambda: judge(WRONGS["payload-not-json"].make(form))) == "json-syntax"


@pytest.mark.parametrize("form", STATEMENTS)
@pytest.mark.parametrize("name", ["payload-type-wrong", "statement-type-wrong"])
def test_ghsa_vjxv_45g9_9296_types_of_what_was_signed(form: Form, name: str) -> None:
    """CVE-2022-35929: payloadType and _type are looked at."""
    assert code(lambda: judge(WRONGS[name].make(form))) in {"payload-type", "statement-type"}


def test_ghsa_739f_hw6h_7wq8_attestation_of_another_type() -> None:
    """CVE-2022-35930: an attestation of another predicateType does not stand in for the one asked for."""
    estate = Estate()
    estate.bundle(predicate_type="https://spdx.dev/Document")
    verdict = estate.ask(by_main(predicate_type=CYCLONEDX))
    assert isinstance(verdict, Rejected)
    estate.bundle(predicate_type=CYCLONEDX)
    assert isinstance(estate.ask(by_main(predicate_type=CYCLONEDX)), Accepted)


def test_ghsa_r2xv_vpr2_42m9_predicate_type_of_the_statement() -> None:
    """What the layer's annotation says of the predicate is anybody's word; the statement's is signed."""
    specimen = WRONGS["predicate-annotation-lies"].make("attestation")
    assert judge(specimen).claim.predicate_type != specimen.predicate_type


def about(*subjects: Any) -> Draft:
    """A draft whose statement has these subjects."""
    draft = Draft("bundle-rekor1")
    draft.say(*subjects)
    return draft


def test_sigstore_rs_615_subjects_and_digests_are_capped() -> None:
    """A statement about everything is about nothing."""
    one = subject(Digest.of(b"x"))
    assert code(lambda: judge(about(*[one] * (MOST_SUBJECTS + 1)).specimen("many"))) == "json-too-many"
    many = {"digest": {f"hash{number}": "00" for number in range(MOST_DIGESTS + 1)}}
    assert code(lambda: judge(about(many).specimen("many"))) == "statement-digests"


def test_cosign_5016_null_subjects() -> None:
    """Holes are skipped; a statement of nothing but holes is refused."""
    draft = about(subject(Digest.of(b"x")))
    said = json.loads(draft.order.payload)
    draft.order = draft.order.replace(payload=compact(said | {"subject": [None, *said["subject"]]}))
    assert judge(draft.specimen("hole")).digests == {Digest.of(b"x")}
    draft.order = draft.order.replace(payload=compact(said | {"subject": [None]}))
    assert code(lambda: judge(draft.specimen("holes"))) == "statement-subject"


def test_same_algorithm_same_digest() -> None:
    """A subject's digest is compared under its own algorithm, never by its letters alone."""
    digest = Digest.of(b"image")
    draft = about({"digest": {"sha512": digest.hex}})
    assert code(lambda: judge(draft.specimen("other"))) == "digest"
    unknown = about({"digest": {"sha3-256": digest.hex, "sha512": Digest.of(b"other", "sha512").hex}})
    assert digest not in judge(unknown.specimen("unknown")).digests


@pytest.mark.parametrize("form", FORMS)
def test_ghsa_7rmh_48mx_2vwc_original_bytes(form: Form) -> None:
    """CVE-2026-44309: the same JSON in other bytes is not what was signed."""
    specimen = WRONGS["payload-changed"].make(form)
    assert code(lambda: judge(specimen)) == "signature"


def test_ghsa_m3cq_xcx9_3gvm_the_digest_that_was_verified() -> None:
    """CVE-2022-47633: what is handed on is the digest that was judged, whatever the tag says later."""
    estate = Estate()
    estate.legacy()
    verdict = estate.ask()
    push_image(estate.registry.store, "group/project", content=b"another")
    assert require(verdict) == estate.digest


def test_cosign_5014_a_bundle_names_no_repository() -> None:
    """The signature of one project's image, copied to another repository of the same registry."""
    estate = Estate()
    twin = push_image(estate.registry.store, "other/app")
    assert twin == estate.digest
    push_bundle(estate.registry.store, "other/app", twin, estate.sigstore.bundle(twin))
    pattern = r"https://gitlab\\.example/.+//\\.gitlab-ci\\.yml@refs/heads/main"
    policy = written(
        '{"default":[{"type":"sigstoreSigned","fulcio":{"trustedRootPath":"/root.json",'
        f'"oidcIssuer":"{ISSUER}","subjectRegexp":"{pattern}"}}}}]}}'
    )
    verdict = estate.ask(policy, Reference.parse("registry.example/other/app:v1"))
    assert [reason.code for reason in verdict.reasons] == ["repository-unbound"]


def test_ghsa_xvrc_2wvh_49vc_keys_come_from_the_trust_root() -> None:
    """CVE-2023-47122: an entry by a log that presents itself, key and all, is by nobody."""
    specimen = WRONGS["entry-by-unknown-log"].make("bundle-rekor1")
    assert code(lambda: judge(specimen)) == "log-entry"
    forged = WRONGS["entry-names-known-log"].make("bundle-rekor1")
    found = evidence_of(forged)
    assert code(lambda: verify(found, root_of(forged), at=forged.at)) == "signature"
