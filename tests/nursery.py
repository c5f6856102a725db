"""`vouchsafe` in a process of its own, without the start of an interpreter: one that knows the command forks.

What is started so has its own exit status and output, and dies by a real SIGKILL. It is for tests that run a
command a hundred times; that `python -m vouchsafe.cli` starts is proven where it is run so.
"""

from __future__ import annotations

import importlib
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from tests import documents

ROOT = Path(__file__).resolve().parents[1]
KNOWN = (
    *("host", "host_enable", "host_status", "break_glass", "log", "countersign", "countersign_admit"),
    *("countersign_kept", "countersign_moving", "countersign_revoke", "countersign_serve"),
)


class Ended:
    """How a command ended."""

    def __init__(self, status: int, output: str, errors: str) -> None:
        self.status = status
        self.output = output
        self.errors = errors

    @property
    def was_killed(self) -> bool:
        """By SIGKILL."""
        return self.status == -signal.SIGKILL


class Nursery:
    """The process that forks, and ends with this."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.nursery"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=60)

    def run(self, *words: str, dies: tuple[str, int] | None = None) -> Ended:
        """A command; `dies` says in place of which of DEATHS, after how many of them."""
        with tempfile.TemporaryDirectory() as folder:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            job = {"words": words, "dies": dies, "folder": folder}
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
            status = int(self._process.stdout.readline())
            said = [Path(folder, name).read_text(encoding="utf-8") for name in ("output", "errors")]
            documents.check(words, said[0])
            return Ended(status, *said)


def killed_at_write(number: int) -> None:
    """From here on, the disk of this process takes so many writes."""
    from tests.hosts import DyingDisk
    from vouchsafe.cli import host_enable, host_wish

    class Fatal(DyingDisk):
        """The machine dies with it: nothing is cleaned up, no handler runs."""

        def _spend(self) -> None:
            if self._left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
            self._left -= 1

    class Target(host_wish.Target):
        """A host on that disk."""

        def __init__(self, root: str | None) -> None:
            super().__init__(root)
            self.files = Fatal(self.files, number)

    vars(host_enable)["Target"] = Target


def killed_at_rename(number: int) -> None:
    """In the middle of a write: what is new stands beside its place already, under another name."""
    renamed = itertools.count()
    rename = os.rename

    def fatal(source: str, target: str) -> None:
        if next(renamed) >= number:
            os.kill(os.getpid(), signal.SIGKILL)
        rename(source, target)

    vars(os)["rename"] = fatal


DEATHS = {"write": killed_at_write, "rename": killed_at_rename}


def command(words: Sequence[str], dies: tuple[str, int] | None, folder: str) -> int:
    """In the child: its exit status."""
    from vouchsafe.cli import main

    for stream, name in ((sys.stdout, "output"), (sys.stderr, "errors")):
        descriptor = os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(descriptor, stream.fileno())
        os.close(descriptor)
    if dies is not None:
        DEATHS[dies[0]](dies[1])
    status = main(list(words))
    sys.stdout.flush()
    sys.stderr.flush()
    return status


def serve() -> None:
    """Jobs by line, until there are no more."""
    for name in KNOWN:
        importlib.import_module(f"vouchsafe.cli.{name}")
    importlib.import_module("tests.hosts")
    for line in sys.stdin:
        job: dict[str, Any] = json.loads(line)
        child = os.fork()
        if not child:
            status = 1
            try:
                status = command(**job)
            finally:
                os._exit(status)
        _, ended = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(ended), flush=True)


if __name__ == "__main__":
    serve()
