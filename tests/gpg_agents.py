"""What gpg leaves running, ended."""

from __future__ import annotations

import subprocess
from pathlib import Path


def end_agents(home: Path) -> None:
    """gpg leaves an agent behind for each home that it made a key in; nobody asked for it to stay."""
    subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False, capture_output=True)
