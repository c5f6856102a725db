"""What the environment and the command line say about reaching registries; the one place that knows it.

Built by the wiring from a mapping (`os.environ`, or a test's own), so that no adapter reads the
environment by itself and a test can have a host of its own below a temporary folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from vouchsafe.adapters.proxies import Proxies
from vouchsafe.adapters.tls import SystemTrust
from vouchsafe.record import Record


class Settings(Record):
    """Empty strings mean "not given". `tls_verify` None leaves the choice to registries.conf.

    `etc`, `share` and `run` are /etc, /usr/share and /run but for tests. `authfiles` are read after the
    usual ones, and may be absent or unreadable; `auth_broker` is a socket where root hands over its own.
    """

    home: str = ""
    config_home: str = ""
    runtime_dir: str = ""
    uid: int = 0
    search_path: str = ""
    authfile: str = ""
    authfiles: tuple[str, ...] = ()
    auth_broker: str = ""
    docker_config: str = ""
    cert_dir: str = ""
    registries_conf: str = ""
    tls_verify: bool | None = None
    proxies: Proxies = Proxies()
    trust: SystemTrust = SystemTrust()
    etc: str = "/etc"
    share: str = "/usr/share"
    run: str = "/run"

    @classmethod
    def of(
        cls,
        environ: Mapping[str, str],
        *,
        uid: int,
        authfile: str = "",
        cert_dir: str = "",
        registries_conf: str = "",
        tls_verify: bool | None = None,
    ) -> Settings:
        """Read the variables that podman and Go's tools read; a flag wins over its variable."""
        home = environ.get("HOME", "")
        conf = environ.get("CONTAINERS_REGISTRIES_CONF") or environ.get("REGISTRIES_CONFIG_PATH") or ""
        return cls(
            home=home,
            config_home=environ.get("XDG_CONFIG_HOME") or (f"{home}/.config" if home else ""),
            runtime_dir=environ.get("XDG_RUNTIME_DIR", ""),
            uid=uid,
            search_path=environ.get("PATH", ""),
            authfile=authfile or environ.get("REGISTRY_AUTH_FILE", ""),
            docker_config=environ.get("DOCKER_CONFIG") or (f"{home}/.docker" if home else ""),
            cert_dir=cert_dir,
            registries_conf=registries_conf or conf,
            tls_verify=tls_verify,
            proxies=Proxies.of(environ),
            trust=SystemTrust(
                file=environ.get("SSL_CERT_FILE", ""), directory=environ.get("SSL_CERT_DIR", "")
            ),
        )

    def below(self, root: str) -> Self:
        """The same for a machine whose root is a folder."""
        base = root.rstrip("/")
        return self.replace(etc=f"{base}{self.etc}", share=f"{base}{self.share}", run=f"{base}{self.run}")
