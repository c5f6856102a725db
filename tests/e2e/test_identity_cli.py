"""`vouchsafe identity` as a person runs it: what is printed where, and with which exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.cli_lab import Ended, run
from tests.gitlab_instance import JOB, MEMBER, GitLabInstance, Hosted
from vouchsafe.image.digest import Digest
from vouchsafe.policy.document import parse
from vouchsafe.testing.clock import RealClock
from vouchsafe.testing.loopback import LoopbackServer
from vouchsafe.testing.registry import RegistryServer, push_bundle, push_image, push_signature
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.testing.workload import gitlab

SIGSTORE = VirtualSigstore("identity", clock=RealClock())
IMAGE = Digest.of(b"image")
APP = Hosted(id=1234, path="group/app")


Run = Callable[..., Ended]


@pytest.fixture
def identity() -> Run:
    """Runs `vouchsafe identity`."""
    return lambda *words: run("identity", *words)


@pytest.fixture
def explain(identity: Run, tmp_path: Path) -> Run:
    """Runs `vouchsafe identity explain` with the virtual trust root."""
    root = tmp_path / "virtual-root.json"
    root.write_bytes(SIGSTORE.trusted_root())
    return lambda *words: identity("explain", "--trusted-root", str(root), *words)


def leaf(sigstore: VirtualSigstore = SIGSTORE, encoding: Encoding = Encoding.PEM) -> bytes:
    """A certificate of the virtual workload."""
    key = sigstore.keys.ec("cli").public_key()
    made = sigstore.ca.issue(key, sigstore.workload, sigstore.clock.now(), sigstore.leaf_plan())
    return made.public_bytes(encoding)


def test_a_bundle(explain: Run, tmp_path: Path) -> None:
    """Verified; who signed, every claim with its meaning, a policy."""
    path = tmp_path / "app.sigstore.json"
    path.write_bytes(SIGSTORE.bundle(IMAGE))
    said = explain(str(path))
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"verified  {path}\n  signed     {IMAGE} (signature)\n")
    assert "  source-repository-identifier  (pin this)\n" in said.out
    assert "for every GitLab instance" in said.out
    assert '"instance": "https://gitlab.example"' in said.out


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_a_certificate_alone(explain: Run, tmp_path: Path, encoding: Encoding) -> None:
    """Explained, and clearly not verified."""
    path = tmp_path / "leaf"
    path.write_bytes(leaf(encoding=encoding))
    said = explain(str(path))
    assert said.code == 0
    assert said.out.startswith(f"NOT verified  {path}\n  because    a certificate alone proves nothing")
    assert "issued     by an authority that is trusted" in said.out
    assert "a safe policy would say" in said.out


def test_a_made_up_certificate(explain: Run, tmp_path: Path) -> None:
    """Anybody can make one that says what they like; it is said who did not issue it."""
    path = tmp_path / "leaf.pem"
    path.write_bytes(leaf(VirtualSigstore("stranger", clock=RealClock())))
    out = explain(str(path)).out
    assert "issued     not by whom we trust: expected a certificate of a trusted authority" in out


def test_a_bundle_that_does_not_verify(explain: Run, tmp_path: Path) -> None:
    """Explained, not verified, exit code 1."""
    path = tmp_path / "app.sigstore.json"
    path.write_bytes(VirtualSigstore("stranger", clock=RealClock()).bundle(IMAGE))
    said = explain(str(path))
    assert (said.code, "NOT verified" in said.out, "  subject  (pin this)" in said.out) == (1, True, True)


def test_a_signer_that_no_policy_should_name(explain: Run, tmp_path: Path) -> None:
    """A merge request's pipeline: be careful, and no line that could be copied."""
    path = tmp_path / "app.sigstore.json"
    path.write_bytes(SIGSTORE.bundle(IMAGE, gitlab(pipeline_source="merge_request_event")))
    out = explain(str(path)).out
    assert ("be careful" in out, "no safe policy" in out, "sigstoreSigned" in out) == (True, True, False)


def test_an_image(explain: Run) -> None:
    """Whoever signed it, each once, with all that each made."""
    with RegistryServer(referrers="api") as registry:
        digest = push_image(registry.store, "group/app")
        payload, annotations = SIGSTORE.sign_legacy(digest, registry.reference("group/app"))
        push_signature(registry.store, "group/app", digest, payload, annotations)
        push_bundle(registry.store, "group/app", digest, SIGSTORE.bundle(digest))
        other = SIGSTORE.bundle(digest, gitlab(ref="refs/heads/feature"))
        push_bundle(registry.store, "group/app", digest, other)
        push_bundle(registry.store, "group/app", digest, SIGSTORE.bundle(IMAGE))
        said = explain("--tls-verify=false", "-o", "json", registry.reference("group/app"))
    document = said.json
    assert (said.code, document["image"]) == (1, str(digest))
    found = [(len(each["evidence"]), each["identity"]["subject"][-9:]) for each in document["signers"]]
    assert sorted(found) == [(1, "s/feature"), (3, "eads/main")]
    against = [e["against"]["code"] for each in document["signers"] for e in each["evidence"] if e["against"]]
    assert against == ["other-digest"]


def test_an_unsigned_image(explain: Run) -> None:
    """Nobody to explain is exit code 1."""
    with RegistryServer() as registry:
        push_image(registry.store, "app")
        said = explain("--tls-verify=false", registry.reference("app"))
    assert (said.code, said.out, "[unsigned]" in said.err) == (1, "", True)


def test_an_image_that_is_not_there(explain: Run) -> None:
    """Undecided."""
    with RegistryServer() as registry:
        said = explain("--tls-verify=false", registry.reference("app"))
    assert (said.code, said.out, "[no-such-image]" in said.err) == (2, "", True)


def test_a_key_names_nobody(explain: Run, tmp_path: Path) -> None:
    """A signature by a key has no identity to explain."""
    path = tmp_path / "app.sigstore.json"
    path.write_bytes(SIGSTORE.bundle(IMAGE, key=SIGSTORE.keys.ec("managed")))
    said = explain("-o", "json", str(path))
    assert (said.code, said.json["signers"][0]["identity"]) == (1, None)
    assert "signer     nobody: a signature by a key" in explain(str(path)).out


def test_as_json(explain: Run, tmp_path: Path) -> None:
    """The documented document, of a certificate and of a bundle."""
    for name, blob in (("leaf", leaf()), ("bundle", SIGSTORE.bundle(IMAGE))):
        (tmp_path / name).write_bytes(blob)
        (signer,) = explain("-o", "json", str(tmp_path / name)).json["signers"]
        assert [each["verified"] for each in signer["evidence"]] == [name == "bundle"]
        assert signer["policy"]["fulcio"]["gitlab"]["ref"] == "refs/heads/main"
        assert len(signer["claims"]) >= 15


def test_names_are_printed_escaped(explain: Run, tmp_path: Path) -> None:
    """A certificate cannot drive the terminal."""
    path = tmp_path / "app.sigstore.json"
    path.write_bytes(SIGSTORE.bundle(IMAGE, gitlab(ref="refs/heads/\x1b[2J")))
    out = explain(str(path)).out
    assert ("\x1b" in out, r"\x1b[2J" in out) == (False, True)


def test_standard_input(tmp_path: Path) -> None:
    """`-` reads what another program prints."""
    (tmp_path / "root.json").write_bytes(SIGSTORE.trusted_root())
    command = [
        sys.executable,
        "-m",
        "vouchsafe.cli",
        "identity",
        "explain",
        "--trusted-root",
        "root.json",
        "-",
    ]
    done = subprocess.run(
        command, input=SIGSTORE.bundle(IMAGE), capture_output=True, cwd=tmp_path, check=False, timeout=60
    )
    assert (done.returncode, done.stdout[:24]) == (0, b"verified  standard input")


def test_a_real_pipeline(identity: Run, vectors: Path) -> None:
    """A bundle of gitlab.com under the embedded trust root."""
    said = identity("explain", str(vectors / "real" / "gitlab" / "bundle.sigstore.json"))
    assert (said.code, '"projectID": "55235664"' in said.out) == (0, True)


@pytest.mark.parametrize(
    "name, blob",
    [("empty", b""), ("text", b"hello"), ("json", b"{}"), ("key", SIGSTORE.pem_files()["ct.pub"])],
)
def test_files_that_name_nobody(explain: Run, tmp_path: Path, name: str, blob: bytes) -> None:
    """Usage: what can be explained is said."""
    (tmp_path / name).write_bytes(blob)
    said = explain(str(tmp_path / name))
    assert (said.code, said.out, "[usage]" in said.err) == (64, "", True)
    assert ("ParseError" in said.err, "hint: " in said.err) == (False, True)


@pytest.mark.parametrize("name", ["leaf.pem", "./app", "/nonexistent/app", "app.sigstore.json"])
def test_files_that_are_not_there(explain: Run, name: str) -> None:
    """A mistyped file is no image: nobody is asked for it."""
    said = explain(name)
    assert (said.code, f"expected a file at {name}, got nothing" in said.err) == (64, True)


@pytest.fixture
def instance() -> Iterator[LoopbackServer]:
    """A GitLab with one project; main is protected, and tags v*."""
    with LoopbackServer(GitLabInstance(APP, url="https://gitlab.com").answer) as server:
        yield server


@pytest.fixture
def from_gitlab(identity: Run, instance: LoopbackServer, tmp_path: Path) -> Run:
    """Runs `vouchsafe identity from-gitlab` as a member."""
    token = tmp_path / "token"
    token.write_text(MEMBER)
    flags = ("from-gitlab", "--base-url", instance.url, "--token-file", str(token))
    return lambda *words: identity(*flags, *words)


def test_a_policy(from_gitlab: Run) -> None:
    """Standard output is the policy and nothing else; it loads."""
    said = from_gitlab("group/app")
    policy = parse(said.out.encode(), dialect="vouchsafe", source="policy.json")
    assert (said.code, list(policy.transports["docker"])) == (0, ["registry.gitlab.example/group/app"])
    assert '"projectID": "1234"' in said.out
    assert "warning: tags v* are protected but not accepted" in said.err


def test_several_refs(from_gitlab: Run) -> None:
    """Alternatives, and no warning of a ref: all of them are protected."""
    said = from_gitlab("--ref", "main", "--ref", "refs/tags/v*", "group/app")
    assert (said.out.count('"gitlab"'), "protected" in said.err) == (2, False)


def test_an_instance_of_another_name(from_gitlab: Run, instance: LoopbackServer) -> None:
    """Whoever is asked decides whose tokens are accepted; that it names somebody else is said."""
    assert f"warning: {instance.url} calls itself https://gitlab.com" in from_gitlab("group/app").err


def test_a_ref_that_is_not_protected(from_gitlab: Run) -> None:
    """Written, with a warning."""
    said = from_gitlab("--ref", "dev", "group/app")
    assert (said.code, "refs/heads/dev is not protected" in said.err) == (0, True)


def test_a_policy_as_json(from_gitlab: Run) -> None:
    """The documented document: the policy, and what GitLab said."""
    document = from_gitlab("-o", "json", "--drop-in", "group/app").json
    assert (document["project"]["protectedTags"], list(document["policy"])) == (["v*"], ["transports"])


def test_writing_a_file(from_gitlab: Run, tmp_path: Path) -> None:
    """Whole or not at all; what is there already and differs is not replaced unasked."""
    path = tmp_path / "policy.json"
    said = from_gitlab("--write", str(path), "group/app")
    assert (said.code, said.out, json.loads(path.read_text())["default"]) == (0, "", [{"type": "reject"}])
    assert from_gitlab("--write", str(path), "group/app").code == 0
    path.write_text("{}")
    refused = from_gitlab("--write", str(path), "group/app")
    assert (refused.code, path.read_text(), "--force" in refused.err) == (64, "{}", True)
    assert from_gitlab("--write", str(path), "--force", "group/app").code == 0
    assert path.read_text() != "{}"


def test_in_a_job(identity: Run, instance: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """CI variables name instance and project; the better token is taken."""
    for name, value in {
        "CI_API_V4_URL": f"{instance.url}/api/v4",
        "CI_PROJECT_ID": "1234",
        "CI_JOB_TOKEN": JOB,
        "GITLAB_TOKEN": MEMBER,
    }.items():
        monkeypatch.setenv(name, value)
    said = identity("from-gitlab")
    assert (said.code, '"projectID": "1234"' in said.out) == (0, True)
    monkeypatch.delenv("GITLAB_TOKEN")
    refused = identity("from-gitlab")
    assert (refused.code, refused.out, "read_api" in refused.err) == (2, "", True)


def test_no_token_is_ever_printed(from_gitlab: Run) -> None:
    """Not in results, not in errors."""
    for words in (("group/app",), ("group/none",), ("-o", "json", "group/app")):
        said = from_gitlab(*words)
        assert MEMBER not in said.out + said.err


@pytest.mark.parametrize(
    "words, code, error",
    [
        (("group/none",), 2, "[gitlab-project]"),
        (("--ref", "refs/merge-requests/1/head", "group/app"), 78, "[gitlab-ref]"),
        (("--registry", "UPPER/case", "group/app"), 78, "[gitlab-registry]"),
        (("--force", "group/app"), 64, "[usage]"),
        (("--runner", "mine", "group/app"), 64, "to be one of"),
        ((), 78, "[gitlab-project]"),
    ],
)
def test_policies_that_are_not_written(
    from_gitlab: Run, words: tuple[str, ...], code: int, error: str
) -> None:
    """Each reason has its exit code, and nothing is on standard output."""
    said = from_gitlab(*words)
    assert (said.code, said.out, error in said.err) == (code, "", True)


@pytest.mark.parametrize("url", ["git.example", "ssh://git.example"])
def test_urls_that_are_none(identity: Run, url: str) -> None:
    """Usage."""
    assert identity("from-gitlab", "--base-url", url, "a/b").code == 64


@pytest.mark.parametrize("action", ["explain", "from-gitlab"])
def test_help(identity: Run, action: str) -> None:
    """Every action shows examples."""
    said = identity(action, "--help")
    assert (said.code, f"examples:\n  vouchsafe identity {action}" in said.out) == (0, True)
