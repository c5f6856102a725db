"""`vouchsafe copy`: an image with everything that belongs to it, to another registry or an OCI layout."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from vouchsafe import wiring
from vouchsafe.cli import ACCEPTED, options
from vouchsafe.cli.console import Console
from vouchsafe.cli.signer import is_asked_for, policy_of
from vouchsafe.cli.usage import UsageError
from vouchsafe.cli.verify import exit_code
from vouchsafe.image.reference import Reference

if TYPE_CHECKING:
    from vouchsafe.cli.copying import Ends

EPILOG = """examples:
  vouchsafe copy registry.example/group/app:v1 mirror.example/group/app:v1
        the image, its platforms, signatures, attestations and whatever else refers to them
  vouchsafe copy --policy policy.json registry.example/group/app:v1 oci:/srv/app:v1
        only if the policy accepts it, there and as it will be called here; then judged again
  vouchsafe copy --dry-run -o json registry.example/group/app:v1 mirror.example/group/app:v1
        what would travel; nothing is written
  vouchsafe copy --src-tls-verify=false oci:/srv/app:v1 registry.example/group/app:v1

A tag of the destination that shows another image is not replaced without --force. What is there already
is not sent again, so a copy that was interrupted goes on when it is run again.

exit status: 0 copied, or there already; 1 not accepted, or it would overwrite something; 2 could not be
read or written; 64 usage; 78 the policy cannot be used
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The flags of `copy`."""
    parser.epilog = EPILOG
    parser.add_argument(
        "source", metavar="SRC", type=options.given, help="[docker://]NAME[:TAG|@DIGEST] or oci:PATH[:TAG]"
    )
    parser.add_argument(
        "destination",
        metavar="DST",
        type=options.given,
        help="the same; an OCI layout is made where there is none",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and write nothing")
    parser.add_argument(
        "--force", action="store_true", help="replace tags of the destination that show something else"
    )
    options.add_signer(parser, otherwise="nothing is verified, only copied")
    parser.add_argument(
        "--allow-unverified",
        action="store_true",
        help="copy also what the policy lets through without a signature (insecureAcceptAnything)",
    )
    options.add_two_ends(parser)
    options.add_output(parser, "text", "json")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Judge, look, copy, judge again, print."""
    ends = _ends(arguments)
    policy = policy_of(arguments, ends.read) if is_asked_for(arguments) else None
    from vouchsafe.cli.copying import Errand

    errand = Errand(ends, policy, console, force=arguments.force, allow_unverified=arguments.allow_unverified)
    done = errand.run(dry_run=arguments.dry_run)
    from vouchsafe.cli import copy_output

    if arguments.output == "json":
        console.document(copy_output.document(done))
    else:
        copy_output.show(done, console)
    codes = (exit_code(each, allow_unverified=arguments.allow_unverified) for each in done.verdicts.values())
    return max((ACCEPTED, *codes))


def _ends(arguments: argparse.Namespace) -> Ends:
    source = wiring.located(Reference.parse(arguments.source))
    destination = wiring.located(Reference.parse(arguments.destination))
    for reference in (source, destination):
        if reference.transport == "dir":
            raise UsageError(
                f"expected a registry or an OCI layout, got {reference}",
                hint="a dir: folder has no room for what refers to an image; use oci:PATH:TAG",
            )
    if destination.transport == "oci" and destination.tag is None and destination.digest is None:
        destination = destination.replace(tag=source.tag or "latest")
    if destination == source:
        raise UsageError(f"expected two places, got {source} twice")
    from vouchsafe.cli.copying import Ends  # and everything heavy, after the flags are known to be right

    return Ends(
        source=source,
        destination=destination,
        read=options.host_of(arguments, tls_verify=arguments.src_tls_verify),
        write=options.host_of(arguments, tls_verify=arguments.dest_tls_verify),
    )
