"""The reference host: whom it runs, when it ends them, and that nothing but one whole allow of each allows."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.plugins import executable
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.protocol.decision import Decision
from vouchsafe.protocol.request import Request
from vouchsafe.testing.plugin_host import PluginHost

DIGEST = Digest.of(b"an image")
ASKED = Request(id="7", reference=Reference.parse("registry.example/app:v1"), digest=DIGEST, seconds=60)
ALLOWED = Decision(word="allow", digest=DIGEST, verified=True)
DENIED = Decision(word="deny", code="unsigned", message="found none", digest=DIGEST)
MINE = os.geteuid()


def says(decision: Decision, status: int | None = None) -> str:
    """A shell script that answers so, whatever it is asked."""
    blob = decision.document("7", name="script", version="1").decode().strip()
    return f"#!/bin/sh\ncat > /dev/null\necho '{blob}'\nexit {decision.exit_code if status is None else status}\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder for plugins."""
    made = tmp_path / "policy-plugins.d"
    made.mkdir(mode=0o755)
    return made


def host(place: Path) -> PluginHost:
    """Of that folder alone."""
    return PluginHost(str(place), uid=MINE)


def said(place: Path, name: str = "") -> str:
    """`allow`, or the word and its code."""
    decision = host(place).ask(ASKED, name)
    return decision.word if decision.word == "allow" else f"{decision.word} {decision.code}"


def test_one_that_allows(place: Path) -> None:
    """Is run with nothing but what the protocol names, in the root folder, and told about the image."""
    script = says(ALLOWED).replace(
        "cat > /dev/null", f"cat > {place.parent}/asked; env > {place.parent}/env; pwd >&2"
    )
    executable(place / "one", script)
    environment = {"HOME": "/root", "LD_PRELOAD": "evil.so", "https_proxy": "http://proxy", "PATH": "/evil"}
    (told,) = PluginHost(str(place), environment=environment, uid=MINE).asked(ASKED)
    assert (told.plugin, told.decision.word, told.errors) == ("one", "allow", "/\n")
    assert (place.parent / "asked").read_bytes() == ASKED.document()
    given = dict(line.split("=", 1) for line in (place.parent / "env").read_text().splitlines())
    given.pop("PWD", None)
    assert given.pop("PATH").startswith("/usr/sbin")
    assert given == {"HOME": "/root", "https_proxy": "http://proxy", "LANG": "C.UTF-8"}


def test_all_must_allow(place: Path) -> None:
    """In the order of their names, up to the first that does not."""
    executable(place / "10-one", says(ALLOWED))
    executable(place / "30-three", says(ALLOWED))
    assert said(place) == "allow"
    executable(place / "20-two", says(DENIED))
    assert said(place) == "deny unsigned"
    assert [told.plugin for told in host(place).asked(ASKED)] == ["10-one", "20-two"]
    assert said(place, "30-three") == "allow"


def test_an_allow_stands_on_a_signature(place: Path) -> None:
    """Unless the policy says that it need not."""
    executable(place / "one", says(ALLOWED.replace(verified=False)))
    assert said(place) == "deny not-verified"
    assert PluginHost(str(place), uid=MINE, insecure_accept_unverified=True).ask(ASKED).word == "allow"


def test_nobody_allows_nothing(place: Path) -> None:
    """An empty folder, none at all, or no plugin of that name."""
    assert said(place) == "error plugin-missing"
    assert said(place / "nothing") == "error plugin-missing"
    executable(place / "one", says(ALLOWED))
    assert said(place, "two") == "error plugin-missing"


def test_an_administrators_plugin_stands_for_the_packages(place: Path, tmp_path: Path) -> None:
    """Of one name, that of the first folder."""
    executable(place / "one", says(DENIED))
    executable(tmp_path / "etc/one", says(ALLOWED))
    assert PluginHost(str(tmp_path / "etc"), str(place), uid=MINE).ask(ASKED).word == "allow"
    assert PluginHost(str(place), str(tmp_path / "etc"), uid=MINE).ask(ASKED).word == "deny"


UNUSABLE: dict[str, Callable[[Path], object]] = {
    "others may write it": lambda place: (place / "one").chmod(0o757),
    "a group may write it": lambda place: (place / "one").chmod(0o775),
    "others may write the folder": lambda place: place.chmod(0o777),
    "a link": lambda place: (place / "two").symlink_to("one"),
    "a folder": lambda place: (place / "two").mkdir(),
    "a name with a dot": lambda place: executable(place / "one.rpmsave", says(ALLOWED)),
    "a hidden name": lambda place: executable(place / ".one", says(ALLOWED)),
    "too many": lambda place: [executable(place / f"p{n}", says(ALLOWED)) for n in range(16)],
    "another's": lambda place: os.chown(place / "one", 12345, 12345),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_who_must_not_be_run_is_not_passed_over(place: Path, name: str) -> None:
    """Passed over, it would not have to allow."""
    if name == "another's" and MINE != 0:
        pytest.skip("only root gives files away")
    executable(place / "one", says(ALLOWED))
    assert said(place) == "allow"
    UNUSABLE[name](place)
    assert said(place) == "error plugin-missing"


BROKEN = {
    "not executable": ("", "plugin-failed"),
    "no program": ("not a program\n", "plugin-failed"),
    "nothing": ("#!/bin/sh\n", "plugin-response"),
    "not JSON": ("#!/bin/sh\necho allow\n", "plugin-response"),
    "on standard error only": (says(ALLOWED).replace("echo", "echo >&2"), "plugin-response"),
    "another exit code": (says(ALLOWED, status=1), "plugin-response"),
    "a deny that exits 0": (says(DENIED, status=0), "plugin-response"),
    "killed after it spoke": (says(ALLOWED).replace("exit 0", "kill -9 $$"), "plugin-response"),
    "two documents": (says(ALLOWED).replace("exit 0", "echo '{}'"), "plugin-response"),
    "half a document": (says(ALLOWED).replace("echo", "printf %.60s"), "plugin-response"),
    "another image": (says(ALLOWED.replace(digest=Digest.of(b"other"))), "plugin-response"),
    "another id": (says(ALLOWED).replace('"id":"7"', '"id":"8"'), "plugin-response"),
    "hangs": ("#!/bin/sh\nexec sleep 60\n", "plugin-failed"),
    "hangs after it spoke": (says(ALLOWED).replace("exit 0", "exec sleep 60 >&-"), "plugin-failed"),
    "does not stop": ("#!/bin/sh\nexec yes\n", "plugin-failed"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_not_one_whole_allow(place: Path, name: str) -> None:
    """Is an error, and denies."""
    script, code = BROKEN[name]
    path = executable(place / "one", script)
    if not script:
        path.chmod(0o644)
    seconds = 0.2 if name.startswith("hangs") else ASKED.seconds
    decision = PluginHost(str(place), uid=MINE).ask(ASKED.replace(seconds=seconds))
    assert (decision.word, decision.code) == ("error", code)


def test_what_it_started_ends_with_it(place: Path) -> None:
    """Nobody waits for a child that holds the pipes beyond the time there is; nor is it left behind."""
    mark = place.parent / "child"
    child = f"sleep 600.{os.getpid()}"  # nobody else's
    executable(place / "one", says(ALLOWED).replace("cat >", f"(echo $$; {child}) > {mark} &\ncat >"))
    executable(place / "two", says(ALLOWED).replace("cat >", f"{child} &\ncat >"))
    assert said(place) == "allow"
    ends = time.monotonic() + 60  # a signal was sent to it; when it dies is the kernel's affair
    while child in subprocess.check_output(["ps", "-eo", "args"], text=True):
        assert time.monotonic() < ends


def test_it_need_not_read(place: Path) -> None:
    """A request of megabytes that nobody wants to hear."""
    executable(place / "one", says(ALLOWED).replace("cat > /dev/null", "exec <&-"))
    large = b" " * 4_000_000
    asked = ASKED.replace(manifest=large, digest=Digest.of(large))
    decision = host(place).ask(asked)
    assert (decision.word, decision.code) == ("error", "plugin-response")
