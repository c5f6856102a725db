"""The one proof that a running containerd asks: an image that nobody vouches for is refused, in our words.

A configuration says what containerd will do after its next start; only a pull says what it does now. A pull that
fails for another reason proves nothing and is not counted as a refusal.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from vouchsafe.errors import Unavailable
from vouchsafe.machine import Runner
from vouchsafe.record import Record

ADDRESS = "/run/containerd/containerd.sock"
NAMESPACE = "vouchsafe-smoke"
_SECONDS = 120.0  # of one pull
_OUR_WORDS = ("vouchsafe: rejected: ", "vouchsafe: undecided: ")
_LONGEST = 1000  # characters of what a client said

Outcome = Literal["refused", "pulled", "unclear"]


class Leg(Record):
    """One way to pull, what it came to, and what was said."""

    way: str
    outcome: Outcome
    said: str


def pulls(runner: Runner, image: str, address: str = ADDRESS) -> Iterator[Leg]:
    """Each way to pull for which this host has a client; what was pulled is taken away again."""
    ctr = runner.find("ctr")
    if ctr is not None:
        command = (ctr, "--address", address, "--namespace", NAMESPACE)
        yield _tried(
            runner,
            "transfer service (ctr)",
            (*command, "images", "pull", "--plain-http", image),
            (*command, "images", "remove", image),
        )
    crictl = runner.find("crictl")
    if crictl is not None:
        endpoint = f"unix://{address}"
        command = (crictl, "--runtime-endpoint", endpoint, "--image-endpoint", endpoint)
        yield _tried(runner, "CRI (crictl)", (*command, "pull", image), (*command, "rmi", image))


def _tried(runner: Runner, way: str, pull: tuple[str, ...], remove: tuple[str, ...]) -> Leg:
    try:
        ended = runner.run(pull, seconds=_SECONDS)
    except Unavailable as error:
        return Leg(way=way, outcome="unclear", said=error.message)
    said = (ended.errors or ended.output).decode("utf-8", "replace").strip()[-_LONGEST:]
    if ended.status == 0:
        runner.run(remove, seconds=_SECONDS)
        return Leg(way=way, outcome="pulled", said=said)
    refused = any(words in said for words in _OUR_WORDS)
    return Leg(way=way, outcome="refused" if refused else "unclear", said=said)
