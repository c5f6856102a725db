"""What policy.json can say, read from containers/image's source: on the default branch, released, in clients.

Any key beyond those that were known counts, whatever it is called, and any requirement type: a patch that does what
we wait for need not call it as we would. Which of them a client understands is asked of the client.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

from vouchsafe.errors import MalformedError
from vouchsafe.record import Record
from vouchsafe.upstream import gosource
from vouchsafe.upstream.question import Answers, Fact, Judgement, Query, State, attempt, shape, words
from vouchsafe.upstream.releases import Releases, built_with, file_at, must_be_known

LIBRARY = "container-libs"
SOURCE = "image/signature/policy_types.go"
FULCIO = "prSigstoreSignedFulcio"
TYPE = "prTypeIdentifier"
KNOWN_KEYS = ("caPath", "caData", "oidcIssuer", "subjectEmail")
KNOWN_TYPES = ("insecureAcceptAnything", "reject", "signedBy", "signedBaseLayer", "sigstoreSigned")
LIBRARY_RELEASES = Releases(repository=LIBRARY, tags="image/v5.")
Words = Literal["keys", "types"]
_URL = f"https://github.com/podman-container-tools/container-libs/blob/HEAD/{SOURCE}"
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", re.ASCII)


@lru_cache(maxsize=64)  # several questions read the same few files, in every round of asking
def written(source: str, what: Words) -> tuple[str, ...]:
    """The keys of a Fulcio requirement, or the types of requirements, in a version of the source. MalformedError."""
    keys, types = gosource.json_keys(source, FULCIO), tuple(gosource.constants(source, TYPE).values())
    found = keys if what == "keys" else types
    for word in found:
        if not _WORD.fullmatch(word):  # it will be part of a policy that clients are asked to load
            raise shape(SOURCE, f"{what} that are words", words(word))
    return found


def beyond(found: tuple[str, ...], what: Words) -> tuple[str, ...]:
    """Those that were not known."""
    known = KNOWN_KEYS if what == "keys" else KNOWN_TYPES
    return tuple(word for word in found if word not in known)


def new_words(answers: Answers, what: Words) -> tuple[str, ...]:
    """What upstream has by now and we did not know; empty too when it could not be asked."""
    known = answers.known(file_at(LIBRARY, SOURCE))
    return attempt(lambda: beyond(written(known.text, what), what) if known else (), ())


class PolicyWords(Record):
    """The keys of a Fulcio requirement, or the types of requirements: merged once there is a new one."""

    id: str
    matter: str
    title: str
    what: Words

    def asks(self, answers: Answers) -> tuple[Query, ...]:
        """See Question."""
        tag = attempt(lambda: LIBRARY_RELEASES.newest(answers), "")
        tagged = (file_at(LIBRARY, SOURCE, tag),) if tag else ()
        return (file_at(LIBRARY, SOURCE), *LIBRARY_RELEASES.asks(answers), *tagged)

    def judge(self, answers: Answers) -> Judgement:
        """See Question."""
        tag = must_be_known(LIBRARY_RELEASES.newest(answers), "containers/image")
        main = written(answers.get(file_at(LIBRARY, SOURCE)).text, self.what)
        released = written(answers.get(file_at(LIBRARY, SOURCE, tag)).text, self.what)
        new, new_released = beyond(main, self.what), beyond(released, self.what)
        kind = "key" if self.what == "keys" else "type"
        facts = [
            Fact(
                key=f"{kind} {words(word)}",
                text=f"{kind} `{words(word)}`{' is new' if word in new else ''}"
                f"{', also in the newest release' if word in new_released else ''}",
                url=_URL,
            )
            for word in main
        ]
        if new_released:
            return Judgement(
                state=State.RELEASED, facts=(*facts, Fact(key="release", text=f"in {words(tag)}"))
            )
        return Judgement(state=State.MERGED if new else State.NOT_STARTED, facts=tuple(facts))


class Client(Record):
    """A client's newest release, and whether the library in it has new words."""

    id: str
    matter: str
    title: str
    repository: str
    what: Words = "keys"

    @property
    def _releases(self) -> Releases:
        return Releases(repository=self.repository)

    def asks(self, answers: Answers) -> tuple[Query, ...]:
        """See Question."""
        tag = attempt(lambda: self._releases.newest(answers), "")
        return self._releases.asks(answers) + (vendoring(self.repository, tag, answers) if tag else ())

    def judge(self, answers: Answers) -> Judgement:
        """See Question."""
        tag = self._releases.newest(answers)
        library, found = vendored(self.repository, tag, answers, self.what)
        facts = [Fact(key="release", text=f"{words(tag)} is built with {words(library)}", is_quiet=True)]
        facts += [Fact(key=f"has {words(word)}", text=f"{words(tag)} has `{words(word)}`") for word in found]
        return Judgement(state=State.RELEASED if found else State.NOT_STARTED, facts=tuple(facts))


def vendoring(repository: str, tag: str, answers: Answers) -> tuple[Query, ...]:
    """What must be asked to know which library a tag of a client was built with, and what that can say."""
    module = file_at(repository, "go.mod", tag)
    ref = attempt(lambda: built_with(answers.get(module).text), "")
    return (module, file_at(LIBRARY, SOURCE, ref)) if ref else (module,)


def vendored(repository: str, tag: str, answers: Answers, what: Words) -> tuple[str, tuple[str, ...]]:
    """The library's git ref, and its new words. VouchsafeError."""
    ref = built_with(answers.get(file_at(repository, "go.mod", tag)).text)
    try:
        return ref, beyond(written(answers.get(file_at(LIBRARY, SOURCE, ref)).text, what), what)
    except MalformedError as error:
        raise MalformedError(error.code, f"{error.message} ({ref})", hint=error.hint) from error
