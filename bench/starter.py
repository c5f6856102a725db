"""Starts programs one after the other and measures each: a process of its own, because it must be small.

Linux counts what a process held before exec into the peak of the program it becomes, so a large parent
would be reported as everybody's peak. Reads a job a line from standard input, writes a result a line.
"""

import json
import os
import sys
import time


def run(argv: list[str], environ: dict[str, str], output: str, given: str) -> dict[str, float]:
    """One program from start to end; it reads the file `given`, what it prints goes to the file `output`."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, given, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, output, flags, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    began = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, environ, file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    return {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mib": usage.ru_maxrss / 1024,
        "status": os.waitstatus_to_exitcode(status),
    }


def main() -> None:
    """Until standard input ends."""
    for line in sys.stdin:
        job = json.loads(line)
        print(json.dumps(run(**job)), flush=True)


if __name__ == "__main__":
    main()
