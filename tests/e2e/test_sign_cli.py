"""`vouchsafe sign` and `attest` as a pipeline runs them: what is printed, written and published, with which code."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli_lab import plain_terminal, run
from tests.sign_cli_lab import REPOSITORY, SignLab, api_lab, lab, with_programs
from vouchsafe.testing.clock import RealClock
from vouchsafe.testing.fulcio_api import FulcioApi
from vouchsafe.testing.keys import KeySource, private_pem, public_pem
from vouchsafe.testing.loopback import LoopbackServer, Response
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.testing.tls import LoopbackTls

__all__ = ["api_lab", "lab", "plain_terminal"]
MAIN = "https://gitlab.example/group/project//.gitlab-ci.yml@refs/heads/main"
ISSUER = "https://gitlab.example"
SIGNING = Path(__file__).resolve().parents[2] / "docs" / "signing.md"
JOB = {
    "CI_SERVER_URL": "https://gitlab.example",
    "CI_PROJECT_URL": "https://gitlab.example/group/app",
    "CI_PROJECT_ID": "7",
    "CI_COMMIT_SHA": "4f2a",
    "CI_JOB_URL": "https://gitlab.example/group/app/-/jobs/302",
    "CI_COMPONENT_NAME": "sign",
    "CI_COMPONENT_VERSION": "5.1.0",
}


@pytest.fixture(autouse=True)
def no_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only our own reader, but where a test says otherwise."""
    with_programs(tmp_path, monkeypatch)


def verify(lab: SignLab, image: str, *words: str, identity: str = MAIN) -> int:
    """The exit code of `vouchsafe verify`."""
    who = ["--certificate-identity", identity, "--certificate-oidc-issuer", ISSUER]
    root = ["--trusted-root", str(lab.services.trusted_root), "--tls-verify=false"]
    return run("verify", *who, *root, *words, image).code


def states(document: dict[str, Any], number: int = 0) -> list[list[str]]:
    """Of each form of each manifest."""
    manifests = document["images"][number]["manifests"]
    return [[form["state"] for form in manifest["forms"]] for manifest in manifests]


@pytest.mark.parametrize("fixture", ["lab", "api_lab"])
def test_sign(fixture: str, request: pytest.FixtureRequest) -> None:
    """Signed, verified by `vouchsafe verify`; the answer on stdout, progress on stderr."""
    lab: SignLab = request.getfixturevalue(fixture)
    ended = lab.sign(lab.image)
    assert ended.code == 0, ended.err
    first, second, third, *_ = ended.out.splitlines()
    assert first == f"signed  docker://{lab.image}"
    assert second == f"  digest     {lab.digest}"
    assert third == f"  as         {MAIN} (issuer {ISSUER})"
    assert "  .sig       signed (rekor1.sigstore.example entry " in ended.out
    assert "  read by    vouchsafe (legacy), vouchsafe (bundle)" in ended.out
    assert ended.err.splitlines()[0] == f"vouchsafe: docker://{lab.image} is {lab.digest}"
    assert verify(lab, lab.image) == 0
    assert lab.attached("") == (1 if fixture == "lab" else 0)


def test_twice(lab: SignLab) -> None:
    """Said, not repeated."""
    assert lab.sign(lab.image).code == 0
    ended = lab.sign(lab.image)
    assert (ended.code, ended.out.splitlines()[0]) == (0, f"signed already  docker://{lab.image}")
    assert (lab.attached(".sig"), lab.attached("")) == (1, 1)


def test_an_index(lab: SignLab) -> None:
    """The index and its platforms, by one certificate, each verifiable by itself."""
    document = lab.document(lab.multi)
    assert states(document) == [["signed", "signed"]] * 3
    assert [each["platform"] for each in document["images"][0]["manifests"]] == [
        "linux/amd64",
        "linux/arm64",
        "",
    ]
    for digest in (lab.index, *lab.platforms.values()):
        assert verify(lab, lab.registry.reference(REPOSITORY, digest)) == 0
    assert lab.services.servers["fulcio"].count("POST") == 1


def test_no_recursive(lab: SignLab) -> None:
    """The index alone."""
    assert states(lab.document("--no-recursive", lab.multi)) == [["signed", "signed"]]
    assert verify(lab, lab.registry.reference(REPOSITORY, lab.platforms["amd64"])) == 1


def test_several_images(lab: SignLab) -> None:
    """One certificate for all of them; the highest exit code counts, and the others are done."""
    missing = lab.registry.reference(REPOSITORY, "missing")
    document = lab.document(lab.image, missing, lab.multi)
    assert [image["ok"] for image in document["images"]] == [True, False, True]
    assert document["images"][1]["error"]["code"] == "no-such-image"
    assert lab.services.servers["fulcio"].count("POST") == 1
    assert lab.sign(lab.image, missing).code == 2


@pytest.mark.parametrize("form, tags", [("legacy", (1, 0)), ("bundle", (0, 1))])
def test_one_form(lab: SignLab, form: str, tags: tuple[int, int]) -> None:
    """--format."""
    assert lab.sign("--format", form, lab.image).code == 0
    assert (lab.attached(".sig"), lab.attached("")) == tags
    assert verify(lab, lab.image) == 0


def test_files_for_later_jobs(lab: SignLab, tmp_path: Path) -> None:
    """The digest, and variables as GitLab's dotenv report takes them."""
    digest, dotenv = tmp_path / "digest", tmp_path / "sign.env"
    assert lab.sign("--digest-file", digest, "--dotenv", dotenv, lab.image, lab.multi).code == 0
    assert digest.read_text("utf-8") == f"{lab.digest}\n{lab.index}\n"
    variables = dict(line.split("=", 1) for line in dotenv.read_text("utf-8").splitlines())
    assert variables["DIGEST"] == str(lab.digest)
    assert variables["IMAGE_2"] == f"{lab.registry.address}/{REPOSITORY}@{lab.index}"
    assert int(variables["REKOR_LOG_INDEX"]) > 0
    again = tmp_path / "again.env"
    assert lab.sign("--dotenv", again, lab.image, lab.multi).code == 0
    assert again.read_text("utf-8") == dotenv.read_text("utf-8")


def test_no_files_after_a_failure(lab: SignLab, tmp_path: Path) -> None:
    """A job that failed must not hand on a digest."""
    path = tmp_path / "digest"
    missing = lab.registry.reference(REPOSITORY, "missing")
    assert lab.sign("--digest-file", path, lab.image, missing).code == 2
    assert not path.exists()


def test_two_tags_of_one_image(lab: SignLab) -> None:
    """As `v1` and `latest` are: signed once, and said of both."""
    stored = lab.registry.store.manifest(REPOSITORY, "v1")
    assert stored is not None
    lab.registry.store.put_manifest(REPOSITORY, stored.raw, stored.media_type, "latest")
    ended = lab.sign(lab.image, lab.registry.reference(REPOSITORY, "latest"), lab.image)
    assert ended.code == 0, ended.err
    assert (lab.attached(".sig"), lab.attached("")) == (1, 1)
    assert sorted(line.split("  ")[0] for line in ended.out.splitlines() if line.startswith("signed")) == [
        "signed",
        "signed already",
        "signed already",
    ]


def test_files_that_cannot_be_written(lab: SignLab, tmp_path: Path) -> None:
    """A folder that is not there is told before anything is published; a full disk after the result."""
    refused = lab.sign("--dotenv", tmp_path / "none" / "sign.env", lab.image)
    assert (refused.code, "[file-write]" in refused.err, refused.out, lab.attached(".sig")) == (
        2,
        True,
        "",
        0,
    )
    full = lab.sign("--dotenv", "/dev/full", lab.image)
    assert (full.code, "[file-write]" in full.err, full.out.split()[0]) == (2, True, "signed")
    assert lab.sign("--dotenv", "/dev/null", lab.image).code == 0
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_job_that_is_cancelled_while_programs_read(lab: SignLab, number: int, code: int) -> None:
    """Several at once, in threads that nobody waits for: all of them end, and their folders are gone."""
    born, scratch, programs = (lab.folder / name for name in ("born", "scratch", "programs"))
    for folder in (born, scratch, programs):
        folder.mkdir()
    cosign = programs / "cosign"
    cosign.write_text(
        f"#!/bin/sh\nPATH=/usr/bin:/bin\n[ $# -gt 2 ] || exit 0\n"
        f": > {born}/$$.new\nmv {born}/$$.new {born}/$$\nsleep 300\n"
    )
    cosign.chmod(0o755)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # one that is ignored is handed down
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "vouchsafe.cli", "sign", *lab.flags("v1"), lab.multi],
            env={
                **os.environ,
                "TMPDIR": str(scratch),
                "PATH": str(programs),
                "SIGSTORE_ID_TOKEN": lab.services.token(),
            },
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)
    while len([each for each in born.iterdir() if not each.suffix]) < 2:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    _, said = process.communicate(timeout=600)
    assert (process.returncode, "Traceback" in said) == (code, False), said
    assert list(scratch.iterdir()) == []
    for each in born.iterdir():
        with pytest.raises(ProcessLookupError):
            os.kill(int(each.stem), 0)


def test_dry_run(lab: SignLab) -> None:
    """Who would sign what; nothing is asked of a service and nothing written."""
    document = lab.document("--dry-run", lab.image)
    assert (document["dryRun"], states(document)) == (True, [["would sign", "would sign"]])
    assert document["signer"]["subject"] == MAIN
    ended = lab.sign("--dry-run", lab.image)
    assert (ended.code, ended.out.splitlines()[0]) == (0, f"would sign  docker://{lab.image}")
    assert "dry run: nothing is published" in ended.err
    assert [len(server.requests) for name, server in lab.services.servers.items()] == [0] * 5
    assert lab.registry.count("PUT") + lab.registry.count("POST") == 0


def test_dry_run_in_a_merge_request(lab: SignLab) -> None:
    """Says who would sign, and that it would be refused; that is no failure of the pipeline."""
    ended = lab.sign("--dry-run", lab.image, pipeline_source="merge_request_event")
    assert ended.code == 0
    assert "it would be refused: expected the pipeline of a branch or tag" in ended.err


@pytest.mark.parametrize(
    "claims, code",
    [
        ({"pipeline_source": "merge_request_event"}, "token-merge-request"),
        ({"ci_config_ref_uri": None}, "token-config-ref"),
        ({"aud": "other"}, "token-audience"),
        ({"exp": 1_700_000_000}, "token-expired"),
    ],
)
def test_a_token_that_is_wrong(lab: SignLab, claims: dict[str, Any], code: str) -> None:
    """Found before anything is asked or published, and said with a way out."""
    ended = lab.sign(lab.image, **claims)
    assert (ended.code, ended.out) == (2, "")
    assert f"[{code}]" in ended.err
    assert "hint:" in ended.err
    assert [len(server.requests) for server in lab.services.servers.values()] == [0] * 5
    assert lab.registry.requests == []


def test_insisting_on_a_merge_request(lab: SignLab) -> None:
    """--allow-merge-request."""
    ended = lab.sign("--allow-merge-request", lab.image, pipeline_source="merge_request_event")
    assert ended.code == 0, ended.err


def test_no_token(lab: SignLab) -> None:
    """Says how to get one."""
    ended = run("sign", *lab.flags(), lab.image)
    assert ended.code == 2
    assert "[token-absent]" in ended.err
    assert "id_tokens" in ended.err


def test_a_token_in_a_file(lab: SignLab, tmp_path: Path) -> None:
    """--identity-token FILE."""
    path = tmp_path / "token"
    path.write_text(lab.services.token(), encoding="ascii")
    assert run("sign", *lab.flags(), "--identity-token", path, lab.image).code == 0


def test_fulcio_does_not_know_the_issuer(lab: SignLab) -> None:
    """Its words, and what is most often behind them; nothing is attached."""
    stranger = VirtualSigstore("stranger", clock=RealClock())
    token = lab.folder / "token"
    token.write_text(stranger.oidc.gitlab_token(), encoding="ascii")
    ended = run("sign", *lab.flags(), "--identity-token", token, lab.image)
    assert ended.code == 2
    assert "[fulcio-refused]" in ended.err
    assert "Fulcio says: There was an error processing the identity token" in ended.err
    assert "a GitLab of one's own needs a Fulcio of one's own" in ended.err
    assert lab.registry.count("PUT") == 0


def test_only_rekor_2(lab: SignLab) -> None:
    """`.sig` cannot be made, and it says what to do; a bundle can."""
    ended = lab.sign(lab.image, config="v2")
    assert ended.code == 2
    assert "[no-rekor-1]" in ended.err
    assert "--format bundle" in ended.err
    assert lab.registry.requests == []
    assert lab.sign("--format", "bundle", lab.image, config="v2").code == 0
    assert verify(lab, lab.image) == 0


def test_services_by_url(lab: SignLab) -> None:
    """--fulcio-url, --rekor-url, --timestamp-url, with the trusted root that belongs to them."""
    urls = lab.services.urls
    named = ["--fulcio-url", urls["fulcio"], "--rekor-url", urls["rekor1"]]
    stamped = ["--timestamp-url", f"{urls['tsa']}/api/v1/timestamp"]
    token = lab.folder / "token"
    token.write_text(lab.services.token(), encoding="ascii")
    common = ["sign", "--identity-token", str(token), "--tls-verify=false", *named, *stamped]
    without = run(*common, lab.image)
    assert (without.code, "[no-trusted-root]" in without.err) == (2, True)
    root = ["--trusted-root", str(lab.services.trusted_root)]
    assert run(*common, *root, lab.image).code == 0
    second = ["--rekor-url", urls["rekor2"], "--rekor-version", "2", "--fulcio-url", urls["fulcio"], *stamped]
    bundle = [
        "sign",
        "--identity-token",
        str(token),
        "--tls-verify=false",
        "--format",
        "bundle",
        *second,
        *root,
    ]
    assert run(*bundle, lab.multi).code == 0


def test_trust_config(lab: SignLab) -> None:
    """Services and trusted root in one file."""
    path = lab.folder / "trust.json"
    config = {
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": json.loads(lab.sigstore.trusted_root()),
        "signingConfig": json.loads((lab.services.folder / "signing_config_v1.json").read_text("utf-8")),
    }
    path.write_text(json.dumps(config), encoding="utf-8")
    token = lab.folder / "token"
    token.write_text(lab.services.token(), encoding="ascii")
    common = ["--trust-config", path, "--identity-token", token, "--tls-verify=false"]
    assert run("sign", *common, lab.image).code == 0


def test_a_ca_of_ones_own(lab: SignLab, tmp_path: Path) -> None:
    """A service behind TLS whose CA nobody knows: refused, and accepted with --service-ca."""
    tls = LoopbackTls()
    known = tmp_path / "ca.pem"
    known.write_bytes(tls.ca_pem)
    token = lab.folder / "token"
    token.write_text(lab.services.token(), encoding="ascii")
    with LoopbackServer(FulcioApi(lab.sigstore).answer, tls=tls.context()) as fulcio:
        named = [
            "--fulcio-url",
            f"https://localhost:{fulcio.port}",
            "--rekor-url",
            lab.services.urls["rekor1"],
        ]
        root = ["--trusted-root", lab.services.trusted_root, "--tls-verify=false"]
        common = ["sign", "--identity-token", token, *named, *root]
        refused = run(*common, lab.image)
        assert (refused.code, "[tls-certificate]" in refused.err) == (2, True)
        accepted = run(*common, "--service-ca", known, lab.image)
    assert accepted.code == 0, accepted.err


@pytest.mark.parametrize("logged", [False, True])
def test_by_key(lab: SignLab, tmp_path: Path, logged: bool) -> None:
    """A key needs no token, and no log unless one is named; `vouchsafe verify --key` accepts it."""
    key = KeySource("sign").ec("key")
    private, public = tmp_path / "key.pem", tmp_path / "key.pub"
    private.write_bytes(private_pem(key))
    public.write_bytes(public_pem(key.public_key()))
    services = lab.flags() if logged else ["--tls-verify=false"]
    ended = run("sign", *services, "--key", private, "--annotation", "env=prod", lab.multi)
    assert ended.code == 0, ended.err
    assert run("verify", "--key", public, "--tls-verify=false", lab.multi).code == 0
    assert bool(lab.services.servers["rekor1"].requests) == logged
    assert run("sign", *services, "--key", private, lab.multi).out.startswith("signed already")


@pytest.mark.parametrize(
    "words, code, said",
    [
        (["--require-readable-by", "podman", "--format", "bundle"], 1, "[not-readable]"),
        (["--require-readable-by", "podman,bootc,cosign"], 0, ""),
        (["--require-readable-by", "docker"], 64, "expected --require-readable-by of podman"),
        (["--key", "x", "--identity-token", "y"], 64, "expected --key or --identity-token"),
        (["--trust-config", "x"], 64, "expected --trust-config or --signing-config"),
        (["--rekor-url", "http://x"], 64, "expected a config or URLs of services"),
        (["--annotation", "env"], 64, "expected --annotation NAME=VALUE"),
        (["--key", "/nonexistent"], 78, "[file-missing]"),
        (["--no-log"], 2, "[no-log]"),
        (["--identity-token", "/nonexistent"], 2, "[token-absent]"),
        (["--identity-token", "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"], 2, "[token-on-command-line]"),
        (["--service-ca", "/nonexistent"], 78, "[file-missing]"),
    ],
)
def test_mistakes(lab: SignLab, words: list[str], code: int, said: str) -> None:
    """Each has its sentence and exit code, and leaves nothing behind."""
    ended = lab.sign(*words, lab.image)
    assert ended.code == code, ended.err
    assert said in ended.err
    if code:
        assert (lab.attached(".sig"), lab.attached("")) == (0, 0)
        assert "eyJ" not in ended.err


def test_not_everything_is_in_a_registry() -> None:
    """A layout on disk cannot be signed in place."""
    ended = run("sign", "--key", "/nonexistent", "oci:/srv/layout")
    assert ended.code == 78


def test_attest(lab: SignLab) -> None:
    """An SBOM in both forms, found by `verify --type`; the image is not signed by that."""
    words = ["--type", "cyclonedx", "--predicate", lab.sbom]
    document = lab.document(*words, lab.image, command="attest")
    assert states(document) == [["signed", "signed"]]
    assert verify(lab, lab.image, "--type", "cyclonedx") == 0
    assert verify(lab, lab.image) == 1
    assert (lab.attached(".att"), lab.attached(""), lab.attached(".sig")) == (1, 1, 0)
    assert states(lab.document(*words, lab.image, command="attest")) == [["already", "already"]]


def test_attest_provenance(lab: SignLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the variables of the job, with the component that ran it."""
    refused = lab.sign("--provenance", "gitlab", lab.image, command="attest")
    assert (refused.code, "[provenance]" in refused.err) == (78, True)
    for name, value in JOB.items():
        monkeypatch.setenv(name, value)
    assert lab.sign("--provenance", "gitlab", lab.image, command="attest").code == 0
    assert verify(lab, lab.image, "--type", "slsaprovenance1") == 0
    assert lab.sign("--provenance", "gitlab", lab.image, command="attest").out.startswith("signed already")


@pytest.mark.parametrize(
    "name, version, code",
    [
        ("gitlab.com/acme/catalog/attest-sbom", "5.10.0", 0),
        ("gitlab.com/acme/catalog/attest-sbom", "5.1.9", 1),
        ("gitlab.com/eve/catalog/attest-sbom", "9.0.0", 1),
    ],
)
def test_signed_by_a_component_of_a_version(
    lab: SignLab, monkeypatch: pytest.MonkeyPatch, name: str, version: str, code: int
) -> None:
    """The policy of docs/signing.md, about this pipeline: it finds out that a component is too old, or another."""
    blocks = re.findall(r"^```json\n(.*?)^```", SIGNING.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (policy,) = [json.loads(text) for text in blocks if "predicateFields" in text]
    ((_, rules),) = policy["transports"]["docker"].items()
    policy["transports"]["docker"] = {f"{lab.registry.address}/{REPOSITORY}": rules}
    identities = [{"oidcIssuer": ISSUER, "subjectURI": MAIN}]
    for rule in rules:
        rule["fulcio"] = {"trustedRootPath": str(lab.services.trusted_root), "identities": identities}
    written = lab.folder / "policy.json"
    written.write_text(json.dumps(policy), encoding="utf-8")
    job = JOB | {"CI_COMPONENT_NAME": name, "CI_COMPONENT_VERSION": version}
    for variable, value in job.items():
        monkeypatch.setenv(variable, value)
    assert (
        lab.sign(lab.image).code,
        lab.sign("--provenance", "gitlab", lab.image, command="attest").code,
    ) == (0, 0)
    ended = run("verify", "--policy", written, "--tls-verify=false", lab.image)
    assert (ended.code, "[predicate-field]" in ended.out) == (code, bool(code)), ended.out


@pytest.mark.parametrize(
    "words, code, said",
    [
        ([], 64, "expected --type TYPE and --predicate FILE"),
        (["--type", "cyclonedx"], 64, "expected --type TYPE and --predicate FILE"),
        (["--type", "sbom", "--predicate", "SBOM"], 64, "expected --type to be a URI or one of cyclonedx"),
        (["--provenance", "gitlab", "--type", "cyclonedx"], 64, "expected --provenance or --type"),
        (["--type", "spdxjson", "--predicate", "SBOM"], 78, "[predicate-kind]"),
        (["--type", "cyclonedx", "--predicate", "/nonexistent"], 78, "[file-missing]"),
        (["--type", "https://sigstore.dev/cosign/sign/v1", "--predicate", "SBOM"], 64, "Use vouchsafe sign"),
    ],
)
def test_mistakes_in_attesting(lab: SignLab, words: list[str], code: int, said: str) -> None:
    """Before anything is asked."""
    ended = lab.sign(
        *(str(lab.sbom) if word == "SBOM" else word for word in words), lab.image, command="attest"
    )
    assert ended.code == code
    assert said in ended.err
    assert lab.registry.requests == []


def test_the_largest_predicate(lab: SignLab) -> None:
    """Just below the limit it is attested and can be read again; beyond it: test_attest_large.py."""
    lab.sbom.write_text(json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6", "x": "y" * 2_999_000}))
    ended = lab.sign("--type", "cyclonedx", "--predicate", lab.sbom, lab.image, command="attest")
    assert ended.code == 0, ended.err
    assert verify(lab, lab.image, "--type", "cyclonedx") == 0


def test_rekor_finds_it_too_large(lab: SignLab) -> None:
    """Its own limit may be lower: said with what to do, and nothing is attached."""
    with LoopbackServer(lambda _request: Response(status=413, body=b"Request Entity Too Large")) as rekor:
        token = lab.folder / "token"
        token.write_text(lab.services.token(), encoding="ascii")
        named = ["--fulcio-url", lab.services.urls["fulcio"], "--rekor-url", rekor.url]
        root = ["--trusted-root", lab.services.trusted_root, "--tls-verify=false", "--identity-token", token]
        words = ["--type", "cyclonedx", "--predicate", lab.sbom]
        ended = run("attest", *named, *root, *words, lab.image)
    assert (ended.code, "[log-too-large]" in ended.err, "Rekor v2" in ended.err) == (2, True, True)
    assert (lab.attached(".att"), lab.attached("")) == (0, 0)


def test_a_branch_drives_no_terminal(lab: SignLab, tmp_path: Path) -> None:
    """git lets a branch's name turn the direction of writing around: it is in the identity, and stands escaped."""
    path = tmp_path / "token"
    uri = MAIN.removeprefix("https://").replace("main", "\u202eniam")
    path.write_text(lab.services.token(ci_config_ref_uri=uri), encoding="ascii")
    for words in (("--dry-run",), ()):
        ended = run("sign", *lab.flags(), *words, "--identity-token", path, lab.image)
        assert "\\u202eniam" in ended.out + ended.err
        assert "\u202e" not in ended.out + ended.err
