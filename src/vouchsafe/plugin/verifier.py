"""The process that containerd asks before it pulls: flags and a descriptor in, one line and an exit code out.

deploy/containerd/image-verifier/vouchsafe calls `main`. 0 only for an allow about the digest that was asked, whose
reason was written to its last byte; everything else is a no, with the reason where containerd looks for it.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from vouchsafe.errors import MalformedError, VouchsafeError
from vouchsafe.plugin.containerd import LARGEST_DESCRIPTOR, parse, sentence
from vouchsafe.plugin.deciding import decide
from vouchsafe.plugin.pipes import IN, OUT, Late, is_open, limit, read, written
from vouchsafe.protocol import ALLOW, DENY, ERROR
from vouchsafe.protocol.request import Request

SECONDS = 20.0  # for an answer; `vouchsafe containerd check` demands that containerd waits longer
SPARE_SECONDS = 0.5  # of them, kept for saying so
USAGE = 64
_OBJECTS = 50_000  # as in vouchsafe.cli: a process of one question
_UNVERIFIED = "not-verified"
_OUTCOMES = {ALLOW: "accepted", DENY: "rejected", ERROR: "undecided", USAGE: "rejected"}

Answer = tuple[int, str, str]  # exit code, reason code, sentence


def main(arguments: Sequence[str] | None = None, *, root: str = "/", seconds: float = SECONDS) -> NoReturn:
    """The process: it ends here, at once, whatever threads still wait for. `root`, `seconds`: for tests."""
    gc.set_threshold(_OBJECTS, 20, 100)
    code = ERROR
    try:
        code = run(sys.argv[1:] if arguments is None else arguments, root=root, seconds=seconds)
    finally:
        os._exit(code)


def run(arguments: Sequence[str], *, root: str = "/", seconds: float = SECONDS) -> int:
    """Read, ask, say; the exit code."""
    if not is_open(OUT):
        return ERROR  # what we open would take its number
    try:
        code, reason, said = _thought(arguments, root, seconds)
    except MalformedError as error:
        code, reason, said = USAGE, error.code, error.message
    except Late:
        code, reason, said = ERROR, "deadline", f"expected an answer within {seconds:g} s, got none"
    except Exception as error:  # noqa: BLE001  # an edge: a crash denies
        code, reason, said = ERROR, "internal", f"expected an answer, got {type(error).__name__}"
    line = sentence(": ".join(filter(None, ("vouchsafe", _OUTCOMES[code], reason, said))))
    return code if written(OUT, f"{line}\n".encode("ascii")) else max(code, ERROR)


def _thought(arguments: Sequence[str], root: str, seconds: float) -> Answer:
    """What there is to say, in time. MalformedError, Late."""
    limit(seconds)
    try:
        if not is_open(IN):
            raise MalformedError(
                "containerd-question", "expected a descriptor on standard input, got it closed"
            )
        asked = parse(arguments, read("a descriptor", LARGEST_DESCRIPTOR))
        left = max(seconds - SPARE_SECONDS, seconds / 2)
        request = Request(reference=asked.reference, digest=asked.digest, seconds=left)
        decision = decide(request, root=root)
        if decision.word == "deny" and decision.code == _UNVERIFIED and _is_let_through(request, root):
            return ALLOW, _UNVERIFIED, f"{decision.scope} accepts anything, and no signature was looked at"
    finally:
        limit(0)
    if decision.word == "allow" and decision.digest != asked.digest:
        return ERROR, "internal", f"expected a decision about {asked.digest}, got one about another"
    return decision.exit_code, decision.code, decision.message


def _is_let_through(request: Request, root: str) -> bool:
    """A container engine with a policy.json exempts an image by a scope of it; containerd has only our policy."""
    from vouchsafe.plugin.alone import lets_through  # late: it brings everything along

    try:
        return lets_through(request, root=root)
    except VouchsafeError:
        return False
