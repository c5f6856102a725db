"""Times, logs and who vouches for them: each advisory's mistake, made here and refused."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.judging import code, evidence_of, judge, root_of
from vouchsafe.testing.specimens import BUNDLES, FORMS, Draft, Form
from vouchsafe.testing.wrongs import WRONGS
from vouchsafe.verification import verify


@pytest.mark.parametrize("form", BUNDLES)
def test_sigstore_go_276_not_before_is_no_time(form: Form) -> None:
    """Without a verified time there is none: the certificate's own notBefore is not taken for it."""
    assert code(lambda: judge(WRONGS["no-time"].make(form))) == "no-time"


def test_sigstore_python_1488_integrated_time_of_rekor2() -> None:
    """Nobody signed it."""
    specimen = WRONGS["integrated-time-of-rekor2"].make("bundle-rekor2")
    assert code(lambda: judge(specimen)) == "no-time"


@pytest.mark.parametrize("name", ["chain-root-expired", "intermediate-expired", "intermediate-not-yet-valid"])
def test_ghsa_wfqv_66vq_46rm_chain_at_the_proven_time(name: str) -> None:
    """CVE-2026-24122: not the leaf alone, and not now."""
    for form in FORMS:
        assert code(lambda kind=form: judge(WRONGS[name].make(kind))) == "certificate-expired"  # type: ignore[misc]


@pytest.mark.parametrize(
    "name",
    [
        "timestamp-without-eku",
        "timestamp-with-other-eku",
        "timestamp-outside-window",
        "timestamp-by-unknown-tsa",
        "timestamp-by-tsa-of-same-name",
        "timestamp-of-other-signature",
        "tsa-window-over",
        "tsa-window-not-yet",
    ],
)
def test_ghsa_xm5m_wgh2_rrg3_time_stamps(name: str) -> None:
    """CVE-2026-39984: usage, chain, life, window and imprint of a stamp."""
    assert code(lambda: judge(WRONGS[name].make("bundle-rekor2"))).startswith("timestamp")


def test_ghsa_9vcr_p3rj_q5q6_one_witness_counted_twice() -> None:
    """CVE-2026-49834: one entry or one stamp twice is one."""
    specimen = Draft("bundle-rekor2").specimen("usual")
    found = evidence_of(specimen)
    doubled = found.replace(timestamps=found.timestamps * 2)
    assert len(verify(doubled, root_of(specimen), at=specimen.at).times) == 1
    twice = found.replace(entries=found.entries * 2)
    assert code(lambda: verify(twice, root_of(specimen), at=specimen.at)) == "log-entry-twice"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["no-sct", "sct-by-unknown-log", "sct-of-other-cert", "sct-flipped"])
def test_sct_is_verified(form: Form, name: str) -> None:
    """containers/image skips it by design; here it is needed wherever the trust root knows a CT log."""
    assert code(lambda: judge(WRONGS[name].make(form))) in {"sct", "signature"}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "name",
    [
        "issuer-twice",
        "issuer-extensions-disagree",
        "issuer-extensions-disagree-in-1",
        "issuer-v2-trailing-der",
        "issuer-v2-raw",
        "issuer-v2-long-form",
    ],
)
def test_issuer_extensions_are_exact(form: Form, name: str) -> None:
    """Twice, unequal, trailing, or not the DER that its number promises (containers/image's fulcio_cert.go)."""
    assert code(lambda: judge(WRONGS[name].make(form))).startswith("certificate")


@pytest.mark.parametrize("form", ["legacy", "attestation"])
def test_several_leaf_certificates(form: Form) -> None:
    """Which one signed?"""
    assert code(lambda: judge(WRONGS["two-certificates-in-annotation"].make(form))) == "pem"


def test_nothing_is_from_the_future() -> None:
    """A log that is ahead of us by more than clocks differ is not believed, nor are we."""
    specimen = Draft("bundle-rekor1").specimen("usual")
    early = specimen.at - timedelta(hours=2)
    assert code(lambda: verify(evidence_of(specimen), root_of(specimen), at=early)) == "clock"
