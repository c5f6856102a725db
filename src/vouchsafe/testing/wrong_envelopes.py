"""Bundles and layers that are put together wrongly: versions, missing parts, keys in place of certificates."""

from __future__ import annotations

from typing import Any

from vouchsafe.testing.annotations import BUNDLE, CERTIFICATE
from vouchsafe.testing.canonical import b64, der, pem
from vouchsafe.testing.specimens import BUNDLES, FORMS, Draft, Form, wrong

_LAYERS: tuple[Form, ...] = ("legacy", "legacy-tsa", "attestation")


@wrong("bundle-unknown-version", 1, BUNDLES)
def bundle_unknown_version(draft: Draft) -> None:
    """The bundle says it is of a version that does not exist."""

    def edit(bundle: dict[str, Any]) -> None:
        bundle["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=99.9"

    draft.on_written.append(edit)


@wrong("bundle-without-media-type", 1, BUNDLES)
def bundle_without_media_type(draft: Draft) -> None:
    """The bundle does not say what it is."""

    def edit(bundle: dict[str, Any]) -> None:
        del bundle["mediaType"]

    draft.on_written.append(edit)


@wrong("bundle-key-twice", 1, BUNDLES)
def bundle_key_twice(draft: Draft) -> None:
    """The bundle has its envelope twice: two readers see two payloads."""
    draft.rewritten = lambda blob: (
        blob[:-1] + b',"dsseEnvelope":{"payload":"e30=","payloadType":"x","signatures":[]}}'
    )


@wrong("bundle-too-deep", 1, BUNDLES)
def bundle_too_deep(draft: Draft) -> None:
    """The bundle nests lists ten thousand deep."""
    draft.rewritten = lambda blob: blob[:-1] + b',"x":' + b"[" * 10_000 + b"]" * 10_000 + b"}"


@wrong("bundle-of-both-contents", 1, BUNDLES)
def bundle_of_both_contents(draft: Draft) -> None:
    """The bundle has an envelope and a message signature; only one can be meant."""

    def edit(bundle: dict[str, Any]) -> None:
        digest = {"algorithm": "SHA2_256", "digest": b64(draft.digest.raw)}
        bundle["messageSignature"] = {"messageDigest": digest, "signature": "AAAA"}

    draft.on_written.append(edit)


@wrong("bundle-of-both-keys", 1, BUNDLES)
def bundle_of_both_keys(draft: Draft) -> None:
    """The bundle names a certificate and a public key; only one can be meant."""

    def edit(bundle: dict[str, Any]) -> None:
        bundle["verificationMaterial"]["publicKey"] = {"hint": "key"}

    draft.on_written.append(edit)


@wrong("certificate-twice", 1, BUNDLES)
def certificate_twice(draft: Draft) -> None:
    """A chain begins with another leaf than the one that signed."""
    draft.version = "0.2"
    stranger = draft.sigstore.keys.ec("stranger").public_key()

    def edit(bundle: dict[str, Any]) -> None:
        sigstore = draft.sigstore
        leaf = sigstore.ca.issue(stranger, sigstore.workload, draft.now, sigstore.leaf_plan())
        first = {"rawBytes": b64(der(leaf))}
        bundle["verificationMaterial"]["x509CertificateChain"]["certificates"].insert(0, first)

    draft.on_written.append(edit)


@wrong("no-certificate", 7)
def no_certificate(draft: Draft) -> None:
    """Neither a certificate nor a key comes with the signature."""
    if draft.form in BUNDLES:
        draft.on_written.append(lambda bundle: bundle["verificationMaterial"].pop("certificate"))
    else:
        draft.on_written.append(lambda annotations: annotations.pop(CERTIFICATE))


@wrong("certificate-of-other-key", 7)
def certificate_of_other_key(draft: Draft) -> None:
    """The certificate is genuine, for another key than the one that signed; the log says the same."""
    stranger = draft.sigstore.keys.ec("stranger").public_key()

    def swap(material: Any) -> Any:
        sigstore = draft.sigstore
        leaf = sigstore.ca.issue(stranger, sigstore.workload, draft.now, sigstore.leaf_plan())
        return material.replace(certificate=leaf)

    draft.on_signed.append(swap)


@wrong("key-for-keyless", 7, FORMS)
def key_for_keyless(draft: Draft) -> None:
    """Signed by a bare key where an identity is asked for."""
    draft.order = draft.order.replace(key=draft.sigstore.keys.ec("managed"), key_hint="managed")


@wrong("two-certificates-in-annotation", 7, _LAYERS)
def two_certificates_in_annotation(draft: Draft) -> None:
    """The certificate annotation holds two certificates, and only one can be the leaf."""
    stranger = draft.sigstore.keys.ec("stranger").public_key()

    def edit(annotations: dict[str, Any]) -> None:
        sigstore = draft.sigstore
        leaf = sigstore.ca.issue(stranger, sigstore.workload, draft.now, sigstore.leaf_plan())
        annotations[CERTIFICATE] = pem(leaf).decode() + annotations[CERTIFICATE]

    draft.on_written.append(edit)


@wrong("log-annotation-not-json", 5, _LAYERS)
def log_annotation_not_json(draft: Draft) -> None:
    """The annotation with the log entry is no JSON."""
    draft.on_written.append(lambda annotations: annotations.update({BUNDLE: "{"}))
