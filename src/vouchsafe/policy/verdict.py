"""Verdict: Accepted, Rejected or Undecided, each with Reasons; and `require`, the way to act on one.

Undecided denies like Rejected, but says that it could not tell: asking again may help. A verdict has
no truth value, because `if verdict:` would accept whatever is not empty.

>>> from vouchsafe.image.digest import Digest
>>> require(Rejected(reference="docker://x", reasons=(Reason(code="unsigned", message="found none"),)))
Traceback (most recent call last):
vouchsafe.errors.Refused: docker://x: found none
"""

from __future__ import annotations

from typing import ClassVar, NoReturn

from vouchsafe.errors import ConfigurationError, Refused, VouchsafeError
from vouchsafe.image.digest import Digest
from vouchsafe.record import Record
from vouchsafe.verification import VerifiedSignature


class Reason(Record):
    """Why: a stable code, a sentence, what to do, and which evidence or rule it is about.

    `configuration`: the operator's own files are at fault, and asking again will not help.
    """

    code: str
    message: str
    hint: str = ""
    about: str = ""
    configuration: bool = False

    @classmethod
    def of(cls, error: VouchsafeError, about: str = "") -> Reason:
        """An error as a reason."""
        return cls(
            code=error.code,
            message=error.message,
            hint=error.hint,
            about=about,
            configuration=isinstance(error, ConfigurationError),
        )


class Looked(Record):
    """One thing that was looked at for one requirement; no reasons against it: it satisfies."""

    requirement: int
    origin: str
    media_type: str
    against: tuple[Reason, ...]
    signature: VerifiedSignature | None = None


class Verdict(Record):
    """What all three have in common. `scope` is the policy scope that applied; `rules` its requirements in words.

    `reasons`: the nearest miss first. `looked`: everything that was looked at, for `explain`.
    """

    word: ClassVar[str] = ""
    reference: str
    digest: Digest | None = None
    scope: str = ""
    rules: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()
    looked: tuple[Looked, ...] = ()
    notes: tuple[Reason, ...] = ()

    def __bool__(self) -> NoReturn:
        """No truth value."""
        raise TypeError("a Verdict is neither true nor false: match it, or pass it to require()")


class Accepted(Verdict):
    """`digest` may be used. `signatures` satisfied the requirements, one for each that needs one.

    `verified` is False where only `insecureAcceptAnything` applied: shown as "not verified".
    """

    word = "accepted"
    digest: Digest
    signatures: tuple[VerifiedSignature, ...] = ()
    verified: bool = True


class Rejected(Verdict):
    """Looked, and refused."""

    word = "rejected"


class Undecided(Verdict):
    """Could not tell."""

    word = "undecided"


def require(verdict: Verdict, *, allow_unverified: bool = False) -> Digest:
    """The digest to act on. Raises Refused for everything that is not an acceptance by a signature.

    `allow_unverified`: take also what only `insecureAcceptAnything` let through.
    """
    match verdict:
        case Accepted(verified=verified, digest=digest) if verified or allow_unverified:
            return digest
        case Accepted():
            raise Refused(
                "not-verified",
                f"{verdict.reference}: accepted only because the policy accepts anything",
                verdict=verdict,
            )
        case _:
            first = verdict.reasons[0] if verdict.reasons else Reason(code=verdict.word, message=verdict.word)
            raise Refused(
                first.code, f"{verdict.reference}: {first.message}", hint=first.hint, verdict=verdict
            )
