"""A client is asked about an image that it judges by itself, and believed only where it would refuse one too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.hosts import Host, Said, Script
from tests.unit.host.test_plan import policy
from vouchsafe.adapters.hosttree import scratch
from vouchsafe.errors import Unavailable
from vouchsafe.host.native import Native
from vouchsafe.host.plan import Wish
from vouchsafe.host.pullers import Tools
from vouchsafe.image.reference import Reference
from vouchsafe.machine import Started
from vouchsafe.policy.compile import compile_policy

IMAGE = Reference.parse("registry.example/acme/app:v1")
REJECTED = "is rejected by policy"


class Proxy:
    """Says this under a policy that refuses everything, and that under the compiled one."""

    def __init__(self, refused: str | Unavailable, compiled: str | Unavailable) -> None:
        self.answers = {"refused.json": refused, "compiled.json": compiled}
        self.commands: list[tuple[str, ...]] = []

    def start(
        self, command: Sequence[str], *, environment: dict[str, str] | None = None, errors: bool = False
    ) -> Started:
        raise AssertionError("nothing is started")

    def open_image(
        self,
        command: Sequence[str],
        reference: str,
        *,
        seconds: float,
        environment: dict[str, str] | None = None,
    ) -> str:
        assert reference == str(IMAGE)
        self.commands.append(tuple(command))
        answer = self.answers[command[2].rpartition("/")[2]]
        if isinstance(answer, Unavailable):
            raise answer
        return answer


def words(folder: Path, proxy: Proxy, *programs: str) -> str | None:
    """What is made of it."""
    host = Host(folder)
    host.write("/etc/containers/registries.d/theirs.yaml", "docker: {}\n")
    compiled = compile_policy(policy(), Wish(is_live=True).host)
    with scratch() as place:
        tools = Tools(
            runner=Script(dict.fromkeys(programs, lambda _: Said())),
            starter=proxy,
            scratch=place,
            environment={},
            is_root=True,
        )
        found = Native(compiled, host.files, tools, ("--registries-conf", "/x")).words_about(IMAGE)
        for name in ("theirs.yaml", "vouchsafe.yaml") if proxy.commands else ():
            assert place.look(f"/registries.d/{name}").kind == "file"
    return found


@pytest.mark.parametrize(
    "refused, compiled, expected",
    [
        (REJECTED, "", ""),
        (REJECTED, "no signature exists", "no signature exists"),
        ("", "", None),
        ("", "anything", None),
        (REJECTED, Unavailable("program", "it hangs"), "it hangs"),
        (Unavailable("program", "it hangs"), "", None),
        ("connection refused", "connection refused", None),
    ],
)
def test_a_client(
    tmp_path: Path, refused: str | Unavailable, compiled: str | Unavailable, expected: str | None
) -> None:
    """One that opens what is refused to everybody looks at no policy (Debian 12), and says nothing."""
    proxy = Proxy(refused, compiled)
    assert words(tmp_path, proxy, "skopeo") == expected
    assert all(
        command[-3:] == ("--registries-conf", "/x", "experimental-image-proxy") for command in proxy.commands
    )


def test_no_client(tmp_path: Path) -> None:
    """Nobody is asked."""
    proxy = Proxy("", "")
    assert (words(tmp_path, proxy, "podman"), proxy.commands) == (None, [])
