"""`vouchsafe containerd verify`: containerd's question about one image, answered by exit code and one line.

Only a decision that allows, about the digest that was asked, and that could be said, leaves with 0.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading

from vouchsafe.cli import ACCEPTED, CONFIGURATION, REJECTED, UNDECIDED, USAGE
from vouchsafe.cli.console import Console
from vouchsafe.errors import ConfigurationError, MalformedError, VouchsafeError
from vouchsafe.plugin.containerd import LARGEST_DESCRIPTOR, Asked, parse, sentence
from vouchsafe.plugin.deciding import decide
from vouchsafe.protocol.decision import Decision
from vouchsafe.protocol.request import Request

SLACK = 1.1  # of the time for an answer: what hangs in the system is not waited for longer
_WORDS = {"deny": "rejected", "error": "undecided"}


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Read, ask, say. Whatever goes wrong is a no."""
    watchdog = _watchdog(arguments.timeout)
    try:
        code, said = _answer(arguments, console)
    except Exception as error:  # noqa: BLE001  # an edge: a crash denies
        console.internal(error)
        code, said = UNDECIDED, f"undecided: internal: expected an answer, got {type(error).__name__}"
    watchdog.cancel()
    try:
        console.print(f"vouchsafe: {sentence(said)}")
        console.flush()
    except (OSError, ValueError):
        console.drop_output()
        return max(code, UNDECIDED)
    return code


def _answer(arguments: argparse.Namespace, console: Console) -> tuple[int, str]:
    try:
        asked = parse(arguments.words, _descriptor())
    except MalformedError as error:
        return USAGE, _said("rejected", error)
    try:
        decision = decide(
            _request(asked, arguments.timeout), root=arguments.root or "/", report=console.internal
        )
    except VouchsafeError as error:
        code = CONFIGURATION if isinstance(error, ConfigurationError) else UNDECIDED
        return code, _said("undecided", error)
    return _judged(decision, asked)


def _request(asked: Asked, seconds: float) -> Request:
    return Request(reference=asked.reference, digest=asked.digest, seconds=seconds)


def _judged(decision: Decision, asked: Asked) -> tuple[int, str]:
    if decision.word == "allow":
        if decision.digest == asked.digest:
            return ACCEPTED, f"accepted: {decision.message}"
        return UNDECIDED, f"undecided: internal: expected a decision about {asked.digest}, got another"
    code = REJECTED if decision.word == "deny" else UNDECIDED
    return code, f"{_WORDS[decision.word]}: {decision.code}: {decision.message}"


def _said(outcome: str, error: VouchsafeError) -> str:
    return f"{outcome}: {error.code}: {error.message}"


def _descriptor() -> bytes:
    if sys.stdin is None:
        raise MalformedError("containerd-question", "expected a descriptor on standard input, got it closed")
    try:
        return sys.stdin.buffer.read(LARGEST_DESCRIPTOR + 1)
    except (OSError, ValueError) as error:
        message = "expected a descriptor on standard input, got nothing that can be read"
        raise MalformedError("containerd-question", message) from error


def _watchdog(seconds: float) -> threading.Timer:
    """What hangs where no deadline reaches still gets a reason before containerd kills it without one."""
    timer = threading.Timer(seconds * SLACK, _give_up, (seconds,))
    timer.daemon = True
    timer.start()
    return timer


def _give_up(seconds: float) -> None:
    said = f"vouchsafe: undecided: deadline: expected an answer within {seconds:g} s, got none\n"
    try:
        os.write(1, said.encode())
    finally:
        os._exit(UNDECIDED)
