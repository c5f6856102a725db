"""Certificates that must not be believed: SCT, chain, validity, usage, windows of CA and CT log."""

from __future__ import annotations

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from vouchsafe.testing.ca import CertificateAuthority, Window
from vouchsafe.testing.ctlog import CtLog
from vouchsafe.testing.keys import KeySource
from vouchsafe.testing.material import Material
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.testing.specimens import BUNDLES, Draft, wrong
from vouchsafe.testing.spoil import ahead, flipped, over
from vouchsafe.testing.trust import TrustPlan

CHAIN_ADVISORY = "GHSA-wfqv-66vq-46rm (CVE-2026-24122)"


@wrong("no-sct", 7)
def no_sct(draft: Draft) -> None:
    """The certificate embeds no SCT, though the trust root knows a CT log."""
    draft.plan_leaf(scts=lambda _tbs, _issuer, _at: ())


@wrong("sct-by-unknown-log", 7)
def sct_by_unknown_log(draft: Draft) -> None:
    """The SCT is by a CT log that the trust root does not know."""
    stranger = CtLog(draft.sigstore.keys.ec("other-ctlog"), url="https://ctlog.attacker.example")
    draft.plan_leaf(scts=lambda tbs, issuer, at: (stranger.sct(tbs, issuer, at),))


@wrong("sct-of-other-cert", 7)
def sct_of_other_cert(draft: Draft) -> None:
    """The SCT is genuine but was given to another certificate."""
    log = draft.sigstore.ct_log
    draft.plan_leaf(scts=lambda tbs, issuer, at: (log.sct(flipped(tbs), issuer, at),))


@wrong("sct-of-other-issuer", 7)
def sct_of_other_issuer(draft: Draft) -> None:
    """The SCT covers the same names under another CA's key."""
    log, stranger = draft.sigstore.ct_log, draft.sigstore.keys.ec("other-ca", "p384").public_key()
    draft.plan_leaf(scts=lambda tbs, _issuer, at: (log.sct(tbs, stranger, at),))


@wrong("sct-flipped", 7)
def sct_flipped(draft: Draft) -> None:
    """One bit of the SCT's signature is changed."""
    log = draft.sigstore.ct_log
    draft.plan_leaf(scts=lambda tbs, issuer, at: (flipped(log.sct(tbs, issuer, at)),))


@wrong("ca-window-over", 7)
def ca_window_over(draft: Draft) -> None:
    """The trust root stopped believing this CA the day before."""
    _authority_window(draft, over(draft.now))


@wrong("ca-window-not-yet", 7)
def ca_window_not_yet(draft: Draft) -> None:
    """The trust root believes this CA from the day after."""
    _authority_window(draft, ahead(draft.now))


@wrong("ctlog-window-over", 7)
def ctlog_window_over(draft: Draft) -> None:
    """The trust root stopped believing the CT log the day before."""
    _ct_window(draft, over(draft.now))


@wrong("ctlog-window-not-yet", 7)
def ctlog_window_not_yet(draft: Draft) -> None:
    """The trust root believes the CT log from the day after."""
    _ct_window(draft, ahead(draft.now))


@wrong("chain-root-expired", 7, advisory=CHAIN_ADVISORY)
def chain_root_expired(draft: Draft) -> None:
    """The root certificate had expired when the signature was made."""
    _ca(draft, root=over(draft.now), intermediate=draft.sigstore.window)


@wrong("intermediate-expired", 7, advisory=CHAIN_ADVISORY)
def intermediate_expired(draft: Draft) -> None:
    """The intermediate certificate had expired when the signature was made."""
    _ca(draft, root=draft.sigstore.window, intermediate=over(draft.now))


@wrong("intermediate-not-yet-valid", 7, advisory=CHAIN_ADVISORY)
def intermediate_not_yet_valid(draft: Draft) -> None:
    """The intermediate certificate became valid the day after."""
    _ca(draft, root=draft.sigstore.window, intermediate=ahead(draft.now))


@wrong("leaf-expired-at-log-time", 6)
def leaf_expired_at_log_time(draft: Draft) -> None:
    """The signature was logged and stamped a minute after the certificate had expired."""

    def wait(material: Material) -> Material:
        draft.elapse(minutes=11)
        return material

    draft.on_signed.append(wait)


@wrong("leaf-not-yet-valid-at-log-time", 6)
def leaf_not_yet_valid_at_log_time(draft: Draft) -> None:
    """The signature was logged and stamped before the certificate became valid."""

    def go_back(material: Material) -> Material:
        draft.elapse(minutes=-1)
        return material

    draft.on_signed.append(go_back)


@wrong("wrong-eku", 7)
def wrong_eku(draft: Draft) -> None:
    """The certificate is for TLS servers, not for code signing."""
    draft.plan_leaf(usages=(ExtendedKeyUsageOID.SERVER_AUTH,))


@wrong("no-eku", 7)
def no_eku(draft: Draft) -> None:
    """The certificate names no extended key usage."""
    draft.plan_leaf(usages=())


@wrong("unknown-critical-extension", 7)
def unknown_critical_extension(draft: Draft) -> None:
    """The certificate has a critical extension that nobody knows."""
    strange = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.57264.99.1"), b"\x05\x00")
    draft.plan_leaf(more=((strange, True),))


@wrong("leaf-is-ca", 7)
def leaf_is_ca(draft: Draft) -> None:
    """The certificate says that it is a CA."""
    draft.plan_leaf(is_ca=True)


@wrong("self-signed-ca", 7, advisory="GHSA-ccxc-vr6p-4858 (CVE-2022-23649)")
def self_signed_ca(draft: Draft) -> None:
    """Somebody's own Sigstore: everything holds, nothing of it is in the trust root."""
    trusted = draft.sigstore.trust_plan()
    draft.sigstore = VirtualSigstore("attacker", name="sigstore.attacker.example")
    draft.on_trust.append(lambda _own: trusted)


@wrong("ca-of-same-name", 7)
def ca_of_same_name(draft: Draft) -> None:
    """The chain is by a CA that copied every name of ours, with keys of its own."""
    trusted = draft.sigstore.trust_plan().authorities
    draft.sigstore.ca = CertificateAuthority(
        KeySource("attacker"), draft.sigstore.name, draft.sigstore.window
    )
    draft.on_trust.append(lambda plan: plan.replace(authorities=trusted))


@wrong("chain-from-evidence", 7, BUNDLES)
def chain_from_evidence(draft: Draft) -> None:
    """The bundle brings an intermediate of the attacker's own that chains to nothing we trust."""
    ca_of_same_name(draft)
    draft.version = "0.2"


@wrong("leaf-of-leaf", 7)
def leaf_of_leaf(draft: Draft) -> None:
    """The certificate is signed by another pipeline's certificate, which is no CA."""
    sigstore = draft.sigstore
    trusted = sigstore.trust_plan().authorities
    parent_key = sigstore.keys.ec("parent")
    parent = sigstore.ca.issue(parent_key.public_key(), sigstore.workload, draft.now, sigstore.leaf_plan())
    sigstore.ca.sign_as(parent, parent_key)
    draft.on_trust.append(lambda plan: plan.replace(authorities=trusted))


@wrong("key-usage-without-signing", 7)
def key_usage_without_signing(draft: Draft) -> None:
    """The certificate's key usage does not include digital signatures."""
    draft.plan_leaf(signs=False)


def _authority_window(draft: Draft, window: Window) -> None:
    def edit(plan: TrustPlan) -> TrustPlan:
        (only,) = plan.authorities
        return plan.replace(authorities=(only.replace(window=window, open_ended=False),))

    draft.on_trust.append(edit)


def _ct_window(draft: Draft, window: Window) -> None:
    def edit(plan: TrustPlan) -> TrustPlan:
        (only,) = plan.ct_logs
        return plan.replace(ct_logs=(only.replace(window=window, open_ended=False),))

    draft.on_trust.append(edit)


def _ca(draft: Draft, *, root: Window, intermediate: Window) -> None:
    sigstore = draft.sigstore
    sigstore.ca = CertificateAuthority(sigstore.keys, sigstore.name, root, intermediate_window=intermediate)
