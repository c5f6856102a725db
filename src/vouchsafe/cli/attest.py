"""`vouchsafe attest`: state something about images (an SBOM, how they were built), signed as `sign` does."""

from __future__ import annotations

import argparse

from vouchsafe import wiring
from vouchsafe.cli import options, signing_options, stated
from vouchsafe.cli.console import Console
from vouchsafe.cli.usage import UsageError
from vouchsafe.image.reference import Reference
from vouchsafe.signing import predicate, reference
from vouchsafe.signing.make import Statement

LARGEST_FILE = 2 * reference.LARGEST  # bytes read, so that a larger one is told its limit rather than cut
EPILOG = f"""examples:
  vouchsafe attest --type cyclonedx --predicate sbom.cdx.json registry.example/group/app:v1
  vouchsafe attest --type spdxjson --predicate sbom.spdx.json --dry-run registry.example/group/app:v1
  vouchsafe attest --provenance gitlab registry.example/group/app:v1
        SLSA provenance v1 of this job, with the component that ran it
        (CI_COMPONENT_NAME, CI_COMPONENT_VERSION)
  vouchsafe attest --type https://example.com/review/v1 --predicate review.json registry.example/group/app:v1

An SBOM that is too large to be attested is kept beside the image, and its digest is attested.
An attestation is about the image or index that is named; --recursive: about its platforms too.
An attestation is not a signature: sign as well.

{signing_options.EXIT_STATUS}
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The flags of `attest`."""
    parser.epilog = EPILOG
    parser.add_argument(
        "images", metavar="IMAGE", nargs="+", help="[docker://]NAME[:TAG|@DIGEST]; a tag is resolved once"
    )
    what = parser.add_argument_group("what is stated")
    options.add_value(what, "--type", "TYPE", f"a URI, or one of {', '.join(predicate.TYPES)}")
    options.add_value(what, "--predicate", "FILE", "what is stated: JSON, or text for --type spdx")
    stated.add_by_reference(what, "--by-reference")
    what.add_argument(
        "--provenance", choices=("gitlab",), help="SLSA provenance v1 from the variables of this CI job"
    )
    signing_options.add_signer(parser)
    signing_options.add_services(parser)
    signing_options.add_publication(parser, recursive=False)
    signing_options.add_files(parser)
    signing_options.add_registry(parser)
    options.add_output(parser, "text", "json")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Attest, read back, print."""
    statements = _statements(arguments, console)
    from vouchsafe.cli.signing_run import sign_all  # everything heavy, after the flags are known to be right

    return sign_all(arguments, console, *statements)


def _statements(arguments: argparse.Namespace, console: Console) -> list[Statement]:
    """One for each image: a reference says in which repository the document is."""
    annotations = signing_options.pairs(arguments.annotation)
    if arguments.provenance:
        if arguments.type or arguments.predicate:
            raise UsageError("expected --provenance or --type with --predicate, got both")
        from vouchsafe.signing import provenance
        from vouchsafe.wiring.signing import ci_variables

        made = provenance.gitlab(ci_variables())
        return [Statement(predicate_type=provenance.PREDICATE_TYPE, predicate=made, annotations=annotations)]
    if not (arguments.type and arguments.predicate):
        raise UsageError(
            "expected --type TYPE and --predicate FILE, or --provenance gitlab, got neither",
            hint="such as --type cyclonedx --predicate sbom.json",
        )
    kind = arguments.type
    if kind not in predicate.TYPES and ":" not in kind:
        raise UsageError(f"expected --type to be a URI or one of {', '.join(predicate.TYPES)}, got {kind!r}")
    if predicate.TYPES.get(kind, kind) == Statement().predicate_type:
        raise UsageError("expected an attestation, got the type of a signature", hint="Use vouchsafe sign.")
    blob = wiring.read_file(arguments.predicate, largest=LARGEST_FILE)
    return [
        stated.by_document(
            blob,
            kind,
            Reference.parse(image),
            source=arguments.predicate,
            wish=arguments.by_reference,
            annotations=annotations,
            console=console,
        )
        for image in arguments.images
    ]
