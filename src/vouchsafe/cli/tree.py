"""`vouchsafe tree`: what is attached to an image and its platforms, and by whom."""

from __future__ import annotations

import argparse

from vouchsafe import wiring
from vouchsafe.cli import ACCEPTED, UNDECIDED, options
from vouchsafe.cli.console import Console
from vouchsafe.errors import MalformedError
from vouchsafe.image.reference import Reference, absent
from vouchsafe.verification.trust import TrustRoot, from_pem

LARGEST_KEY = 64 * 1024  # bytes
EPILOG = """examples:
  vouchsafe tree registry.example/group/app:v1
        signatures, attestations and other referrers of the index and of every platform
  vouchsafe tree --trusted-root private-sigstore.json --key team.pub registry.example/group/app:v1
  vouchsafe tree -o json oci:/srv/app:v1

`verified` says that the proof holds and who made it, not that anybody accepts it: that is what `verify`
and a policy are for. Everything else is somebody's claim, and is marked as one.

exit status: 0 shown; 2 something could not be read, so that more may be attached; 64 usage; 78 a trust
root or key cannot be used
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The flags of `tree`."""
    parser.epilog = EPILOG
    parser.add_argument(
        "image",
        metavar="IMAGE",
        type=options.given,
        help="[docker://]NAME[:TAG|@DIGEST], oci:PATH[:TAG] or dir:PATH",
    )
    group = parser.add_argument_group(
        "whose signatures can be verified", "Without any of these: Sigstore's own."
    )
    options.add_value(group, "--trusted-root", "FILE", "a private Sigstore's trusted_root.json")
    options.add_value(
        group, "--key", "PEM", "a public key, for what was signed with one; repeat for several", several=True
    )
    options.add_sources(parser, bundle=False)
    options.add_output(parser, "text", "json")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Look everywhere, verify what can be verified, print."""
    host = options.host_of(arguments)
    reference = wiring.located(Reference.parse(arguments.image))
    root = _root(arguments, host)
    from vouchsafe.transfer.attached import Looker
    from vouchsafe.transfer.graph import explore

    with wiring.Sources(host) as sources:
        registry = sources.for_one()
        manifest = registry.manifest(reference, reference.digest)
        if manifest is None:
            raise absent(reference)
        graph = explore(registry, reference, manifest)
        attached = Looker(registry, reference, root, host.clock.now()).look(graph)
    from vouchsafe.cli import tree_output

    if arguments.output == "json":
        console.document(tree_output.document(reference, graph, attached))
    else:
        tree_output.show(reference, graph, attached, console)
    for trouble in graph.troubles:
        console.error(f"{trouble.origin}: {trouble.error.message}", code=trouble.error.code)
    unknown = any(not isinstance(trouble.error, MalformedError) for trouble in graph.troubles)
    return UNDECIDED if unknown else ACCEPTED


def _root(arguments: argparse.Namespace, host: wiring.Host) -> TrustRoot:
    if arguments.trusted_root:
        root = wiring.trust_from_file(arguments.trusted_root).root
    else:
        root = host.world.trust.public_good()
    if not arguments.key:
        return root
    keys = tuple(host.world.files.read(path, largest=LARGEST_KEY) for path in arguments.key)
    return root.replace(keys=from_pem(keys=keys, source="--key").keys)
