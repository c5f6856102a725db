"""What counts as a refusal, and what does not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.hosts import Said, Script
from vouchsafe.errors import Unavailable
from vouchsafe.host.containerd.smoke import NAMESPACE, pulls

OURS = b"verifier vouchsafe rejected image (exit code 1): vouchsafe: rejected: policy-rejects: no"


@pytest.mark.parametrize(
    "answer, outcome",
    [
        (Said(status=1, errors=b"ctr: image " + OURS), "refused"),
        (Said(status=1, output=OURS), "refused"),
        (Said(status=1, errors=b"vouchsafe: undecided: deadline: late"), "refused"),
        (Said(status=1, errors=b"ctr: connection refused"), "unclear"),
        (Said(status=1, errors=b"verifier other rejected image"), "unclear"),
        (Said(status=0, output=OURS), "pulled"),
    ],
)
def test_only_our_own_words_are_a_refusal(answer: Said, outcome: str) -> None:
    """A pull that fails for another reason proves nothing."""
    (leg,) = pulls(Script({"ctr": lambda _: answer}), "r.example/app:v1", "/run/c.sock")
    assert leg.outcome == outcome


def test_both_ways_and_what_they_leave() -> None:
    """crictl too, where it is; what was pulled is removed."""
    script = Script({"ctr": lambda _: Said(), "crictl": lambda _: Said()})
    assert [leg.way for leg in pulls(script, "i", "/s")] == ["transfer service (ctr)", "CRI (crictl)"]
    ctr = ("/usr/bin/ctr", "--address", "/s", "--namespace", NAMESPACE, "images")
    crictl = ("/usr/bin/crictl", "--runtime-endpoint", "unix:///s", "--image-endpoint", "unix:///s")
    assert script.ran == [
        (*ctr, "pull", "--plain-http", "i"),
        (*ctr, "remove", "i"),
        (*crictl, "pull", "i"),
        (*crictl, "rmi", "i"),
    ]


def test_nobody_to_ask() -> None:
    """Is no proof."""
    assert list(pulls(Script({}), "i")) == []

    def hang(_: Sequence[str]) -> Said:
        raise Unavailable("program-timeout", "expected an end, got none")

    (leg,) = pulls(Script({"ctr": hang}), "i")
    assert (leg.outcome, leg.said) == ("unclear", "expected an end, got none")
