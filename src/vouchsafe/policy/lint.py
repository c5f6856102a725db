"""Says what is legal but unwise in a policy: file, line, code, and what to write instead. Pure.

What does not load at all is no finding but a PolicyError (`Finding.of` turns it into one). Codes are API and
are listed in docs/policy-json.md. What the named files hold is looked at by the caller, who passes it in.

>>> from datetime import UTC
>>> from vouchsafe.policy.document import parse
>>> blob = b'{"default": [{"type": "insecureAcceptAnything"}]}'
>>> policy = parse(blob, dialect="containers", source="policy.json")
>>> [finding.code for finding in lint(policy, now=datetime(2026, 1, 1, tzinfo=UTC))]
['default-accepts']
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from vouchsafe.policy import lint_identity, lint_requirement, lint_scope
from vouchsafe.policy.finding import Finding, Material, Places, Suspicion, placed
from vouchsafe.policy.lint_requirement import PUBLIC_GOOD_ROOT
from vouchsafe.policy.requirement import Requirement, SigstoreAttested, SigstoreSigned
from vouchsafe.policy.scope import Policy, Rule

__all__ = ["PUBLIC_GOOD_ROOT", "Finding", "Material", "lint", "named_files"]


def lint(
    policy: Policy, *, now: datetime, material: Mapping[str, Material] | None = None
) -> tuple[Finding, ...]:
    """All findings, in the order of files and lines. `material`: what is in each of `named_files`."""
    places = Places(policy.documents)
    findings = [placed(each, policy.default.place) for each in lint_scope.of_default(policy.default)]
    findings += _of_rule(policy, policy.default, "", places, now, material or {})
    for transport, scopes in policy.transports.items():
        for scope, rule in scopes.items():
            for suspicion in lint_scope.of_scope(policy, transport, scope, rule):
                findings.append(placed(suspicion, rule.place))
            findings += _of_rule(policy, rule, transport, places, now, material or {})
    order = {document.source: number for number, document in enumerate(policy.documents)}
    return tuple(sorted(dict.fromkeys(findings), key=lambda each: (order.get(each.file, 0), each.line)))


def named_files(policy: Policy) -> tuple[str, ...]:
    """Every file that the policy names, once, and PUBLIC_GOOD_ROOT where the embedded root is relied on."""
    rules = [policy.default, *(rule for scopes in policy.transports.values() for rule in scopes.values())]
    requirements = [requirement for rule in rules for requirement in rule.requirements]
    return tuple(
        dict.fromkeys(
            name for requirement in requirements for _, name in lint_requirement.named_in(requirement)
        )
    )


def _of_rule(
    policy: Policy,
    rule: Rule,
    transport: str,
    places: Places,
    now: datetime,
    material: Mapping[str, Material],
) -> Iterator[Finding]:
    for suspicion in lint_requirement.of_rule(rule, now):
        yield placed(suspicion, places.nearest(rule.place, f".{suspicion.key}"))
    for index, requirement in enumerate(rule.requirements):
        start = places.nearest(rule.place, f".requirements[{index}]", f"[{index}]")
        for suspicion in (
            *lint_requirement.of_requirement(requirement, policy.dialect, transport),
            *lint_requirement.of_material(requirement, material, now),
        ):
            yield placed(suspicion, places.nearest(start, f".{suspicion.key}", f".{suspicion.key}s"))
        for end, suspicion in _of_identities(requirement, policy.dialect):
            keys = (suspicion.key, "gitlab", "github")
            ends = (*(f"{end}.{key}" for key in keys), end, *(f".fulcio.{key}" for key in keys), ".fulcio")
            yield placed(suspicion, places.nearest(start, *ends))


def _of_identities(requirement: Requirement, dialect: str) -> Iterator[tuple[str, Suspicion]]:
    if not isinstance(requirement, SigstoreSigned | SigstoreAttested) or requirement.signer.fulcio is None:
        return
    for number, pattern in enumerate(requirement.signer.fulcio.identities):
        for suspicion in lint_identity.of_identity(pattern, dialect):
            yield f".fulcio.identities[{number}]", suspicion
