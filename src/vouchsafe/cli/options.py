"""The flags that several commands share: who is trusted, how registries are reached, what is printed."""

from __future__ import annotations

import argparse
from datetime import timedelta
from typing import Any

from vouchsafe import wiring

DEFAULT_SECONDS = 60.0  # for one image
MOST_SECONDS = 86_400.0
_TRUE = frozenset(
    ("1", "t", "T", "true", "TRUE", "True")
)  # Go's strconv.ParseBool, which podman's users know
_FALSE = frozenset(("0", "f", "F", "false", "FALSE", "False"))


def add_signer(parser: argparse.ArgumentParser, *, otherwise: str = "the policy in /etc/vouchsafe") -> None:
    """Whose signature is wanted: a policy, an identity or a key. `otherwise`: what none of these means."""
    group = parser.add_argument_group("whom to trust", f"Without any of these: {otherwise}.")
    add_value(group, "--policy", "FILE", "judge by this policy instead of /etc/vouchsafe's")
    subject = group.add_mutually_exclusive_group()
    add_value(subject, "--certificate-identity", "URI", "the signer's URI, e-mail address or name, exactly")
    add_value(
        subject, "--certificate-identity-regexp", "RE2", "a pattern of it, which must match it as a whole"
    )
    add_value(group, "--certificate-oidc-issuer", "URL", "who vouched for the signer, exactly")
    add_value(
        group,
        "--claim",
        "NAME=VALUE",
        "a claim the certificate must carry, such as source-repository-identifier=1234; "
        "one name given twice: either value",
        several=True,
    )
    add_value(group, "--key", "PEM", "the signer's public key, for images signed with one")
    add_value(
        group,
        "--type",
        "PREDICATE",
        "ask for an attestation of this type (a URI, or cyclonedx, spdxjson, slsaprovenance1, …) "
        "instead of the signature",
    )
    add_value(group, "--trusted-root", "FILE", "a private Sigstore's trusted_root.json")


def add_policy(parser: argparse.ArgumentParser) -> None:
    """Which policy is meant, where no flags stand in for one."""
    add_value(parser, "--policy", "FILE", "use this policy instead of /etc/vouchsafe's")


def add_sources(parser: argparse.ArgumentParser, *, bundle: bool = True) -> None:
    """Where images and evidence come from; `bundle`: or from a file."""
    group = parser.add_argument_group("where to look")
    if bundle:
        add_value(group, "--bundle", "FILE", "judge this Sigstore bundle instead of the registry's")
    group.add_argument(
        "--offline", action="store_true", help="ask nobody but the image's own registry, not even for trust"
    )
    add_registry(group)


def add_registry(group: argparse._ActionsContainer, *, seconds: float = DEFAULT_SECONDS) -> None:
    """How registries are reached; `seconds` is the default time for one image."""
    add_value(group, "--authfile", "FILE", "registry credentials (auth.json)")
    add_value(group, "--cert-dir", "DIR", "*.crt, *.cert and *.key for the registry")
    group.add_argument(
        "--tls-verify",
        metavar="BOOL",
        type=_boolean,
        default=None,
        help="false: plain HTTP and unknown certificates are taken too (signatures are still verified)",
    )
    add_value(group, "--registries-conf", "FILE", "instead of /etc/containers/registries.conf")
    group.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=_seconds,
        default=seconds,
        help="for one image (default: %(default)g)",
    )


def add_two_ends(parser: argparse.ArgumentParser) -> None:
    """How two registries are reached, where images go from one to the other."""
    group = parser.add_argument_group("how to get there")
    add_registry(group)
    for end, name in (("src", "source"), ("dest", "destination")):
        group.add_argument(
            f"--{end}-tls-verify",
            metavar="BOOL",
            type=_boolean,
            default=None,
            help=f"--tls-verify for the {name} only",
        )


def add_output(parser: argparse.ArgumentParser, *formats: str) -> None:
    """What is printed; the first format is the default."""
    parser.add_argument(
        "-o", "--output", choices=formats, default=formats[0], help="format (default: %(default)s)"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="say more; a trace where we fail")


def add_value(
    group: argparse._ActionsContainer, flag: str, metavar: str, text: str, *, several: bool = False
) -> None:
    """A flag with a value that says something; `several`: it may be repeated, and is a list."""
    if several:
        group.add_argument(flag, metavar=metavar, type=given, action="append", default=[], help=text)
    else:
        group.add_argument(flag, metavar=metavar, type=given, help=text)


def add_action(actions: Any, name: str, summary: str, epilog: str = "") -> argparse.ArgumentParser:
    """One action of a command."""
    made: argparse.ArgumentParser = actions.add_parser(
        name, help=summary, description=summary[0].upper() + summary[1:] + ".", epilog=epilog
    )
    return made


def host_of(arguments: argparse.Namespace, *, tls_verify: bool | None = None) -> wiring.Host:
    """The world as the flags and the environment describe it; `tls_verify` in place of the flag for all."""
    return wiring.this_host(
        authfile=arguments.authfile or "",
        cert_dir=arguments.cert_dir or "",
        registries_conf=arguments.registries_conf or "",
        tls_verify=arguments.tls_verify if tls_verify is None else tls_verify,
        timeout=timedelta(seconds=arguments.timeout),
    )


def given(text: str) -> str:
    """A value that says something: `--policy "$UNSET"` must not mean "no policy was named"."""
    if not text:
        raise argparse.ArgumentTypeError("expected a value, got an empty one")
    return text


def _boolean(text: str) -> bool:
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise argparse.ArgumentTypeError(f"expected true or false, got {text!r}")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"expected more than 0 and at most {MOST_SECONDS:g}, got {text!r}")
    return seconds
