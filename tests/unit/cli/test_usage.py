"""What the command refuses to run: too little to be safe, or two things at once. Exit 64, with a hint."""

from __future__ import annotations

import pytest

from tests.cli_lab import ISSUER, MAIN, need_no_policy_here, run
from vouchsafe.cli.signer import PREDICATE_TYPES, predicate_type
from vouchsafe.cli.usage import UsageError

WHO = ["--certificate-identity", MAIN, "--certificate-oidc-issuer", ISSUER]
IMAGE = "registry.example/app:v1"

MISTAKES: list[tuple[list[str], str]] = [
    ([], "the following arguments are required: COMMAND"),
    (["verfy"], "did you mean verify?"),
    (["verify"], "the following arguments are required: IMAGE"),
    (["verify", IMAGE], "or write /etc/vouchsafe/policy.json"),
    (["explain", IMAGE], "or write /etc/vouchsafe/policy.json"),
    (["policy", "show", IMAGE], "no /etc/vouchsafe/policy.json"),
    (["policy", "check"], "no /etc/vouchsafe/policy.json"),
    (["verify", *WHO[:2], IMAGE], "expected an issuer beside the identity"),
    (["verify", *WHO[2:], IMAGE], "expected an identity beside the issuer"),
    (["verify", "--certificate-identity-regexp", ".*", IMAGE], "expected an issuer beside the identity"),
    (["verify", "--claim", "build-trigger=push", IMAGE], "expected somebody to trust"),
    (["verify", "--type", "cyclonedx", IMAGE], "expected somebody to trust"),
    (["verify", "--trusted-root", "root.json", IMAGE], "expected somebody to trust"),
    (["verify", *WHO, "--policy", "p.json", IMAGE], "expected --policy or --certificate-identity, got both"),
    (["verify", "--key", "k.pub", "--policy", "p.json", IMAGE], "expected --policy or --key, got both"),
    (["verify", *WHO, "--key", "k.pub", IMAGE], "beside"),
    (["verify", "--certificate-identity-regexp", ".*", *WHO, IMAGE], "not allowed with argument"),
    (["verify", *WHO, "--claim", "build-trigger", IMAGE], "expected --claim NAME=VALUE"),
    (["verify", *WHO, "--claim", "build-trigger=", IMAGE], "expected --claim NAME=VALUE"),
    (["verify", *WHO, "--claim", "trigger=push", IMAGE], "got the claim 'trigger'"),
    (
        ["verify", "--certificate-identity-regexp", "(", "--certificate-oidc-issuer", ISSUER, IMAGE],
        "got '('",
    ),
    (["verify", *WHO, "--type", "sbom", IMAGE], "expected --type to be a URI or one of"),
    (["verify", *WHO, "--timeout", "0", IMAGE], "expected more than 0"),
    (["verify", *WHO, "--timeout", "soon", IMAGE], "expected more than 0"),
    (["verify", *WHO, "--timeout", "nan", IMAGE], "expected more than 0"),
    (["verify", *WHO, "--tls-verify=maybe", IMAGE], "expected true or false"),
    (["verify", "--policy", "", IMAGE], "expected a value, got an empty one"),
    (["verify", "--certificate-identity", "", "--certificate-oidc-issuer", ISSUER, IMAGE], "an empty one"),
    (
        ["verify", *WHO, "-o", "yaml", IMAGE],
        "expected -o/--output to be one of text, json, junit, got 'yaml'",
    ),
    (["verify", *WHO, "--bundle", "b.json", IMAGE, IMAGE], "expected one image with --bundle, got 2"),
    (["verify", *WHO, "--cert", "x", IMAGE], "expected only flags that verify has, got --cert"),
    (["verify", *WHO, "Group/App"], "expected a repository path of lower-case components"),
    (["verify", *WHO, "docker-archive:x.tar"], "expected docker://, oci: or dir:"),
    (["verify", *WHO, "registry.example/app@sha256:abc"], "64 lower-case hex digits"),
    (["verify", *WHO, "oci:"], "expected a path, got nothing"),
    (["explain", *WHO, IMAGE, IMAGE], f"expected fewer words for explain, got '{IMAGE}' too"),
    (["verify", "--certificat-identity=me", IMAGE], "did you mean --certificate-identity?"),
    (["policy", "check", "--dialekt", "containers"], "did you mean --dialect?"),
    (["countersign", "init", "--root", "/x"], "expected only flags that countersign init has, got --root"),
    (["policy"], "the following arguments are required: ACTION"),
    (["-v", "verify", IMAGE], "expected a command first, got -v"),
    (["--policy=p.json", "verify", IMAGE], "hint: Flags come after the command"),
    (["help"], "did you mean --help? see `vouchsafe --help`"),
    (["policy", "chek"], "did you mean check? see `vouchsafe policy --help`"),
    (["policy", "check", "-o", "jsn", "x"], "did you mean json? see `vouchsafe policy check --help`"),
    (["policy", "show", "oci:"], "expected a path, got nothing"),
    (["policy", "test"], "the following arguments are required: CASES"),
    (["policy", "check", "--dialect", "docker", "x"], "expected --dialect to be one of"),
    (["completion", "tcsh"], "expected shell to be one of bash, zsh, fish, got 'tcsh'"),
]


@pytest.mark.parametrize(
    "words, message", MISTAKES, ids=lambda part: part[-60:] if isinstance(part, str) else " ".join(part)[:60]
)
def test_mistakes(words: list[str], message: str) -> None:
    """Not run, nothing on standard output, and a hint."""
    if message.endswith("policy.json"):
        need_no_policy_here()
    ended = run(*words)
    assert (ended.code, ended.out) == (64, "")
    assert message in ended.err


def test_the_hint_names_the_flag() -> None:
    """Whoever forgot the issuer is told why it matters."""
    ended = run("verify", *WHO[:2], IMAGE)
    assert "hint: add --certificate-oidc-issuer, such as https://gitlab.com" in ended.err


@pytest.mark.parametrize("name", sorted(PREDICATE_TYPES))
def test_predicate_types_have_cosigns_names(name: str) -> None:
    """The short name, and the URI itself."""
    assert predicate_type(name) == predicate_type(PREDICATE_TYPES[name]) == PREDICATE_TYPES[name]


def test_no_predicate_type_is_none() -> None:
    """Not asked for is "", and a word that is no name is refused."""
    assert predicate_type(None) == ""
    with pytest.raises(UsageError, match="cyclonedx"):
        predicate_type("sbom")
