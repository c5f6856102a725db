"""A TUF repository in memory, made with python-tuf, that can do every wrong thing a mirror or thief can do.

Metadata and targets are served below `/` and `/targets/` with consistent snapshots, as Sigstore's are.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]
from tuf.api.metadata import (  # type: ignore[attr-defined]
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from vouchsafe.testing.loopback import Request, Response
from vouchsafe.verification.tuf import Delivery

ROLES = ("root", "timestamp", "snapshot", "targets")
URL = "https://tuf.example"
FETCHED = datetime(2026, 11, 2, 12, tzinfo=UTC)


class TufRepository:
    """Its files by path; change `metadata[role].signed`, then `publish`."""

    def __init__(self, target: bytes, *, expires: datetime | None = None) -> None:
        """`expires` is every role's, by default in 30 days."""
        self.signers = {role: [CryptoSigner.generate_ecdsa()] for role in ROLES}
        end = expires or datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
        self.files: dict[str, bytes] = {}
        self.root = Metadata(Root(expires=end, consistent_snapshot=True))
        self.timestamp = Metadata(Timestamp(expires=end))
        self.snapshot = Metadata(Snapshot(expires=end))
        self.targets = Metadata(Targets(expires=end))
        for role in ROLES:
            self.root.signed.add_key(self.signers[role][0].public_key, role)
        self.publish_root()
        self.bootstrap = self.files["/1.root.json"]
        self.publish_target(target)

    def publish_root(self, *, also: list[CryptoSigner] | None = None) -> bytes:
        """Sign the root with its keys and with those of the root before (`also`)."""
        blob = self._signed(self.root, "root", also or [])
        self.files[f"/{self.root.signed.version}.root.json"] = blob
        return blob

    def rotate(self, role: str) -> None:
        """Replace the keys of a role by a new one, and publish the root that says so."""
        before = self.signers["root"]
        for signer in self.signers[role]:
            self.root.signed.revoke_key(signer.public_key.keyid, role)
        self.signers[role] = [CryptoSigner.generate_ecdsa()]
        self.root.signed.add_key(self.signers[role][0].public_key, role)
        self.root.signed.version += 1
        self.publish_root(also=before)

    def publish_target(self, target: bytes, name: str = "trusted_root.json") -> None:
        """A new target, and everything that lists it."""
        described = TargetFile.from_data(name, target, ["sha256"])
        self.targets.signed.targets[name] = described
        self.files[f"/targets/{hashlib.sha256(target).hexdigest()}.{name}"] = target
        self.publish_targets()

    def publish_targets(self) -> None:
        """Count targets.json up; the rest follows."""
        version = self.snapshot.signed.meta["targets.json"].version + ("/1.targets.json" in self.files)
        self.targets.signed.version = version
        self.files[f"/{version}.targets.json"] = self._signed(self.targets, "targets")
        self.snapshot.signed.meta["targets.json"] = MetaFile(version)
        self.publish_snapshot()

    def publish_snapshot(self) -> None:
        """Count snapshot.json up; the timestamp follows."""
        version = self.snapshot.signed.version + ("/1.snapshot.json" in self.files)
        self.snapshot.signed.version = version
        self.files[f"/{version}.snapshot.json"] = self._signed(self.snapshot, "snapshot")
        self.timestamp.signed.snapshot_meta = MetaFile(version)
        self.publish_timestamp()

    def publish_timestamp(self) -> None:
        """Count timestamp.json up."""
        self.timestamp.signed.version += "/timestamp.json" in self.files
        self.files["/timestamp.json"] = self._signed(self.timestamp, "timestamp")

    def answer(self, request: Request) -> Response:
        """What the repository's web server says."""
        found = self.files.get(request.path)
        return Response(status=404, body=b"no such file") if found is None else Response(body=found)

    def delivery(self) -> Delivery:
        """What a refresh from the bootstrap root would keep."""
        timestamp = self.files["/timestamp.json"]
        snapshot = self.timestamp.signed.snapshot_meta.version
        targets = self.snapshot.signed.meta["targets.json"].version
        described = self.targets.signed.targets.get("trusted_root.json")
        digest = described.hashes["sha256"] if described else ""
        return Delivery(
            url=URL,
            fetched=FETCHED,
            roots=tuple(self.files[f"/{n}.root.json"] for n in range(2, self.root.signed.version + 1)),
            timestamp=timestamp,
            snapshot=self.files[f"/{snapshot}.snapshot.json"],
            targets=self.files[f"/{targets}.targets.json"],
            target=self.files.get(f"/targets/{digest}.trusted_root.json", b""),
        )

    def _signed(self, metadata: Metadata, role: str, also: list[CryptoSigner] | None = None) -> bytes:
        metadata.signatures.clear()
        for signer in [*self.signers[role], *(also or [])]:
            metadata.sign(signer, append=True)
        return metadata.to_bytes()
