"""Each configuration that the guard refuses, walked around for real: containerd pulls what its verifier refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli_lab import run
from tests.containerd_lab import Containerd
from vouchsafe import wiring
from vouchsafe.host.containerd import guard, settings, smoke
from vouchsafe.host.containerd.settings import IMAGES, VERIFIER
from vouchsafe.host.objection import Objection
from vouchsafe.testing.pull_cases import layer
from vouchsafe.testing.registry import RegistryServer, push_image
from vouchsafe.wiring import machine

pytestmark = pytest.mark.peers

REFUSE = "#!/bin/sh\necho vouchsafe: rejected: test: no\nexit 1\n"
HANG = "#!/bin/sh\nexec sleep 60\n"
# What is said after the file that we ship, the guard's word for it, and whether `ctr images pull` asks then.
AROUND = {
    "containerd-local-pull": (f'[plugins."{IMAGES}"]\nuse_local_image_pull = true', True),
    "containerd-downloads": (f'[plugins."{IMAGES}"]\nmax_concurrent_downloads = 4', True),
    "containerd-discards-layers": (f'[plugins."{IMAGES}"]\ndiscard_unpacked_layers = true', True),
    "containerd-snapshot-annotations": (f'[plugins."{IMAGES}"]\ndisable_snapshot_annotations = false', True),
    "containerd-sync-fs": (f'[plugins."{IMAGES}"]\nimage_pull_with_sync_fs = true', True),
    "containerd-registry-tables mirrors": (
        f'[plugins."{IMAGES}".registry.mirrors."a.example"]\nendpoint = ["http://b.example"]',
        True,
    ),
    "containerd-registry-tables configs": (
        f'[plugins."{IMAGES}".registry.configs."a.example".auth]\nusername = "a"\npassword = "b"',
        True,
    ),
    "containerd-registry-tables auths": (
        f'[plugins."{IMAGES}".registry.auths."http://a.example"]\nusername = "a"\npassword = "b"',
        True,
    ),
    "containerd-max-verifiers": (f'[plugins."{VERIFIER}"]\nmax_verifiers = 0', False),
}


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    """One that nobody signed."""
    with RegistryServer() as registry:
        push_image(registry.store, "acme/app", content=layer(b"app"))
        yield registry.reference("acme/app")


def refusals(containerd: Containerd) -> list[str]:
    """What the command refuses, asking the real program; without a policy there is always one."""
    words = ["--containerd", str(containerd.program), "--config", str(containerd.main)]
    said = run("containerd", "check", *words, "-o", "json").json
    found = [each["code"] for each in said["objections"] if each["severity"] == "refuses"]
    return [code for code in found if code != "containerd-policy-missing"]


@pytest.mark.parametrize("case", AROUND)
def test_what_the_guard_refuses_walks_around(
    case: str, image: str, tmp_path: Path, containerd_program: Path
) -> None:
    """CRI pulls what the verifier refuses; the guard names the setting, and nothing else."""
    more, is_asked = AROUND[case]
    with Containerd(tmp_path / "c", containerd_program, more=more) as containerd:
        containerd.verifier(REFUSE)
        assert containerd.transfer(image).ok is not is_asked
        assert containerd.cri(image).ok
        assert refusals(containerd) == [case.partition(" ")[0]]


def test_a_verifier_that_hangs(image: str, tmp_path: Path, containerd_program: Path) -> None:
    """Is killed when its time is over: refused, but nobody learns why, so the guard wants more time than ours."""
    more = f'[plugins."{VERIFIER}"]\nper_verifier_timeout = "200ms"'
    with Containerd(tmp_path / "c", containerd_program, more=more) as containerd:
        containerd.verifier(HANG)
        for pulled in (containerd.transfer(image), containerd.cri(image)):
            assert not pulled.ok
            assert "verifier" in pulled.said
        assert "containerd-timeout" in [each.code for each in guarded(containerd)]


def guarded(containerd: Containerd) -> list[Objection]:
    """Without running the verifier."""
    found = settings.ask(machine.programs(wiring.this_host()), str(containerd.program), str(containerd.main))
    return list(guard.objections(found, machine.files()))


def test_commands_that_ask_nobody(image: str, tmp_path: Path, containerd_program: Path) -> None:
    """Documented, because no configuration closes them: whoever may use containerd's socket is root."""
    with Containerd(tmp_path / "c", containerd_program) as containerd:
        containerd.verifier(REFUSE)
        assert refusals(containerd) == []
        assert (containerd.transfer(image).ok, containerd.cri(image).ok) == (False, False)
        archive = tmp_path / "image.tar"
        elsewhere = ("--namespace", "elsewhere", "images")
        for done in (
            containerd.ctr("content", "fetch", image),
            containerd.transfer(image, "--local"),
            containerd.ctr("images", "export", "--local", archive, image),  # else its last bytes come late
            containerd.ctr(*elsewhere, "import", "--snapshotter", "native", archive),
        ):
            assert done.ok, done.said
        assert not containerd.ctr(*elsewhere, "pull", "--snapshotter", "native", image).ok


def test_smoke_tells_a_containerd_that_asks(
    image: str, tmp_path: Path, containerd_program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command finds its client by PATH; what was pulled is taken away again."""
    monkeypatch.setenv("PATH", f"{containerd_program.parent}:/usr/bin:/bin")
    monkeypatch.setenv("CONTAINERD_SNAPSHOTTER", "native")
    with Containerd(tmp_path / "c", containerd_program) as containerd:
        containerd.verifier(REFUSE)
        address = f"{containerd.folder}/containerd.sock"
        asks = run("containerd", "smoke", "--address", address)
        assert (asks.code, asks.out.splitlines()[0]) == (0, "ok   transfer service (ctr): refused")
        assert (
            run("containerd", "smoke", "--address", address, "-o", "json").json["legs"][0]["outcome"]
            == "refused"
        )
        (containerd.bin_dir / "vouchsafe").unlink()
        (leg,) = smoke.pulls(machine.programs(wiring.this_host()), image, address)
        assert leg.outcome == "pulled"
        assert image not in containerd.ctr("--namespace", smoke.NAMESPACE, "images", "ls", "-q").said
    (leg,) = smoke.pulls(machine.programs(wiring.this_host()), image, address)
    assert leg.outcome == "unclear"
