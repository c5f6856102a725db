"""Verdicts beside cosign, and pulls beside pulls that nobody judges: in turns, as ratios of pairs."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from statistics import median

from bench.children import Starter
from bench.estate import DELAYED, LARGE, SMALL, Estate, Image
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
    host, cosign = place.host, place.stage.cosign
    if cosign is None:
        return ()
    host.forget()
    host.start()
    made = []
    for (network, form), images in place.images.cold.items():

        def ours(image: Image, network: str = network) -> float:
            began = time.perf_counter()
            name = f"{place.stage.addresses[network]}/{image.repository}"
            _demand(host.ask(name, image.digest))
            return time.perf_counter() - began

        def theirs(image: Image, network: str = network) -> float:
            name = f"{image.repository}@{image.digest}"
            return starter.run([place.stage.theirs(network, name)]).seconds

        title = f"verdict on a new {form}" + (
            "" if network == LOOPBACK else f", {DELAYED} added to every answer"
        )
        rounds = [(_with(ours, image), _with(theirs, image)) for image in images]
        made.append(_paired(title, "`cosign verify`", LARGEST_VERDICT, rounds, progress))
    host.stop()
    return tuple(made)


def pulls(place: Estate, starter: Starter, progress: Callable[[str], None]) -> tuple[Pair, ...]:
    """`skopeo copy` from a registry to a folder under the host's policy, and under one that accepts anything."""
    host, pulled = place.host, place.images.pulled
    host.forget()
    host.start()

    def pull(image: Image, *, countersigned: bool) -> float:
        target = host.folder / "pulled"
        name = f"{place.stage.addresses[LOOPBACK]}/{image.repository}:v1"
        command = host.pull_command(str(place.skopeo), name, str(target), countersigned=countersigned)
        seconds = starter.run([command]).seconds
        shutil.rmtree(target)
        return seconds

    def rounds(ours: tuple[Image, ...], theirs: tuple[Image, ...]) -> list[tuple[Timed, Timed]]:
        return [
            (lambda a=a: pull(a, countersigned=True), lambda b=b: pull(b, countersigned=False))  # type: ignore[misc]
            for a, b in zip(ours, theirs, strict=True)
        ]

    once, count = pulled[SMALL][1:], len(pulled[SMALL]) // 2
    small, large = pulled[SMALL][:1] * (2 * count - 1), pulled[LARGE][:1] * min(count, LARGE_ROUNDS + 1)
    beside = "`insecureAcceptAnything`"
    made = (
        _paired(f"first `skopeo copy`, {SMALL}", beside, None, rounds(once[:count], once[count:]), progress),
        _paired(f"`skopeo copy` again, {SMALL}", beside, LARGEST_PULL, rounds(small, small), progress),
        _paired(f"`skopeo copy` again, {LARGE}", beside, LARGEST_PULL, rounds(large, large), progress),
    )
    host.stop()
    return made


def _paired(
    name: str,
    beside: str,
    target: float | None,
    rounds: list[tuple[Timed, Timed]],
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


def _with(work: Callable[[Image], float], image: Image) -> Timed:
    return lambda: work(image)


def _demand(status: int) -> None:
    if status != ACCEPTED:
        raise RuntimeError(f"expected a countersignature, got status {status}")
