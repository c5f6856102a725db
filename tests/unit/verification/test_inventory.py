"""What a trust root believes, in lines, and what a person is warned of."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from datetime import timedelta
from typing import Any

import pytest

from vouchsafe.errors import MalformedError
from vouchsafe.testing.clock import VIRTUAL_NOON
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.verification.inventory import OLDEST_EMBEDDED, Believed, inventory, staleness, warnings
from vouchsafe.verification.trust import LoadedRoot, TrustRoot, from_pem, parse_trusted_root

SIGSTORE = VirtualSigstore()
EC_PUBLIC_KEY = bytes.fromhex("06072a8648ce3d0201")  # the object identifier in a SubjectPublicKeyInfo


def root(**changes: Any) -> TrustRoot:
    """The virtual trust root, with members of its JSON replaced."""
    return parse_trusted_root(json.dumps(json.loads(SIGSTORE.trusted_root()) | changes).encode())


def believed(**changes: Any) -> Believed:
    """A log of a virtual root."""
    made = Believed(
        kind="log", subject="rekor.example", algorithm="Ed25519", fingerprint="00", start=None, end=None
    )
    return made.replace(**changes)


def test_everything_is_listed() -> None:
    """Each authority, log and key once, in the order of the file."""
    found = [(each.kind, each.subject, each.algorithm) for each in inventory(root())]
    assert [kind for kind, _, _ in found] == [
        "certificate-authority",
        "log",
        "log",
        "ct-log",
        "timestamp-authority",
    ]
    assert ("log", "rekor2.sigstore.example", "Ed25519") in found
    assert ("ct-log", "ctlog.sigstore.example", "ECDSA P-256") in found


def test_an_authority_names_its_anchor() -> None:
    """Who issues leaves, and who vouches for that one."""
    authority = inventory(root())[0]
    assert "intermediate" in authority.subject.lower()
    assert authority.issuer not in ("", authority.subject)


def test_an_authority_ends_with_its_first_certificate() -> None:
    """An open window does not outlive the certificates in it."""
    open_ended = inventory(root())[0]
    assert open_ended.end == min(each.not_valid_after_utc for each in SIGSTORE.ca.chain)
    written = json.loads(SIGSTORE.trusted_root())
    written["certificateAuthorities"][0]["validFor"] = {
        "start": "2020-01-01T00:00:00Z",
        "end": "2026-11-03T00:00:00Z",
    }
    authorities = inventory(root(**written))[0]
    assert f"{authorities.end:%F}" == "2026-11-03"
    assert authorities.start == max(each.not_valid_before_utc for each in SIGSTORE.ca.chain)


def test_pem_files_are_listed_too() -> None:
    """Keys and CAs that have no windows and no addresses."""
    files = SIGSTORE.pem_files()
    made = from_pem(
        authorities=(files["fulcio-root.pem"],), log_keys=(files["rekor1.pub"],), keys=(files["rekor2.pub"],)
    )
    found = [(each.kind, each.subject, each.issuer, each.uri) for each in inventory(made)]
    assert found[1:] == [("log", "(no address)", "", ""), ("key", "managed key", "", "")]
    assert found[0][2] == ""


def test_other_kinds_of_keys_are_named() -> None:
    """RSA by its size; what we cannot use is said to be so, not hidden."""
    rsa = SIGSTORE.keys.key("inventory", "rsa").public_key()
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    spki = rsa.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    logs = json.loads(SIGSTORE.trusted_root())["tlogs"]
    logs[0]["publicKey"]["rawBytes"] = b64encode(spki).decode()
    logs[1]["publicKey"]["rawBytes"] = b64encode(b"of tomorrow").decode()
    found = [each.algorithm for each in inventory(root(tlogs=logs)) if each.kind == "log"]
    assert found == ["RSA 2048", "of a kind that is not supported"]


def authorities(raw: bytes) -> list[dict[str, Any]]:
    """The virtual authority with another certificate that issues leaves."""
    found: list[dict[str, Any]] = json.loads(SIGSTORE.trusted_root())["certificateAuthorities"]
    found[0]["certChain"]["certificates"][0]["rawBytes"] = b64encode(raw).decode()
    return found


def test_an_authority_with_a_key_of_tomorrow() -> None:
    """An unknown kind of key in a certificate is named, too."""
    first = json.loads(SIGSTORE.trusted_root())["certificateAuthorities"][0]["certChain"]["certificates"][0]
    raw = b64decode(first["rawBytes"]).replace(EC_PUBLIC_KEY, EC_PUBLIC_KEY[:-1] + b"\x7f")
    made = inventory(root(certificateAuthorities=authorities(raw)))[0]
    assert made.algorithm == "of a kind that is not supported"


def test_a_certificate_that_is_none() -> None:
    """A trust root that cannot be read is an error, not a shorter list."""
    with pytest.raises(MalformedError):
        inventory(root(certificateAuthorities=authorities(b"no certificate")))


@pytest.mark.parametrize(
    "start, end, state",
    [
        (None, None, "current"),
        (timedelta(days=1), None, "future"),
        (timedelta(days=-1), timedelta(days=31), "current"),
        (None, timedelta(days=30), "ending"),
        (None, timedelta(0), "ending"),
        (None, timedelta(seconds=-1), "ended"),
    ],
)
def test_states(start: timedelta | None, end: timedelta | None, state: str) -> None:
    """Both ends belong to a window; thirty days before the end it is ending."""
    made = believed(
        start=None if start is None else VIRTUAL_NOON + start, end=None if end is None else VIRTUAL_NOON + end
    )
    assert made.state(VIRTUAL_NOON) == state


def test_warnings() -> None:
    """What ends soon is named with its day; what ended long ago is not, while a successor counts."""
    ended = believed(end=VIRTUAL_NOON - timedelta(days=400))
    ending = believed(subject="rekor.new", end=VIRTUAL_NOON + timedelta(days=7))
    assert warnings((ended, believed()), VIRTUAL_NOON) == ()
    assert warnings((ended, ending), VIRTUAL_NOON) == (
        "the transparency log rekor.new ends on 2026-11-09, in 7 days",
    )
    assert warnings((ended,), VIRTUAL_NOON) == (
        "no transparency log counts now: nothing that is signed today can be verified",
    )
    assert warnings((believed(kind="ct-log", end=VIRTUAL_NOON - timedelta(days=1)),), VIRTUAL_NOON) == ()


def test_what_is_stale() -> None:
    """An embedded root that is old, metadata that ended, and caches that were passed over."""
    at = VIRTUAL_NOON
    fresh = LoadedRoot(
        root=root(), source="embedded", place="", sha256="", as_of=at - OLDEST_EMBEDDED, fresh_until=at
    )
    assert staleness(fresh, at) == ()
    assert staleness(fresh.replace(source="tuf"), at + timedelta(days=400))[0].startswith("the metadata")
    old = fresh.replace(as_of=at - timedelta(days=181), fresh_until=None, passed_over=("x",))
    passed, days = staleness(old, at)
    assert ("181 days old" in days, passed) == (True, "a refreshed root is not used: x")
