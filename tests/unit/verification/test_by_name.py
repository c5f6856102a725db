"""Every right thing by name is accepted, every wrong one refused with the code that is expected.

The names are those of `vouchsafe.testing.wrongs`, each in every format that has it. Some wrong things are
sound evidence of somebody or something else: verification must say so truthfully, and policy refuses.
"""

from __future__ import annotations

import pytest

from tests.judging import code, judge
from vouchsafe.testing.wrongs import RIGHTS, WRONGS, Form, cases

# The code, whatever the format.
REFUSED = {
    "entry-of-other-signature": "log-entry-signature",
    "entry-of-other-certificate": "log-entry-certificate",
    "entry-of-other-payload": "log-entry-payload",
    "entry-of-other-kind": "log-entry-kind",
    "entry-by-unknown-log": "log-entry",
    "entry-names-known-log": "signature",
    "log-window-over": "log-window",
    "log-window-not-yet": "log-window",
    "no-log-entry": "log-entry",
    "set-flipped": "signature",
    "set-by-other-key": "signature",
    "set-of-other-index": "signature",
    "set-of-other-time": "signature",
    "set-of-other-entry": "signature",
    "managed-key-other": "signature",
    "managed-key-signature-flipped": "signature",
    "managed-key-entry-of-other-key": "log-entry-certificate",
    "managed-key-not-logged": "log-entry",
    "no-sct": "sct",
    "sct-by-unknown-log": "sct",
    "sct-of-other-cert": "signature",
    "sct-of-other-issuer": "signature",
    "sct-flipped": "signature",
    "ca-window-over": "authority-window",
    "ca-window-not-yet": "authority-window",
    "ctlog-window-over": "sct-window",
    "ctlog-window-not-yet": "sct-window",
    "chain-root-expired": "certificate-expired",
    "intermediate-expired": "certificate-expired",
    "intermediate-not-yet-valid": "certificate-expired",
    "leaf-expired-at-log-time": "certificate-expired",
    "leaf-not-yet-valid-at-log-time": "certificate-expired",
    "wrong-eku": "certificate-use",
    "no-eku": "certificate-use",
    "unknown-critical-extension": "certificate-critical",
    "leaf-is-ca": "certificate-use",
    "self-signed-ca": "log-entry",
    "ca-of-same-name": "certificate-authority",
    "chain-from-evidence": "certificate-authority",
    "leaf-of-leaf": "certificate-authority",
    "key-usage-without-signing": "certificate-use",
    "bundle-unknown-version": "bundle-version",
    "bundle-without-media-type": "json-type",
    "bundle-key-twice": "json-duplicate-key",
    "bundle-too-deep": "json-too-deep",
    "bundle-of-both-contents": "bundle-content",
    "bundle-of-both-keys": "bundle-signer",
    "certificate-twice": "signature",
    "no-certificate": "no-certificate",
    "certificate-of-other-key": "signature",
    "key-for-keyless": "no-certificate",
    "two-certificates-in-annotation": "pem",
    "log-annotation-not-json": "json-syntax",
    "issuer-extensions-disagree": "certificate-issuer",
    "issuer-extensions-disagree-in-1": "certificate-issuer",
    "issuer-v2-trailing-der": "certificate-claim",
    "issuer-v2-raw": "certificate-claim",
    "issuer-v2-long-form": "certificate-claim",
    "issuer-absent": "certificate-issuer",
    "issuer-twice": "certificate",
    "san-twice": "certificate",
    "two-sans": "certificate-subject",
    "no-san": "certificate-subject",
    "san-of-other-kind": "certificate-subject",
    "other-name-of-other-type": "certificate-subject",
    "no-proof": "bundle-proof",
    "proof-without-checkpoint": "bundle-proof",
    "proof-wrong-root": "inclusion-proof",
    "proof-truncated": "inclusion-proof",
    "proof-padded": "inclusion-proof",
    "proof-hash-flipped": "inclusion-proof",
    "proof-index-beyond-size": "inclusion-proof",
    "proof-of-other-index": "inclusion-proof",
    "proof-size-differs": "inclusion-proof",
    "checkpoint-other-origin": "checkpoint-signature",
    "checkpoint-other-key": "checkpoint-signature",
    "checkpoint-root-differs": "inclusion-proof",
    "checkpoint-body-changed": "signature",
    "checkpoint-unsigned": "checkpoint",
    "checkpoint-by-witness-only": "checkpoint-signature",
    "signature-flipped": "signature",
    "payload-changed": "signature",
    "digest-under-other-algorithm": "digest",
    "digest-upper-case": "digest",
    "critical-type-wrong": "payload-type",
    "no-critical": "json-type",
    "predicate-type-absent": "json-type",
    "statement-type-wrong": "statement-type",
    "payload-type-wrong": "payload-type",
    "payload-not-json": "json-syntax",
    "payload-trailing-json": "json-syntax",
    "duplicate-json-key": "json-duplicate-key",
    "duplicate-json-key-last": "json-duplicate-key",
    "no-subject": "statement-subject",
    "subject-without-digest": "statement-subject",
    "too-many-subjects": "json-too-many",
    "dsse-two-signatures": "dsse-signatures",
    "dsse-no-signature": "dsse-signatures",
    "no-signature": "no-signature",
    "no-time": "no-time",
    "integrated-time-of-rekor2": "no-time",
    "integrated-time-unsigned": "no-time",
    "timestamp-of-other-signature": "timestamp-imprint",
    "timestamp-by-unknown-tsa": "timestamp-authority",
    "timestamp-by-tsa-of-same-name": "timestamp-authority",
    "timestamp-without-eku": "timestamp-authority",
    "timestamp-with-other-eku": "timestamp-authority",
    "timestamp-after-leaf": "certificate-expired",
    "timestamp-before-leaf": "certificate-expired",
    "timestamp-outside-window": "timestamp-authority",
    "tsa-window-over": "timestamp-window",
    "tsa-window-not-yet": "timestamp-window",
    "timestamp-flipped": "timestamp-authority",
    "timestamp-not-der": "timestamp",
    "timestamp-trailing-bytes": "timestamp",
}
# Where one format fails earlier than the others.
REFUSED_IN = {
    ("entry-names-known-log", "bundle-rekor2"): "checkpoint-signature",
    ("no-certificate", "bundle-rekor1"): "bundle-signer",
    ("no-certificate", "bundle-rekor2"): "bundle-signer",
}
# Sound, but of another identity, with other claims, of another digest, predicate or role than was asked for.
SOUND_BUT_OTHER = {
    "managed-key-predicate-wrong": "role",
    "subject-in-common-name": "identity",
    "other-branch": "identity",
    "branch-prefix": "identity",
    "tag-for-branch": "identity",
    "branch-with-at": "identity",
    "subject-in-other-subject": "identity",
    "other-project": "identity",
    "project-prefix": "identity",
    "other-configuration": "identity",
    "other-issuer": "identity",
    "issuer-prefix": "identity",
    "email-for-pipeline": "identity",
    "github-for-gitlab": "identity",
    "nil-subject": "identity",
    "fork-merge-request": "claims",
    "project-registered-again": "claims",
    "merge-request": "claims",
    "other-digest": "digest",
    "predicate-type-wrong": "role",
    "predicate-annotation-lies": "predicate",
}


def test_every_name_is_in_a_table() -> None:
    """A wrong thing that is added is not passed over."""
    assert {*REFUSED, *SOUND_BUT_OTHER} == set(WRONGS)
    assert REFUSED.keys() & SOUND_BUT_OTHER.keys() == set()


@pytest.mark.parametrize("name, form", list(cases(RIGHTS)))
def test_right_is_accepted(name: str, form: Form) -> None:
    """And what comes out is what was asked for."""
    specimen = RIGHTS[name].make(form)
    found = judge(specimen)
    assert specimen.digest in found.digests
    assert found.role == ("attestation" if form == "attestation" else "signature")
    assert found.claim.predicate_type == specimen.predicate_type
    if specimen.key is not None:
        assert (found.identity, found.sct) == (None, "no certificate")
        return
    assert found.identity is not None
    wanted = specimen.workload
    assert (found.identity.issuer, found.identity.subject) == (wanted.issuer, wanted.subject)
    assert (found.identity.subject_kind, found.identity.claims) == (wanted.subject_kind, dict(wanted.claims))
    assert found.sct == "verified"
    assert found.times


@pytest.mark.parametrize("name, form", [(n, f) for n, f in cases(WRONGS) if n in REFUSED])
def test_wrong_is_refused(name: str, form: Form) -> None:
    """With the code that says why."""
    specimen = WRONGS[name].make(form)
    assert code(lambda: judge(specimen)) == REFUSED_IN.get((name, form), REFUSED[name])


@pytest.mark.parametrize("name, form", [(n, f) for n, f in cases(WRONGS) if n in SOUND_BUT_OTHER])
def test_sound_evidence_of_something_else_says_so(name: str, form: Form) -> None:
    """What differs from the question is in the answer, for policy to refuse."""
    specimen = WRONGS[name].make(form)
    found = judge(specimen)
    identity = found.identity
    same = {
        "identity": identity is not None
        and (identity.issuer, identity.subject) == (specimen.workload.issuer, specimen.workload.subject),
        "claims": identity is not None and identity.claims == dict(specimen.workload.claims),
        "digest": specimen.digest in found.digests,
        "predicate": found.claim.predicate_type == specimen.predicate_type,
        "role": found.role == ("attestation" if form == "attestation" else "signature"),
    }
    assert not same[SOUND_BUT_OTHER[name]]
