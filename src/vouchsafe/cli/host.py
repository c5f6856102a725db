"""`vouchsafe host`: make this host refuse what the policy does not accept, prove it, and take it back."""

from __future__ import annotations

import argparse
import importlib
from typing import Any

from vouchsafe.cli import compiling, options
from vouchsafe.cli.console import Console
from vouchsafe.policy.compile import FORMS

_PLAN = """examples:
  vouchsafe host plan
        every file that would change, as a diff, and what follows from it
  vouchsafe host plan --root /mnt/image -o json

exit status: 0 it can be enabled, 1 something speaks against it, 78 the policy cannot be enforced
"""
_ENABLE = """examples:
  vouchsafe host enable
  vouchsafe host enable --root /mnt/image
        in a Containerfile: nothing is started and no key is made; the host makes its own at first boot

Run it again after each change of /etc/vouchsafe/policy.json: until then nothing is countersigned.

exit status: 0 in force, 1 something speaks against it, 2 it did not hold and was taken back, 78 the policy
cannot be enforced
"""
_PROBE = """Each client (skopeo, bootc's image proxy, podman, buildah) pulls from a registry of this process's own,
under policies of its own: no network is needed and nothing of this host is changed. --verbose shows the evidence
for each answer. What cannot be asked so (CRI-O, programs out of reach, units, settings) is found by its files; and
the registries that the policy names are asked, without credentials, whether they keep signatures themselves.

examples:
  vouchsafe host probe
  vouchsafe host probe --offline -v -o json

exit status: 0 asked, 2 there is no client to ask
"""
_SMOKE = """A rehearsal: a second countersigner, with a policy, a CA and a Sigstore of its own that nothing else
believes, on loopback. Each client on this host pulls what is signed, and must refuse what is not, is somebody
else's, was moved, tampered with, re-tagged, expired or replayed, and everything while nobody answers.

With --image REF the host's own clients begin to pull REF by what this host says, with its registries and
credentials, and must refuse it when it differs by one byte. Nothing is pushed: the changed one is shown to
them by a registry of this process's own, under the real name, and the real countersigner is asked about it.

examples:
  vouchsafe host smoke
  vouchsafe host smoke --image registry.example/group/app:v1 -o junit

exit status: 0 every leg behaved, 1 one did not, 2 there is no client to try, 78 REF on a host that enforces nothing
"""
_AUDIT = """`podman run` asks nobody about what is there: images from before enforcement, from archives, and those that
the policy refuses by now can still be started. Each is judged by the scope of the name that it carries.

examples:
  vouchsafe host audit
  vouchsafe host audit --storage /var/lib/containers/storage -o json

exit status: 0 all accepted, 1 one is refused by now, 2 one could not be decided, or podman not asked, 78 no policy
"""
_DISABLE = """Every file is put back as it was before `enable`.

examples:
  vouchsafe host disable --dry-run
        what would be put back, as a diff
  vouchsafe host disable

exit status: 0 as it was, 1 somebody else has edited a file, 78 not enabled
"""
_STATUS = """enforcing: what the policy does not accept cannot be pulled. open: it can. broken: not as it was enabled;
pulls may fail.

examples:
  vouchsafe host status
  vouchsafe host status -o json | jq -r .status

exit status: 0 enforcing, 1 open, 2 broken
"""
_RECOVER = """Run at each boot by vouchsafe-recover.service; by hand after a crash, or simply run `enable` again.

examples:
  vouchsafe host recover

exit status: 0 settled, also when there was nothing to do, 2 it could not be
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the actions."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    _add_changes(actions)
    _add_questions(actions)


def _add_changes(actions: Any) -> None:
    """What changes a host, or would, and what says whether it holds."""
    plan = options.add_action(actions, "plan", "show what enabling would change", _PLAN)
    enable = options.add_action(actions, "enable", "put the policy in /etc/vouchsafe into force", _ENABLE)
    for each in (plan, enable):
        add_wish(each)
    enable.add_argument(
        "--without-smoke", action="store_true", help="do not prove it with this host's own clients"
    )
    enable.add_argument("--dry-run", action="store_true", help="the same as `plan`")
    disable = options.add_action(actions, "disable", "put back what was there before", _DISABLE)
    disable.add_argument("--overwrite-edits", action="store_true", help="also what somebody else has edited")
    disable.add_argument("--dry-run", action="store_true", help="show what would be put back")
    status = options.add_action(actions, "status", "say whether this host enforces, and why not", _STATUS)
    recover = options.add_action(actions, "recover", "finish or undo a change that a crash left", _RECOVER)
    recover.add_argument("--at-boot", action="store_true", help="also end what broke the glass")
    for each in (plan, enable, disable, status, recover):
        options.add_value(each, "--root", "DIR", "of an image that is being built")
        options.add_output(each, "text", "json")


def _add_questions(actions: Any) -> None:
    """What changes nothing: about clients, about the proof, about what is in storage."""
    probe = options.add_action(actions, "probe", "ask the clients on this host what they can do", _PROBE)
    probe.add_argument(
        "--offline",
        action="store_true",
        help="do not ask the policy's registries whether they keep signatures",
    )
    options.add_output(probe, "text", "json")
    audit = options.add_action(actions, "audit", "judge again what is in storage already", _AUDIT)
    options.add_value(
        audit, "--storage", "DIR", "as podman's --root; default: podman's own and bootc's", several=True
    )
    options.add_policy(audit)
    options.add_sources(audit, bundle=False)
    options.add_output(audit, "text", "json")
    smoke = options.add_action(actions, "smoke", "prove with this host's own clients that it holds", _SMOKE)
    smoke.add_argument(
        "--image",
        metavar="IMAGE",
        dest="images",
        type=options.given,
        action="append",
        default=[],
        help="also an image of your own, by the policy in force and the countersigner that runs: "
        "it must be pulled, and refused when it is changed by one byte",
    )
    smoke.add_argument("--form", choices=FORMS, help="as of `enable`; default: what this host has")
    options.add_output(smoke, "text", "json", "junit")


def add_wish(parser: argparse.ArgumentParser) -> None:
    """How a host is to be enabled."""
    group = parser.add_argument_group("how")
    compiling.configure(group)
    group.add_argument(
        "--without-units", action="store_true", help="leave systemd alone: the countersigner is run elsehow"
    )
    group.add_argument(
        "--overwrite-edits", action="store_true", help="also where somebody else has edited what was written"
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Do what was asked."""
    modules = {"plan": "plan", "enable": "enable", "disable": "enable", "recover": "enable"}
    name = modules.get(arguments.action, arguments.action)
    action = importlib.import_module(f"vouchsafe.cli.host_{name}")
    code: int = action.run(arguments, console)
    return code
