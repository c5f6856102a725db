"""Pulls by real clients, each written down: whether the policy allows it, and what became of it.

A client here is the program itself with a home of its own, whose files outrank /etc: policy.json, registries.d
and registries.conf of the host below a folder. `make test` prints the sum of all books; a test whose book has
no acceptance or no refusal has proven nothing and fails (the fixture `pulls`, tests/conftest.py).
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from vouchsafe.adapters.children import Children
from vouchsafe.errors import Unavailable

LONGEST = 180.0  # seconds of one pull: clients have no time-out where a lookaside hangs
BY_POLICY = "ource image rejected"  # what skopeo and podman say of a pull that the policy ended
JUDGING = ("signature", "policy", "email", "certificate", "/keys/", "no data")
# podman asks three times, a second apart, and has the same answer each time: once is proof enough.
ONCE = "[engine]\nretry = 0\n"


class Pulls:
    """The book of one test."""

    def __init__(self) -> None:
        self.accepted = 0
        self.refused = 0
        self.wrongly_accepted = 0

    def note(self, who: str, image: str, said: str, *, pulled: bool, allowed: bool) -> None:
        """One pull. What the policy refuses must not have been pulled, and the other way round."""
        self.accepted += pulled and allowed
        self.refused += not pulled and not allowed
        self.wrongly_accepted += pulled and not allowed
        assert pulled or not allowed, f"expected {who} to pull {image}, got: {said}"
        assert allowed or not pulled, f"expected {who} to be refused {image}, got it"

    def rehearsed(self, legs: Iterable[Mapping[str, Any]]) -> None:
        """What `vouchsafe host smoke -o json` says that its clients did."""
        for leg in legs:
            pulled, allowed = (leg[key] == "pulled" for key in ("got", "expected"))
            self.note(leg["client"], leg["leg"], "", pulled=pulled, allowed=allowed)

    def properties(self) -> list[tuple[str, object]]:
        """As junit.xml has them."""
        return [(f"pulls-{name.replace('_', '-')}", number) for name, number in vars(self).items()]

    def settle(self) -> None:
        """A refusal is worth something beside an acceptance alone: a client that cannot pull refuses too."""
        assert self.accepted, "expected a pull that is accepted, got none: the refusals prove nothing"
        assert self.refused, "expected a pull that is refused, got none"


class Client:
    """A program that pulls. `name` is what people call it; `containers` is the host's /etc/containers."""

    name = ""
    tells_why = True  # whether it shows the reason phrase of what was answered

    def __init__(self, program: Path, containers: Path, scratch: Path, pulls: Pulls) -> None:
        self.program = program
        self.pulls = pulls
        self.scratch = scratch / f"{program.name}-{type(self).__name__}"
        self.home = self.scratch / "home"
        (self.home / ".config").mkdir(parents=True)
        (self.home / ".config/containers").symlink_to(containers)
        (self.scratch / "containers.conf").write_text(ONCE, encoding="utf-8")
        self.variables: dict[str, str] = {}
        self._count = 0

    def accepts(self, image: str, *options: str) -> None:
        """The policy allows this pull, and it succeeds."""
        pulled, said = self.pull(image, *options)
        self.pulls.note(self.name, image, said, pulled=pulled, allowed=True)

    def refuses(self, image: str, *options: str, says: str = "") -> str:
        """The policy does not allow it, and that is why it fails; what the client said."""
        pulled, said = self.pull(image, *options)
        self.pulls.note(self.name, image, said, pulled=pulled, allowed=False)
        assert self.blames_policy(said), f"expected {self.name} to speak of the policy, got: {said}"
        assert not self.tells_why or says in said, f"expected {says!r} from {self.name}, got: {said}"
        return said

    def waits(self, image: str, seconds: float) -> None:
        """It has no answer yet, and nothing was pulled."""
        try:
            pulled, said = self.pull(image, seconds=seconds)
        except (subprocess.TimeoutExpired, Unavailable):
            pulled, said = False, "no answer"
        self.pulls.note(self.name, image, said, pulled=pulled, allowed=False)
        assert said == "no answer", f"expected {self.name} to wait, got: {said}"

    def blames_policy(self, said: str) -> bool:
        """Whether these words are about the policy, and not about a network or a disk."""
        return BY_POLICY in said

    def pull(self, image: str, *options: str, seconds: float = LONGEST) -> tuple[bool, str]:
        """Whether it was pulled, and what the client said. subprocess.TimeoutExpired, Unavailable."""
        raise NotImplementedError

    @property
    def environment(self) -> dict[str, str]:
        """What the program sees: nothing of whoever runs the tests."""
        conf = str(self.scratch / "containers.conf")
        own = {"PATH": os.environ["PATH"], "HOME": str(self.home), "CONTAINERS_CONF_OVERRIDE": conf}
        return own | self.variables

    def start(self, image: str) -> subprocess.Popen[str]:
        """The pull, under way."""
        return subprocess.Popen(
            self.command(image),
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ended(self, process: subprocess.Popen[str], image: str) -> str:
        """A pull that was started has come to nothing, by policy; what the client said."""
        _, said = process.communicate(timeout=LONGEST)
        self.pulls.note(self.name, image, said, pulled=process.returncode == 0, allowed=False)
        assert self.blames_policy(said), said
        return said

    def command(self, image: str, *options: str) -> list[Any]:
        """The program and its words."""
        raise NotImplementedError

    def _run(self, command: list[Any], seconds: float) -> tuple[bool, str]:
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, timeout=seconds
        )
        return done.returncode == 0, done.stderr


class Skopeo(Client):
    """`skopeo copy`, which judges; `skopeo inspect` does not."""

    name = "skopeo copy"

    def command(self, image: str, *options: str) -> list[Any]:
        self._count += 1
        target = self.scratch / str(self._count)
        flags = ("copy", "--remove-signatures", "--src-tls-verify=false", *options)
        return [self.program, *flags, f"docker://{image}", f"dir:{target}"]

    def pull(self, image: str, *options: str, seconds: float = LONGEST) -> tuple[bool, str]:
        return self._run(self.command(image, *options), seconds)

    def copy(self, source: str, target: str, *options: str) -> None:
        """A copy that judges nothing, from one place to another."""
        flags = (
            "--quiet",
            "--preserve-digests",
            "--src-tls-verify=false",
            "--dest-tls-verify=false",
            *options,
        )
        done, said = self._run([self.program, "--insecure-policy", "copy", *flags, source, target], LONGEST)
        assert done, said


class Podman(Client):
    """`podman pull`, into a storage of its own. It asks anew for what it has there.

    `storage` may be shared by tests: to make one costs more than a pull.
    """

    name = "podman pull"

    def __init__(
        self, program: Path, containers: Path, scratch: Path, pulls: Pulls, storage: Path | None = None
    ) -> None:
        super().__init__(program, containers, scratch, pulls)
        self.storage = storage or self.scratch

    def command(self, image: str, *options: str) -> list[Any]:
        return [*self._podman, "pull", "--tls-verify=false", *options, f"docker://{image}"]

    def pull(self, image: str, *options: str, seconds: float = LONGEST) -> tuple[bool, str]:
        return self._run(self.command(image, *options), seconds)

    @property
    def _podman(self) -> list[Any]:
        where = self.storage
        storage = ("--root", where / "root", "--runroot", where / "run", "--tmpdir", where / "passing")
        return [self.program, *storage, "--storage-driver", "vfs"]


class Proxy(Client):
    """`skopeo experimental-image-proxy`: what bootc and rpm-ostree pull through."""

    name = "image proxy"

    def command(self, image: str, *options: str) -> list[Any]:
        return [self.program, "experimental-image-proxy", "--tls-verify=false", *options]

    def blames_policy(self, said: str) -> bool:
        """It hands the reason on without a preface; of a key's file or of gpgme it has no more than that."""
        return any(word in said.lower() for word in JUDGING)

    def pull(self, image: str, *options: str, seconds: float = LONGEST) -> tuple[bool, str]:
        words = [str(word) for word in self.command(image, *options)]
        said = Children().open_image(
            words, f"docker://{image}", seconds=seconds, environment=self.environment
        )
        return not said, said


class Fleet:
    """All clients of a host, by the names of the fixtures that provide them."""

    def __init__(self, clients: dict[str, Client]) -> None:
        self.clients = clients

    def __getitem__(self, name: str) -> Client:
        """One of them; the test is skipped where it is missing."""
        if name not in self.clients:
            pytest.skip(f"{name} is missing")
        return self.clients[name]

    def only(self, *names: str) -> Fleet:
        """A part of it."""
        return Fleet({name: client for name, client in self.clients.items() if name in names})

    def accepts(self, image: str, *, but: tuple[str, ...] = ()) -> None:
        """Every one pulls it, except `but`."""
        for name, client in self.clients.items():
            if name not in but:
                client.accepts(image)

    def refuses(self, image: str, *, says: str = "", but: tuple[str, ...] = ()) -> None:
        """None pulls it, and each says so."""
        for name, client in self.clients.items():
            if name not in but:
                client.refuses(image, says=says)
