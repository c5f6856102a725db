"""Without the countersigner the plugin judges by the same files, and is never broader than a countersignature."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.countersigning import MAIN, Machine
from tests.plugins import request
from vouchsafe.image.digest import Digest
from vouchsafe.image.reference import Reference
from vouchsafe.plugin.deciding import decide
from vouchsafe.policy.revocation import Tombstone
from vouchsafe.protocol.decision import Decision
from vouchsafe.protocol.request import Credentials, Request
from vouchsafe.testing.registry import BasicAccess, push_index
from vouchsafe.testing.workload import gitlab

DEV = gitlab(project_path="acme/app", ref="refs/heads/dev")


def ask(machine: Machine, digest: Digest, name: str = "", **more: object) -> Decision:
    """The decision about an image, by its tag v1 unless another name is given."""
    return decide(request(machine, digest, name, **more), root=str(machine.folder))


def said(decision: Decision) -> str:
    """`allow`, or the word and its code."""
    return decision.word if decision.word == "allow" else f"{decision.word} {decision.code}"


def test_what_the_policy_accepts_is_allowed(machine: Machine) -> None:
    """With the digest, the scope, the signer, the evidence and the policy that it stands on."""
    digest = machine.image()
    machine.sign(digest)
    decision = ask(machine, digest)
    assert said(decision) == "allow"
    assert (decision.digest, decision.verified, decision.signers) == (digest, True, (MAIN,))
    assert machine.name() in decision.scope
    assert len(decision.evidence) == 1
    assert decision.epoch == machine.apply().epoch


def test_what_it_refuses_is_denied(machine: Machine) -> None:
    """Looked, and refused; and what nobody could tell is an error."""
    digest = machine.image()
    assert said(ask(machine, digest)) == "deny unsigned"
    machine.bundle(digest, identity=DEV)
    assert said(ask(machine, digest)) == "deny identity"
    assert said(ask(machine, digest, "registry.example/x:v1")) == "deny policy-rejects"
    assert said(ask(machine, Digest.of(b"nothing"))) == "error no-such-image"
    machine.registry.close()
    assert said(ask(machine, digest)) == "error connection-refused"


def test_a_tag_is_compared_here(machine: Machine) -> None:
    """The countersigner leaves that to the client; a plugin is the client's last word."""
    exact = machine.keyless(signedIdentity={"type": "matchExact"})
    machine.apply({machine.name(): [exact]})
    digest = machine.image()
    machine.sign(digest, reference=f"{machine.name()}:v1")
    assert said(ask(machine, digest)) == "allow"
    assert said(ask(machine, digest, f"{machine.name()}:v2")) == "deny other-repository"
    assert said(ask(machine, digest, f"{machine.name()}@{digest}")) == "deny other-repository"


def test_the_scope_is_that_of_the_tag(machine: Machine) -> None:
    """What `app` accepts is no allow for `app:prod`."""
    dev = MAIN.replace("main", "dev")
    machine.apply({machine.name(): [machine.keyless(dev)], f"{machine.name()}:prod": [machine.keyless()]})
    digest = machine.image()
    machine.bundle(digest, identity=DEV)
    assert said(ask(machine, digest)) == "allow"
    assert said(ask(machine, digest, f"{machine.name()}:prod")) == "deny identity"


def index(machine: Machine, content: bytes = b"") -> tuple[Digest, Digest]:
    """A multi-arch image under v1: its list's digest, and one instance's."""
    listing, instances = push_index(
        machine.registry.store, "acme/app", "v1", contents=lambda name: name + content
    )
    return listing, instances["amd64"]


def test_an_instance_through_its_list(machine: Machine) -> None:
    """Named by the host, or the one that the tag means; one that names it exactly, and nothing else."""
    other, stranger = machine.image(tag="other"), machine.image(tag="stranger", content=b"stranger")
    listing, one = index(machine)
    machine.sign(listing)
    decision = ask(machine, one)
    assert (said(decision), decision.digest, decision.through) == ("allow", one, listing)
    assert said(ask(machine, listing)) == "allow"
    assert said(ask(machine, stranger)) == "deny unsigned"
    index(machine, b"moved")
    assert said(ask(machine, one)) == "deny unsigned"
    assert said(ask(machine, one, through=listing)) == "allow"
    assert said(ask(machine, one, f"{machine.name()}@{listing}", through=listing)) == "allow"
    assert said(ask(machine, one, through=other)) == "deny unsigned"
    assert said(ask(machine, one, through=Digest.of(b"nothing"))) == "deny unsigned"


def revoke(machine: Machine, **stone: object) -> None:
    """As `vouchsafe countersign revoke` writes it."""
    made = Tombstone(at=machine.clock.now(), reason="leaked", **stone)  # type: ignore[arg-type]
    Path(machine.places.tombstones).write_bytes(made.line())


def test_what_was_revoked_is_denied(machine: Machine) -> None:
    """The image, the list that speaks for it, the signer; and the other signature counts."""
    listing, one = index(machine)
    machine.sign(listing)
    revoke(machine, digest=one)
    assert said(ask(machine, one)) == "deny revoked"
    revoke(machine, digest=listing)
    assert said(ask(machine, one)) == "deny revoked"
    revoke(machine, identity=MAIN)
    assert said(ask(machine, one)) == "deny revoked"
    assert said(ask(machine, listing)) == "deny revoked"
    machine.apply({machine.name(): [machine.keyless(), machine.keyless()]})
    assert said(ask(machine, listing)) == "deny revoked"
    revoke(machine, identity="somebody else")
    assert said(ask(machine, one)) == "allow"


def test_a_rule_that_accepts_anything_is_no_allow(machine: Machine) -> None:
    """An allow says that somebody vouches for it."""
    machine.apply({machine.name(): [{"type": "insecureAcceptAnything"}]})
    assert said(ask(machine, machine.image())) == "deny not-verified"


BROKEN: dict[str, Callable[[Machine], object]] = {
    "policy-missing": lambda machine: (machine.folder / "etc/vouchsafe/policy.json").unlink(),
    "policy-json": lambda machine: machine.write("etc/vouchsafe/policy.json", "{"),
    "not-applied": lambda machine: machine.edit({machine.name(): [machine.keyless(), machine.keyless()]}),
    "not-applied ": lambda machine: machine.write(
        "etc/containers/registries.d/vouchsafe.yaml", "docker: {}\n"
    ),
    "host-applied": lambda machine: machine.write("etc/vouchsafe/host/applied.json", "{}"),
    "file-writable": lambda machine: (machine.folder / "etc/vouchsafe/policy.json").chmod(0o666),
    "file-writable ": lambda machine: (machine.folder / "etc/trusted_root.json").chmod(0o666),
    "file-writable  ": lambda machine: (machine.folder / "var/lib/vouchsafe").chmod(0o777),
    "revocations": lambda machine: Path(machine.places.tombstones).write_bytes(b"garbage\n"),
    "file-missing": lambda machine: (machine.folder / "etc/trusted_root.json").unlink(),
    "file-special": lambda machine: Path(machine.places.tombstones).mkdir(),
}


@pytest.mark.parametrize("name", BROKEN)
def test_nothing_is_allowed_by_what_is_broken(machine: Machine, name: str) -> None:
    """The policy, what was applied, what it names, and what was revoked: each in its place, or an error."""
    digest = machine.image()
    machine.sign(digest)
    BROKEN[name](machine)
    assert said(ask(machine, digest)) == f"error {name.strip()}"


def test_a_host_that_never_countersigned(machine: Machine) -> None:
    """There the policy is in force as it stands."""
    digest = machine.image()
    machine.sign(digest)
    (machine.folder / "etc/vouchsafe/host/applied.json").unlink()
    (machine.folder / "etc/containers/policy.json").unlink()
    assert said(ask(machine, digest)) == "allow"


def test_credentials_come_by_reference(machine: Machine) -> None:
    """Where they are; the settings of this machine say the rest."""
    machine.locations("")
    digest = machine.image()
    machine.sign(digest)
    assert said(ask(machine, digest)) == "error tls"
    assert said(ask(machine, digest, credentials=Credentials(tls_verify=False))) == "allow"
    path = machine.write("auth.json", "secret")
    broken = Credentials(tls_verify=False, auth_file=str(path))
    machine.registry.access = BasicAccess({"user": "password"})
    refused = ask(machine, digest, credentials=broken)
    assert said(refused) == "error auth-file"
    assert "secret" not in f"{refused.message} {refused.hint}"
    login = {"auths": {machine.registry.address: {"auth": "dXNlcjpwYXNzd29yZA=="}}}
    path.write_text(json.dumps(login))
    assert said(ask(machine, digest, credentials=broken)) == "allow"


def test_credentials_that_a_host_holds_in_memory(machine: Machine) -> None:
    """A descriptor of a file without a name; a pipe could be read once only, and is refused."""
    digest = machine.image()
    machine.sign(digest)
    machine.registry.access = BasicAccess({"user": "password"})
    login = json.dumps({"auths": {machine.registry.address: {"auth": "dXNlcjpwYXNzd29yZA=="}}}).encode()
    handle = os.memfd_create("auth")
    reading, writing = os.pipe()
    try:
        for descriptor in (handle, writing):
            os.write(descriptor, login)
        held, piped = (Credentials(auth_file=f"/dev/fd/{each}") for each in (handle, reading))
        assert said(ask(machine, digest, credentials=held)) == "allow"
        assert said(ask(machine, digest, credentials=piped)).startswith("error file-")
    finally:
        for descriptor in (handle, reading, writing):
            os.close(descriptor)


@pytest.mark.parametrize(
    "more, code",
    [({"requires": ("fetch", "x-nobody")}, "plugin-capability"), ({"settings": ("x",)}, "plugin-settings")],
)
def test_what_is_demanded_and_not_known(more: dict[str, object], code: str) -> None:
    """Could be a restriction."""
    asked = Request(reference=Reference.parse("busybox"), digest=Digest.of(b"")).replace(**more)
    assert said(decide(asked, root="/nonexistent")) == f"error {code}"


def test_an_image_on_disk(machine: Machine) -> None:
    """It has no name; the policy of its transport applies."""
    asked = request(machine, Digest.of(b"nothing"), f"oci:{machine.folder}:v1")
    assert said(decide(asked, root=str(machine.folder))) == "deny policy-rejects"


def test_no_time_is_no_allow(machine: Machine) -> None:
    """Nothing is asked of a registry any more."""
    digest = machine.image()
    machine.sign(digest)
    assert said(ask(machine, digest, seconds=0.001)) in {"error deadline", "error limit-reached"}
