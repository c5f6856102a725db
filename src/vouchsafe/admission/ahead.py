"""Reads ahead: what is asked for next is fetched while this is looked at, and more of it the longer it takes.

The first item is fetched alone, because most images have one signature and a second request would be for
nothing; then 2, 4 and up to MOST_AHEAD at the same time, because whoever has a hundred has two hundred
round trips to wait for. Answers come in the order of the items, whatever the network does.

>>> list(ahead(str.upper, "abc"))
['A', 'B', 'C']
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

MOST_AHEAD = 8  # fetched at the same time

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def ahead(fetch: Callable[[Item], Answer], items: Iterable[Item]) -> Generator[Answer, None, None]:
    """`fetch`, which must be thread-safe, of each item; what it raises is raised when its turn comes.

    Closing the iterator ends it; what is being fetched at that moment is not waited for.
    """
    rest = iter(items)
    for first in islice(rest, 1):
        yield fetch(first)
    asked: SimpleQueue[Any] = SimpleQueue()  # (item, where the answer goes), or None: go home
    waiting: deque[SimpleQueue[Any]] = deque()
    threads, width = 0, 1
    try:
        while True:
            width = min(2 * width, MOST_AHEAD)
            for item in islice(rest, width - len(waiting)):
                waiting.append(SimpleQueue())
                asked.put((item, waiting[-1]))
                if threads < width:
                    threads += 1
                    # Daemons: a process that has its verdict does not wait for them.
                    threading.Thread(target=_work, args=(fetch, asked), daemon=True).start()
            if not waiting:
                return
            answer, error = waiting.popleft().get()
            if error is not None:
                raise error
            yield answer
    finally:
        with suppress(Empty):
            while True:
                asked.get_nowait()
        for _ in range(threads):
            asked.put(None)


def _work(fetch: Callable[[Any], Any], asked: SimpleQueue[Any]) -> None:
    while (job := asked.get()) is not None:
        item, there = job
        told: tuple[Any, Exception | None] = (None, RuntimeError("a thread has ended"))
        try:
            told = (fetch(item), None)
        except Exception as error:  # noqa: BLE001  # raised where it is waited for
            told = (None, error)
        finally:  # whatever ends this thread: nobody waits for it
            there.put(told)
