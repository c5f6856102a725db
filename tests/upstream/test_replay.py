"""The known history, and a future, replayed over HTTP: each event is noticed on its day, and nothing on quiet days."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.upstream.forges import Forges
from tests.upstream.history import EVERYTHING, FUTURE, HISTORY, STANDING, Event
from tests.upstream.watching import AS_THEN, Watch, texts, watching
from vouchsafe.upstream.check import Check
from vouchsafe.upstream.question import State
from vouchsafe.upstream.questions import KNOWN_AS_OF, MATTERS

QUIET = (
    "2026-01-09",
    "2026-06-15",
    "2026-08-25",
    KNOWN_AS_OF,
)  # on two of them cosign had a release, of no interest
FIRST = "2025-08-26"  # when the first thread was opened: nothing to compare with
SEEN = [event for event in (*HISTORY, *FUTURE) if event.seen]


class Replay(NamedTuple):
    """All checks by day, and the watch that made them."""

    watch: Watch
    checks: dict[str, Check]


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replay]:
    """A check on every day on which something happened, and on some on which nothing did."""
    with watching(Forges(EVERYTHING), tmp_path_factory.mktemp("replay")) as watch:
        watch.repositories = AS_THEN
        days = sorted({event.at for event in EVERYTHING if event.seen} | {FIRST, *QUIET})
        yield Replay(watch, {day: watch.check(day) for day in days})


@pytest.mark.parametrize("event", SEEN, ids=lambda event: f"{event.at} {event.seen[:60]}")
def test_noticed_on_its_day(replay: Replay, event: Event) -> None:
    """As news of that day, and not again later."""
    assert event.seen in texts(replay.checks[event.at])
    assert replay.checks[event.at].outcome in {"moved", "unblocked"}


@pytest.mark.parametrize("day", QUIET)
def test_quiet_days(replay: Replay, day: str) -> None:
    """Nothing is news; what was not there yet to ask is no "nothing new"."""
    done = replay.checks[day]
    assert (done.news, done.outcome) == ((), "could-not-ask" if done.unasked else "nothing-new")


def test_everything_can_be_asked_by_now(replay: Replay) -> None:
    """On the last day of the notes: every question has an answer, and each matter is where it was known to be."""
    done = replay.checks[KNOWN_AS_OF]
    assert [question.id for question, _ in done.unasked] == []
    assert {each.matter.id: each.state for each in done.standings} == {
        each.id: each.known for each in MATTERS
    }


def test_before_there_was_a_thread(replay: Replay) -> None:
    """A pull request that does not exist yet could not be asked about; its matter is not thereby "not started"."""
    unasked = {question.id: why.code for question, why in replay.checks["2025-12-24"].unasked}
    assert unasked["container-libs-625"] == "forge-missing"


@pytest.mark.parametrize(
    "day, matter, state",
    [
        ("2026-02-04", "identity", State.PROPOSED),
        ("2027-01-10", "identity", State.MERGED),
        ("2027-02-01", "identity", State.RELEASED),
        ("2027-04-01", "identity", State.ON_MY_HOSTS),
        ("2027-04-01", "plugin", State.PROPOSED),
        ("2027-05-01", "plugin", State.MERGED),
        ("2027-05-01", "gitlab-registry", State.PROPOSED),
        ("2025-09-12", "bundle-default", State.MERGED),
        ("2025-10-07", "bundle-default", State.RELEASED),
        ("2027-06-01", "legacy-removal", State.MERGED),
        ("2027-06-15", "legacy-removal", State.RELEASED),
        ("2027-07-01", "rekor-v2", State.RELEASED),
        ("2027-07-02", "gitlab-registry", State.MERGED),
    ],
)
def test_how_far(replay: Replay, day: str, matter: str, state: State) -> None:
    """Proposed, merged, released, on my hosts; with a sentence for the operator at each."""
    standing = next(each for each in replay.checks[day].standings if each.matter.id == matter)
    assert (standing.state, bool(standing.means)) == (state, True)


def test_unblocked_by_this_host_alone(replay: Replay) -> None:
    """Released is not on a host: only its own clients' answers unblock."""
    assert [replay.checks[day].outcome for day in ("2027-03-15", "2027-04-01")] == ["moved", "unblocked"]
    assert [each.id for each in replay.checks["2027-04-01"].unblocked] == ["identity"]


def test_made_again_from_memory(replay: Replay) -> None:
    """The same check, without asking anybody."""
    asked = len(replay.watch.server.requests)
    for day in ("2026-02-04", "2026-06-01", "2027-03-01"):
        again = replay.watch.again(day)
        assert (texts(again), again.outcome) == (texts(replay.checks[day]), replay.checks[day].outcome)
        assert again.compared_with == replay.checks[day].compared_with
    assert len(replay.watch.server.requests) == asked


def test_what_is_the_same_is_not_sent_again(replay: Replay) -> None:
    """Most of a later check is 304, which costs nothing."""
    requests = [each for each in replay.watch.server.requests if each.path.startswith("/github")]
    assert replay.watch.forges.served < len(requests) / 3


def test_a_first_check_fits_into_an_hour_s_limit(tmp_path: Path) -> None:
    """Of a stranger, with room for another; it is compared with what this version knew."""
    with watching(Forges((*STANDING, *HISTORY)), tmp_path) as watch:
        done = watch.check(KNOWN_AS_OF)
        assert watch.forges.served <= 50
    assert (done.outcome, done.compared_with, done.news) == ("nothing-new", None, ())


def test_nothing_of_strangers_is_kept_but_names(replay: Replay) -> None:
    """No bodies, no comments."""
    kept = replay.watch.files.read("/upstream.json", largest=1 << 30) or b""
    assert [
        text for text in (b"text of a stranger", b"/close", b"avatars", b"@everybody") if text in kept
    ] == []
