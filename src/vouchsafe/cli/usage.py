"""UsageError: the command was written in a way that means nothing, or too little to be safe. Exit code 64."""

from __future__ import annotations

from vouchsafe.errors import VouchsafeError


class UsageError(VouchsafeError):
    """Not run at all; the message says what is missing, the hint which flag was meant."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        """All of them have the code `usage`."""
        super().__init__("usage", message, hint=hint)
