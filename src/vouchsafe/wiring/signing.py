"""What a signing run is made of: a registry to write to, services to ask, keys, tokens and time."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping

from vouchsafe.adapters.http import Budget, HttpClient
from vouchsafe.adapters.registry.push import PushClient
from vouchsafe.adapters.sigstore import Exchange, Fulcio, Rekor1, Rekor2, Tsa, tokens
from vouchsafe.adapters.tls import Tls
from vouchsafe.errors import SigningError
from vouchsafe.ports import CertificateIssuer, ImageReader, PushRegistry, TimestampAuthority, TransparencyLog
from vouchsafe.record import Record
from vouchsafe.signing.attach import Pace
from vouchsafe.signing.ceremony import Ceremony, Signer
from vouchsafe.signing.services import Rekor, Services
from vouchsafe.signing.token import IdentityToken
from vouchsafe.verification.trust import TrustRoot
from vouchsafe.wiring import Host


class Bench(Record):
    """What one image is signed with: its registry and a ceremony, within one time budget."""

    registry: PushRegistry
    ceremony: Ceremony
    pace: Pace


class Workshop:
    """Made once for a run, so that connections and registry tokens are shared. Thread-safe."""

    def __init__(self, host: Host, services: Services, *, ca_file: str = "", writes: bool = True) -> None:
        """`ca_file`: CAs of the services beside the system's, in PEM. Not `writes`: a token to pull will do."""
        self._host = host
        self._services = services
        self._tls = Tls(ca_files=(ca_file,)) if ca_file else Tls()
        settings = host.settings
        self._http = HttpClient(proxies=settings.proxies, trust=settings.trust)
        self._registry = PushClient(self._http, settings, actions="pull,push" if writes else "pull")

    def close(self) -> None:
        """Close idle connections."""
        self._http.close()

    def issuer(self) -> CertificateIssuer:
        """The Fulcio of this run, with a time budget of its own."""
        if not self._services.fulcio:
            raise SigningError(
                "no-fulcio",
                "expected a Fulcio to get a certificate from, got none",
                hint="Name one by --fulcio-url or in the signing config, or sign with --key.",
            )
        return Fulcio(self._exchange(self._services.fulcio, "Fulcio", self._budget()))

    def registry(self) -> PushRegistry:
        """The registry, for one image."""
        return self._registry.within(self._budget())

    def bench(self, signer: Signer, root: TrustRoot) -> Bench:
        """All that one image needs."""
        budget = self._budget()
        logs = {each: self._log(each, budget) for each in self._services.logs}
        legacy = self._services.legacy_log
        if legacy is not None and legacy not in logs:
            legacy_log: TransparencyLog | None = self._log(legacy, budget)
        else:
            legacy_log = logs[legacy] if legacy is not None else None
        ceremony = Ceremony(
            signer,
            root=root,
            clock=self._host.clock,
            logs=tuple(logs.values()),
            legacy_log=legacy_log,
            stampers=tuple(self._tsa(url, budget) for url in self._services.timestamps),
            natural_hash=any(log.version > 1 for log in logs),
        )
        return Bench(registry=self._registry.within(budget), ceremony=ceremony, pace=pace())

    def _log(self, log: Rekor, budget: Budget) -> TransparencyLog:
        exchange = self._exchange(log.url, "Rekor", budget)
        return Rekor1(exchange) if log.version == 1 else Rekor2(exchange)

    def _tsa(self, url: str, budget: Budget) -> TimestampAuthority:
        return Tsa(self._exchange(url, "the time-stamping authority", budget))

    def _exchange(self, url: str, name: str, budget: Budget) -> Exchange:
        return Exchange(self._http.within(budget), url, name=name, tls=self._tls)

    def _budget(self) -> Budget:
        return Budget(self._host.timeout.total_seconds())


def pace() -> Pace:
    """The machine's own time and chance."""
    return Pace(monotonic=time.monotonic, sleep=time.sleep, jitter=random.random)


def identity_token(path: str, *, audience: str) -> IdentityToken:
    """The token to sign with; see `adapters.sigstore.tokens`."""
    return IdentityToken.parse(tokens.identity_token(path, audience=audience))


def key_password() -> str:
    """The password of the key file, taken out of the environment."""
    return tokens.key_password()


def readers(host: Host, *, trusted_root: bytes, root: TrustRoot) -> tuple[ImageReader, ...]:
    """The programs on this machine that can read signatures back. `trusted_root`: JSON, empty for public good."""
    from vouchsafe.adapters import surroundings
    from vouchsafe.adapters.process import Programs
    from vouchsafe.adapters.readers import Cosign, Skopeo
    from vouchsafe.adapters.readers.program import Program

    programs, environ = Programs(host.settings.search_path), surroundings.environment()
    found: list[ImageReader] = []
    cosign = Program.find("cosign", programs, host.settings, environ)
    if cosign is not None:
        found.append(Cosign(cosign, trusted_root=trusted_root))
    skopeo = Program.find("skopeo", programs, host.settings, environ)
    if skopeo is not None:
        found.append(Skopeo(skopeo, root=root))
    return tuple(found)


def ci_variables() -> Mapping[str, str]:
    """The variables of this CI job."""
    from vouchsafe.adapters import surroundings

    return surroundings.environment()
