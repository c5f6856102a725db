"""`vouchsafe upstream act`: today's clients are "not yet", and a client of the future is put to the proof.

The future client speaks as skopeo does and knows one more key. It judges with our own verifier, so that what it
pulls is signed and what it refuses is not. The legs themselves also run on real skopeo, under the one key for a
subject that it knows today.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests import documents
from tests.hosts import Said, Script
from tests.unit.policy.test_compile import HOST, read
from tests.upstream.history import policy_types
from vouchsafe import wiring
from vouchsafe.adapters.children import Children
from vouchsafe.adapters.hosttree import HostTree, scratch
from vouchsafe.adapters.process import Programs
from vouchsafe.cli import upstream_act
from vouchsafe.cli.console import Console
from vouchsafe.cli.upstream_act_output import as_json, as_text
from vouchsafe.host import laboratory, pullers, unaided
from vouchsafe.host.laboratory import Laboratory
from vouchsafe.host.pullers import Skopeo, Tools
from vouchsafe.host.unaided import Examined, Stage, examine
from vouchsafe.machine import Runner
from vouchsafe.policy import document
from vouchsafe.policy.native import NativePolicy, Wish, compile_natively
from vouchsafe.policy.verdict import Accepted
from vouchsafe.ports import Fetched
from vouchsafe.testing import lab
from vouchsafe.testing.clock import RealClock
from vouchsafe.testing.pull_cases import ELSEWHERE, PROJECT, Shelf
from vouchsafe.testing.registry import RegistryServer
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.testing.workload import Workload, email, gitlab
from vouchsafe.upstream.memory import Memory
from vouchsafe.upstream.policies import LIBRARY, SOURCE
from vouchsafe.upstream.releases import file_at
from vouchsafe.verification.trust import parse_trusted_root

KEY = "buildSignerURI"
KNOWN = {"caPath", "caData", "oidcIssuer", "subjectEmail"}
SCOPE = "registry.example/acme/router"
NAMED = {"type": "matchRepository"}


@contextlib.contextmanager
def furnished(folder: Path, signer: Workload) -> Iterator[Laboratory]:
    """The laboratory's registry in this process, its main images signed by this signer."""
    sigstore = VirtualSigstore("act", clock=RealClock())
    sigstore.workload = signer
    with RegistryServer() as registry:
        pulls = Shelf(registry, sigstore).fill()
        probe = lab._probe(folder, registry, sigstore, pulls[0]) | {"refusing": "http://127.0.0.1:1"}
        yield laboratory.parse(
            json.dumps(
                {
                    "registry": registry.address,
                    "trustedRoot": "",
                    "project": PROJECT,
                    "elsewhere": ELSEWHERE,
                    "main": {"issuer": signer.issuer, "subject": signer.subject, "projectID": ""},
                    "other": lab._identity(gitlab(ref="refs/heads/feature")),
                    "pulls": [lab._pull(each) for each in pulls],
                    "probe": probe,
                }
            )
        )


class Future:
    """A skopeo that knows one more key of a Fulcio requirement. `reads`: how much of what it says it looks at."""

    def __init__(self, key: str, *, reads: int | None = None) -> None:
        self.key = key
        self.reads = reads

    def __call__(self, command: Sequence[str]) -> Said:
        policy = json.loads(Path(command[command.index("--policy") + 1]).read_text(encoding="utf-8"))
        source = next(word for word in command if word.startswith(("docker://", "dir:")))
        for requirement in self._all(policy):
            for key in requirement.get("fulcio", {}).keys() - KNOWN - {self.key}:
                return Said(1, b"", f'invalid policy in "x": Unknown key "{key}"'.encode())
        if source.startswith("dir:"):
            return Said(0)
        if policy["default"] == [{"type": "insecureAcceptAnything"}]:
            return Said(0)
        verdict = wiring.verify_image(
            source.removeprefix("docker://"), self._translated(policy), on=wiring.this_host(tls_verify=False)
        )
        return Said(0) if isinstance(verdict, Accepted) else Said(1, b"", b"Source image rejected: by policy")

    @staticmethod
    def _all(policy: Any) -> Iterator[dict[str, Any]]:
        yield from policy["default"]
        for scopes in policy.get("transports", {}).values():
            for requirements in scopes.values():
                yield from requirements

    def _translated(self, policy: Any) -> Any:
        """Upstream's word in ours."""
        for requirement in self._all(policy):
            if self.key in requirement.get("fulcio", {}):
                uri = requirement["fulcio"].pop(self.key)
                begins = {"subjectRegexp": f"{re.escape(uri[: self.reads])}.*"}
                requirement["fulcio"] |= {"subjectURI": uri} if self.reads is None else begins
        return document.parse(json.dumps(policy).encode(), dialect="vouchsafe", source="translated")


@contextlib.contextmanager
def staged(folder: Path, runner: Runner, place: Laboratory, *, has_client: bool = True) -> Iterator[Stage]:
    """One client, in a folder of its own."""
    with scratch() as files:
        tools = Tools(runner=runner, starter=Children(), scratch=files, environment={}, is_root=False)
        clients = (Skopeo("/usr/bin/skopeo", tools),) if has_client else ()
        yield Stage(tools=tools, laboratory=place, clients=clients, at=datetime.now(UTC))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """Signed by a pipeline."""
    with furnished(tmp_path_factory.mktemp("act"), gitlab()) as made:
        yield made


def compiled(key: str, *, claims: dict[str, str] | None = None) -> NativePolicy:
    """A policy of one scope, by its URI, under the virtual Sigstore."""
    fulcio = {
        "oidcIssuer": "https://gitlab.example",
        "subjectURI": "https://gitlab.example/x",
        "claims": claims or {},
    }
    demand = {"type": "sigstoreSigned", "fulcio": fulcio, "signedIdentity": NAMED}
    policy = read({"default": [{"type": "reject"}], "transports": {"docker": {SCOPE: [demand]}}})
    root = parse_trusted_root(VirtualSigstore("act", clock=RealClock()).trusted_root())
    return compile_natively(policy, HOST, Wish(key=key, trust=lambda _: root, at=None))


def said(done: Examined) -> tuple[str, dict[str, Any]]:
    """In words, and as the document."""
    text, written = io.StringIO(), io.StringIO()
    as_text(done, Console(out=text, err=io.StringIO(), colour=False), written="")
    Console(out=written, err=io.StringIO()).document(as_json(done))
    return text.getvalue(), documents.document(("upstream", "act"), written.getvalue())


def test_a_client_of_the_future(tmp_path: Path, place: Laboratory) -> None:
    """It knows the key, loads the policy, pulls what is signed and refuses the rest: what to do is printed."""
    with staged(tmp_path, Script({"skopeo": Future(KEY)}), place) as stage:
        done = examine(stage, (KEY, "subjectURI"), compiled)
    text, written = said(done)
    assert (done.outcome, done.key, done.why) == ("possible", KEY, "")
    assert [leg.name for leg in done.legs if leg.allowed] == [unaided.SIGNED]
    assert {leg.name for leg in done.legs if not leg.allowed} == {*unaided.REFUSED, "longer", "shorter"}
    assert all(leg.behaved for leg in done.legs)
    assert (written["moved"][0]["scope"], f'"{KEY}"' in "".join(written["files"].values())) == (SCOPE, True)
    assert "While one of them says otherwise, all keep the countersigner." in text
    assert [line for line in text.splitlines() if line.startswith("lost")] != []
    assert "nothing was changed" in text


def test_a_client_that_does_not_look(tmp_path: Path, place: Laboratory) -> None:
    """A key that loads is not yet a key that is judged: another subject is the proof."""
    with staged(tmp_path, Script({"skopeo": Future(KEY, reads=0)}), place) as stage:
        done = examine(stage, (KEY,), compiled)
    assert (done.outcome, done.key, done.legs) == ("not-yet", "", ())
    assert "it was pulled for another subject too" in said(done)[0]


def test_a_client_that_looks_at_the_beginning(tmp_path: Path, place: Laboratory) -> None:
    """A pipeline's URI ends in its branch, which decides as much as the rest."""
    project = gitlab().subject.index("@")
    with staged(tmp_path, Script({"skopeo": Future(KEY, reads=project)}), place) as stage:
        done = examine(stage, (KEY,), compiled)
    wrong = {leg.name for leg in done.legs if not leg.behaved}
    assert (done.outcome, wrong) == ("not-yet", {"stranger", "longer", "shorter"})
    assert "it does not hold" in said(done)[0]


def test_a_policy_that_would_lose_something(tmp_path: Path, place: Laboratory) -> None:
    """Nothing moves, so there is nothing to act on, and why is said for each scope."""
    with staged(tmp_path, Script({"skopeo": Future(KEY)}), place) as stage:
        done = examine(stage, (KEY,), lambda key: compiled(key, claims={"source-repository-identifier": "1"}))
    text, written = said(done)
    assert (done.outcome, written["kept"][0]["scope"], written["files"]) == ("not-yet", SCOPE, None)
    assert "source-repository-identifier" in text


def test_a_policy_that_does_not_load(tmp_path: Path, place: Laboratory) -> None:
    """As skopeo says it."""
    with staged(tmp_path, Script({"skopeo": Future(KEY)}), place) as stage:
        done = examine(stage, (KEY,), lambda _: compiled("somethingElse"))
    assert (done.outcome, 'Unknown key "somethingElse"' in done.why) == ("not-yet", True)


def test_nobody_to_ask(tmp_path: Path, place: Laboratory) -> None:
    """Could not tell."""
    with staged(tmp_path, Script({}), place, has_client=False) as stage:
        done = examine(stage, (KEY,), compiled)
    assert (done.outcome, "could not tell: there is no client" in said(done)[0]) == ("could-not-tell", True)


def test_a_client_that_cannot_pull(tmp_path: Path, place: Laboratory) -> None:
    """Tells nothing, so nothing is concluded."""
    broken = Script({"skopeo": lambda _: Said(1, b"", b"no such runtime")})
    with staged(tmp_path, broken, place) as stage:
        done = examine(stage, (KEY,), compiled)
    assert (done.outcome, "no such runtime" in done.why) == ("could-not-tell", True)
    assert said(done)[1]["findings"][0]["answer"] == "unknown"


def test_both_files_are_written_where_it_is_wanted(tmp_path: Path) -> None:
    """And nowhere else."""
    policy = compiled(KEY)
    upstream_act._write(str(tmp_path), policy)
    found = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert found == {"policy.json": policy.compiled.policy, "vouchsafe.yaml": policy.compiled.registries}


def test_keys_that_upstream_has_by_now(tmp_path: Path) -> None:
    """Are asked for too, whatever they are called."""
    memory = Memory()
    source = Fetched(text=policy_types("somethingElse"))
    memory.remember(file_at(LIBRARY, SOURCE), source, at=datetime.now(UTC))
    memory.save(HostTree(str(tmp_path)))
    assert upstream_act.candidates(str(tmp_path)) == ("buildSignerURI", "subjectURI", "somethingElse")
    assert upstream_act.candidates(str(tmp_path / "none")) == ("buildSignerURI", "subjectURI")


def test_the_public_sigstore_in_the_policy(tmp_path: Path) -> None:
    """CA and log of the root that this version ships go into the policy, as clients take them."""
    uri = "https://gitlab.com/a/b//.gitlab-ci.yml@refs/heads/main"
    fulcio = {"oidcIssuer": "https://gitlab.com", "subjectURI": uri}
    demand = {"type": "sigstoreSigned", "fulcio": fulcio, "signedIdentity": NAMED}
    written = {"default": [{"type": "reject"}], "transports": {"docker": {SCOPE: [demand]}}}
    (tmp_path / "policy.json").write_text(json.dumps(written), encoding="utf-8")
    arguments = argparse.Namespace(policy=str(tmp_path / "policy.json"), insecure_drop_claims=False)
    moved = upstream_act._compiled(arguments, wiring.this_host(), KEY, datetime.now(UTC))
    assert [each.scope for each in moved.moved] == [SCOPE]
    (said_,) = json.loads(moved.compiled.policy)["transports"]["docker"][SCOPE]
    assert (said_["fulcio"][KEY], said_["type"]) == (uri, "sigstoreSigned")
    assert said_.keys() & {"rekorPublicKeyData", "rekorPublicKeyDatas"}


@pytest.mark.peers
def test_the_legs_on_a_real_client(tmp_path: Path, skopeo: Path) -> None:
    """CA, log and `.sig` as real skopeo reads them, under the one subject that it can demand today: an e-mail."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "skopeo").symlink_to(skopeo)
    with furnished(tmp_path, email("ci@example.com")) as place, scratch() as files:
        runner = Programs(str(tmp_path / "bin"))
        tools = Tools(
            runner=runner, starter=Children(), scratch=files, environment={"PATH": "/usr/bin"}, is_root=False
        )
        legs = list(unaided.legs(pullers.found(tools), place, tools, "subjectEmail"))
    assert [f"{leg.client} {leg.name}: {leg.said}" for leg in legs if not leg.behaved] == []
    assert len(legs) == 16


@pytest.mark.peers
def test_today(tmp_path: Path, skopeo: Path) -> None:
    """The command on a host with the newest skopeo: not yet, in its own words."""
    (tmp_path / "skopeo").symlink_to(skopeo)
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "vouchsafe.cli",
            "upstream",
            "act",
            "-o",
            "json",
            "--cache-dir",
            tmp_path / "none",
        ],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": os.environ["HOME"]},
        capture_output=True,
        text=True,
        check=False,
    )
    written = documents.document(("upstream", "act"), ended.stdout)
    assert (ended.returncode, written["outcome"]) == (1, "not-yet")
    asked = {(each["client"], each["question"], each["answer"]) for each in written["findings"]}
    clients, keys = ("skopeo copy", "image proxy (bootc)"), ("buildSignerURI", "subjectURI")
    assert asked == {(client, f"key {key}", "no") for client in clients for key in keys}
    assert all("Unknown key" in each["evidence"] for each in written["findings"])
