"""Signatures by a key that somebody keeps: no certificate, no identity (`cosign sign --key`)."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes

from vouchsafe.testing.material import Material
from vouchsafe.testing.specimens import BUNDLES, LEGACY, Draft, Form, right, wrong
from vouchsafe.testing.spoil import flipped
from vouchsafe.testing.wrong_logs import log_about

_WITHOUT_LOG: tuple[Form, ...] = ("legacy", "attestation", *BUNDLES)
_MANAGED = "managed"


def _by_key(draft: Draft, kind: str = "p256") -> None:
    draft.asked_key = draft.sigstore.keys.key(_MANAGED, kind)
    draft.order = draft.order.replace(key=draft.asked_key, key_hint=_MANAGED)


@right("managed-key")
def managed_key(draft: Draft) -> None:
    """Signed by a P-256 key and logged."""
    _by_key(draft)


@right("managed-key-unlogged", _WITHOUT_LOG)
def managed_key_unlogged(draft: Draft) -> None:
    """Signed by a key and in no log: good where no log is trusted."""
    _by_key(draft)
    draft.order = draft.order.replace(log=None, stamp=False)
    draft.on_trust.append(lambda plan: plan.replace(logs=()))


@right("managed-key-p384", ("legacy", *BUNDLES))
def managed_key_p384(draft: Draft) -> None:
    """Signed by a P-384 key over SHA-384: cosign 3.1 signs so, and cannot verify it."""
    _by_key(draft, "p384")


@right("managed-key-p521", BUNDLES)
def managed_key_p521(draft: Draft) -> None:
    """Signed by a P-521 key over SHA-512."""
    _by_key(draft, "p521")


@right("managed-key-p384-sha256", LEGACY)
def managed_key_p384_sha256(draft: Draft) -> None:
    """Signed by a P-384 key over SHA-256, as cosign verifies it in its old format."""
    _by_key(draft, "p384")
    draft.order = draft.order.replace(hash=hashes.SHA256())


@right("managed-key-rsa")
def managed_key_rsa(draft: Draft) -> None:
    """Signed by an RSA key, PKCS #1 v1.5."""
    _by_key(draft, "rsa")


@right("managed-key-ed25519", ("attestation", "bundle-rekor1"))
def managed_key_ed25519(draft: Draft) -> None:
    """Signed by an Ed25519 key."""
    _by_key(draft, "ed25519")


@wrong("managed-key-other", 7)
def managed_key_other(draft: Draft) -> None:
    """Signed by another key than the one that is asked for."""
    _by_key(draft)
    draft.order = draft.order.replace(key=draft.sigstore.keys.ec("stranger"))


@wrong("managed-key-signature-flipped", 4)
def managed_key_signature_flipped(draft: Draft) -> None:
    """One bit of the key's signature is changed."""
    _by_key(draft)
    draft.on_signed.append(lambda made: made.replace(signatures=(flipped(made.signature),)))


@wrong("managed-key-entry-of-other-key", 5)
def managed_key_entry_of_other_key(draft: Draft) -> None:
    """The log entry is about the same signature under another key."""
    _by_key(draft)
    stranger = draft.sigstore.keys.ec("stranger").public_key()

    def other(material: Material) -> Material:
        return material.replace(public_key=stranger)

    log_about(draft, other)


@wrong("managed-key-not-logged", 5, _WITHOUT_LOG)
def managed_key_not_logged(draft: Draft) -> None:
    """Signed by a key and in no log, though a log is trusted."""
    _by_key(draft)
    draft.order = draft.order.replace(log=None, stamp=False)


@wrong("managed-key-predicate-wrong", 4, BUNDLES)
def managed_key_predicate_wrong(draft: Draft) -> None:
    """An attestation by the right key is no signature."""
    _by_key(draft)
    draft.say(predicate_type="https://cyclonedx.org/bom")
