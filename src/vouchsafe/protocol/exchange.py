"""What became of one question: the plugin's decision, or an error in its place. A host allows nothing else.

Exit code and document must say the same, about the question that was asked: a plugin that broke off after
writing, or that answers somebody else's question, has not allowed anything.
"""

from __future__ import annotations

from vouchsafe.errors import MalformedError
from vouchsafe.protocol.decision import Answered, Decision, parse
from vouchsafe.protocol.request import Request
from vouchsafe.record import Record


class Ran(Record):
    """How a plugin ended. `status` is negative for a signal; `problem` says why it was ended by its host."""

    status: int
    output: bytes
    problem: str = ""


def understood(request: Request, ran: Ran) -> Decision:
    """The decision. Never raises."""
    if ran.problem:
        return _error(request, "plugin-failed", ran.problem)
    try:
        answered = parse(ran.output)
    except MalformedError as error:
        message = f"expected one response, got exit {ran.status} and: {error.message}"
        return _error(request, "plugin-response", message)
    wrong = contradiction(request, ran.status, answered)
    return _error(request, "plugin-response", wrong) if wrong else answered.decision


def contradiction(request: Request, status: int, answered: Answered) -> str:
    """How a response says one thing and does another, or answers another question; empty when it does not."""
    decision = answered.decision
    if status != decision.exit_code:
        return f"expected exit {decision.exit_code} with {decision.word}, got {status}"
    if answered.id != request.id and (answered.id or decision.word == "allow"):
        return f"expected the id {request.id!r}, got {answered.id!r}"
    if decision.word == "allow" and decision.digest != request.digest:
        return f"expected a decision about {request.digest}, got one about {decision.digest}"
    if decision.word != "allow" and not (decision.code and decision.message):
        return f"expected a reason for {decision.word}, got none"
    return ""


def _error(request: Request, code: str, message: str) -> Decision:
    return Decision(word="error", code=code, message=message, digest=request.digest)
