"""What this process was given: its environment and its user. Everything else takes them as arguments."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping


def environment() -> Mapping[str, str]:
    """The variables, as they are now."""
    return dict(os.environ)


def interpreter() -> str:
    """The program that runs this code."""
    return sys.executable


def pause(seconds: float) -> None:
    """Wait so long."""
    time.sleep(seconds)


def user() -> int:
    """Whose credentials count: the real user's, as podman has it."""
    return os.getuid()
