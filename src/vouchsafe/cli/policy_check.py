"""`vouchsafe policy check`: what a dialect cannot load (78), and what is unwise (1), with file, line and fix."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from vouchsafe import wiring
from vouchsafe.admission.named import material_of
from vouchsafe.cli import ACCEPTED, CONFIGURATION, REJECTED
from vouchsafe.cli.console import Console
from vouchsafe.cli.findings import as_json, code_quality
from vouchsafe.cli.usage import UsageError
from vouchsafe.errors import printable
from vouchsafe.policy.lint import Finding, lint, named_files
from vouchsafe.policy.reading import PolicyError
from vouchsafe.policy.scope import Policy


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Load, look, print."""
    host = wiring.this_host()
    found: list[Finding] = []
    loads = True
    try:
        for policy in _policies(arguments, host):
            material = {name: material_of(name, host.world) for name in named_files(policy)}
            found += lint(policy, now=host.clock.now(), material=material)
    except PolicyError as error:
        loads = False
        found.append(Finding.of(error))
    if arguments.output == "json":
        console.document({"loads": loads, "findings": as_json(found)})
    elif arguments.output == "codequality":
        console.print(code_quality(found))
    else:
        for finding in found:
            _print(finding, console)
        if not found:
            console.note("vouchsafe: the policy loads, and nothing was found against it")
    if not loads:
        return CONFIGURATION
    return REJECTED if found else ACCEPTED


def _policies(arguments: argparse.Namespace, host: wiring.Host) -> Iterator[Policy]:
    """Ours are joined as a host joins them; stock clients know one file, so each stands alone."""
    files = tuple(arguments.files)
    if arguments.dialect == "containers":
        for path in files or (f"{host.settings.etc}/containers/policy.json",):
            yield wiring.policy_of_files((path,), dialect="containers")
        return
    policy = wiring.policy_of_files(files) if files else wiring.policy_of_host(host)
    if policy is None:
        raise UsageError(
            "expected a policy, got none: this host has no /etc/vouchsafe/policy.json", hint="name a file"
        )
    yield policy


def _print(finding: Finding, console: Console) -> None:
    where = f"{printable(finding.file)}:{finding.line}" if finding.line else printable(finding.file)
    style = "bad" if finding.severity == "error" else "warn"
    console.print(f"{where}: {console.style(finding.code, style)}: {printable(finding.message)}")
    if finding.fix:
        console.print(f"    fix: {printable(finding.fix)}")
