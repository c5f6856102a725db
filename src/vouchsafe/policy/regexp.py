r"""Regular expressions of identities: RE2, whole string, in linear time. The only module that knows re2.

cosign matches anywhere in the string, so `acme` there accepts `https://evil.example/acme`; here a pattern
must describe the whole value. Python's own `re` backtracks for seconds on `(a+)+$` (Connaisseur's ReDoS).

>>> matches("https://gitlab\\.com/acme/.*", "https://gitlab.com/acme/app")
True
>>> matches("acme", "https://gitlab.com/acme/app")
False
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from vouchsafe.errors import ConfigurationError

if TYPE_CHECKING:
    from re2 import _Regexp

LARGEST_PROGRAM = 1024 * 1024  # bytes that RE2 may spend on one pattern
LONGEST_PATTERN = 4096  # characters
_KEPT = 256  # compiled patterns
_SPECIAL = frozenset("\\.+*?()|[]{}^$")


@lru_cache(maxsize=_KEPT)
def _compiled(pattern: str) -> _Regexp:
    import re2

    if len(pattern) > LONGEST_PATTERN:
        message = f"expected at most {LONGEST_PATTERN} characters of pattern, got {len(pattern)}"
        raise ConfigurationError("policy-regexp", message)
    options = re2.Options()
    options.log_errors = False
    options.max_mem = LARGEST_PROGRAM
    try:
        return re2.compile(pattern, options)
    except re2.error as error:  # its text is bytes
        cause = error.args[0].decode("utf-8", "replace") if error.args else "unknown"
        message = f"expected an RE2 pattern, got {pattern!r} ({cause})"
        hint = "RE2 has no look-around and no back-references: https://github.com/google/re2/wiki/Syntax"
        raise ConfigurationError("policy-regexp", message, hint=hint) from error
    except UnicodeEncodeError as error:
        raise ConfigurationError("policy-regexp", f"expected Unicode text, got {pattern!r}") from error


def check(pattern: str) -> None:
    """Raise ConfigurationError unless `pattern` compiles."""
    _compiled(pattern)


def matches(pattern: str, untrusted_text: str) -> bool:
    """Whether the whole text matches. Text that is no Unicode (a lone surrogate) matches nothing."""
    try:
        return _compiled(pattern).fullmatch(untrusted_text) is not None
    except UnicodeEncodeError:
        return False


def finds(pattern: str, untrusted_text: str) -> bool:
    """Whether the pattern matches anywhere: for what others read so, and for messages; never for identities."""
    try:
        return _compiled(pattern).search(untrusted_text) is not None
    except UnicodeEncodeError:
        return False


def escaped(literal: str) -> str:
    """A pattern that matches `literal` and nothing else."""
    return "".join(f"\\{c}" if c in _SPECIAL else c for c in literal)
