"""Certificates that a verifier must accept: kinds of keys, of issuers, of subjects."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes

from vouchsafe.testing.ctlog import CtLog
from vouchsafe.testing.specimens import BUNDLES, Draft, right
from vouchsafe.testing.workload import Workload, email, github, gitlab, other


@right("scts-two")
def scts_two(draft: Draft) -> None:
    """An SCT of a log that nobody knows stands before ours: one of a known log is enough."""
    own = draft.sigstore.ct_log
    stranger = CtLog(draft.sigstore.keys.ec("other-ctlog"), url="https://ctlog.other.example")
    draft.plan_leaf(scts=lambda tbs, issuer, at: (stranger.sct(tbs, issuer, at), own.sct(tbs, issuer, at)))


@right("issuer-v1-only")
def issuer_v1_only(draft: Draft) -> None:
    """The certificate has the old issuer extension only, as before 2023."""
    draft.plan_leaf(values={"issuer-v2": None})


@right("issuer-v2-only")
def issuer_v2_only(draft: Draft) -> None:
    """The certificate has the new issuer extension only."""
    draft.plan_leaf(values={"issuer": None})


@right("key-p384", BUNDLES)
def key_p384(draft: Draft) -> None:
    """The certified key is P-384, the hash SHA-384."""
    draft.order = draft.order.replace(leaf_kind="p384")


@right("key-p521", BUNDLES)
def key_p521(draft: Draft) -> None:
    """The certified key is P-521, the hash SHA-512."""
    draft.order = draft.order.replace(leaf_kind="p521")


@right("key-p384-sha256", ("legacy", "legacy-tsa", "attestation"))
def key_p384_sha256(draft: Draft) -> None:
    """The certified key is P-384, the hash SHA-256: cosign knows no other in its old formats."""
    draft.order = draft.order.replace(leaf_kind="p384", hash=hashes.SHA256())


@right("key-rsa")
def key_rsa(draft: Draft) -> None:
    """The certified key is RSA."""
    draft.order = draft.order.replace(leaf_kind="rsa")


@right("key-ed25519", ("attestation", "bundle-rekor1"))
def key_ed25519(draft: Draft) -> None:
    """The certified key is Ed25519, which signs no hash but the envelope."""
    draft.order = draft.order.replace(leaf_kind="ed25519")


@right("github")
def of_github(draft: Draft) -> None:
    """A GitHub workflow."""
    _as(draft, github())


@right("email")
def of_person(draft: Draft) -> None:
    """A person, by e-mail."""
    _as(draft, email("somebody@example.com"))


@right("other-name")
def of_other_name(draft: Draft) -> None:
    """A subject that is neither URI nor e-mail."""
    _as(draft, other("somebody!example.com"))


@right("environment")
def of_environment(draft: Draft) -> None:
    """A GitLab deployment job."""
    _as(draft, gitlab(environment="production"))


def _as(draft: Draft, workload: Workload) -> None:
    draft.order = draft.order.replace(workload=workload)
    draft.asked = workload
