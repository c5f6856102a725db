"""Distributions: which version of a client each ships, and whether that has what we wait for.

A version that is newer than any that was known is looked up: which library it was built with, and what that can
say. Distributions patch and unbundle, so this is a hint where to look; whether a host can do it is asked there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from vouchsafe.record import Record
from vouchsafe.upstream.policies import vendored, vendoring
from vouchsafe.upstream.question import Answers, Fact, Judgement, Query, State, attempt, shape, words
from vouchsafe.upstream.releases import Version, version

MOST_VERSIONS = 200  # of one package
NOT_NEWER_THAN: Version = (1, 22, 0)  # of skopeo: these were looked at, none has it


class Packaged(Record):
    """One package of one distribution, as its own list of sources has it.

    debian: sources.debian.org/api/src/<package>/, every suite. fedora: mdapi, one branch.
    """

    id: str
    matter: str
    title: str
    distribution: Literal["debian", "fedora"]
    package: str
    branch: str = ""
    repository: str

    @property
    def _query(self) -> Query:
        path = (
            f"src/{self.package}/"
            if self.distribution == "debian"
            else f"{self.branch}/srcpkg/{self.package}"
        )
        return Query(service=self.distribution, path=path)

    def asks(self, answers: Answers) -> tuple[Query, ...]:
        """See Question."""
        nothing: dict[str, str] = {}
        shipped = attempt(lambda: self._shipped(answers), nothing)
        found = [self._query]
        for tag in dict.fromkeys(tag for tag in shipped.values() if _is_newer(tag)):
            found += vendoring(self.repository, tag, answers)
        return tuple(found)

    def judge(self, answers: Answers) -> Judgement:
        """See Question."""
        facts, state = [], State.NOT_STARTED
        for suite, tag in self._shipped(answers).items():
            text = f"{words(suite)} has {self.package} {words(tag.removeprefix('v'))}"
            new: tuple[str, ...] = ()
            if _is_newer(tag):
                library, new = vendored(self.repository, tag, answers, "keys")
                text += f", built with {words(library)}"
                if new:
                    text, state = f"{text}, which has {words(', '.join(new))}", State.RELEASED
            facts.append(Fact(key=f"suite {words(suite)}", text=text, is_quiet=not new))
        return Judgement(state=state, facts=tuple(facts))

    def _shipped(self, answers: Answers) -> dict[str, str]:
        """The upstream tag by suite, newest of each. VouchsafeError."""
        found: dict[str, str] = {}
        for suite, packaged in self._listed(answers):
            tag = f"v{_upstream(packaged)}"
            number, before = version(tag), version(found.get(suite, ""))
            if number is None:
                raise shape(self.title, "a version like 1.22.0+ds1-1", words(packaged))
            if before is None or number > before:
                found[suite] = tag
        if not found:
            raise shape(self.title, "versions", "none")
        return dict(sorted(found.items()))

    def _listed(self, answers: Answers) -> Iterator[tuple[str, str]]:
        said = answers.get(self._query).fields(self.title)
        if self.distribution == "fedora":
            yield self.branch, said.text("version")
            return
        for each in said.objects("versions", MOST_VERSIONS):
            for suite in each.items("suites", MOST_VERSIONS):
                yield str(suite), each.text("version")


def _is_newer(tag: str) -> bool:
    number = version(tag)
    return number is not None and number > NOT_NEWER_THAN


def _upstream(packaged: str) -> str:
    """The upstream part of a Debian version (deb-version(7)): no epoch, no revision, no `+ds1`."""
    bare = packaged.partition(":")[2] or packaged
    return bare.rpartition("-")[0].partition("+")[0] if "-" in bare else bare.partition("+")[0]
