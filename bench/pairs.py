"""Verdicts beside cosign, and pulls beside pulls that nobody judges: in turns, as ratios of pairs."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median

from bench.children import Starter
from bench.estate import LARGE, SMALL, Estate, Image
from bench.host import ACCEPTED
from bench.stage import LOOPBACK
from vouchsafe.record import Record

LARGEST_VERDICT = 0.6  # of cosign's wall
LARGEST_PULL = 1.15  # of a pull without a policy
LARGE_ROUNDS = 7

Timed = Callable[[], float]


class Pair(Record):
    """Seconds of each round, ours and the other's."""

    name: str
    beside: str
    target: float | None
    ours: tuple[float, ...]
    theirs: tuple[float, ...]

    @property
    def ratios(self) -> list[float]:
        """Pair by pair."""
        return [a / b for a, b in zip(self.ours, self.theirs, strict=True)]

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return median(self.ratios)

    @property
    def ours_ms(self) -> float:
        """The median."""
        return 1000 * median(self.ours)

    @property
    def theirs_ms(self) -> float:
        """The median."""
        return 1000 * median(self.theirs)


def verdicts(place: Estate, starter: Starter, progress: Callable[[str], None]) -> tuple[Pair, ...]:
    """One question about an image that the service has never seen, beside `cosign verify` of the same image."""
    if place.stage.cosign is None:
        return ()
    place.host.forget()
    place.host.start()
    made = []
    for (network, form), images in place.images.cold.items():
        title = f"verdict on a new {form}"
        if network != LOOPBACK:
            title += f", {network} added to every answer"
        rounds = [
            (partial(_ask, place, network, image), partial(_verify, place, starter, network, image))
            for image in images
        ]
        made.append(_paired(title, "`cosign verify`", LARGEST_VERDICT, rounds, progress))
    place.host.stop()
    return tuple(made)


def _ask(place: Estate, network: str, image: Image) -> float:
    began = time.perf_counter()
    status = place.host.ask(f"{place.stage.addresses[network]}/{image.repository}", image.digest)
    seconds = time.perf_counter() - began
    if status != ACCEPTED:
        raise RuntimeError(f"expected a countersignature, got status {status}")
    return seconds


def _verify(place: Estate, starter: Starter, network: str, image: Image) -> float:
    command = place.stage.theirs(network, f"{image.repository}@{image.digest}")
    return starter.run([command]).seconds


def pulls(place: Estate, starter: Starter, progress: Callable[[str], None]) -> tuple[Pair, ...]:
    """`skopeo copy` from a registry to a folder under the host's policy, and under one that accepts anything."""
    place.host.forget()
    place.host.start()
    pulled = place.images.pulled
    once, count = pulled[SMALL][1:], len(pulled[SMALL]) // 2
    small, large = pulled[SMALL][:1] * (2 * count - 1), pulled[LARGE][:1] * min(count, LARGE_ROUNDS + 1)

    def beside(title: str, target: float | None, ours: Sequence[Image], theirs: Sequence[Image]) -> Pair:
        rounds = [
            (
                partial(_pull, place, starter, one, countersigned=True),
                partial(_pull, place, starter, other, countersigned=False),
            )
            for one, other in zip(ours, theirs, strict=True)
        ]
        return _paired(title, "`insecureAcceptAnything`", target, rounds, progress)

    made = (
        beside(f"first `skopeo copy`, {SMALL}", None, once[:count], once[count:]),
        beside(f"`skopeo copy` again, {SMALL}", LARGEST_PULL, small, small),
        beside(f"`skopeo copy` again, {LARGE}", LARGEST_PULL, large, large),
    )
    place.host.stop()
    return made


def _pull(place: Estate, starter: Starter, image: Image, *, countersigned: bool) -> float:
    target = place.host.folder / "pulled"
    name = f"{place.stage.addresses[LOOPBACK]}/{image.repository}:v1"
    command = place.host.pull_command(str(place.skopeo), name, str(target), countersigned=countersigned)
    seconds = starter.run([command]).seconds
    shutil.rmtree(target)
    return seconds


def _paired(
    name: str,
    beside: str,
    target: float | None,
    rounds: Sequence[tuple[Timed, Timed]],
    progress: Callable[[str], None],
) -> Pair:
    """A B, B A, A B, …: whoever comes second finds the registry's files read; the first round does not count."""
    measured: list[tuple[float, float]] = []
    for number, (ours, theirs) in enumerate(rounds):
        progress(f"{name}: round {number} of {len(rounds) - 1}")
        if number % 2:
            other = theirs()
            measured.append((ours(), other))
        else:
            measured.append((ours(), theirs()))
    kept = measured[1:] or measured
    return Pair(
        name=name,
        beside=beside,
        target=target,
        ours=tuple(each for each, _ in kept),
        theirs=tuple(each for _, each in kept),
    )
