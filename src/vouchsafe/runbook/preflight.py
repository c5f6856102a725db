"""Preflight: does CI sign what this host must pull, as whom the policy names, and in a form that is read here?

Who reads decides which form is readable. Where vouchsafe judges (a keyless requirement, an age, an attestation),
`.sig` and bundles both are, and what clients must be able to read is the countersignature, which `probe`
finds out. Under a native scope the clients judge by themselves: they read `.sig` where attachments are switched
on, and lookasides, and no bundle; there the client's own answer counts and ours only explains it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

from vouchsafe.admission import Question, admit
from vouchsafe.admission.material import World
from vouchsafe.evidence import containers, legacy
from vouchsafe.host.objection import Objection
from vouchsafe.image.reference import Reference, absent
from vouchsafe.policy.compile import needs_countersignature
from vouchsafe.policy.scope import Policy, Selected, select
from vouchsafe.policy.verdict import Accepted, Verdict
from vouchsafe.ports import Clock, Registry
from vouchsafe.record import Record
from vouchsafe.runbook.step import Result
from vouchsafe.verification import VerifiedSignature

LONGEST = timedelta(minutes=1)  # for one manifest
MOST_INSTANCES = 64  # of one index
SIG, ATT, LOOKASIDE, BUNDLE = ".sig", ".att", "lookaside", "bundle"
_FORMS = {
    legacy.SIMPLE_SIGNING: SIG,
    legacy.DSSE_ENVELOPE: ATT,
    containers.SIGNATURE_BLOB: LOOKASIDE,
}
_CLIENTS_READ = frozenset((SIG, LOOKASIDE))
_BOTH = "in CI: vouchsafe sign --format both --require-readable-by podman,bootc IMAGE"


class Unit(Record):
    """One manifest that is judged when the image is pulled. `client`: its words, empty when it opened it."""

    name: str
    verdict: Verdict
    client: str | None = None


class Inspected(Record):
    """`is_ours`: vouchsafe judges it here; else the clients do, instance by instance of an index."""

    image: str
    scope: str
    is_protected: bool
    is_ours: bool
    units: tuple[Unit, ...]


class Eyes(Record):
    """What an image is looked at with. `client` says what it has against one; None when there is none to ask."""

    registry: Registry
    world: World
    clock: Clock
    client: Callable[[Reference], str | None]


def inspect(image: Reference, policy: Policy, eyes: Eyes) -> Inspected:
    """Judge it as it would be judged. Unavailable when it is not there."""
    selected = select(policy, image)
    is_ours = needs_countersignature(selected.rule)
    is_protected = any(each.verifies_signatures for each in selected.requirements)
    found = Inspected(
        image=str(image).removeprefix("docker://"),
        scope=selected.where,
        is_protected=is_protected,
        is_ours=is_ours,
        units=(),
    )
    if is_ours or not is_protected:
        return found.replace(units=(Unit(name="", verdict=_verdict(image, policy, eyes)),))
    return found.replace(units=tuple(_native(image, policy, selected, eyes)))


def _native(image: Reference, policy: Policy, selected: Selected, eyes: Eyes) -> Iterator[Unit]:
    """podman and skopeo ask about the instance, whatever the index says."""
    manifest = eyes.registry.manifest(image, image.digest)
    if manifest is None:
        raise absent(image)
    runnable = [each for each in manifest.entries if each.platform and "unknown" not in each.platform]
    alone = policy.replace(default=selected.rule, transports={})
    for platform, digest in (
        [("", manifest.digest)]
        if not manifest.is_index
        else [(each.platform, each.digest) for each in runnable[:MOST_INSTANCES]]
    ):
        instance = image.with_digest(digest)
        yield Unit(name=platform, verdict=_verdict(instance, alone, eyes), client=eyes.client(instance))


def _verdict(image: Reference, policy: Policy, eyes: Eyes) -> Verdict:
    question = Question(reference=image, policy=policy, thorough=True, longest=LONGEST)
    return admit(question, registry=eyes.registry, clock=eyes.clock, world=eyes.world)


def forms(verdict: Verdict) -> tuple[str, ...]:
    """The forms in which each of the verdict's requirements is met."""
    answered: dict[int, set[str]] = {}
    for look in verdict.looked:
        if look.signature is not None and not look.against:
            answered.setdefault(look.requirement, set()).add(_FORMS.get(look.media_type, BUNDLE))
    common = set.intersection(*answered.values()) if answered else set()
    return tuple(sorted(common))


def judged(inspected: Inspected) -> Result:
    """What is found, for people, and what speaks against enabling with it."""
    if not inspected.is_protected:
        return _unprotected(inspected)
    results = [
        _of_ours(inspected, unit) if inspected.is_ours else _of_native(inspected, unit)
        for unit in inspected.units
    ]
    joined = Result()
    for each in results:
        joined = joined.joined(each)
    return joined


def untried(policy: Policy, inspected: tuple[Inspected, ...]) -> Iterator[Objection]:
    """Scopes that demand a signature and of which no image was looked at."""
    tried = {each.scope for each in inspected}
    for scope, rule in sorted(policy.transports.get("docker", {}).items()):
        where = Selected(transport="docker", scope=scope, rule=rule).where
        if where not in tried and any(each.verifies_signatures for each in rule.requirements):
            yield Objection(
                code="runbook-scope-untried",
                message=f"expected an image of {scope} to look at, got none",
                fix="--image IMAGE of it",
                severity="warns",
            )


def _unprotected(inspected: Inspected) -> Result:
    verdict = inspected.units[0].verdict
    if not isinstance(verdict, Accepted):
        return _refused(inspected, inspected.units[0])
    objection = Objection(
        code="runbook-image-unjudged",
        message=f"expected {inspected.image} to be judged by its signatures, got {inspected.scope},"
        " which accepts anything",
        fix="write a scope for it that says who signs",
        severity="warns",
    )
    return Result(objections=(objection,))


def _of_ours(inspected: Inspected, unit: Unit) -> Result:
    if not isinstance(unit.verdict, Accepted):
        return _refused(inspected, unit)
    found = forms(unit.verdict)
    reader = "judged by vouchsafe, which reads .sig and bundles"
    if found == (BUNDLE,):
        reader += "; hosts that do not ask vouchsafe would not see it"
    return Result(said=_lines(inspected, unit, unit.verdict, reader))


def _of_native(inspected: Inspected, unit: Unit) -> Result:
    """The client's answer counts, where one can be asked."""
    if unit.client == "":
        opened = f"{_name(inspected, unit)}, under {inspected.scope}: this host's own client accepts it"
        return Result(said=(opened,))
    readable = bool(_CLIENTS_READ.intersection(forms(unit.verdict)))
    if isinstance(unit.verdict, Accepted) and not readable:
        return Result(objections=(_unreadable(inspected, unit),))
    if unit.client is not None:
        return Result(objections=(_client_refuses(inspected, unit, unit.client, readable=readable),))
    if not isinstance(unit.verdict, Accepted):
        return _refused(inspected, unit)
    warning = Objection(
        code="runbook-client-unasked",
        message=f"expected a client of this host to say whether it accepts {_name(inspected, unit)}, got none to ask",
        fix="install skopeo; a pull after `enable` says it too",
        severity="warns",
    )
    said = _lines(inspected, unit, unit.verdict, "judged by clients themselves")
    return Result(said=said, objections=(warning,))


def _client_refuses(inspected: Inspected, unit: Unit, words: str, *, readable: bool) -> Objection:
    attachments = "registries.d must say `use-sigstore-attachments: true` for .sig, or name the lookaside"
    return Objection(
        code="runbook-client-refuses",
        message=f"expected this host's own client to accept {_name(inspected, unit)}, got: {words}",
        fix=attachments if readable else _BOTH,
    )


def _unreadable(inspected: Inspected, unit: Unit) -> Objection:
    words = f"; the client says: {unit.client}" if unit.client else ""
    found = ", ".join(forms(unit.verdict)) or "no one form for all that is demanded"
    return Objection(
        code="runbook-unreadable",
        message=f"expected {_name(inspected, unit)} signed in a form that clients read by themselves"
        f" (.sig or a lookaside: vouchsafe is not asked under {inspected.scope}), got {found}{words}",
        fix=_BOTH,
    )


def _refused(inspected: Inspected, unit: Unit) -> Result:
    first = unit.verdict.reasons[0]
    objection = Objection(
        code=first.code,
        message=f"{_name(inspected, unit)}: {inspected.scope}: {first.message}",
        fix=first.hint or f"vouchsafe explain {inspected.image}",
    )
    return Result(objections=(objection,), unknown=unit.verdict.word == "undecided")


def _lines(inspected: Inspected, unit: Unit, verdict: Accepted, reader: str) -> tuple[str, ...]:
    found = " and ".join(forms(verdict)) or "several forms"
    return (
        f"{_name(inspected, unit)}, {verdict.digest}, under {inspected.scope}",
        *(f"  signed by {_signer(each)}" for each in verdict.signatures),
        f"  as {found}; {reader}",
    )


def _signer(signature: VerifiedSignature) -> str:
    who = str(signature.identity or signature.key_id or "an OpenPGP key of the policy")
    return f"{who} at {signature.time:%Y-%m-%dT%H:%M:%SZ}" if signature.time else who


def _name(inspected: Inspected, unit: Unit) -> str:
    return f"{inspected.image} ({unit.name})" if unit.name else inspected.image
