"""podman out of a folder: told where its own programs are, unless the caller knows better."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tools.podman_peer import wrapper


def test_the_wrapper_tells_where_everything_is(tmp_path: Path) -> None:
    """Arguments reach the program as they are; CONTAINERS_CONF of the caller wins."""
    program = tmp_path / "usr/bin/podman"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$CONTAINERS_CONF" "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    script = tmp_path / "podman"
    script.write_text(wrapper(program, tmp_path), encoding="utf-8")
    script.chmod(0o755)
    said = [
        subprocess.run(
            [script, "a b", "c"], env=environment, capture_output=True, text=True, check=True
        ).stdout
        for environment in ({"PATH": os.environ["PATH"]}, {"CONTAINERS_CONF": "/mine"})
    ]
    assert said == [f"{tmp_path}/containers.conf\na b\nc\n", "/mine\na b\nc\n"]
    assert f'conmon_path = ["{tmp_path}/usr/bin/conmon"]' in (tmp_path / "containers.conf").read_text(
        encoding="utf-8"
    )
