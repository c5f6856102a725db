"""What podman needs beside its libraries to run out of a folder: programs that it starts, and a containers.conf.

It refuses to start without conmon and a runtime, and looks for them in /usr only unless it is told where
they are. Where images, state and policy lie is the test's business.
"""

from __future__ import annotations

from pathlib import Path

EXTRAS = ("conmon", "crun", "netavark", "golang-github-containers-common")
_SCRIPT = """#!/bin/sh
# Where its own programs are; an argument or variable of the caller still wins.
export CONTAINERS_CONF="${{CONTAINERS_CONF:-{conf}}}"
exec {program} "$@"
"""


def wrapper(program: Path, root: Path) -> str:
    """The script that runs it; writes the containers.conf that the script names."""
    conf = root / "containers.conf"
    programs = root / "usr" / "bin"
    lines = [
        "[engine]",
        f'conmon_path = ["{programs / "conmon"}"]',
        f'helper_binaries_dir = ["{root / "usr/lib/podman"}", "{root / "usr/libexec/podman"}", "{programs}"]',
        'runtime = "crun"',
        'events_logger = "none"',
        'cgroup_manager = "cgroupfs"',
        "[engine.runtimes]",
        f'crun = ["{programs / "crun"}"]',
    ]
    conf.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return _SCRIPT.format(conf=conf, program=program)
