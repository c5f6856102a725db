"""Settings: which variable means what, and who wins."""

from __future__ import annotations

from datetime import timedelta

from vouchsafe.adapters.clock import SystemClock
from vouchsafe.adapters.proxies import Proxies
from vouchsafe.adapters.settings import Settings
from vouchsafe.adapters.tls import SystemTrust


def test_an_empty_environment() -> None:
    """A service without HOME: nothing of a user, everything of the host."""
    assert Settings.of({}, uid=0) == Settings(uid=0)


def test_every_variable() -> None:
    """Each in its place."""
    environ = {
        "HOME": "/home/me",
        "PATH": "/usr/bin",
        "XDG_RUNTIME_DIR": "/run/user/7",
        "XDG_CONFIG_HOME": "/cfg",
        "DOCKER_CONFIG": "/docker",
        "REGISTRY_AUTH_FILE": "/auth.json",
        "CONTAINERS_REGISTRIES_CONF": "/r.conf",
        "SSL_CERT_FILE": "/ca.pem",
        "SSL_CERT_DIR": "/ca.d",
        "HTTPS_PROXY": "http://proxy.example:1",
        "NO_PROXY": "a.example",
    }
    assert Settings.of(environ, uid=7) == Settings(
        home="/home/me",
        config_home="/cfg",
        runtime_dir="/run/user/7",
        uid=7,
        search_path="/usr/bin",
        authfile="/auth.json",
        docker_config="/docker",
        registries_conf="/r.conf",
        proxies=Proxies(https="http://proxy.example:1", exempt=("a.example",)),
        trust=SystemTrust(file="/ca.pem", directory="/ca.d"),
    )


def test_what_home_implies() -> None:
    """~/.config and ~/.docker."""
    made = Settings.of({"HOME": "/h"}, uid=1)
    assert (made.config_home, made.docker_config) == ("/h/.config", "/h/.docker")


def test_a_flag_wins_over_its_variable() -> None:
    """And the older variable is read last."""
    environ = {
        "REGISTRY_AUTH_FILE": "/env",
        "CONTAINERS_REGISTRIES_CONF": "/env",
        "REGISTRIES_CONFIG_PATH": "/old",
    }
    made = Settings.of(
        environ, uid=0, authfile="/flag", registries_conf="/flag", cert_dir="/certs", tls_verify=False
    )
    assert (made.authfile, made.registries_conf, made.cert_dir, made.tls_verify) == (
        "/flag",
        "/flag",
        "/certs",
        False,
    )
    assert Settings.of({"REGISTRIES_CONFIG_PATH": "/old"}, uid=0).registries_conf == "/old"
    assert Settings.of(environ, uid=0).registries_conf == "/env"


def test_the_clock_knows_its_zone() -> None:
    """UTC, aware: what every comparison of times needs."""
    assert SystemClock().now().utcoffset() == timedelta(0)
