"""Whoever starts us has closed our streams, or a thread of ours ends in a way nobody foresaw."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli_lab import Lab, lab

__all__ = ["lab"]


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-", ">/dev/null 2>/dev/full"])
def test_closed_streams(lab: Lab, closed: str) -> None:
    """The exit code is the verdict's, of one image and of several: a good one was called rejected."""
    program = 'exec "$@" ' + closed
    command = ["sh", "-c", program, "sh", sys.executable, "-P", "-m", "vouchsafe.cli", "verify", *lab.flags()]
    for images, expected in ((["signed"], 0), (["signed", "bundled"], 0), (["signed", "unsigned"], 1)):
        words = [*command, *(lab.docker(image) for image in images)]
        assert subprocess.run(words, stdin=subprocess.DEVNULL, check=False).returncode == expected
    usage = subprocess.run(
        [*command[: -len(lab.flags())], "no such reference"], check=False, capture_output=True
    )
    assert usage.returncode == 64


PANIC = """
from vouchsafe.admission.ahead import ahead
from vouchsafe.cli.console import Console
from vouchsafe.cli.several import judge_all

def panic(number):
    if number != 0:
        raise SystemExit  # no Exception, as a panic in a library of another language
    return number

for attempt in (
    lambda: list(ahead(panic, [0, 1, 2])),
    lambda: judge_all([None, None], panic, Console(), most_at_once=2),
):
    try:
        attempt()
    except RuntimeError as error:
        print(error)
"""


def test_a_panic_ends_what_waits_for_it() -> None:
    """A thread that dies leaves nobody waiting for ever."""
    ended = subprocess.run(
        [sys.executable, "-P", "-c", PANIC], capture_output=True, text=True, check=True, timeout=60
    )
    assert ended.stdout == "a thread has ended\n" * 2
