"""Whom a connection trusts and how it names itself; makes the `ssl.SSLContext`, late.

A bundle of all CAs takes 20 ms to parse, a folder of hashed names nothing. So a context is made when a
connection needs it, once, and plain http never comes here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from vouchsafe.errors import ConfigurationError
from vouchsafe.record import Record

if TYPE_CHECKING:
    from ssl import SSLContext

_DEBIAN_BUNDLE = "ca-certificates.crt"  # update-ca-certificates(8)


class Tls(Record):
    """`ca_files` are trusted beside the system's CAs; `client` holds pairs of certificate and key files.

    `keys`: what stands in key files that we may not read, by path. `insecure` turns verification off: only an
    operator's `insecure = true` or `--tls-verify=false` does.
    """

    ca_files: tuple[str, ...] = ()
    client: tuple[tuple[str, str], ...] = ()
    keys: tuple[tuple[str, bytes], ...] = ()
    insecure: bool = False

    def __repr__(self) -> str:
        """Without the keys: a record ends in logs and tracebacks."""
        return f"Tls(ca_files={self.ca_files!r}, client={self.client!r}, insecure={self.insecure!r})"

    def without_client(self) -> Tls:
        """The same trust, without naming ourselves: for a host that we were redirected to."""
        return self.replace(client=(), keys=()) if self.client else self


class SystemTrust(Record):
    """Where the system keeps its CAs; set by SSL_CERT_FILE and SSL_CERT_DIR, else OpenSSL's own places."""

    file: str = ""
    directory: str = ""


class Contexts:
    """TLS contexts, each made when first needed and kept: they are what a handshake is quick with."""

    def __init__(self, system: SystemTrust) -> None:
        """Nothing is read yet."""
        self._system = system
        self._made: dict[Tls, SSLContext] = {}

    def of(self, tls: Tls) -> SSLContext:
        """The context for these settings."""
        made = self._made.get(tls)
        if made is None:
            made = self._made.setdefault(tls, context(tls, self._system))
        return made


def context(tls: Tls, system: SystemTrust) -> SSLContext:
    """A client context for `tls`; ConfigurationError names the file that cannot be used."""
    import ssl

    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])
    if tls.insecure:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    else:
        _trust_system(made, system)
    for path in tls.ca_files:
        _load(path, partial(made.load_verify_locations, cafile=path))
    for certificate, key in tls.client:
        with _as_file(key, dict(tls.keys)) as path:
            _load(certificate, partial(made.load_cert_chain, certificate, path))
    return made


@contextmanager
def _as_file(path: str, contents: dict[str, bytes]) -> Iterator[str]:
    """A file that OpenSSL can open, which takes no key from memory: the path itself, or one that is on no disk."""
    if path not in contents:
        yield path
        return
    handle = os.memfd_create("key", os.MFD_CLOEXEC)
    try:
        os.write(handle, contents[path])
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)


def _trust_system(made: SSLContext, system: SystemTrust) -> None:
    import ssl

    if system.file or system.directory:
        path = system.file or system.directory
        _load(path, partial(made.load_verify_locations, system.file or None, system.directory or None))
        return
    # OpenSSL's own places, named one by one: asked to find them itself, it would read the environment.
    usual = ssl.get_default_verify_paths()
    file = usual.openssl_cafile if os.path.isfile(usual.openssl_cafile) else None
    directory = usual.openssl_capath if os.path.isdir(usual.openssl_capath) else None
    if file and directory and _is_debians(file, directory):
        file = None
    if file or directory:
        _load(file or directory or "", partial(made.load_verify_locations, file, directory))


def _is_debians(file: str, directory: str) -> bool:
    """Whether the bundle is the folder's hashed certificates once more: then OpenSSL reads what it needs."""
    if os.path.realpath(file) != f"{os.path.realpath(directory)}/{_DEBIAN_BUNDLE}":
        return False
    with os.scandir(directory) as entries:
        return any(entry.name.endswith(".0") for entry in entries)


def _load(path: str, loading: Callable[[], None]) -> None:
    try:
        loading()
    except OSError as error:  # ssl.SSLError is an OSError
        raise ConfigurationError(
            "tls-file", f"expected a PEM certificate or key in {path}, got {error}", hint="Check the file."
        ) from error
