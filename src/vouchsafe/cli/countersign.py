"""`vouchsafe countersign`: answer clients with this host's own signature of what its policy accepts."""

from __future__ import annotations

import argparse
import importlib

from vouchsafe.cli import options
from vouchsafe.cli.console import Console

_SERVE = """The unit vouchsafe-countersign.service runs it, on the socket that systemd opened. Nothing but a
signal ends it: while the policy cannot be used, is edited but not applied, or could have been written
by others, the answer is 503. SIGHUP reads everything anew.

examples:
  vouchsafe countersign serve --listen 127.0.0.1:843 \\
        --verdicts unix:/run/vouchsafe/verdict.sock --metrics unix:/run/vouchsafe/metrics.sock
"""
_ADMIT = """An index is admitted with its platforms. What is kept is evidence: the service verifies it again
whenever it signs, and asks no registry for it until then. With --root, in an image that is being built,
nothing is signed: the host signs with a key of its own after its first boot.

examples:
  vouchsafe countersign admit registry.example/group/app:v1
  vouchsafe countersign admit --for 90d --files /srv/lookaside registry.example/group/app@sha256:…
        signature files too, for clients whose lookaside is file:///srv/lookaside/registry.example

exit status: 0 all accepted, 1 one was rejected, 2 one could not be decided, 78 the policy cannot be used
"""
_REVOKE = """Above every cache and every verdict; of an index its platforms too, which are read from what is
kept, from its registry, or, for a digest alone, from repositories that this host was asked about; where nobody has
it, only the digest itself is revoked, and that is said. What was revoked stays so until somebody takes its line out
of /var/lib/vouchsafe/revoked.

examples:
  vouchsafe countersign revoke registry.example/group/app@sha256:… --reason "leaked a password"
  vouchsafe countersign revoke --identity https://gitlab.com/group/app//.gitlab-ci.yml@refs/heads/main \\
        --before 2026-11-01T00:00:00Z --reason "runner was compromised"

exit status: 0 revoked, 64 usage
"""
_EXPORT = """Evidence, manifests, and the trust root that this host believes in. Whoever imports it judges by a
policy and a root of its own.

examples:
  vouchsafe countersign export --to images.tar registry.example/group/app:v1
  vouchsafe countersign import --for 90d images.tar

exit status: 0 all accepted and packed, 1 one was rejected, 2 one could not be decided, 78 the policy cannot be used
"""
_INIT = """vouchsafe-authority.service runs it at each boot, before anything can ask. A CA of another machine (a
cloned disk) is replaced; one that is good is only published.

examples:
  vouchsafe countersign init --dry-run
  vouchsafe countersign init --rotate

exit status: 0 published, 2 it could not be
"""
_LIST = """examples:
  vouchsafe countersign list
  vouchsafe countersign list --revoked -o json
"""
_PRUNE = """examples:
  vouchsafe countersign prune
  vouchsafe countersign prune --files /srv/lookaside
        also the signature files in it that are over
"""
_IMPORT = """examples:
  vouchsafe countersign import images.tar

exit status: 0 all accepted, 1 one was rejected, 2 one could not be decided, 78 the policy cannot be used
"""
_ACTIONS = {
    "serve": "answer clients on this host",
    "init": "make this machine's CA, if it has none of its own, and publish its certificate",
    "credentials": "hand root's registry credentials to the service, once",
    "admit": "judge images now and let the answer stand for weeks",
    "list": "show what was accepted, and what was revoked",
    "revoke": "refuse an image or a signer from now on, whatever else says yes",
    "prune": "forget what has ended",
    "export": "pack evidence for hosts that reach no registry",
    "import": "take in what another host packed, judged by this host's policy",
}
_CREDENTIALS = """vouchsafe-credentials.socket starts it for one connection (Accept=yes, StandardInput=socket). It
looks at who asks, and writes the auth files that podman, bootc and rpm-ostree read as root; absent ones
are normal.
"""
_EPILOGS = {
    "init": _INIT,
    "list": _LIST,
    "prune": _PRUNE,
    "serve": _SERVE,
    "credentials": _CREDENTIALS,
    "admit": _ADMIT,
    "revoke": _REVOKE,
    "export": _EXPORT,
    "import": _IMPORT,
}
_MODULES = {"list": "kept", "prune": "kept", "export": "moving", "import": "moving"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the actions."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    made = {
        name: options.add_action(actions, name, summary, _EPILOGS.get(name, ""))
        for name, summary in _ACTIONS.items()
    }
    _add_serve(made["serve"])
    for name, whose in (("init", "whose the key is"), ("credentials", "who may ask")):
        made[name].add_argument(
            "--account", metavar="NAME", default="vouchsafe", help=f"{whose} (default: %(default)s)"
        )
    made["init"].add_argument(
        "--rotate", action="store_true", help="new keys of single scopes too: what they signed is refused"
    )
    for name in ("admit", "export"):
        made[name].add_argument("images", metavar="IMAGE", nargs="+", help="NAME[:TAG|@DIGEST]")
    made["import"].add_argument("archive", metavar="FILE", help="what `export` wrote")
    made["export"].add_argument(
        "--to", metavar="FILE", type=options.given, required=True, help="where to write it"
    )
    _add_revoke(made["revoke"])
    made["list"].add_argument("--revoked", action="store_true", help="what was revoked")
    for name in ("admit", "import"):
        made[name].add_argument(
            "--for",
            metavar="LENGTH",
            dest="length",
            default="30d",
            help="90d, 12h, 30m (default: %(default)s)",
        )
    for name in ("admit", "revoke", "prune"):
        made[name].add_argument(
            "--files", metavar="DIR", type=options.given, help="signature files, for `file:` lookasides"
        )
    for name in ("init", "admit", "revoke", "prune", "import"):
        made[name].add_argument(
            "--dry-run", action="store_true", help="say what would be done, and keep nothing"
        )
    _add_places(made)


def _add_places(made: dict[str, argparse.ArgumentParser]) -> None:
    """Where the state is, and the format."""
    for name, each in made.items():
        if name == "credentials":
            continue
        if name != "init":  # a CA is made by the machine that it belongs to
            each.add_argument(
                "--root",
                metavar="DIR",
                type=options.given,
                default="/",
                help="of an image that is being built",
            )
        options.add_value(each, "--state-dir", "DIR", "default: /var/lib/vouchsafe")
        options.add_output(each, "text", *(() if name == "serve" else ("json",)))


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Do what was asked."""
    name = _MODULES.get(arguments.action, arguments.action)
    code: int = importlib.import_module(f"vouchsafe.cli.countersign_{name}").run(arguments, console)
    return code


def _add_serve(parser: argparse.ArgumentParser) -> None:
    flags = (
        ("--listen", "answer clients here too: 127.0.0.1:PORT or unix:PATH"),
        ("--verdicts", "answer policy plugins here too: unix:PATH, which every local user may connect to"),
        ("--metrics", "show metrics here too: 127.0.0.1:PORT or unix:PATH"),
    )
    for flag, what in flags:
        options.add_value(parser, flag, "ADDRESS", what, several=True)


def _add_revoke(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("digests", metavar="DIGEST", nargs="*", help="NAME@sha256:… or sha256:…")
    options.add_value(parser, "--identity", "NAME", "signatures by this signer")
    options.add_value(parser, "--before", "TIME", "signatures made before (2026-11-22T12:00:00Z)")
    parser.add_argument("--reason", metavar="TEXT", default="", help="clients are told")
