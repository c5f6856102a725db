"""The authorities of a whole Sigstore in memory: CA, CT log, both Rekors, timestamp authority, OIDC issuer.

What trusts them is written here too; what signs with them is `vouchsafe.testing.sigstore`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from vouchsafe.ports import Clock
from vouchsafe.testing.ca import CertificateAuthority, LeafPlan, Window
from vouchsafe.testing.canonical import pem
from vouchsafe.testing.clock import VirtualClock
from vouchsafe.testing.ctlog import CtLog
from vouchsafe.testing.keys import KeySource, PublicKey, public_pem
from vouchsafe.testing.oidc import OidcIssuer
from vouchsafe.testing.rekor1 import Rekor1
from vouchsafe.testing.rekor2 import Rekor2
from vouchsafe.testing.trust import TrustedAuthority, TrustedLog, TrustPlan, trusted_root
from vouchsafe.testing.tsa import TimestampAuthority
from vouchsafe.testing.workload import Workload, gitlab

LogName = Literal["rekor1", "rekor2"]
FILLER = b'{"apiVersion":"0.0.1","kind":"filler","spec":{}}'  # entry 0, which some verifiers cannot read


class Authorities:
    """All authorities of one Sigstore. The same seed and clock make the same bytes, RSA aside."""

    def __init__(
        self,
        seed: str = "virtual",
        *,
        clock: Clock | None = None,
        name: str = "sigstore.example",
        rekor2_key: str = "ed25519",
        empty_logs: bool = False,
    ) -> None:
        """`name` is the domain of its services; `empty_logs` lets the first entry have index 0."""
        self.clock: Clock = clock or VirtualClock()
        self.keys = KeySource(seed)
        self.name = name
        self.window = Window.around(self.clock.now())
        self.workload: Workload = gitlab()
        self.ca = CertificateAuthority(self.keys, name, self.window)
        self.ct_log = CtLog(self.keys.ec("ctlog"), url=f"https://ctlog.{name}")
        self.rekor1 = Rekor1(self.keys.ec("rekor1"), self.clock, host=f"rekor1.{name}")
        self.rekor2 = Rekor2(self.keys.key("rekor2", rekor2_key), self.clock, origin=f"rekor2.{name}")
        self.tsa = TimestampAuthority(self.keys, f"tsa.{name}", self.window)
        self.oidc = OidcIssuer(self.keys, self.clock)
        if not empty_logs:
            self.rekor1.append("filler/0.0.1", FILLER)
            self.rekor2.append("filler/0.0.1", FILLER)

    @property
    def virtual_clock(self) -> VirtualClock:
        """The clock, when it is one that can be moved."""
        if not isinstance(self.clock, VirtualClock):
            raise TypeError("expected a VirtualClock, got one that moves by itself")
        return self.clock

    def log(self, name: LogName | None) -> Rekor1 | Rekor2:
        """The one that an order names."""
        return self.rekor2 if name == "rekor2" else self.rekor1

    def leaf_plan(self) -> LeafPlan:
        """What a leaf of this CA holds: one SCT of the CT log."""

        def one_sct(tbs: bytes, issuer: PublicKey, at: datetime) -> tuple[bytes, ...]:
            return (self.ct_log.sct(tbs, issuer, at),)

        return LeafPlan(scts=one_sct)

    def trust_plan(self) -> TrustPlan:
        """Everything of this Sigstore, each with its window."""
        here = self.window
        authority = TrustedAuthority(
            url=f"https://fulcio.{self.name}", organization=self.name, chain=self.ca.chain, window=here
        )
        return TrustPlan(
            authorities=(authority,),
            logs=tuple(
                TrustedLog(url=f"https://{log.name}", key=log.public_key, id=log.id, window=here)
                for log in (self.rekor1, self.rekor2)
            ),
            ct_logs=(
                TrustedLog(url=self.ct_log.url, key=self.ct_log.public_key, id=self.ct_log.id, window=here),
            ),
            timestamp_authorities=(
                authority.replace(
                    url=f"https://tsa.{self.name}/api/v1/timestamp",
                    organization=self.tsa.organization,
                    chain=self.tsa.chain,
                ),
            ),
        )

    def trusted_root(self, version: str = "0.1") -> bytes:
        """The trust root in JSON."""
        return trusted_root(self.trust_plan(), version)

    def pem_files(self) -> dict[str, bytes]:
        """Keys and chains by file name, as cosign 2 and containers/image take them."""
        return {
            "fulcio-chain.pem": pem(*self.ca.chain),
            "fulcio-root.pem": pem(self.ca.root),
            "ct.pub": public_pem(self.ct_log.public_key),
            "rekor1.pub": public_pem(self.rekor1.public_key),
            "rekor2.pub": public_pem(self.rekor2.public_key),
            "tsa-chain.pem": pem(*self.tsa.chain),
        }
