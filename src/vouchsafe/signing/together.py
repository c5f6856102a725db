"""Several things at once, in threads: signing is mostly waiting for a log that needs its time.

All are done before one failure is told, so that no thread of ours is still writing when the caller goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from vouchsafe.errors import VouchsafeError

T = TypeVar("T")


def together(tasks: Sequence[Callable[[], T]], *, most: int) -> list[T]:
    """Every task's result, in their order; the first failure (by that order) is raised when all have ended.

    After a failure no further task is begun.
    """
    if len(tasks) == 1 or most == 1:
        return [task() for task in tasks]
    results: dict[int, T] = {}
    failures: dict[int, VouchsafeError] = {}
    waiting = iter(range(len(tasks)))
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                number = next(waiting, None)
                if number is None or failures:
                    return
            try:
                results[number] = tasks[number]()
            except VouchsafeError as error:
                failures[number] = error
                return

    _run(work, min(most, len(tasks)))
    if failures:
        raise failures[min(failures)]
    if len(results) < len(tasks):  # an error of ours ended a thread, which has shown its trace
        raise RuntimeError("expected every task to end, got a crash")
    return [results[number] for number in range(len(tasks))]


def _run(work: Callable[[], None], workers: int) -> None:
    """In so many threads. This is one of them: another takes longer to start than many a request."""
    threads = [threading.Thread(target=work, daemon=True) for _ in range(workers - 1)]
    for thread in threads:
        thread.start()
    waited_for = threads
    try:
        work()
    except KeyboardInterrupt:  # who presses ^C waits for nobody
        waited_for = []
        raise
    finally:
        for thread in waited_for:
            thread.join()
