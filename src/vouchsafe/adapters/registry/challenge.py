"""Reads `WWW-Authenticate`: what a registry wants before it answers (RFC 9110 §11.6.1).

Strict, because what it names decides where credentials go: an unquoted comma or a parameter given
twice is not guessed at.

>>> parse('Bearer realm="https://auth.example/token",service="registry"')[0].parameters["service"]
'registry'
"""

from __future__ import annotations

import re

from vouchsafe.errors import MalformedError
from vouchsafe.record import Record

LONGEST = 8_192  # characters of the whole header
MOST_CHALLENGES = 16
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_SCHEME = re.compile(rf"({_TOKEN})(?: +|(?=,|$))")
_PARAMETER = re.compile(rf'({_TOKEN})[ \t]*=[ \t]*(?:({_TOKEN})|"((?:[^"\\\x00-\x1f]|\\[^\x00-\x1f])*)")')
_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))")
_SEPARATOR = re.compile(r"[ \t]*(?:,[ \t]*)+|[ \t]*$")
_ESCAPED = re.compile(r"\\(.)")


class Challenge(Record):
    """One way in: `scheme` in lower case, `parameters` with lower-case names."""

    scheme: str
    parameters: dict[str, str]


def parse(untrusted_header: str) -> tuple[Challenge, ...]:
    """Every challenge of one header value, several header lines joined by commas; MalformedError otherwise."""
    if len(untrusted_header) > LONGEST:
        raise MalformedError(
            "challenge", f"expected at most {LONGEST} characters of WWW-Authenticate, got more"
        )
    text = untrusted_header.strip(" \t,")
    found: list[Challenge] = []
    position = 0
    while position < len(text):
        scheme = _SCHEME.match(text, position)
        if scheme is None or len(found) == MOST_CHALLENGES:
            raise _unreadable(text, position)
        parameters, position = _parameters(text, scheme.end())
        found.append(Challenge(scheme=scheme[1].lower(), parameters=parameters))
    return tuple(found)


def _parameters(text: str, position: int) -> tuple[dict[str, str], int]:
    parameters: dict[str, str] = {}
    token = _TOKEN68.match(text, position)
    if token is not None and not _PARAMETER.match(text, position):
        return parameters, _after(text, token.end())
    if position < len(text) and text[position] == ",":
        return parameters, _after(text, position)
    while (parameter := _PARAMETER.match(text, position)) is not None:
        name = parameter[1].lower()
        if name in parameters:
            raise MalformedError(
                "challenge", f"expected each parameter once in WWW-Authenticate, got {name!r} twice"
            )
        quoted = parameter[3]
        parameters[name] = parameter[2] if quoted is None else _ESCAPED.sub(r"\1", quoted)
        position = _after(text, parameter.end())
    return parameters, position


def _after(text: str, position: int) -> int:
    separator = _SEPARATOR.match(text, position)
    if separator is None:
        raise _unreadable(text, position)
    return separator.end()


def _unreadable(text: str, position: int) -> MalformedError:
    got = text[position : position + 40]
    return MalformedError("challenge", f"expected challenges in WWW-Authenticate, got {got!r}")
