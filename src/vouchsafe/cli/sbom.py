"""`vouchsafe sbom`: an SBOM by syft or trivy, checked before anybody believes it, and attested if that is wanted."""

from __future__ import annotations

import argparse

from vouchsafe import wiring
from vouchsafe.ci.sbom import FORMS
from vouchsafe.cli import options, signing_options, stated
from vouchsafe.cli.console import Console
from vouchsafe.cli.usage import UsageError
from vouchsafe.image.reference import Reference

SECONDS = 600.0  # for one image: a tool may have to fetch and unpack gigabytes
EPILOG = """examples:
  vouchsafe sbom --output sbom.cdx.json registry.example/group/app:v1
        by syft, or trivy where there is no syft; neither is ever downloaded
  vouchsafe sbom --tool trivy --format spdx-json registry.example/group/app:v1 > sbom.spdx.json
  vouchsafe sbom --platform all --output 'sbom-{platform}.json' registry.example/group/app:v1
        an index has no SBOM of its own: one for each platform
  vouchsafe sbom --platform all --attest registry.example/group/app:v1
        make, check and attest, each to its platform's digest

exit status: 0 done, 1 attested but a required reader cannot read it, 2 the tool failed or wrote something
else, 64 usage, 78 no tool is installed or a key cannot be used
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The flags of `sbom`."""
    parser.epilog = EPILOG
    parser.add_argument(
        "image", metavar="IMAGE", type=options.given, help="[docker://]NAME[:TAG|@DIGEST] or oci:PATH[:TAG]"
    )
    parser.add_argument(
        "--tool", choices=("syft", "trivy"), help="which program makes it (default: the first installed)"
    )
    parser.add_argument("--format", choices=FORMS, default=FORMS[0], help="(default: %(default)s)")
    options.add_value(
        parser, "--platform", "OS/ARCH", "of an index, this one; or `all` (linux/amd64, linux/arm64/v8, …)"
    )
    options.add_value(
        parser,
        "--output",
        "FILE",
        "write it there, with {platform} in the name for several (default: standard output)",
    )
    _add_attesting(parser)
    signing_options.add_signer(parser)
    signing_options.add_services(parser)
    options.add_registry(parser.add_argument_group("registry"), seconds=SECONDS)
    parser.add_argument("-v", "--verbose", action="store_true", help="say more; a trace where we fail")


def _add_attesting(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("attesting")
    group.add_argument(
        "--attest", action="store_true", help="attest it to the image, as `vouchsafe attest` does"
    )
    group.add_argument(
        "--attest-format",
        choices=("both", "legacy", "bundle"),
        default="both",
        help="legacy: .att, as cosign 2 reads it; bundle: as cosign 3 does (default: %(default)s)",
    )
    stated.add_by_reference(group, "--attest-by-reference")
    group.add_argument(
        "--attest-output",
        choices=("text", "json"),
        default="text",
        help="json: what `attest -o json` prints (default: %(default)s)",
    )
    group.add_argument(
        "--require-readable-by",
        metavar="WHO",
        action="append",
        default=[],
        help="with --attest: fail unless these can read it, such as cosign,cosign2",
    )
    group.add_argument(
        "--dry-run", action="store_true", help="with --attest: say who would attest what, and publish nothing"
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Find the tool, resolve the image, make, check, write, attest."""
    reference = wiring.located(Reference.parse(arguments.image))
    _check(arguments, reference)
    from vouchsafe.cli import sbom_run  # everything heavy, after the flags are known to be right
    from vouchsafe.cli.terminated import terminable

    with terminable():
        return sbom_run.run(arguments, reference, console)


def _check(arguments: argparse.Namespace, reference: Reference) -> None:
    if reference.transport == "dir" or (arguments.attest and reference.transport != "docker"):
        wanted = "an image in a registry" if arguments.attest else "a registry or an OCI layout"
        raise UsageError(f"expected {wanted}, got {reference}")
    if not arguments.attest:
        beside = {
            "--identity-token": arguments.identity_token,
            "--key": arguments.key,
            "--require-readable-by": arguments.require_readable_by,
            "--dry-run": arguments.dry_run,
        }
        named = [flag for flag, value in beside.items() if value]
        if named:
            raise UsageError(f"expected --attest beside {named[0]}, got none")
    several = arguments.platform == "all"
    if several and not arguments.attest and "{platform}" not in (arguments.output or ""):
        raise UsageError(
            "expected --output with {platform} in it beside --platform all, got none",
            hint="--output 'sbom-{platform}.json'",
        )
