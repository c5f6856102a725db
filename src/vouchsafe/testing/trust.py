"""What a verifier is given to believe, and what a signer is told to use.

`TrustPlan` lists authorities with their windows; `trusted_root` and `signing_config` write it as cosign and
sigstore-python read it (sigstore protobuf-specs, sigstore_trustroot.proto).
"""

from __future__ import annotations

from typing import Any

from cryptography import x509

from vouchsafe.record import Record
from vouchsafe.testing.ca import Window
from vouchsafe.testing.canonical import b64, canonical, der, rfc3339
from vouchsafe.testing.keys import PublicKey, key_details, spki

TRUSTED_ROOT_TYPES = {
    "0.1": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    "0.2": "application/vnd.dev.sigstore.trustedroot.v0.2+json",
}
SIGNING_CONFIG_TYPE = "application/vnd.dev.sigstore.signingconfig.v0.2+json"


class TrustedLog(Record):
    """A transparency log or a CT log: whose key, under which id, from when until when."""

    url: str
    key: PublicKey
    id: bytes
    window: Window
    open_ended: bool = True  # `end` is left out, as for a log that is in use


class TrustedAuthority(Record):
    """A certificate or timestamp authority: its chain without what it issues, root last."""

    url: str
    organization: str
    chain: tuple[x509.Certificate, ...]
    window: Window
    open_ended: bool = True


class TrustPlan(Record):
    """Everything that a trust root names."""

    authorities: tuple[TrustedAuthority, ...] = ()
    logs: tuple[TrustedLog, ...] = ()
    ct_logs: tuple[TrustedLog, ...] = ()
    timestamp_authorities: tuple[TrustedAuthority, ...] = ()


class Service(Record):
    """One service of a signing config; `api` is the major version it speaks."""

    url: str
    api: int
    window: Window


class SigningPlan(Record):
    """Which services to sign with."""

    authorities: tuple[Service, ...]
    issuers: tuple[Service, ...] = ()
    logs: tuple[Service, ...] = ()
    timestamp_authorities: tuple[Service, ...] = ()


def trusted_root(plan: TrustPlan, version: str = "0.1") -> bytes:
    """A TrustedRoot in JSON; `version` 0.1 or 0.2 changes the media type only."""
    return canonical(
        {
            "mediaType": TRUSTED_ROOT_TYPES[version],
            "tlogs": [_log(log) for log in plan.logs],
            "certificateAuthorities": [_authority(authority) for authority in plan.authorities],
            "ctlogs": [_log(log) for log in plan.ct_logs],
            "timestampAuthorities": [_authority(authority) for authority in plan.timestamp_authorities],
        }
    )


def signing_config(plan: SigningPlan) -> bytes:
    """A SigningConfig v0.2 in JSON. A selector without services is left out: sigstore-python refuses one."""
    made: dict[str, Any] = {
        "mediaType": SIGNING_CONFIG_TYPE,
        "caUrls": [_service(service) for service in plan.authorities],
        "oidcUrls": [_service(service) for service in plan.issuers],
        "rekorTlogUrls": [_service(service) for service in plan.logs],
        "rekorTlogConfig": {"selector": "ANY"},
        "tsaUrls": [_service(service) for service in plan.timestamp_authorities],
    }
    if plan.timestamp_authorities:
        made["tsaConfig"] = {"selector": "ANY"}
    return canonical(made)


def _window(window: Window, *, open_ended: bool) -> dict[str, str]:
    start = {"start": rfc3339(window.start)}
    return start if open_ended else start | {"end": rfc3339(window.end)}


def _log(log: TrustedLog) -> dict[str, Any]:
    return {
        "baseUrl": log.url,
        "hashAlgorithm": "SHA2_256",
        "logId": {"keyId": b64(log.id)},
        "publicKey": {
            "rawBytes": b64(spki(log.key)),
            "keyDetails": key_details(log.key),
            "validFor": _window(log.window, open_ended=log.open_ended),
        },
    }


def _authority(authority: TrustedAuthority) -> dict[str, Any]:
    return {
        "uri": authority.url,
        "subject": {"organization": authority.organization, "commonName": authority.organization},
        "certChain": {"certificates": [{"rawBytes": b64(der(link))} for link in authority.chain]},
        "validFor": _window(authority.window, open_ended=authority.open_ended),
    }


def _service(service: Service) -> dict[str, Any]:
    window = {"start": rfc3339(service.window.start)}
    return {
        "url": service.url,
        "majorApiVersion": service.api,
        "validFor": window,
        "operator": "vouchsafe.testing",
    }
