"""A requirement written back in containers-policy.json(5)'s own words. Only what stock clients know.

What is read from a policy and written here is read again as the same requirement; a property test says so.
"""

from __future__ import annotations

import base64
from typing import Any, assert_never

from vouchsafe.policy.requirement import (
    PKI,
    ExactReference,
    ExactRepository,
    Fulcio,
    InsecureAcceptAnything,
    MatchExact,
    MatchRepoDigestOrExact,
    MatchRepository,
    Reject,
    RemapIdentity,
    Requirement,
    SignedBaseLayer,
    SignedBy,
    SignedIdentity,
    Signer,
    SigstoreAttested,
    SigstoreSigned,
    Source,
)


def to_json(requirement: Requirement) -> dict[str, Any]:
    """The requirement as an object. TypeError for what only vouchsafe knows: a caller's mistake."""
    match requirement:
        case InsecureAcceptAnything():
            return {"type": "insecureAcceptAnything"}
        case Reject():
            return {"type": "reject"}
        case SignedBaseLayer(base_layer_identity=identity):
            return {"type": "signedBaseLayer", "baseLayerIdentity": signed_identity_json(identity)}
        case SignedBy(key_type=key_type, keys=keys, signed_identity=identity):
            said = {"type": "signedBy", "keyType": key_type, **source_json(keys, "key", many_data=False)}
            return said | _named(identity)
        case SigstoreSigned(signer=signer, signed_identity=identity):
            return {"type": "sigstoreSigned", **_signer(signer)} | _named(identity)
        case SigstoreAttested():
            raise TypeError("sigstoreAttested has no words in containers-policy.json")
        case _:
            assert_never(requirement)


def signed_identity_json(identity: SignedIdentity) -> dict[str, str]:
    """A signedIdentity as an object."""
    match identity:
        case MatchExact():
            return {"type": "matchExact"}
        case MatchRepoDigestOrExact():
            return {"type": "matchRepoDigestOrExact"}
        case MatchRepository():
            return {"type": "matchRepository"}
        case ExactReference(reference=reference):
            return {"type": "exactReference", "dockerReference": reference}
        case ExactRepository(repository=repository):
            return {"type": "exactRepository", "dockerRepository": repository}
        case RemapIdentity(prefix=prefix, signed_prefix=signed):
            return {"type": "remapIdentity", "prefix": prefix, "signedPrefix": signed}
        case _:
            assert_never(identity)


def _named(identity: SignedIdentity | None) -> dict[str, Any]:
    if identity is None or isinstance(
        identity, MatchRepoDigestOrExact
    ):  # the default is left out, as people do
        return {}
    return {"signedIdentity": signed_identity_json(identity)}


def _signer(signer: Signer) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if signer.keys is not None:
        said |= source_json(signer.keys, "key")
    if signer.fulcio is not None:
        said["fulcio"] = _fulcio(signer.fulcio)
    if signer.pki is not None:
        said["pki"] = _pki(signer.pki)
    if signer.rekor is not None:
        said |= source_json(signer.rekor, "rekorPublicKey")
    return said


def _fulcio(fulcio: Fulcio) -> dict[str, Any]:
    pattern = fulcio.identities[0]
    if fulcio.ca is None:
        raise TypeError("a Fulcio without a CA file has no words in containers-policy.json")
    return {
        **source_json(fulcio.ca, "ca"),
        "oidcIssuer": pattern.issuer,
        "subjectEmail": pattern.subject_email,
    }


def _pki(pki: PKI) -> dict[str, Any]:
    said: dict[str, Any] = source_json(pki.roots, "caRoots")
    if pki.intermediates is not None:
        said |= source_json(pki.intermediates, "caIntermediates")
    if pki.subject_email:
        said["subjectEmail"] = pki.subject_email
    if pki.subject_hostname:
        said["subjectHostname"] = pki.subject_hostname
    return said


def source_json(source: Source, stem: str, *, many_data: bool = True) -> dict[str, Any]:
    """`keyPath`, `keyPaths`, `keyData` or `keyDatas`: one word where one value suffices."""
    if source.data:
        encoded = [base64.b64encode(each).decode() for each in source.data]
        return (
            {f"{stem}Data": encoded[0]} if len(encoded) == 1 or not many_data else {f"{stem}Datas": encoded}
        )
    paths = list(source.paths)
    return {f"{stem}Path": paths[0]} if len(paths) == 1 else {f"{stem}Paths": paths}
