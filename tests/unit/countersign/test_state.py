"""While the policy is not the one in force, nothing is answered; the last good one is never kept."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.countersigning import Counter, Machine
from vouchsafe.countersign import state
from vouchsafe.countersign.authority import Authority
from vouchsafe.errors import HostError
from vouchsafe.policy import document, flags
from vouchsafe.testing.clock import VirtualClock
from vouchsafe.testing.loopback import Handler, Request, Response
from vouchsafe.testing.registry import Fault

Change = Callable[[Machine], object]


def emptied(machine: Machine, name: str) -> None:
    """The file is gone."""
    (machine.folder / name).unlink()


def unlike(machine: Machine) -> None:
    """Somebody opened a scope in /etc/containers by hand."""
    path = machine.folder / "etc/containers/policy.json"
    policy = json.loads(path.read_bytes())
    policy["transports"]["docker"][machine.name("acme/other")] = [{"type": "insecureAcceptAnything"}]
    path.write_text(json.dumps(policy))


def another_authority(machine: Machine) -> None:
    """What is published is not what we sign with."""
    made = Authority.make("another", at=machine.clock.now())
    machine.write("run/vouchsafe/ca.crt", made.certificate_pem)


def ended_authority(machine: Machine) -> None:
    """A CA of ten years ago."""
    made = Authority.make(machine_id(machine), at=machine.clock.now() - timedelta(days=3651))
    for name in ("run/vouchsafe/ca.crt", "state/ca.crt"):
        machine.write(name, made.certificate_pem)
    machine.write("state/ca.key", made.key_pem)


def machine_id(machine: Machine) -> str:
    """As its file says."""
    return (machine.folder / "etc/machine-id").read_text().strip()


CHANGES: tuple[tuple[str, Change], ...] = (
    ("not-applied", lambda machine: machine.edit({machine.name("acme"): [machine.keyless()]})),
    ("not-applied", unlike),
    (
        "not-applied",
        lambda machine: machine.write("etc/containers/registries.d/vouchsafe.yaml", "docker: {}\n"),
    ),
    ("not-applied", lambda machine: emptied(machine, "etc/containers/registries.d/vouchsafe.yaml")),
    ("not-applied", lambda machine: emptied(machine, "etc/containers/policy.json")),
    ("not-applied", lambda machine: emptied(machine, "etc/vouchsafe/host/applied.json")),
    ("policy-missing", lambda machine: emptied(machine, "etc/vouchsafe/policy.json")),
    ("policy-json", lambda machine: machine.write("etc/vouchsafe/policy.json", "{")),
    ("policy-unknown-key", lambda machine: machine.edit({}, surprise=True)),
    ("compile-scope", lambda machine: machine.edit({"": [machine.keyless()]})),
    ("host-applied", lambda machine: machine.write("etc/vouchsafe/host/applied.json", "[]")),
    ("not-applied", lambda machine: machine.write("etc/vouchsafe/policy.d/more.json", drop_in(machine))),
    ("file-writable", lambda machine: (machine.folder / "etc/vouchsafe/policy.json").chmod(0o664)),
    ("file-writable", lambda machine: (machine.folder / "etc/vouchsafe").chmod(0o777)),
    ("file-writable", lambda machine: os.chown(machine.folder / "etc/vouchsafe/policy.json", 1234, -1)),
    ("file-writable", lambda machine: (machine.folder / "etc/containers/policy.json").chmod(0o666)),
    ("file-writable", lambda machine: machine.write("state/revoked", "").chmod(0o622)),
    ("file-special", lambda machine: fifo(machine, "etc/vouchsafe/policy.json")),
    ("file-writable", lambda machine: (machine.folder / "state").chmod(0o777)),
    ("authority-missing", lambda machine: emptied(machine, "state/ca.key")),
    ("authority-missing", lambda machine: emptied(machine, "state/ca.crt")),
    ("authority-published", lambda machine: emptied(machine, "run/vouchsafe/ca.crt")),
    ("authority-published", another_authority),
    ("authority-machine", lambda machine: machine.write("etc/machine-id", "0" * 32)),
    ("machine-id", lambda machine: machine.write("etc/machine-id", "uninitialized\n")),
    ("machine-id", lambda machine: emptied(machine, "etc/machine-id")),
    ("authority-ended", ended_authority),
    ("revocations", lambda machine: machine.write("state/revoked", '{"at":"2026-11-01T00:00:00Z"}\n')),
    ("revocations", lambda machine: machine.write("state/revoked", "garbage\n")),
)


def drop_in(machine: Machine) -> str:
    """One more scope."""
    scopes = {machine.name("acme/more"): [machine.keyless()]}
    return json.dumps({"transports": {"docker": scopes}})


def fifo(machine: Machine, name: str) -> None:
    """Nobody writes it: reading it must not hang."""
    emptied(machine, name)
    os.mkfifo(machine.folder / name)


@pytest.mark.skipif(os.geteuid() != 0, reason="files of several owners need root")
@pytest.mark.parametrize("code, change", CHANGES)
def test_a_problem_ends_all_answers_and_its_end_brings_them_back(
    machine: Machine, counter: Counter, clock: VirtualClock, code: str, change: Change
) -> None:
    """What was accepted a moment ago is undecided, with the reason; nothing ends the service."""
    digest = machine.image()
    machine.sign(digest)
    assert counter.said(digest) == "accepted"
    kept = {path: path.read_bytes() for path in machine.folder.rglob("*") if path.is_file()}
    change(machine)
    assert counter.said(digest) == f"undecided {code}"
    assert counter.service.keeper.now().problem is not None
    for path in machine.folder.rglob("*"):
        if path not in kept and not path.is_dir() and "countersign.db" not in path.name:
            path.unlink()
    for path, content in kept.items():
        if "countersign.db" not in path.name:
            path.unlink(missing_ok=True)
            path.write_bytes(content)
    for folder in ("etc/vouchsafe", "state"):
        (machine.folder / folder).chmod(0o755)
    clock.advance(seconds=state.RETRY.total_seconds() + 1)
    assert counter.said(digest) == "accepted"


def test_breaking_the_glass_silences_nobody(machine: Machine, counter: Counter) -> None:
    """One digest that is accepted by hand is no other policy."""
    digest = machine.image()
    machine.sign(digest)
    path = machine.folder / "etc/containers/policy.json"
    policy = json.loads(path.read_bytes())
    scope = f"{machine.name()}@sha256:{'0' * 64}"
    policy["transports"]["docker"][scope] = [{"type": "insecureAcceptAnything"}]
    path.write_text(json.dumps(policy))
    assert counter.said(digest) == "accepted"


def test_a_trust_root_that_others_may_write_is_not_believed(machine: Machine, counter: Counter) -> None:
    """What a policy names decides as much as the policy."""
    digest = machine.image()
    machine.sign(digest)
    assert counter.said(digest) == "accepted"
    (machine.folder / "etc/trusted_root.json").chmod(0o666)
    assert counter.said(digest) == "undecided file-writable"


def test_a_replaced_trust_root_ends_verdicts(machine: Machine, counter: Counter) -> None:
    """And changes nothing in /etc/containers."""
    digest = machine.image()
    machine.sign(digest)
    assert counter.said(digest) == "accepted"
    before = machine.compiled()
    machine.write("etc/trusted_root.json", machine.another_sigstore().trusted_root())
    assert before == machine.compiled()
    assert counter.said(digest).startswith("rejected ")


def test_a_policy_change_is_judged_from_what_was_kept(machine: Machine, counter: Counter) -> None:
    """Another epoch, another marker, the same evidence: no registry is asked."""
    digest = machine.image()
    machine.sign(digest)
    assert counter.said(digest) == "accepted"
    asked = len(machine.registry.requests)
    machine.apply({machine.name("acme"): [machine.keyless()]})
    assert ("accepted", asked) == (counter.said(digest), len(machine.registry.requests))


def test_evidence_outlives_a_restart_and_the_registry(machine: Machine) -> None:
    """A row is a hint: what it leads to is verified again, without a network."""
    digest = machine.image()
    machine.sign(digest)
    with Counter(machine) as counter:
        assert counter.said(digest) == "accepted"
    machine.registry.close()
    with Counter(machine) as counter:
        assert counter.said(digest) == "accepted"


def test_what_changed_meanwhile_is_judged_again(machine: Machine) -> None:
    """Judged under a policy that has changed since: once more, from what was kept, or given up."""
    signed, unsigned = machine.image(), machine.image(content=b"unsigned")
    machine.sign(signed)
    with Counter(machine) as counter:
        numbers = iter(range(1_000))

        def edit(request: Request, honest: Handler) -> Response:
            machine.write("etc/containers/registries.conf.d/x.conf", f"# {next(numbers)}")
            return honest(request)

        machine.registry.faults.append(Fault(edit))
        assert [counter.said(signed), counter.said(unsigned)] == ["accepted", "undecided changing"]


def test_keys_of_another_policy_sign_nothing(machine: Machine, counter: Counter) -> None:
    """A policy was applied, and its keys are not published yet: clients would look for others."""
    machine.form = "key"
    machine.apply()
    digest = machine.image()
    machine.sign(digest)
    assert counter.said(digest) == "accepted"
    kept = (machine.folder / "state/rotation").read_bytes()
    machine.apply({machine.name("acme"): [machine.keyless()]})
    assert counter.said(digest) == "accepted"
    machine.write("state/rotation", kept)
    assert counter.said(digest) == "undecided rotation"


def test_every_file_that_a_policy_names_is_watched() -> None:
    """One that is replaced ends what was judged by it."""
    keyless = {"oidcIssuer": "https://i.example", "subjectEmail": "a@b.example"}
    requirements = [
        {"type": "signedBy", "keyType": "GPGKeys", "keyPaths": ["/1", "/2"]},
        {"type": "sigstoreSigned", "keyPath": "/3", "rekorPublicKeyPath": "/4"},
        {"type": "sigstoreSigned", "fulcio": {"caPath": "/5", **keyless}, "rekorPublicKeyPaths": ["/6"]},
        {"type": "sigstoreSigned", "fulcio": {"trustedRootPath": "/7", **keyless}},
        {
            "type": "sigstoreSigned",
            "pki": {"caRootsPath": "/8", "caIntermediatesPath": "/9", "subjectEmail": "a@b.example"},
        },
        {"type": "sigstoreAttested", "predicateType": "x", "keyPath": "/10"},
    ]
    text = {"default": [{"type": "reject"}], "transports": {"docker": {"a.example": requirements}}}
    policy = document.parse(json.dumps(text).encode(), dialect="vouchsafe", source="policy.json")
    assert set(state.materials(policy)) == {f"/{number}" for number in range(1, 11)}
    assert state.materials(None) == ()
    logged = flags.by_key("/11", trusted_root="/12")
    rules = {"docker": {"a.example": logged.default}}
    assert set(state.materials(policy.replace(transports=rules))) == {"/11", "/12"}


def test_what_has_a_problem_or_lacks_something_is_not_ready(counter: Counter) -> None:
    """Whoever forgets to ask for the problem gets nothing to judge or sign with."""
    good = counter.service.keeper.now()
    assert state.ready(good) is not None
    problem = HostError("authority-ended", "expected a CA, got none")
    for changed in ({"problem": problem}, {"in_force": None}, {"authority": None}):
        assert state.ready(good.replace(**changed)) is None
