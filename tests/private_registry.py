"""`python -m tests.private_registry FOLDER`: a registry that wants a client's certificate and a password.

Says in one line of JSON where it is, whose Sigstore signed its image and what one needs to be let in; serves
until its standard input ends.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from vouchsafe.testing.clock import RealClock
from vouchsafe.testing.pull_cases import layer
from vouchsafe.testing.push import push_image, push_signature
from vouchsafe.testing.registry_access import TokenAccess
from vouchsafe.testing.registry_server import RegistryServer
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.testing.tls import LoopbackTls
from vouchsafe.testing.workload import gitlab

USER, PASSWORD = "robot", "secret of the robot"
REPOSITORY = "group/project"


def main(folder: Path) -> None:
    """Fill, say, serve."""
    tls, sigstore = LoopbackTls(), VirtualSigstore("private", clock=RealClock())
    folder.mkdir(parents=True)
    for name, content in (
        ("ca.crt", tls.ca_pem),
        ("client.cert", tls.client_pem),
        ("client.key", tls.client_key_pem),
        ("trusted_root.json", sigstore.trusted_root()),
    ):
        (folder / name).write_bytes(content)
    with RegistryServer(
        access=TokenAccess({USER: PASSWORD}), tls=tls.context(demand_client=True)
    ) as registry:
        digest = push_image(registry.store, REPOSITORY, content=layer(b"private"))
        image = f"{registry.address}/{REPOSITORY}"
        push_signature(registry.store, REPOSITORY, digest, *sigstore.sign_legacy(digest, image, gitlab()))
        push_image(registry.store, REPOSITORY, "unsigned", content=layer(b"unsigned"))
        said = {
            "registry": registry.address,
            "image": image,
            "issuer": gitlab().issuer,
            "subject": gitlab().subject,
        }
        print(json.dumps(said), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
