"""`vouchsafe verify`: may these images be used? One verdict an image, the worst of them as exit code."""

from __future__ import annotations

import argparse

from vouchsafe import wiring
from vouchsafe.admission import Question, admit
from vouchsafe.admission.discovery import LARGEST_BLOB, Candidate
from vouchsafe.cli import ACCEPTED, CONFIGURATION, REJECTED, UNDECIDED, options
from vouchsafe.cli.console import Console
from vouchsafe.cli.signer import policy_of
from vouchsafe.cli.usage import UsageError
from vouchsafe.evidence.bundle import FAMILY
from vouchsafe.image.reference import Reference
from vouchsafe.policy.scope import Policy
from vouchsafe.policy.verdict import Accepted, Rejected, Verdict

MOST_AT_ONCE = 8  # images judged at the same time
EPILOG = """examples:
  vouchsafe verify registry.example/group/app:v1
        by the policy of this host, /etc/vouchsafe/policy.json
  vouchsafe verify --certificate-oidc-issuer https://gitlab.com \\
        --certificate-identity https://gitlab.com/group/app//.gitlab-ci.yml@refs/heads/main \\
        --claim source-repository-identifier=1234 registry.example/group/app:v1
        by whoever may sign as that pipeline
  vouchsafe verify --policy policy.json --bundle app.sigstore.json registry.example/group/app@sha256:…
        without any request
  vouchsafe verify -o json oci:/srv/layout:v1 dir:/srv/image
        from disk

exit status: 0 all accepted, 1 one was rejected, 2 one could not be decided, 64 usage,
78 the policy cannot be used. Of several images the highest counts.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The flags of `verify`."""
    parser.epilog = EPILOG
    parser.add_argument(
        "images", metavar="IMAGE", nargs="+", help="[docker://]NAME[:TAG|@DIGEST], oci:PATH[:TAG] or dir:PATH"
    )
    options.add_signer(parser)
    options.add_sources(parser)
    parser.add_argument(
        "--allow-unverified",
        action="store_true",
        help="accept also what the policy lets through without a signature (insecureAcceptAnything)",
    )
    options.add_output(parser, "text", "json", "junit")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Judge, print, and leave with the worst."""
    host = options.host_of(arguments)
    questions = questions_of(arguments, host)
    with wiring.Sources(host) as sources:

        def judge(question: Question) -> Verdict:
            return admit(
                question,
                registry=sources.for_one(),
                clock=host.clock,
                world=host.world,
                report=console.internal,
            )

        if len(questions) == 1:
            verdicts: tuple[Verdict, ...] = (judge(questions[0]),)
        else:
            from vouchsafe.cli.several import judge_all

            verdicts = judge_all(questions, judge, console, most_at_once=MOST_AT_ONCE)
    show(verdicts, questions[0].policy, arguments, console)
    return max(exit_code(verdict, allow_unverified=arguments.allow_unverified) for verdict in verdicts)


def questions_of(
    arguments: argparse.Namespace, host: wiring.Host, *, thorough: bool = False
) -> list[Question]:
    """What is asked about each image. Every mistake in the command is found before anything is fetched."""
    references = [wiring.located(Reference.parse(text)) for text in arguments.images]
    if arguments.bundle and len(references) > 1:
        raise UsageError(f"expected one image with --bundle, got {len(references)}")
    policy = policy_of(arguments, host)
    supplied = (_bundle(arguments.bundle, host),) if arguments.bundle else None
    return [
        Question(
            reference=reference, policy=policy, supplied=supplied, thorough=thorough, longest=host.timeout
        )
        for reference in references
    ]


def exit_code(verdict: Verdict, *, allow_unverified: bool = False) -> int:
    """0, 1, 2 or 78: what only `insecureAcceptAnything` let through was not verified, and is no 0."""
    match verdict:
        case Accepted(verified=verified):
            return ACCEPTED if verified or allow_unverified else REJECTED
        case Rejected():
            return REJECTED
        case _:
            mine = any(reason.configuration for reason in verdict.reasons)
            return CONFIGURATION if mine else UNDECIDED


def show(
    verdicts: tuple[Verdict, ...], policy: Policy, arguments: argparse.Namespace, console: Console
) -> None:
    """Print in the format that was asked for."""
    if arguments.output == "json":
        from vouchsafe.cli.json_output import document

        console.document(document(verdicts, allow_unverified=arguments.allow_unverified))
    elif arguments.output == "junit":
        from vouchsafe.cli.junit import report

        console.print(report(verdicts, allow_unverified=arguments.allow_unverified))
    else:
        from vouchsafe.cli.advice import of_flags
        from vouchsafe.cli.render import summary, text

        for number, verdict in enumerate(verdicts):
            advice, allowed = of_flags(policy, verdict), arguments.allow_unverified
            said = text(verdict, console, advice=advice, allowed=allowed)
            console.print(("\n" if number else "") + said)
        if len(verdicts) > 1:
            console.print(f"\n{summary(verdicts)}")


def _bundle(path: str, host: wiring.Host) -> Candidate:
    blob = host.world.files.read(path, largest=LARGEST_BLOB)
    return Candidate(origin=path, media_type=FAMILY, annotations={}, read=lambda: blob)
