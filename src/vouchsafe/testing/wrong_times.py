"""Times that nobody vouches for, and timestamps that are not to be believed (rule 6)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from cryptography.x509.oid import ExtendedKeyUsageOID

from vouchsafe.testing.ca import Window
from vouchsafe.testing.entries import envelope
from vouchsafe.testing.material import Material
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.testing.specimens import BUNDLES, Draft, Form, wrong
from vouchsafe.testing.spoil import ahead, flipped, over
from vouchsafe.testing.trust import TrustPlan
from vouchsafe.testing.tsa import StampPlan, TimestampAuthority

# Where a stamp stands beside a good SET it is for the verifier to say what a bad one means: here it is the only time.
_STAMPED: tuple[Form, ...] = ("bundle-rekor2",)
TSA_ADVISORY = "GHSA-xm5m-wgh2-rrg3 (CVE-2026-39984)"


@wrong("no-time", 6, BUNDLES)
def no_time(draft: Draft) -> None:
    """The entry is in the log, but neither a promise nor a timestamp says when."""
    draft.order = draft.order.replace(promise=False, stamp=False)
    draft.change_entry(lambda entry: entry.replace(integrated_time=None))


@wrong("integrated-time-of-rekor2", 6, ("bundle-rekor2",))
def integrated_time_of_rekor2(draft: Draft) -> None:
    """The only time is an integratedTime on a Rekor v2 entry, which nobody signed."""
    draft.order = draft.order.replace(stamp=False)
    seconds = int(draft.now.timestamp())
    draft.change_entry(lambda entry: entry.replace(integrated_time=seconds))


@wrong("integrated-time-unsigned", 6, ("bundle-rekor1",))
def integrated_time_unsigned(draft: Draft) -> None:
    """The only time is an integratedTime without the promise that would sign it."""
    draft.order = draft.order.replace(promise=False)


@wrong("timestamp-of-other-signature", 6, _STAMPED)
def timestamp_of_other_signature(draft: Draft) -> None:
    """The timestamp is genuine, for another signature."""
    _restamp(draft, lambda material: flipped(_stamped(draft, material)))


@wrong("timestamp-by-unknown-tsa", 6, _STAMPED)
def timestamp_by_unknown_tsa(draft: Draft) -> None:
    """The timestamp is by an authority that the trust root does not know, and brings its own chain."""
    trusted = draft.sigstore.trust_plan().timestamp_authorities
    draft.sigstore.tsa = TimestampAuthority(
        draft.sigstore.keys, "tsa.attacker.example", draft.sigstore.window
    )
    draft.order = draft.order.replace(stamp_plan=StampPlan(embed=True))
    draft.on_trust.append(lambda plan: plan.replace(timestamp_authorities=trusted))


@wrong("timestamp-by-tsa-of-same-name", 6, _STAMPED)
def timestamp_by_tsa_of_same_name(draft: Draft) -> None:
    """The timestamp is by an authority that copied every name of ours."""
    trusted = draft.sigstore.trust_plan().timestamp_authorities
    draft.sigstore.tsa = VirtualSigstore("attacker").tsa
    draft.on_trust.append(lambda plan: plan.replace(timestamp_authorities=trusted))


@wrong("timestamp-without-eku", 6, _STAMPED, advisory=TSA_ADVISORY)
def timestamp_without_eku(draft: Draft) -> None:
    """The authority's certificate names no extended key usage."""
    sigstore = draft.sigstore
    sigstore.tsa = TimestampAuthority(sigstore.keys, sigstore.tsa.organization, sigstore.window, usages=())


@wrong("timestamp-with-other-eku", 6, _STAMPED, advisory=TSA_ADVISORY)
def timestamp_with_other_eku(draft: Draft) -> None:
    """The authority's certificate is for code signing."""
    usages = (ExtendedKeyUsageOID.CODE_SIGNING,)
    sigstore = draft.sigstore
    sigstore.tsa = TimestampAuthority(
        sigstore.keys, sigstore.tsa.organization, sigstore.window, usages=usages
    )


@wrong("timestamp-after-leaf", 6, _STAMPED)
def timestamp_after_leaf(draft: Draft) -> None:
    """The timestamp is genuine, from after the certificate had expired."""
    later = draft.now + timedelta(minutes=11)
    draft.order = draft.order.replace(stamp_plan=StampPlan(at=later))


@wrong("timestamp-before-leaf", 6, _STAMPED)
def timestamp_before_leaf(draft: Draft) -> None:
    """The timestamp is genuine, from before the certificate was valid."""
    draft.order = draft.order.replace(stamp_plan=StampPlan(at=draft.now - timedelta(minutes=1)))


@wrong("timestamp-outside-window", 6, _STAMPED, advisory=TSA_ADVISORY)
def timestamp_outside_window(draft: Draft) -> None:
    """The authority's own certificate had expired when it stamped."""
    sigstore = draft.sigstore
    expired = over(draft.now)
    sigstore.tsa = TimestampAuthority(
        sigstore.keys, sigstore.tsa.organization, sigstore.window, leaf_window=expired
    )


@wrong("tsa-window-over", 6, _STAMPED)
def tsa_window_over(draft: Draft) -> None:
    """The trust root stopped believing the authority the day before."""
    _tsa_window(draft, over(draft.now))


@wrong("tsa-window-not-yet", 6, _STAMPED)
def tsa_window_not_yet(draft: Draft) -> None:
    """The trust root believes the authority from the day after."""
    _tsa_window(draft, ahead(draft.now))


@wrong("timestamp-flipped", 6, _STAMPED)
def timestamp_flipped(draft: Draft) -> None:
    """One bit of the timestamp's signature is changed."""
    draft.on_logged.append(lambda material: material.replace(timestamps=(flipped(material.timestamps[0]),)))


@wrong("timestamp-not-der", 6, _STAMPED)
def timestamp_not_der(draft: Draft) -> None:
    """The timestamp is cut short."""
    draft.on_logged.append(lambda material: material.replace(timestamps=(material.timestamps[0][:-1],)))


@wrong("timestamp-trailing-bytes", 6, _STAMPED)
def timestamp_trailing_bytes(draft: Draft) -> None:
    """There are bytes after the timestamp's DER."""
    draft.on_logged.append(lambda material: material.replace(timestamps=(material.timestamps[0] + b"\0",)))


def _stamped(draft: Draft, material: Material) -> bytes:
    return envelope(material) if draft.order.stamps_envelope else material.signature


def _restamp(draft: Draft, content: Any) -> None:
    def apply(material: Material) -> Material:
        return material.replace(timestamps=(draft.sigstore.tsa.stamp(content(material), draft.now),))

    draft.on_logged.append(apply)


def _tsa_window(draft: Draft, window: Window) -> None:
    def edit(plan: TrustPlan) -> TrustPlan:
        (only,) = plan.timestamp_authorities
        return plan.replace(timestamp_authorities=(only.replace(window=window, open_ended=False),))

    draft.on_trust.append(edit)
