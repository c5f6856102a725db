"""What an accepted verdict is worth: the names it may be repeated under, and until when.

Only here does a verdict become something that is signed, and only an Accepted one that holds a
VerifiedSignature for every requirement that asks for one; tombstones are looked at once more.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from vouchsafe.countersign import scopes
from vouchsafe.image.digest import Digest
from vouchsafe.policy.revocation import Tombstones, standing
from vouchsafe.policy.scope import Rule
from vouchsafe.policy.verdict import Accepted, Reason
from vouchsafe.record import Record
from vouchsafe.verification import VerifiedSignature

MOST_NAMES = 64  # docker-references of one image; clients give up at 128 signatures
TTL = timedelta(hours=24)  # for which the answer of a registry stands


class Acceptance(Record):
    """`names`: docker-references, None for evidence that names nobody; `newest`: the latest verified time.

    `evidence`: what it stands on, by the digests of the bytes.
    """

    names: tuple[str | None, ...]
    signers: tuple[str, ...]
    evidence: tuple[Digest, ...] = ()
    until: datetime
    newest: datetime | None = None
    through: Digest | None = None  # the index that names it, when that is what was signed


class Refusal(Record):
    """`outcome` is rejected or undecided."""

    outcome: str
    reason: Reason


Judgement = Acceptance | Refusal


def accept(
    verdict: Accepted,
    rule: Rule,
    tombstones: Tombstones,
    *,
    until: datetime,
) -> Judgement:
    """What `verdict` is worth."""
    good = standing(verdict, rule, tombstones)
    if isinstance(good, Reason):
        return Refusal(outcome="rejected", reason=good)
    names = _names(list(good.values()), rule)
    if not names:
        message = "expected signatures that name the same reference, got one for each requirement"
        return Refusal(outcome="rejected", reason=Reason(code="other-repository", message=message))
    used = [signature for signatures in good.values() for signature in signatures]
    return Acceptance(
        names=names,
        signers=tuple(dict.fromkeys(signature.signer for signature in used)),
        evidence=tuple(dict.fromkeys(signature.blob_digest for signature in used)),
        until=min([until, *_ends(used, rule)]),
        newest=max((each.time for signature in used for each in signature.times), default=None),
    )


def _names(good: list[tuple[VerifiedSignature, ...]], rule: Rule) -> tuple[str | None, ...]:
    """The docker-references that every requirement's evidence carries; None where it carries none.

    Where no tag is compared, one name is as good as another.
    """
    said = [{signature.claim.docker_reference for signature in signatures} for signatures in good]
    every = [signature.claim.docker_reference for signatures in good for signature in signatures]
    names = [name for name in dict.fromkeys(every) if name is not None]
    if not names:
        return (None,)
    if not scopes.tag_matters(rule):
        return (names[0],)
    agreed: list[str | None] = [name for name in names if all(name in each or None in each for each in said)]
    if all(None in each for each in said):
        agreed.append(None)
    return tuple(agreed[:MOST_NAMES])


def _ends(used: list[VerifiedSignature], rule: Rule) -> list[datetime]:
    """When signatures become too old for the rule."""
    if rule.max_age is None:
        return []
    return [signature.made + rule.max_age for signature in used if signature.made is not None]
