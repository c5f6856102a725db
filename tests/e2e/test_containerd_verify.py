"""The verifier as a process, without containerd: nothing but a sound yes leaves with 0, and it says why."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containerd_lab import SHIPPED, verifier_of
from tests.countersigning import Machine
from vouchsafe.image.digest import Digest
from vouchsafe.plugin.containerd import DESCRIPTOR
from vouchsafe.testing.registry import RegistryServer

SECONDS = 60


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A host with a policy for acme, and a signed image."""
    if os.geteuid() != 0:
        pytest.skip("only root makes files that a verifier believes")
    with RegistryServer() as registry:
        made = Machine(tmp_path_factory.mktemp("verify"), registry, below_root=True)
        made.edit({f"{registry.address}/acme": [made.keyless()]})
        yield made
        made.close()


@pytest.fixture(scope="module")
def signed(machine: Machine) -> Digest:
    """An image that the policy accepts."""
    digest = machine.image()
    machine.bundle(digest)
    return digest


def flags(machine: Machine, digest: Digest) -> list[str]:
    """containerd's words about it."""
    name = f"{machine.name()}:v1"
    return ["-name", name, "-digest", str(digest), "-stdin-media-type", DESCRIPTOR]


def descriptor(digest: Digest) -> str:
    """containerd's standard input."""
    return f'{{"mediaType":"x","digest":"{digest}","size":7}}\n'


def program(machine: Machine, **more: object) -> str:
    """The program that we ship, for that machine."""
    name = "".join(f"-{each}" for each in more)
    python = machine.folder / f"python{name}"
    python.write_text(verifier_of(machine.folder, **more))
    python.chmod(0o755)
    made = machine.folder / f"vouchsafe{name}"
    made.write_text(SHIPPED.read_text().replace("python=/usr/bin/python3", f"python={python}"))
    made.chmod(0o755)
    return str(made)


def asked(command: list[str], given: str) -> tuple[int, str]:
    """How it ended and what it said."""
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=SECONDS)
    return done.returncode, done.stdout


def test_a_sound_yes(machine: Machine, signed: Digest) -> None:
    """0, and one line."""
    command = [program(machine), *flags(machine, signed)]
    code, said = asked(command, descriptor(signed))
    assert (code, said.startswith("vouchsafe: accepted: "), said.count("\n")) == (0, True, 1)


def test_an_answer_that_cannot_be_said_is_no_yes(machine: Machine, signed: Digest) -> None:
    """Standard output on a full disk, or closed."""
    command = [program(machine), *flags(machine, signed)]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, input=descriptor(signed).encode(), stdout=full, check=False)
    assert done.returncode not in {0, -9}


@pytest.mark.parametrize("given", ["", "{}", "{", "\x00" * 100])
def test_what_is_no_descriptor(machine: Machine, signed: Digest, given: str) -> None:
    """64, and why."""
    command = [program(machine), *flags(machine, signed)]
    code, said = asked(command, given)
    assert (code, said.startswith("vouchsafe: rejected: json-")) == (64, True)


def test_standard_input_that_is_closed(machine: Machine, signed: Digest) -> None:
    """Nobody described anything."""
    words = [program(machine), *flags(machine, signed)]
    code, said = asked(["/bin/sh", "-c", 'exec "$@" <&-', "sh", *words], "")
    assert (code, said.startswith("vouchsafe: rejected: ")) == (64, True)


def test_standard_input_that_never_ends(machine: Machine, signed: Digest) -> None:
    """It says so when its time is over, before containerd kills it without a word."""
    command = [program(machine, seconds=0.3), *flags(machine, signed)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        assert process.wait(SECONDS) == 2
    assert said == "vouchsafe: undecided: deadline: expected an answer within 0.3 s, got none\n"


def test_without_a_single_word(machine: Machine) -> None:
    """As `containerd check` tries it."""
    code, said = asked([program(machine)], "{}")
    assert (code, said) == (
        64,
        "vouchsafe: rejected: containerd-question: expected -name, got none\n",
    )


def test_a_registry_that_does_not_answer(machine: Machine, signed: Digest) -> None:
    """Undecided, which is a no."""
    machine.edit({"127.0.0.1:1": [machine.keyless()]})
    words = ["-name", "127.0.0.1:1/app:v1", "-digest", str(signed), "-stdin-media-type", DESCRIPTOR]
    code, said = asked([program(machine), *words], descriptor(signed))
    assert (code, said.startswith("vouchsafe: undecided: connection-refused: ")) == (2, True)


def test_the_program_that_we_ship_finds_nobody(machine: Machine, tmp_path: Path) -> None:
    """Without an interpreter it is a no with a reason."""
    made = tmp_path / "vouchsafe"
    made.write_text(SHIPPED.read_text().replace("python=/usr/bin/python3", f"python={tmp_path}/python"))
    made.chmod(0o755)
    assert asked([str(made)], "") == (
        2,
        f"vouchsafe: undecided: internal: expected {tmp_path}/python, got none\n",
    )
    assert SHIPPED.stat().st_mode & 0o777 == 0o755
