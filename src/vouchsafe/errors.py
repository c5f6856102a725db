r"""Every error that crosses a module border, and how untrusted text gets into its message.

    VouchsafeError
    ├── MalformedError       bytes that are not what they claim to be
    ├── VerificationError    the proof does not hold
    ├── ConfigurationError   the operator's own files or settings are wrong (exit 78)
    ├── Unavailable          could not ask; `.retryable` says whether asking again may help
    ├── SigningError         could not sign
    ├── HostError            could not change or read the host
    └── Refused              `require()` met a verdict that is not an acceptance

`.code` is API (docs/reason-codes.md), the message says `expected X, got Y`, `.hint` says what to do.
Messages are escaped here, at birth, so that nothing a registry sent can drive a terminal.

>>> MalformedError("bundle-json", "expected JSON, got \x1b[2J").message
'expected JSON, got \\x1b[2J'
"""

from __future__ import annotations

LONGEST_MESSAGE = 2_000  # characters; a message is read by a person


def printable(text: object, limit: int = LONGEST_MESSAGE) -> str:
    """`text` with everything that is not printable escaped, cut to `limit` characters.

    Bidirectional controls and escape sequences count as not printable (`str.isprintable`).
    """
    raw = str(text)
    cut = raw if len(raw) <= limit else raw[: limit - 1] + "…"
    if cut.isprintable():
        return cut
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)


class VouchsafeError(Exception):
    """A failure with a stable code, a sentence and, where there is one, a way out."""

    def __init__(self, code: str, message: str, *, hint: str = "") -> None:
        """`code` is kebab-case and API; `message` and `hint` are for people."""
        self.code = code
        self.message = printable(message)
        self.hint = printable(hint)
        super().__init__(self.message)


class MalformedError(VouchsafeError):
    """Bytes that are not what they claim to be. Never evidence of anything."""


class VerificationError(VouchsafeError):
    """The proof does not hold."""


class ConfigurationError(VouchsafeError):
    """A policy, trust root, registries.conf or setting of the operator cannot be used."""


class Unavailable(VouchsafeError):  # the vocabulary of the design: an outcome, not a fault
    """Something could not be asked. Leads to Undecided, which denies."""

    def __init__(self, code: str, message: str, *, hint: str = "", retryable: bool = False) -> None:
        """`retryable`: whether the same question may be answered later."""
        super().__init__(code, message, hint=hint)
        self.retryable = retryable


class SigningError(VouchsafeError):
    """A signature could not be made or published."""


class HostError(VouchsafeError):
    """The host could not be read or changed."""


class Refused(VouchsafeError):  # what `require` says, not a fault
    """`require()` met a verdict that is not an acceptance; `.verdict` says why."""

    def __init__(self, code: str, message: str, *, hint: str = "", verdict: object = None) -> None:
        """`verdict`: the Verdict that was refused."""
        super().__init__(code, message, hint=hint)
        self.verdict = verdict
