"""Which scope of a policy applies to an image, what it demands, and why this one: for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator

from vouchsafe.cli.console import Console
from vouchsafe.cli.words import Line, bound_lines, requirement_lines
from vouchsafe.errors import printable
from vouchsafe.image.reference import Reference
from vouchsafe.policy.scope import Policy, Selected, candidates, select
from vouchsafe.record import Record

_LABEL = 10  # columns
_INNER_LABEL = 8


class Selection(Record):
    """The scope that applies, the scopes that were asked for before it, and the files they come from."""

    reference: Reference
    selected: Selected
    tried: tuple[str, ...]
    files: tuple[str, ...]

    @classmethod
    def of(cls, policy: Policy, reference: Reference) -> Selection:
        """Look it up as a verdict does. MalformedError for a path that is not absolute."""
        selected = select(policy, reference)
        asked = (*candidates(reference.transport, reference.identity), "")
        tried = asked[: asked.index(selected.scope)] if selected.transport else asked
        return cls(
            reference=reference,
            selected=selected,
            tried=tried if policy.transports else (),
            files=tuple(document.source for document in policy.documents),
        )


def text(selection: Selection, console: Console) -> Iterator[str]:
    """Lines for a person."""
    selected = selection.selected
    if selection.files:
        yield _line("policy", ", ".join(selection.files))
    yield _line("scope", f"{selected.where} ({selected.rule.place})" if selection.files else selected.where)
    yield _line("because", _because(selection))
    if console.verbose:
        for scope in selection.tried:
            yield _line("", f'no scope "{scope}" of {selection.reference.transport}')
    for number, requirement in enumerate(selected.requirements, 1):
        first, *others = requirement_lines(requirement)
        yield _line("demands" if number == 1 else "and", f"{number}. {first[1]}")
        yield from (_line("", f"   {label:{_INNER_LABEL}} {value}") for label, value in others)
    yield from (_line(label, value) for label, value in bound_lines(selected.rule))


def as_json(selection: Selection) -> dict[str, object]:
    """The same as data."""
    selected = selection.selected
    return {
        "reference": str(selection.reference),
        "files": list(selection.files),
        "scope": selected.where,
        "place": {"file": selected.rule.place.file, "line": selected.rule.place.line},
        "tried": [{"transport": selection.reference.transport, "scope": scope} for scope in selection.tried],
        "requirements": [_requirement(list(requirement_lines(each))) for each in selected.requirements],
        "bounds": [{"kind": label, "words": value} for label, value in bound_lines(selected.rule)],
    }


def _requirement(lines: list[Line]) -> dict[str, object]:
    (_, words), *others = lines
    return {"words": words, "details": [{"kind": label, "words": value} for label, value in others]}


def _because(selection: Selection) -> str:
    selected = selection.selected
    if not selection.files:
        return "the command line said so"
    if not selected.transport:
        return f"no scope of {selection.reference.transport} names this image"
    if not selected.scope:
        return f"no other scope of {selection.reference.transport} names this image"
    if not selection.tried:
        return "this scope is the image itself"
    nearer = len(selection.tried)
    absent = f"{nearer} nearer {'is' if nearer == 1 else 'are'} not written"
    return f"of the scopes that hold this image it is the most specific ({absent})"


def _line(label: str, value: str) -> str:
    return f"  {label:{_LABEL}} {printable(value)}".rstrip()
