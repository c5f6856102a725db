"""The one door: the resident countersigner's verdict, or our own where there is none to ask."""

from __future__ import annotations

import time
from collections.abc import Callable

from vouchsafe.plugin import resident
from vouchsafe.protocol.decision import Decision
from vouchsafe.protocol.request import Credentials, Request

CAPABILITIES = ("credentials", "fetch", "list", "transport:dir", "transport:docker", "transport:oci")
# What whoever asks may be able to reach with the credentials that came with the question, and the service not.
_OUT_OF_REACH = frozenset(
    ("registry-unauthorized", "registry-sources", "no-such-image", "tls", "tls-certificate", "http-protocol")
)


def decide(
    request: Request, *, root: str = "/", report: Callable[[BaseException], None] = lambda _: None
) -> Decision:
    """The decision. Never raises; `report` is told of errors that are our own fault."""
    ends = time.monotonic() + request.seconds
    try:
        unsupported = _unsupported(request)
        if unsupported is not None:
            return unsupported
        decision = resident.ask(request, root=root, seconds=request.seconds)
        if decision is not None and not _is_ours(request, decision):
            return decision
        from vouchsafe.plugin import alone  # late: the resident answers without it

        left = request.replace(seconds=max(ends - time.monotonic(), 0.0))
        return alone.judge(left, root=root, report=report)
    except Exception as error:  # noqa: BLE001  # an edge: a crash denies
        report(error)
        message = f"expected an answer, got an internal error ({type(error).__name__})"
        return _error(request, "internal", message)


def _is_ours(request: Request, decision: Decision) -> bool:
    """What the service leaves to us: scopes that stock clients judge, and registries that we may be able to ask."""
    if decision.word != "error":
        return False
    given = request.credentials != Credentials()
    return decision.code == "not-ours" or (given and decision.code in _OUT_OF_REACH)


def _unsupported(request: Request) -> Decision | None:
    """What is demanded and not known could be a restriction: refused, never passed over."""
    lacking = [each for each in request.requires if each not in CAPABILITIES]
    if lacking:
        message = f"expected only {', '.join(CAPABILITIES)} to be required, got {', '.join(lacking)}"
        return _error(request, "plugin-capability", message)
    if request.settings:
        message = f"expected no settings in the plugin's configuration, got {', '.join(request.settings)}"
        return _error(request, "plugin-settings", message)
    return None


def _error(request: Request, code: str, message: str) -> Decision:
    return Decision(word="error", code=code, message=message, digest=request.digest)
