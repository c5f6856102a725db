"""certs.d: the CAs and client certificates that belong to one registry (containers-certs.d(5)).

The first folder named `host[:port]` counts: the user's, /etc/containers/certs.d, /etc/docker/certs.d.
In it every `*.crt` is a CA, trusted beside the system's, and `NAME.cert` with `NAME.key` is who we are.
"""

from __future__ import annotations

import os

from vouchsafe.adapters.settings import Settings
from vouchsafe.adapters.tls import Tls
from vouchsafe.errors import ConfigurationError

MOST_FILES = 1_000  # in one folder


def tls_of(settings: Settings, host: str, *, insecure: bool) -> Tls:
    """How to connect to `host[:port]`; ConfigurationError when a folder cannot be used."""
    for folder in _folders(settings, host):
        names = _names(folder)
        if names is not None:
            client = _pairs(folder, names)
            return Tls(
                ca_files=_ending(folder, names, ".crt"),
                client=client,
                keys=_handed(settings, client),
                insecure=insecure,
            )
    return Tls(insecure=insecure)


def _handed(settings: Settings, client: tuple[tuple[str, str], ...]) -> tuple[tuple[str, bytes], ...]:
    """Keys that are root's alone, where root hands them to us. ConfigurationError, Unavailable `auth-broker`."""
    secret = {key for _, key in client if not os.access(key, os.R_OK)}
    if not secret or not settings.auth_broker:
        return ()
    from vouchsafe.adapters.registry import broker

    handed = {path: key for path, key in broker.ask(settings.auth_broker).keys if path in secret}
    for path in sorted(secret - handed.keys()):
        raise ConfigurationError(
            "tls-file",
            f"expected to read {path}, or to get it from root at {settings.auth_broker}, got neither",
            hint="systemctl start vouchsafe-credentials.socket",
        )
    return tuple(handed.items())


def _folders(settings: Settings, host: str) -> tuple[str, ...]:
    if settings.cert_dir:
        return (settings.cert_dir,)
    bases = [f"{settings.home}/.config/containers/certs.d"] if settings.home else []
    bases += [f"{settings.etc}/containers/certs.d", f"{settings.etc}/docker/certs.d"]
    return tuple(f"{base}/{host}" for base in bases)


def _names(folder: str) -> list[str] | None:
    try:
        names = sorted(os.listdir(folder))
    except (FileNotFoundError, PermissionError, NotADirectoryError):  # as containers/image: look further
        return None
    except OSError as error:
        raise ConfigurationError("certs-d", f"expected to read {folder}, got: {error.strerror}") from error
    if len(names) > MOST_FILES:
        raise ConfigurationError(
            "certs-d", f"expected at most {MOST_FILES} files in {folder}, got {len(names)}"
        )
    return names


def _ending(folder: str, names: list[str], suffix: str) -> tuple[str, ...]:
    return tuple(f"{folder}/{name}" for name in names if name.endswith(suffix))


def _pairs(folder: str, names: list[str]) -> tuple[tuple[str, str], ...]:
    certificates = _ending(folder, names, ".cert")
    keys = _ending(folder, names, ".key")
    for path, partner in [(path, path[:-5] + ".key") for path in certificates] + [
        (path, path[:-4] + ".cert") for path in keys
    ]:
        if os.path.basename(partner) not in names:
            raise ConfigurationError("certs-d", f"expected {partner} beside {path}, got nothing")
    return tuple((path, path[:-5] + ".key") for path in certificates)
