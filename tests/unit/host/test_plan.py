"""What enabling would change, what speaks against it, and what follows."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.hosts import ACCEPT, OPEN_POLICY, OURS, REJECT, Host
from vouchsafe.errors import ConfigurationError, HostError
from vouchsafe.host import enforce, units
from vouchsafe.host.plan import Plan, Wish, enabling, read_applied
from vouchsafe.host.surroundings import User
from vouchsafe.policy import document
from vouchsafe.policy.scope import Policy

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
SCOPE = "registry.example/acme"


def policy(scopes: dict[str, Any] | None = None, default: Any = None) -> Policy:
    """A policy of ours."""
    written = {"default": [default or REJECT], "transports": {"docker": scopes or {SCOPE: [OURS]}}}
    return document.parse(json.dumps(written).encode(), dialect="vouchsafe", source="policy.json")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host that accepts anything, with our units installed."""
    made = Host(tmp_path)
    made.write("/etc/containers/policy.json", OPEN_POLICY)
    made.write("/etc/vouchsafe/policy.json", "{}")
    made.write("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nme:x:1000:1000::/home/me:/bin/sh\n")
    for unit in (*units.ENABLED, *units.STARTED):
        made.write(f"/usr/lib/systemd/system/{unit}", "[Unit]\n")
    return made


def plan(host: Host, of: Policy | None = None, **wishes: Any) -> Plan:
    """The plan for this host."""
    return enabling(of or policy(), Wish(is_live=True).replace(**wishes), host.files, at=AT)


def test_nothing_speaks_against_it(host: Host) -> None:
    """Both files together and last, our notes and units first, with what it does to every kind of image."""
    made = plan(host)
    assert made.objections == ()
    assert [(edit.when, edit.path.rpartition("/")[2]) for edit in made.changes] == [
        ("first", "originals.json"),
        ("first", "applied.json"),
        *(("first", unit) for unit in units.ENABLED),
        ("together", "vouchsafe.yaml"),
        ("together", "policy.json"),
    ]
    assert [(each.subject, each.effect) for each in made.consequences if "added" not in each.effect] == [
        ("anything else", "refused"),
        (f"docker:{SCOPE}", "judged by vouchsafe, countersigned when accepted"),
    ]


def test_what_is_on_the_host_already_stays_usable(host: Host) -> None:
    """Each local transport is a visible choice, and one that the policy speaks of is its own."""
    transports = {"dir": {"": [REJECT]}}
    written = json.dumps({"default": [REJECT], "transports": transports}).encode()
    of = document.parse(written, dialect="vouchsafe", source="policy.json")
    said = {each.subject: each.effect for each in plan(host, of).consequences}
    assert said["dir: anything else"] == "refused"
    assert said["containers-storage: anything else"].startswith("accepted, whoever made it (added")


def shared_registries(host: Host) -> None:
    """registries.d is a link to a folder that anybody may write."""
    host.write("/srv/shared/a.yaml", "docker: {}").parent.chmod(0o777)
    (host.folder / "etc/containers/registries.d").symlink_to("/srv/shared")


LIVE: dict[str, tuple[Callable[[Host], object], str, str]] = {
    "open default": (lambda _: None, "host-default-open", "refuses"),
    "tmpfs": (
        lambda host: host.write("/proc/self/mountinfo", "1 2 0:3 / /etc rw - tmpfs tmpfs rw\n"),
        "host-etc-transient",
        "refuses",
    ),
    "overlay": (
        lambda host: host.write(
            "/proc/self/mountinfo", "1 2 0:3 / /etc rw - overlay x rw,upperdir=/run/ostree/x,workdir=/run/y\n"
        ),
        "host-etc-transient",
        "refuses",
    ),
    "ostree": (
        lambda host: (
            host.write("/run/ostree-booted", ""),
            host.write("/usr/lib/ostree/prepare-root.conf", "[root]\n[etc]\ntransient = true\n"),
        ),
        "host-etc-transient",
        "refuses",
    ),
    "image mode": (
        lambda host: host.write("/run/ostree-booted", ""),
        "host-image-mode",
        "warns",
    ),
    "a wildcard over a scope": (
        lambda _: None,
        "host-default-open",
        "refuses",
    ),
    "a port of everybody's": (
        lambda host: host.write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0\n"),
        "host-port-unprivileged",
        "warns",
    ),
    "others write": (
        lambda host: host.write("/etc/vouchsafe/policy.json", "{}", 0o664),
        "host-policy-writable",
        "refuses",
    ),
    "others write a drop-in": (
        lambda host: host.write("/etc/vouchsafe/policy.d/a.json", "{}", 0o646),
        "host-policy-writable",
        "refuses",
    ),
    "others may put another policy.json there": (
        lambda host: (host.folder / "etc/containers").chmod(0o777),
        "host-policy-writable",
        "refuses",
    ),
    "others may put another /etc/containers there": (
        lambda host: (host.folder / "etc").chmod(0o775),
        "host-policy-writable",
        "refuses",
    ),
    "others write policy.json": (
        lambda host: host.write("/etc/containers/policy.json", OPEN_POLICY, 0o666),
        "host-policy-writable",
        "refuses",
    ),
    "others write what registries.d leads to": (
        shared_registries,
        "host-policy-writable",
        "refuses",
    ),
    "others write what we know of it": (
        lambda host: host.write("/etc/vouchsafe/host/runbook.json", "{}", 0o622),
        "host-policy-writable",
        "refuses",
    ),
    "root's own policy": (
        lambda host: host.write("/root/.config/containers/policy.json", "{}"),
        "host-outranked",
        "refuses",
    ),
    "root's own registries.d": (
        lambda host: host.write("/root/.config/containers/registries.d/a", ""),
        "host-outranked",
        "refuses",
    ),
    "a user's policy": (
        lambda host: host.write("/home/me/.config/containers/policy.json", "{}"),
        "host-outranked",
        "warns",
    ),
    "a namespace twice": (
        lambda host: host.write(
            "/etc/containers/registries.d/a.yaml", f"docker:\n  {SCOPE}:\n    lookaside: x\n"
        ),
        "host-registries-duplicate",
        "refuses",
    ),
    "a nearer lookaside": (
        lambda host: host.write(
            "/etc/containers/registries.d/a.yaml", f"docker:\n  {SCOPE}/app:\n    lookaside: x\n"
        ),
        "host-registries-shadowed",
        "refuses",
    ),
    "unclear": (
        lambda host: host.write("/etc/containers/registries.d/a.yaml", "docker: [x]\n"),
        "host-registries-unclear",
        "warns",
    ),
    "no units": (
        lambda host: host.files.remove(f"/usr/lib/systemd/system/{units.SOCKET}"),
        "host-units-missing",
        "refuses",
    ),
}


@pytest.mark.parametrize("name", LIVE)
def test_what_speaks_against_it(host: Host, name: str) -> None:
    """One thing wrong, one objection; what refuses is not carried out and changes nothing."""
    spoil, code, severity = LIVE[name]
    spoil(host)
    of = {
        "open default": policy(default=ACCEPT),
        "a wildcard over a scope": policy({SCOPE: [OURS], "*.example": [ACCEPT]}),
    }.get(name, policy())
    made = plan(host, of)
    assert [(each.code, each.severity) for each in made.objections] == [(code, severity)]
    before = host.tree()
    if severity == "refuses":
        with pytest.raises(HostError) as refused:
            enforce.enable(lambda: plan(host, of), host.files)
        assert (refused.value.code, host.tree()) == ("host-refused", before)


@pytest.mark.parametrize(
    "name, content",
    [
        ("/etc/containers/registries.d/a.yml", f"docker:\n  {SCOPE}:\n    lookaside: x\n"),
        ("/etc/containers/registries.d/a.yaml", "docker:\n  registry.example:\n    lookaside: x\n"),
        ("/etc/containers/registries.d/a.yaml", f"docker:\n  {SCOPE}/app:\n    lookaside-staging: x\n"),
        ("/etc/containers/registries.d/a.yaml", f"docker:\n  {SCOPE}2:\n    lookaside: x\n"),
        ("/proc/self/mountinfo", "1 2 0:3 / /etc rw - ext4 /dev/x rw\n1 2 0:3 / /etc/x rw - tmpfs x rw\n"),
        ("/proc/self/mountinfo", "1 2 0:3 / /etc rw - overlay x rw,upperdir=/var/etc\n"),
        ("/usr/lib/ostree/prepare-root.conf", "[etc]\ntransient = true\n"),
    ],
)
def test_what_does_not(host: Host, name: str, content: str) -> None:
    """Neighbours of the above that harm nothing."""
    host.write(name, content)
    assert plan(host).objections == ()


def test_the_home_of_who_runs_it_counts(host: Host) -> None:
    """`sudo -E` gives root another home, and clients look there."""
    host.write("/home/me/.config/containers/policy.json", "{}")
    made = plan(host, homes=(User(name="HOME", uid=0, home="/home/me"),))
    assert [each.severity for each in made.objections] == ["warns", "refuses"]


def test_an_image_is_not_this_machine(host: Host) -> None:
    """What is built into an image outlives its boots whatever /etc is."""
    host.write("/proc/self/mountinfo", "1 2 0:3 / /etc rw - tmpfs tmpfs rw\n")
    assert plan(host, is_live=False).objections == ()


def test_insecure_default_is_a_choice(host: Host) -> None:
    """By its name."""
    assert plan(host, policy(default=ACCEPT), insecure_default=True).objections == ()


@pytest.mark.parametrize(
    "scopes, code",
    [({"": [OURS]}, "compile-scope"), ({"*.example": [OURS]}, "compile-scope")],
)
def test_what_cannot_be_enforced(host: Host, scopes: dict[str, Any], code: str) -> None:
    """No plan at all."""
    with pytest.raises(ConfigurationError) as refused:
        plan(host, policy(scopes))
    assert refused.value.code == code


def test_enabling_twice_changes_nothing(host: Host) -> None:
    """Not even the time since when it is in force."""
    enforce.enable(lambda: plan(host), host.files)
    after = host.tree()
    later = enabling(policy(), Wish(is_live=True), host.files, at=AT + timedelta(days=1))
    assert (later.changes, host.tree()) == ((), after)


def test_disabling_puts_back_what_was_there(host: Host) -> None:
    """To the letter, also after the policy was changed and applied in between."""
    before = host.tree()
    enforce.enable(lambda: plan(host), host.files)
    enforce.enable(lambda: plan(host, policy({f"{SCOPE}/app": [OURS]})), host.files)
    enforce.disable(host.files)
    assert host.tree() == before


def test_disabling_what_was_not_enabled(host: Host) -> None:
    """Is a mistake."""
    with pytest.raises(ConfigurationError) as refused:
        enforce.disable(host.files)
    assert refused.value.code == "host-not-enabled"


@pytest.mark.parametrize(
    "name", ["/etc/containers/policy.json", "/etc/containers/registries.d/vouchsafe.yaml"]
)
def test_edits_of_others_are_noticed(host: Host, name: str) -> None:
    """Neither enabling nor disabling runs over them unless it is told to."""
    enforce.enable(lambda: plan(host), host.files)
    host.write(name, "{}\n")
    assert [each.code for each in plan(host).objections] == ["host-edited"]
    with pytest.raises(HostError) as refused:
        enforce.disable(host.files)
    assert refused.value.code == "host-refused"
    enforce.enable(lambda: plan(host, overwrite_edits=True), host.files)
    assert plan(host).objections == ()
    host.write(name, "{}\n")
    enforce.disable(host.files, overwrite_edits=True)
    assert host.read("/etc/containers/policy.json") == OPEN_POLICY


def test_what_does_not_hold_is_taken_back(host: Host) -> None:
    """To the letter, and it says why."""
    before = host.tree()
    with pytest.raises(HostError) as refused:
        enforce.enable(lambda: plan(host), host.files, prove=lambda: "the unsigned image was pulled")
    assert (refused.value.code, host.tree()) == ("host-proof", before)
    assert "the unsigned image was pulled" in refused.value.message


class Port:
    """Stands in for systemd; sees what clients read at that moment."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.seen: list[tuple[str, bool]] = []

    def start(self) -> None:
        self.seen.append(("start", self._host.read("/etc/containers/policy.json") == OPEN_POLICY))

    def applied(self) -> None:
        self.seen.append(("applied", self._host.read("/etc/containers/policy.json") == OPEN_POLICY))

    def stop(self) -> None:
        self.seen.append(("stop", self._host.read("/etc/containers/policy.json") == OPEN_POLICY))


def test_the_port_is_open_while_clients_are_told_to_ask(host: Host) -> None:
    """Opened before the policy turns, closed after it has turned back."""
    port = Port(host)
    enforce.enable(lambda: plan(host), host.files, activation=port)
    enforce.disable(host.files, activation=port)
    assert port.seen == [("start", True), ("applied", False), ("stop", True)]


def test_a_port_that_cannot_be_opened(host: Host) -> None:
    """Changes nothing."""
    before = host.tree()

    class Closed(Port):
        def start(self) -> None:
            raise HostError("host-systemd", "expected systemctl to succeed, got: exit 1")

    with pytest.raises(HostError):
        enforce.enable(lambda: plan(host), host.files, activation=Closed(host))
    assert host.tree() == before


@pytest.mark.parametrize("was_enabled", [False, True])
def test_a_failed_proof_leaves_the_port_as_it_was(host: Host, was_enabled: bool) -> None:
    """Closed on a host that did not enforce, open on one that did."""
    port = Port(host)
    if was_enabled:
        enforce.enable(lambda: plan(host), host.files)
    other = policy({f"{SCOPE}/app": [OURS]})
    with pytest.raises(HostError):
        enforce.enable(lambda: plan(host, other), host.files, activation=port, prove=lambda: "no")
    assert [what for what, _ in port.seen] == ["start", "applied", "applied" if was_enabled else "stop"]


def test_what_holds_stays(host: Host) -> None:
    """And the record says how it was compiled."""
    made = enforce.enable(lambda: plan(host), host.files, prove=lambda: "")
    record = read_applied(host.files)
    assert record is not None
    assert (record.epoch, record.host, record.at) == (
        made.epoch,
        Wish(is_live=True).host,
        "2026-11-22T12:00:00Z",
    )


def test_a_device_in_place_of_the_policy(host: Host) -> None:
    """Is not replaced."""
    (host.folder / "etc/containers/policy.json").unlink()
    (host.folder / "etc/containers/policy.json").mkdir()
    with pytest.raises(HostError) as refused:
        plan(host)
    assert refused.value.code == "host-file-kind"


def test_one_change_is_put_back(host: Host) -> None:
    """To the policy before it, not all the way; the second time there is nothing to do."""
    enforce.enable(lambda: plan(host), host.files)
    before = host.tree()
    second = plan(host, policy({"registry.example/other": [OURS]}))
    kept = {edit.path: edit.before for edit in second.changes}
    enforce.enable(lambda: second, host.files)
    assert enforce.put_back(kept, host.files) == tuple(kept)
    assert (host.tree(), enforce.put_back(kept, host.files)) == (before, ())


def test_what_others_have_edited_since_is_not_overwritten(host: Host) -> None:
    """Unless it is said."""
    made = plan(host)
    kept = {edit.path: edit.before for edit in made.changes}
    enforce.enable(lambda: made, host.files)
    host.write("/etc/containers/policy.json", OPEN_POLICY + " ")
    with pytest.raises(HostError) as refused:
        enforce.put_back(kept, host.files)
    assert refused.value.code == "host-refused"
    enforce.put_back(kept, host.files, overwrite_edits=True)
    assert host.read("/etc/containers/policy.json") == OPEN_POLICY


def test_originals_of_another_release(host: Host) -> None:
    """Nothing is put back by what may mean something else."""
    enforce.enable(lambda: plan(host), host.files)
    host.write("/etc/vouchsafe/host/originals.json", '{"schemaVersion": 2, "files": []}')
    before = host.tree()
    with pytest.raises(HostError) as refused:
        enforce.disable(host.files)
    assert (refused.value.code, host.tree()) == ("host-originals", before)
