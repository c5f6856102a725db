"""Which services sign: configs read, windows and versions kept, selectors honoured."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from vouchsafe.errors import ConfigurationError
from vouchsafe.signing.services import PUBLIC_GOOD, Rekor, Services, from_json, named
from vouchsafe.testing.sigstore import VirtualSigstore

AT = datetime(2026, 11, 2, 12, tzinfo=UTC)
ALWAYS = {"start": "2020-01-01T00:00:00Z"}
OVER = ALWAYS | {"end": "2026-01-01T00:00:00Z"}
SOON = {"start": "2027-01-01T00:00:00Z"}


def service(
    url: str, version: int = 1, window: dict[str, str] = ALWAYS, operator: str = "a"
) -> dict[str, Any]:
    """One service."""
    return {"url": url, "majorApiVersion": version, "validFor": window, "operator": operator}


def config(**changes: Any) -> bytes:
    """A signing config."""
    made: dict[str, Any] = {
        "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
        "caUrls": [service("https://f")],
        "rekorTlogUrls": [service("https://r1")],
        "rekorTlogConfig": {"selector": "ANY"},
        "tsaUrls": [service("https://t")],
        "tsaConfig": {"selector": "ANY"},
    }
    return json.dumps(made | changes).encode()


def read(blob: bytes, version: int | None = None) -> Services:
    """Read it now."""
    return from_json(blob, at=AT, version=version, source="config.json")


def test_public_good() -> None:
    """Rekor v1 and a time-stamp, as its own signing config says."""
    assert PUBLIC_GOOD.urls == (
        "https://fulcio.sigstore.dev",
        "https://rekor.sigstore.dev",
        "https://timestamp.sigstore.dev/api/v1/timestamp",
    )
    assert PUBLIC_GOOD.logs == (PUBLIC_GOOD.legacy_log,)


@pytest.mark.parametrize(
    "logs, selection, version, chosen, legacy",
    [
        ([service("https://r1")], {"selector": "ANY"}, None, [("https://r1", 1)], "https://r1"),
        ([service("https://r2", 2)], {"selector": "ANY"}, None, [("https://r2", 2)], None),
        (
            [service("https://r1"), service("https://r2", 2)],
            {"selector": "ANY"},
            None,
            [("https://r2", 2)],
            "https://r1",
        ),
        ([service("https://r1"), service("https://r2", 2)], {}, 1, [("https://r1", 1)], "https://r1"),
        ([service("https://r1"), service("https://r2", 2)], {}, 2, [("https://r2", 2)], None),
        (
            [service("https://old", 2, OVER), service("https://r1")],
            {},
            None,
            [("https://r1", 1)],
            "https://r1",
        ),
        (
            [service("https://new", 2, SOON), service("https://r1")],
            {},
            None,
            [("https://r1", 1)],
            "https://r1",
        ),
        ([service("https://r3", 3), service("https://r1")], {}, None, [("https://r1", 1)], "https://r1"),
        (
            [service("https://a"), service("https://b", operator="b"), service("https://a2", 2)],
            {"selector": "ALL"},
            None,
            [("https://a2", 2), ("https://b", 1)],
            "https://a",
        ),
        (
            [service("https://a"), service("https://b", operator="b"), service("https://c", operator="c")],
            {"selector": "EXACT", "count": 2},
            None,
            [("https://a", 1), ("https://b", 1)],
            "https://a",
        ),
        ([], {"selector": "ANY"}, None, [], None),
    ],
)
def test_logs(
    logs: list[Any],
    selection: dict[str, Any],
    version: int | None,
    chosen: list[tuple[str, int]],
    legacy: str | None,
) -> None:
    """The newest version of each operator, and the Rekor v1 for `.sig` beside it."""
    found = read(config(rekorTlogUrls=logs, rekorTlogConfig=selection), version)
    assert [(log.url, log.version) for log in found.logs] == chosen
    assert (found.legacy_log and found.legacy_log.url) == legacy


def test_a_config_without_selectors() -> None:
    """One service of each kind."""
    blob = json.loads(config())
    del blob["tsaConfig"], blob["rekorTlogConfig"]
    found = read(json.dumps(blob).encode())
    assert (found.fulcio, found.timestamps, len(found.logs)) == ("https://f", ("https://t",), 1)


def test_client_trust_config() -> None:
    """Services and trusted root in one."""
    root = VirtualSigstore().trusted_root()
    blob = {
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": json.loads(root),
        "signingConfig": json.loads(config()),
    }
    found = read(json.dumps(blob).encode())
    assert (json.loads(found.trusted_root), found.fulcio) == (json.loads(root), "https://f")


@pytest.mark.parametrize(
    "blob, code",
    [
        (b"{", "json-syntax"),
        (b"[]", "json-type"),
        (config(mediaType="application/vnd.dev.sigstore.signingconfig.v0.1+json"), "signing-config"),
        (config(rekorTlogConfig={"selector": "SOME"}), "signing-config"),
        (config(rekorTlogConfig={"selector": "EXACT", "count": 2}), "signing-config"),
        (config(caUrls=[{"url": "https://f", "majorApiVersion": 1}]), "json-type"),
        (config(caUrls=[service("https://f", window={"start": "yesterday"})]), "time"),
    ],
)
def test_not_a_config(blob: bytes, code: str) -> None:
    """The operator's mistake, with the file's name."""
    with pytest.raises(ConfigurationError) as raised:
        read(blob)
    assert raised.value.code == code
    assert "config.json" in raised.value.message


def test_named() -> None:
    """By URL a Rekor speaks v1 unless it is said; a second one may be the v1 that `.sig` needs."""
    one = named(fulcio="https://f", rekors=["https://r"], version=None, timestamps=[])
    two = named(fulcio="https://f", rekors=["https://r"], version=2, timestamps=["https://t"])
    assert (one.logs, one.legacy_log) == ((Rekor(url="https://r"),), Rekor(url="https://r"))
    assert (two.logs, two.legacy_log) == ((Rekor(url="https://r", version=2),), None)
