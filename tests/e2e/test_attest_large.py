"""An SBOM that no log takes: kept beside the image, its digest attested; said, readable, and whole after any fault."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli_lab import Ended, plain_terminal, run
from tests.copying import PLAIN
from tests.sign_cli_lab import CYCLONEDX, REPOSITORY, SignLab, api_lab, lab, with_programs
from vouchsafe.image.digest import Digest
from vouchsafe.testing.faults import Fault
from vouchsafe.testing.loopback import LoopbackServer, Request, Response
from vouchsafe.testing.rekor1_api import Rekor1Api

__all__ = ["api_lab", "lab", "plain_terminal"]
REFERENCE = "https://in-toto.io/attestation/reference/v0.1"
MAIN = "https://gitlab.example/group/project//.gitlab-ci.yml@refs/heads/main"
ISSUER = "https://gitlab.example"
MIDDLE, LARGE = 1_500_000, 3_200_000  # bytes: more than some logs take, more than readers take
TYPED = ("--type", "cyclonedx", "--predicate")


@pytest.fixture(autouse=True)
def no_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only our own reader."""
    with_programs(tmp_path, monkeypatch)


def sbom(lab: SignLab, size: int) -> Path:
    """A CycloneDX document of about so many bytes."""
    lab.sbom.write_text(json.dumps(CYCLONEDX | {"x": "y" * size}), encoding="utf-8")
    return lab.sbom


def verified(lab: SignLab, kind: str, *words: str) -> int:
    """`vouchsafe verify --type`."""
    who = ["--certificate-identity", MAIN, "--certificate-oidc-issuer", ISSUER]
    root = ["--trusted-root", str(lab.services.trusted_root)]
    return run("verify", *who, *root, PLAIN, "--type", kind, *words, lab.image).code


def policy(lab: SignLab, digest: Digest) -> Path:
    """Demands a reference to exactly this SBOM, as docs/sbom.md has it."""
    identity = {"oidcIssuer": ISSUER, "subjectURI": MAIN}
    rule = {
        "type": "sigstoreAttested",
        "predicateType": REFERENCE,
        "predicateFields": {
            "/references/0/mediaType": "application/vnd.cyclonedx+json",
            "/references/0/digest/sha256": digest.hex,
        },
        "fulcio": {"trustedRootPath": str(lab.services.trusted_root), "identities": [identity]},
        "signedIdentity": {"type": "matchRepository"},
    }
    path = lab.folder / "policy.json"
    path.write_text(json.dumps({"default": [rule]}), encoding="utf-8")
    return path


@pytest.mark.parametrize("fixture", ["lab", "api_lab"])
def test_a_reference(fixture: str, request: pytest.FixtureRequest) -> None:
    """Larger than readers take: kept to the letter, attested in both forms, said, and not repeated."""
    lab: SignLab = request.getfixturevalue(fixture)
    path = sbom(lab, LARGE)
    content = path.read_bytes()
    ended = lab.sign(*TYPED, path, lab.image, command="attest")
    assert ended.code == 0, ended.err
    assert (
        f"has 3.2 MB, more than readers of attestations take: it is kept beside docker://{lab.image}"
        in ended.err
    )
    assert f"refers to  application/vnd.cyclonedx+json, 3.2 MB, {Digest.of(content)} at sha256:" in ended.out
    assert "read by    vouchsafe (legacy), vouchsafe (bundle), vouchsafe (document)" in ended.out
    assert lab.registry.store.blob(REPOSITORY, str(Digest.of(content))) == content
    assert (verified(lab, REFERENCE), verified(lab, "cyclonedx")) == (0, 1)
    demanded = ["verify", "--policy", policy(lab, Digest.of(content)), PLAIN, lab.image]
    assert run(*demanded).code == 0
    assert run(*demanded[:2], policy(lab, Digest.of(b"another")), *demanded[3:]).code == 1
    before = lab.registry.count("PUT")
    (image,) = lab.document(*TYPED, path, lab.image, command="attest")["images"]
    (manifest,) = image["manifests"]
    assert [form["state"] for form in manifest["forms"]] == ["already", "already"]
    assert (manifest["document"]["size"], manifest["document"]["digest"]) == (
        len(content),
        str(Digest.of(content)),
    )
    assert lab.registry.count("PUT") - before == 1  # of a manifest that is there


def test_what_is_lost_is_healed(lab: SignLab) -> None:
    """The SBOM was cleaned up, the attestation was not: the second run puts it back."""
    path = sbom(lab, LARGE)
    lab.sign(*TYPED, path, lab.image, command="attest")
    tags = {tag: lab.registry.store.manifest(REPOSITORY, tag) for tag in (lab.digest.tag_prefix,)}
    (stored,) = tags.values()
    assert stored is not None
    index = json.loads(stored.raw)
    kept = [each for each in index["manifests"] if each["artifactType"] != "application/vnd.cyclonedx+json"]
    assert len(kept) == 1
    document = json.dumps(index | {"manifests": kept}).encode()
    lab.registry.store.put_manifest(REPOSITORY, document, stored.media_type, lab.digest.tag_prefix)
    assert lab.sign(*TYPED, path, lab.image, command="attest").out.startswith("signed already")
    assert lab.attached("") == 2


def test_a_registry_that_does_not_keep_it(lab: SignLab) -> None:
    """The upload fails: no attestation points at what is not there; a second run is whole."""
    path = sbom(lab, LARGE)
    lab.registry.faults.append(
        Fault(
            lambda *_: Response(status=413, body=b"too large"), method="PUT", path="/blobs/uploads/", times=1
        )
    )
    ended = lab.sign(*TYPED, path, lab.image, command="attest")
    assert (ended.code, lab.attached(".att"), lab.attached("")) == (2, 0, 0), ended.err
    assert lab.sign(*TYPED, path, lab.image, command="attest").code == 0
    assert (lab.attached(".att"), lab.attached("")) == (1, 2)


def test_who_does_not_want_that(lab: SignLab) -> None:
    """never: refused, with what may be done; always: small ones too; for SBOMs alone."""
    path = sbom(lab, LARGE)
    ended = lab.sign(*TYPED, path, "--by-reference", "never", lab.image, command="attest")
    assert (ended.code, "[predicate-too-large]" in ended.err, "--by-reference" in ended.err) == (
        78,
        True,
        True,
    )
    assert "expected a predicate of at most 3000000 bytes" in ended.err
    assert lab.registry.requests == []
    other = ["--type", "https://example.com/x", "--predicate", path]
    assert lab.sign(*other, lab.image, command="attest").code == 78
    assert lab.sign(*other, "--by-reference", "always", lab.image, command="attest").code == 64
    small = lab.sign(*TYPED, sbom(lab, 10), "--by-reference", "always", lab.image, command="attest")
    assert (small.code, "refers to" in small.out) == (0, True)
    dry = lab.sign(*TYPED, path, "--by-reference", "always", "--dry-run", lab.multi, command="attest")
    assert (dry.code, "refers to" in dry.out) == (0, True)


def test_too_many_values_for_a_reader(lab: SignLab) -> None:
    """Not many bytes, but more values than readers take."""
    lab.sbom.write_text(json.dumps(CYCLONEDX | {"x": [0] * 600_000}), encoding="utf-8")
    ended = lab.sign(*TYPED, lab.sbom, lab.image, command="attest")
    assert (ended.code, "refers to" in ended.out) == (0, True), ended.err


@contextmanager
def picky(lab: SignLab, refusal: Response) -> Iterator[list[str]]:
    """Flags of services whose log refuses a megabyte like this."""
    guard, honest = threading.Lock(), Rekor1Api(lab.sigstore.rekor1)

    def answer(request: Request) -> Response:
        with guard:
            return refusal if len(request.body) > 1_000_000 else honest.answer(request)

    token = lab.folder / "token"
    token.write_text(lab.services.token(), encoding="ascii")
    with LoopbackServer(answer) as rekor:
        urls = ["--fulcio-url", lab.services.urls["fulcio"], "--rekor-url", rekor.url]
        yield [*urls, "--trusted-root", str(lab.services.trusted_root), PLAIN, "--identity-token", str(token)]


def attest(lab: SignLab, flags: list[str], *words: Any) -> Ended:
    """`vouchsafe attest` of a middling SBOM."""
    return run("attest", *flags, *TYPED, sbom(lab, MIDDLE), *words, lab.image)


@pytest.mark.parametrize(
    "refusal",
    [Response(status=413, body=b"Request Entity Too Large"), Response(reset=True), Response(status=502)],
    ids=["says so", "hangs up", "a proxy's"],
)
def test_a_log_that_does_not_take_it(lab: SignLab, refusal: Response) -> None:
    """However it refuses: a reference is attested instead, and that is said."""
    with picky(lab, refusal) as flags:
        ended = attest(lab, flags)
        assert ended.code == 0, ended.err
        assert "vouchsafe: too large for the log: expected Rekor" in ended.err
        assert f"its digest is attested ({REFERENCE})" in ended.err
    assert (verified(lab, REFERENCE), lab.attached(".att"), lab.attached("")) == (0, 1, 2)


def test_a_log_that_does_not_take_it_and_nobody_else_shall(lab: SignLab) -> None:
    """never: the log's words, and nothing is attached."""
    with picky(lab, Response(reset=True)) as flags:
        ended = attest(lab, flags, "--by-reference", "never")
    assert (ended.code, "[log-too-large]" in ended.err, lab.attached("")) == (2, True, 0)


def test_a_log_that_is_down(lab: SignLab) -> None:
    """Looks like one that finds it too large, until it does not answer about the reference either."""
    with picky(lab, Response(reset=True)) as flags:
        pass
    ended = attest(lab, flags)
    assert (ended.code, "[connection-refused]" in ended.err, lab.attached("")) == (2, True, 0)


def test_copied_with_the_image(lab: SignLab) -> None:
    """`vouchsafe copy` takes the document along, and `tree` shows it."""
    lab.sign(*TYPED, sbom(lab, 10), "--by-reference", "always", lab.image, command="attest")
    there = lab.registry.reference("mirror/app")
    assert run("copy", PLAIN, lab.image, there).code == 0
    shown = run("tree", PLAIN, "--trusted-root", lab.services.trusted_root, there)
    assert ("application/vnd.cyclonedx+json" in shown.out, REFERENCE in shown.out) == (True, True), shown.out
