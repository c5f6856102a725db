"""`docker://`: registries as the OCI distribution-spec describes them and as they really are."""

from __future__ import annotations

from vouchsafe.adapters.registry.client import RegistryClient

__all__ = ["RegistryClient"]
