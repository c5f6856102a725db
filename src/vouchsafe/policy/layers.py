"""One policy out of several files: the main one, and drop-ins that add scopes and never replace any.

A scope in two files is an error that names both, so that no file can quietly loosen another; `default`
stands in the main file only. Pure: the files have been read already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vouchsafe.policy.document import Part, policy_of, read_part
from vouchsafe.policy.grammar import Dialect
from vouchsafe.policy.reading import PolicyError
from vouchsafe.policy.scope import Policy, Rule
from vouchsafe.record import Record


class File(Record):
    """A policy file: its path for people, and its content."""

    source: str
    blob: bytes


def load(main: File, drop_ins: Sequence[File] = (), *, dialect: Dialect = "vouchsafe") -> Policy:
    """The policy that `main` and its drop-ins make together. PolicyError, a ConfigurationError."""
    policy = policy_of(read_part(main.blob, dialect=dialect, source=main.source), dialect)
    transports = {name: dict(scopes) for name, scopes in policy.transports.items()}
    documents = list(policy.documents)
    for file in drop_ins:
        part = read_part(file.blob, dialect=dialect, source=file.source)
        _refuse_default(part)
        for transport, scopes in part.transports.items():
            _add(transports.setdefault(transport, {}), scopes, transport)
        documents.append(part.document)
    return policy.replace(transports=transports, documents=tuple(documents))


def _refuse_default(part: Part) -> None:
    if part.default is None:
        return
    place = part.default.place
    raise PolicyError(
        "policy-default",
        f"expected `default` in the main file only, got one in {place.file}",
        hint="A drop-in may only add scopes.",
        file=place.file,
        line=place.line,
        path="default",
    )


def _add(known: dict[str, Rule], scopes: Mapping[str, Rule], transport: str) -> None:
    for scope, rule in scopes.items():
        if scope in known:
            raise PolicyError(
                "policy-duplicate-scope",
                f"expected each scope in one file, got {scope!r} in {known[scope].place} and {rule.place}",
                hint="Remove one of them; scopes are never merged.",
                file=rule.place.file,
                line=rule.place.line,
                path=f'transports.{transport}["{scope}"]',
            )
        known[scope] = rule
