"""`vouchsafe verify`: what is accepted and refused, what is said, and with which exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli_lab import CYCLONEDX, FEATURE, ISSUER, MAIN, Lab, run, written
from vouchsafe import wiring
from vouchsafe.cli import build_parser
from vouchsafe.cli.signer import policy_of
from vouchsafe.cli.usage import UsageError
from vouchsafe.errors import ConfigurationError


@pytest.mark.parametrize("image", ["signed", "bundled", "index"])
@pytest.mark.parametrize("transport", ["docker", "oci"])
def test_accepts(lab: Lab, image: str, transport: str) -> None:
    """Both formats, from a registry and from disk, index or image."""
    reference = lab.docker(image) if transport == "docker" else lab.oci(image)
    ended = run("verify", *lab.flags(), reference)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("accepted  ")
    assert str(lab.digests[image]) in ended.out
    assert MAIN in ended.out


@pytest.mark.parametrize(
    "image, code, message",
    [
        ("unsigned", "unsigned", "found none"),
        ("feature", "identity", f"signed by {FEATURE}, expected {MAIN}"),
        ("attested", "unsigned", "found none"),
        ("keyed", "no-certificate", "a key nobody named"),
    ],
)
def test_refuses(lab: Lab, image: str, code: str, message: str) -> None:
    """The nearest miss, its code, and what to do."""
    ended = run("verify", *lab.flags(), lab.docker(image))
    because = next(line for line in ended.out.splitlines() if "because" in line)
    assert ended.code == 1
    assert ended.out.startswith("rejected  ")
    assert message in because
    assert because.endswith(f"[{code}]")


def test_an_image_that_is_not_there_is_undecided(lab: Lab) -> None:
    """Nobody said no: nobody was there."""
    ended = run("verify", *lab.flags(), lab.docker("nothing"))
    assert (ended.code, "[no-such-image]" in ended.out) == (2, True)


def test_a_pattern_matches_the_whole_subject(lab: Lab) -> None:
    """`.*main` of a longer branch is not this branch."""
    flags = ["--certificate-oidc-issuer", ISSUER, "--trusted-root", lab.root, "--tls-verify=false"]
    whole = r"https://gitlab\.example/group/project//\.gitlab-ci\.yml@refs/heads/(main|next)"
    codes = [
        run("verify", *flags, "--certificate-identity-regexp", pattern, lab.docker("signed")).code
        for pattern in (whole, "https://gitlab.example/group", "refs/heads/main")
    ]
    assert codes == [0, 1, 1]


@pytest.mark.parametrize(
    "claims, code",
    [
        (["build-trigger=push"], 0),
        (["build-trigger=merge_request_event"], 1),
        (["build-trigger=web", "build-trigger=push"], 0),
        (["build-trigger=push", "source-repository-ref=refs/heads/feature"], 1),
    ],
)
def test_claims(lab: Lab, claims: list[str], code: int) -> None:
    """Every claim must hold; one name twice means either value."""
    flags = [word for claim in claims for word in ("--claim", claim)]
    assert run("verify", *lab.flags(), *flags, lab.docker("signed")).code == code


def test_a_key(lab: Lab, tmp_path: Path) -> None:
    """What it signed is accepted, what it did not is not, and no file is a bad configuration."""
    flags = ["--key", lab.key, "--tls-verify=false"]
    assert run("verify", *flags, lab.docker("keyed")).code == 0
    assert run("verify", *flags, lab.docker("signed")).code == 1
    ended = run("verify", "--key", tmp_path / "none.pub", lab.docker("keyed"))
    assert (ended.code, "[file-missing]" in ended.err) == (78, True)


@pytest.mark.parametrize("kind", ["cyclonedx", CYCLONEDX])
def test_an_attestation_by_type(lab: Lab, kind: str) -> None:
    """By cosign's short name, and by the URI; a signature is not one."""
    ended = run("verify", *lab.flags(), "--type", kind, lab.docker("attested"))
    assert (ended.code, CYCLONEDX in ended.out) == (0, True)
    assert run("verify", *lab.flags(), "--type", kind, lab.docker("signed")).code == 1


def test_several_images_in_order(lab: Lab) -> None:
    """All are judged; the worst is the exit code, and the answers come as asked."""
    names = ["signed", "unsigned", "bundled", "nothing", "feature"]
    ended = run("verify", *lab.flags(), *(lab.docker(name) for name in names))
    heads = [line.split("  ")[0] for line in ended.out.splitlines() if "docker://" in line and line[0] != " "]
    assert (ended.code, heads) == (2, ["accepted", "rejected", "accepted", "undecided", "rejected"])
    assert run("verify", *lab.flags(), lab.docker("signed"), lab.docker("unsigned")).code == 1


def test_a_mistake_is_found_before_anything_is_fetched(lab: Lab) -> None:
    """One reference of three is none: nobody is asked about the others."""
    before = len(lab.server.requests)
    ended = run("verify", *lab.flags(), lab.docker("signed"), "UPPER/case", lab.docker("bundled"))
    assert (ended.code, len(lab.server.requests)) == (64, before)


def test_a_bundle_with_a_digest_asks_nobody(lab: Lab, tmp_path: Path) -> None:
    """`--bundle` and a digest: no request at all."""
    path = tmp_path / "bundle.json"
    path.write_bytes(lab.sigstore.bundle(lab.digests["unsigned"]))
    before = len(lab.server.requests)
    reference = f"{lab.server.address}/group/unsigned@{lab.digests['unsigned']}"
    ended = run("verify", *lab.flags(), "--bundle", path, reference)
    assert (ended.code, str(path) in ended.out, len(lab.server.requests)) == (0, True, before)
    other = f"{lab.server.address}/group/unsigned@{lab.digests['signed']}"
    refused = run("verify", *lab.flags(), "--bundle", path, other)
    assert (refused.code, "[other-digest]" in refused.out) == (1, True)


def test_a_bundle_with_a_tag_asks_once(lab: Lab, tmp_path: Path) -> None:
    """Only for the digest."""
    path = tmp_path / "bundle.json"
    path.write_bytes(lab.sigstore.bundle(lab.digests["unsigned"]))
    before = len(lab.server.requests)
    assert run("verify", *lab.flags(), "--bundle", path, lab.docker("unsigned")).code == 0
    assert len(lab.server.requests) == before + 1


def test_offline_asks_the_registry_only(lab: Lab) -> None:
    """The same answer: verifying never asks anybody else."""
    assert run("verify", "--offline", *lab.flags(), lab.docker("signed")).code == 0


def test_a_policy_file(lab: Lab, tmp_path: Path) -> None:
    """Its scopes decide, by name in a registry and by path on disk; links do not."""
    fulcio = {"trustedRootPath": str(lab.root), "oidcIssuer": ISSUER, "subjectURI": MAIN}
    demand = [{"type": "sigstoreSigned", "fulcio": fulcio, "signedIdentity": {"type": "matchRepository"}}]
    policy = {
        "default": [{"type": "reject"}],
        "transports": {"docker": {f"{lab.server.address}/group/signed": demand}},
    }
    path = written(tmp_path, "policy.json", json.dumps(policy))
    flags = ["--policy", path, "--tls-verify=false"]
    assert run("verify", *flags, lab.docker("signed")).code == 0
    ended = run("verify", *flags, lab.docker("bundled"))
    assert (ended.code, "[policy-rejects]" in ended.out) == (1, True)


def test_a_link_does_not_choose_the_scope(lab: Lab, tmp_path: Path) -> None:
    """The scope of the real folder applies, however it was reached."""
    link = tmp_path / "link"
    link.symlink_to(lab.folder / "unsigned")
    policy = {
        "default": [{"type": "reject"}],
        "transports": {"oci": {str(tmp_path): [{"type": "insecureAcceptAnything"}]}},
    }
    path = written(tmp_path, "policy.json", json.dumps(policy))
    ended = run("verify", "--policy", path, "--allow-unverified", f"oci:{link}:v1")
    assert (ended.code, "[policy-rejects]" in ended.out) == (1, True)


def test_accepting_anything_is_not_verified(lab: Lab, tmp_path: Path) -> None:
    """It says so, and exits 1 unless that was asked for."""
    path = written(tmp_path, "policy.json", '{"default": [{"type": "insecureAcceptAnything"}]}')
    flags = ["--policy", path, "--tls-verify=false", lab.docker("unsigned")]
    ended = run("verify", *flags)
    assert ended.code == 1
    assert ended.out.startswith("not verified  ")
    assert "--allow-unverified" in ended.out
    allowed = run("verify", "--allow-unverified", *flags)
    assert (allowed.code, "--allow-unverified" in allowed.out) == (0, False)


@pytest.mark.parametrize("text", ["{", '{"default": []}', '{"default": [{"type": "reject"}], "x": 1}'])
def test_a_policy_that_does_not_load_is_78(lab: Lab, tmp_path: Path, text: str) -> None:
    """Nothing is judged by half a policy."""
    path = written(tmp_path, "policy.json", text)
    ended = run("verify", "--policy", path, lab.docker("signed"))
    assert (ended.code, ended.out) == (78, "")
    assert f"{path}" in ended.err


@pytest.mark.parametrize("flag", ["--trusted-root", "--key"])
def test_a_file_that_is_none_is_78(flag: str, lab: Lab, tmp_path: Path) -> None:
    """A configuration error that names the file, not a doubt about the image."""
    path = written(tmp_path, "root.json", "{}")
    who = ["--certificate-identity", MAIN, "--certificate-oidc-issuer", ISSUER] if flag != "--key" else []
    ended = run("verify", *who, flag, path, lab.docker("signed"))
    assert (ended.code, f"({path})" in ended.err) == (78, True)


def test_verbose_shows_every_claim(lab: Lab) -> None:
    """Twelve and more of them."""
    short = run("verify", *lab.flags(), lab.docker("signed"))
    long = run("verify", "-v", *lab.flags(), lab.docker("signed"))
    assert "source-repository-identifier: " not in short.out
    assert "source-repository-identifier: " in long.out
    assert len(short.out.splitlines()) <= 24


def test_certificates_are_verified_unless_told_otherwise(lab: Lab) -> None:
    """Without `--tls-verify=false` a registry that speaks plain HTTP is not asked for anything."""
    flags = [word for word in lab.flags() if word != "--tls-verify=false"]
    for words in (flags, [*flags, "--tls-verify"], [*flags, "--tls-verify=true"]):
        ended = run("verify", *words, lab.docker("signed"))
        assert (ended.code, ended.out.startswith("undecided  ")) == (2, True)


def test_a_registries_conf_that_does_not_load_is_78(lab: Lab, tmp_path: Path) -> None:
    """Undecided about the image, and the operator's own fault."""
    path = written(tmp_path, "registries.conf", "not = [toml")
    ended = run("verify", *lab.flags(), "--registries-conf", path, lab.docker("signed"))
    assert (ended.code, ended.out.split()[0], "[registries-conf]" in ended.out) == (78, "undecided", True)


def test_the_policy_of_the_host(lab: Lab, tmp_path: Path) -> None:
    """/etc/vouchsafe/policy.json and policy.d, where no flag says otherwise; nothing there is nobody."""
    host = wiring.this_host()
    host = host.replace(settings=host.settings.replace(etc=str(tmp_path)))
    arguments = build_parser("verify").parse_args(["verify", "x"])
    with pytest.raises(UsageError):
        policy_of(arguments, host)
    folder = tmp_path / "vouchsafe" / "policy.d"
    folder.mkdir(parents=True)
    written(folder, "10.json", '{"transports": {"docker": {"registry.example": [{"type": "reject"}]}}}')
    with pytest.raises(ConfigurationError, match=r"expected .*policy\.json beside"):
        policy_of(arguments, host)
    written(folder.parent, "policy.json", '{"default": [{"type": "reject"}]}')
    written(folder, ".hidden.json", "{")
    written(folder, "backup.json~", "{")
    assert list(policy_of(arguments, host).transports["docker"]) == ["registry.example"]


def test_says_what_would_pin_the_pipeline(lab: Lab) -> None:
    """A subject alone can be borrowed; with the project's number and the trigger there is nothing to add."""
    number = lab.sigstore.workload.claims["source-repository-identifier"]
    project = ["--claim", f"source-repository-identifier={number}"]
    trigger = ["--claim", "build-trigger=push"]
    said = run("verify", *lab.flags(), lab.docker("signed")).out
    assert f"add {project[0]} {project[1]} {trigger[0]} {trigger[1]}" in said
    assert f"add {trigger[0]} {trigger[1]}" in run("verify", *lab.flags(), *project, lab.docker("signed")).out
    assert "add --claim" not in run("verify", *lab.flags(), *project, *trigger, lab.docker("signed")).out
    assert "add --claim" not in run("verify", *lab.flags(), lab.docker("feature")).out
    keyed = run("verify", "--key", lab.key, "--tls-verify=false", lab.docker("keyed"))
    assert "add --claim" not in keyed.out
