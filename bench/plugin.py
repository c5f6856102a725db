"""What a policy plugin costs a pull: the whole process, beside the countersigner and alone, and cosign in turns.

.venv/bin/python -m bench.plugin            half a minute
.venv/bin/python -m bench.plugin --quick    each piece once
.venv/bin/python -m bench.plugin --write    renew the table in docs/benchmarks.md

A machine below a folder, with a policy in force, a CA, and the service on its socket; the plugin is started anew
for each question, as a container engine does it, with one request on its standard input.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from bench import imports, machine, run
from bench.children import Sample, Starter
from bench.stage import COMMAND, LOOPBACK, ROOT, Sizes, Stage, staged
from vouchsafe.countersign.genesis import prepare
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.policy import applied, document
from vouchsafe.policy.compile import Host, compile_policy
from vouchsafe.protocol.request import Request
from vouchsafe.record import Record
from vouchsafe.testing.clock import RealClock
from vouchsafe.testing.registry import RegistryStore, push_image
from vouchsafe.wiring.authority import KeptAuthority
from vouchsafe.wiring.places import Places

BEGIN, END = "<!-- plugin: begin -->", "<!-- plugin: end -->"
PLUGIN = ROOT / "deploy/policy-plugins.d/vouchsafe"
WARM_MS, COLD_RATIO = 60, 2.0  # targets
ROUNDS = 21
IMAGES = {"`.sig`": "one/legacy", "bundle, Rekor v1": "one/rekor1"}
FEW = Sizes(bundles=1, legacy=1, images=0)


class Measured(Record):
    """What one way to ask cost in each round, and cosign in the same rounds."""

    name: str
    ours: tuple[Sample, ...]
    theirs: tuple[Sample, ...]
    warm: bool

    @property
    def milliseconds(self) -> float:
        """Ours."""
        return median(each.seconds for each in self.ours) * 1000

    @property
    def ratios(self) -> list[float]:
        """Ours to cosign's, pair by pair."""
        return [a.seconds / b.seconds for a, b in zip(self.ours, self.theirs, strict=False)]

    @property
    def met(self) -> bool | None:
        """Whether the target was; None where there is nobody to compare with."""
        if self.warm:
            return self.milliseconds <= WARM_MS
        return median(self.ratios) <= COLD_RATIO if self.ratios else None


class Root:
    """A machine's files below a folder, as `vouchsafe host enable` leaves them."""

    def __init__(self, folder: Path, stage: Stage) -> None:
        """Everything is written; nothing runs."""
        self.folder = folder
        address = stage.addresses[LOOPBACK]
        self._write("etc/machine-id", hashlib.sha256(b"a machine").hexdigest()[:32] + "\n")
        self._write("etc/trusted_root.json", Path(stage.trusted_root).read_text(encoding="utf-8"))
        self._write(
            "etc/containers/registries.conf", f'[[registry]]\nlocation = "{address}"\ninsecure = true\n'
        )
        text = json.dumps(_policy(stage, address))
        self._write("etc/vouchsafe/policy.json", text)
        host = Host(ca_path="/run/vouchsafe/ca.crt", lookaside="http://127.0.0.1:843")
        compiled = compile_policy(
            document.parse(text.encode(), dialect="vouchsafe", source="policy.json"), host
        )
        self._write("etc/containers/policy.json", compiled.policy.decode())
        self._write("etc/containers/registries.d/vouchsafe.yaml", compiled.registries.decode())
        record = applied.Applied(epoch=compiled.epoch, host=host)
        self._write("etc/vouchsafe/host/applied.json", applied.write(record).decode())
        prepare(KeptAuthority(Places.below(str(folder)), None, uid=0), at=RealClock().now())

    def request(self, address: str, repository: str) -> str:
        """A file with the question about an image of the stage."""
        digest = push_image(RegistryStore(), repository, content=repository.encode())
        asked = Request(id="1", reference=Reference.parse(f"{address}/{repository}:v1"), digest=digest)
        return str(self._write(f"requests/{Digest.of(repository.encode()).hex}", asked.document().decode()))

    @contextmanager
    def serving(self) -> Iterator[None]:
        """The countersigner, answering plugins."""
        address = f"unix:{self.folder}/run/vouchsafe/verdict.sock"
        command = [
            str(COMMAND),
            "countersign",
            "serve",
            "--root",
            str(self.folder),
            "--listen",
            "127.0.0.1:0",
        ]
        with subprocess.Popen([*command, "--verdicts", address], stderr=subprocess.PIPE) as process:
            assert process.stderr is not None
            try:
                while b"verdict.sock" not in (line := process.stderr.readline()):
                    if not line:
                        raise RuntimeError("expected the countersigner to start, got its end")
                yield
            finally:
                process.terminate()

    def _write(self, name: str, content: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        return path


def _policy(stage: Stage, address: str) -> dict[str, Any]:
    """Accepts the stage's signer, under the names that its signatures carry."""
    signer = stage.signer
    fulcio = {
        "trustedRootPath": "/etc/trusted_root.json",
        "identities": [{"oidcIssuer": signer.issuer, "subjectURI": signer.subject}],
    }
    scopes = {
        f"{address}/{repository}": {
            "requirements": [
                {
                    "type": "sigstoreSigned",
                    "fulcio": fulcio,
                    "signedIdentity": {
                        "type": "exactRepository",
                        "dockerRepository": f"registry.example/{repository}",
                    },
                }
            ],
            "repositoryOfProject": {"*": f"{address}/{repository}"},
        }
        for repository in IMAGES.values()
    }
    return {"default": [{"type": "reject"}], "transports": {"docker": scopes}}


def measure(stage: Stage, starter: Starter, root: Root, *, rounds: int, warm: bool) -> Iterator[Measured]:
    """A B A B … for each image, after one round that nobody counts."""
    where = "beside the countersigner" if warm else "alone"
    for form, repository in IMAGES.items():
        given = root.request(stage.addresses[LOOPBACK], repository)
        ours = [sys.executable, "-I", str(PLUGIN), "--root", str(root.folder)]
        samples: tuple[list[Sample], list[Sample]] = ([], [])
        for number in range(rounds + 1):
            run.progress(f"{form}, {where}: round {number} of {rounds}")
            samples[0].append(starter.run([ours], given))
            if stage.cosign:
                samples[1].append(starter.run([stage.theirs(LOOPBACK, f"{repository}:v1")]))
        yield Measured(
            name=f"{form}, {where}", ours=tuple(samples[0][1:]), theirs=tuple(samples[1][1:]), warm=warm
        )


def markdown(results: Sequence[Measured]) -> str:
    """The table that docs/benchmarks.md carries."""
    lines = [
        *(f"- {line}" for line in machine.describe()),
        "",
        "| one image | plugin ms (min–max) | `cosign verify` ms | ratio (min–max) | target | | peak MiB |",
        "|---|---:|---:|---:|---:|---|---:|",
    ]
    for each in results:
        times = [sample.seconds * 1000 for sample in each.ours]
        theirs = f"{median(s.seconds for s in each.theirs) * 1000:.0f}" if each.theirs else "–"
        ratio = "–"
        if each.ratios:
            ratio = f"{median(each.ratios):.2f} ({min(each.ratios):.2f}–{max(each.ratios):.2f})"
        target = f"≤ {WARM_MS} ms" if each.warm else f"≤ {COLD_RATIO}"
        verdict = "" if each.met is None else "ok" if each.met else "**MISSED**"
        peak = max(sample.peak_mib for sample in each.ours)
        lines.append(
            f"| {each.name} | **{each.milliseconds:.0f}** ({min(times):.0f}–{max(times):.0f}) | {theirs} "
            f"| {ratio} | {target} | {verdict} | {peak:.0f} |"
        )
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """0 when it ran; whether targets were met is said, and judged by people."""
    parser = argparse.ArgumentParser(description="measure the policy plugin beside cosign")
    parser.add_argument("--quick", action="store_true", help="each piece once")
    parser.add_argument("--write", action="store_true", help="renew the table in docs/benchmarks.md")
    arguments = parser.parse_args(argv)
    rounds = 1 if arguments.quick else ROUNDS
    imports.compile_sources(ROOT)
    with staged(FEW) as stage, Starter() as starter, tempfile.TemporaryDirectory(prefix="vb") as folder:
        root = Root(Path(folder), stage)
        results = [*measure(stage, starter, root, rounds=rounds, warm=False)]
        with root.serving():
            results += measure(stage, starter, root, rounds=rounds, warm=True)
    run.progress("")
    text = markdown(results)
    print(text)
    if arguments.write:
        run.write(run.DOCUMENT, text, marks=(BEGIN, END))
    return 0


if __name__ == "__main__":
    sys.exit(main())
