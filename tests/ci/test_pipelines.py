"""The components, run: what is signed, what turns a job red, and what each job leaves for GitLab to show."""

from __future__ import annotations

import hashlib
import json
import re
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.ci.pipeline import ISSUER, PROJECT, ROOT, TOOL_IMAGE, Ended, Estate, component
from tools.release_components import released
from vouchsafe.cli.json_output import Json
from vouchsafe.image.digest import Digest
from vouchsafe.testing.registry import BasicAccess, RegistryServer, push_image, push_index

pytestmark = pytest.mark.peers

MAIN = f"{ISSUER}/{PROJECT}//.gitlab-ci.yml@refs/heads/main"
CATALOG = "gitlab.example/acme/catalog"
COMPONENT = "/buildDefinition/externalParameters/component"
SBOM = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": []}
REQUEST = {"CI_PIPELINE_SOURCE": "merge_request_event"}


class Image:
    """An image in a repository of its own, below the project's path as GitLab's registry has it."""

    def __init__(self, loopback: Estate, name: str, *, index: bool = False) -> None:
        self.repository = f"{PROJECT}/{name}"
        self.store = loopback.registry.store
        self.platforms: list[Digest] = []
        if index:
            self.digest, instances = push_index(self.store, self.repository)
            self.platforms = list(instances.values())
        else:
            self.digest = push_image(self.store, self.repository, content=name.encode())
        self.name = f"{loopback.registry.address}/{self.repository}"
        self.tagged = f"{self.name}:v1"

    def attachments(self, digest: Digest | None = None) -> set[str]:
        """What is beside the image, by kind."""
        tag = (digest or self.digest).tag_prefix
        kinds = {f"{tag}.sig": ".sig", f"{tag}.att": ".att", tag: "referrers"}
        return {kinds[found] for found in self.store.tags(self.repository) if found in kinds}


def cases(ended: Ended, job: str) -> dict[str, str]:
    """The JUnit report of a job: the code of each case that is red, "" for the others."""
    root = ET.fromstring(ended.text(f"{job}/vouchsafe-{job}/junit.xml"))
    found = {}
    for case in root.iter("testcase"):
        bad = next((child for child in case if child.tag in ("failure", "error")), None)
        found[f"{case.get('classname')}|{case.get('name')}"] = "" if bad is None else str(bad.get("type"))
    return found


def red(ended: Ended, job: str) -> set[str]:
    """The codes of the red cases."""
    return {code for code in cases(ended, job).values() if code}


def policy_of(loopback: Estate, image: Image) -> Json:
    """Signed by the project's main branch, an SBOM attested by it, and provenance by a component that is new enough."""
    fulcio = {
        "trustedRootPath": str(loopback.services.trusted_root),
        "gitlab": {
            "instance": ISSUER,
            "project": PROJECT,
            "projectID": loopback.services.sigstore.workload.claims["source-repository-identifier"],
            "ref": "refs/heads/main",
        },
    }
    demands: list[Json] = [
        {"type": "sigstoreSigned", "fulcio": fulcio, "signedIdentity": {"type": "matchRepository"}},
        {"type": "sigstoreAttested", "predicateType": "https://cyclonedx.org/bom", "fulcio": fulcio},
        {
            "type": "sigstoreAttested",
            "predicateType": "https://slsa.dev/provenance/v1",
            "predicateFields": {
                f"{COMPONENT}/name": f"{CATALOG}/attest-sbom",
                f"{COMPONENT}/version": {"version": ">=5.2.0"},
            },
            "fulcio": fulcio,
        },
    ]
    return {"default": [{"type": "reject"}], "transports": {"docker": {image.name: demands}}}


def of_policy(loopback: Estate, image: Image, folder: Path, **inputs: Any) -> Path:
    """A project that builds, then signs, attests and verifies by a policy in its repository."""
    build = {
        "stage": "build",
        "script": ["cp digest.txt image-digest", "cp sbom.json built.json"],
        "artifacts": {"paths": ["image-digest", "built.json"]},
    }
    chain = component(
        "supply-chain",
        image=image.tagged,
        digest_file="image-digest",
        sbom_file="built.json",
        policy="policy.json",
        **(loopback.private | inputs),
    )
    files = {
        "digest.txt": f"{image.name}@{image.digest}\n",
        "sbom.json": json.dumps(SBOM),
        "policy.json": json.dumps(policy_of(loopback, image), indent=1),
        "templates/attest-sbom.yml": released(
            (ROOT / "templates" / "attest-sbom.yml").read_text(encoding="utf-8"),
            catalog=CATALOG,
            version="5.10.0",
            image=TOOL_IMAGE,
        ),
    }
    return loopback.project(folder, {"build": build, "include": [chain]}, files)


def signing(loopback: Estate, image: Image, folder: Path, **inputs: Any) -> Path:
    """A project that signs."""
    return loopback.project(
        folder, {"include": [component("sign", image=image.tagged, **(loopback.private | inputs))]}
    )


def test_what_lies_in_the_repository_is_no_report(loopback: Estate, tmp_path: Path) -> None:
    """A job that signed nothing leaves no variables for later jobs; and no module of the repository is imported."""
    image = Image(loopback, "planted")
    job = component("sign", image=f"{image.name}:none", **loopback.private)
    planted = {
        "vouchsafe-sign/vouchsafe.env": f"DIGEST=sha256:{64 * 'e'}\n",
        "vouchsafe-sign/other.json": "{}",
        "json.py": "raise SystemExit(0)\n",
    }
    ended = loopback.run(loopback.project(tmp_path, {"include": [job]}, planted), token=loopback.token())
    assert (ended.code != 0, red(ended, "sign")) == (True, {"no-such-image"}), ended.log
    left = {path.name for path in (ended.artifacts / "sign" / "vouchsafe-sign").iterdir()}
    assert left & {"vouchsafe.env", "other.json"} == set()


class Chain(NamedTuple):
    """A pipeline that went through, its image and its token."""

    image: Image
    ended: Ended
    token: str


@pytest.fixture(scope="module")
def chain(loopback: Estate, tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """Sign, attest, verify by a policy: run once."""
    image = Image(loopback, "chain", index=True)
    token = loopback.token()
    project = of_policy(loopback, image, tmp_path_factory.mktemp("chain"))
    return Chain(image, loopback.run(project, token=token, by_schema=True), token)


def test_a_whole_chain(chain: Chain) -> None:
    """Green, and a policy that demands a signature, an SBOM and a component's version accepts the image."""
    image, ended, _ = chain
    assert "json schema validated" in ended.log
    assert (ended.code, image.attachments()) == (0, {".sig", ".att", "referrers"})
    assert [job for job in ("sign", "attest-sbom", "verify") if red(ended, job)] == []
    by_title = "\n".join(cases(ended, "sign"))
    assert re.search(r"\|linux/arm64: signed \(legacy\)$", by_title, re.MULTILINE)
    assert re.search(r"\|readable by podman$", by_title, re.MULTILINE)
    assert any(case.endswith("|the image: SBOM attested (bundle)") for case in cases(ended, "attest-sbom"))
    verified = [case.partition("|")[2] for case in cases(ended, "verify")]
    assert verified[0] == "signed"
    assert verified[1].startswith("1. signed by ")
    assert verified[2].startswith("2. attested (https://cyclonedx.org/bom) by ")


def test_the_token_is_nowhere(chain: Chain) -> None:
    """Neither in the log nor in anything that a job leaves behind."""
    _, ended, token = chain
    nowhere = [path for path in ended.artifacts.rglob("*") if path.is_file() and token in path.read_text()]
    assert (token in ended.log, nowhere) == (False, [])


def test_what_the_jobs_leave_behind(loopback: Estate, chain: Chain) -> None:
    """dotenv, links into the log, the SBOM, provenance and code quality: what gitlab-ci-local itself ignores."""
    image, ended, _ = chain
    variables = dict(
        line.split("=", 1) for line in ended.text("sign/vouchsafe-sign/vouchsafe.env").splitlines()
    )
    assert (variables["DIGEST"], variables["IMAGE"]) == (str(image.digest), f"{image.name}@{image.digest}")
    (section,) = ended.json("sign/vouchsafe-sign/links.json").values()
    urls = [entry["external_link"]["url"] for entry in section]
    rekor = loopback.services.urls["rekor1"]
    assert f"{rekor}/api/v1/log/entries?logIndex={variables['REKOR_LOG_INDEX']}" in urls
    assert all(entry["external_link"]["label"] for entry in section)
    assert ended.json("attest-sbom/vouchsafe-attest-sbom/gl-sbom-given.cdx.json") == SBOM
    (provenance,) = ended.json("attest-sbom/vouchsafe-attest-sbom/attest-provenance.json")["images"]
    assert (provenance["ok"], provenance["digest"]) == (True, str(image.digest))
    issues = ended.json("verify/vouchsafe-verify/gl-code-quality-report.json")
    assert {issue["location"]["path"] for issue in issues} <= {"policy.json"}


FAKE_TOOL = """#!/bin/sh
# Stands in for syft and trivy: writes an SBOM where it is told to.
[ -z "${{SIGSTORE_ID_TOKEN:-}}" ] || exit 9
for word; do case "$word" in *=*) file="${{word#*=}}" ;; */sbom.json) file="$word" ;; esac; done
echo '{sbom}' > "$file"
"""
SPDX = {
    "spdxVersion": "SPDX-2.3",
    "SPDXID": "SPDXRef-DOCUMENT",
    "dataLicense": "CC0-1.0",
    "name": "app",
    "documentNamespace": "https://example.com/app",
    "creationInfo": {"created": "2026-01-01T00:00:00Z", "creators": ["Tool: stand-in"]},
    "packages": [],
}


@pytest.mark.parametrize("tool, kind, index", [("syft", "cyclonedx", True), ("trivy", "spdxjson", False)])
def test_a_tool_makes_the_sbom(loopback: Estate, tmp_path: Path, tool: str, kind: str, index: bool) -> None:
    """The one in the image, without the token; what it made of each platform is attested to that platform."""
    image = Image(loopback, f"by-{tool}", index=index)
    inputs = loopback.private | {"sbom-tool": tool, "sbom-type": kind, "provenance": False}
    include = component("attest-sbom", image=image.tagged, digest=str(image.digest), **inputs)
    project = loopback.project(tmp_path, {"include": [include]})
    program = tmp_path / "bin" / tool
    program.parent.mkdir()
    program.write_text(FAKE_TOOL.format(sbom=json.dumps(SBOM if index else SPDX)), encoding="utf-8")
    program.chmod(0o755)
    path = f"{program.parent}:{loopback.runner.path}"
    ended = loopback.run(project, {"PATH": path}, token=loopback.token())
    assert (ended.code, red(ended, "attest-sbom")) == (0, set()), ended.log
    platforms = image.platforms if index else [image.digest]
    assert [image.attachments(digest) for digest in platforms] == [{".att", "referrers"}] * len(platforms)
    written = {
        path.name for path in (ended.artifacts / "attest-sbom" / "vouchsafe-attest-sbom").glob("*sbom-*.json")
    }
    made = (
        {"gl-sbom-linux-amd64.cdx.json", "gl-sbom-linux-arm64.cdx.json"}
        if index
        else {"sbom-image.spdx.json"}
    )
    assert written - {"attest-sbom.json"} == made


def test_another_identity_is_red(loopback: Estate, tmp_path: Path) -> None:
    """Signed by a pipeline of another branch: published, and refused by the policy, which says whose it is."""
    image = Image(loopback, "other-branch")
    project = of_policy(loopback, image, tmp_path)
    ended = loopback.run(project, token=loopback.token(ref="refs/heads/feature"))
    assert (ended.code, red(ended, "sign"), image.attachments() >= {".sig"}) == (1, set(), True)
    assert red(ended, "verify") == {"identity"}
    assert "@refs/heads/feature" in ended.text("verify/vouchsafe-verify/junit.xml")


@pytest.mark.parametrize(
    "claims, code",
    [
        (None, "token-absent"),
        ({"aud": "vault"}, "token-audience"),
        ({"exp": 1}, "token-expired"),
        ({"ci_config_ref_uri": None}, "token-config-ref"),
    ],
)
def test_a_token_that_will_not_do(
    loopback: Estate, tmp_path: Path, claims: dict[str, Any] | None, code: str
) -> None:
    """Red, with its code as the case's type, and nothing is published."""
    image = Image(loopback, code)
    token = "" if claims is None else loopback.token(**claims)
    ended = loopback.run(signing(loopback, image, tmp_path), token=token)
    assert (ended.code, red(ended, "sign"), image.attachments()) == (1, {code}, set())
    assert f"[{code}]" in ended.log


def test_a_form_that_podman_cannot_read(loopback: Estate, tmp_path: Path) -> None:
    """Red before anything is published: a bundle alone says nothing to podman."""
    image = Image(loopback, "bundle-only")
    project = signing(loopback, image, tmp_path, format="bundle", require_readable_by="podman,cosign")
    ended = loopback.run(project, token=loopback.token())
    assert (ended.code, red(ended, "sign"), image.attachments()) == (1, {"not-readable"}, set())


def test_a_merge_request_publishes_nothing(loopback: Estate, tmp_path: Path) -> None:
    """It says who would sign; the policy is linted; green."""
    image = Image(loopback, "request")
    project = of_policy(loopback, image, tmp_path)
    ended = loopback.run(project, REQUEST, token=loopback.token(pipeline_source="merge_request_event"))
    assert (ended.code, image.attachments()) == (0, set())
    assert f"would sign as {MAIN} (issuer {ISSUER})" in ended.log
    assert "vouchsafe: note: it would be refused" in ended.log
    assert ended.json("verify/vouchsafe-verify/gl-code-quality-report.json") is not None


def test_a_merge_request_before_its_image(loopback: Estate, tmp_path: Path) -> None:
    """There is no image yet: who would sign is said even so."""
    image = Image(loopback, "not-yet")
    project = signing(loopback, image, tmp_path, digest="sha256:" + "0" * 64)
    ended = loopback.run(project, REQUEST, token=loopback.token(pipeline_source="merge_request_event"))
    assert (ended.code, red(ended, "sign")) == (0, set())
    assert f"would sign as {MAIN}" in ended.log


@pytest.mark.parametrize(
    "protected, wish, published",
    [("false", "auto", False), ("false", "false", True)],
)
def test_who_publishes(loopback: Estate, tmp_path: Path, protected: str, wish: str, published: bool) -> None:
    """By itself only a protected ref does; the input decides otherwise."""
    image = Image(loopback, f"dry-{protected}-{wish}")
    project = signing(loopback, image, tmp_path, dry_run=wish)
    ended = loopback.run(project, {"CI_COMMIT_REF_PROTECTED": protected}, token=loopback.token())
    assert (ended.code, bool(image.attachments())) == (0, published)


def test_a_tag(loopback: Estate, tmp_path: Path) -> None:
    """A protected tag's pipeline signs as that tag, attests its SBOM by reference, verifies by identity and claim."""
    image = Image(loopback, "release")
    who = {
        "certificate_identity": f"{ISSUER}/{PROJECT}//.gitlab-ci.yml@refs/tags/v1",
        "certificate_oidc_issuer": ISSUER,
        "claims": "source-repository-ref=refs/tags/v1 build-trigger=push",
    }
    chain = component(
        "supply-chain",
        image=image.tagged,
        sbom_file="sbom.json",
        sbom_by_reference="always",
        job_prefix="app-",
        **who,
        **loopback.private,
    )
    project = loopback.project(tmp_path, {"include": [chain]}, {"sbom.json": json.dumps(SBOM)})
    ended = loopback.run(project, {"CI_COMMIT_TAG": "v1"}, token=loopback.token(ref="refs/tags/v1"))
    assert (ended.code, red(ended, "app-verify")) == (0, set()), ended.log
    (attested,) = ended.json("app-attest-sbom/vouchsafe-app-attest-sbom/attest-sbom.json")["images"]
    assert attested["manifests"][0]["document"]["mediaType"] == "application/vnd.cyclonedx+json"


def test_the_digest_is_what_counts(loopback: Estate, tmp_path: Path) -> None:
    """The tag has moved since the build: what was built is signed, and what the tag says now is not."""
    image = Image(loopback, "moved")
    moved = push_image(image.store, image.repository, content=b"pushed by somebody else")
    ended = loopback.run(of_policy(loopback, image, tmp_path), token=loopback.token())
    assert (ended.code, bool(image.attachments()), image.attachments(moved)) == (0, True, set())


def test_a_signing_config(loopback: Estate, tmp_path: Path) -> None:
    """A private Sigstore by its files, here with timestamps."""
    image = Image(loopback, "config")
    config = str(loopback.services.folder / "signing_config_v1_tsa.json")
    inputs = {"fulcio-url": "", "rekor-url": "", "signing-config": config}
    ended = loopback.run(signing(loopback, image, tmp_path, **inputs), token=loopback.token())
    assert (ended.code, image.attachments()) == (0, {".sig", "referrers"})


def test_a_log_that_podman_cannot_use(loopback: Estate, tmp_path: Path) -> None:
    """Rekor v2 alone gives no promise that a `.sig` could carry: said before anything is published."""
    image = Image(loopback, "rekor2")
    inputs = {
        "rekor-url": loopback.services.urls["rekor2"],
        "rekor-version": "2",
        "timestamp-url": loopback.services.urls["tsa"] + "/api/v1/timestamp",
    }
    ended = loopback.run(signing(loopback, image, tmp_path, **inputs), token=loopback.token())
    assert (ended.code, len(red(ended, "sign")), image.attachments()) == (1, 1, set())


def test_a_key(loopback: Estate, tmp_path: Path) -> None:
    """In place of an identity, without a token; verified by its public half."""
    image = Image(loopback, "by-key")
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    keyed = {key: loopback.private[key] for key in ("tool-image", "tls-verify", "retries")}
    chain = component(
        "supply-chain",
        image=image.tagged,
        key="signing.pem",
        verify_key="signing.pub",
        sbom_tool="none",
        provenance=False,
        **keyed,
    )
    files = {"signing.pem": pem, "signing.pub": public}
    ended = loopback.run(loopback.project(tmp_path, {"include": [chain]}, files))
    assert (ended.code, image.attachments(), red(ended, "verify")) == (0, {".sig", "referrers"}, set()), (
        ended.log
    )


def test_a_tool_by_hashes(loopback: Estate, tmp_path: Path) -> None:
    """`requirements` installs exactly what it names by hash, and nothing where the hash is another."""
    wheel = tmp_path / "wheels" / "vouchsafe-0-py3-none-any.whl"
    wheel.parent.mkdir()
    info = "vouchsafe-0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("stand_in.py", "def main():\n    print('installed by its hash')\n")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: vouchsafe\nVersion: 0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/entry_points.txt", "[console_scripts]\nvouchsafe = stand_in:main\n")
        archive.writestr(f"{info}/RECORD", "")
    right = hashlib.sha256(wheel.read_bytes()).hexdigest()
    tool = {
        "tool-image": loopback.private["tool-image"],
        "retries": 0,
        "dry-run": "true",
        "image": "r.example/i",
    }
    include = [
        component("verify", **tool, job_name=name, requirements=f"{name}.txt") for name in ("right", "wrong")
    ]
    files = {
        f"{name}.txt": f"vouchsafe==0 --hash=sha256:{digest}\n"
        for name, digest in (("right", right), ("wrong", "0" * 64))
    }
    project = loopback.project(tmp_path, {"include": include}, files)
    ended = loopback.run(project, {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheel.parent)})
    assert "right > installed by its hash" in ended.log, ended.log
    assert [name for name in ("right", "wrong") if f" FAIL  {name}" in ended.log] == ["wrong"]
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in ended.log


def test_the_job_s_own_credentials(loopback: Estate, tmp_path: Path) -> None:
    """CI_REGISTRY_USER and CI_REGISTRY_PASSWORD open the project's registry; the password ends in no file."""
    users = {"gitlab-ci-token": "of this job"}
    with RegistryServer(access=BasicAccess(users)) as registry:
        digest = push_image(registry.store, PROJECT)
        image = f"{registry.address}/{PROJECT}@{digest}"
        inputs = loopback.private | {"image": image}
        project = loopback.project(tmp_path, {"include": [component("sign", **inputs)]})
        (name, password), variables = *users.items(), {"CI_REGISTRY": registry.address}
        variables |= {"CI_REGISTRY_USER": name, "CI_REGISTRY_PASSWORD": password}
        ended = loopback.run(project, variables, token=loopback.token())
        assert (ended.code, f"{digest.tag_prefix}.sig" in registry.store.tags(PROJECT)) == (0, True)
    assert list((tmp_path / "home").rglob("config.json")) == []


def test_what_the_linter_finds(loopback: Estate, tmp_path: Path) -> None:
    """Reported by default, red on demand; a policy that does not load is always red."""
    image = Image(loopback, "unsigned")
    loose = json.dumps({"default": [{"type": "insecureAcceptAnything"}]})
    include = [
        component(
            "verify",
            image=image.tagged,
            policy=policy,
            job_name=name,
            policy_findings=findings,
            dry_run="true",
            **{key: loopback.private[key] for key in ("tool-image", "tls-verify", "retries")},
        )
        for name, policy, findings in (
            ("reported", "loose.json", "report"),
            ("failed", "loose.json", "fail"),
            ("broken", "broken.json", "report"),
        )
    ]
    files = {"loose.json": loose, "broken.json": "{"}
    project = loopback.project(tmp_path, {"include": include}, files)
    ended = loopback.run(project)
    found = {
        name: ended.json(f"{name}/vouchsafe-{name}/gl-code-quality-report.json")[0]["check_name"]
        for name in ("reported", "failed", "broken")
    }
    assert found["reported"] == found["failed"] == "vouchsafe/default-accepts"
    assert found["broken"] == "vouchsafe/policy-json"
    assert [name for name in ("reported", "failed", "broken") if f" FAIL  {name}" in ended.log] == [
        "failed",
        "broken",
    ]


@pytest.mark.parametrize(
    "inputs, complaint",
    [
        ({"format": "old"}, "not in the list of allowed options"),
        ({"recursive": "yes"}, "provided value is not a boolean"),
        ({"retries": 3}, "not in the list of allowed options"),
        ({"rules": "always"}, "provided value is not a array"),
    ],
)
def test_inputs_are_typed(loopback: Estate, tmp_path: Path, inputs: dict[str, Any], complaint: str) -> None:
    """What an input does not allow stops the pipeline before it begins."""
    image = Image(loopback, "typed")
    ended = loopback.run(signing(loopback, image, tmp_path, **inputs), token=loopback.token())
    assert (ended.code, complaint in re.sub(r"\x1b\[[0-9;]*m", "", ended.log)) == (1, True)
    assert image.attachments() == set()
