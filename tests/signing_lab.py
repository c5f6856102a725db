"""What tests of signing share: a virtual Sigstore that answers through the real adapters, without a network.

`Lab` holds everything that a signing run needs of the world; a test breaks one part of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from typing import Any

from vouchsafe.adapters.http import Response
from vouchsafe.adapters.sigstore import Exchange, Fulcio, Rekor1, Rekor2, Tsa
from vouchsafe.adapters.tls import Tls
from vouchsafe.adapters.urls import Url
from vouchsafe.image.digest import Digest
from vouchsafe.image.manifest import Manifest
from vouchsafe.image.reference import Reference
from vouchsafe.ports import TransparencyLog
from vouchsafe.signing.artifact import Subject
from vouchsafe.signing.attach import Pace
from vouchsafe.signing.ceremony import Ceremony, Signer, keyless
from vouchsafe.signing.token import IdentityToken
from vouchsafe.testing.fulcio_api import FulcioApi
from vouchsafe.testing.loopback import Request
from vouchsafe.testing.loopback import Response as Answer
from vouchsafe.testing.registry import MemoryRegistry, push_image
from vouchsafe.testing.rekor1_api import Rekor1Api
from vouchsafe.testing.rekor2_api import Rekor2Api
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.testing.tsa_api import TsaApi
from vouchsafe.verification.trust import TrustRoot, parse_trusted_root

REPOSITORY = "group/project"
NAME = f"registry.example/{REPOSITORY}"
IMAGE = Reference.parse(f"{NAME}:v1")
ISSUER = "https://gitlab.example"
MAIN = "https://gitlab.example/group/project//.gitlab-ci.yml@refs/heads/main"
CYCLONEDX = "https://cyclonedx.org/bom"

Handler = Callable[[Request], Answer]


class Service:
    """Stands where an HttpClient stands: asks a handler, and keeps what was asked. `spoil` may answer first."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.requests: list[Request] = []
        self.spoilt: list[Answer | Exception] = []
        self._one_at_a_time = threading.Lock()

    def request(
        self,
        method: str,
        url: Url | str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        largest: int = 0,
        tls: Tls = Tls(),
        expect: Collection[int] | None = None,
        idempotent: bool | None = None,
        leave_origin: bool = True,
        retries: int | None = None,
    ) -> Response:
        """The answer of the handler, or the next of `spoilt`."""
        place = url if isinstance(url, Url) else Url.parse(url)
        lower = {name.lower(): value for name, value in (headers or {}).items()}
        path = place.target.partition("?")[0]
        asked = Request(method=method, path=path, headers=lower, body=body or b"")
        self.requests.append(asked)
        with self._one_at_a_time:
            answer = self.spoilt.pop(0) if self.spoilt else self.handler(asked)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer.body, bytes)
        found = {name.lower(): value for name, value in answer.headers.items()}
        return Response(status=answer.status, headers=found, body=answer.body, url=place)

    def exchange(self, url: str, name: str) -> Exchange:
        """What an adapter asks through; it does not wait."""
        client: Any = self
        return Exchange(client, url, name=name, sleep=lambda _: None)


class PushMemory(MemoryRegistry):
    """A MemoryRegistry that is written to. `on_write` is told before a manifest is kept: (tag or "", bytes)."""

    def __init__(self, *, referrers_api: bool = False, announces: bool = True) -> None:
        super().__init__(referrers_api=referrers_api)
        self.announces = announces
        self.on_write: list[Callable[[str, bytes], None]] = []
        self.writes: list[str] = []

    def push_blob(self, reference: Reference, content: bytes) -> Digest:
        """See the port."""
        assert reference.repository is not None
        digest = self.store.put_blob(reference.repository.path, content)
        self.writes.append(f"blob {digest}")
        return digest

    def push_manifest(
        self, reference: Reference, content: bytes, *, media_type: str, tag: str = ""
    ) -> tuple[Digest, bool]:
        """See the port; nothing may refer to a blob that is not there."""
        assert reference.repository is not None
        path = reference.repository.path
        manifest = Manifest.parse(content, served_as=media_type)
        for each in (*manifest.layers, *([manifest.config] if manifest.config else [])):
            assert self.store.blob(path, str(each.digest)) is not None, f"{each.digest} is not there yet"
        for entry in manifest.entries:
            assert self.store.manifest(path, str(entry.digest)) is not None, (
                f"{entry.digest} is not there yet"
            )
        for told in list(self.on_write):
            told(tag, content)
        self.writes.append(f"manifest {tag or manifest.digest}")
        digest = self.store.put_manifest(path, content, media_type, tag)
        return digest, self.referrers_api and self.announces and manifest.subject is not None


class Lab:
    """One Sigstore, one registry with one image, and the parts of a ceremony."""

    def __init__(self, *, referrers_api: bool = False) -> None:
        self.sigstore = VirtualSigstore()
        self.clock = self.sigstore.virtual_clock
        self.registry = PushMemory(referrers_api=referrers_api)
        self.digest = push_image(self.registry.store, REPOSITORY)
        self.fulcio = Service(FulcioApi(self.sigstore).answer)
        self.rekor1 = Service(Rekor1Api(self.sigstore.rekor1).answer)
        self.rekor2 = Service(Rekor2Api(self.sigstore.rekor2).answer)
        self.tsa = Service(TsaApi(self.sigstore).answer)
        self.root: TrustRoot = parse_trusted_root(self.sigstore.trusted_root())
        self.slept: list[float] = []

    def token(self, **claims: Any) -> IdentityToken:
        """A GitLab token."""
        return IdentityToken.parse(self.sigstore.oidc.gitlab_token(**claims))

    def issuer(self) -> Fulcio:
        """The CA."""
        return Fulcio(self.fulcio.exchange("https://fulcio.example", "Fulcio"))

    def log(self, version: int = 1) -> TransparencyLog:
        """The log of that version."""
        if version == 1:
            return Rekor1(self.rekor1.exchange("https://rekor1.sigstore.example", "Rekor"))
        return Rekor2(self.rekor2.exchange("https://rekor2.sigstore.example", "Rekor"))

    def stamper(self) -> Tsa:
        """The TSA."""
        return Tsa(self.tsa.exchange("https://tsa.sigstore.example/api/v1/timestamp", "TSA"))

    def signer(self, **claims: Any) -> Signer:
        """A keyless signer."""
        return keyless(self.token(**claims), self.issuer(), self.clock)

    def ceremony(self, signer: Signer | None = None, *, bundle_log: int = 1, **parts: Any) -> Ceremony:
        """A ceremony with both logs and a TSA, or other `parts`."""
        legacy = self.log(1)
        given: dict[str, Any] = {
            "root": self.root,
            "clock": self.clock,
            "logs": (legacy if bundle_log == 1 else self.log(2),),
            "legacy_log": legacy,
            "stampers": (self.stamper(),),
        }
        return Ceremony(signer or self.signer(), **(given | parts))

    def subject(self) -> Subject:
        """The image as a subject."""
        manifest = self.registry.manifest(IMAGE, None)
        assert manifest is not None
        return Subject(digest=manifest.digest, media_type=manifest.media_type, size=len(manifest.raw))

    def pace(self) -> Pace:
        """Time that does not pass."""
        return Pace(monotonic=lambda: 0.0, sleep=self.slept.append, jitter=lambda: 0.5)
