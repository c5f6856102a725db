"""The one door: the resident countersigner's verdict, or our own where there is none to ask."""

from __future__ import annotations

from collections.abc import Callable

from vouchsafe.protocol.decision import Decision
from vouchsafe.protocol.request import Request


def decide(
    request: Request, *, root: str = "/", report: Callable[[BaseException], None] = lambda _: None
) -> Decision:
    """The decision. Never raises; `report` is told of errors that are our own fault."""
    try:
        from vouchsafe.plugin import alone  # late: the resident answers without it

        return alone.judge(request, root=root, report=report)
    except Exception as error:  # noqa: BLE001  # an edge: a crash denies
        report(error)
        message = f"expected an answer, got an internal error ({type(error).__name__})"
        return Decision(word="error", code="internal", message=message, digest=request.digest)
