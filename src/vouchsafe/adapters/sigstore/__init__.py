"""Sigstore's services over HTTP: Fulcio, Rekor v1 and v2, time-stamping, and where identity tokens come from."""

from __future__ import annotations

from vouchsafe.adapters.sigstore.exchange import Exchange
from vouchsafe.adapters.sigstore.fulcio import Fulcio
from vouchsafe.adapters.sigstore.rekor1 import Rekor1
from vouchsafe.adapters.sigstore.rekor2 import Rekor2
from vouchsafe.adapters.sigstore.tokens import identity_token
from vouchsafe.adapters.sigstore.tsa import Tsa

__all__ = ["Exchange", "Fulcio", "Rekor1", "Rekor2", "Tsa", "identity_token"]
