"""The host's own client is asked whether it loads what would be written; only positive evidence counts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.hosts import Host, Said, Script
from tests.unit.host.test_plan import SCOPE, policy
from vouchsafe.adapters.hosttree import scratch
from vouchsafe.adapters.process import Programs
from vouchsafe.errors import Unavailable
from vouchsafe.host import clients
from vouchsafe.host.objection import Objection
from vouchsafe.host.plan import Wish
from vouchsafe.policy.compile import compile_policy

COPIED = Said()
REFUSED = Said(
    1, b"", b'level=fatal msg="Source image rejected: Running image dir:/x is rejected by policy."'
)
TRIED = Said(1, b"", b"dial tcp 127.0.0.1:1: connect: connection refused")
NO_POLICY = Said(1, b"", b'first\nlevel=fatal msg="Error loading trust policy: Unknown key"\n')
TWICE = Said(1, b"", b'"docker" namespace "a" defined both in')


def objections(host: Host, runner: Script | Programs) -> list[Objection]:
    """What speaks against enabling with these clients."""
    compiled = compile_policy(policy(), Wish(is_live=True).host)
    with scratch() as place:
        return list(clients.objections(compiled, host.files, runner, place))


def skopeo(of_policy: Said, of_registries: Said) -> Script:
    """One that says this of a policy, and that of registries.d."""

    def answer(command: Sequence[str]) -> Said:
        return of_registries if "--registries.d" in command else of_policy

    return Script({"skopeo": answer})


@pytest.mark.parametrize(
    "of_policy, of_registries, says",
    [
        (COPIED, TRIED, ""),
        (REFUSED, TRIED, ""),
        (NO_POLICY, TRIED, "Unknown key"),
        (Said(1, b"", b"no such file"), TRIED, "no such file"),
        (Said(2), TRIED, "exit 2"),
        (COPIED, TWICE, "defined both in"),
        (COPIED, COPIED, "exit 0"),
    ],
)
def test_only_positive_evidence_counts(
    tmp_path: Path, of_policy: Said, of_registries: Said, says: str
) -> None:
    """A copy, a refusal by the policy, a connection that was tried; anything else is an objection."""
    found = objections(Host(tmp_path), skopeo(of_policy, of_registries))
    assert [each.code for each in found] == (["host-client-refuses"] if says else [])
    assert all(says in each.message for each in found)


def test_without_a_client(tmp_path: Path) -> None:
    """Nobody can be asked; that is said and stops nothing."""
    found = objections(Host(tmp_path), Script({}))
    assert [(each.code, each.severity) for each in found] == [("host-no-client", "warns")]


def test_a_client_that_hangs(tmp_path: Path) -> None:
    """Does not load."""

    def hang(command: Sequence[str]) -> Said:
        raise Unavailable("program-timeout", "expected skopeo to end in time, got no end")

    found = objections(Host(tmp_path), Script({"skopeo": hang}))
    assert [each.code for each in found] == ["host-client-refuses"]


@pytest.mark.peers
@pytest.mark.parametrize(
    "extra, loads", [("", True), (f"docker:\n  {SCOPE}:\n    lookaside: x\n", False), ("[", False)]
)
def test_a_real_skopeo(tmp_path: Path, skopeo: Path, extra: str, loads: bool) -> None:
    """Loads what we write; together with a file that names a scope of ours again, or is no YAML, it does not."""
    host = Host(tmp_path / "root")
    host.write("/etc/containers/registries.d/vouchsafe.yaml", "what is replaced is left out\n[")
    if extra:
        host.write("/etc/containers/registries.d/other.yaml", extra)
    found = objections(host, Programs(_path(tmp_path, skopeo)))
    assert [each.code for each in found] == ([] if loads else ["host-client-refuses"])


@pytest.mark.peers
def test_a_skopeo_that_cannot(tmp_path: Path, skopeo_openpgp: Path) -> None:
    """Debian 12's does not know `pki`, and says so before anything is changed."""
    found = objections(Host(tmp_path / "root"), Programs(_path(tmp_path, skopeo_openpgp)))
    assert [(each.code, "pki" in each.message) for each in found] == [("host-client-refuses", True)]


def _path(folder: Path, program: Path) -> str:
    """A PATH on which that program is skopeo."""
    (folder / "bin").mkdir()
    (folder / "bin" / "skopeo").symlink_to(program)
    return str(folder / "bin")
