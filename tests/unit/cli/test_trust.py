"""What `trust show` says of a root that was refreshed, one that grew old, and caches that were passed over."""

from __future__ import annotations

import io
from datetime import datetime, timedelta

import pytest

from vouchsafe.cli.console import Console
from vouchsafe.cli.trust import report
from vouchsafe.testing.clock import VIRTUAL_NOON
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.verification.trust import LoadedRoot, parse_trusted_root

LOADED = LoadedRoot(
    root=parse_trusted_root(VirtualSigstore().trusted_root()),
    source="tuf",
    place="/cache/delivery.json",
    sha256="ab" * 32,
    as_of=VIRTUAL_NOON,
    fresh_until=VIRTUAL_NOON + timedelta(days=7),
    url="https://tuf.example",
)


def shown(loaded: LoadedRoot, at: datetime, *, colour: bool = False) -> tuple[str, str]:
    """Standard output and standard error."""
    out, err = io.StringIO(), io.StringIO()
    report(loaded, at, "text", Console(out=out, err=err, colour=colour))
    return out.getvalue(), err.getvalue()


def test_a_refreshed_root() -> None:
    """From where, of when, until when; nothing to warn of."""
    out, err = shown(LOADED, VIRTUAL_NOON)
    assert out.splitlines()[:2] == [
        "trust root  Sigstore public good, refreshed from https://tuf.example",
        "            of 2026-11-02, fresh until 2026-11-09, sha256 abababababababab",
    ]
    assert err == ""


@pytest.mark.parametrize(
    "loaded, days, warning",
    [
        (LOADED, 8, "the metadata of this trust root ended on 2026-11-09: run `vouchsafe trust refresh`"),
        (
            LOADED.replace(source="embedded", fresh_until=None),
            181,
            "the embedded trust root is 181 days old: run `vouchsafe trust refresh`",
        ),
        (LOADED.replace(passed_over=("/c: why",)), 0, "a refreshed root is not used: /c: why"),
    ],
)
def test_what_a_person_should_act_on(loaded: LoadedRoot, days: int, warning: str) -> None:
    """Each warning is one line that says what to do, on standard error."""
    _, err = shown(loaded, VIRTUAL_NOON + timedelta(days=days))
    assert f"vouchsafe: warning: {warning}\n" in err


def test_colour() -> None:
    """Green for what counts, where colour is wanted."""
    out, _ = shown(LOADED, VIRTUAL_NOON, colour=True)
    assert "\x1b[32mcurrent \x1b[0m rekor1.sigstore.example" in out
