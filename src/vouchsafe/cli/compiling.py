"""The flags that say how a policy is compiled for stock clients: `host plan` and `enable`, and `policy compile`."""

from __future__ import annotations

import argparse

from vouchsafe.cli import options
from vouchsafe.cli.usage import UsageError
from vouchsafe.policy.compile import FORMS, KEYS, LOCAL_TRANSPORTS, Host


def configure(group: argparse._ActionsContainer) -> None:
    """Add them."""
    options.add_value(
        group, "--lookaside", "URL", "where clients ask for countersignatures (default: http://127.0.0.1:843)"
    )
    options.add_value(group, "--ca", "FILE", "default: /run/vouchsafe/ca.crt")
    options.add_value(group, "--keys", "DIR", f"with --form key or openpgp; default: {KEYS}")
    group.add_argument(
        "--form",
        choices=FORMS,
        help="what clients are asked to demand: pki, certificates that live for minutes (the default); for clients "
        "that cannot, a key of each scope's own: key, or openpgp for Debian 12; see `vouchsafe host probe`",
    )
    group.add_argument(
        "--refuse-transport",
        metavar="NAME",
        type=options.given,
        action="append",
        help=f"refuse images of this local transport too ({', '.join(LOCAL_TRANSPORTS)}); "
        "by default what is on the host already is accepted, or podman could not build",
    )
    group.add_argument(
        "--insecure-default",
        action="store_true",
        help='also a policy whose `default` or docker:"" accepts anything; `host status` then says open',
    )


def host_of(arguments: argparse.Namespace, before: Host) -> Host:
    """What clients are pointed to; what the flags do not say stays as it was `before`. UsageError."""
    refused = arguments.refuse_transport or ()
    unknown = sorted(set(refused) - set(LOCAL_TRANSPORTS))
    if unknown:
        raise UsageError(f"expected one of {', '.join(LOCAL_TRANSPORTS)}, got {unknown[0]}")
    accepted = tuple(each for each in LOCAL_TRANSPORTS if each not in refused)
    lookaside = (arguments.lookaside or before.lookaside).rstrip("/")
    if not lookaside.startswith(("http://127.0.0.1:", "file:///")):
        raise UsageError(
            f"expected a lookaside at http://127.0.0.1:PORT or file:///PATH, got {lookaside}",
            hint="A name or another address can be answered by somebody else.",
        )
    return before.replace(
        ca_path=arguments.ca or before.ca_path,
        lookaside=lookaside,
        open_transports=accepted if refused else before.open_transports,
        form=arguments.form or before.form,
        keys=arguments.keys or before.keys,
    )
