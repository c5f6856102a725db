r"""An answer of the service: a signature, or a status whose reason phrase says why not.

skopeo from 1.22 on, podman and bootc's proxy print the phrase, so it holds the code and a sentence: ASCII,
no more than LONGEST_PHRASE bytes. 404 is said only of what is not ours and past the last signature,
because a client takes it for "unsigned" and does not show it.

>>> rejected(Reason(code="identity", message="signed by é, expected b")).phrase
b'vouchsafe: rejected: identity: signed by \\xe9, expected b'
"""

from __future__ import annotations

from vouchsafe.errors import printable
from vouchsafe.policy.verdict import Reason
from vouchsafe.protocol.decision import Decision
from vouchsafe.record import Record

LONGEST_PHRASE = 200  # bytes of a status line's reason

OK, BAD_REQUEST, REJECTED, NOT_FOUND, UNDECIDED = 200, 400, 403, 404, 503


class Answer(Record):
    """`outcome` is accepted, rejected, undecided, not-ours or malformed; `code` says why, "" for accepted."""

    status: int
    outcome: str
    code: str = ""
    message: str = ""
    blob: bytes = b""

    @property
    def phrase(self) -> bytes:
        """The status line's reason phrase."""
        if self.status == OK:
            return b"OK"
        said = f"vouchsafe: {self.outcome}: {self.code}: {self.message}"
        # Escaped by bytes: what is cut must not end inside an escape's first half and mean something else.
        return printable(said, LONGEST_PHRASE * 2).encode("ascii", "backslashreplace")[:LONGEST_PHRASE]


def signed(blob: bytes) -> Answer:
    """A countersignature."""
    return Answer(status=OK, outcome="accepted", blob=blob)


def rejected(reason: Reason) -> Answer:
    """The policy refuses it."""
    return Answer(status=REJECTED, outcome="rejected", code=reason.code, message=reason.message)


def undecided(reason: Reason) -> Answer:
    """Nobody could tell."""
    return Answer(status=UNDECIDED, outcome="undecided", code=reason.code, message=reason.message)


def not_ours() -> Answer:
    """No scope that we judge could select this repository."""
    return Answer(
        status=NOT_FOUND,
        outcome="not-ours",
        code="not-ours",
        message="no scope that vouchsafe judges names this image",
    )


def past_the_last() -> Answer:
    """There are fewer signatures."""
    return Answer(
        status=NOT_FOUND, outcome="accepted", code="past-the-last", message="there is no further signature"
    )


def of_decision(decision: Decision) -> Answer:
    """What a plugin was told, as it is counted and written down."""
    status, outcome = _OF_WORDS[decision.word]
    return Answer(status=status, outcome=outcome, code=decision.code, message=decision.message)


_OF_WORDS = {
    "allow": (OK, "accepted"),
    "deny": (REJECTED, "rejected"),
    "error": (UNDECIDED, "undecided"),
}


def malformed(code: str, message: str) -> Answer:
    """Not a question."""
    return Answer(status=BAD_REQUEST, outcome="malformed", code=code, message=message)
