"""What is measured, against whom, and what it may cost: each case runs us and cosign in turns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from statistics import median
from types import MappingProxyType

from bench.children import Sample, Starter
from bench.stage import DELAY_MS, LOOPBACK, Stage, fleet_of
from vouchsafe.record import Record

DELAYED = f"{DELAY_MS} ms"
NETWORKS = (LOOPBACK, DELAYED)
COSIGN = "cosign verify"
LARGEST_PEAK_MIB = 60

Commands = list[list[str]]


class Contestant(Record):
    """One way to get the answer. `targets`: the largest ratio to cosign that will do, by network."""

    label: str
    commands: Commands
    targets: Mapping[str, float] = MappingProxyType({})


class Case(Record):
    """Contestants that are run in turns; the last one is cosign, where it is there."""

    name: str
    network: str
    rounds: int
    contestants: tuple[Contestant, ...]

    def without_targets(self) -> Case:
        """The same, judged by nobody."""
        return self.replace(contestants=tuple(each.replace(targets={}) for each in self.contestants))


class Result(Record):
    """What one contestant cost in each round, and cosign in the same rounds."""

    case: str
    network: str
    label: str
    target: float | None
    ours: tuple[Sample, ...]
    theirs: tuple[Sample, ...]

    @property
    def ratios(self) -> list[float]:
        """Of each pair: what disturbed one probably disturbed the other."""
        return [a.seconds / b.seconds for a, b in zip(self.ours, self.theirs, strict=True)]

    @property
    def ratio(self) -> float:
        """The median of the paired ratios."""
        return median(self.ratios)

    @property
    def peak_mib(self) -> float:
        """Ours, the largest."""
        return max(each.peak_mib for each in self.ours)


class _Many(Record):
    image: str
    size: str
    verify: float
    explain: float | None


def cases(stage: Stage, networks: Iterable[str], *, quick: bool) -> Iterator[Case]:
    """Every case. More rounds where a round is cheap; `quick`: one, and no targets, which few signatures miss."""
    for network in networks:
        rounds = (1, 1, 1) if quick else (15, 5, 3) if network == LOOPBACK else (9, 2, 1)
        one, many, fleet = rounds
        for case in (
            *_one_image(stage, network, one),
            *_many_signatures(stage, network, many),
            _several_images(stage, network, fleet),
        ):
            yield case.without_targets() if quick else case


def _one_image(stage: Stage, network: str, rounds: int) -> Iterator[Case]:
    for name in ("legacy", "rekor1", "rekor2"):
        image = f"one/{name}:v1"
        title = {"legacy": "`.sig`", "rekor1": "bundle, Rekor v1", "rekor2": "bundle, Rekor v2 + TSA"}[name]
        ours = Contestant(
            label="verify",
            commands=[stage.ours("verify", network, image)],
            targets={LOOPBACK: 3.5, DELAYED: 1.0},
        )
        yield _case(stage, f"one image, {title}", network, rounds, [ours], [image])


def _many_signatures(stage: Stage, network: str, rounds: int) -> Iterator[Case]:
    sizes = stage.sizes
    for many in (
        _Many(image="many/bundles:v1", size=f"{sizes.bundles} bundles", verify=0.5, explain=1.0),
        _Many(
            image="many/bundles-last:v1", size=f"{sizes.bundles} bundles, ours last", verify=0.5, explain=None
        ),
        _Many(image="many/legacy:v1", size=f"{sizes.legacy} `.sig`", verify=0.1, explain=0.2),
        _Many(
            image="many/legacy-last:v1", size=f"{sizes.legacy} `.sig`, ours last", verify=0.1, explain=None
        ),
    ):
        ours = [
            Contestant(
                label=command,
                commands=[stage.ours(command, network, many.image)],
                targets=dict.fromkeys(NETWORKS, target),
            )
            for command, target in (("verify", many.verify), ("explain", many.explain))
            if target is not None
        ]
        yield _case(stage, many.size, network, rounds, ours, [many.image])


def _several_images(stage: Stage, network: str, rounds: int) -> Case:
    images = fleet_of(stage.sizes)
    ours = Contestant(
        label="verify",
        commands=[stage.ours("verify", network, *images)],
        targets=dict.fromkeys(NETWORKS, 0.3),
    )
    return _case(stage, f"{len(images)} images in one call", network, rounds, [ours], images)


def _case(
    stage: Stage, name: str, network: str, rounds: int, ours: list[Contestant], images: list[str]
) -> Case:
    theirs = (
        [Contestant(label=COSIGN, commands=[stage.theirs(network, image) for image in images])]
        if stage.cosign
        else []
    )
    return Case(name=name, network=network, rounds=rounds, contestants=(*ours, *theirs))


def measure(case: Case, starter: Starter, progress: Callable[[str], None]) -> list[Result]:
    """A B A B …; on loopback after one round that nobody counts, because disk and registry are cold.

    Where there is one round alone, its figures mean nothing anyway.
    """
    samples: dict[str, list[Sample]] = {each.label: [] for each in case.contestants}
    first = 0 if case.network == LOOPBACK and case.rounds > 1 else 1
    for number in range(first, case.rounds + 1):
        progress(f"{case.network}: {case.name}: round {number} of {case.rounds}")
        for each in case.contestants:
            sample = starter.run(each.commands if number else each.commands[:1])
            if number:
                samples[each.label].append(sample)
    theirs = tuple(samples.pop(COSIGN, ()))
    return [
        Result(
            case=case.name,
            network=case.network,
            label=each.label,
            target=each.targets.get(case.network),
            ours=tuple(samples[each.label]),
            theirs=theirs,
        )
        for each in case.contestants
        if each.label != COSIGN
    ]
