"""What signing costs: `vouchsafe sign` and cosign in turns against the same services and registry.

.venv/bin/python -m bench.signing            about two minutes
.venv/bin/python -m bench.signing --quick    each piece once
.venv/bin/python -m bench.signing --write    renew the table in docs/benchmarks.md

Both formats of one image are one call for us and two for cosign; each round signs an image that nobody has
signed. `a log of 100 ms` answers as late as real ones do; nothing else is delayed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from bench import imports, machine, run
from bench.children import Sample, Starter
from bench.registry import serving
from bench.stage import COMMAND, ROOT, peers
from vouchsafe.record import Record
from vouchsafe.testing.clock import RealClock
from vouchsafe.testing.registry import RegistryStore, push_image, push_index
from vouchsafe.testing.services import Services, SignatureForm
from vouchsafe.testing.sigstore import VirtualSigstore

BEGIN, END = "<!-- signing: begin -->", "<!-- signing: end -->"
SLOW_LOG_MS = 100
PLATFORMS = ("amd64", "arm64", "ppc64le", "riscv64", "s390x", "loong64")
FORMS: tuple[SignatureForm, ...] = ("bundle-rekor1", "legacy")
MOST_ROUNDS = 9


class Case(Record):
    """Something to sign; `images` of them in one call."""

    name: str
    kind: str
    images: int = 1
    rounds: int = MOST_ROUNDS
    log_ms: int = 0
    target: float | None = None


class Measured(Record):
    """What a case cost in each round."""

    case: Case
    ours: tuple[Sample, ...]
    theirs: tuple[Sample, ...]

    @property
    def ratios(self) -> list[float]:
        """Ours to cosign's, pair by pair."""
        return [a.seconds / b.seconds for a, b in zip(self.ours, self.theirs, strict=True)]


CASES = (
    Case(name="one image, both formats", kind="image", target=0.8),
    Case(
        name=f"one image, both formats, a log of {SLOW_LOG_MS} ms",
        kind="image",
        log_ms=SLOW_LOG_MS,
        rounds=5,
        target=0.8,
    ),
    Case(name=f"an index of {len(PLATFORMS)} platforms", kind="index", rounds=5),
    Case(
        name=f"an index of {len(PLATFORMS)} platforms, a log of {SLOW_LOG_MS} ms",
        kind="index",
        rounds=3,
        log_ms=SLOW_LOG_MS,
        target=0.5,
    ),
    Case(name="50 images in one call", kind="fleet", images=50, rounds=2),
)


class Stage:
    """Images that nobody has signed, and the commands that sign them."""

    def __init__(self, address: str, services: Services, cosign: str | None) -> None:
        self._address = address
        self._services = services
        self.cosign = cosign

    def slow_log(self, milliseconds: int) -> None:
        """Let the log take its time."""
        self._services.servers["rekor1"].delay_ms = milliseconds

    def ours(self, images: Sequence[str]) -> list[list[str]]:
        """One call, both formats, index and platforms."""
        flags = [
            *("--tls-verify=false", "--read-back", "own"),
            *("--signing-config", str(self._services.folder / "signing_config_v1.json")),
            *("--trusted-root", str(self._services.trusted_root)),
        ]
        token = self._token_file()
        names = [f"{self._address}/{image}" for image in images]
        return [[str(COMMAND), "sign", *flags, "--identity-token", str(token), *names]]

    def theirs(self, images: Sequence[str]) -> list[list[str]]:
        """A call for each format and image."""
        assert self.cosign is not None
        token = self._token_file().read_text(encoding="ascii")
        return [
            [
                self.cosign,
                "sign",
                "--yes",
                "--recursive",
                *self._services.sign_flags(form, token),
                f"{self._address}/{image}",
            ]
            for image in images
            for form in FORMS
        ]

    def _token_file(self) -> Path:
        path = self._services.folder / "token"
        path.write_text(self._services.token(), encoding="ascii")
        return path


@contextmanager
def staged(cases: Sequence[Case]) -> Iterator[Stage]:
    """A registry with an image for everybody's every round."""
    programs = peers()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vouchsafe-bench-")))
        registry = Path(programs["docker-registry"]) if "docker-registry" in programs else None
        address = stack.enter_context(serving(_filled(cases), registry, folder))
        services = stack.enter_context(VirtualSigstore(clock=RealClock()).serve())
        yield Stage(address, services, programs.get("cosign3"))


def names(case: Case, side: str, round_: int) -> list[str]:
    """The repositories that one side signs in one round."""
    return [f"{case.kind}-{case.log_ms}/{side}-{round_}-{number}" for number in range(case.images)]


def _filled(cases: Sequence[Case]) -> RegistryStore:
    store = RegistryStore()
    for case in cases:
        for round_ in range(case.rounds + 1):
            for repository in (*names(case, "ours", round_), *names(case, "theirs", round_)):
                if case.kind == "index":
                    push_index(store, repository, architectures=PLATFORMS)
                else:
                    push_image(store, repository, content=repository.encode())
    return store


def measure(case: Case, stage: Stage, starter: Starter, progress: Callable[[str], None]) -> Measured:
    """A B A B …, after one round that nobody counts."""
    stage.slow_log(case.log_ms)
    ours: list[Sample] = []
    theirs: list[Sample] = []
    for round_ in range(case.rounds + 1):
        progress(f"{case.name}: round {round_} of {case.rounds}")
        ours.append(starter.run(stage.ours([f"{name}:v1" for name in names(case, "ours", round_)])))
        if stage.cosign:
            theirs.append(starter.run(stage.theirs([f"{name}:v1" for name in names(case, "theirs", round_)])))
    return Measured(case=case, ours=tuple(ours[1:]), theirs=tuple(theirs[1:]))


def markdown(results: Sequence[Measured]) -> str:
    """The table that docs/benchmarks.md carries."""
    lines = [
        *(f"- {line}" for line in machine.describe()),
        "",
        "| what | vouchsafe ms | cosign ms | ratio (min–max) | target | | peak MiB, ours / cosign |",
        "|---|---:|---:|---:|---:|---|---:|",
    ]
    for each in results:
        ours = f"{1000 * median(s.seconds for s in each.ours):.0f}"
        peak = f"{max(s.peak_mib for s in each.ours):.0f}"
        if not each.theirs:
            lines.append(f"| {each.case.name} | {ours} | | | | | {peak} / |")
            continue
        ratios, target = each.ratios, each.case.target
        met = "" if target is None else "ok" if median(ratios) <= target else "**MISSED**"
        theirs = f"{1000 * median(s.seconds for s in each.theirs):.0f}"
        ratio = f"**{median(ratios):.2f}** ({min(ratios):.2f}–{max(ratios):.2f})"
        bound = "" if target is None else f"≤ {target}"
        peaks = f"{peak} / {max(s.peak_mib for s in each.theirs):.0f}"
        lines.append(f"| {each.case.name} | {ours} | {theirs} | {ratio} | {bound} | {met} | {peaks} |")
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """0 when it ran; whether targets were met is said, and judged by people."""
    parser = argparse.ArgumentParser(description="measure signing beside cosign")
    parser.add_argument("--quick", action="store_true", help="each piece once")
    parser.add_argument("--only", metavar="WORDS", default="", help="cases with this in their name")
    parser.add_argument("--write", action="store_true", help="renew the table in docs/benchmarks.md")
    arguments = parser.parse_args(argv)
    imports.compile_sources(ROOT)
    chosen = [case for case in CASES if arguments.only in case.name]
    if arguments.quick:
        chosen = [case.replace(rounds=1, images=min(2, case.images), target=None) for case in chosen]
    with staged(chosen) as stage, Starter() as starter:
        text = markdown([measure(case, stage, starter, run.progress) for case in chosen])
    run.progress("")
    print(text)
    if arguments.write:
        run.write(run.DOCUMENT, text, marks=(BEGIN, END))
    return 0


if __name__ == "__main__":
    sys.exit(main())
