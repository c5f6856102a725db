r"""Tombstones: what is refused whatever else says yes. Above every cache, and never taken back by a prune.

`vouchsafe countersign revoke` writes them, one JSON object a line, into a file of their own: the database
may be lost and made anew, this file may not. A line that cannot be read stops every answer (503), because
nobody knows whom it named.

>>> stones = read(b'{"at":"2026-11-22T12:00:00Z","digest":"sha256:' + b"0" * 64 + b'","reason":"leaked"}\n')
>>> stones.of_digest(Digest.parse("sha256:" + "0" * 64)).message
'expected an image that was not revoked, got one that was on 2026-11-22: leaked'
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from vouchsafe.errors import HostError, VouchsafeError
from vouchsafe.image.digest import Digest
from vouchsafe.policy.scope import Rule
from vouchsafe.policy.verdict import Accepted, Reason
from vouchsafe.record import Record
from vouchsafe.strictjson import Fields
from vouchsafe.verification import VerifiedSignature
from vouchsafe.verification.trust import parse_time

LARGEST = 16 * 1024 * 1024  # bytes of the file
MOST_COVERED = 100_000  # instances of one index
_HINT = (
    "`vouchsafe countersign list --revoked` shows it; its line in /var/lib/vouchsafe/revoked can be deleted."
)


class Tombstone(Record):
    """One revocation: of a digest and what it `covers`, or of signatures by `identity`, made `before`, or both."""

    at: datetime
    digest: Digest | None = None
    covers: frozenset[Digest] = frozenset()
    identity: str = ""
    before: datetime | None = None
    reason: str = ""

    def _check(self) -> None:
        if self.digest is None and not self.identity and self.before is None:
            raise HostError("revocation", "expected a digest, an identity or a time to revoke, got none")

    def against(self, signature: VerifiedSignature) -> bool:
        """Whether this signature no longer counts. One whose age nobody can prove is older than any time."""
        if self.digest is not None:
            return False
        if self.identity and self.identity not in _names(signature):
            return False
        return self.before is None or signature.made is None or signature.made < self.before

    def line(self) -> bytes:
        """As it is written."""
        said: dict[str, object] = {"at": _text(self.at)}
        if self.digest is not None:
            said["digest"] = str(self.digest)
        if self.covers:
            said["covers"] = sorted(str(each) for each in self.covers)
        if self.identity:
            said["identity"] = self.identity
        if self.before is not None:
            said["before"] = _text(self.before)
        said["reason"] = self.reason
        return json.dumps(said, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


class Tombstones(Record):
    """All of them."""

    stones: tuple[Tombstone, ...] = ()
    by_digest: Mapping[Digest, Tombstone] = {}

    def of_digest(self, digest: Digest) -> Reason | None:
        """Why this digest is refused; None when it is not."""
        stone = self.by_digest.get(digest)
        return None if stone is None else _reason("an image", stone)

    def of_signature(self, signature: VerifiedSignature) -> Reason | None:
        """Why this signature does not count; None when it does."""
        stone = next((each for each in self.stones if each.against(signature)), None)
        return None if stone is None else _reason("a signature", stone)


Standing = Mapping[int, tuple[VerifiedSignature, ...]]  # a requirement's number → signatures that answer it


def is_told_all(verdict: Accepted, tombstones: Tombstones) -> bool:
    """Whether the signatures that were found first say everything, because none of them is revoked."""
    return not any(tombstones.of_signature(signature) for signature in verdict.signatures)


def standing(verdict: Accepted, rule: Rule, tombstones: Tombstones) -> Standing | Reason:
    """The signatures that still stand for an acceptance, by requirement; or why it does not stand at all.

    It does not without a verified signature for every requirement that asks for one. What a search that was
    not thorough did not look at is not there.
    """
    if not verdict.verified or not verdict.signatures:
        message = f"expected a verified signature of {verdict.reference}, got none"
        return Reason(code="countersign-unverified", message=message)
    good: dict[int, tuple[VerifiedSignature, ...]] = {}
    revoked: Reason | None = None
    for look in verdict.looked:
        if look.against or look.signature is None:
            continue
        if (reason := tombstones.of_signature(look.signature)) is None:
            good[look.requirement] = (*good.get(look.requirement, ()), look.signature)
        else:
            revoked = reason
    wanted = [i for i, requirement in enumerate(rule.requirements) if requirement.verifies_signatures]
    if missing := [i for i in wanted if i not in good]:
        message = f"expected a verified signature for requirement {missing[0] + 1}, got none"
        return revoked or Reason(code="countersign-unverified", message=message)
    return good


def read(blob: bytes) -> Tombstones:
    """The file; HostError `revocations` when it cannot be read as a whole."""
    stones: list[Tombstone] = []
    try:
        stones.extend(
            _stone(Fields.parse(line, what="tombstone", largest=LARGEST)) for line in blob.splitlines()
        )
    except VouchsafeError as error:
        raise HostError(
            "revocations",
            f"expected tombstones, got something else in line {len(stones) + 1}: {error.message}",
            hint="Nothing is countersigned until the file says whom it revokes.",
        ) from error
    if blob and not blob.endswith(b"\n"):
        raise HostError("revocations", "expected whole lines of tombstones, got a torn one at the end")
    by_digest = {digest: stone for stone in stones for digest in stone.covers}
    by_digest |= {stone.digest: stone for stone in stones if stone.digest is not None}
    return Tombstones(stones=tuple(stones), by_digest=by_digest)


def _stone(fields: Fields) -> Tombstone:
    fields.only("at", "digest", "covers", "identity", "before", "reason")
    covers = [Digest.parse(str(each)) for each in fields.items("covers", MOST_COVERED, ())]
    return Tombstone(
        at=parse_time(fields.text("at"), "at"),
        digest=Digest.parse(fields.text("digest")) if "digest" in fields else None,
        covers=frozenset(covers),
        identity=fields.text("identity", ""),
        before=parse_time(fields.text("before"), "before") if "before" in fields else None,
        reason=fields.text("reason", ""),
    )


def _names(signature: VerifiedSignature) -> tuple[str, ...]:
    identity = () if signature.identity is None else (signature.identity.subject,)
    key = (f"sha256:{signature.key_id}",) if signature.key_id else ()
    return (*identity, *signature.subjects, *key)


def _reason(what: str, stone: Tombstone) -> Reason:
    said = f": {stone.reason}" if stone.reason else ""
    return Reason(
        code="revoked",
        message=f"expected {what} that was not revoked, got one that was on {stone.at:%F}{said}",
        hint=_HINT,
    )


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
