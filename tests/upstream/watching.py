"""Checks against forges on loopback: what the command does, with a time and a host of the test's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.upstream.forges import Forges
from tests.upstream.history import LIBS, PODMAN, SKOPEO
from vouchsafe.adapters.hosttree import HostTree
from vouchsafe.ports import Fetched, Forge
from vouchsafe.testing.loopback import LoopbackServer
from vouchsafe.upstream.check import Check, check
from vouchsafe.upstream.inquiry import Inquiry, recalled
from vouchsafe.upstream.memory import Memory
from vouchsafe.upstream.question import Question
from vouchsafe.upstream.questions import QUESTIONS, REPOSITORIES, Repository
from vouchsafe.wiring import upstream as wired

CLIENTS = ("skopeo copy", "podman pull")


class HostOf:
    """Implements `ports.Forge` for a host whose clients know what the history says."""

    def __init__(self, forges: Forges) -> None:
        self._forges = forges

    def get(self, path: str, *, accept: str = "", etag: str = "") -> Fetched:
        known = {f"key {key}" for key in self._forges.host_keys()}
        findings = [
            {
                "client": client,
                "question": question,
                "answer": "yes" if question in known else "no",
                "evidence": "",
                "at": self._forges.today,
            }
            for client in CLIENTS
            for question in path.removeprefix("/").split("; ")
        ]
        return Fetched(text=json.dumps({"findings": findings}))


# Where they were until 2026-06-01.
AS_THEN = REPOSITORIES | {
    "container-libs": Repository(service="github", name=LIBS),
    "skopeo": Repository(service="github", name=SKOPEO),
    "podman": Repository(service="github", name=PODMAN),
}


class Watch:
    """Checks, one after the other, as of days of the history."""

    def __init__(self, forges: Forges, server: LoopbackServer, folder: Path) -> None:
        self.forges = forges
        self.server = server
        self.files = HostTree(str(folder))
        self.environ: dict[str, str] = {"HOME": "/nonexistent"}
        self.repositories = REPOSITORIES

    @property
    def urls(self) -> dict[str, str]:
        """Where each service is."""
        return {
            "github": f"{self.server.url}/github",
            "gitlab": f"{self.server.url}/gitlab/api/v4",
            "debian": f"{self.server.url}/debian",
            "fedora": f"{self.server.url}/fedora",
        }

    def check(
        self, day: str, *, questions: tuple[Question, ...] = QUESTIONS, is_recorded: bool = True
    ) -> Check:
        """Ask on a day, and remember."""
        self.forges.today = day
        at = datetime.fromisoformat(f"{day}T20:00:00+00:00")
        memory = Memory.load(self.files)
        with wired.services(self.environ, uid=0, urls=self.urls) as services:
            every: dict[str, Forge] = {**services, "host": HostOf(self.forges)}
            answers = Inquiry(memory, every, at=at, repositories=self.repositories).ask(questions)
        done = check(questions, answers, memory, at=at)
        if is_recorded:
            memory.checked(at)
        memory.save(self.files)
        return done

    def again(self, day: str) -> Check:
        """The check of a day, from memory."""
        at = datetime.fromisoformat(f"{day}T20:00:00").replace(tzinfo=UTC)
        memory = Memory.load(self.files)
        return check(QUESTIONS, recalled(QUESTIONS, memory, at=at, strict=True), memory, at=at)


@contextmanager
def watching(forges: Forges, folder: Path) -> Iterator[Watch]:
    """Served until the block ends."""
    with LoopbackServer(forges.answer) as server:
        yield Watch(forges, server, folder)


def texts(done: Check) -> str:
    """All news, one line each."""
    return "\n".join(
        f"{each.kind} {each.question or each.matter}: {each.text} <- {each.was}" for each in done.news
    )
