"""Reads `fulcio`: whose certificates count. Upstream's four keys, and ours in the dialect `vouchsafe`.

Ours are the matchers containers/image lacks (URI, RE2, claims), the shorthands `gitlab` and `github` that
compile to them, `identities` for alternatives, and trust by `trustedRootPath` or the embedded root.
"""

from __future__ import annotations

from vouchsafe.policy.identity import IdentityPattern
from vouchsafe.policy.reading import Field, Members
from vouchsafe.policy.requirement import Fulcio, Source

_UPSTREAM = frozenset(("caPath", "caData", "oidcIssuer", "subjectEmail"))
_EXPLICIT = frozenset(("oidcIssuer", "subjectEmail", "subjectURI", "subjectRegexp", "buildSignerURI"))
_SHORTHANDS = frozenset(("gitlab", "github"))
_IDENTITY = _EXPLICIT | _SHORTHANDS | {"claims"}
_OURS = _UPSTREAM | _IDENTITY | {"trustedRootPath", "identities"}
OURS_IN_FULCIO = tuple(sorted(_OURS - _UPSTREAM))
_HINTS = {
    "subject": "Write subjectURI for a pipeline, subjectEmail for a person.",
    "subjectUri": "Write subjectURI.",
    "issuer": "Write oidcIssuer.",
    "project": "Write it inside gitlab or github.",
}
_OURS_HINT = (
    "This key is vouchsafe's: stock clients refuse the whole file. Keep it in /etc/vouchsafe/policy.json."
)
_GITLAB = frozenset(
    ("project", "projectID", "ref", "refPattern", "ciConfig", "instance", "triggers", "runnerEnvironment")
)
_GITHUB = frozenset(
    ("repository", "repositoryID", "workflow", "ref", "refPattern", "triggers", "runnerEnvironment")
)


def read_fulcio(field: Field, *, ours: bool) -> Fulcio:
    """Trust and identities. `ours`: whether vouchsafe's keys are part of the dialect."""
    if not ours:
        members = Members(field, _UPSTREAM, dict.fromkeys(OURS_IN_FULCIO, _OURS_HINT))
        ca = _ca(members)
        if ca is None:
            raise field.error("policy-key-source", "expected one of caPath, caData, got none")
        if not members.text("subjectEmail"):
            raise field.error("policy-identity", "expected subjectEmail, got none")
        return Fulcio(ca=ca, identities=(_explicit(members),))
    members = Members(field, _OURS, _HINTS)
    ca, root = _ca(members), written_text(members, "trustedRootPath")
    if ca is not None and root:
        message = "expected one of caPath, caData, trustedRootPath, got two"
        raise field.error("policy-key-source", message)
    return Fulcio(ca=ca, trusted_root=root, identities=_identities(members))


def _ca(members: Members) -> Source | None:
    path, data = members.text("caPath"), members.data("caData")
    if path and data is not None:
        raise members.field.error("policy-key-source", "expected one of caPath, caData, got both")
    if path:
        return Source(paths=(path,))
    return None if data is None else Source(data=(data,))


def _identities(members: Members) -> tuple[IdentityPattern, ...]:
    listed = members.get("identities")
    if listed is None:
        return (_identity(members),)
    beside = sorted(_IDENTITY.intersection(members))
    if beside:
        message = f"expected either identities or one identity, got {beside[0]} beside identities"
        raise members.field.error("policy-identity", message)
    items = listed.items()
    if not items:
        raise listed.error("policy-empty", "expected at least one identity, got none")
    return tuple(_identity(Members(item, _IDENTITY, _HINTS)) for item in items)


def _identity(members: Members) -> IdentityPattern:
    """One identity: either written out, or by one shorthand; claims may be added to both."""
    shorthands = sorted(_SHORTHANDS.intersection(members))
    if not shorthands:
        return _explicit(members)
    beside = sorted((_EXPLICIT | _SHORTHANDS).intersection(members) - {shorthands[0]})
    if beside:
        message = f"expected {shorthands[0]} to be the whole identity, got {beside[0]} beside it"
        raise members.field.error("policy-identity", message)
    shorthand = members.need(shorthands[0])
    pattern = _gitlab(shorthand) if shorthands[0] == "gitlab" else _github(shorthand)
    claims = _claims(members)
    twice = sorted(claims.keys() & (pattern.claims.keys() | pattern.claim_regexps.keys()))
    if twice:
        message = f"expected the claim {twice[0]} from {shorthands[0]} only, got it in claims too"
        raise members.need("claims").error("policy-claim", message)
    return members.field.built(lambda: pattern.replace(claims={**pattern.claims, **claims}))


def _explicit(members: Members) -> IdentityPattern:
    issuer, regexp = written_text(members, "oidcIssuer"), written_text(members, "subjectRegexp")
    email, uri = written_text(members, "subjectEmail"), written_text(members, "subjectURI")
    if not issuer:
        raise members.field.error("policy-identity", "expected oidcIssuer, got none")
    if not (email or uri or regexp):
        raise members.field.error(
            "policy-identity",
            "expected a subject (subjectEmail, subjectURI or subjectRegexp), got none",
            hint="An issuer without a subject is everybody who has an account there.",
        )
    if email and uri:
        message = "expected one of subjectEmail, subjectURI, got both"
        raise members.field.error("policy-identity", message, hint="A certificate has one subject.")
    claims = _claims(members)
    signer = written_text(members, "buildSignerURI")
    if signer:
        if "build-signer-uri" in claims:
            message = "expected buildSignerURI or the claim build-signer-uri, got both"
            raise members.field.error("policy-claim", message)
        claims["build-signer-uri"] = (signer,)
    return members.field.built(
        lambda: IdentityPattern(
            issuer=issuer, subject_email=email, subject_uri=uri, subject_regexp=regexp, claims=claims
        )
    )


def _claims(members: Members) -> dict[str, tuple[str, ...]]:
    """Names and values; a list means any of them."""
    written = members.get("claims")
    if written is None:
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for name, value in written.members().items():
        found[name] = strings(value)
    return found


def written_text(members: Members, key: str) -> str:
    """A string that may be left out but not be empty: a matcher that is written is applied."""
    if key not in members:
        return ""
    value = members.text(key)
    if not value:
        raise members.need(key).error("policy-empty", f"expected a value of {key}, got none")
    return value


def strings(field: Field) -> tuple[str, ...]:
    """A string, or a list of strings; none of them empty, at least one."""
    values = (field.texts() or ()) if field.node.kind == "array" else (field.text() or "",)
    if not values or not all(values):
        raise field.error("policy-empty", "expected a string or a list of strings, got an empty one")
    return values


def _gitlab(field: Field) -> IdentityPattern:
    from vouchsafe.policy import gitlab

    members = Members(field, _GITLAB, {"projectId": "Write projectID.", "branch": "Write ref: refs/heads/…"})
    triggers = members.get("triggers")
    return field.built(
        lambda: gitlab.pattern(
            project=written_text(members, "project"),
            project_id=_number(members, "projectID"),
            ref=written_text(members, "ref"),
            ref_pattern=written_text(members, "refPattern"),
            ci_config=written_text(members, "ciConfig") or gitlab.DEFAULT_CI_CONFIG,
            instance=written_text(members, "instance") or gitlab.GITLAB_COM,
            triggers=gitlab.DEFAULT_TRIGGERS if triggers is None else strings(triggers),
            runner_environment=written_text(members, "runnerEnvironment") or "any",
        ),
    )


def _github(field: Field) -> IdentityPattern:
    from vouchsafe.policy import github

    members = Members(field, _GITHUB, {"repositoryId": "Write repositoryID."})
    triggers = members.get("triggers")
    return field.built(
        lambda: github.pattern(
            repository=written_text(members, "repository"),
            repository_id=_number(members, "repositoryID"),
            workflow=written_text(members, "workflow"),
            ref=written_text(members, "ref"),
            ref_pattern=written_text(members, "refPattern"),
            triggers=github.DEFAULT_TRIGGERS if triggers is None else strings(triggers),
            runner_environment=written_text(members, "runnerEnvironment") or "any",
        ),
    )


def _number(members: Members, key: str) -> str:
    """A numeric id, written as a number or as a string; its digits."""
    written = members.get(key)
    if written is not None and written.node.kind == "number":
        return str(written.node.value)
    return written_text(members, key)
