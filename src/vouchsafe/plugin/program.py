"""`vouchsafe plugin` as a process: one request in, one response out, and an exit code that says the same.

Whatever happens, what leaves is one whole response or none, and 0 only after an `allow` that was written to its
last byte. /usr/lib/containers/policy-plugins.d/vouchsafe calls `main`; it has to be quick, so nothing is imported
here that the resident countersigner can answer without.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from vouchsafe import __version__
from vouchsafe.errors import MalformedError, printable
from vouchsafe.plugin.deciding import CAPABILITIES, decide
from vouchsafe.plugin.pipes import ERR, IN, OUT, Late, is_open, limit, read, written
from vouchsafe.protocol import ALLOW, ERROR, LARGEST_REQUEST
from vouchsafe.protocol.decision import Decision
from vouchsafe.protocol.description import Description
from vouchsafe.protocol.request import Describe, identifier, parse
from vouchsafe.record import Record

NAME = "vouchsafe"
READING_SECONDS = 10.0  # for the request, from the start
SPARE_SECONDS = 0.25  # of the host's patience, kept for the answer
_OBJECTS = 50_000  # as in vouchsafe.cli: a process of one question


class Response(Record):
    """What goes to standard output, a line for standard error, and the exit code that says the same."""

    exit_code: int
    document: bytes
    for_people: str = ""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The process: it ends here, at once, whatever threads still wait for."""
    gc.set_threshold(_OBJECTS, 20, 100)
    code = ERROR
    try:
        code = run(sys.argv[1:] if arguments is None else arguments)
    finally:
        os._exit(code)


def run(arguments: Sequence[str]) -> int:
    """Read, decide, write; the exit code."""
    if not all(is_open(descriptor) for descriptor in (IN, OUT)):
        return ERROR  # what we open would take its number
    blob = b""
    try:
        limit(READING_SECONDS)
        blob = read("a request", LARGEST_REQUEST)
        response = respond(blob, arguments, limit)
    except Late:
        late = Decision(word="error", code="deadline", message="expected an answer in time, got no further")
        response = _said(late, identifier(blob))
    except MalformedError as error:
        response = _said(_wrong(error), "")
    except Exception as error:  # noqa: BLE001  # an edge: a crash denies
        response = _said(_crashed(error), "")
    finally:
        limit(0)
    written(ERR, response.for_people.encode("utf-8", "replace"))
    return response.exit_code if written(OUT, response.document) else ERROR


def respond(
    blob: bytes, arguments: Sequence[str] = (), limit: Callable[[float], None] = lambda _: None
) -> Response:
    """The response to a request, whatever that is. `limit` is told how many seconds there are."""
    said_id = ""
    try:
        root = _root(arguments)
        request = parse(blob)
        said_id = request.id
        if isinstance(request, Describe):
            description = Description(name=NAME, version=__version__, capabilities=CAPABILITIES)
            return Response(exit_code=ALLOW, document=description.document(said_id))
        limit(max(request.seconds - SPARE_SECONDS, request.seconds / 2))
        return _said(decide(request, root=root), said_id)
    except MalformedError as error:
        return _said(_wrong(error), said_id or identifier(blob))
    except Exception as error:  # noqa: BLE001  # an edge: a crash denies
        return _said(_crashed(error), said_id)


def _wrong(error: MalformedError) -> Decision:
    return Decision(word="error", code=error.code, message=error.message, hint=error.hint)


def _crashed(error: Exception) -> Decision:
    message = f"expected an answer, got an internal error ({type(error).__name__})"
    return Decision(word="error", code="internal", message=message)


def _said(decision: Decision, said_id: str) -> Response:
    refused = decision.exit_code != ALLOW
    return Response(
        exit_code=decision.exit_code,
        document=decision.document(said_id, name=NAME, version=__version__),
        for_people=f"vouchsafe: {decision.word}: {printable(decision.sentence)}\n" if refused else "",
    )


def _root(arguments: Sequence[str]) -> str:
    """By hand: argparse costs as much as everything else here."""
    match arguments:
        case []:
            return "/"
        case ["--root", folder] if folder.startswith("/"):
            return folder
        case _:
            raise MalformedError(
                "usage", f"expected no arguments, or --root DIR, got {printable(' '.join(arguments), 200)}"
            )
