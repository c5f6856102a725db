"""`vouchsafe identity explain`: prints who signed, what each claim means, and what a safe policy would say."""

from __future__ import annotations

import argparse
import json
import os
import textwrap
from typing import Any

from vouchsafe import wiring
from vouchsafe.cli import ACCEPTED, REJECTED, UNDECIDED, options
from vouchsafe.cli.console import Console
from vouchsafe.cli.identity_evidence import Found, Gathered, is_file, of_file, of_image
from vouchsafe.cli.json_output import reason, signature
from vouchsafe.cli.render import moment
from vouchsafe.errors import printable
from vouchsafe.image.reference import Reference
from vouchsafe.policy.meaning import cautions, meanings
from vouchsafe.policy.suggest import Suggestion, suggest
from vouchsafe.verification import Identity

WIDTH = 100  # columns
_ALONE = "a certificate alone proves nothing: it is public, and whoever has it can show it"
_NOBODY = "nobody: a signature by a key names no identity, only the key that verifies it"


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Explain everybody who is found."""
    host = options.host_of(arguments)
    if arguments.trusted_root:
        root = wiring.trust_from_file(arguments.trusted_root).root
    else:
        root = host.world.trust.public_good()
    if is_file(arguments.thing):
        gathered = of_file(arguments.thing, root, host.clock.now())
    else:
        gathered = of_image(wiring.located(Reference.parse(arguments.thing)), host, root)
    trusted_root = os.path.abspath(arguments.trusted_root) if arguments.trusted_root else ""
    if arguments.output == "json":
        console.document(_document(gathered, trusted_root))
    else:
        _print(gathered, trusted_root, console)
    for trouble in gathered.troubles:
        console.error(f"{trouble.about}: {trouble.message}".removeprefix(": "), code=trouble.code)
    return _exit_code(gathered, console)


def _exit_code(gathered: Gathered, console: Console) -> int:
    if any(each.against is not None for each in gathered.found):
        return REJECTED
    if gathered.troubles:
        return UNDECIDED
    if not gathered.found:
        console.error(f"expected signatures of {gathered.image}, got none", code="unsigned")
        return REJECTED
    return ACCEPTED


def _by_signer(gathered: Gathered) -> list[tuple[Identity | None, list[Found]]]:
    """What each signer made, in the order of finding: one pipeline signs and attests."""
    groups: list[tuple[Identity | None, list[Found]]] = []
    for each in gathered.found:
        for identity, members in groups:
            if identity == each.identity:
                members.append(each)
                break
        else:
            groups.append((each.identity, [each]))
    return groups


def _print(gathered: Gathered, trusted_root: str, console: Console) -> None:
    for number, (identity, members) in enumerate(_by_signer(gathered)):
        if number:
            console.print()
        for each in members:
            _print_evidence(each, console)
        if identity is None:
            console.print(f"  signer     {_NOBODY}")
            continue
        _print_claims(identity, console)
        _print_policy(suggest(identity, trusted_root=trusted_root), console)


def _print_evidence(each: Found, console: Console) -> None:
    origin = console.style(printable(each.origin), "bold")
    made = each.signature
    if made is None:
        console.print(f"{console.style('NOT verified', 'bad')}  {origin}")
        because = f"{each.against.message} [{each.against.code}]" if each.against else _ALONE
        console.print(f"  because    {printable(because)}")
        _print_issued(each, console)
        return
    console.print(f"{console.style('verified', 'good')}  {origin}")
    for digest in sorted(map(str, made.digests)):
        what = f"attestation {made.claim.predicate_type}" if made.role == "attestation" else made.role
        console.print(f"  {'signed':<10} {digest} ({printable(what)})")
    for time in made.times:
        console.print(
            f"  {'when':<10} {moment(time.time)} ({printable(time.source)}: {printable(time.authority)})"
        )


def _print_issued(each: Found, console: Console) -> None:
    if each.certificate is None:
        return
    said = each.certificate
    if said.against is None:
        console.print("  issued     by an authority that is trusted, so what it says was not made up")
    else:
        console.print(f"  issued     not by whom we trust: {said.against.message} [{said.against.code}]")
    console.print(f"  valid      {moment(said.not_before)} to {moment(said.not_after)}")


def _print_claims(identity: Identity, console: Console) -> None:
    console.print(f"\n{console.style('what the certificate says', 'bold')}")
    for each in meanings(identity):
        mark = {"pin": console.style("  (pin this)", "good"), "compare": "  (compare it too)", "informs": ""}
        console.print(f"  {each.name}{mark[each.advice]}")
        console.print(f"      {printable(each.value)}")
        _print_wrapped(each.text, console, "      ", "dim")
    found = cautions(identity)
    if found:
        console.print(f"\n{console.style('be careful', 'warn')}")
    for caution in found:
        _print_wrapped(printable(caution), console, "  ")


def _print_policy(suggested: Suggestion, console: Console) -> None:
    if suggested.requirement is None:
        console.print(f"\n{console.style('no safe policy', 'bad')}")
    else:
        console.print(f"\n{console.style('a safe policy would say', 'bold')}")
        for line in json.dumps(suggested.requirement, indent=2).splitlines():
            console.print(f"  {line}")
    for remark in suggested.remarks:
        _print_wrapped(printable(remark), console, "  ")


def _print_wrapped(text: str, console: Console, indent: str, style: str = "") -> None:
    for line in textwrap.wrap(text, WIDTH - len(indent), break_long_words=False, break_on_hyphens=False):
        console.print(f"{indent}{console.style(line, style) if style else line}")


def _document(gathered: Gathered, trusted_root: str) -> dict[str, Any]:
    return {
        "image": None if gathered.image is None else str(gathered.image),
        "signers": [_signer(identity, members, trusted_root) for identity, members in _by_signer(gathered)],
        "troubles": [reason(each) for each in gathered.troubles],
    }


def _signer(identity: Identity | None, members: list[Found], trusted_root: str) -> dict[str, Any]:
    evidence = [_evidence(each) for each in members]
    if identity is None:
        return {
            "identity": None,
            "evidence": evidence,
            "claims": [],
            "cautions": [],
            "policy": None,
            "remarks": [],
        }
    suggested = suggest(identity, trusted_root=trusted_root)
    return {
        "identity": {
            "issuer": identity.issuer,
            "subject": identity.subject,
            "subjectKind": identity.subject_kind,
        },
        "evidence": evidence,
        "claims": [
            {
                "name": each.name,
                "extension": each.extension,
                "value": each.value,
                "advice": each.advice,
                "meaning": each.text,
            }
            for each in meanings(identity)
        ],
        "cautions": list(cautions(identity)),
        "policy": suggested.requirement,
        "remarks": list(suggested.remarks),
    }


def _evidence(each: Found) -> dict[str, Any]:
    written: dict[str, Any] = {
        "origin": each.origin,
        "verified": each.signature is not None,
        "against": None if each.against is None else reason(each.against),
        "signature": None if each.signature is None else signature(each.signature),
        "certificate": None,
    }
    if each.certificate is not None:
        said = each.certificate
        written["certificate"] = {
            "sha256": said.fingerprint,
            "notBefore": f"{said.not_before:%Y-%m-%dT%H:%M:%SZ}",
            "notAfter": f"{said.not_after:%Y-%m-%dT%H:%M:%SZ}",
            "issuedByTrusted": said.against is None,
        }
    return written
