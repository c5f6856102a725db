"""Several tasks at once: in order, the first failure told, nothing begun after it."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from vouchsafe.errors import Unavailable
from vouchsafe.signing.together import together


def fail(code: str) -> int:
    """A failure of ours."""
    raise Unavailable(code, "down")


@pytest.mark.parametrize("most", [1, 2, 8])
def test_in_order(most: int) -> None:
    """Whatever ends first."""
    assert together([partial(int, str(n)) for n in range(5)], most=most) == [0, 1, 2, 3, 4]


def test_nothing() -> None:
    """No tasks, no results."""
    empty: list[partial[int]] = []
    assert together(empty, most=4) == []


def test_at_the_same_time() -> None:
    """Two tasks that wait for each other both end."""
    barrier = threading.Barrier(2, timeout=30)
    assert sorted(together([barrier.wait, barrier.wait], most=2)) == [0, 1]


@pytest.mark.parametrize("most", [1, 4])
def test_the_first_failure(most: int) -> None:
    """By the order of the tasks."""
    with pytest.raises(Unavailable) as raised:
        together([partial(int, "1"), partial(fail, "second"), partial(fail, "third")], most=most)
    assert raised.value.code == "second"


def test_nothing_is_begun_after_a_failure() -> None:
    """One thread, a failure, and many more tasks: none of them runs."""
    begun: list[int] = []
    tasks = [partial(fail, "down"), *(partial(begun.append, n) for n in range(100))]
    with pytest.raises(Unavailable):
        together(tasks, most=1)  # type: ignore[arg-type]
    assert begun == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_crash_is_not_lost() -> None:
    """An error that is not ours ends in one here too."""
    with pytest.raises((RuntimeError, ValueError)):  # the second where this very thread met it
        together([partial(int, "x"), partial(int, "1")], most=2)


def test_an_interrupt_waits_for_nobody() -> None:
    """^C comes to the main thread; what another one waits for does not hold it up."""
    over = threading.Event()

    def task() -> bool:
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        return over.wait(30)

    with pytest.raises(KeyboardInterrupt):
        together([task, task, task], most=3)
    assert not over.is_set()
    over.set()
