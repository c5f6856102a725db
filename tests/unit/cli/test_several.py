"""Several images at the same time: in their order, bounded, with a bar where a person watches."""

from __future__ import annotations

import io
import threading
import time

import pytest

from vouchsafe.admission import Question
from vouchsafe.cli.console import Console
from vouchsafe.cli.several import judge_all
from vouchsafe.image.reference import Reference
from vouchsafe.policy.flags import by_key
from vouchsafe.policy.verdict import Rejected, Verdict


class Terminal(io.StringIO):
    """Text that says it is a terminal."""

    def isatty(self) -> bool:
        """Yes."""
        return True


def questions(count: int) -> list[Question]:
    """So many images."""
    policy = by_key("/key.pub")
    return [
        Question(reference=Reference.parse(f"registry.example/app:v{number}"), policy=policy)
        for number in range(count)
    ]


def quiet() -> Console:
    """No terminal."""
    return Console(out=io.StringIO(), err=io.StringIO())


def test_answers_come_in_order() -> None:
    """However the threads end."""
    asked = questions(20)
    first = threading.Event()

    def judge(question: Question) -> Verdict:
        if question is asked[0]:
            assert first.wait(10)
        if question is asked[-1]:
            first.set()
        return Rejected(reference=str(question.reference))

    verdicts = judge_all(asked, judge, quiet(), most_at_once=4)
    assert [verdict.reference for verdict in verdicts] == [str(question.reference) for question in asked]


def test_no_more_than_allowed_at_once() -> None:
    """Eight of a thousand, not a thousand."""
    lock, running, most = threading.Lock(), [0], [0]

    def judge(question: Question) -> Verdict:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0)
        with lock:
            running[0] -= 1
        return Rejected(reference="x")

    judge_all(questions(50), judge, quiet(), most_at_once=3)
    assert 1 <= most[0] <= 3


@pytest.mark.parametrize("err, shows", [(Terminal(), True), (io.StringIO(), False)])
def test_a_bar_where_somebody_watches(err: io.StringIO, shows: bool) -> None:
    """On standard error, and on a terminal only."""
    console = Console(out=io.StringIO(), err=err)
    judge_all(questions(3), lambda question: Rejected(reference="x"), console, most_at_once=2)
    assert ("judging" in err.getvalue()) is shows
    assert isinstance(console.out, io.StringIO)
    assert console.out.getvalue() == ""
