"""`vouchsafe sign` dies as a process, at any request: nobody accepts or chokes on the rest, a second run heals."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.cli_lab import run
from tests.e2e.test_sign_faults import FULCIO, REKOR, TSA, services
from tests.e2e.test_sign_peers import OLD, spoken
from tests.sign_cli_lab import SignLab, lab
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import OCI_IMAGE, OCI_INDEX
from vouchsafe.testing.faults import Fault
from vouchsafe.testing.loopback import Handler, LoopbackServer, Request, Response

__all__ = ["lab"]
pytestmark = pytest.mark.peers
COMMAND = Path(sys.executable).parent / "vouchsafe"
ISSUER = "https://gitlab.example"
ANY = ""  # method


class Death(Fault):
    """The `number`th request of a kind ends who made it, by `signal`; `served` says whether it is done all the same."""

    def __init__(
        self, number: int, signal: int, *, served: bool, method: str = ANY, path: str = "/v2/"
    ) -> None:
        super().__init__(self._kill, method=method, path=path, skip=number - 1, times=1)
        self._signal = signal
        self._served = served
        self._any = method == ANY
        self._born = threading.Event()

    def takes(self, request: Request) -> bool:
        """As its parent, and of any method."""
        return super().takes(request.replace(method=ANY) if self._any else request)

    def of(self, process: subprocess.Popen[str]) -> None:
        """Whom it is for."""
        self._process = process
        self._born.set()

    def _kill(self, request: Request, honest: Handler) -> Response:
        answer = honest(request) if self._served else Response(reset=True)
        self._born.wait(600)
        self._process.send_signal(self._signal)
        if self._signal == signal.SIGKILL:
            self._process.wait(600)
        return answer


class Gate(LoopbackServer):
    """In front of a real registry; `faults` come before it."""

    def __init__(self, registry: str) -> None:
        self.faults: list[Fault] = []
        self._registry = registry
        super().__init__(self._pass)

    def wait_until_quiet(self) -> None:
        """What the dead had sent is done: clients are heard in the order in which they came, this one last."""
        quiet = 0
        while quiet < 3:
            with urlopen(f"{self.url}/v2/", timeout=600) as answer:
                answer.read()
            quiet = quiet + 1 if self.connections == 0 else 0
            time.sleep(0.01)

    def _pass(self, request: Request) -> Response:
        fault = next((fault for fault in self.faults if fault.takes(request)), None)
        return fault.answer(request, self._ask) if fault else self._ask(request)

    def _ask(self, request: Request) -> Response:
        """The Host stays: the registry's links lead here again."""
        query = "?" + "&".join(f"{name}={value}" for name, value in request.pairs) if request.pairs else ""
        with closing(http.client.HTTPConnection(self._registry, timeout=600)) as connection:
            connection.request(request.method, request.path + query, request.body, dict(request.headers))
            answer = connection.getresponse()
            body = answer.read()
        kept = {n: v for n, v in answer.getheaders() if n.lower() not in {"connection", "transfer-encoding"}}
        return Response(status=answer.status, headers=kept, body=body)


class Scene:
    """An index of two platforms at a real registry, and the readers that look at what is left."""

    def __init__(self, lab: SignLab, gate: Gate, programs: dict[str, Path]) -> None:
        self.lab = lab
        self.gate = gate
        self.programs = programs
        self.repository = f"group/killed-{uuid.uuid4().hex}"
        self.image = f"{gate.address}/{self.repository}:v1"

    def start(self, *flags: object) -> subprocess.Popen[str]:
        """`sign`, or the command that they begin with, with a token."""
        words = [str(flag) for flag in flags]
        command = words.pop(0) if words[0] == "attest" else "sign"
        return subprocess.Popen(
            [COMMAND, command, "--read-back", "own", *words, self.image],
            env={**os.environ, "SIGSTORE_ID_TOKEN": self.lab.services.token()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def dies(self, death: Death, *flags: object) -> int:
        """How it ended."""
        process = self.start(*flags)
        death.of(process)
        _, said = process.communicate(timeout=600)
        assert "Traceback" not in said, said
        self.gate.wait_until_quiet()
        return process.returncode

    def manifests(self) -> list[Digest]:
        """The platforms and the index."""
        return [*self.lab.platforms.values(), self.lab.index]

    def by_digest(self, digest: Digest) -> str:
        """One manifest's reference."""
        return f"{self.gate.address}/{self.repository}@{digest}"

    def judged(self, digest: Digest, *, command: str = "verify", branch: str = "main") -> int:
        """Our verdict's exit code."""
        who = f"https://gitlab.example/group/project//.gitlab-ci.yml@refs/heads/{branch}"
        flags = ["--certificate-identity", who, "--certificate-oidc-issuer", ISSUER, "--tls-verify=false"]
        root = self.lab.services.trusted_root
        return run(command, *flags, "--trusted-root", root, self.by_digest(digest)).code

    def listed(self, tag: str, field: str) -> list[str]:
        """The digests that a tag's document names, each of which must be there."""
        status, document = self.ask(f"manifests/{tag}")
        if status == 404:
            return []
        found: list[str] = [each["digest"] for each in json.loads(document)[field]]
        kind = "blobs" if field == "layers" else "manifests"
        for digest in found:
            status, content = self.ask(f"{kind}/{digest}")
            assert (status, str(Digest.of(content))) == (200, digest), tag
            if kind == "manifests":
                for layer in json.loads(content)["layers"]:
                    assert self.ask(f"blobs/{layer['digest']}")[0] == 200, tag
        return found

    def ask(self, what: str) -> tuple[int, bytes]:
        """The registry's answer."""
        with closing(http.client.HTTPConnection(self.gate.address, timeout=600)) as connection:
            path = f"/v2/{self.repository}/{what}"
            connection.request("GET", path, headers={"Accept": f"{OCI_IMAGE}, {OCI_INDEX}"})
            answer = connection.getresponse()
            return answer.status, answer.read()

    def attached(self) -> list[tuple[int, int]]:
        """Of each manifest the layers at `.sig` and the bundles: all that they name is there."""
        return [
            (
                len(self.listed(f"{each.tag_prefix}.sig", "layers")),
                len(self.listed(each.tag_prefix, "manifests")),
            )
            for each in self.manifests()
        ]

    def cosign(self, digest: Digest, *flags: object, branch: str = "main") -> tuple[int, str]:
        """What cosign 3 says."""
        who = f"https://gitlab.example/group/project//.gitlab-ci.yml@refs/heads/{branch}"
        whose = ["--certificate-identity", who, "--certificate-oidc-issuer", ISSUER]
        root = ["--trusted-root", str(self.lab.services.trusted_root)]
        return spoken(self.programs["cosign3"], "verify", *whose, *root, *flags, self.by_digest(digest))

    def look(self) -> None:
        """What was left is whole, is read by everybody, and is nobody else's."""
        for digest, (layers, bundles) in zip(self.manifests(), self.attached(), strict=True):
            signed = 0 if layers or bundles else 1
            assert self.judged(digest) == signed
            assert self.judged(digest, command="explain") == signed
            assert self.judged(digest, branch="feature") == 1
            assert run("tree", "--tls-verify=false", self.by_digest(digest)).code == 0
            code, said = self.cosign(digest)
            assert (code == 0) == (signed == 0), said
            assert code == 0 or "no signatures found" in said
            assert self.cosign(digest, branch="feature")[0] != 0

    def healed(self, *flags: object) -> None:
        """A second run adds what is missing, once; everybody reads it."""
        process = self.start(*flags)
        _, said = process.communicate(timeout=600)
        assert process.returncode == 0, said
        assert self.attached() == [(1, 1)] * 3
        for digest in self.manifests():
            assert self.judged(digest) == 0
            assert self.cosign(digest)[0] == 0
            assert self.cosign(digest, OLD)[0] == 0
            flags_2 = self.lab.services.verify_flags(cosign=2)
            variables = self.lab.services.environment
            image = self.by_digest(digest)
            assert spoken(self.programs["cosign2"], "verify", *flags_2, image, environment=variables)[0] == 0


@pytest.fixture
def scene(lab: SignLab, docker_registry: str, cosign2: Path, cosign3: Path, skopeo: Path) -> Iterator[Scene]:
    """docker-registry 2.8 behind a gate."""
    with Gate(docker_registry) as gate:
        made = Scene(lab, gate, {"cosign2": cosign2, "cosign3": cosign3})
        source = ["--src-tls-verify=false", "--dest-tls-verify=false", f"docker://{lab.multi}"]
        copied = spoken(
            skopeo,
            "copy",
            "--all",
            "--preserve-digests",
            "--insecure-policy",
            *source,
            f"docker://{made.image}",
        )
        assert copied[0] == 0, copied[1]
        yield made


@contextmanager
def interruptible() -> Iterator[None]:
    """A test run in the background hands down a SIGINT that is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


# A whole run has some ninety requests to the registry: seven to look, then uploads, then tags, then the look back.
@pytest.mark.slow
@pytest.mark.parametrize("served", [True, False])
@pytest.mark.parametrize(
    "method, path, number",
    [
        ("GET", "/manifests/", 1),  # the tag
        ("GET", "/manifests/", 12),  # who has signed it
        ("POST", "/blobs/", 1),
        ("PUT", "/blobs/", 5),
        ("PUT", "/manifests/", 1),  # the first `.sig`
        ("PUT", "/manifests/", 2),
        ("PUT", "/manifests/", 3),
        ("PUT", "/manifests/", 5),
        ("PUT", "/manifests/", 7),
        ("PUT", "/manifests/", 8),  # the index's bundle, which its fallback tag does not name yet
        ("PUT", "/manifests/", 9),  # the last
    ],
)
def test_killed_at_the_registry(scene: Scene, method: str, path: str, number: int, served: bool) -> None:
    """SIGKILL while the registry is asked, before and after it has done what it was asked for."""
    death = Death(number, signal.SIGKILL, served=served, method=method, path=path)
    scene.gate.faults.append(death)
    assert scene.dies(death, *scene.lab.flags()) == -signal.SIGKILL
    scene.look()
    scene.healed(*scene.lab.flags())


@pytest.mark.slow
@pytest.mark.parametrize("ended_by", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("number", [1, 4, 9])
def test_told_to_end_at_the_registry(scene: Scene, ended_by: signal.Signals, number: int) -> None:
    """A cancelled job and ^C: it ends by itself, and says no more than that."""
    with interruptible():
        death = Death(number, ended_by, served=True, method="PUT", path="/manifests/")
        scene.gate.faults.append(death)
        ended = scene.dies(death, *scene.lab.flags())
    assert ended == 128 + ended_by
    scene.look()
    scene.healed(*scene.lab.flags())


@pytest.mark.slow
@pytest.mark.parametrize(
    "service, path, number",
    [("fulcio", FULCIO, 1), ("rekor", REKOR, 1), ("rekor", REKOR, 4), ("tsa", TSA, 2)],
)
def test_killed_at_a_service(scene: Scene, service: str, path: str, number: int) -> None:
    """After the log has an entry, before anybody has the signature: nothing is attached."""
    death = Death(number, signal.SIGKILL, served=True, method="POST", path=path)
    with services(scene.lab, **{service: death}) as flags:
        assert scene.dies(death, *flags) == -signal.SIGKILL
        assert scene.attached() == [(0, 0)] * 3
        scene.look()
        scene.healed(*flags)


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_killed_while_attesting(scene: Scene, number: int) -> None:
    """An SBOM by reference: the SBOM, its entry, `.att`, the bundle, its entry. No reference to what is not there."""
    predicate = ["--type", "cyclonedx", "--predicate", scene.lab.sbom, "--by-reference", "always"]
    words = ["attest", *predicate, *scene.lab.flags()]
    death = Death(number, signal.SIGKILL, served=True, method="PUT", path="/manifests/")
    scene.gate.faults.append(death)
    assert scene.dies(death, *words) == -signal.SIGKILL
    index = scene.lab.index
    referrers = scene.listed(index.tag_prefix, "manifests")
    layers = scene.listed(f"{index.tag_prefix}.att", "layers")
    assert (len(referrers), len(layers)) == [(0, 0), (1, 0), (1, 1), (1, 1), (2, 1)][number - 1]
    kind = "https://in-toto.io/attestation/reference/v0.1"
    who = scene.lab.services.verify_flags()
    looked = [kind, "--tls-verify=false", *who, scene.by_digest(index)]
    assert run("verify", "--type", *looked).code == (0 if layers else 1)
    code, said = spoken(scene.programs["cosign3"], "verify-attestation", "--type", kind, *who, scene.image)
    assert code == 0 or "no matching attestations" in said or "no signatures found" in said, said
    process = scene.start(*words)
    _, said = process.communicate(timeout=600)
    assert process.returncode == 0, said
    assert len(scene.listed(index.tag_prefix, "manifests")) == 2
    assert len(scene.listed(f"{index.tag_prefix}.att", "layers")) == 1
    assert run("verify", "--type", *looked).code == 0
    assert spoken(scene.programs["cosign3"], "verify-attestation", "--type", kind, *who, scene.image)[0] == 0
