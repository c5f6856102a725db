"""What `vouchsafe upstream act` found out, for people and for programs (docs/upstream.schema.json)."""

from __future__ import annotations

from vouchsafe.cli.console import Console
from vouchsafe.errors import printable
from vouchsafe.host.unaided import Examined
from vouchsafe.policy.native import ALWAYS_LOST, NativePolicy

POLICY, REGISTRIES = "/etc/containers/policy.json", "/etc/containers/registries.d/vouchsafe.yaml"
STEPS = (
    "Run this on every host that gets this policy. While one of them says otherwise, all keep the countersigner.",
    f"On one host put both files in place of {POLICY} and {REGISTRIES}, at once.",
    "Pull an image that is signed and one that is not. `vouchsafe host enable --overwrite-edits` is the way back.",
    "Then the other hosts. `vouchsafe host audit` judges what is in storage as before.",
    "Where no scope is countersigned any more, on any host: `systemctl disable --now vouchsafe-countersign.socket`.",
)


def as_text(done: Examined, console: Console, *, written: str) -> None:
    """Who can do what, what would be written, what was proven, and the steps."""
    for finding in done.ability.findings:
        answer = console.style(f"{finding.answer:<7}", "good" if finding.answer == "yes" else "warn")
        console.print(f"{answer} {finding.client}: {finding.question}")
        if finding.answer != "yes":
            console.print(f"        {printable(finding.evidence)}")
    if done.policy is not None:
        _print_scopes(done.policy, console)
    for leg in done.legs:
        mark = console.style("ok  ", "good") if leg.behaved else console.style("FAIL", "bad")
        console.print(f"{mark} {leg.client}: {'pulled' if leg.pulled else 'refused'} {leg.name}: {leg.why}")
    if done.outcome == "possible" and done.policy is not None:
        _print_move(done.policy, console, written)
        console.print(
            f"{console.style('possible', 'good')} on this host, by `{done.key}`; nothing was changed"
        )
        return
    word = "not yet" if done.outcome == "not-yet" else "could not tell"
    console.print(f"{console.style(word, 'warn')}: {printable(done.why)}; the countersigner stays")


def _print_scopes(policy: NativePolicy, console: Console) -> None:
    for moved in policy.moved:
        lost = f", no longer comparing {', '.join(moved.lost)}" if moved.lost else ""
        console.print(f"{console.style('moves', 'good')}   {printable(moved.scope)}{printable(lost)}")
    for kept in policy.kept:
        console.print(f"{console.style('stays', 'warn')}   {printable(kept.scope)}: {printable(kept.why)}")
    if policy.moved:
        for each in ALWAYS_LOST:
            console.print(f"{console.style('lost', 'warn')}    {each}")


def _print_move(policy: NativePolicy, console: Console, written: str) -> None:
    if written:
        console.note(f"vouchsafe: policy.json and vouchsafe.yaml are in {printable(written)}")
    else:
        for name, content in ((POLICY, policy.compiled.policy), (REGISTRIES, policy.compiled.registries)):
            console.print(console.style(name, "bold"))
            console.print(content.decode().rstrip("\n"))
    for number, step in enumerate(STEPS, 1):
        console.print(f"{number}. {step}")


def as_json(done: Examined) -> dict[str, object]:
    """One document."""
    policy = done.policy
    return {
        "outcome": done.outcome,
        "why": done.why or None,
        "key": done.key or None,
        "findings": [
            {
                "client": each.client,
                "question": each.question,
                "answer": each.answer,
                "evidence": each.evidence,
                "at": f"{each.at:%Y-%m-%dT%H:%M:%SZ}",
            }
            for each in done.ability.findings
        ],
        "moved": [{"scope": each.scope, "lost": list(each.lost)} for each in policy.moved] if policy else [],
        "kept": [{"scope": each.scope, "why": each.why} for each in policy.kept] if policy else [],
        "alwaysLost": list(ALWAYS_LOST),
        "files": _files(policy) if policy and done.outcome == "possible" else None,
        "legs": [
            {
                "client": leg.client,
                "leg": leg.name,
                "why": leg.why,
                "expected": "pulled" if leg.allowed else "refused",
                "got": "pulled" if leg.pulled else "refused",
                "said": leg.said,
            }
            for leg in done.legs
        ],
        "steps": list(STEPS) if done.outcome == "possible" else [],
    }


def _files(policy: NativePolicy) -> dict[str, str]:
    return {POLICY: policy.compiled.policy.decode(), REGISTRIES: policy.compiled.registries.decode()}
