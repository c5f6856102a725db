"""What is unwise about a requirement: it can never accept, it adds nothing, or what it names is running out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from vouchsafe.policy.binding import ANY_PROJECT
from vouchsafe.policy.finding import Material, Suspicion
from vouchsafe.policy.lint_scope import accepts_anything
from vouchsafe.policy.reading import step
from vouchsafe.policy.requirement import (
    ExactReference,
    ExactRepository,
    InsecureAcceptAnything,
    Reject,
    RemapIdentity,
    Requirement,
    SignedBaseLayer,
    SignedBy,
    Signer,
    SigstoreAttested,
    SigstoreSigned,
    Source,
)
from vouchsafe.policy.scope import PATHS, Rule

PUBLIC_GOOD_ROOT = "public-good root"  # the embedded root's name among the material
EXPIRY_WARNING = timedelta(days=30)
_IMPLEMENTED_KEY_TYPE = "GPGKeys"


def of_rule(rule: Rule, now: datetime) -> Iterator[Suspicion]:
    """What is unwise about the whole list and its bounds."""
    if rule.not_before is not None and rule.not_before > now:
        yield Suspicion(
            code="not-before-future",
            message=f"expected a notBefore in the past, got {rule.not_before.isoformat()}: nothing is accepted yet",
            fix="Correct the date.",
            key="notBefore",
        )
    if ANY_PROJECT in rule.repository_of_project:
        yield Suspicion(
            code="mapping-any",
            message="expected projects in repositoryOfProject, got *: every accepted signer may sign for those",
            fix="Name the projects, or pin the identity to one project.",
            key="repositoryOfProject",
        )
    kinds = {type(requirement) for requirement in rule.requirements}
    if accepts_anything(rule) or len(kinds) == 1:
        return
    for kind, name, effect in (
        (Reject, "reject", "refuses whatever the others say"),
        (InsecureAcceptAnything, "insecureAcceptAnything", "adds nothing to the others"),
    ):
        if kind in kinds:
            yield Suspicion(
                code="requirement-pointless",
                message=f"expected requirements that all count, got {name} beside others: it {effect}",
                fix=f"Remove {name}, or the others.",
            )


def of_requirement(requirement: Requirement, dialect: str, transport: str) -> Iterator[Suspicion]:
    """Why a requirement can never be met."""
    if isinstance(requirement, SignedBaseLayer):
        yield _never("signedBaseLayer is implemented nowhere", "Remove it.")
    if isinstance(requirement, SignedBy):
        if requirement.key_type != _IMPLEMENTED_KEY_TYPE:
            yield _never(
                f"keyType {requirement.key_type} is implemented nowhere", "Write GPGKeys.", "keyType"
            )
        elif requirement.keys == Source():
            yield _never("keyPaths is empty", "Name a key.", "keyPaths")
    if isinstance(requirement, SignedBy | SigstoreSigned | SigstoreAttested):
        yield from _of_name(requirement, dialect, transport)
    if isinstance(requirement, SigstoreAttested):
        yield from _of_predicate(requirement)


def _of_predicate(requirement: SigstoreAttested) -> Iterator[Suspicion]:
    """Ranges that hold nothing, more than they seem to, or versions of no matter what."""
    named = {field.parent for field in requirement.predicate_fields if field.versions is None}
    for field in requirement.predicate_fields:
        if field.versions is None:
            continue
        key = f"predicateFields{step('', field.pointer)}"
        if field.versions.is_empty:
            yield _never(f"no version is {field.versions.text}", "Correct the range.", key)
        for bound in field.versions.bounds:
            if bound.is_open:
                yield Suspicion(
                    code="version-prerelease",
                    message=f"expected a bound without pre-releases of {bound.version}, got <{bound.version}:"
                    f" they are smaller",
                    fix=f"Write <{bound.version}-0.",
                    key=key,
                )
        if field.parent not in named:
            yield Suspicion(
                code="version-of-what",
                message=f"expected a name beside the version {field.pointer}, got none: it may be of anything",
                fix="Demand the exact name that stands beside it, too.",
                key=key,
            )


def _of_name(
    requirement: SignedBy | SigstoreSigned | SigstoreAttested, dialect: str, transport: str
) -> Iterator[Suspicion]:
    """Names that no image has. Bundles carry none, so only stock clients and `signedBy` need one of `oci:`."""
    wanted = requirement.signed_identity
    if isinstance(wanted, RemapIdentity):
        for key, text in (("prefix", wanted.prefix), ("signedPrefix", wanted.signed_prefix)):
            host = text.partition("/")[0]
            if not ("." in host or ":" in host or host == "localhost"):
                fix = f"Write the name in full, such as docker.io/library/{text}."
                yield _never(f"no image's name in full begins with {text!r}", fix, f"signedIdentity.{key}")
        return
    needs_name = dialect == "containers" or isinstance(requirement, SignedBy)
    if transport in PATHS and needs_name and not isinstance(wanted, ExactReference | ExactRepository):
        fix = "Use exactReference or exactRepository."
        yield _never(f"an image of {transport} has no name to compare", fix, "signedIdentity")


def _never(why: str, fix: str, key: str = "") -> Suspicion:
    return Suspicion(
        code="requirement-never-met",
        severity="error",
        message=f"expected a requirement that can be met, got one that never is: {why}",
        fix=fix,
        key=key,
    )


def named_in(requirement: Requirement) -> Iterator[tuple[str, str]]:
    """Each file that a requirement names and its key, and PUBLIC_GOOD_ROOT where that is relied on."""
    if isinstance(requirement, SignedBy):
        yield from _paths(requirement.keys, "keyPath")
    elif isinstance(requirement, SigstoreSigned | SigstoreAttested):
        yield from _of_signer(requirement.signer)


def _of_signer(signer: Signer) -> Iterator[tuple[str, str]]:
    yield from _paths(signer.keys, "keyPath")
    yield from _paths(signer.rekor, "rekorPublicKeyPath")
    if signer.pki is not None:
        yield from _paths(signer.pki.roots, "pki.caRootsPath")
        yield from _paths(signer.pki.intermediates, "pki.caIntermediatesPath")
    if signer.fulcio is not None:
        yield from _paths(signer.fulcio.ca, "fulcio.caPath")
        if signer.fulcio.trusted_root:
            yield "fulcio.trustedRootPath", signer.fulcio.trusted_root
        if signer.fulcio.uses_public_good_root:
            yield "fulcio", PUBLIC_GOOD_ROOT


def _paths(source: Source | None, key: str) -> Iterator[tuple[str, str]]:
    for path in () if source is None else source.paths:
        yield key, path


def of_material(
    requirement: Requirement, material: Mapping[str, Material], now: datetime
) -> Iterator[Suspicion]:
    """Files that are relative, unusable, expired or about to be."""
    for key, name in named_in(requirement):
        if name != PUBLIC_GOOD_ROOT and not name.startswith("/"):
            yield Suspicion(
                code="path-relative",
                message=f"expected an absolute path, got {name!r}: what it means depends on who runs where",
                fix="Write the whole path.",
                key=key,
            )
        known = material.get(name, Material())
        if known.problem:
            yield Suspicion(
                code="material-unusable",
                severity="error",
                message=f"expected to use {name}, got: {known.problem}",
                fix="Every file that is named must be readable, or every image is refused.",
                key=key,
            )
        elif known.expires is not None and known.expires <= now + EXPIRY_WARNING:
            expired = known.expires <= now
            yield Suspicion(
                code="material-expired" if expired else "material-expiring",
                severity="error" if expired else "warning",
                message=f"expected {name} to serve beyond {now + EXPIRY_WARNING:%F}, got until {known.expires:%F}",
                fix="Replace it"
                + (", or run `vouchsafe trust refresh`." if name == PUBLIC_GOOD_ROOT else "."),
                key=key,
            )
