"""A registry in memory and on loopback, and what clients put into it: the door to the `registry_…` modules.

>>> with RegistryServer(referrers="api") as registry:
...     digest = push_image(registry.store, "group/app")
...     registry.reference("group/app").startswith("127.0.0.1:")
True
"""

from __future__ import annotations

from vouchsafe.testing.faults import FAULTS, Fault
from vouchsafe.testing.memory_registry import MemoryRegistry
from vouchsafe.testing.push import (
    add_fallback,
    push_attestation,
    push_bundle,
    push_image,
    push_index,
    push_junk,
    push_signature,
    push_signatures,
)
from vouchsafe.testing.registry_access import BasicAccess, TokenAccess
from vouchsafe.testing.registry_server import RegistryServer
from vouchsafe.testing.registry_store import RegistryStore

__all__ = [
    "FAULTS",
    "BasicAccess",
    "Fault",
    "MemoryRegistry",
    "RegistryServer",
    "RegistryStore",
    "TokenAccess",
    "add_fallback",
    "push_attestation",
    "push_bundle",
    "push_image",
    "push_index",
    "push_junk",
    "push_signature",
    "push_signatures",
]
