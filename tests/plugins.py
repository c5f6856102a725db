"""A machine whose plugin is asked: files, registry, countersigner; and the plugin as an executable."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.countersigning import Machine
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.protocol.request import Request

PROGRAM = """#!{python} -I
from vouchsafe.plugin.program import main
main(["--root", {root!r}])
"""


@contextmanager
def plugin_machine() -> Iterator[Machine]:
    """Accepts acme/app's main branch, in acme/app. Its folder's name is short: a socket's path has 108 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="vs"))
    try:
        with Machine.of_acme(folder, below_root=True) as machine:
            yield machine
    finally:
        shutil.rmtree(folder)


def executable(path: Path, text: str) -> Path:
    """A file that can be run, and that only its owner may write."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def plugin_of(machine: Machine) -> Path:
    """The plugin of a machine, where a package puts it."""
    path = machine.folder / "usr/lib/containers/policy-plugins.d/vouchsafe"
    return executable(path, PROGRAM.format(python=sys.executable, root=str(machine.folder)))


def request(machine: Machine, digest: Digest, name: str = "", **more: object) -> Request:
    """A question about an image, by its tag v1 unless another name is given."""
    reference = Reference.parse(name or f"{machine.name()}:v1")
    return Request(id="a question", reference=reference, digest=digest).replace(**more)


def run(
    program: Path, sent: bytes, *, shell: str = "", seconds: float = 30
) -> subprocess.CompletedProcess[bytes]:
    """The program, or a shell script that runs it as "$1"."""
    words: list[object] = ["/bin/sh", "-c", shell, "sh", program] if shell else [program]
    return subprocess.run(words, input=sent, capture_output=True, check=False, timeout=seconds)  # type: ignore[arg-type]
