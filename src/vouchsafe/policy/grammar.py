"""Reads requirements: upstream's five types in both dialects, ours in the dialect `vouchsafe` only.

Accepts and refuses what containers/image 5.39 (skopeo 1.22) accepts and refuses, down to its habits:
a null key counts as written but unset, an empty path as unset, an empty `…Data` as set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from vouchsafe.policy.keyless import OURS_IN_FULCIO, read_fulcio
from vouchsafe.policy.reading import Field, Members
from vouchsafe.policy.requirement import (
    PKI,
    Fulcio,
    InsecureAcceptAnything,
    MatchRepoDigestOrExact,
    Reject,
    Requirement,
    SignedBaseLayer,
    SignedBy,
    SignedIdentity,
    Signer,
    SigstoreAttested,
    SigstoreSigned,
    Source,
)
from vouchsafe.policy.signed_identity import read_signed_identity

if TYPE_CHECKING:
    from vouchsafe.policy.predicate import PredicateField

Dialect = Literal["vouchsafe", "containers"]
UPSTREAM_TYPES = ("insecureAcceptAnything", "reject", "signedBy", "signedBaseLayer", "sigstoreSigned")
OUR_TYPES = (*UPSTREAM_TYPES, "sigstoreAttested")
OURS_HINT = (
    "This key is vouchsafe's: stock clients refuse the whole file. Keep it in /etc/vouchsafe/policy.json."
)
_KEY_TYPES = ("GPGKeys", "signedByGPGKeys", "X509Certificates", "signedByX509CAs")
_SIGNED_BY_KEYS = frozenset(("type", "keyType", "keyPath", "keyPaths", "keyData", "signedIdentity"))
_REKOR_KEYS = ("rekorPublicKeyPath", "rekorPublicKeyPaths", "rekorPublicKeyData", "rekorPublicKeyDatas")
_KEY_SOURCES = ("keyPath", "keyPaths", "keyData", "keyDatas")
_SIGNER_KEYS = frozenset(("type", *_KEY_SOURCES, "fulcio", "pki", *_REKOR_KEYS, "signedIdentity"))
_ATTESTED_HINTS = dict.fromkeys(("predicate", "fields", "predicateField"), "Write predicateFields.")
_PKI_KEYS = frozenset(
    (
        "caRootsPath",
        "caRootsData",
        "caIntermediatesPath",
        "caIntermediatesData",
        "subjectEmail",
        "subjectHostname",
    )
)


def read_requirements(field: Field, dialect: Dialect) -> tuple[Requirement, ...]:
    """A list of at least one requirement."""
    items = field.items()
    if not items:
        hint = 'Write [{"type": "reject"}] to refuse everything.'
        raise field.error("policy-empty", "expected at least one requirement, got none", hint=hint)
    return tuple(_requirement(item, dialect) for item in items)


def _requirement(field: Field, dialect: Dialect) -> Requirement:
    written = field.members().get("type")
    kind = (written.text() if written else None) or ""
    known = OUR_TYPES if dialect == "vouchsafe" else UPSTREAM_TYPES
    if kind not in known:
        hint = OURS_HINT.replace("key", "type") if kind in OUR_TYPES else ""
        message = f"expected a type of {', '.join(known)}, got {kind!r}"
        raise field.error("policy-requirement-type", message, hint=hint)
    if kind == "insecureAcceptAnything":
        Members(field, frozenset(("type",)), {})
        return InsecureAcceptAnything()
    if kind == "reject":
        Members(field, frozenset(("type",)), {})
        return Reject()
    if kind == "signedBy":
        return _signed_by(Members(field, _SIGNED_BY_KEYS, {}))
    if kind == "signedBaseLayer":
        members = Members(field, frozenset(("type", "baseLayerIdentity")), {})
        return SignedBaseLayer(base_layer_identity=read_signed_identity(members.need("baseLayerIdentity")))
    if kind == "sigstoreAttested":
        members = Members(field, _SIGNER_KEYS | {"predicateType", "predicateFields"}, _ATTESTED_HINTS)
        return SigstoreAttested(
            predicate_type=_predicate_type(members),
            predicate_fields=_predicate_fields(members),
            signer=_signer(members, dialect),
            signed_identity=_signed_identity(members),
        )
    members = Members(field, _SIGNER_KEYS, _signer_hints(dialect))
    return SigstoreSigned(signer=_signer(members, dialect), signed_identity=_signed_identity(members))


def _signer_hints(dialect: Dialect) -> dict[str, str]:
    inside = dict.fromkeys(OURS_IN_FULCIO, "This key belongs into the object `fulcio`.")
    return inside if dialect == "vouchsafe" else dict.fromkeys(OURS_IN_FULCIO, OURS_HINT)


def _signed_identity(members: Members) -> SignedIdentity:
    written = members.get("signedIdentity")
    return MatchRepoDigestOrExact() if written is None else read_signed_identity(written)


def _signed_by(members: Members) -> SignedBy:
    key_type = members.text("keyType") or ""
    if key_type not in _KEY_TYPES:
        message = f"expected a keyType of {', '.join(_KEY_TYPES)}, got {key_type!r}"
        raise members.field.error("policy-key-type", message)
    written = [key for key in ("keyPath", "keyPaths", "keyData") if key in members]
    path, paths, data = members.text("keyPath"), members.texts("keyPaths"), members.data("keyData")
    identity = _signed_identity(members)
    if len(written) != 1 or not (path or paths is not None or data is not None):
        raise _one_of(members.field, ("keyPath", "keyPaths", "keyData"), written)
    if path:
        paths = (path,)
    return SignedBy(
        key_type=key_type,
        keys=Source(paths=paths or (), data=() if data is None else (data,)),
        signed_identity=identity,
    )


def _one_of(field: Field, names: tuple[str, ...], got: list[str]) -> Exception:
    message = f"expected exactly one of {', '.join(names)}, got {' and '.join(got) or 'none'}"
    return field.error("policy-key-source", message)


def _source(members: Members, path: str, paths: str, data: str, datas: str) -> tuple[list[str], Source]:
    """The names of the four keys that are set, and what they hold. A list that is written must hold something."""
    found: list[str] = []
    one, several = members.text(path), members.texts(paths)
    blob, blobs = members.data(data), members.datas(datas)
    for name, listed in ((paths, several), (datas, blobs)):
        if name in members and not listed:
            raise members.field.error("policy-empty", f"expected at least one entry in {name}, got none")
    for name, is_set in ((path, bool(one)), (paths, several), (data, blob is not None), (datas, blobs)):
        if is_set:
            found.append(name)
    everything = ((one,) if one else ()) + (several or ())
    return found, Source(paths=everything, data=(() if blob is None else (blob,)) + (blobs or ()))


def _signer(members: Members, dialect: Dialect) -> Signer:
    written, keys = _source(members, *_KEY_SOURCES)
    fulcio_field, pki_field = members.get("fulcio"), members.get("pki")
    fulcio = None if fulcio_field is None else read_fulcio(fulcio_field, ours=dialect == "vouchsafe")
    pki = None if pki_field is None else _pki(pki_field)
    got = [*written, *(["fulcio"] if fulcio else []), *(["pki"] if pki else [])]
    if len(got) != 1:
        raise _one_of(members.field, (*_KEY_SOURCES, "fulcio", "pki"), got)
    logs, rekor = _source(members, *_REKOR_KEYS)
    _check_logs(members.field, logs, fulcio, pki)
    return Signer(keys=keys if written else None, fulcio=fulcio, pki=pki, rekor=rekor if logs else None)


def _check_logs(field: Field, logs: list[str], fulcio: Fulcio | None, pki: PKI | None) -> None:
    """Rekor's keys: at most one source, needed beside a bare CA, out of place where the logs are known."""
    names = ", ".join(_REKOR_KEYS)
    if len(logs) > 1:
        message = f"expected at most one of {names}, got {' and '.join(logs)}"
        raise field.error("policy-key-source", message)
    if pki and logs:
        raise field.error("policy-key-source", f"expected no log's key beside pki, got {logs[0]}")
    if fulcio is None:
        return
    if fulcio.ca is not None and not logs:
        hint = "A certificate of Fulcio lives for minutes; only the log says that it was used in time."
        raise field.error("policy-key-source", f"expected one of {names} beside fulcio, got none", hint=hint)
    if fulcio.trusted_root and logs:
        hint = "The trusted root holds the logs' keys."
        message = f"expected no log's key beside fulcio.trustedRootPath, got {logs[0]}"
        raise field.error("policy-key-source", message, hint=hint)


def _pki(field: Field) -> PKI:
    members = Members(field, _PKI_KEYS, {})
    roots = path_or_data(members, "caRootsPath", "caRootsData")
    intermediates = path_or_data(members, "caIntermediatesPath", "caIntermediatesData")
    email, hostname = members.text("subjectEmail") or "", members.text("subjectHostname") or ""
    if roots is None:
        raise _one_of(field, ("caRootsPath", "caRootsData"), [])
    if not email and not hostname:
        message = "expected at least one of subjectEmail, subjectHostname, got none"
        raise field.error("policy-identity", message)
    return PKI(roots=roots, intermediates=intermediates, subject_email=email, subject_hostname=hostname)


def path_or_data(members: Members, path: str, data: str) -> Source | None:
    """A file or bytes; None when neither is set."""
    one, blob = members.text(path), members.data(data)
    if one and blob is not None:
        raise members.field.error("policy-key-source", f"expected one of {path}, {data}, got both")
    if one:
        return Source(paths=(one,))
    return None if blob is None else Source(data=(blob,))


def _predicate_type(members: Members) -> str:
    value = members.need("predicateType").text()
    if not value:
        hint = "For an SBOM: https://spdx.dev/Document or https://cyclonedx.org/bom."
        raise members.field.error("policy-empty", "expected a predicateType, got none", hint=hint)
    return value


def _predicate_fields(members: Members) -> tuple[PredicateField, ...]:
    written = members.get("predicateFields")
    if written is None:
        return ()
    from vouchsafe.policy.predicate_reading import read_predicate_fields  # most policies have none

    return read_predicate_fields(written)
