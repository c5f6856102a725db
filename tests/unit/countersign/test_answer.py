"""The status line says why, in ASCII and in 200 bytes."""

from __future__ import annotations

import h11
import pytest

from vouchsafe.countersign import answer
from vouchsafe.policy.verdict import Reason


@pytest.mark.parametrize(
    "message, phrase",
    [
        ("signed by a, expected b", b"vouchsafe: rejected: code: signed by a, expected b"),
        ("naïve…", rb"vouchsafe: rejected: code: na\xefve\u2026"),
        ("\r\nX-Evil: 1\x1b[2J", rb"vouchsafe: rejected: code: \r\nX-Evil: 1\x1b[2J"),
        ("a" * 500, b"vouchsafe: rejected: code: " + b"a" * 173),
        ("\N{BOMB}" * 100, (b"vouchsafe: rejected: code: " + rb"\U0001f4a3" * 100)[:200]),
    ],
)
def test_a_phrase_is_escaped_and_cut(message: str, phrase: bytes) -> None:
    """Nothing that a registry said can end the line, or drive a terminal."""
    got = answer.rejected(Reason(code="code", message=message)).phrase
    assert (phrase, True) == (got, len(got) <= answer.LONGEST_PHRASE)
    h11.Response(status_code=403, reason=got, headers=[])


def test_statuses() -> None:
    """403 looked and refused, 503 could not tell, 404 only for what is not ours and past the last."""
    reason = Reason(code="code", message="message")
    made = (
        answer.signed(b"blob"),
        answer.rejected(reason),
        answer.undecided(reason),
        answer.not_ours(),
        answer.past_the_last(),
        answer.malformed("code", "message"),
    )
    assert [each.status for each in made] == [200, 403, 503, 404, 404, 400]
