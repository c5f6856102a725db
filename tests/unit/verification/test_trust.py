"""Trust roots: who is believed, from when until when, read without a guess."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tests.judging import code
from vouchsafe.testing.canonical import b64, der
from vouchsafe.testing.keys import public_pem, spki
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.verification.trust import (
    MOST_AUTHORITIES,
    Log,
    PublicKey,
    TrustRoot,
    Window,
    from_pem,
    parse_time,
    parse_trusted_root,
)

SIGSTORE = VirtualSigstore()
ROOT: dict[str, Any] = json.loads(SIGSTORE.trusted_root())
PEM = SIGSTORE.pem_files()
KEY = public_pem(SIGSTORE.keys.ec("managed").public_key())
Change = Callable[[dict[str, Any]], object]


def read(*changes: Change) -> TrustRoot:
    """The virtual root with changes."""
    made = copy.deepcopy(ROOT)
    for change in changes:
        change(made)
    return parse_trusted_root(json.dumps(made).encode(), source="a test")


def test_read() -> None:
    """Everything of it, as plain data."""
    found = read()
    (authority,), (ct_log,), (tsa,) = found.authorities, found.ct_logs, found.timestamp_authorities
    assert authority.chain == tuple(der(link) for link in SIGSTORE.ca.chain)
    assert (authority.uri, authority.open_path) == ("https://fulcio.sigstore.example", False)
    assert tsa.chain == tuple(der(link) for link in SIGSTORE.tsa.chain)
    assert [log.host for log in found.logs] == ["rekor1.sigstore.example", "rekor2.sigstore.example"]
    assert [log.key_id for log in found.logs] == [SIGSTORE.rekor1.id, SIGSTORE.rekor2.id]
    assert (ct_log.key, ct_log.key_id) == (spki(SIGSTORE.ct_log.public_key), SIGSTORE.ct_log.id)
    assert authority.window == Window(start=SIGSTORE.window.start)
    assert (found.keys, found.expires, found.source) == ((), None, "a test")


def test_media_types() -> None:
    """The versions that we know; one that we do not could say more than we understand."""
    for known in ("+json;version=0.1", ".v0.1+json", ".v0.2+json"):
        named = f"application/vnd.dev.sigstore.trustedroot{known}"
        assert read(lambda made, name=named: made.update(mediaType=name)).logs  # type: ignore[misc]
    for other in ("", "application/json", "application/vnd.dev.sigstore.trustedroot.v0.3+json"):
        assert (
            code(lambda name=other: read(lambda made: made.update(mediaType=name)))  # type: ignore[misc]
            == "trusted-root"
        )
    assert code(lambda: read(lambda made: made.pop("mediaType"))) == "trusted-root"


def log_of(made: dict[str, Any]) -> dict[str, Any]:
    """The first log."""
    return dict(made)["tlogs"][0]


def ca_of(made: dict[str, Any]) -> dict[str, Any]:
    """The CA."""
    return dict(made)["certificateAuthorities"][0]


MALFORMED: dict[str, tuple[Change, str]] = {
    "log-no-key": (lambda made: log_of(made).pop("publicKey"), "json-type"),
    "log-key-empty": (lambda made: log_of(made).update(publicKey={}), "json-type"),
    "log-key-words": (lambda made: log_of(made)["publicKey"].update(rawBytes="key!"), "base64"),
    "log-no-window": (lambda made: log_of(made)["publicKey"].pop("validFor"), "json-type"),
    "log-no-start": (lambda made: log_of(made)["publicKey"]["validFor"].pop("start"), "json-type"),
    "log-start-null": (lambda made: log_of(made)["publicKey"]["validFor"].update(start=None), "json-type"),
    "log-start-empty": (lambda made: log_of(made)["publicKey"]["validFor"].update(start=""), "time"),
    "log-end-words": (lambda made: log_of(made)["publicKey"]["validFor"].update(end="soon"), "time"),
    "log-id-text": (lambda made: log_of(made).update(logId="x"), "json-type"),
    "log-checkpoint-id-empty": (lambda made: log_of(made).update(checkpointKeyId={}), "json-type"),
    "ca-no-window": (lambda made: ca_of(made).pop("validFor"), "json-type"),
    "ca-no-start": (lambda made: ca_of(made).update(validFor={}), "json-type"),
    "ca-no-chain": (lambda made: ca_of(made).pop("certChain"), "json-type"),
    "ca-chain-empty": (lambda made: ca_of(made).update(certChain={"certificates": []}), "trusted-root"),
    "ca-chain-words": (
        lambda made: ca_of(made).update(certChain={"certificates": [{"rawBytes": "!"}]}),
        "base64",
    ),
    "ca-uri-number": (lambda made: ca_of(made).update(uri=1), "json-type"),
    "logs-object": (lambda made: made.update(tlogs={}), "json-type"),
    "logs-many": (lambda made: made.update(tlogs=[made["tlogs"][0]] * 65), "json-too-many"),
    "nobody": (
        lambda made: made.update(certificateAuthorities=[], tlogs=[], timestampAuthorities=[]),
        "trusted-root",
    ),
    "nobody-at-all": (
        lambda made: [made.pop(key) for key in list(made) if key != "mediaType"],
        "trusted-root",
    ),
}


@pytest.mark.parametrize("which", MALFORMED)
def test_malformed(which: str) -> None:
    """A window without a start is not a window without bounds; a chain of nothing is no authority."""
    change, expected = MALFORMED[which]
    assert code(lambda: read(change)) == expected


def test_parts_may_be_absent() -> None:
    """A private Sigstore without one of its parts."""
    for key in ("tlogs", "ctlogs", "certificateAuthorities", "timestampAuthorities"):
        found = read(lambda made, gone=key: made.pop(gone))  # type: ignore[misc]
        assert isinstance(found, TrustRoot)
    assert len(read(lambda made: made.update(tlogs=[made["tlogs"][0]] * MOST_AUTHORITIES)).logs) == 64


def test_ids_of_logs() -> None:
    """Without one, the hash of the key (Rekor v1); checkpoints may have another."""
    log = read(lambda made: log_of(made).pop("logId")).logs[0]
    assert log.key_id == hashlib.sha256(log.key).digest()
    named = read(lambda made: log_of(made).update(checkpointKeyId={"keyId": b64(b"1234")})).logs[0]
    assert (named.checkpoint_key_id, log.checkpoint_key_id) == (b"1234", b"")


@pytest.mark.parametrize(
    "url, host",
    [
        ("https://rekor.example", "rekor.example"),
        ("https://Rekor.Example/api/v1", "rekor.example"),
        ("http://127.0.0.1:3000/", "127.0.0.1:3000"),
        ("rekor.example", ""),
        ("", ""),
    ],
)
def test_hosts_of_logs(url: str, host: str) -> None:
    """The host of its URL, where it has one."""
    assert read(lambda made: log_of(made).update(baseUrl=url)).logs[0].host == host


TIMES = {
    "utc": ("2021-01-14T00:00:00Z", datetime(2021, 1, 14, tzinfo=UTC)),
    "small-letters": ("2021-01-14t00:00:00z", datetime(2021, 1, 14, tzinfo=UTC)),
    "milliseconds": ("2022-12-31T23:59:59.999Z", datetime(2022, 12, 31, 23, 59, 59, 999_000, UTC)),
    "nanoseconds": ("2022-12-31T23:59:59.123456789Z", datetime(2022, 12, 31, 23, 59, 59, 123_456, UTC)),
    "one-digit": ("2022-12-31T23:59:59.1Z", datetime(2022, 12, 31, 23, 59, 59, 100_000, UTC)),
    "offset": (
        "2021-01-14T00:00:00+02:00",
        datetime(2021, 1, 14, tzinfo=timezone(timedelta(hours=2))),
    ),
    "first": ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
    "last": ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
}


@pytest.mark.parametrize("which", TIMES)
def test_times(which: str) -> None:
    """RFC 3339, always told in UTC."""
    text, expected = TIMES[which]
    assert parse_time(text, "it") == expected
    assert parse_time(text, "it").tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2021-01-14",
        "2021-01-14T00:00:00",
        "2021-01-14 00:00:00Z",
        "2021-13-14T00:00:00Z",
        "2021-02-30T00:00:00Z",
        "2021-01-14T24:00:01Z",
        "2021-01-14T00:00:60Z",
        "2021-01-14T00:00:00.Z",
        "2021-01-14T00:00:00.1234567890Z",
        "2021-01-14T00:00:00+99:99",
        "٢٠٢١-01-14T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "2021-01-14T00:00:00Z\n",
    ],
)
def test_not_times(text: str) -> None:
    """Nothing else, however close."""
    assert code(lambda: parse_time(text, "it")) == "time"


def test_windows() -> None:
    """Both ends inside; open where nothing is written."""
    noon = datetime(2026, 11, 2, 12, tzinfo=UTC)
    second = timedelta(seconds=1)
    held = Window(start=noon, end=noon + second)
    inside = [moment in held for moment in (noon - second, noon, noon + second, noon + 2 * second)]
    assert inside == [False, True, True, False]
    assert noon in Window()
    assert str(held) == "2026-11-02 to 2026-11-02"
    assert str(Window()) == "open to open"


def test_pem_files() -> None:
    """As containers/image takes them: every certificate an anchor, no windows, no CT log."""
    found = from_pem(
        authorities=(PEM["fulcio-chain.pem"],), log_keys=(PEM["rekor1.pub"],), keys=(KEY, KEY), source="x"
    )
    assert [each.chain for each in found.authorities] == [(der(link),) for link in SIGSTORE.ca.chain]
    assert all(each.open_path and each.window == Window() for each in found.authorities)
    assert found.logs == (
        Log(key_id=SIGSTORE.rekor1.id, key=spki(SIGSTORE.rekor1.public_key), window=Window()),
    )
    assert found.keys == (PublicKey(key=spki(SIGSTORE.keys.ec("managed").public_key())),) * 2
    assert (found.ct_logs, found.source) == ((), "x")
    assert from_pem() == TrustRoot()


def test_wrong_pem_files() -> None:
    """A key where a certificate is expected, and the other way round; words."""
    certificate = PEM["fulcio-root.pem"]
    assert code(lambda: from_pem(authorities=(KEY,))) == "pem"
    assert code(lambda: from_pem(log_keys=(certificate,))) == "pem"
    assert code(lambda: from_pem(keys=(b"key",))) == "pem"
    assert from_pem(keys=(KEY + certificate,)).keys  # the first block counts, as in containers/image
    assert code(lambda: from_pem(keys=(certificate + KEY,))) == "pem"


def test_fingerprint_is_of_what_is_believed() -> None:
    """Not of where it came from; anything else changes it, windows too."""
    found = read()
    assert found.fingerprint == found.replace(source="elsewhere").fingerprint
    later = found.logs[0].replace(window=Window(start=SIGSTORE.window.start + timedelta(seconds=1)))
    others = (
        found.replace(logs=(later, *found.logs[1:])),
        found.replace(keys=(PublicKey(key=b"k"),)),
        found.replace(ct_logs=()),
        found.replace(expires=SIGSTORE.window.end),
    )
    assert len({found.fingerprint, *(other.fingerprint for other in others)}) == 5
