"""`vouchsafe sign`: sign images by digest, for the consumers there are, and read it back."""

from __future__ import annotations

import argparse

from vouchsafe.cli import options, signing_options
from vouchsafe.cli.console import Console
from vouchsafe.signing.make import Statement

EPILOG = f"""examples:
  vouchsafe sign registry.example/group/app:v1
        as this pipeline (SIGSTORE_ID_TOKEN), for podman and bootc (.sig) and for cosign 3 (bundle),
        the index and every platform
  vouchsafe sign --dry-run registry.example/group/app:v1
        who would sign, and what; nothing is published
  vouchsafe sign --require-readable-by podman,bootc,cosign --dotenv sign.env registry.example/group/app:v1
        fail unless they can read it; DIGEST and REKOR_LOG_INDEX for later jobs
  vouchsafe sign --trust-config private.json registry.example/group/app:v1
        with a Sigstore of one's own
  vouchsafe sign --key signing.pem registry.example/group/app:v1
        with a key, its password in VOUCHSAFE_KEY_PASSWORD

{signing_options.EXIT_STATUS}
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The flags of `sign`."""
    parser.epilog = EPILOG
    parser.add_argument(
        "images", metavar="IMAGE", nargs="+", help="[docker://]NAME[:TAG|@DIGEST]; a tag is resolved once"
    )
    signing_options.add_signer(parser)
    signing_options.add_services(parser)
    signing_options.add_publication(parser)
    signing_options.add_files(parser)
    signing_options.add_registry(parser)
    options.add_output(parser, "text", "json")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Sign, read back, print."""
    from vouchsafe.cli.signing_run import sign_all  # everything heavy, after the flags are known to be right

    return sign_all(arguments, console, Statement(annotations=signing_options.pairs(arguments.annotation)))
