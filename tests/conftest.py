"""What every test may ask for: the peers that `make peers` fetched, a real registry, the shared vectors.

What a machine lacks skips the tests that need it, by name and with the reason. No test sees the home,
the credentials or the proxies of the person who runs it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.pulls import Pulls

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / ".peers"
VECTORS = ROOT.parent / "shared" / "vectors"
FAILED = pytest.StashKey[bool]()

# What would let a person's settings decide a test.
PERSONAL = (
    "AWS_PROFILE",
    "COSIGN_PASSWORD",
    "DOCKER_CONFIG",
    "GITHUB_ACTIONS",
    "GITLAB_CI",
    "REGISTRY_AUTH_FILE",
    "SIGSTORE_ID_TOKEN",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
)
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
# A thousand short runs of programs in Go: a quarter of each was a garbage collector that found nothing.
FOR_GO = {"GOGC": "400"}

# The same examples every time in `make test`; HYPOTHESIS_PROFILE=search looks for new ones.
hypothesis.settings.register_profile("same", deadline=None, derandomize=True)
hypothesis.settings.register_profile("search", deadline=None, max_examples=2000, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture(scope="session", autouse=True)
def nobodys_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty home, for this process and the programs it starts."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HOME", str(home))
        for name, value in FOR_GO.items():
            environment.setenv(name, value)
        for name in (*PERSONAL, *PROXIES, *(name.upper() for name in PROXIES)):
            environment.delenv(name, raising=False)
        yield home


def peer(name: str) -> Path:
    """The program that `make peers` provided under that name; skips where there is none."""
    try:
        manifest = json.loads((PEERS / "peers.json").read_text(encoding="utf-8"))
    except OSError:
        pytest.skip(f"peer {name} is missing: `make peers` has not run")
    if name not in manifest["peers"]:
        pytest.skip(f"peer {name} is missing: {manifest['missing'].get(name, 'not fetched')}")
    return Path(manifest["peers"][name]["argv"][0])


@pytest.fixture(scope="session")
def cosign3() -> Path:
    """The cosign program, 3.1 or newer."""
    return peer("cosign3")


@pytest.fixture(scope="session")
def cosign2() -> Path:
    """The cosign program, 2.5 or newer 2."""
    return peer("cosign2")


@pytest.fixture(scope="session")
def skopeo() -> Path:
    """The skopeo program, 1.20 or newer: Debian's first with sigstore in it is 1.18."""
    return peer("skopeo")


@pytest.fixture(scope="session")
def skopeo_old() -> Path:
    """The skopeo program as Debian 13 has it, 1.18."""
    return peer("skopeo1.18")


@pytest.fixture(scope="session")
def skopeo_openpgp() -> Path:
    """The skopeo program as Debian 12 has it, 1.9, with sigstore compiled out."""
    return peer("skopeo1.9")


@pytest.fixture(scope="session")
def podman() -> Path:
    """The podman program, 5.8 or newer; it unpacks layers, which needs root."""
    if os.geteuid() != 0:
        pytest.skip("podman needs root to unpack layers in a folder of its own")
    return peer("podman")


@pytest.fixture
def pulls(request: pytest.FixtureRequest) -> Iterator[Pulls]:
    """The book of this test's pulls, which ends in junit.xml: tools/run_tests.py adds all of them up."""
    made = Pulls()
    yield made
    request.node.user_properties += made.properties()
    if not request.node.stash.get(FAILED, False):
        made.settle()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Remember what failed or was skipped: such a test may have stopped before its first pull."""
    report = yield
    if not report.passed and report.when != "teardown":
        item.stash[FAILED] = True
    return report


@pytest.fixture(scope="session")
def containerd_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The containerd program, 2.1 or newer, which mounts what it unpacks; `ctr` lies beside it."""
    if os.geteuid() != 0:
        pytest.skip("containerd needs root to mount and unpack what it pulls")
    folder = tmp_path_factory.mktemp("mount")
    tried = subprocess.run(["mount", "--bind", folder, folder], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"containerd needs to mount what it unpacks: {tried.stderr.strip()}")
    subprocess.run(["umount", folder], check=True)
    return peer("containerd").resolve()


@pytest.fixture(scope="session")
def syft_program() -> Path:
    """The syft program, as PyPI has it."""
    return peer("syft")


@pytest.fixture(scope="session")
def docker_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real registry (distribution 2.8, no referrers API) on loopback; yields `host:port`, plain HTTP."""
    program = peer("docker-registry")
    folder = tmp_path_factory.mktemp("docker-registry")
    config = {
        "version": 0.1,
        "log": {"level": "info", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
        "http": {"addr": "127.0.0.1:0", "secret": "of this test run"},
    }
    (folder / "config.yml").write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML too
    with subprocess.Popen(
        [program, "serve", folder / "config.yml"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield _address(process)
        finally:
            process.terminate()


def _address(process: subprocess.Popen[str]) -> str:
    """Where the registry says it listens; its later words are read and dropped, or it would block."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if listening := re.search(r"listening on (127\.0\.0\.1:\d+)", line):
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return listening[1]
    pytest.fail(f"expected docker-registry to listen, got {''.join(said)}")


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder of shared vectors (`real`, `conformance`, `corpus`) beside the project."""
    if not VECTORS.is_dir():
        pytest.skip(f"the shared vectors are missing: expected ../{VECTORS.relative_to(ROOT.parent)}")
    return VECTORS


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Names each skipped test with its reason, unfolded: a skip is a proof that was not made."""
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.section("skipped, by name")
    for report in skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        terminalreporter.write_line(f"{report.nodeid}: {reason.removeprefix('Skipped: ')}")
