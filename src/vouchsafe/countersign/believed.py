"""What one rule believes: a hash of every key, CA and root that it names, and when the first of them ends.

It is a part of the key of everything that is remembered: a refreshed trust root, or a CA file that was
replaced, ends verdicts; it must not change what /etc/containers says.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from vouchsafe.admission import material
from vouchsafe.admission.material import World
from vouchsafe.policy.scope import Rule
from vouchsafe.ports import Files
from vouchsafe.record import Record

HASH_LENGTH = 32  # hexadecimal digits


class Believed(Record):
    """`ends`: when a trust root says of itself that it must have been refreshed."""

    fingerprint: str
    ends: datetime | None = None


class _Noting:
    """Implements `ports.Files`, and hashes all that is read."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self.read_so_far = hashlib.sha256()

    def read(self, path: str, *, largest: int) -> bytes:
        """See the port."""
        content = self._files.read(path, largest=largest)
        self.read_so_far.update(hashlib.sha256(content).digest())
        return content


def believed(rule: Rule, world: World) -> Believed:
    """Read everything that `rule` names. ConfigurationError, MalformedError, Unavailable."""
    noting = _Noting(world.files)
    seen = World(files=noting, trust=world.trust, openpgp=world.openpgp)
    ends: list[datetime] = []
    roots: list[str] = []
    for requirement in rule.requirements:
        judge = material.prepare(requirement, seen)
        if judge is not None and judge.root is not None:
            roots.append(judge.root.fingerprint)
            if judge.root.expires is not None:
                ends.append(judge.root.expires)
    noting.read_so_far.update("".join(roots).encode())
    return Believed(fingerprint=noting.read_so_far.hexdigest()[:HASH_LENGTH], ends=min(ends, default=None))
