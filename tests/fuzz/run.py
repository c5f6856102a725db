"""Fuzzes every target, as many at a time as there are cores: tests/fuzz/run.py --seconds 600 [NAME…].

What was found interesting is kept in tests/fuzz/corpus for the next run; what fails lies beside it. Decides
nothing about a target: libFuzzer ends it. Code 1 when a target failed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
NAMES = (
    "bundle",
    "simple-signing",
    "certificate",
    "time-stamp",
    "trusted-root",
    "policy",
    "plugin",
    "reference",
)
CORPUS = ROOT / "tests" / "fuzz" / "corpus"
SLOWEST = 10  # seconds that one input may take
LARGEST = 2048  # MiB that a target may use


def fuzz(name: str, seconds: int, corpus: Path) -> subprocess.CompletedProcess[str]:
    """One target in a process of its own."""
    folder = corpus / name
    folder.mkdir(parents=True, exist_ok=True)
    options = (
        f"-max_total_time={seconds}",
        f"-timeout={SLOWEST}",
        f"-rss_limit_mb={LARGEST}",
        f"-artifact_prefix={corpus}{os.sep}{name}-",
        "-verbosity=0",
        "-print_final_stats=1",
    )
    return subprocess.run(
        (sys.executable, "-m", "tests.fuzz.one", name, str(folder), *options),
        cwd=ROOT,
        check=False,
        text=True,
        errors="replace",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def main() -> int:
    """Says of each target how often it ran; of a failed one everything it wrote."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="for each target")
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("names", nargs="*", default=NAMES, metavar="NAME", help=", ".join(NAMES))
    asked = parser.parse_args()
    began = time.monotonic()
    failed = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        ended = pool.map(lambda name: fuzz(name, asked.seconds, asked.corpus), asked.names)
        for name, end in zip(asked.names, ended, strict=True):
            if end.returncode:
                failed += 1
                print(end.stdout)
            units = [line for line in end.stdout.splitlines() if "number_of_executed_units" in line]
            print(f"{name}: {'failed' if end.returncode else 'passed'}", *units, flush=True)
    print(f"{len(asked.names)} targets, {failed} failed, {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
