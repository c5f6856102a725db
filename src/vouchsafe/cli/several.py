"""Judges several images at the same time, and answers in the order they were named.

Threads, because a verdict is mostly waiting for a registry; they end with the process when it is
interrupted. A progress bar only where a person watches standard error.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

from vouchsafe.admission import Question
from vouchsafe.cli.console import Console
from vouchsafe.policy.verdict import Verdict

Judge = Callable[[Question], Verdict]
Step = Callable[[str], None]


def judge_all(
    questions: Sequence[Question], judge: Judge, console: Console, *, most_at_once: int
) -> tuple[Verdict, ...]:
    """A verdict for each question, in their order. `judge` never raises."""
    waiting: queue.SimpleQueue[tuple[int, Question]] = queue.SimpleQueue()
    answers: queue.SimpleQueue[tuple[int, Verdict | None]] = queue.SimpleQueue()
    for numbered in enumerate(questions):
        waiting.put(numbered)

    def work() -> None:
        while True:
            try:
                number, question = waiting.get_nowait()
            except queue.Empty:
                return
            verdict = None
            try:
                verdict = judge(question)
            finally:  # whatever ends this thread: nobody waits for it
                answers.put((number, verdict))

    for _ in range(min(most_at_once, len(questions))):
        threading.Thread(target=work, daemon=True).start()
    found: dict[int, Verdict] = {}
    with _progress(len(questions), console) as step:
        while len(found) < len(questions):
            number, verdict = answers.get()
            if verdict is None:
                raise RuntimeError("a thread has ended")
            found[number] = verdict
            step(verdict.word)
    return tuple(found[number] for number in range(len(questions)))


def _progress(total: int, console: Console) -> AbstractContextManager[Step]:
    if not console.err.isatty():
        return nullcontext(lambda _: None)
    from vouchsafe.cli.progress import bar  # `rich` is for a person who watches

    return bar(total, console)
