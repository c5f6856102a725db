"""certs.d: which folder, which files, what is missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vouchsafe.adapters.registry.certs import tls_of
from vouchsafe.adapters.settings import Settings
from vouchsafe.adapters.tls import Tls
from vouchsafe.errors import ConfigurationError

OwnHost = Callable[..., Settings]
HOST = "r.example:5000"


def fill(folder: str, *names: str) -> None:
    """Empty files: this module reads names only."""
    Path(folder).mkdir(parents=True)
    for name in names:
        Path(folder, name).touch()


def test_the_first_folder_counts(own_host: OwnHost) -> None:
    """The user's, /etc/containers/certs.d, /etc/docker/certs.d, and nothing is mixed."""
    settings = own_host()
    folders = [
        f"{settings.home}/.config/containers/certs.d/{HOST}",
        f"{settings.etc}/containers/certs.d/{HOST}",
        f"{settings.etc}/docker/certs.d/{HOST}",
    ]
    seen = []
    for folder in reversed(folders):
        fill(folder, "ca.crt")
        seen.append(tls_of(settings, HOST, insecure=False).ca_files)
    assert seen == [(f"{folder}/ca.crt",) for folder in reversed(folders)]


def test_a_folder_is_for_its_port(own_host: OwnHost) -> None:
    """`r.example` and `r.example:5000` are different registries."""
    settings = own_host()
    fill(f"{settings.etc}/containers/certs.d/r.example", "ca.crt")
    assert tls_of(settings, HOST, insecure=False) == Tls()


def test_cert_dir_replaces_the_search(own_host: OwnHost, tmp_path: Path) -> None:
    """--cert-dir holds the files themselves."""
    settings = own_host(cert_dir=f"{tmp_path}/mine")
    fill(f"{settings.etc}/containers/certs.d/{HOST}", "other.crt")
    fill(f"{tmp_path}/mine", "b.crt", "a.crt", "client.cert", "client.key", "README")
    assert tls_of(settings, HOST, insecure=True) == Tls(
        ca_files=(f"{tmp_path}/mine/a.crt", f"{tmp_path}/mine/b.crt"),
        client=((f"{tmp_path}/mine/client.cert", f"{tmp_path}/mine/client.key"),),
        insecure=True,
    )


@pytest.mark.parametrize("there, missing", [("client.cert", "client.key"), ("client.key", "client.cert")])
def test_half_a_pair(own_host: OwnHost, there: str, missing: str) -> None:
    """A certificate without key, or a key without certificate, is the operator's mistake."""
    settings = own_host()
    fill(f"{settings.etc}/containers/certs.d/{HOST}", there)
    with pytest.raises(ConfigurationError, match=missing):
        tls_of(settings, HOST, insecure=False)


def test_no_home(own_host: OwnHost) -> None:
    """A service without HOME looks into /etc only."""
    settings = own_host(home="")
    fill(f"{settings.etc}/docker/certs.d/{HOST}", "ca.crt")
    assert tls_of(settings, HOST, insecure=False).ca_files == (
        f"{settings.etc}/docker/certs.d/{HOST}/ca.crt",
    )
