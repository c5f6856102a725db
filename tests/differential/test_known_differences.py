"""Where others differ from us on things by name, and why we are right: each row is run, not remembered."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.differential.opinions import Question, cosign, ours, sigstore_python
from tests.judging import judge
from vouchsafe.evidence import legacy
from vouchsafe.evidence.pem import written
from vouchsafe.record import Record
from vouchsafe.testing.registry import RegistryServer, push_image
from vouchsafe.testing.specimens import Draft, Specimen
from vouchsafe.testing.wrongs import RIGHTS, WRONGS, Form


class Difference(Record):
    """`code` is ours, "" where we accept; who else accepts; and why the others are wrong."""

    form: Form
    code: str
    python: bool
    cosign: bool
    why: str


WINDOW = (
    "A trust root says when each of its members was believed (sigstore_trustroot.proto, valid_for): a key that"
    " was withdrawn could otherwise be used for ever by whoever stole it."
)
R1: Form = "bundle-rekor1"
R2: Form = "bundle-rekor2"
DIFFERENCES: dict[str, Difference] = {
    "log-window-over": Difference(form=R1, code="log-window", python=True, cosign=False, why=WINDOW),
    "log-window-not-yet": Difference(form=R2, code="log-window", python=True, cosign=True, why=WINDOW),
    "ca-window-over": Difference(form=R1, code="authority-window", python=True, cosign=False, why=WINDOW),
    "ctlog-window-over": Difference(form=R1, code="sct-window", python=True, cosign=False, why=WINDOW),
    "chain-root-expired": Difference(
        form=R1,
        code="certificate-expired",
        python=True,
        cosign=False,
        why="GHSA-wfqv-66vq-46rm: the whole chain must hold, an intermediate is no anchor.",
    ),
    "proof-wrong-root": Difference(
        form=R2,
        code="inclusion-proof",
        python=False,
        cosign=True,
        why="A proof that names another root than it leads to contradicts itself; nothing sound does.",
    ),
    "proof-size-differs": Difference(
        form=R2,
        code="inclusion-proof",
        python=False,
        cosign=True,
        why="The proof and the checkpoint speak of trees of two sizes: one of them is not of this entry.",
    ),
    "checkpoint-other-origin": Difference(
        form=R2,
        code="checkpoint-signature",
        python=True,
        cosign=False,
        why="C2SP tlog-checkpoint: the signer's name is the log's; one key may sign for several logs.",
    ),
    "no-eku": Difference(
        form=R1,
        code="certificate-use",
        python=False,
        cosign=True,
        why="Fulcio's profile demands code signing; a certificate for everything was made for something else.",
    ),
    "two-sans": Difference(
        form=R1,
        code="certificate-subject",
        python=True,
        cosign=False,
        why="Fulcio certifies one name; with two, who signed depends on who asks.",
    ),
    "log-index-zero": Difference(
        form=R2,
        code="",
        python=False,
        cosign=True,
        why="The first entry of a log has index 0, which protobuf's JSON leaves out.",
    ),
    "bundle-0.1-without-proof": Difference(
        form=R1,
        code="",
        python=False,
        cosign=True,
        why="v0.1 demands a promise only; signatures of that time are still about.",
    ),
    "intoto-0.0.2": Difference(
        form=R1,
        code="",
        python=False,
        cosign=True,
        why="npm and sigstore-java logged so; the promise over it is as good as over any entry.",
    ),
    "scts-two": Difference(
        form=R1,
        code="",
        python=False,
        cosign=True,
        why="RFC 6962 embeds a list; one timestamp by a log that we know is what we ask for.",
    ),
    "key-p384": Difference(
        form=R1,
        code="",
        python=False,
        cosign=True,
        why="Sigstore's algorithm registry allows ECDSA P-384 with SHA-384.",
    ),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_difference(name: str, tmp_path: Path) -> None:
    """We say what we say on purpose, and sigstore-python what is told of it."""
    row = DIFFERENCES[name]
    asked = Question.of((RIGHTS | WRONGS)[name].make(row.form))
    assert ours(asked) == row.code
    assert (sigstore_python(asked, tmp_path) == "") is row.python, row.why


@pytest.mark.peers
@pytest.mark.parametrize("name", DIFFERENCES)
def test_difference_with_cosign(name: str, tmp_path: Path, cosign3: Path) -> None:
    """And cosign."""
    row = DIFFERENCES[name]
    asked = Question.of((RIGHTS | WRONGS)[name].make(row.form))
    assert (cosign(asked, tmp_path, cosign3) == "") is row.cosign, row.why


def verified(cosign: Path, specimen: Specimen, image: str, folder: Path) -> int:
    """How `cosign verify` of an image ends: 0 where it accepts the specimen's signer."""
    (folder / "root.json").write_bytes(specimen.trusted_root)
    said = ["verify", "--allow-http-registry", "--trusted-root", str(folder / "root.json")]
    said += ["--certificate-identity", specimen.workload.subject]
    said += ["--certificate-oidc-issuer", specimen.workload.issuer]
    return subprocess.run([cosign, *said, image], capture_output=True, check=False).returncode


@pytest.mark.peers
def test_an_attestation_is_not_a_signature(tmp_path: Path, cosign3: Path) -> None:
    """`cosign verify` accepts an image that has only an SBOM: it never looks at predicateType. Ours says so."""
    with RegistryServer() as registry:
        digest = push_image(registry.store, "sbom-only")
        draft = Draft("bundle-rekor1", digest=digest)
        draft.predicate_type = "https://cyclonedx.org/bom"
        draft.say(predicate={"bomFormat": "CycloneDX"})
        specimen = draft.specimen("sbom-only")
        specimen.push(registry.store, "sbom-only")
        status = verified(cosign3, specimen, registry.reference("sbom-only", digest), tmp_path)
    assert status == 0
    assert judge(specimen).role == "attestation"


@pytest.mark.peers
@pytest.mark.parametrize("form", [R1, R2])
def test_a_key_that_nobody_knows(form: Form, tmp_path: Path, cosign3: Path) -> None:
    """protobuf's JSON lets readers pass it over, and what is signed holds; cosign says that there is no bundle."""
    asked = Question.of(Draft(form).specimen("usual"))
    bundle = json.loads(asked.blob)
    bundle["verificationMaterial"]["tlogEntries"][0]["unknown"] = 1
    asked = asked.replace(blob=json.dumps(bundle).encode())
    assert ours(asked) == ""
    assert cosign(asked, tmp_path, cosign3) != ""


@pytest.mark.peers
def test_a_chain_that_nobody_asked_for(tmp_path: Path, cosign3: Path) -> None:
    """The trust root names every CA, so that what came along is not read; cosign reads it, and gives up."""
    with RegistryServer() as registry:
        digest = push_image(registry.store, "chained")
        specimen = Draft("legacy", digest=digest).specimen("usual")
        chain = written("CERTIFICATE", b"no certificate").decode()
        specimen = specimen.replace(annotations={**specimen.annotations, legacy.CHAIN: chain})
        specimen.push(registry.store, "chained")
        status = verified(cosign3, specimen, registry.reference("chained", digest), tmp_path)
    assert status != 0
    assert judge(specimen).role == "signature"
