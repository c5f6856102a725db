"""Puts the programs that the tests compare vouchsafe with into .peers: run as `python -m tools.fetch_peers`.

Decides which version of each program is asked of Debian, and that one program which cannot be had stops
nothing: it is named in .peers/peers.json with the reason, and the tests that need it are skipped by name.
Programs newer than the machine's C library bring their own libraries and loader (patchelf).
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tools import npm_peer, podman_peer, syft_peer
from tools.debian_archive import ArchiveError, Package, Suite, open_suite
from tools.own_libraries import closure, unpack, use_own_libraries

FOLDER = Path(__file__).resolve().parent.parent / ".peers"
PROBE_SECONDS = 30
DOWNLOADS_AT_ONCE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One program: the suites to look in, in order, and the versions that will do (`below` excluded)."""

    name: str
    package: str
    suites: tuple[str, ...]
    at_least: tuple[int, ...]
    below: tuple[int, ...]
    probe: str = "--version"
    extras: tuple[str, ...] = ()  # packages that it runs or reads, beside libraries
    beside: tuple[str, ...] = ()  # other programs of its package that tests run
    wrap: Callable[[Path, Path], str] | None = None  # a script in the program's place, from it and its root

    @property
    def program(self) -> str:
        """Where the package keeps it."""
        return f"usr/bin/{self.package}"

    @property
    def programs(self) -> tuple[str, ...]:
        """Its own and its extras', as far as they have one."""
        return (self.program, *(f"usr/bin/{name}" for name in (*self.beside, *self.extras)))

    def wants(self, version: str) -> bool:
        """Whether a Debian version is one of those that will do."""
        upstream = re.match(r"(?:\d+:)?([\d.]*)", version)
        numbers = tuple(map(int, re.findall(r"\d+", upstream[1] if upstream else "")))
        return self.at_least <= numbers < self.below


PEERS = (
    Peer(
        name="cosign3",
        package="cosign",
        suites=("sid", "forky"),
        at_least=(3, 1),
        below=(4,),
        probe="version",
    ),
    Peer(name="cosign2", package="cosign", suites=("trixie",), at_least=(2, 5), below=(3,), probe="version"),
    Peer(
        name="docker-registry",
        package="docker-registry",
        suites=("bookworm", "trixie", "sid"),
        at_least=(2, 8),
        below=(3,),
    ),
    Peer(name="skopeo", package="skopeo", suites=("sid", "forky"), at_least=(1, 20), below=(2,)),
    Peer(name="skopeo1.18", package="skopeo", suites=("trixie",), at_least=(1, 18), below=(1, 19)),
    # As Debian 12 has it: sigstore is compiled out, OpenPGP is what it knows.
    Peer(name="skopeo1.9", package="skopeo", suites=("bookworm",), at_least=(1, 9), below=(1, 10)),
    Peer(
        name="podman",
        package="podman",
        suites=("sid", "forky"),
        at_least=(5, 8),
        below=(6,),
        extras=podman_peer.EXTRAS,
        wrap=podman_peer.wrapper,
    ),
    # Debian 13's 1.7 is built without the image verifier.
    Peer(
        name="containerd",
        package="containerd",
        suites=("sid", "forky"),
        at_least=(2, 1),
        below=(3,),
        beside=("ctr",),
    ),
)
# What gitlab-ci-local calls, where the machine lacks it.
NEEDED = (
    Peer(name="git", package="git", suites=("trixie", "sid"), at_least=(2, 30), below=(3,)),
    Peer(name="rsync", package="rsync", suites=("trixie", "sid"), at_least=(3, 2), below=(4,)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A program that runs here."""

    argv: list[str]
    version: str
    suite: str


@dataclass(slots=True, kw_only=True)
class Fetcher:
    """One run over the peers; each suite's index is opened once, whichever peer asks first."""

    folder: Path
    architecture: str
    _suites: dict[str, Suite | ArchiveError] = field(default_factory=dict)
    _locks: dict[str, threading.Lock] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def suite(self, name: str) -> Suite:
        """The index of that suite; raises what opening it raised, every time."""
        with self._lock:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            if name not in self._suites:
                try:
                    self._suites[name] = open_suite(
                        name, architecture=self.architecture, cache=self.folder / "cache", say=say
                    )
                except ArchiveError as error:
                    self._suites[name] = error
        found = self._suites[name]
        if isinstance(found, ArchiveError):
            raise ArchiveError(str(found))
        return found

    def provide(self, peer: Peer) -> Ready:
        """Finds, downloads, unpacks and tries one program."""
        suite, package = self.choose(peer)
        say(f"{peer.name}: {peer.package} {package.version} of {suite.name}, {package.size / 1e6:.1f} MB")
        # An epoch's colon would cut the library path in two.
        root = self.folder / "root" / f"{peer.name}_{package.version}".replace(":", "-")
        shutil.rmtree(root, ignore_errors=True)
        extras = [found for name in peer.extras if (found := suite.find(name))]
        for each in (package, *extras):
            unpack(suite.download(each, self.folder / "cache"), root)
        program = root / peer.program
        problem = try_program([str(program), peer.probe])
        if problem:
            self.bundle(peer, suite, [package, *extras], root)
            problem = try_program([str(program), peer.probe])
        if problem:
            raise ArchiveError(f"expected {peer.name} to run, got {problem}")
        link = self.folder / "bin" / peer.name
        link.unlink(missing_ok=True)
        if peer.wrap is None:
            link.symlink_to(program)
        else:
            link.write_text(peer.wrap(program, root), encoding="utf-8")
            link.chmod(0o755)
        return Ready(argv=[str(link)], version=package.version, suite=suite.name)

    def choose(self, peer: Peer) -> tuple[Suite, Package]:
        """The first suite whose newest package will do."""
        seen = []
        for name in peer.suites:
            try:
                package = self.suite(name).find(peer.package)
            except ArchiveError as error:
                seen.append(str(error))
                continue
            if package and peer.wants(package.version):
                return self.suite(name), package
            seen.append(f"{name} has {package.version if package else 'none'}")
        wanted = f"{'.'.join(map(str, peer.at_least))} or newer, below {'.'.join(map(str, peer.below))}"
        raise ArchiveError(f"expected {peer.package} {wanted}: {'; '.join(seen)}")

    def bundle(self, peer: Peer, suite: Suite, packages: Sequence[Package], root: Path) -> None:
        """Puts the suite's own libraries and loader beside the programs and makes them use them."""
        libraries = closure(suite, *packages)
        megabytes = sum(library.size for library in libraries) / 1e6
        say(f"{peer.name}: {len(libraries)} libraries of {suite.name}, {megabytes:.1f} MB")
        for library in libraries:
            unpack(suite.download(library, self.folder / "cache"), root)
        use_own_libraries(root, peer.programs)


def try_program(argv: Sequence[str]) -> str:
    """Runs it; the empty string, or why it does not run here."""
    try:
        ran = subprocess.run(argv, capture_output=True, text=True, timeout=PROBE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    problem = (ran.stderr.strip() or ran.stdout.strip() or "no output").splitlines()[-1]
    return f"exit {ran.returncode}: {problem}" if ran.returncode else ""


def say(line: str) -> None:
    """One line of progress."""
    print(f"peers: {line}", flush=True)


def wanted() -> tuple[Peer, ...]:
    """The peers, and what they call that this machine has not."""
    return (*PEERS, *(peer for peer in NEEDED if shutil.which(peer.name) is None))


def already_there(folder: Path) -> dict[str, Ready]:
    """What an earlier run left and still runs."""
    try:
        recorded = json.loads((folder / "peers.json").read_text(encoding="utf-8"))["peers"]
        ready = {name: Ready(**entry) for name, entry in recorded.items()}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {
        peer.name: ready[peer.name]
        for peer in wanted()
        if peer.name in ready
        and peer.wants(ready[peer.name].version)
        and not try_program([*ready[peer.name].argv, peer.probe])
    }


def fetch_all(folder: Path, *, refresh: bool) -> dict[str, str]:
    """Provides every peer that is not there yet and writes the manifest; returns why the rest is missing."""
    for name in ("bin", "cache", "root"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    ready = {} if refresh else already_there(folder)
    missing: dict[str, str] = {}
    lacking = [peer for peer in wanted() if peer.name not in ready]
    if lacking and not shutil.which("dpkg-deb"):
        missing = {peer.name: "expected dpkg-deb to unpack packages, got none" for peer in lacking}
    elif lacking:
        fetcher = Fetcher(folder=folder, architecture=debian_architecture())
        with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
            jobs = {peer.name: pool.submit(fetcher.provide, peer) for peer in lacking}
        for name, job in jobs.items():
            error = job.exception()
            if isinstance(error, (ArchiveError, OSError)):
                missing[name] = str(error)
            else:
                ready[name] = job.result()
    try:
        program = npm_peer.provide(folder)
        ready[npm_peer.NAME] = Ready(argv=program, version=npm_peer.locked_version(), suite="npm")
    except npm_peer.NpmError as error:
        missing[npm_peer.NAME] = str(error)
    try:
        program = syft_peer.provide(folder)
        ready[syft_peer.NAME] = Ready(argv=program, version=syft_peer.locked_version(), suite="PyPI")
    except (syft_peer.SyftError, OSError) as error:
        missing[syft_peer.NAME] = str(error)
    write_manifest(folder, ready, missing)
    return missing


def write_manifest(folder: Path, ready: dict[str, Ready], missing: dict[str, str]) -> None:
    """peers.json: what runs, by what path, and what does not, and why; replaced at once."""
    peers = {
        name: {"argv": peer.argv, "version": peer.version, "suite": peer.suite}
        for name, peer in ready.items()
    }
    part = folder / "peers.json.part"
    part.write_text(json.dumps({"peers": peers, "missing": missing}, indent=2) + "\n", encoding="utf-8")
    part.replace(folder / "peers.json")
    for name, peer in ready.items():
        say(f"{name}: ready, {peer.version}")
    for name, reason in missing.items():
        say(f"{name}: MISSING, its tests are skipped: {reason}")


def debian_architecture() -> str:
    """Debian's name for this machine's architecture."""
    command = ["dpkg", "--print-architecture"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def main() -> int:
    """Never fails for what a machine cannot provide."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to put them (default: .peers)")
    parser.add_argument("--refresh", action="store_true", help="look for newer versions of what is there")
    options = parser.parse_args()
    fetch_all(options.folder.resolve(), refresh=options.refresh)
    return 0


if __name__ == "__main__":
    sys.exit(main())
