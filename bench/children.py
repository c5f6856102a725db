"""Programs as they are measured: wall time, CPU time and peak memory of one run, from a clean environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from vouchsafe.record import Record

_LONGEST_QUOTE = 2_000  # characters of what a failed program said


class Sample(Record):
    """What one run, or several that count as one, cost."""

    seconds: float
    cpu_seconds: float
    peak_mib: float


class Starter:
    """Runs programs through `bench.starter`. A context manager."""

    def __init__(self) -> None:
        """Started at once; it ends with the `with` block."""
        self._folder = tempfile.TemporaryDirectory(prefix="vouchsafe-bench-")
        self._output = Path(self._folder.name, "output")
        home = Path(self._folder.name, "home")
        home.mkdir()
        # Nobody's settings or credentials; and no PYTHONDONTWRITEBYTECODE, which is not how it is used.
        self.environ = {"HOME": str(home), "PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).with_name("starter.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the starter and forget its files."""
        self._process.communicate()
        self._folder.cleanup()

    def run(self, commands: Sequence[Sequence[str]], given: str = os.devnull) -> Sample:
        """Run commands one after the other; RuntimeError, with what it said, when one does not exit with 0.

        Each reads the file `given`.
        """
        samples = [self._one(list(command), given) for command in commands]
        return Sample(
            seconds=sum(each.seconds for each in samples),
            cpu_seconds=sum(each.cpu_seconds for each in samples),
            peak_mib=max(each.peak_mib for each in samples),
        )

    def output(self) -> str:
        """What the last program printed, on both streams."""
        return self._output.read_text(encoding="utf-8", errors="replace")

    def _one(self, argv: list[str], given: str) -> Sample:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        job = {"argv": argv, "environ": self.environ, "output": str(self._output), "given": given}
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        result = json.loads(self._process.stdout.readline())
        if result.pop("status") != 0:
            raise RuntimeError(
                f"expected success from {' '.join(argv)}, got\n{self.output()[-_LONGEST_QUOTE:]}"
            )
        return Sample(**result)
