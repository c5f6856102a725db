"""Enforcing, open or broken, and why."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hosts import ACCEPT, OPEN_POLICY, OURS, REJECT, Died, DyingDisk, Host
from tests.unit.host.test_plan import SCOPE, plan, policy
from vouchsafe.errors import ConfigurationError
from vouchsafe.host import change, enforce
from vouchsafe.host.status import BROKEN, ENFORCING, OPEN, Status, status
from vouchsafe.policy.scope import Policy

CA = "/run/vouchsafe/ca.crt"
POLICY, REGISTRIES = "/etc/containers/policy.json", "/etc/containers/registries.d/vouchsafe.yaml"
GLASS = f"registry.example/x@sha256:{64 * '0'}"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host that enforces."""
    made = Host(tmp_path)
    made.write(POLICY, OPEN_POLICY)
    made.write("/etc/vouchsafe/policy.json", "{}")
    made.write("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nme:x:1000:1000::/home/me:/bin/sh\n")
    made.write(CA, "a certificate")
    enforce.enable(lambda: plan(made, with_units=False), made.files)
    return made


def look(host: Host, loaded: Policy | ConfigurationError | None = None) -> Status:
    """The status of a running host."""
    return status(loaded or policy(), host.files, is_live=True)


def with_scope(host: Host, scope: str, rule: object) -> None:
    """An edit of the written policy by hand."""
    document = json.loads(host.read(POLICY))
    document["transports"]["docker"][scope] = [rule]
    host.write(POLICY, json.dumps(document))


def dying(host: Host) -> None:
    """A crash in the middle of applying another policy."""
    made = plan(host, policy({f"{SCOPE}/app": [OURS]}), with_units=False)
    with pytest.raises(Died):
        change.carry_out(made.changes, DyingDisk(host.files, 16))


def test_enforcing(host: Host) -> None:
    """With its epoch, the time and the scopes."""
    found = look(host)
    assert (found.word, found.scopes, found.reasons, found.notes) == (ENFORCING, (SCOPE,), (), ())
    assert (found.epoch, found.since) == (plan(host).epoch, "2026-11-22T12:00:00Z")


CHANGES: dict[str, tuple[Callable[[Host], object], str, list[str]]] = {
    "somebody opens the bottom": (
        lambda host: host.write(POLICY, OPEN_POLICY),
        OPEN,
        ["host-default-open", "host-edited"],
    ),
    "a broken glass": (lambda host: with_scope(host, GLASS, ACCEPT), OPEN, ["host-glass-broken"]),
    "root's own policy": (
        lambda host: host.write("/root/.config/containers/policy.json", "{}"),
        OPEN,
        ["host-outranked"],
    ),
    "somebody adds a scope": (lambda host: with_scope(host, "b.example", REJECT), BROKEN, ["host-edited"]),
    "somebody breaks it": (lambda host: host.write(POLICY, "{"), BROKEN, ["host-edited"]),
    "somebody removes it": (lambda host: host.files.remove(POLICY), BROKEN, ["host-edited"]),
    "other registries.d": (lambda host: host.write(REGISTRIES, "docker: {}"), BROKEN, ["host-edited"]),
    "a namespace twice": (
        lambda host: host.write(
            "/etc/containers/registries.d/a.yaml", f"docker:\n  {SCOPE}:\n    lookaside: x\n"
        ),
        BROKEN,
        ["host-registries-duplicate"],
    ),
    "others write the policy": (
        lambda host: host.write("/etc/vouchsafe/policy.json", "{}", 0o666),
        BROKEN,
        ["host-policy-writable"],
    ),
    "others write what clients read": (
        lambda host: (host.folder / POLICY.lstrip("/")).chmod(0o666),
        BROKEN,
        ["host-policy-writable"],
    ),
    "others may replace what clients read": (
        lambda host: (host.folder / "etc/containers").chmod(0o777),
        BROKEN,
        ["host-policy-writable"],
    ),
    "no CA": (lambda host: host.files.remove(CA), BROKEN, ["host-authority-absent"]),
    "a crash": (dying, BROKEN, ["host-unfinished", "host-not-applied"]),
    "a record that is none": (
        lambda host: host.write("/etc/vouchsafe/host/applied.json", "{"),
        BROKEN,
        ["host-applied"],
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_others_change_is_noticed(host: Host, name: str) -> None:
    """One thing, and what it makes of the host."""
    spoil, word, codes = CHANGES[name]
    spoil(host)
    found = look(host)
    assert (found.word, [each.code for each in found.reasons]) == (word, codes)


def test_a_policy_that_is_edited_and_not_applied(host: Host) -> None:
    """Nothing is countersigned meanwhile."""
    found = look(host, policy({f"{SCOPE}/app": [OURS]}))
    assert (found.word, [each.code for each in found.reasons]) == (BROKEN, ["host-not-applied"])


@pytest.mark.parametrize(
    "loaded", [ConfigurationError("policy-json", "expected JSON, got none"), policy({"": [OURS]})]
)
def test_a_policy_that_does_not_load(host: Host, loaded: Policy | ConfigurationError) -> None:
    """Or does not compile any more."""
    assert look(host, loaded).word == BROKEN


def test_no_policy(host: Host) -> None:
    """It was there when it was applied."""
    assert status(None, host.files, is_live=True).reasons[0].code == "policy-missing"


def test_a_user_with_an_own_policy_is_worth_a_note(host: Host) -> None:
    """Root is still ruled by ours."""
    host.write("/home/me/.config/containers/policy.json", "{}")
    found = look(host)
    assert (found.word, [each.code for each in found.notes]) == (ENFORCING, ["host-outranked"])


def test_an_insecure_default_is_open(host: Host) -> None:
    """Although it was asked for."""
    enforce.enable(
        lambda: plan(host, policy(default=ACCEPT), insecure_default=True, with_units=False), host.files
    )
    found = look(host, policy(default=ACCEPT))
    assert (found.word, [each.code for each in found.reasons]) == (OPEN, ["host-default-open"])


@pytest.mark.parametrize(
    "content, word, codes",
    [
        (OPEN_POLICY, OPEN, ["host-not-enabled", "host-default-open"]),
        (json.dumps({"default": [REJECT]}), OPEN, ["host-not-enabled"]),
        ("{", BROKEN, ["host-not-enabled", "policy-json"]),
        (None, BROKEN, ["host-not-enabled"]),
    ],
)
def test_never_enabled(tmp_path: Path, content: str | None, word: str, codes: list[str]) -> None:
    """What is there decides."""
    host = Host(tmp_path)
    if content is not None:
        host.write(POLICY, content)
    found = look(host)
    assert (found.word, [each.code for each in found.reasons][: len(codes)]) == (word, codes)


def test_a_countersigner_that_does_not_answer(host: Host) -> None:
    """Everything is refused then; not asked where something else is wrong already, or in an image."""
    asked: list[str] = []

    def silent(lookaside: str) -> str:
        asked.append(lookaside)
        return "nobody listens"

    found = status(policy(), host.files, is_live=True, problem=silent)
    assert (found.word, [each.code for each in found.reasons]) == (BROKEN, ["host-countersigner-silent"])
    assert status(policy(), host.files, is_live=False, problem=silent).word == ENFORCING
    host.files.remove(CA)
    found = status(policy(), host.files, is_live=True, problem=silent)
    assert [each.code for each in found.reasons] == ["host-authority-absent"]
    assert asked == ["http://127.0.0.1:843"]
