"""Reads packages from the Debian archive that this machine's apt is set up for, believing only hashes.

Hides how an index is found and how far it can be trusted:
InRelease -> hash of Packages.xz -> hash of each .deb. Standard library only; runs as any user.
"""

from __future__ import annotations

import hashlib
import lzma
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools import apt_sources

RELEASE_LIMIT_BYTES = 2 * 1024 * 1024
PACKAGES_LIMIT_BYTES = 512 * 1024 * 1024
TIMEOUT_SECONDS = 15
TRIES = 3
CHUNK_BYTES = 256 * 1024

KEYRINGS = (Path("/usr/share/keyrings"), Path("/etc/apt/trusted.gpg.d"), Path("/etc/apt/keyrings"))

Say = Callable[[str], None]


class ArchiveError(Exception):
    """What the archive could not give, in one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One binary package as an index names it; `sha256` and `size` decide whether a download is it."""

    name: str
    version: str
    depends: str
    filename: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """How an InRelease was believed: `verified` only by gpgv with a key of this machine."""

    verified: bool
    text: str


# --- bytes from the archive ----------------------------------------------------------------------------


def opener() -> urllib.request.OpenerDirector:
    """The one way out: plain HTTP(S) by apt's proxies."""
    return urllib.request.build_opener(urllib.request.ProxyHandler(apt_sources.proxies()))


def fetch(url: str, *, limit: int) -> bytes:
    """The body of `url`, at most `limit` bytes; tried again when the network fails."""
    for attempt in range(1, TRIES + 1):
        try:
            with opener().open(url, timeout=TIMEOUT_SECONDS) as answer:
                body: bytes = answer.read(limit + 1)
            break
        except urllib.error.HTTPError as error:
            raise ArchiveError(f"expected {url}, got status {error.code}") from error
        except (OSError, ValueError) as error:
            if attempt == TRIES:
                raise ArchiveError(f"expected {url}, got {error}") from error
            time.sleep(attempt)
    if len(body) > limit:
        raise ArchiveError(f"expected at most {limit} bytes of {url}, got more")
    return body


def download(url: str, target: Path, *, size: int, sha256: str) -> None:
    """Puts `url` into `target`, going on where an earlier try stopped; only the named bytes get the name."""
    if target.is_file() and _sha256(target) == sha256:
        return
    part = target.with_name(target.name + ".part")
    for attempt in range(1, TRIES + 1):
        try:
            _append(url, part, size=size)
            break
        except urllib.error.HTTPError as error:
            raise ArchiveError(f"expected {url}, got status {error.code}") from error
        except (OSError, ValueError) as error:
            if attempt == TRIES:
                raise ArchiveError(f"expected {url}, got {error}") from error
            time.sleep(attempt)
    actual = _sha256(part)
    if actual != sha256:
        part.unlink()
        raise ArchiveError(f"expected {target.name} with SHA-256 {sha256}, got {actual}")
    part.replace(target)


def _append(url: str, part: Path, *, size: int) -> None:
    """Reads what `part` lacks of `size` bytes; starts again if the server does not do ranges."""
    have = part.stat().st_size if part.is_file() else 0
    if have >= size:
        return
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    with opener().open(request, timeout=TIMEOUT_SECONDS) as answer:
        resumed = answer.status == 206
        with part.open("ab" if resumed else "wb") as out:
            while chunk := answer.read(CHUNK_BYTES):
                out.write(chunk)
                if out.tell() > size:
                    break
    if part.stat().st_size < size:
        raise ValueError(f"{part.stat().st_size} of {size} bytes")


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


# --- a suite -------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class Suite:
    """One suite's package index, as trusted as `trust` says; `text` is the whole index."""

    name: str
    base: str
    trust: Trust
    text: str
    _offsets: dict[str, list[int]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Notes where each name stands: once, because several downloads ask at the same time."""
        for match in re.finditer(r"^Package: (\S+)$", self.text, re.MULTILINE):
            self._offsets.setdefault(match[1], []).append(match.start())

    def find(self, name: str) -> Package | None:
        """The newest package of that name, or nothing."""
        newest: Package | None = None
        for offset in self._offsets.get(name, []):
            end = self.text.find("\n\n", offset)
            fields = apt_sources.fields_of(self.text[offset : end if end >= 0 else None])
            package = Package(
                name=name,
                version=fields["version"],
                depends=", ".join(fields[key] for key in ("pre-depends", "depends") if key in fields),
                filename=fields["filename"],
                size=int(fields["size"]),
                sha256=fields["sha256"],
            )
            if newest is None or is_newer(package.version, newest.version):
                newest = package
        return newest

    def download(self, package: Package, folder: Path) -> Path:
        """The .deb in `folder`, its hash as this index names it."""
        target = folder / Path(package.filename).name
        download(f"{self.base}/{package.filename}", target, size=package.size, sha256=package.sha256)
        return target


def is_newer(left: str, right: str) -> bool:
    """Debian's own order of versions."""
    compared = subprocess.run(["dpkg", "--compare-versions", left, "gt", right], check=False)
    return compared.returncode == 0


def open_suite(name: str, *, architecture: str, cache: Path, say: Say, apt: Path = apt_sources.APT) -> Suite:
    """The index of suite `name` from the first of apt's archives that has it."""
    problems = []
    for base in dict.fromkeys(source.base for source in apt_sources.sources(apt)):
        try:
            return _open_suite_at(base, name, architecture=architecture, cache=cache, say=say)
        except ArchiveError as error:
            problems.append(str(error))
    reason = "; ".join(problems) or f"no archive in {apt}/sources.list or sources.list.d"
    raise ArchiveError(f"expected suite {name}: {reason}")


def _open_suite_at(base: str, name: str, *, architecture: str, cache: Path, say: Say) -> Suite:
    release = f"{base}/dists/{name}/InRelease"
    trust = believe(fetch(release, limit=RELEASE_LIMIT_BYTES))
    say(f"suite {name}: index {'signed by a key of this machine' if trust.verified else 'NOT VERIFIED'}")
    if not trust.verified:
        say(f"suite {name}: {why_unverified()}; hashes were compared, their origin was not")
    path = f"main/binary-{architecture}/Packages.xz"
    entry = re.search(rf"^ ([0-9a-f]{{64}}) +(\d+) {re.escape(path)}$", trust.text, re.MULTILINE)
    if entry is None:
        raise ArchiveError(f"expected {path} in {release}, got none")
    sha256, size = entry[1], int(entry[2])
    target = cache / f"Packages.{name}.{sha256[:16]}.xz"
    stable = f"{base}/dists/{name}/main/binary-{architecture}/by-hash/SHA256/{sha256}"
    try:
        download(stable, target, size=size, sha256=sha256)
    except ArchiveError:
        download(f"{base}/dists/{name}/{path}", target, size=size, sha256=sha256)
    with lzma.open(target) as stream:
        raw = stream.read(PACKAGES_LIMIT_BYTES)
    return Suite(name=name, base=base, trust=trust, text=raw.decode("utf-8", errors="replace"))


# --- who signed ----------------------------------------------------------------------------------------


def keyrings() -> list[Path]:
    """Debian's archive keys on this machine."""
    return [path for folder in KEYRINGS for path in sorted(folder.glob("debian-archive-*keyring.gpg"))] or [
        path for folder in KEYRINGS for path in sorted(folder.glob("debian-archive-*.gpg"))
    ]


def why_unverified() -> str:
    """What this machine lacks to verify an InRelease."""
    if not shutil.which("gpgv"):
        return "gpgv is not installed"
    if not keyrings():
        return "debian-archive-keyring is not installed"
    return "no key of debian-archive-keyring has signed it"


def believe(release: bytes, rings: Sequence[Path] | None = None) -> Trust:
    """What an InRelease says; a wrong signature is an error, an uncheckable one is not verified.

    Only the text that gpgv says was signed is read when it could verify. `rings` stand in for the
    machine's own keyrings.
    """
    rings = keyrings() if rings is None else rings
    if shutil.which("gpgv") and rings:
        with tempfile.TemporaryDirectory() as folder:
            signed, plain = Path(folder, "InRelease"), Path(folder, "Release")
            signed.write_bytes(release)
            command = ["gpgv", "--status-fd", "1", "--output", str(plain)]
            command += [word for ring in rings for word in ("--keyring", str(ring))]
            ran = subprocess.run([*command, str(signed)], capture_output=True, text=True, check=False)
            if "[GNUPG:] BADSIG" in ran.stdout:
                raise ArchiveError("expected a good signature on InRelease, got a wrong one")
            if "[GNUPG:] GOODSIG" in ran.stdout:
                return Trust(verified=True, text=plain.read_text(encoding="utf-8"))
    return Trust(verified=False, text=release.decode("utf-8", errors="replace"))
