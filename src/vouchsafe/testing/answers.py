"""HTTP answers that the services share."""

from __future__ import annotations

import json
from typing import Any

from vouchsafe.testing.canonical import compact
from vouchsafe.testing.loopback import Request, Response

NOT_FOUND = Response(status=404, headers={"Content-Type": "text/plain"}, body=b"404 page not found\n")


class Rejected(Exception):
    """A request that a service refuses: `status` and a sentence, as gRPC gateways and rekor word them."""

    def __init__(self, status: int, message: str) -> None:
        """`status` is HTTP's."""
        super().__init__(message)
        self.status = status
        self.message = message

    def response(self) -> Response:
        """The answer."""
        return json_response({"code": self.status, "message": self.message, "details": []}, self.status)


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(
        status=status, headers={"Content-Type": "application/json", **(headers or {})}, body=compact(value)
    )


def json_object(request: Request) -> dict[str, Any]:
    """The JSON object in a request's body; Rejected without one."""
    try:
        value = json.loads(request.body)
    except ValueError as error:
        raise Rejected(400, f"expected JSON, got {error}") from error
    if not isinstance(value, dict):
        raise Rejected(400, "expected a JSON object")
    return value
