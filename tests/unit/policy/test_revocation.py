"""What a tombstone must say at least."""

from __future__ import annotations

import pytest

from vouchsafe.errors import HostError
from vouchsafe.policy.revocation import Tombstone, Tombstones
from vouchsafe.testing.clock import VIRTUAL_NOON


def test_a_tombstone_names_something() -> None:
    """One that revokes nothing was meant to revoke something."""
    with pytest.raises(HostError, match="got none"):
        Tombstone(at=VIRTUAL_NOON)
    assert Tombstones().stones == ()
