"""`cosign verify`, version 2 or 3: the digest, the identity and the trust root are ours, the rest is its own."""

from __future__ import annotations

from vouchsafe.adapters.readers.material import certificates, ct_key, rekor_keys
from vouchsafe.adapters.readers.program import Program, folder, words
from vouchsafe.errors import Unavailable
from vouchsafe.image.reference import Reference
from vouchsafe.ports import Signature
from vouchsafe.verification.trust import TrustRoot, parse_trusted_root

# How the help of cosign 2 qualifies what cosign 3 always takes; distributions build both as version `devel`.
_OLD = b"Requires --new-bundle-format"


class Cosign:
    """Implements `ports.ImageReader`."""

    def __init__(self, program: Program, *, trusted_root: bytes) -> None:
        """`trusted_root` is JSON; empty: the public-good root, which cosign finds by itself."""
        self._program = program
        self._trusted_root = trusted_root
        self._root = parse_trusted_root(trusted_root) if trusted_root else TrustRoot()
        self._is_old = _OLD in program.run(["verify", "--help"], {}).output
        self._version = program.version("version") or ("2" if self._is_old else "3")

    @property
    def name(self) -> str:
        """See the port."""
        return f"cosign {self._version}"

    def read(self, image: Reference, signature: Signature) -> str:
        """See the port."""
        files = {"root.json": self._trusted_root, "key.pub": signature.key} | self._old_files()
        with folder({name: content for name, content in files.items() if content}) as path:
            arguments = ["verify", *self._whose(signature, path), *self._registry(), image.identity]
            finished = self._program.run(arguments, self._variables(path))
        return "" if finished.status == 0 else words(finished)

    def _whose(self, signature: Signature, path: str) -> list[str]:
        root = ["--trusted-root", f"{path}/root.json"] if self._trusted_root and not self._is_old else []
        if signature.identity is None:
            ignored = [] if self._root.logs else ["--insecure-ignore-tlog=true"]
            return ["--key", f"{path}/key.pub", *ignored, *root]
        who = signature.identity
        return ["--certificate-identity", who.subject, "--certificate-oidc-issuer", who.issuer, *root]

    def _registry(self) -> list[str]:
        return ["--allow-insecure-registry"] if self._program.settings.tls_verify is False else []

    def _old_files(self) -> dict[str, bytes]:
        """cosign 2 takes PEM files, one key of each kind."""
        if not self._is_old or not self._trusted_root:
            return {}
        rekor = rekor_keys(self._root)
        if not rekor:
            raise Unavailable("reader", "expected a Rekor v1 key in the trust root for cosign 2, got none")
        return {
            "fulcio.pem": certificates(self._root),
            "ct.pub": ct_key(self._root),
            "rekor.pub": rekor[0],
        }

    def _variables(self, path: str) -> dict[str, str]:
        settings = self._program.settings
        made = {"REGISTRY_AUTH_FILE": settings.authfile} if settings.authfile else {}
        if self._is_old and self._trusted_root:
            made |= {
                "SIGSTORE_ROOT_FILE": f"{path}/fulcio.pem",
                "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE": f"{path}/ct.pub",
                "SIGSTORE_REKOR_PUBLIC_KEY": f"{path}/rekor.pub",
            }
        return made
