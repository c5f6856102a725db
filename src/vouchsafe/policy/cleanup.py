r"""Would a registry's tag cleanup delete signatures? GitLab's expressions, read as GitLab reads them. Pure.

Signatures are tags of their own (`sha256-<hex>.sig`), and bundles live by the tag `sha256-<hex>` that lists
them: a cleanup that takes a tag takes the signature. GitLab writes `\A` before an expression and `\z` behind
it, without brackets, and looks for the result (RE2): `v1|v2` is "begins with v1 or ends with v2". A tag goes
when `name_regex_delete` finds it and `name_regex_keep` does not; `latest` stays.

>>> [finding.code for finding in lint(Cleanup(keep="main"))]
['cleanup-signature', 'cleanup-attestation', 'cleanup-referrers', 'cleanup-sbom']
>>> lint(Cleanup(keep="main|sha256-.*"))[0].code
'cleanup-alternation'
>>> lint(Cleanup(keep=r"(?:main|sha256-.*)"))
()
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from vouchsafe.errors import ConfigurationError
from vouchsafe.policy import regexp
from vouchsafe.policy.finding import Finding, Severity
from vouchsafe.record import Record

EVERYTHING = ".*"  # what GitLab's form suggests as the expression of what is deleted
LONGEST = 255  # characters; GitLab's database takes no more
KEEP = r"sha256-[0-9a-f]{64}(?:\.(?:sig|att|sbom))?"  # every tag that cosign, oras and vouchsafe put beside images
DELETE, KEPT = "name_regex_delete", "name_regex_keep"
SOURCE = "cleanup policy"
# Digests that a careless character class or count would miss one of.
_DIGESTS = (
    *(c * 64 for c in "0af9"),
    "0123456789abcdef" * 4,
    *(hashlib.sha256(bytes([number])).hexdigest() for number in range(16)),
)
# What stands for "any other tag": when all of them are kept, nothing is ever cleaned up.
_ORDINARY = ("main", "v1.2.3", "pipeline-4711", "feature-x", "0f3c2a1b")


class _Kind(Record):
    """Tags beside an image that end alike. `loss`: what happens when one is deleted."""

    code: str
    suffix: str
    loss: str
    severity: Severity = "error"


_KINDS = (
    _Kind(
        code="cleanup-signature",
        suffix=".sig",
        loss="hosts that demand the signature can no longer pull the image",
    ),
    _Kind(code="cleanup-attestation", suffix=".att", loss="SBOM and provenance of the image are gone"),
    _Kind(
        code="cleanup-referrers",
        suffix="",
        loss="bundles of cosign 3 (signatures, SBOM, provenance) are found no more, and garbage then",
    ),
    _Kind(
        code="cleanup-sbom",
        suffix=".sbom",
        loss="an SBOM that was attached unsigned is gone",
        severity="warning",
    ),
)


class Cleanup(Record):
    """A cleanup policy as GitLab has it. `delete` "" matches nothing; `source` is where it was read, for people.

    `keep_n` None: not set.
    """

    delete: str = EVERYTHING
    keep: str = ""
    keep_n: int | None = None
    enabled: bool = True
    source: str = SOURCE
    line: int = 0


def lint(cleanup: Cleanup) -> tuple[Finding, ...]:
    """Everything that puts signatures at risk, or does not mean what it seems to. Empty when all is well.

    A policy that is not enabled deletes nothing.
    """
    if not cleanup.enabled:
        return ()
    broken = tuple(_unreadable(cleanup))
    if broken:
        return broken  # GitLab does not take it: nothing more can be said
    return (*_alternations(cleanup), *_losses(cleanup), *_nothing_left(cleanup))


def deletes(cleanup: Cleanup, tag: str) -> bool:
    """Whether the expressions let this tag be deleted, once it is old and surplus."""
    return tag != "latest" and _finds(cleanup.delete, tag) and not _finds(cleanup.keep, tag)


def safe_keep(keep: str) -> str:
    """An expression that keeps what `keep` was meant to, and everything that belongs to images."""
    return f"(?:{keep}|{KEEP})" if keep else KEEP


def _finds(expression: str, tag: str) -> bool:
    r"""`\A<expression>\z` somewhere in the tag, brackets not added: as Gitlab::UntrustedRegexp does it."""
    return regexp.finds(rf"\A{expression}\z", tag)


def _unreadable(cleanup: Cleanup) -> Iterator[Finding]:
    for name, expression in ((DELETE, cleanup.delete), (KEPT, cleanup.keep)):
        try:
            regexp.check(expression)
            regexp.check(rf"\A{expression}\z")
        except ConfigurationError as error:
            yield _finding(cleanup, "cleanup-regexp", f"{name}: {error.message}", error.hint, "error")
        if len(expression) > LONGEST:
            message = f"{name}: expected at most {LONGEST} characters, got {len(expression)}"
            yield _finding(cleanup, "cleanup-too-long", message, "GitLab takes no more. Shorten it.", "error")


def _alternations(cleanup: Cleanup) -> Iterator[Finding]:
    for name, expression in ((DELETE, cleanup.delete), (KEPT, cleanup.keep)):
        first, *others = _alternatives(expression)
        if not others:
            continue
        does = "deletes" if name == DELETE else "keeps"
        message = (
            f"{name}: GitLab anchors `{expression}` without brackets, so it {does} whatever begins with"
            f" `{first}` or ends with `{others[-1]}`"
        )
        grouped = f"(?:{expression})"
        yield _finding(cleanup, "cleanup-alternation", message, f"{name}: {grouped}", "warning")


def _losses(cleanup: Cleanup) -> Iterator[Finding]:
    lost_any = False
    for kind in _KINDS:
        lost = _lost(cleanup, kind)
        if not lost:
            continue
        lost_any = True
        some = "" if len(lost) == len(_DIGESTS) else f" (of some images, such as {lost[0]})"
        message = f"expected sha256-…{kind.suffix} to be kept, got that it may be deleted{some}: {kind.loss}"
        yield _finding(cleanup, kind.code, message, _fix(cleanup), kind.severity)
    if lost_any and cleanup.keep_n:
        message = (
            f"keep_n {cleanup.keep_n} counts signatures as tags of their own, and a .sig or .att says"
            " that it was made in the year 1: where GitLab goes by that, it is surplus first"
        )
        yield _finding(cleanup, "cleanup-keep-n", message, _fix(cleanup), "warning")


def _lost(cleanup: Cleanup, kind: _Kind) -> list[str]:
    tags = (f"sha256-{digest}{kind.suffix}" for digest in _DIGESTS)
    return [tag for tag in tags if deletes(cleanup, tag)]


def _nothing_left(cleanup: Cleanup) -> Iterator[Finding]:
    if cleanup.keep and all(_finds(cleanup.keep, tag) for tag in _ORDINARY):
        message = f"{KEPT}: `{cleanup.keep}` keeps every tag, so nothing is ever cleaned up"
        yield _finding(cleanup, "cleanup-keeps-all", message, f"{KEPT}: {KEEP}", "warning")


def _fix(cleanup: Cleanup) -> str:
    proposed = cleanup.replace(keep=safe_keep(cleanup.keep))
    if any(_unreadable(proposed)) or any(_lost(proposed, kind) for kind in _KINDS):
        return f"{KEPT}: add the alternative {KEEP} in at most {LONGEST} characters"
    return f"{KEPT}: {proposed.keep}"


def _alternatives(expression: str) -> list[str]:
    r"""The parts between `|` outside brackets and classes, with `\` and `\Q…\E` as RE2 has them."""
    parts, start, depth, place = [], 0, 0, 0
    while place < len(expression):
        c = expression[place]
        if expression.startswith(r"\Q", place):
            end = expression.find(r"\E", place)
            place = len(expression) if end < 0 else end + 2
            continue
        if c == "\\":
            place += 2
            continue
        if c == "[":
            place = _after_class(expression, place)
            continue
        depth += (c == "(") - (c == ")")
        if c == "|" and depth == 0:
            parts.append(expression[start:place])
            start = place + 1
        place += 1
    return [*parts, expression[start:]]


def _after_class(expression: str, place: int) -> int:
    """The place behind a character class: a `]` right at its beginning belongs to it, `[:alpha:]` too."""
    place += 1
    place += expression.startswith("^", place)
    place += expression.startswith("]", place)
    while place < len(expression) and expression[place] != "]":
        if expression.startswith("[:", place):
            place = max(expression.find(":]", place), place) + 2
        else:
            place += 2 if expression[place] == "\\" else 1
    return place + 1


def _finding(cleanup: Cleanup, code: str, message: str, fix: str, severity: Severity) -> Finding:
    return Finding(
        file=cleanup.source, line=cleanup.line, code=code, message=message, fix=fix, severity=severity
    )
