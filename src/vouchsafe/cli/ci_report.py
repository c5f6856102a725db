"""`vouchsafe ci report`: what `sign`, `attest` and `explain` printed, as the reports that a CI system shows.

Judges nothing: the commands' own exit codes decide a job, the reports say why.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from typing import Any

from vouchsafe import wiring
from vouchsafe.ci.consumers import READS
from vouchsafe.cli import ACCEPTED, ci_checks, junit, options
from vouchsafe.cli.console import Console
from vouchsafe.cli.junit import Case
from vouchsafe.cli.usage import UsageError
from vouchsafe.errors import MalformedError, VouchsafeError, printable
from vouchsafe.strictjson import parse

SUMMARY = "turn what sign, attest and explain printed into a pipeline's reports"
EPILOG = """examples:
  vouchsafe sign -o json registry.example/group/app:v1 > sign.json 2> sign.log
  vouchsafe ci report --said sign.log --junit junit.xml --annotations links.json sign.json
  vouchsafe explain -o json registry.example/group/app:v1 > explain.json
  vouchsafe ci report --title vouchsafe.verify --junit junit.xml explain.json

JUnit has a case for each check: who signed, each form, each reader, each demand of the policy. The
annotations are GitLab's: links from the job's page to the entries of the transparency log.

exit status: 0 written, whatever the reports say; 64 usage; 78 a file cannot be read or written
"""
Json = dict[str, Any]

SIGNED = "signed"
_EACH = "once for each FILE"
LARGEST_DOCUMENT = 64 * 1024 * 1024  # bytes
LARGEST_LOG = 4 * 1024 * 1024  # bytes
SECTION = "Transparency log"
# Where a person can look at an entry.
PUBLIC_LOGS = {"rekor.sigstore.dev": "https://search.sigstore.dev/?logIndex={index}"}


def configure(parser: argparse.ArgumentParser) -> None:
    """The flags of `ci report`."""
    parser.epilog = EPILOG
    parser.add_argument(
        "documents",
        metavar="FILE",
        nargs="+",
        type=options.given,
        help="what was printed with -o json; empty where nothing was",
    )
    for flag, text in (("--junit", "a JUnit report"), ("--annotations", "GitLab's job annotations")):
        options.add_value(parser, flag, "FILE", f"write {text} there")
    options.add_value(
        parser,
        "--log-url",
        "URL",
        "where a log shows an entry, with {index} in it (default: the public log's page)",
    )
    parser.add_argument(
        "--title",
        metavar="NAME",
        type=options.given,
        default="vouchsafe",
        help="of the suite (default: %(default)s)",
    )
    for flag, metavar, text in (
        ("--verb", "WORDS", f"what was done, such as 'SBOM attested', {_EACH} (default: {SIGNED})"),
        ("--said", "FILE", f"what was said on standard error, for when nothing was printed, {_EACH}"),
        ("--require-readable-by", "WHO", f"a case for each of these: {', '.join(READS)}, commas between"),
    ):
        options.add_value(parser, flag, metavar, text, several=True)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Read, write, and say it for the job's log."""
    if arguments.log_url and "{index}" not in arguments.log_url:
        raise UsageError(f"expected a --log-url with {{index}} in it, got {arguments.log_url!r}")
    documents = [_document(path) for path in arguments.documents]
    cases = _cases(arguments, documents)
    if arguments.junit:
        wiring.write_file(arguments.junit, (junit.document(arguments.title, cases) + "\n").encode())
    if arguments.annotations:
        linked = links([each for each in documents if each is not None], arguments.log_url or "")
        wiring.write_file(arguments.annotations, (json.dumps(linked, indent=2) + "\n").encode())
    for case in cases:
        console.print(_line(case, console))
    return ACCEPTED


def links(documents: Sequence[Json], log_url: str) -> Json:
    """GitLab's `artifacts:reports:annotations`: a link for each entry that somebody can look at."""
    found = {}
    for document in documents:
        for place, what in _places(document):
            url = log_url or PUBLIC_LOGS.get(place["log"], "")
            if url:
                label = f"{place['log']} entry {place['index']}: {what}"
                found[label] = {"label": label, "url": url.replace("{index}", str(place["index"]))}
    return {SECTION: [{"external_link": link} for link in found.values()]} if found else {}


def _places(document: Json) -> Iterator[tuple[Json, str]]:
    for image in document.get("images", ()):
        for manifest in image["manifests"]:
            for form in manifest["forms"]:
                for place in form["log"]:
                    yield place, f"{form['form']} of {manifest['platform'] or 'the image'}"
    for verdict in document.get("verdicts", ()):
        for signature in verdict["signatures"]:
            for place in signature["log"]:
                yield place, signature["role"]


def _document(path: str) -> Json | None:
    content = wiring.read_file(path, largest=LARGEST_DOCUMENT)
    if not content.strip():
        return None
    try:
        found = parse(content, what=path, largest=LARGEST_DOCUMENT)
    except MalformedError as error:
        raise UsageError(error.message) from error
    if not (isinstance(found, dict) and ("images" in found or "verdicts" in found)):
        raise UsageError(
            f"expected what sign, attest or explain printed with -o json in {path}, got other JSON"
        )
    return found


def _cases(arguments: argparse.Namespace, documents: Sequence[Json | None]) -> list[Case]:
    words = [word.strip() for text in arguments.require_readable_by for word in text.split(",")]
    readers = [word for word in words if word]
    cases: list[Case] = []
    for number, document in enumerate(documents):
        verb = arguments.verb[number] if number < len(arguments.verb) else SIGNED
        if document is not None:
            cases += ci_checks.of_document(document, arguments.title, verb=verb, readers=readers)
        else:
            said = _said(arguments.said[number]) if number < len(arguments.said) else ()
            cases.append(ci_checks.of_silence(said, arguments.title, verb=verb))
    return cases


def _said(path: str) -> Sequence[str]:
    try:
        return wiring.read_file(path, largest=LARGEST_LOG).decode("utf-8", "replace").splitlines()
    except VouchsafeError as error:
        return (str(error),)


def _line(case: Case, console: Console) -> str:
    what = case.failure or case.error
    if what is None:
        first = case.output.partition("\n")[0]
        return (
            f"{console.style('ok', 'good')}      {printable(f'{case.name}: {first}' if first else case.name)}"
        )
    word = "FAILED" if case.failure else "ERROR "
    return (
        f"{console.style(word, 'bad')}  {printable(case.name)}: {printable(what[1])} [{printable(what[0])}]"
    )
