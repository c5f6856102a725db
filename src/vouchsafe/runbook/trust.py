"""The trust roots that the policy relies on: usable, fresh, not about to end, and the canary's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from vouchsafe.admission.material import World
from vouchsafe.admission.named import root_of
from vouchsafe.errors import VouchsafeError
from vouchsafe.host.objection import Objection
from vouchsafe.policy.lint import PUBLIC_GOOD_ROOT, named_files
from vouchsafe.policy.scope import Policy
from vouchsafe.record import Record
from vouchsafe.runbook.step import Result
from vouchsafe.verification.inventory import NAMES, inventory, staleness, uncovered, warnings
from vouchsafe.verification.trust import LoadedRoot, TrustRoot

TRUST = "trust"  # the fact that hosts of one estate share
_NEAR = timedelta(days=14)  # as the alert VouchsafeEnds: what ends sooner is replaced first
_REFRESH = "vouchsafe trust refresh"


class Trusted(Record):
    """What one name of the policy makes believed, or why it cannot be used. `loaded`: where the public root is from."""

    name: str
    root: TrustRoot = TrustRoot()
    loaded: LoadedRoot | None = None
    problem: str = ""


def trusted(policy: Policy, world: World, public_good: LoadedRoot) -> Iterator[Trusted]:
    """Each file that the policy names, and the public-good root where it is relied on."""
    for name in named_files(policy):
        try:
            found = Trusted(name=name, root=root_of(name, world))
        except VouchsafeError as error:
            found = Trusted(name=name, problem=error.message)
        yield found.replace(loaded=public_good) if name == PUBLIC_GOOD_ROOT else found


def judged(found: tuple[Trusted, ...], at: datetime, like: Mapping[str, str]) -> Result:
    """What stops: unusable, ended, about to end, not the canary's. What warns: stale, something ends this month."""
    said: list[str] = []
    objections: list[Objection] = []
    for each in found:
        believed = inventory(each.root)
        kinds = {kind: sum(one.kind == kind for one in believed) for kind in NAMES}
        counted = ", ".join(f"{count} × {NAMES[kind]}" for kind, count in kinds.items() if count)
        said.append(f"{each.name}: {counted or 'a keyring, which gpg reads'}{_origin(each.loaded)}")
        objections += _objections(each, at)
    facts = {TRUST: fingerprint(found)}
    said.append(f"all of it: sha256 {facts[TRUST]}")
    objections += unlike(TRUST, facts, like)
    return Result(said=tuple(said), objections=tuple(objections), facts=facts)


def fingerprint(found: tuple[Trusted, ...]) -> str:
    """One hash of all that is believed; hosts that believe the same have the same, wherever it lies."""
    said = sorted(f"{each.root.fingerprint} {bool(each.problem)}" for each in found)
    return hashlib.sha256("\n".join(said).encode()).hexdigest()


def unlike(name: str, facts: Mapping[str, str], like: Mapping[str, str]) -> Iterator[Objection]:
    """That a fact is not the canary's."""
    if name in like and like[name] != facts[name]:
        yield Objection(
            code="runbook-unlike",
            message=f"expected the {name} of the host that went first, {like[name]}, got {facts[name]}",
            fix="bring the same to this host, or leave --like away",
        )


def _origin(loaded: LoadedRoot | None) -> str:
    if loaded is None:
        return ""
    dates = f", of {loaded.as_of:%Y-%m-%d}" if loaded.as_of else ""
    dates += f", fresh until {loaded.fresh_until:%Y-%m-%d}" if loaded.fresh_until else ""
    return f"; {loaded.source}, {loaded.place}{dates}"


def _objections(each: Trusted, at: datetime) -> Iterator[Objection]:
    if each.problem:
        yield _objection("runbook-trust-unusable", each, each.problem, "refuses")
        return
    believed = inventory(each.root)
    ends = each.root.expires
    over = [NAMES[kind] for kind in uncovered(believed, at + _NEAR)]
    over += ["trust root itself"] if ends is not None and ends < at + _NEAR else []
    for what in over:
        yield _objection(
            "runbook-trust-ends", each, f"the last {what} is over within {_NEAR.days} days", "refuses"
        )
    if not over:
        for warning in warnings(believed, at):
            yield _objection("runbook-trust-ending", each, warning, "warns")
    if each.loaded is not None:
        for warning in staleness(each.loaded, at):
            yield _objection("runbook-trust-stale", each, warning, "warns")


def _objection(code: str, each: Trusted, what: str, severity: str) -> Objection:
    fix = _REFRESH if each.loaded is not None else f"replace {each.name}"
    return Objection(
        code=code,
        message=f"expected {each.name} to last, got: {what}",
        fix=fix,
        severity="warns" if severity == "warns" else "refuses",
    )
