"""`vouchsafe containerd`: make containerd ask before it pulls, and find what would let it not ask."""

from __future__ import annotations

import argparse
import importlib

from vouchsafe.cli import options
from vouchsafe.cli.console import Console
from vouchsafe.host.containerd import bindir, dropin
from vouchsafe.host.containerd.settings import CONFIG
from vouchsafe.host.containerd.smoke import ADDRESS

_CHECK = """containerd allows what its verifier refuses, or asks none, after many small changes of its configuration.
Where containerd is installed it is asked for its own reading of the file; with --root the files are read.
containerd reads them when it starts: restart it after a change.

examples:
  vouchsafe containerd check
  vouchsafe containerd check --config /var/lib/rancher/k3s/agent/etc/containerd/config.toml
  vouchsafe containerd check --root /mnt/image -o json

exit status: 0 it asks, 1 something lets it not ask, 2 containerd gave no answer, 78 the configuration or the
policy cannot be used
"""
_CONFIG = """examples:
  vouchsafe containerd config > 50-vouchsafe.toml
  vouchsafe containerd config --write --dry-run
        every file that would change, as a diff
  vouchsafe containerd config --write && systemctl restart containerd
  vouchsafe containerd config --write --root /mnt/image

Written to /etc/containerd/conf.d, which the main file must import. What `check` then says against it takes it back.

exit status: 0 printed or written, 1 it would not hold and was taken back, 78 the configuration cannot be used
"""
_SMOKE = """An image of a registry of this process's own, which nobody vouches for, is pulled with ctr, and with crictl
where it is here. Only a refusal in vouchsafe's own words counts; what is pulled is taken away again.

examples:
  vouchsafe containerd smoke
  vouchsafe containerd smoke --address /run/k3s/containerd/containerd.sock -o json

exit status: 0 refused each time, 1 it was pulled, 2 there was no answer, or nobody to ask
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add `check`, `config` and `smoke`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = options.add_action(actions, "check", "find what lets containerd pull without asking", _CHECK)
    config = options.add_action(
        actions, "config", "print or write the configuration that makes containerd ask", _CONFIG
    )
    for each in (check, config):
        _add_which(each)
        options.add_output(each, "text", "json")
    config.add_argument(
        "--bin-dir",
        metavar="DIR",
        type=options.given,
        default=bindir.SHIPPED,
        help="where the verifier lies, and nothing else (default: %(default)s)",
    )
    config.add_argument("--write", action="store_true", help=f"write it to {dropin.PATH}")
    config.add_argument("--dry-run", action="store_true", help="with --write: show what would change")
    smoke = options.add_action(actions, "smoke", "prove that the containerd that runs now asks", _SMOKE)
    smoke.add_argument(
        "--address", metavar="SOCKET", type=options.given, default=ADDRESS, help="default: %(default)s"
    )
    options.add_output(smoke, "text", "json")


def _add_which(parser: argparse.ArgumentParser) -> None:
    """Whose configuration."""
    options.add_value(parser, "--config", "FILE", f"containerd's main file (default: {CONFIG})")
    options.add_value(parser, "--containerd", "PROGRAM", "the containerd to ask (default: by PATH)")
    options.add_value(parser, "--root", "DIR", "of an image that is being built")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Do what was asked."""
    action = importlib.import_module(f"vouchsafe.cli.containerd_{arguments.action}")
    code: int = action.run(arguments, console)
    return code
