"""The benchmark's pieces run, once and with few signatures; no time is asserted, the machine decides that."""

from __future__ import annotations

import http.client
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bench import cases, imports, inprocess, plugin, report, run
from bench.children import Sample, Starter
from bench.delay import delayed
from bench.registry import serving
from bench.stage import LOOPBACK, Stage, peers, staged
from vouchsafe.image.digest import Digest
from vouchsafe.testing.registry import RegistryServer, RegistryStore, push_bundle, push_image
from vouchsafe.testing.sigstore import VirtualSigstore

ONE = Sample(seconds=2.0, cpu_seconds=1.0, peak_mib=40.0)
TWO = Sample(seconds=4.0, cpu_seconds=1.0, peak_mib=80.0)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A small registry, and the programs that are there."""
    with staged(run.QUICK) as made:
        yield made


@pytest.fixture
def starter() -> Iterator[Starter]:
    """The process that starts and measures others."""
    with Starter() as made:
        yield made


def result(*, ours: Sample = ONE, theirs: Sample = TWO, target: float | None = 0.6) -> cases.Result:
    """Figures of one round."""
    return cases.Result(
        case="one image", network=LOOPBACK, label="verify", target=target, ours=(ours,), theirs=(theirs,)
    )


def figures(**changes: object) -> report.Figures:
    """Figures of a run."""
    return report.Figures(**{"machine": ("a machine",), "date": "2026-11-22", **changes})  # type: ignore[arg-type]


@pytest.mark.peers
@pytest.mark.slow
def test_every_case_runs(stage: Stage, starter: Starter) -> None:
    """Us and cosign accept the same images, on every network; without cosign, us alone."""
    measured = [
        each
        for case in cases.cases(stage, cases.NETWORKS, quick=True)
        for each in cases.measure(case, starter, lambda _: None)
    ]
    assert len(measured) == 2 * 10
    assert {len(each.ours) for each in measured} == {1}
    assert {len(each.theirs) for each in measured} == {int("cosign3" in peers())}
    text = report.markdown(figures(results=tuple(measured)))
    assert "### 20 ms added to every answer" in text
    assert "MISSED" not in text


def test_imports_are_counted(stage: Stage, starter: Starter) -> None:
    """By package, the extension module for itself."""
    profile = imports.measure(stage, starter, rounds=1)
    names = {each.name for each in profile.packages}
    assert {"standard library", "cryptography", "cryptography's native part", "vouchsafe"} <= names
    assert profile.modules == sum(each.modules for each in profile.packages)


def test_in_process() -> None:
    """Each kind of bundle verifies, and the floor is measured beside it."""
    measured = inprocess.measure(rounds=1, repeats=1)
    assert [each.name for each in measured] == [
        "verify, Rekor v1",
        "verify, Rekor v2 + TSA",
        "parse and verify, Rekor v1",
    ]
    assert all(each.ratio > 0 for each in measured)


def test_a_program_that_fails_ends_the_run(starter: Starter) -> None:
    """What was not accepted is no measurement; the error shows what the program said."""
    with pytest.raises(RuntimeError, match="said this"):
        starter.run([[sys.executable, "-c", "raise SystemExit('said this')"]])


def test_peak_memory_is_the_programs_own(starter: Starter) -> None:
    """Not that of the process which measures, which has all of vouchsafe.testing in memory."""
    assert starter.run([[sys.executable, "-I", "-S", "-c", "pass"]]).peak_mib < 30


def test_several_commands_count_as_one(starter: Starter) -> None:
    """50 calls of cosign are one contestant."""
    whole = starter.run([[sys.executable, "-I", "-c", "pass"]] * 2)
    assert whole.seconds >= whole.cpu_seconds / 2 > 0


def test_the_proxy_passes_everything_on() -> None:
    """Both ways, over a connection that is kept."""
    with (
        RegistryServer() as server,
        delayed(server.address, 1) as address,
        closing(http.client.HTTPConnection(address)) as connection,
    ):
        content = b"x" * 200_000
        push_image(server.store, "app", content=content)
        for _ in range(2):
            connection.request("GET", f"/v2/app/blobs/{Digest.of(content)}")
            assert connection.getresponse().read() == content


def test_a_store_goes_into_a_real_registry(tmp_path: Path) -> None:
    """Everything that a tag leads to, byte for byte."""
    program = peers().get("docker-registry")
    if program is None:
        pytest.skip("peer docker-registry is missing")
    store = RegistryStore()
    digest = push_image(store, "group/app")
    push_bundle(store, "group/app", digest, VirtualSigstore().bundle(digest))
    with (
        serving(store, Path(program), tmp_path) as address,
        closing(http.client.HTTPConnection(address)) as connection,
    ):
        for tag in store.tags("group/app"):
            stored = store.manifest("group/app", tag)
            assert stored is not None
            connection.request("GET", f"/v2/group/app/manifests/{tag}", headers={"Accept": stored.media_type})
            assert connection.getresponse().read() == stored.raw


def test_ratios_are_of_pairs() -> None:
    """The median of the ratios, not the ratio of medians."""
    slow = TWO.replace(seconds=40.0)
    several = result().replace(ours=(ONE, ONE, slow), theirs=(TWO, TWO, TWO))
    assert several.ratios == [0.5, 0.5, 10.0]
    assert several.ratio == 0.5


@pytest.mark.parametrize(
    "changed, expected",
    [
        (result(), []),
        (result(target=None), []),
        (result(theirs=ONE), ["loopback: one image, verify: 1.00, target 0.6"]),
        (result(ours=ONE.replace(peak_mib=61.0)), ["peak memory: 61 MiB, target 60"]),
        (result().replace(theirs=()), []),
    ],
)
def test_says_what_was_missed(changed: cases.Result, expected: list[str]) -> None:
    """A target that is met, or that nobody set, is not mentioned."""
    assert report.missed(figures(results=(changed,))) == expected


def test_json_holds_every_sample() -> None:
    """For other programs, which may want more than medians."""
    found = json.loads(json.dumps(report.as_json(figures(results=(result(),)))))
    assert found["results"][0]["vouchsafe"] == [{"seconds": 2.0, "cpu_seconds": 1.0, "peak_mib": 40.0}]
    assert found["results"][0]["ratio"] == 0.5


def test_writes_between_the_marks(tmp_path: Path) -> None:
    """The figures are replaced, the words around them stay."""
    document = tmp_path / "benchmarks.md"
    document.write_text(f"before\n{run.BEGIN}\nold\n{run.END}\nafter\n", encoding="utf-8")
    run.write(document, "new\n")
    assert document.read_text(encoding="utf-8") == f"before\n{run.BEGIN}\nnew\n{run.END}\nafter\n"
    document.write_text("no marks", encoding="utf-8")
    with pytest.raises(ValueError, match="expected"):
        run.write(document, "new\n")


@pytest.mark.peers
def test_the_plugin_is_asked(starter: Starter, stage: Stage) -> None:
    """Alone and beside the countersigner; a target that nobody can be held against is not judged."""
    with tempfile.TemporaryDirectory(prefix="vb") as folder:
        us = stage.replace(cosign=None)
        root = plugin.Root(Path(folder), us)
        alone = [*plugin.measure(us, starter, root, rounds=1, warm=False)]
        with root.serving():
            warm = [*plugin.measure(us, starter, root, rounds=1, warm=True)]
    assert [each.met for each in alone] == [None, None]
    text = plugin.markdown([*alone, *warm])
    assert (text.count("| ≤ 2.0 |"), text.count("| ≤ 60 ms |")) == (2, 2)


def test_the_plugins_targets() -> None:
    """Milliseconds beside the countersigner, a ratio alone."""
    slow = plugin.Measured(name="x", ours=(TWO,), theirs=(ONE,), warm=False)
    assert (slow.met, slow.replace(theirs=(TWO,)).met, slow.replace(warm=True).met) == (True, True, False)
    assert slow.replace(ours=(TWO.replace(seconds=0.05),), warm=True).met
    assert not slow.replace(ours=(TWO.replace(seconds=5),)).met
