"""Which services sign: read from a SigningConfig, a ClientTrustConfig, or named one by one.

Formats: sigstore protobuf-specs sigstore_trustroot.proto, SigningConfig v0.2 and ClientTrustConfig v0.1.
A service counts while it is valid; of one operator's the newest version that we speak is taken.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime

from vouchsafe.errors import ConfigurationError, MalformedError
from vouchsafe.record import Record
from vouchsafe.strictjson import Fields
from vouchsafe.strictjson import parse as parse_json
from vouchsafe.verification.trust import Window, parse_time

SIGNING_CONFIG = "application/vnd.dev.sigstore.signingconfig.v0.2+json"
CLIENT_TRUST_CONFIG = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"
FULCIO_VERSIONS = (1,)  # majorApiVersion; Fulcio's API v2 is part of its first major
REKOR_VERSIONS = (1, 2)
TSA_VERSIONS = (1,)
MOST_SERVICES = 64
_SELECTORS = ("ANY", "ALL", "EXACT")


class Rekor(Record):
    """A transparency log and the major version of its API, 1 or 2."""

    url: str
    version: int = 1


class Services(Record):
    """Where to sign. `logs` are those that bundles go to, `legacy_log` the Rekor v1 that `.sig` needs.

    `trusted_root` is the JSON that came along, empty where none did.
    """

    fulcio: str = ""
    logs: tuple[Rekor, ...] = ()
    legacy_log: Rekor | None = None
    timestamps: tuple[str, ...] = ()
    trusted_root: bytes = b""

    @property
    def urls(self) -> tuple[str, ...]:
        """Where requests go, each once."""
        every = [self.fulcio, *(log.url for log in self.logs), *self.timestamps]
        if self.legacy_log is not None:
            every.append(self.legacy_log.url)
        return tuple(dict.fromkeys(each for each in every if each))


# Sigstore's public-good services, as its signing_config.v0.2.json names them.
PUBLIC_GOOD = Services(
    fulcio="https://fulcio.sigstore.dev",
    logs=(Rekor(url="https://rekor.sigstore.dev"),),
    legacy_log=Rekor(url="https://rekor.sigstore.dev"),
    timestamps=("https://timestamp.sigstore.dev/api/v1/timestamp",),
)


class _Service(Record):
    url: str
    version: int
    window: Window
    operator: str


def named(*, fulcio: str, rekors: Iterable[str], version: int | None, timestamps: Iterable[str]) -> Services:
    """Services that flags name. Without a version, a Rekor is taken to speak v1."""
    logs = tuple(Rekor(url=url, version=version or 1) for url in rekors)
    first = next((log for log in logs if log.version == 1), None)
    return Services(fulcio=fulcio, logs=logs[:1], legacy_log=first, timestamps=tuple(timestamps))


def from_json(blob: bytes, *, at: datetime, version: int | None = None, source: str) -> Services:
    """Read a SigningConfig, or a ClientTrustConfig with its trusted root. ConfigurationError names `source`.

    `version`: use logs of this major version only.
    """
    try:
        document = Fields(parse_json(blob, what=source), source)
        kind = document.text("mediaType", "")
        if kind == CLIENT_TRUST_CONFIG:
            root = json.dumps(document.raw("trustedRoot")).encode()
            return _services(document.fields("signingConfig"), at, version).replace(trusted_root=root)
        if kind != SIGNING_CONFIG:
            raise MalformedError(
                "signing-config",
                f"expected a signing config v0.2 or a client trust config v0.1, got {kind!r}",
            )
        return _services(document, at, version)
    except MalformedError as error:
        raise ConfigurationError(error.code, f"{source}: {error.message}", hint=error.hint) from error


def _services(config: Fields, at: datetime, version: int | None) -> Services:
    authorities = _usable(config, "caUrls", FULCIO_VERSIONS, at)
    versions = REKOR_VERSIONS if version is None else (version,)
    logs = _usable(config, "rekorTlogUrls", versions, at)
    stampers = _usable(config, "tsaUrls", TSA_VERSIONS, at)
    chosen = _selected(config, "rekorTlogConfig", logs)
    first = next((log for log in logs if log.version == 1), None)
    return Services(
        fulcio=authorities[0].url if authorities else "",
        logs=tuple(Rekor(url=log.url, version=log.version) for log in chosen),
        legacy_log=None if first is None else Rekor(url=first.url),
        timestamps=tuple(each.url for each in _selected(config, "tsaConfig", stampers)),
    )


def _usable(config: Fields, key: str, versions: tuple[int, ...], at: datetime) -> list[_Service]:
    """Services that are valid now and speak a version that we do, the newest version first."""
    found = [_service(each) for each in config.objects(key, MOST_SERVICES, ())]
    usable = [each for each in found if each.version in versions and at in each.window]
    return sorted(usable, key=lambda each: -each.version)


def _service(fields: Fields) -> _Service:
    window = fields.fields("validFor")
    return _Service(
        url=fields.text("url"),
        version=fields.integer("majorApiVersion"),
        window=Window(
            start=parse_time(window.text("start"), f"{window.what}.start"),
            end=parse_time(window.text("end"), f"{window.what}.end") if "end" in window else None,
        ),
        operator=fields.text("operator", ""),
    )


def _selected(config: Fields, key: str, services: list[_Service]) -> list[_Service]:
    """One service of each operator, as many operators as the selector asks for."""
    if key not in config:
        return services[:1]
    selection = config.fields(key)
    selector = selection.text("selector", "ANY")
    if selector not in _SELECTORS:
        raise MalformedError("signing-config", f"expected one of {', '.join(_SELECTORS)}, got {selector!r}")
    newest: dict[str, _Service] = {}
    for each in services:
        newest.setdefault(each.operator or each.url, each)
    operators = list(newest.values())
    wanted = {"ANY": 1, "ALL": len(operators), "EXACT": selection.integer("count", 1)}[selector]
    if selector == "EXACT" and wanted > len(operators):
        raise MalformedError("signing-config", f"expected {wanted} operators for {key}, got {len(operators)}")
    return operators[:wanted]
