"""A whole machine as an administrator has it: commands without --root, port 843, services as their units say.

What systemd would do is done by systemd-socket-activate and by `tests.confined`, which puts each unit's own
sandbox on its service. Clients are real and get no flag that says which policy to read.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_host_smoke import ALLOWED, REFUSED
from tests.private_registry import PASSWORD, USER
from tests.pulls import Pulls
from tests.unit_files import SYSTEMD, Unit
from tests.whole_machine import LONGEST, WholeMachine

pytestmark = [pytest.mark.peers, pytest.mark.slow]

SERVICE = "vouchsafe-countersign.service"
SOCKETS = ("vouchsafe-countersign.socket", "vouchsafe-verdict.socket", "vouchsafe-metrics.socket")
STRANGER = 65_534
OPEN = json.dumps({"default": [{"type": "insecureAcceptAnything"}]})


@pytest.fixture
def machine(skopeo: Path) -> Iterator[WholeMachine]:
    """As it is delivered: a client, a permissive policy, our package, and its CA made at boot."""
    with WholeMachine(skopeo=skopeo) as made:
        made.write("/etc/containers/policy.json", OPEN)
        made.become("vouchsafe-authority.service")
        yield made


def signed_by(said: dict[str, Any], root: str) -> dict[str, Any]:
    """A requirement."""
    fulcio = {"trustedRootPath": root, "oidcIssuer": said["issuer"], "subjectURI": said["subject"]}
    return {"type": "sigstoreSigned", "fulcio": fulcio, "signedIdentity": {"type": "matchRepository"}}


def write_policy(machine: WholeMachine, scopes: dict[str, Any]) -> None:
    """Ours, not applied."""
    policy = {"default": [{"type": "reject"}], "transports": {"docker": scopes}}
    machine.write("/etc/vouchsafe/policy.json", json.dumps(policy))


def pull(machine: WholeMachine, image: str) -> tuple[bool, str]:
    """`skopeo copy` as root, by whatever it reads on this machine; whether it did, and what it said."""
    machine.run("rm", "-rf", "/tmp/pulled")
    copy = ("skopeo", "copy", "--remove-signatures", f"docker://{image}", "dir:/tmp/pulled")
    done = machine.run(*copy, status=None)
    return done.returncode == 0, done.stderr


class SystemdOfOurs:
    """The socket that a service tells how it is."""

    def __init__(self, machine: WholeMachine) -> None:
        self.path = "/run/notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(LONGEST)
        self._socket.bind(str(machine.inside / "run/notify"))
        machine.run("chmod", "666", self.path)

    def hears(self, line: str) -> bool:
        """Whether this comes before long."""
        ends = time.monotonic() + LONGEST
        while time.monotonic() < ends:
            if line in self._socket.recv(4_096).decode().splitlines():
                return True
        return False

    def close(self) -> None:
        """Nobody listens any more."""
        self._socket.close()


def test_enable_enforce_edit_disable(machine: WholeMachine) -> None:
    """From open to enforcing and back, by the commands of the documentation."""
    lab = machine.laboratory()
    pulls = {each["name"]: each["reference"] for each in lab["pulls"]}
    registry = lab["registry"]
    machine.run("cp", "/run/lab/trusted_root.json", "/etc/vouchsafe/root.json")
    ours = signed_by(lab["main"], "/etc/vouchsafe/root.json")
    write_policy(machine, {f"{registry}/{lab['project']}": [ours]})
    assert machine.said("vouchsafe", "host", "status", status=1)["status"] == "open"
    assert pull(machine, pulls["unsigned"])[0]
    assert not machine.said("vouchsafe", "countersign", "init", "--dry-run")["made"]  # its boot did
    # The drop-in for bootc's updates: nothing is refused where nothing was enabled.
    asked = (
        Unit(SYSTEMD / "bootc-fetch-apply-updates.service.d/50-vouchsafe.conf").one("ExecStartPre").split()
    )
    machine.run(*asked)
    assert machine.said(*asked) == {"schemaVersion": 1, "enabled": False}
    machine.run("mkdir", "-p", "/run/systemd/system")
    machine.write("/usr/bin/systemctl", '#!/bin/sh\necho "$@" >> /run/systemctl\n', "755")
    refused = machine.run("vouchsafe", "host", "enable", "--without-smoke", status=2)
    assert "the countersigner at http://127.0.0.1:843" in refused.stderr
    assert machine.read("/etc/containers/policy.json") == OPEN  # nobody answers, so it is as it was
    systemd = SystemdOfOurs(machine)
    told = {"NOTIFY_SOCKET": systemd.path, "WATCHDOG_USEC": "30000000"}
    machine.activate(*SOCKETS, service=SERVICE, env=told)

    said = machine.said("vouchsafe", "host", "enable", "--without-smoke")
    commands = machine.read("/run/systemctl").splitlines()[-4:]
    assert [line.split()[0] for line in commands] == ["daemon-reload", "stop", "start", "restart"]
    assert said["outcome"] == "enforcing"
    assert "[bootc-missing]" in machine.run(*asked, status=78).stderr
    assert machine.become("vouchsafe-status.service").stdout.startswith("enforcing")
    for name in ("legacy", "bundle", "index"):
        assert pull(machine, pulls[name]) == (True, "")
    assert systemd.hears("READY=1")
    assert systemd.hears("WATCHDOG=1")
    pulled, why = pull(machine, pulls["unsigned"])
    assert (pulled, "403 vouchsafe: rejected: unsigned" in why) == (False, True), why
    # Any user may ask, and reads what policy.json names.
    assert machine.run("cat", "/run/vouchsafe/ca.crt", uid=STRANGER).stdout.startswith(
        "-----BEGIN CERTIFICATE"
    )
    stranger = next(each for each in lab["pulls"] if each["name"] == "stranger")
    target = f"/{stranger['reference'].rpartition(':')[0]}@{stranger['digest'].replace(':', '=')}/signature-1"
    assert "403 vouchsafe: rejected: identity" in machine.fetch("127.0.0.1:843", target, uid=STRANGER)
    lines = logged(machine, 5)
    # The service knew who asked, although its unit leaves it no capability.
    assert {line["uid"] for line in lines} == {0, STRANGER}
    assert {line["code"] for line in lines if line["outcome"] == "rejected"} == {"unsigned", "identity"}
    page = metrics(machine)
    assert 'vouchsafe_answers_total{code="unsigned",outcome="rejected"}' in page
    assert 'vouchsafe_config_broken{code="none"} 0.0' in page

    write_policy(machine, {f"{registry}/{lab['project']}": [ours], f"{registry}/more": [ours]})
    pulled, why = pull(machine, pulls["legacy"])
    assert (pulled, "edited, not applied" in why) == (False, True), why
    assert machine.said("vouchsafe", "host", "status", status=2)["reasons"][0]["code"] == "host-not-applied"
    machine.run("vouchsafe", "host", "enable", "--without-smoke")
    assert pull(machine, pulls["legacy"])[0]

    would = machine.said("vouchsafe", "host", "disable", "--dry-run")
    assert ("/etc/containers/policy.json", "replace") in {
        (each["path"], each["change"]) for each in would["changes"]
    }
    # A unit that is no longer linked is no file that goes: it is not shown line by line.
    links = {each["path"]: each["diff"] for each in would["changes"] if "systemd" in each["path"]}
    assert (len(links) > 5, [*filter(None, links.values())]) == (True, [])
    image = f"{pulls['unsigned'].rpartition(':')[0]}@sha256:{64 * '0'}"
    machine.run("vouchsafe", "break-glass", image, "--reason", "INC-2")
    assert machine.said("vouchsafe", "host", "disable", status=1)["outcome"] == "refused"
    machine.run("vouchsafe", "break-glass", "--end")
    machine.said("vouchsafe", "host", "disable")
    assert machine.read("/etc/containers/policy.json") == OPEN
    assert pull(machine, pulls["unsigned"])[0]
    systemd.close()


def test_break_glass_with_the_service_dead(machine: WholeMachine) -> None:
    """One digest, until its time is over or the machine boots; then by hand, without any program of ours."""
    lab = machine.laboratory()
    machine.run("cp", "/run/lab/trusted_root.json", "/etc/vouchsafe/root.json")
    project = f"{lab['registry']}/{lab['project']}"
    write_policy(machine, {project: [signed_by(lab["main"], "/etc/vouchsafe/root.json")]})
    machine.run("vouchsafe", "host", "enable", "--without-smoke")
    unsigned = next(each for each in lab["pulls"] if each["name"] == "unsigned")
    repository = unsigned["reference"].rpartition(":")[0]
    image = f"{repository}@{unsigned['digest']}"
    assert "connection refused" in pull(machine, image)[1]
    silent = machine.become("vouchsafe-status.service", status=2).stdout
    assert silent.startswith("broken")
    assert "host-countersigner-silent" in silent

    for lasting, ending in (("1h", "vouchsafe-recover.service"), ("1s", "vouchsafe-break-glass.service")):
        machine.run("vouchsafe", "break-glass", image, "--reason", "INC-1", "--for", lasting)
        assert pull(machine, image)[0]
        assert not pull(machine, unsigned["reference"])[0]
        assert machine.become("vouchsafe-status.service", status=1).stdout.startswith("open")
        if lasting == "1s":
            time.sleep(1.1)
        machine.become(ending)
        assert not pull(machine, image)[0]

    machine.run("rm", "-rf", "/usr/bin/vouchsafe", "/run/vouchsafe")
    written = json.loads(machine.read("/etc/containers/policy.json"))
    accept = [{"type": "insecureAcceptAnything"}]
    written["transports"]["docker"][image] = accept
    machine.write("/etc/containers/policy.json", json.dumps(written))
    by_hand = f"docker:\n  {image}:\n    lookaside: file:///run/vouchsafe/none\n"
    machine.write("/etc/containers/registries.d/by-hand.yaml", by_hand)
    assert pull(machine, image)[0]
    assert not pull(machine, unsigned["reference"])[0]


def test_audit_of_storage_by_its_unit(skopeo: Path, podman: Path) -> None:
    """What podman pulled while everything was accepted: the unit fails, `status` says it, until it is gone."""
    with WholeMachine(skopeo=skopeo, podman=podman) as machine:
        machine.write("/etc/containers/policy.json", OPEN)
        machine.become("vouchsafe-authority.service")
        lab = machine.laboratory()
        images = {each["name"]: each["reference"] for each in lab["pulls"]}
        # An overlay cannot lie on the overlay that /var is here, and a bare one is what podman mounts.
        machine.run("mount", "-m", "-t", "tmpfs", "none", "/var/lib/containers")
        for name in ("legacy", "unsigned"):
            machine.run("podman", "pull", "-q", images[name])
        machine.run("cp", "/run/lab/trusted_root.json", "/etc/vouchsafe/root.json")
        ours = signed_by(lab["main"], "/etc/vouchsafe/root.json")
        write_policy(machine, {f"{lab['registry']}/{lab['project']}": [ours]})
        machine.run("vouchsafe", "host", "enable", "--without-smoke")
        machine.activate(*SOCKETS, service=SERVICE)
        assert machine.said("vouchsafe", "host", "status")["audit"] is None

        machine.run("rm", "-rf", "/run/containers", "/run/libpod")
        audited = machine.become("vouchsafe-audit.service", status=1)
        assert f"rejected  {images['unsigned']}@" in audited.stdout, audited.stderr
        said = machine.said("vouchsafe", "host", "status")
        assert [each["code"] for each in said["notes"]] == ["host-audit-findings"]
        counts = {word: said["audit"][word] for word in ("accepted", "rejected", "undecided", "stale")}
        assert counts == {"accepted": 1, "rejected": 1, "undecided": 0, "stale": False}
        assert [each["name"] for each in said["audit"]["findings"]] == [images["unsigned"]]
        assert "1 accepted, 1 rejected" in machine.become("vouchsafe-status.service").stdout

        machine.run("podman", "rmi", images["unsigned"])
        machine.become("vouchsafe-audit.service")
        said = machine.said("vouchsafe", "host", "status")
        assert (said["notes"], said["audit"]["rejected"]) == ([], 0)


def test_smoke_with_an_image_of_ones_own(skopeo: Path, podman: Path, pulls: Pulls) -> None:
    """Every leg of the rehearsal behaves for every client; and the machine's own policy does with a real image."""
    with WholeMachine(skopeo=skopeo, podman=podman) as machine:
        machine.write("/etc/containers/policy.json", OPEN)
        machine.become("vouchsafe-authority.service")
        lab = machine.laboratory()
        images = {each["name"]: each["reference"] for each in lab["pulls"]}
        machine.run("vouchsafe", "host", "smoke", "--image", images["legacy"], status=78)
        machine.run("cp", "/run/lab/trusted_root.json", "/etc/vouchsafe/root.json")
        ours = signed_by(lab["main"], "/etc/vouchsafe/root.json")
        write_policy(machine, {f"{lab['registry']}/{lab['project']}": [ours]})
        machine.run("vouchsafe", "host", "enable", "--without-smoke")
        machine.activate(*SOCKETS, service=SERVICE)
        before = machine.read("/etc/containers/policy.json")
        said = machine.said("vouchsafe", "host", "smoke", "--image", images["index"])
        assert machine.read("/etc/containers/policy.json") == before
    assert said["proven"]
    pulls.rehearsed(said["legs"])
    legs: dict[str, dict[str, Any]] = {}
    for leg in said["legs"]:
        legs.setdefault(leg["client"], {})[leg["leg"]] = leg
    assert set(legs) == {"skopeo copy", "image proxy (bootc)", "podman pull"}
    for client in legs.values():
        pulled = {name for name, leg in client.items() if leg["got"] == "pulled"}
        assert pulled == ALLOWED | {"own", "own shown"}
        assert set(client) - pulled == REFUSED | {"own changed", "own evidence"}
        # It was the countersigner that runs here who said no.
        assert "vouchsafe: undecided: no-such-image" in client["own changed"]["said"]
        assert "vouchsafe: rejected: unsigned" in client["own evidence"]["said"]


def logged(machine: WholeMachine, number: int) -> list[dict[str, Any]]:
    """The log, as soon as it has so many lines: it is written once a second."""
    ends = time.monotonic() + LONGEST
    lines: list[dict[str, Any]] = []
    while len(lines) < number and time.monotonic() < ends:
        lines = machine.said("vouchsafe", "log")["lines"]
    return lines


def metrics(machine: WholeMachine) -> str:
    """The page, as root reads it; nobody else does."""
    assert machine.fetch("/run/vouchsafe/metrics.sock", "/metrics", uid=STRANGER) == ""
    return machine.fetch("/run/vouchsafe/metrics.sock", "/metrics")


def ca_as_a_credential(machine: WholeMachine) -> dict[str, str]:
    """What LoadCredential= gives both units, with nothing left in the state folder; what they find it by."""
    there = {"CREDENTIALS_DIRECTORY": "/run/credentials/ours"}
    certificate = machine.read("/run/vouchsafe/ca.crt")
    for name in ("ca.crt", "ca.key"):
        owned = ("install", "-D", "-m", "400", "-o", "vouchsafe")
        machine.run(*owned, f"/var/lib/vouchsafe/{name}", f"/run/credentials/ours/{name}")
        machine.run("rm", f"/var/lib/vouchsafe/{name}")
    machine.run("rm", "/run/vouchsafe/ca.crt")
    machine.become("vouchsafe-authority.service", env=there)
    assert machine.read("/run/vouchsafe/ca.crt") == certificate
    assert "ca.key" not in machine.run("ls", "/var/lib/vouchsafe").stdout
    machine.write("/etc/machine-id", "f" * 32)
    assert "authority-credential" in machine.become("vouchsafe-authority.service", env=there, status=2).stderr
    machine.write("/etc/machine-id", "0123456789abcdef0123456789abcdef")
    return there


def test_credentials_of_root(machine: WholeMachine) -> None:
    """A registry that wants root's password and root's client key: the service gets both, at each use, from root.

    Its own CA's key lies in what systemd loads for it.
    """
    folder = "/run/private"
    started = machine.start(
        *("/opt/python/bin/python3", "-m", "tests.private_registry", folder),
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        piped=True,
    )
    assert started.stdout is not None
    private = json.loads(started.stdout.readline())
    certs = f"/etc/containers/certs.d/{private['registry']}"
    for name, mode in (("ca.crt", "644"), ("client.cert", "644"), ("client.key", "600")):
        machine.run("install", "-D", "-m", mode, f"{folder}/{name}", f"{certs}/{name}")
    machine.run("cp", f"{folder}/trusted_root.json", "/etc/vouchsafe/root.json")
    write_policy(machine, {private["image"]: [signed_by(private, "/etc/vouchsafe/root.json")]})
    machine.run("vouchsafe", "host", "enable", "--without-smoke")
    machine.activate(*SOCKETS, service=SERVICE, env=ca_as_a_credential(machine))
    login = ("skopeo", "login", "--username", USER, "--password-stdin", private["registry"])
    machine.run(*login, given=PASSWORD)
    assert machine.run("stat", "-c", "%a", "/run/containers").stdout == "700\n"
    image = f"{private['image']}:v1"

    pulled, why = pull(machine, image)
    assert (pulled, "503 vouchsafe: undecided" in why) == (False, True), why
    machine.activate("vouchsafe-credentials.socket", service="vouchsafe-credentials@.service")
    ends = time.monotonic() + LONGEST
    while not pull(machine, image)[0]:  # for a second a doubt is remembered
        assert time.monotonic() < ends
    assert not pull(machine, f"{private['image']}:unsigned")[0]
    assert machine.fetch("/run/vouchsafe/credentials.sock", "/", uid=STRANGER) == ""
