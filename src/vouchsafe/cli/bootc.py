"""`vouchsafe bootc check`: would the next `bootc upgrade` be admitted, and may it be?"""

from __future__ import annotations

import argparse

from vouchsafe import wiring
from vouchsafe.admission import Question, admit
from vouchsafe.cli import ACCEPTED, REJECTED, UNDECIDED, options, render
from vouchsafe.cli.console import Console
from vouchsafe.cli.edits import objections_json, show_objections
from vouchsafe.cli.host_status import look
from vouchsafe.cli.host_wish import Target
from vouchsafe.cli.json_output import reason
from vouchsafe.errors import ConfigurationError, HostError
from vouchsafe.host import bootc
from vouchsafe.host.bootc import Check, Deployments
from vouchsafe.host.places import LARGEST_FILE, POLICY
from vouchsafe.host.plan import read_applied
from vouchsafe.host.status import Status
from vouchsafe.image.reference import Reference
from vouchsafe.policy import document
from vouchsafe.policy.scope import Policy
from vouchsafe.policy.verdict import Accepted, Rejected, Verdict
from vouchsafe.wiring import machine

_EPILOG = """examples:
  vouchsafe bootc check
        what this host tracks, by tag, before anything is staged
  vouchsafe bootc check registry.example/os/base:next
        what `bootc switch` would be asked for

Older than what is booted is refused, because a registry can answer a tag with anything that was ever signed.

exit status: 0 it may be staged, 1 the policy refuses it or it is older, 2 nobody could tell, 78 no bootc or no policy
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add `check`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser(
        "check",
        help="would the next upgrade be admitted?",
        description="Judge the image that the next upgrade would pull.",
        epilog=_EPILOG,
    )
    check.add_argument(
        "image", metavar="IMAGE", nargs="?", type=options.given, help="default: what bootc tracks"
    )
    check.add_argument(
        "--allow-downgrade", action="store_true", help="also an image that was signed before the booted one"
    )
    check.add_argument(
        "--if-enabled",
        action="store_true",
        help="say nothing against a host on which `vouchsafe host enable` is not in force",
    )
    options.add_policy(check)
    options.add_sources(check, bundle=False)
    options.add_output(check, "text", "json")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Ask bootc, judge, say."""
    if arguments.if_enabled and read_applied(machine.files()) is None:
        console.note("vouchsafe: not enabled on this host, so nothing is checked")
        if arguments.output == "json":
            console.document({"enabled": False})
        return ACCEPTED
    host = options.host_of(arguments)
    policy = wiring.policy_of_files((arguments.policy,)) if arguments.policy else Target().policy()
    known = _known(host, needed=arguments.image is None)
    image = arguments.image or _tracked(known)
    with wiring.Sources(host) as sources:

        def judge(name: str) -> Verdict:
            reference = wiring.located(Reference.parse(name))
            question = Question(reference=reference, policy=policy, longest=host.timeout)
            return admit(question, registry=sources.for_one(), clock=host.clock, world=host.world)

        found = bootc.check(image, known, judge, allow_downgrade=arguments.allow_downgrade)
    if known is not None:
        others = (*bootc.others(known, _status_of), *bootc.weaker(known, _policy_of("/"), _policy_of))
        found = found.replace(objections=(*found.objections, *others))
    _say(found, arguments, console)
    return _code(found)


def _known(host: wiring.Host, *, needed: bool) -> Deployments | None:
    try:
        return bootc.deployments(machine.programs(host))
    except HostError as error:
        if needed:
            raise ConfigurationError(error.code, error.message, hint="Name an image.") from error
        return None


def _tracked(known: Deployments | None) -> str:
    wanted = known.wanted if known is not None else None
    if wanted is None or wanted.transport != bootc.REGISTRY:
        got = "nothing" if wanted is None else f"the transport {wanted.transport}"
        raise ConfigurationError("bootc-image", f"expected bootc to track an image of a registry, got {got}")
    return wanted.name


def _status_of(folder: str) -> Status | None:
    """Of another deployment, by its own files; None when they are not to be seen."""
    target = Target(folder)
    if target.files.look("/usr").kind == "absent":
        return None
    return look(target)


def _policy_of(folder: str) -> Policy | None:
    """What stock clients read there; None where they would refuse everything, or it is not to be seen."""
    try:
        blob = machine.files(folder).read(POLICY, largest=LARGEST_FILE)
        return None if blob is None else document.parse(blob, dialect="containers", source=POLICY)
    except (ConfigurationError, HostError):
        return None


def _code(found: Check) -> int:
    if isinstance(found.verdict, Rejected) or found.refused:
        return REJECTED
    return ACCEPTED if isinstance(found.verdict, Accepted) else UNDECIDED


def _say(found: Check, arguments: argparse.Namespace, console: Console) -> None:
    if arguments.output == "text":
        console.print(render.text(found.verdict, console, allowed=True))
        show_objections(found.objections, console)
        return
    document = {
        "image": found.image,
        "verdict": found.verdict.word,
        "digest": None if found.verdict.digest is None else str(found.verdict.digest),
        "signedAt": _moment(found.verdict),
        "bootedSignedAt": _moment(found.booted),
        "reasons": [reason(each) for each in found.verdict.reasons],
        "objections": objections_json(found.objections),
        "admitted": _code(found) == ACCEPTED,
    }
    console.document(document)


def _moment(verdict: Verdict | None) -> str | None:
    at = bootc.signed_at(verdict)
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%SZ}"
