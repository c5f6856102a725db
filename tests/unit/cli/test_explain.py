"""`vouchsafe explain`: everything that was looked at, where, by which scope, and what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli_lab import CYCLONEDX, FEATURE, ISSUER, MAIN, Lab, run, written
from vouchsafe.cli.witness import Witness
from vouchsafe.errors import Unavailable
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.testing.registry import MemoryRegistry, push_image
from vouchsafe.testing.workload import gitlab


def test_reads_on_after_the_first_answer(lab: Lab) -> None:
    """`verify` stops at the first that suffices; this one shows the others too."""
    lab.image("both", lambda digest, name: lab.sign(name, digest))
    lab.bundle("both", lab.sigstore.bundle(lab.digests["both"], gitlab(ref="refs/heads/feature")))
    ended = run("explain", *lab.flags(), lab.docker("both"))
    assert ended.code == 0
    assert ended.out.startswith("accepted  ")
    assert "evidence for demand 1: 1 of 2 will do" in ended.out
    assert f"signed by {FEATURE}, expected {MAIN} [identity]" in ended.out


@pytest.mark.parametrize("image, code", [("signed", 0), ("feature", 1), ("unsigned", 1), ("nothing", 2)])
def test_leaves_as_verify_does(lab: Lab, image: str, code: int) -> None:
    """The verdict's exit code."""
    assert run("explain", *lab.flags(), lab.docker(image)).code == code


def test_says_where_was_looked(lab: Lab) -> None:
    """Each place, and what was there."""
    out = run("explain", *lab.flags(), lab.docker("attested")).out
    prefix = lab.digests["attested"].tag_prefix
    places = out.split("where was looked\n")[1].splitlines()
    assert places == [
        f"  the image docker://{lab.docker('attested')}: found, 1 layer",
        f"  tag {prefix}.sig: nothing",
        f"  tag {prefix}.att: found, 1 layer",
        "  referrers: none listed",
        f"  tag {prefix}: nothing",
    ]
    assert f"an attestation {CYCLONEDX}" in out


def test_says_which_scope_and_why(lab: Lab, tmp_path: Path) -> None:
    """File, line, scope, demands in words, and what comes of them."""
    fulcio = {
        "trustedRootPath": str(lab.root),
        "oidcIssuer": ISSUER,
        "subjectURI": MAIN,
        "claims": {"build-trigger": ["push", "web"]},
    }
    rule = {"requirements": [{"type": "sigstoreSigned", "fulcio": fulcio}], "maxAge": "90d"}
    policy = {
        "default": [{"type": "reject"}],
        "transports": {"docker": {f"{lab.server.address}/group": rule}},
    }
    path = written(tmp_path, "policy.json", json.dumps(policy, indent=1))
    out = run("explain", "--policy", path, "--tls-verify=false", lab.docker("feature")).out
    assert f'scope      transports.docker["{lab.server.address}/group"] ({path}:9)' in out
    assert "of the scopes that hold this image it is the most specific (2 nearer are not written)" in out
    assert "claim    build-trigger: push or web" in out
    assert "max age    signatures older than 90d do not count" in out
    assert "the signature must name exactly this reference, or by digest its repository" in out


def test_handed_over_evidence_is_all(lab: Lab, tmp_path: Path) -> None:
    """`--bundle` and a digest: nowhere was looked."""
    path = tmp_path / "bundle.json"
    path.write_bytes(lab.sigstore.bundle(lab.digests["unsigned"]))
    reference = f"{lab.server.address}/group/unsigned@{lab.digests['unsigned']}"
    ended = run("explain", *lab.flags(), "--bundle", path, reference)
    assert (ended.code, ended.out.splitlines()[-1]) == (0, "  nowhere but in what was handed over")


def test_a_witness_hides_nothing() -> None:
    """What was asked is answered or raised as if nobody stood between."""

    def outage(method: str, what: str) -> None:
        if method == "referrers" or what == "v3":
            raise Unavailable("timeout", "expected an answer, got none")

    registry = MemoryRegistry(before=outage)
    digest = push_image(registry.store, "app")
    image = Reference.parse("registry.example/app:v1")
    witness = Witness(registry)
    found = witness.manifest(image, None)
    assert (found and found.digest) == digest
    assert witness.manifest(image, "v2") is None
    assert witness.manifest(image, Digest.of(b"x")) is None
    assert witness.signatures(image, digest) == ()
    with pytest.raises(Unavailable):
        witness.manifest(image, "v3")
    with pytest.raises(Unavailable):
        witness.referrers(image, digest)
    assert [(place.what, place.answer) for place in witness.places] == [
        ("the image docker://registry.example/app:v1", "found, 1 layer"),
        ("tag v2", "nothing"),
        ("tag v3", "no answer: expected an answer, got none [timeout]"),
        ("referrers", "no answer: expected an answer, got none [timeout]"),
    ]
