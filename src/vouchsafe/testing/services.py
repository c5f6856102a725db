"""A VirtualSigstore's services on loopback, and the files and flags that real clients need to use them.

>>> from vouchsafe.testing.sigstore import VirtualSigstore
>>> with serve(VirtualSigstore()) as services:
...     sorted(path.name for path in services.folder.glob("signing_config*"))
['signing_config_v1.json', 'signing_config_v1_tsa.json', 'signing_config_v2.json']
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal

from vouchsafe.testing.authorities import Authorities
from vouchsafe.testing.fulcio_api import FulcioApi
from vouchsafe.testing.loopback import Handler, LoopbackServer, Request, Response
from vouchsafe.testing.oidc_api import OidcApi
from vouchsafe.testing.rekor1_api import Rekor1Api
from vouchsafe.testing.rekor2_api import Rekor2Api
from vouchsafe.testing.trust import Service, SigningPlan, signing_config
from vouchsafe.testing.tsa_api import TsaApi
from vouchsafe.testing.workload import Workload

# What cosign can be asked to write; cosign 2 knows the legacy ones only.
SignatureForm = Literal["bundle-rekor2", "bundle-rekor1", "bundle-rekor1-tsa", "legacy", "legacy-tsa"]
BUNDLE_FORMS: dict[str, str] = {
    "bundle-rekor2": "signing_config_v2.json",
    "bundle-rekor1": "signing_config_v1.json",
    "bundle-rekor1-tsa": "signing_config_v1_tsa.json",
}


class Services:
    """The running services; `servers` by name, `folder` with trust roots and signing configs."""

    def __init__(self, sigstore: Authorities, servers: dict[str, LoopbackServer], folder: Path) -> None:
        """Made by `serve`."""
        self.sigstore = sigstore
        self.servers = servers
        self.folder = folder
        self.trusted_root = folder / "trusted_root.json"

    @property
    def urls(self) -> dict[str, str]:
        """By name: fulcio, rekor1, rekor2, tsa, oidc."""
        return {name: server.url for name, server in self.servers.items()}

    @property
    def environment(self) -> dict[str, str]:
        """What cosign 2 must be told by variables, and what keeps both from the user's own files."""
        return {
            "SIGSTORE_ROOT_FILE": str(self.folder / "fulcio-chain.pem"),
            "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE": str(self.folder / "ct.pub"),
            "SIGSTORE_REKOR_PUBLIC_KEY": str(self.folder / "rekor1.pub"),
            "SIGSTORE_TSA_CERTIFICATE_FILE": str(self.folder / "tsa-chain.pem"),
            "COSIGN_YES": "true",
            "TUF_ROOT": str(self.folder / "tuf"),
        }

    def token(self, **claims: Any) -> str:
        """A GitLab token for whoever signs next."""
        return self.sigstore.oidc.gitlab_token(**claims)

    def sign_flags(self, form: SignatureForm, token: str, *, cosign: Literal[2, 3] = 3) -> list[str]:
        """Flags of `cosign sign` and `cosign attest` that write `form`."""
        flags = ["--identity-token", token]
        if form in BUNDLE_FORMS:
            config = str(self.folder / BUNDLE_FORMS[form])
            return [*flags, "--signing-config", config, "--trusted-root", str(self.trusted_root)]
        flags += ["--fulcio-url", self.urls["fulcio"], "--rekor-url", self.urls["rekor1"]]
        if form == "legacy-tsa":
            flags += ["--timestamp-server-url", self.urls["tsa"] + "/api/v1/timestamp"]
        if cosign == 3:
            old = ["--new-bundle-format=false", "--use-signing-config=false"]
            flags += [*old, "--trusted-root", str(self.trusted_root)]
        return flags

    def verify_flags(self, workload: Workload | None = None, *, cosign: Literal[2, 3] = 3) -> list[str]:
        """Flags of `cosign verify` that accept `workload` and this Sigstore."""
        who = workload or self.sigstore.workload
        flags = ["--certificate-identity", who.subject, "--certificate-oidc-issuer", who.issuer]
        return [*flags, "--trusted-root", str(self.trusted_root)] if cosign == 3 else flags


@contextmanager
def serve(sigstore: Authorities, *, delay_ms: float = 0) -> Iterator[Services]:
    """Run everything until the block ends. Real clients need a sigstore on a RealClock."""
    guard = threading.Lock()

    def one_at_a_time(handler: Handler) -> Handler:
        def answer(request: Request) -> Response:
            with guard:
                return handler(request)

        return answer

    handlers: dict[str, Handler] = {
        "fulcio": FulcioApi(sigstore).answer,
        "rekor1": Rekor1Api(sigstore.rekor1).answer,
        "rekor2": Rekor2Api(sigstore.rekor2).answer,
        "tsa": TsaApi(sigstore).answer,
        "oidc": OidcApi(sigstore.oidc).answer,
    }
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vouchsafe-sigstore-")))
        servers = {
            name: stack.enter_context(LoopbackServer(one_at_a_time(handler), delay_ms=delay_ms))
            for name, handler in handlers.items()
        }
        services = Services(sigstore, servers, folder)
        _write_files(services)
        yield services


def _write_files(services: Services) -> None:
    sigstore, urls, folder = services.sigstore, services.urls, services.folder

    def service(name: str, api: int, path: str = "") -> Service:
        return Service(url=urls[name] + path, api=api, window=sigstore.window)

    plan = SigningPlan(
        authorities=(service("fulcio", 1),),
        issuers=(service("oidc", 1),),
        logs=(service("rekor1", 1),),
    )
    stamped = plan.replace(timestamp_authorities=(service("tsa", 1, "/api/v1/timestamp"),))
    files = {
        "trusted_root.json": sigstore.trusted_root(),
        "signing_config_v1.json": signing_config(plan),
        "signing_config_v1_tsa.json": signing_config(stamped),
        "signing_config_v2.json": signing_config(stamped.replace(logs=(service("rekor2", 2),))),
        **sigstore.pem_files(),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
