"""What `sign` and `attest` do alike: flags become choices, images are signed, the result is printed and written."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from typing import get_args

from vouchsafe import wiring
from vouchsafe.ci.consumers import READS, Consumer
from vouchsafe.ci.done import ImageDone
from vouchsafe.ci.job import Order
from vouchsafe.ci.setup import Choices, Prepared, prepare
from vouchsafe.cli import ACCEPTED, REJECTED, exit_code, options, signing_output
from vouchsafe.cli.console import Console
from vouchsafe.cli.terminated import terminable
from vouchsafe.cli.usage import UsageError
from vouchsafe.errors import printable
from vouchsafe.image.reference import Reference
from vouchsafe.signing.make import FORMS, Form, Statement
from vouchsafe.signing.services import Services
from vouchsafe.signing.together import together
from vouchsafe.wiring.signing import Workshop

MOST_IMAGES = 4  # at once; each has its manifests signed at once too
_FORMS: dict[str, frozenset[Form]] = {
    "both": frozenset(FORMS),
    "legacy": frozenset(("legacy",)),
    "bundle": frozenset(("bundle",)),
}


def sign_all(arguments: argparse.Namespace, console: Console, *statements: Statement) -> int:
    """Sign every image; the highest exit code. One statement is for all images, several are for one each."""
    references = [Reference.parse(text) for text in arguments.images]
    wiring.demand_places(arguments.digest_file, arguments.dotenv)
    order = _order(arguments, statements[0])
    choices = _choices(arguments)
    host = options.host_of(arguments)
    opened: list[Workshop] = []
    try:

        def workshop(services: Services) -> Workshop:
            opened.append(Workshop(host, services, ca_file=choices.service_ca, writes=not order.dry_run))
            return opened[0]

        prepared = prepare(choices, order, host, workshop, partial(_tell, console))
        if order.dry_run:
            console.note("vouchsafe: dry run: nothing is published")
        if prepared.warning:
            console.note(f"vouchsafe: note: it would be refused: {prepared.warning}")
        stated = statements if len(statements) > 1 else statements * len(references)
        runs = [prepared.run.stating(statement) for statement in stated]
        tasks = [partial(run.sign, image) for run, image in zip(runs, references, strict=True)]
        with terminable():
            done = together(tasks, most=MOST_IMAGES)
    finally:
        for each in opened:
            each.close()
    _show(
        arguments, console, prepared, done, order
    )  # first: it is signed, whether or not that can be written down
    _write_files(arguments, done)
    return max(_exit_code(each, console) for each in done)


def _tell(console: Console, text: str) -> None:
    console.note(f"vouchsafe: {printable(text)}")


def _order(arguments: argparse.Namespace, statement: Statement) -> Order:
    return Order(
        statement=statement,
        forms=_FORMS[arguments.format],
        recursive=arguments.recursive,
        name=arguments.signed_name or "",
        required=_required(arguments.require_readable_by),
        dry_run=arguments.dry_run,
    )


def _required(written: Sequence[str]) -> tuple[Consumer, ...]:
    words = [word.strip() for text in written for word in text.split(",") if word.strip()]
    found: list[Consumer] = [each for each in get_args(Consumer) if each in words]
    unknown = [word for word in words if word not in READS]
    if unknown:
        raise UsageError(
            f"expected --require-readable-by of {', '.join(READS)}, got {unknown[0]!r}",
        )
    return tuple(found)


def _choices(arguments: argparse.Namespace) -> Choices:
    if arguments.key and arguments.identity_token:
        raise UsageError("expected --key or --identity-token, got both", hint="a key has no identity")
    if arguments.trust_config and arguments.signing_config:
        raise UsageError("expected --trust-config or --signing-config, got both")
    named = arguments.fulcio_url or arguments.rekor_url or arguments.timestamp_url
    if named and (arguments.trust_config or arguments.signing_config):
        raise UsageError(
            "expected a config or URLs of services, got both", hint="write the URLs into the config"
        )
    if named and not arguments.key and not (arguments.fulcio_url and arguments.rekor_url):
        raise UsageError(
            "expected --fulcio-url and --rekor-url together, got one of them",
            hint="one service alone would be mixed with public ones",
        )
    return Choices(
        identity_token=arguments.identity_token or "",
        audience=arguments.oidc_audience,
        allow_merge_request=arguments.allow_merge_request,
        key=arguments.key or "",
        trust_config=arguments.trust_config or "",
        signing_config=arguments.signing_config or "",
        trusted_root=arguments.trusted_root or "",
        fulcio_url=arguments.fulcio_url or "",
        rekor_urls=tuple(arguments.rekor_url),
        rekor_version=arguments.rekor_version,
        timestamp_urls=tuple(arguments.timestamp_url),
        log=arguments.log,
        service_ca=arguments.service_ca or "",
        reads_back_with_programs=arguments.read_back == "installed",
    )


def _write_files(arguments: argparse.Namespace, done: Sequence[ImageDone]) -> None:
    """Only when everything is signed: a job that failed must not hand on a digest."""
    if any(each.error is not None for each in done):
        return
    if arguments.digest_file:
        wiring.write_file(arguments.digest_file, signing_output.digests(done).encode())
    if arguments.dotenv:
        wiring.write_file(arguments.dotenv, signing_output.dotenv(done).encode())


def _show(
    arguments: argparse.Namespace,
    console: Console,
    prepared: Prepared,
    done: Sequence[ImageDone],
    order: Order,
) -> None:
    if arguments.output == "json":
        console.document(signing_output.document(done, prepared.who, dry_run=order.dry_run))
        return
    for each in done:
        console.print(signing_output.text(each, console, prepared.who))


def _exit_code(done: ImageDone, console: Console) -> int:
    if done.error is not None:
        console.error(done.error.message, hint=done.error.hint, code=done.error.code)
        return REJECTED if done.error.code == "not-readable" else exit_code(done.error)
    return REJECTED if done.is_unreadable else ACCEPTED
