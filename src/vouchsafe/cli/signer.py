"""Which policy judges: the flags' own, a file's, or the host's. Refuses what would accept too much.

Nothing is ever verified against nobody: without a subject and an issuer, or a key, or a policy, there is
no question to ask (sigstore's most frequent misuse is a certificate from just anyone).
"""

from __future__ import annotations

import argparse

from vouchsafe import wiring
from vouchsafe.admission import material
from vouchsafe.cli.usage import UsageError
from vouchsafe.errors import ConfigurationError
from vouchsafe.policy import flags
from vouchsafe.policy.identity import IdentityPattern
from vouchsafe.policy.scope import Policy

# cosign's names, in the cosign attest of 2 and 3.
PREDICATE_TYPES = {
    "custom": "https://cosign.sigstore.dev/attestation/v1",
    "cyclonedx": "https://cyclonedx.org/bom",
    "link": "https://in-toto.io/Link/v1",
    "openvex": "https://openvex.dev/ns",
    "slsaprovenance": "https://slsa.dev/provenance/v0.2",
    "slsaprovenance02": "https://slsa.dev/provenance/v0.2",
    "slsaprovenance1": "https://slsa.dev/provenance/v1",
    "spdx": "https://spdx.dev/Document",
    "spdxjson": "https://spdx.dev/Document",
    "vuln": "https://cosign.sigstore.dev/attestation/vuln/v1",
}
_NOBODY = "expected somebody to trust, got neither an identity, nor a key, nor a policy"
_NOBODY_HINT = (
    "give --certificate-identity and --certificate-oidc-issuer, or --key, or --policy;"
    " or write /etc/vouchsafe/policy.json"
)


def policy_of(arguments: argparse.Namespace, host: wiring.Host) -> Policy:
    """The policy that the command line means. UsageError, ConfigurationError."""
    named = _named_flags(arguments)
    if not named:
        policy = (
            wiring.policy_of_files((arguments.policy,)) if arguments.policy else wiring.policy_of_host(host)
        )
        if policy is None:
            raise UsageError(_NOBODY, hint=_NOBODY_HINT)
        return policy
    if arguments.policy:
        raise UsageError(
            f"expected --policy or {named[0]}, got both",
            hint="write what the flags say into the policy, or leave --policy away",
        )
    policy = _by_key(arguments) if arguments.key else _by_identity(arguments)
    for requirement in policy.default.requirements:
        material.prepare(requirement, host.world)  # an unreadable key or root is no verdict: exit 78
    return policy


def is_asked_for(arguments: argparse.Namespace) -> bool:
    """Whether the command line names somebody to trust, or a policy."""
    return bool(arguments.policy or _named_flags(arguments))


def predicate_type(text: str | None) -> str:
    """A predicateType from cosign's short name or from itself; "" when none is asked for."""
    if text is None:
        return ""
    if text in PREDICATE_TYPES:
        return PREDICATE_TYPES[text]
    if ":" not in text:
        names = ", ".join(PREDICATE_TYPES)
        raise UsageError(f"expected --type to be a URI or one of {names}, got {text!r}")
    return text


def _named_flags(arguments: argparse.Namespace) -> list[str]:
    values = {
        "--certificate-identity": arguments.certificate_identity,
        "--certificate-identity-regexp": arguments.certificate_identity_regexp,
        "--certificate-oidc-issuer": arguments.certificate_oidc_issuer,
        "--key": arguments.key,
        "--claim": arguments.claim or None,
        "--type": arguments.type,
        "--trusted-root": arguments.trusted_root,
    }
    return [name for name, value in values.items() if value is not None]


def _by_key(arguments: argparse.Namespace) -> Policy:
    beside = [name for name in _named_flags(arguments) if name not in ("--key", "--type", "--trusted-root")]
    if beside:
        raise UsageError(
            f"expected --key alone, got {beside[0]} beside it",
            hint="a key has no certificate; ask for one or the other",
        )
    return flags.by_key(
        arguments.key,
        trusted_root=arguments.trusted_root or "",
        predicate_type=predicate_type(arguments.type),
    )


def _by_identity(arguments: argparse.Namespace) -> Policy:
    exact, pattern = arguments.certificate_identity, arguments.certificate_identity_regexp
    issuer = arguments.certificate_oidc_issuer
    if not (exact or pattern or issuer):
        raise UsageError(_NOBODY, hint=_NOBODY_HINT)
    if not issuer:
        raise UsageError(
            "expected an issuer beside the identity, got none",
            hint="add --certificate-oidc-issuer, such as https://gitlab.com: "
            "another issuer could vouch for the same name",
        )
    if not (exact or pattern):
        raise UsageError(
            "expected an identity beside the issuer, got none",
            hint="add --certificate-identity: anybody can get a certificate by that issuer",
        )
    try:
        identity = IdentityPattern(
            issuer=issuer, subject=exact or "", subject_regexp=pattern or "", claims=_claims(arguments.claim)
        )
    except ConfigurationError as error:
        raise UsageError(error.message, hint=error.hint) from error
    return flags.by_identity(
        identity, trusted_root=arguments.trusted_root or "", predicate_type=predicate_type(arguments.type)
    )


def _claims(written: list[str]) -> dict[str, tuple[str, ...]]:
    claims: dict[str, tuple[str, ...]] = {}
    for text in written:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise UsageError(f"expected --claim NAME=VALUE, got {text!r}")
        claims[name] = (*claims.get(name, ()), value)
    return claims
