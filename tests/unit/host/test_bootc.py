"""What bootc says of a host is read, and what an upgrade would do is judged beside what is booted."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.hosts import ACCEPT, REJECT, Said, Script
from vouchsafe.errors import HostError, Unavailable
from vouchsafe.host import bootc
from vouchsafe.host.bootc import Check, Deployment, Deployments, Image
from vouchsafe.host.status import Status
from vouchsafe.image.digest import Digest
from vouchsafe.policy import document
from vouchsafe.policy.scope import Policy
from vouchsafe.policy.verdict import Accepted, Reason, Rejected, Undecided, Verdict

OLD, NEW = Digest.of(b"old"), Digest.of(b"new")
NAME = "registry.example:5000/os/base"
TRACKED = Image(name=f"{NAME}:stable", transport="registry", signature="containerPolicy")


def image(
    name: str = f"{NAME}:stable", signature: Any = "containerPolicy", transport: str = "registry"
) -> Any:
    """As bootc writes it."""
    return {"image": name, "transport": transport, "signature": signature}


def host(**changes: Any) -> bytes:
    """What `bootc status --json` prints, with some of it changed."""
    booted = {
        "image": {"image": image(), "version": "1", "timestamp": None, "imageDigest": str(OLD)},
        "cachedUpdate": None,
        "incompatible": False,
        "pinned": False,
        "ostree": {"checksum": "ab" * 32, "deploySerial": 1, "stateroot": "default"},
    }
    document = {
        "apiVersion": "org.containers.bootc/v1",
        "kind": "BootcHost",
        "metadata": {"name": "host"},
        "spec": {"image": image(), "bootOrder": "default"},
        "status": {
            "staged": None,
            "booted": booted,
            "rollback": None,
            "rollbackQueued": False,
            "type": "bootcHost",
        },
    }
    return json.dumps(document | changes).encode()


def test_what_bootc_says() -> None:
    """The tracked image, and where the booted deployment's files lie."""
    said = bootc.parse(host())
    folder = f"/ostree/deploy/default/deploy/{'ab' * 32}.1"
    assert said == Deployments(
        wanted=TRACKED, booted=Deployment(image=TRACKED, digest=str(OLD), folder=folder)
    )


@pytest.mark.parametrize(
    "signature, read",
    [("insecure", "insecure"), (None, ""), ({"ostreeRemote": "fedora"}, "ostreeRemote fedora")],
)
def test_kinds_of_origin(signature: Any, read: str) -> None:
    """As an upgrade would demand."""
    said = bootc.parse(host(spec={"image": image(signature=signature)}))
    assert said.wanted is not None
    assert said.wanted.signature == read


def test_a_host_that_bootc_does_not_manage() -> None:
    """Everything is null."""
    said = bootc.parse(host(spec={"image": None}, status={"staged": None, "booted": None, "rollback": None}))
    assert said == Deployments(wanted=None, booted=None)


def hang(command: object) -> Said:
    """A program that does not end."""
    raise Unavailable("program-timeout", "expected bootc to end in time, got no end")


@pytest.mark.parametrize(
    "runner, code",
    [
        (Script({}), "bootc-missing"),
        (Script({"bootc": lambda _: Said(1)}), "bootc-status"),
        (Script({"bootc": lambda _: Said(0, b"text")}), "bootc-status"),
        (Script({"bootc": lambda _: Said(0, b'{"spec": 1, "status": {}}')}), "bootc-status"),
        (Script({"bootc": hang}), "bootc-status"),
    ],
)
def test_what_is_no_answer(runner: Script, code: str) -> None:
    """Is an error with a code."""
    with pytest.raises(HostError) as refused:
        bootc.deployments(runner)
    assert refused.value.code == code


def test_bootc_is_asked_for_json() -> None:
    """The documented words."""
    runner = Script({"bootc": lambda _: Said(0, host())})
    assert bootc.deployments(runner) == bootc.parse(host())
    assert runner.ran == [("/usr/bin/bootc", "status", "--json")]


class Time:
    """A verified time."""

    def __init__(self, year: int) -> None:
        self.time = datetime(year, 1, 1, tzinfo=UTC)


class Signature:
    """As far as ages are judged."""

    def __init__(self, year: int, *, by_key: bool = False) -> None:
        self.times = (Time(year),)
        self.made = None if by_key else self.times[0].time


class Signed(Accepted):
    """An acceptance whose signature is of a year; `key_logged`: another one, by a key, that was logged in that year."""

    year: int = 0
    key_logged: int = 0
    signatures: Any = ()

    def _check(self) -> None:
        by_identity = (Signature(self.year),) if self.year else ()
        by_key = (Signature(self.key_logged, by_key=True),) if self.key_logged else ()
        object.__setattr__(self, "signatures", (*by_key, *by_identity))


def judged(new: Verdict, old: Verdict) -> Callable[[str], Verdict]:
    """A judge of two images."""
    return lambda name: old if name == f"{NAME}@{OLD}" else new


def check(new: Verdict, old: Verdict, *, allow_downgrade: bool = False) -> Check:
    """The check of an upgrade from OLD."""
    known = bootc.parse(host())
    return bootc.check(TRACKED.name, known, judged(new, old), allow_downgrade=allow_downgrade)


def test_newer_is_fine() -> None:
    """Nothing speaks against it."""
    assert (
        check(
            Signed(reference="x", digest=NEW, year=2026), Signed(reference="x", digest=OLD, year=2025)
        ).objections
        == ()
    )


def test_older_is_refused_unless_it_is_wanted() -> None:
    """A registry can answer a tag with anything that was ever signed."""
    new, old = Signed(reference="x", digest=NEW, year=2024), Signed(reference="x", digest=OLD, year=2025)
    assert [each.code for each in check(new, old).refused] == ["bootc-downgrade"]
    assert check(new, old, allow_downgrade=True).refused == ()


@pytest.mark.parametrize(
    "signed, code",
    [
        ({"key_logged": 2024}, "bootc-downgrade"),  # not later than that, so older
        ({"key_logged": 2026}, "bootc-age-unknown"),
        ({"key_logged": 2026, "year": 2024}, "bootc-downgrade"),
        ({"key_logged": 2024, "year": 2026}, ""),
    ],
)
def test_an_old_signature_by_a_key_can_be_logged_anew(signed: dict[str, Any], code: str) -> None:
    """So its time in the log makes nothing newer than what is booted."""
    new, old = Signed(reference="x", digest=NEW, **signed), Signed(reference="x", digest=OLD, year=2025)
    assert [each.code for each in check(new, old).objections] == ([code] if code else [])


@pytest.mark.parametrize(
    "old",
    [Rejected(reference="x", reasons=(Reason(code="unsigned", message="m"),)), Undecided(reference="x")],
)
def test_an_age_that_cannot_be_compared_is_said(old: Verdict) -> None:
    """The booted image may be gone, or unsigned."""
    found = check(Signed(reference="x", digest=NEW, year=2026), old)
    assert ([each.code for each in found.objections], found.refused) == (["bootc-age-unknown"], ())


def test_the_same_image_is_not_compared() -> None:
    """Nothing new."""
    asked: list[str] = []

    def judge(name: str) -> Verdict:
        asked.append(name)
        return Accepted(reference="x", digest=OLD)

    found = bootc.check(TRACKED.name, bootc.parse(host()), judge)
    assert (asked, found.booted, found.objections) == ([TRACKED.name], None, ())


def test_an_origin_that_is_not_enforced_is_said() -> None:
    """bootc was told not to look."""
    known = bootc.parse(host(spec={"image": image(signature="insecure")}))
    found = bootc.check(TRACKED.name, known, lambda _: Accepted(reference="x", digest=OLD))
    assert [(each.code, each.severity) for each in found.objections] == [("bootc-origin-open", "warns")]


def test_a_refused_image_needs_no_age() -> None:
    """It will not be staged."""
    found = check(Rejected(reference="x", reasons=()), Signed(reference="x", digest=OLD, year=2025))
    assert found.objections == ()


@pytest.mark.parametrize(
    "found, codes",
    [
        (None, []),
        (Status(word="enforcing"), []),
        (Status(word="open"), ["bootc-staged-open", "bootc-rollback-open"]),
        (Status(word="broken"), ["bootc-staged-broken", "bootc-rollback-broken"]),
    ],
)
def test_how_other_deployments_would_come_up(found: Status | None, codes: list[str]) -> None:
    """A rollback from before enforcement is open, and one that cannot pull is broken."""
    other = Deployment(image=TRACKED, digest=str(OLD), folder="/ostree/deploy/x")
    known = Deployments(
        wanted=TRACKED, booted=other, staged=other, rollback=other.replace(folder="/ostree/deploy/y")
    )
    assert [each.code for each in bootc.others(known, lambda _: found)] == codes
    hidden = known.replace(staged=None, rollback=other.replace(folder=""))
    assert list(bootc.others(hidden, lambda _: found)) == []


SIGNED = {"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/k"}
OTHERWISE = {"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/another"}


def read(default: Any = REJECT, **docker: Any) -> Policy:
    """What clients read: `a` is registry.example/a, `wild` is *.example, `bottom` the scope "" of docker."""
    names = {"a": "registry.example/a", "b": "registry.example/a/b", "wild": "*.example", "bottom": ""}
    scopes = {names[key]: [rule] for key, rule in docker.items()}
    written = {"default": [default], "transports": {"docker": scopes}}
    return document.parse(json.dumps(written).encode(), dialect="containers", source="policy.json")


@pytest.mark.parametrize(
    "theirs, lost",
    [
        (None, ""),
        (read(a=SIGNED, wild=SIGNED), ""),
        (read(a=OTHERWISE), ""),
        (read(a=REJECT), ""),
        (read(), ""),
        (read(a=ACCEPT, wild=SIGNED), "registry.example/a"),
        (read(a=SIGNED, b=ACCEPT), "registry.example/a/b"),
        (read(a=SIGNED, wild=ACCEPT), "*.example"),
        (read(ACCEPT, a=SIGNED, wild=SIGNED), "what no scope names"),
        (read(a=SIGNED, wild=SIGNED, bottom=ACCEPT), "what no scope names"),
        (read(ACCEPT), "what no scope names"),
    ],
)
def test_a_staged_policy_that_demands_less(theirs: Policy | None, lost: str) -> None:
    """Nothing, where a signature is demanded today; another signer, or a refusal, is not less."""
    today = read(a=SIGNED, wild=SIGNED)
    staged = Deployment(image=TRACKED, digest=str(OLD), folder="/ostree/deploy/x")
    known = Deployments(wanted=TRACKED, booted=staged, staged=staged, rollback=None)
    found = list(bootc.weaker(known, today, lambda _: theirs))
    assert [each.code for each in found] == ["bootc-staged-weaker"] * bool(lost)
    assert all(f"to demand for {lost} what" in each.message for each in found)
    assert list(bootc.weaker(known, None, lambda _: theirs)) == []
    assert list(bootc.weaker(known.replace(staged=None), today, lambda _: theirs)) == []
