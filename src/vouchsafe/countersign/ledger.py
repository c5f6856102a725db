"""Writes down what was answered: in the journal with a stable id, and in the store for `vouchsafe log`.

Only what was judged, not what was said again; a write waits for nobody and nobody waits for a write.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

from vouchsafe.countersign.desk import Observer, Told
from vouchsafe.countersign.inquiry import Inquiry
from vouchsafe.countersign.request import Asked
from vouchsafe.countersign.rows import Line
from vouchsafe.countersign.store import Store
from vouchsafe.errors import VouchsafeError, printable
from vouchsafe.ports import Clock

# journalctl MESSAGE_ID=…
ACCEPTED_ID = "f0e7962e59784b9faa1ad8813f00c0fd"
REFUSED_ID = "263eae72dd2441058d3abf35f9528c3e"
CONDITION_ID = "d9af47f9698e48cf949a780940bf88eb"
INFORMATION, WARNING, ERROR = 6, 4, 3  # syslog's priorities
MOST_UNWRITTEN = 2_000  # lines that wait to be written; older ones are dropped
NOBODY = -1  # as uid: the caller hung up, or could not be told


class Journal(Protocol):
    """Takes structured lines; `vouchsafe.adapters.systemd` is one."""

    def write(self, message: str, message_id: str, priority: int, **fields: str) -> None:
        """One entry."""


class Ledger:
    """An Observer that keeps books."""

    def __init__(self, journal: Journal, store: Store, clock: Clock, observers: tuple[Observer, ...]) -> None:
        """`observers` are told too."""
        self._journal = journal
        self._store = store
        self._clock = clock
        self._observers = observers
        self._unwritten: deque[Line] = deque(maxlen=MOST_UNWRITTEN)
        self._writing = threading.Lock()

    def given(self, told: Told) -> None:
        """One answer."""
        for observer in self._observers:
            observer.given(told)
        asked, answer = told.asked, told.answer
        if asked is None or told.remembered or answer.outcome == "not-ours":
            return
        uid = NOBODY if told.uid is None else told.uid
        name = f"{asked.repository}@{asked.digest}"
        self._unwritten.append(
            Line(
                at=self._clock.now(),
                uid=uid,
                repository=asked.repository.name,
                digest=str(asked.digest),
                scope="",
                outcome=answer.outcome,
                code=answer.code,
                message=answer.message,
            )
        )
        accepted = answer.outcome == "accepted"
        said = "" if accepted else f": {answer.message} [{answer.code}]"
        self._journal.write(
            printable(f"{answer.outcome} {name}{said}"),
            ACCEPTED_ID if accepted else REFUSED_ID,
            INFORMATION if accepted else WARNING,
            VOUCHSAFE_IMAGE=name,
            VOUCHSAFE_OUTCOME=answer.outcome,
            VOUCHSAFE_CODE=answer.code,
            VOUCHSAFE_UID=str(uid),
            **_asked_for(asked),
        )

    def condition(self, message: str, *, code: str = "", broken: bool = False) -> None:
        """Something about the service itself."""
        self._journal.write(
            printable(message), CONDITION_ID, ERROR if broken else INFORMATION, VOUCHSAFE_CODE=code
        )

    def write(self, report: Callable[[BaseException], None]) -> None:
        """Put what waits into the store; what cannot be written is dropped, and said."""
        with self._writing:
            lines: list[Line] = []
            while self._unwritten:
                lines.append(self._unwritten.popleft())
            if not lines:
                return
            try:
                self._store.log(lines)
            except VouchsafeError as error:
                report(error)


def _asked_for(asked: Asked | Inquiry) -> dict[str, str]:
    """The name and the place that a plugin's question carries, and a client's does not."""
    if isinstance(asked, Asked):
        return {}
    return {"VOUCHSAFE_REFERENCE": str(asked.reference), "VOUCHSAFE_PHYSICAL": asked.physical}
