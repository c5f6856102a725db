"""Sockets that a service answers on: systemd's, or its own on literal loopback, never what others could reach."""

from __future__ import annotations

import contextlib
import os
import socket

from vouchsafe.errors import ConfigurationError

LOOPBACK = "127.0.0.1"  # literal: a name could be somebody else's
LARGEST_PORT = 65_535
ROOT_ONLY, EVERYBODY = 0o600, 0o666  # who may connect to a socket in the file system


def listen(address: str, *, mode: int = ROOT_ONLY) -> socket.socket:
    """A socket of our own: `127.0.0.1:843`, or `unix:/run/…` for whom `mode` says. ConfigurationError for others."""
    if address.startswith("unix:"):
        return _listen_locally(address.removeprefix("unix:"), mode)
    host, _, port = address.rpartition(":")
    if host != LOOPBACK or not port.isdecimal() or int(port) > LARGEST_PORT:
        raise ConfigurationError("listen", f"expected {LOOPBACK}:PORT or unix:PATH, got {address!r}")
    try:
        return socket.create_server((host, int(port)))
    except OSError as error:
        raise ConfigurationError(
            "listen", f"expected to listen on {address}, got: {error.strerror}"
        ) from error


def _listen_locally(path: str, mode: int) -> socket.socket:
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.bind(path)
        os.chmod(path, mode)
        made.listen()
    except OSError as error:
        raise ConfigurationError("listen", f"expected to listen at {path}, got: {error.strerror}") from error
    return made
