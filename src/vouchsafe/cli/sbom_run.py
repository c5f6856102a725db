"""One run of `vouchsafe sbom`: each platform's manifest by digest, its SBOM checked, then written or attested."""

from __future__ import annotations

import argparse
import re

from vouchsafe import wiring
from vouchsafe.ci.sbom import LARGEST, Sbom, check
from vouchsafe.cli import ACCEPTED
from vouchsafe.cli.console import Console
from vouchsafe.cli.options import host_of
from vouchsafe.cli.usage import UsageError
from vouchsafe.errors import MalformedError, Unavailable, printable
from vouchsafe.image.manifest import Descriptor, Manifest
from vouchsafe.image.reference import Reference, absent
from vouchsafe.ports import Registry
from vouchsafe.record import Record
from vouchsafe.wiring.sbom import Tool, tools

_NO_PLATFORM = ("", "unknown/unknown")  # what is in an index beside images: provenance of a builder, say
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)


class Part(Record):
    """One image of one platform; `platform` is "" where the image is not of an index."""

    manifest: Manifest
    platform: str = ""

    @property
    def word(self) -> str:
        """The platform as part of a file's name: a registry says what it is. MalformedError."""
        word = self.platform.replace("/", "-") or "image"
        if not _PLAIN.fullmatch(word):
            raise MalformedError(
                "sbom-platform", f"expected a platform such as linux/arm64, got {self.platform!r}"
            )
        return word


def run(arguments: argparse.Namespace, reference: Reference, console: Console) -> int:
    """Everything is made and checked before anything is attested."""
    if "{platform}" not in (arguments.output or "").rpartition("/")[0]:
        wiring.demand_places(arguments.output)
    host = host_of(arguments)
    installed = tools(host)
    tool = installed.find(arguments.tool or "")
    with wiring.Sources(host) as sources:
        parts = _parts(sources.for_one(), reference, arguments.platform or "")
    if "{platform}" in (arguments.output or ""):
        _must_differ(parts)
    made: list[tuple[Part, bytes, Sbom]] = []
    for part in parts:
        blob = installed.make(
            tool, reference, part.manifest, arguments.format, largest=LARGEST, seconds=arguments.timeout
        )
        sbom = check(blob, arguments.format, part.manifest.digest)
        _tell(console, tool, part, sbom)
        made.append((part, blob, sbom))
    for part, blob, _ in made:
        _write(arguments, part, blob, console)
    return _attest(arguments, reference, made, console) if arguments.attest else ACCEPTED


def _parts(registry: Registry, reference: Reference, wanted: str) -> list[Part]:
    """What is described. An index has no contents of its own: a tool would take some platform and say nothing."""
    root = registry.manifest(reference, reference.digest)
    if root is None:
        raise absent(reference)
    if not root.is_index:
        if wanted not in ("", "all"):
            raise UsageError(f"expected no --platform for an image that is no index, got {wanted}")
        return [Part(manifest=root)]
    entries = [entry for entry in root.entries if entry.platform not in _NO_PLATFORM]
    chosen = entries if wanted == "all" else _of_platform(entries, wanted)
    if not wanted or not chosen or (wanted != "all" and len(chosen) > 1):
        names = ", ".join(dict.fromkeys(printable(entry.platform) for entry in entries))
        got = f"got {wanted!r}" if wanted else "got an index"
        raise UsageError(
            f"expected --platform, one of {names or 'none'}, or all; {got}",
            hint="Each platform has its own contents: choose one, or make an SBOM for each.",
        )
    return [_fetched(registry, reference, entry) for entry in chosen]


def _of_platform(entries: list[Descriptor], wanted: str) -> list[Descriptor]:
    """linux/arm64 is linux/arm64/v8, too, where no other variant is meant."""
    exact = [entry for entry in entries if entry.platform == wanted]
    return exact or [entry for entry in entries if entry.platform.startswith(f"{wanted}/")]


def _fetched(registry: Registry, reference: Reference, entry: Descriptor) -> Part:
    manifest = registry.manifest(reference, entry.digest)
    if manifest is None:
        raise Unavailable("no-such-image", f"expected {entry.platform} of {reference}, got none")
    return Part(manifest=manifest, platform=entry.platform)


def _must_differ(parts: list[Part]) -> None:
    """One file would be written over another. MalformedError."""
    words = [part.word for part in parts]
    twice = next((word for word in words if words.count(word) > 1), None)
    if twice is not None:
        raise MalformedError("sbom-platform", f"expected a file for each platform, got two named {twice}")


def _tell(console: Console, tool: Tool, part: Part, sbom: Sbom) -> None:
    of = f"{printable(part.platform)} {part.manifest.digest}" if part.platform else str(part.manifest.digest)
    console.note(f"vouchsafe: {sbom.words} by {tool.name}, of {of}")
    if not sbom.names_image:
        console.note(
            f"vouchsafe: {console.style('warning', 'warn')}: this SBOM does not say which image it is of:"
            " only an attestation ties it to one"
        )


def _write(arguments: argparse.Namespace, part: Part, blob: bytes, console: Console) -> None:
    if arguments.output:
        named = "{platform}" in arguments.output
        path = arguments.output.replace("{platform}", part.word) if named else arguments.output
        wiring.write_file(path, blob)
        console.note(f"vouchsafe: written to {printable(path)}")
    elif not arguments.attest:
        console.print(blob.decode("utf-8").removesuffix("\n"))


def _attest(
    arguments: argparse.Namespace,
    reference: Reference,
    made: list[tuple[Part, bytes, Sbom]],
    console: Console,
) -> int:
    """As `vouchsafe attest --type … --predicate …` to these very digests, with one certificate."""
    from vouchsafe.cli import stated
    from vouchsafe.cli.signing_run import sign_all

    statements = [
        stated.by_document(
            blob,
            sbom.kind,
            reference.with_digest(part.manifest.digest),
            source="the SBOM",
            wish=arguments.by_reference,
            annotations={},
            console=console,
        )
        for part, blob, sbom in made
    ]
    flags = argparse.Namespace(**vars(arguments))
    flags.images = [f"{reference.repository}@{part.manifest.digest}" for part, _, _ in made]
    flags.format = arguments.attest_format
    flags.output = arguments.attest_output
    flags.recursive, flags.signed_name, flags.read_back = False, None, "installed"
    flags.digest_file = flags.dotenv = None
    return sign_all(flags, console, *statements)
