"""What a cold `vouchsafe verify` imports, and what it must not: a pull waits for it.

Never a time: the machine decides that. docs/benchmarks.md has the figures.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.cli_lab import ISSUER, MAIN, Lab, lab
from tests.countersigning import Running
from tests.plugins import plugin_machine, request

__all__ = ["lab"]
PROGRAM = """
import contextlib, io, json, sys
before = set(sys.modules)
from vouchsafe.cli import main
with contextlib.redirect_stdout(io.StringIO()):
    code = main(sys.argv[1:])
print(json.dumps([code, sorted(set(sys.modules) - before)]))
"""
# Nobody who verifies one image needs these, whatever the transport and the format.
NEVER = """
    asyncio concurrent.futures multiprocessing subprocess xml rich shtab tuf securesystemslib
    vouchsafe.testing vouchsafe.cli.explain vouchsafe.cli.json_output vouchsafe.cli.junit vouchsafe.cli.policy
    vouchsafe.cli.progress vouchsafe.cli.several vouchsafe.cli.trust vouchsafe.cli.identity vouchsafe.adapters.tuf
    vouchsafe.adapters.process vouchsafe.adapters.policyfiles vouchsafe.policy.document vouchsafe.policy.lint
    vouchsafe.policy.layers vouchsafe.adapters.registry.tokens vouchsafe.adapters.registry.auth
    dataclasses inspect cryptography.hazmat.primitives.serialization
    urllib3 vouchsafe.adapters.proxied logging importlib.metadata tempfile zipfile shutil pathlib
"""
# What http.client brings along is its own; on disk nothing of it is needed.
ON_DISK = "http email.parser ssl vouchsafe.adapters.http"
IN_A_REGISTRY = "vouchsafe.adapters.layout vouchsafe.adapters.directory"


def imported(*words: object) -> set[str]:
    """The modules that one accepted run brought in."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *(str(word) for word in words)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "HOME": "/nonexistent"},
    )
    code, modules = json.loads(done.stdout)
    assert code == 0
    return set(modules)


def present(modules: set[str], *names: str) -> list[str]:
    """Which of the names were imported, or something below them."""
    return sorted(
        name
        for name in " ".join(names).split()
        if any(each == name or each.startswith(f"{name}.") for each in modules)
    )


@pytest.mark.parametrize("image", ["signed", "index"])
def test_from_disk(lab: Lab, image: str) -> None:
    """A layout needs no HTTP, a signature without a timestamp no ASN.1 of one, an exact name no RE2."""
    modules = imported("verify", *lab.flags(), lab.oci(image))
    assert present(modules, NEVER, ON_DISK, "rfc3161_client re2") == []


@pytest.mark.parametrize("image", ["signed", "bundled", "index"])
def test_from_a_registry(lab: Lab, image: str) -> None:
    """The same, with http.client and what that brings; urllib3 is for proxies."""
    modules = imported("verify", *lab.flags(), lab.docker(image))
    assert present(modules, NEVER, IN_A_REGISTRY, "rfc3161_client re2") == []


def test_toml_only_where_there_is_some(lab: Lab) -> None:
    """registries.conf is read where it exists."""
    if os.path.exists("/etc/containers/registries.conf") or os.path.exists(
        "/etc/containers/registries.conf.d"
    ):
        pytest.skip("this machine has a registries.conf")
    assert present(imported("verify", *lab.flags(), lab.docker("signed")), "tomllib") == []


def test_what_is_needed_is_imported(lab: Lab) -> None:
    """The names above are what they are called: a timestamp and a pattern bring theirs."""
    lab.image("stamped", lambda digest, name: lab.sign(name, digest, tsa=True))
    assert present(imported("verify", *lab.flags(), lab.docker("stamped")), "rfc3161_client") != []
    pattern = ["--certificate-identity-regexp", MAIN, "--certificate-oidc-issuer", ISSUER]
    flags = ["--tls-verify=false", "--trusted-root", lab.root]
    assert present(imported("verify", *pattern, *flags, lab.docker("signed")), "re2") != []
    several = imported("verify", *lab.flags(), lab.docker("signed"), lab.docker("bundled"))
    assert present(several, "vouchsafe.cli.several rich") == ["vouchsafe.cli.several"]


# What answers a plugin's question through the countersigner: the interpreter, JSON, names, and a socket.
PLUGIN = """
import json, os, sys
before = set(sys.modules)
from vouchsafe.plugin.program import run
code = run(["--root", sys.argv[1]])
os.write(2, json.dumps([code, sorted(set(sys.modules) - before)]).encode())
"""
NOT_FOR_A_PLUGIN = f"""
    {NEVER} {ON_DISK} argparse cryptography urllib3 re2 rfc3161_client h11 prometheus_client sqlite3 hmac base64
    datetime threading pwd tomllib vouchsafe.cli vouchsafe.wiring vouchsafe.adapters vouchsafe.admission
    vouchsafe.policy vouchsafe.evidence vouchsafe.verification vouchsafe.countersign vouchsafe.plugin.alone
    vouchsafe.plugin.conformance vouchsafe.plugin.kit vouchsafe.ports
"""


# Which policy it is, `verify` is told by flags.
POLICIES = ("vouchsafe.adapters.policyfiles", "vouchsafe.policy.document", "vouchsafe.policy.layers")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files that the plugin believes")
def test_a_plugin_beside_the_countersigner() -> None:
    """Neither the command line, nor HTTP, nor cryptography; alone it needs what `verify` needs."""
    with plugin_machine() as machine:
        digest = machine.image()
        machine.sign(digest)
        asked = request(machine, digest, manifest=None).document()

        def modules() -> set[str]:
            command = [sys.executable, "-I", "-c", PLUGIN, str(machine.folder)]
            done = subprocess.run(command, input=asked, capture_output=True, check=True)
            code, found = json.loads(done.stderr)
            assert code == 0, done.stdout
            return set(found)

        with Running(machine, verdicts=True):
            beside = modules()
        alone = modules()
    assert present(beside, NOT_FOR_A_PLUGIN) == []
    needless = "argparse vouchsafe.cli vouchsafe.countersign re2 rfc3161_client sqlite3"
    assert present(alone, NEVER, needless) == [*POLICIES]
    assert "cryptography" in alone
