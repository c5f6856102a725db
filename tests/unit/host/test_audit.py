"""What is in storage, judged by the scope of the name that it carries."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.hosts import ACCEPT, OURS, REJECT, Said, Script
from vouchsafe.errors import HostError, Unavailable
from vouchsafe.host.audit import Kept, audit, kept
from vouchsafe.image.reference import Reference
from vouchsafe.policy import document
from vouchsafe.policy.scope import Policy
from vouchsafe.policy.verdict import Rejected, Verdict

DIGEST = f"sha256:{'0' * 64}"


def podman(*images: dict[str, Any]) -> Script:
    """One that lists these."""
    return Script({"podman": lambda _: Said(0, json.dumps(list(images)).encode())})


def policy() -> Policy:
    """A scope of ours with a stricter tag, one that accepts anything, and a default."""
    scopes = {"a.example/ours": [OURS], "a.example/ours:prod": [OURS, OURS], "a.example/open": [ACCEPT]}
    written = {"default": [REJECT], "transports": {"docker": scopes}}
    return document.parse(json.dumps(written).encode(), dialect="vouchsafe", source="policy.json")


def test_what_is_listed() -> None:
    """Every name of every image of every storage, once."""
    runner = podman(
        {"Names": ["a.example/x:1", "a.example/x:2"], "Digest": DIGEST},
        {"Names": None, "Digest": DIGEST},
        {"Digest": DIGEST},
    )
    names = [(each.storage, each.name) for each in kept(runner, ("", "/bootc"))]
    assert names == [(where, name) for where in ("", "/bootc") for name in ("a.example/x:1", "a.example/x:2")]
    assert runner.ran == [
        ("/usr/bin/podman", "images", "--format", "json"),
        ("/usr/bin/podman", "--root", "/bootc", "images", "--format", "json"),
    ]


def hang(command: object) -> Said:
    """A program that does not end."""
    raise Unavailable("program-timeout", "expected podman to end in time, got no end")


@pytest.mark.parametrize(
    "answer", [None, lambda _: Said(125), lambda _: Said(0, b"{"), lambda _: Said(0, b"[1]"), hang]
)
def test_what_is_no_list(answer: Any) -> None:
    """Is an error of ours."""
    with pytest.raises(HostError) as refused:
        kept(Script({} if answer is None else {"podman": answer}), ("",))
    assert refused.value.code == "audit-podman"


def test_podman_that_refuses_says_why() -> None:
    """In its own words: `exit 125` alone helps nobody."""
    runner = Script({"podman": lambda _: Said(125, b"", b"level=warning\nError: no storage driver\n")})
    with pytest.raises(HostError, match="got: Error: no storage driver"):
        kept(runner, ("",))


def test_each_is_judged_by_its_own_scope() -> None:
    """By digest, under the rule of the name; what no signature protects is left out."""
    judged: list[tuple[str, int]] = []

    def judge(reference: Reference, alone: Policy) -> Verdict:
        judged.append((str(reference), len(alone.default.requirements)))
        assert alone.transports == {}
        return Rejected(reference=str(reference))

    names = ("a.example/ours:dev", "a.example/ours:prod", "a.example/open:1", "b.example/c:1", "<none>")
    images = tuple(Kept(storage="", name=name, digest=DIGEST) for name in names)
    found = list(audit(images, policy(), judge))
    assert [(each.kept.name, each.scope) for each in found] == [
        ("a.example/ours:dev", "a.example/ours"),
        ("a.example/ours:prod", "a.example/ours:prod"),
    ]
    assert judged == [(f"docker://a.example/ours@{DIGEST}", 1), (f"docker://a.example/ours@{DIGEST}", 2)]
