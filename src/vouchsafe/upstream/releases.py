"""Releases: which tag is the newest, which version of a library a program was built with, what a commit is part of.

Merged is not released, and released is not on anybody's hosts. Only plain versions count (`v5.40.0`), no candidates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

from vouchsafe.errors import Unavailable
from vouchsafe.record import Record
from vouchsafe.upstream.question import RAW, Answers, Query, attempt, pages, shape, whole, words

LATEST = "releases/latest"
MOST_TAGS = 1000
IMAGE_MODULE = "go.podman.io/image/v5"
_VERSION = re.compile(r"(?:.*/)?v?(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?", re.ASCII)
_REQUIRED = re.compile(rf"^\s*(?:require\s+)?{re.escape(IMAGE_MODULE)}\s+(v\S+)", re.MULTILINE)
_REPLACED = re.compile(rf"^\s*(?:replace\s+)?{re.escape(IMAGE_MODULE)}(?:\s+v\S+)?\s+=>", re.MULTILINE)
_PSEUDO = re.compile(r"v[\w.-]*[-.]\d{14}-([0-9a-f]{12})", re.ASCII)  # go.dev/ref/mod#pseudo-versions

Version = tuple[int, int, int]


def version(untrusted_tag: str) -> Version | None:
    """The numbers of a plain version; None for a candidate or a name.

    >>> version("image/v5.40.0"), version("v3.0.0-rc1"), version("1.22")
    ((5, 40, 0), None, (1, 22, 0))
    """
    match = _VERSION.fullmatch(untrusted_tag)
    return None if match is None else (int(match[1]), int(match[2]), int(match[3] or 0))


def newest(untrusted_tags: Iterable[str]) -> str:
    """The newest plain version among tags; empty when there is none."""
    known = [(number, tag) for tag in untrusted_tags if (number := version(tag)) is not None]
    return max(known)[1] if known else ""


class Releases(Record):
    """The releases of a repository: the one that it calls the latest, or its tags with a prefix."""

    repository: str
    tags: str = ""

    @property
    def query(self) -> Query:
        """What lists them."""
        path = f"git/matching-refs/tags/{self.tags}" if self.tags else LATEST
        return Query(service="github", repository=self.repository, path=path)

    def asks(self, answers: Answers) -> tuple[Query, ...]:
        """See Question."""
        return pages(self.query, answers)

    def newest(self, answers: Answers) -> str:
        """The tag; empty when there is no release yet. VouchsafeError."""
        if not self.tags:
            tag = answers.get(self.query).fields("the latest release").text("tag_name")
            if version(tag) is None:
                raise shape("the latest release", "a tag like v1.2.3", words(tag))
            return tag
        listed = whole(self.query, answers, what="the tags", most=MOST_TAGS)
        return newest(ref.text("ref").removeprefix("refs/tags/") for ref in listed)

    def contain(self, commit: str, answers: Answers) -> tuple[Query, ...]:
        """What must be asked to know whether the newest contains a commit."""
        tag = attempt(lambda: self.newest(answers), "")
        return (*self.asks(answers), *([self._compare(commit, tag)] if tag else []))

    def containing(self, commit: str, answers: Answers) -> str:
        """The newest tag if it contains the commit, else empty. VouchsafeError."""
        tag = self.newest(answers)
        if not tag:
            return ""
        status = answers.get(self._compare(commit, tag)).fields("the comparison").text("status")
        if status not in {"ahead", "identical", "behind", "diverged"}:
            raise shape("the comparison", "ahead, identical, behind or diverged", words(status))
        return tag if status in {"ahead", "identical"} else ""

    def _compare(self, commit: str, tag: str) -> Query:
        """What the tag is, seen from the commit."""
        path = f"compare/{quote(commit, safe='')}...{quote(tag, safe='')}?per_page=1"
        return Query(service="github", repository=self.repository, path=path)


def file_at(repository: str, path: str, ref: str = "") -> Query:
    """A file as it is in a commit, tag or (without `ref`) the default branch."""
    where = f"?ref={quote(ref, safe='')}" if ref else ""
    return Query(service="github", repository=repository, path=f"contents/{path}{where}", accept=RAW)


def built_with(go_mod: str) -> str:
    """The git ref of containers/image that a program's go.mod names. MalformedError.

    >>> built_with("require go.podman.io/image/v5 v5.40.0")
    'image/v5.40.0'
    >>> built_with("go.podman.io/image/v5 v5.39.3-0.20260423135811-cbaa5f41e643")
    'cbaa5f41e643'
    """
    found = _REQUIRED.search(go_mod)
    if found is None or _REPLACED.search(go_mod):
        raise shape("go.mod", f"one version of {IMAGE_MODULE}", "another module" if found else "none")
    pseudo = _PSEUDO.fullmatch(found[1])
    return pseudo[1] if pseudo else f"image/{found[1]}"


def must_be_known(tag: str, what: str) -> str:
    """The tag, or Unavailable where there is none yet."""
    if not tag:
        raise Unavailable("upstream-not-asked", f"expected a release of {what}, got none")
    return tag
