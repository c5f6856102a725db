"""containers/image, as podman, bootc and CRI-O use it, asked through skopeo whether it can read a signature.

It matches e-mail addresses only, so for a pipeline's URI the proof is how it fails: it found the signature,
checked certificate, log entry and digest, and stumbled over nothing but the address. For a key the policy has
a second rule that refuses, so that nothing is copied when the first one is satisfied.
"""

from __future__ import annotations

import binascii
import json

from vouchsafe.adapters.readers.material import certificates, rekor_keys
from vouchsafe.adapters.readers.program import Program, folder, words
from vouchsafe.image.reference import Reference
from vouchsafe.ports import Signature
from vouchsafe.verification.trust import TrustRoot

NOBODY = "nobody@vouchsafe.invalid"
_REFUSED_LAST = "is rejected by policy"  # the second rule: the first was satisfied
# How containers/image says that only the address was wrong (signature/fulcio_cert.go).
_ONLY_THE_ADDRESS = f'Required email "{NOBODY}" not found'


class Skopeo:
    """Implements `ports.ImageReader`."""

    def __init__(self, program: Program, *, root: TrustRoot) -> None:
        """`root`: whose certificates and log are believed."""
        self._program = program
        self._root = root
        self._version = program.version("--version")

    @property
    def name(self) -> str:
        """See the port."""
        return f"skopeo {self._version}".rstrip()

    def read(self, image: Reference, signature: Signature) -> str:
        """See the port."""
        policy = {
            "default": [{"type": "reject"}],
            "transports": {"docker": {str(image.repository): self._rules(signature)}},
        }
        # JSON is YAML too.
        attachments = {"docker": {str(image.repository): {"use-sigstore-attachments": True}}}
        files = {
            "policy.json": json.dumps(policy).encode(),
            "registries.d/this.yaml": json.dumps(attachments).encode(),
        }
        with folder(files) as path:
            finished = self._program.run(
                [
                    *("--policy", f"{path}/policy.json", "--registries.d", f"{path}/registries.d", "copy"),
                    *self._registry(),
                    *("--multi-arch", "all", f"docker://{image.identity}", f"dir:{path}/never"),
                ],
                self._variables(),
            )
        said = finished.errors.decode("utf-8", "replace").replace('\\"', '"')  # logfmt
        expected = _REFUSED_LAST if signature.identity is None else _ONLY_THE_ADDRESS
        return "" if finished.status != 0 and expected in said else words(finished)

    def _rules(self, signature: Signature) -> list[dict[str, object]]:
        named = {"type": "exactRepository", "dockerRepository": signature.name}
        rule: dict[str, object] = {"type": "sigstoreSigned", "signedIdentity": named}
        if signature.identity is None:
            return [rule | {"keyData": _base64(signature.key)}, {"type": "reject"}]
        fulcio = {
            "caData": _base64(certificates(self._root)),
            "oidcIssuer": signature.identity.issuer,
            "subjectEmail": NOBODY,
        }
        keys = [_base64(key) for key in rekor_keys(self._root)]
        log = {"rekorPublicKeyData": keys[0]} if len(keys) == 1 else {"rekorPublicKeyDatas": keys}
        return [rule | {"fulcio": fulcio} | log]

    def _registry(self) -> list[str]:
        settings = self._program.settings
        made = ["--src-tls-verify=false"] if settings.tls_verify is False else []
        if settings.authfile:
            made += ["--authfile", settings.authfile]
        if settings.cert_dir:
            made += ["--src-cert-dir", settings.cert_dir]
        return made

    def _variables(self) -> dict[str, str]:
        conf = self._program.settings.registries_conf
        return {"CONTAINERS_REGISTRIES_CONF": conf} if conf else {}


def _base64(content: bytes) -> str:
    return binascii.b2a_base64(content, newline=False).decode("ascii")
