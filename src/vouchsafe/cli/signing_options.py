"""The flags that `sign` and `attest` share: who signs, which services help, what is published, what is written."""

from __future__ import annotations

import argparse

from vouchsafe.ci.consumers import READS
from vouchsafe.cli import options
from vouchsafe.cli.usage import UsageError
from vouchsafe.signing.token import AUDIENCE

SECONDS = 300.0  # for one image: a log may need a second for each platform
EXIT_STATUS = """exit status: 0 done (or done already), 1 published but a required reader cannot read it, 2 could
not sign, 64 usage, 78 a key or configuration cannot be used. Of several images the highest counts."""


def add_signer(parser: argparse.ArgumentParser) -> None:
    """Who signs: a pipeline by its token, or a key."""
    group = parser.add_argument_group(
        "who signs (without any of these: SIGSTORE_ID_TOKEN, or the CI system's own)"
    )
    options.add_value(
        group,
        "--identity-token",
        "FILE",
        "a file with the identity token, or - for standard input; never the token itself",
    )
    group.add_argument(
        "--oidc-audience",
        metavar="NAME",
        type=options.given,
        default=AUDIENCE,
        help="the audience that the token must be for (default: %(default)s)",
    )
    group.add_argument(
        "--allow-merge-request",
        action="store_true",
        help="sign also in the pipeline of a merge request, whose code nobody has merged",
    )
    options.add_value(
        group, "--key", "PEM", "sign with this private key instead; its password in VOUCHSAFE_KEY_PASSWORD"
    )


def add_services(parser: argparse.ArgumentParser) -> None:
    """Which Sigstore helps."""
    group = parser.add_argument_group("services (without any of these: Sigstore's public-good ones)")
    for flag, metavar, text in (
        ("--trust-config", "FILE", "a client trust config: all services and the trusted root in one"),
        ("--signing-config", "FILE", "a signing config v0.2"),
        ("--trusted-root", "FILE", "the services' trusted_root.json"),
        ("--fulcio-url", "URL", "the certificate authority"),
    ):
        options.add_value(group, flag, metavar, text)
    for flag, text in (
        ("--rekor-url", "a transparency log"),
        ("--timestamp-url", "a time-stamping authority, path included"),
    ):
        options.add_value(group, flag, "URL", text, several=True)
    group.add_argument(
        "--rekor-version",
        type=int,
        choices=(1, 2),
        help="the API of --rekor-url (default: 1), or which logs of a config to use",
    )
    group.add_argument(
        "--log",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="record in the transparency log (default: with a certificate always, with a key where one is named)",
    )
    options.add_value(group, "--service-ca", "FILE", "CAs in PEM that the services' TLS may use")


def add_publication(parser: argparse.ArgumentParser, *, recursive: bool = True) -> None:
    """What is published, and who must be able to read it. `recursive`: the default."""
    group = parser.add_argument_group("what is published")
    group.add_argument(
        "--format",
        choices=("both", "legacy", "bundle"),
        default="both",
        help="legacy: what podman, bootc and cosign 2 read; bundle: what cosign 3 does (default: %(default)s)",
    )
    group.add_argument(
        "--recursive",
        action=argparse.BooleanOptionalAction,
        default=recursive,
        help=f"an index and every platform in it (default: {'yes' if recursive else 'no'})",
    )
    options.add_value(
        group,
        "--signed-name",
        "NAME",
        "the repository that the signature names, where consumers know it by another name",
    )
    group.add_argument(
        "-a",
        "--annotation",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="stated beside the digest, and signed with it",
    )
    _add_reading(group)
    group.add_argument("--dry-run", action="store_true", help="say who would sign what, and publish nothing")


def _add_reading(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--require-readable-by",
        metavar="WHO",
        action="append",
        default=[],
        help=f"fail unless these can read it; of {', '.join(READS)}, separated by commas",
    )
    group.add_argument(
        "--read-back",
        choices=("installed", "own"),
        default="installed",
        help="read back also with cosign and skopeo where installed, or with vouchsafe alone"
        " (default: %(default)s)",
    )


def add_files(parser: argparse.ArgumentParser) -> None:
    """What later jobs want to know."""
    group = parser.add_argument_group("for later jobs")
    options.add_value(group, "--digest-file", "FILE", "write the digest there (one line an image)")
    options.add_value(
        group,
        "--dotenv",
        "FILE",
        "write DIGEST, IMAGE and REKOR_LOG_INDEX there, for GitLab's reports:dotenv",
    )


def add_registry(parser: argparse.ArgumentParser) -> None:
    """How the image's registry is reached."""
    options.add_registry(parser.add_argument_group("registry"), seconds=SECONDS)


def pairs(written: list[str]) -> dict[str, str]:
    """`NAME=VALUE` flags as a mapping."""
    made: dict[str, str] = {}
    for text in written:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise UsageError(f"expected --annotation NAME=VALUE, got {text!r}")
        made[name] = value
    return made
