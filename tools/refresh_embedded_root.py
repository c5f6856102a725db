"""Refreshes src/vouchsafe/data/public-good: run as `python -m tools.refresh_embedded_root`.

Asks Sigstore's TUF repository, starting from the root that is embedded already; `--from-sigstore-package`
takes what the PyPI package `sigstore` of this environment ships instead, for a machine without that network.
Nothing older than what is there is ever written, and nothing whose signatures do not lead there.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from vouchsafe.adapters.clock import SystemClock
from vouchsafe.adapters.http import HttpClient
from vouchsafe.adapters.proxies import Proxies
from vouchsafe.adapters.trustroots import PUBLIC_GOOD_URL
from vouchsafe.adapters.tuf import Mirror, refresh
from vouchsafe.errors import VerificationError, VouchsafeError
from vouchsafe.verification.trust import parse_trusted_root
from vouchsafe.verification.tuf import Role, authenticate, newest_root

DATA = Path(__file__).resolve().parent.parent / "src" / "vouchsafe" / "data" / "public-good"


def main(words: Sequence[str] | None = None) -> int:
    """Fetch, check, write, and say what to look at before committing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--from-sigstore-package", action="store_true", help="take what `sigstore` ships")
    parser.add_argument("--as-of", metavar="DATE", help="with the above: the day that package was released")
    parser.add_argument(
        "--data", type=Path, default=DATA, help="where to write (default: the package's data)"
    )
    arguments = parser.parse_args(words)
    try:
        if arguments.from_sigstore_package:
            if not arguments.as_of:
                parser.error("--from-sigstore-package needs --as-of: the package itself does not say")
            root, target, origin = from_package(arguments.as_of)
        else:
            root, target, origin = from_network(arguments.data)
        write(arguments.data, root, target, origin)
    except VouchsafeError as error:
        print(f"error: {error.message}\n{error.hint}".rstrip(), file=sys.stderr)
        return 1
    print(
        f"written to {arguments.data}: compare sha256 {digest(target)} with another source before committing"
    )
    return 0


def from_network(data: Path) -> tuple[bytes, bytes, dict[str, Any]]:
    """Root, target and origin by TUF; the library checks, and then our own code again."""
    bootstrap = (data / "root.json").read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        mirror = Mirror(url=PUBLIC_GOOD_URL, bootstrap=bootstrap, directory=folder)
        delivery = refresh(
            mirror, http=HttpClient(proxies=Proxies.of(os.environ)), clock=SystemClock()
        ).delivery
    signed = authenticate(bootstrap, delivery)
    root = delivery.roots[-1] if delivery.roots else bootstrap
    origin = {
        "from": PUBLIC_GOOD_URL,
        "asOf": f"{delivery.fetched:%FT%TZ}",
        "targetsVersion": signed.targets_version,
    }
    return root, delivery.target, origin


def from_package(day: str) -> tuple[bytes, bytes, dict[str, Any]]:
    """Root, target and origin as the package `sigstore` keeps them."""
    package = importlib.metadata.distribution("sigstore")
    store = Path(str(package.locate_file("sigstore/_store"))) / quote(PUBLIC_GOOD_URL, safe="")
    as_of = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    origin = {"from": f"PyPI package sigstore {package.version}, sigstore/_store", "asOf": f"{as_of:%FT%TZ}"}
    return (store / "root.json").read_bytes(), (store / "trusted_root.json").read_bytes(), origin


def write(data: Path, root: bytes, target: bytes, origin: dict[str, Any]) -> None:
    """Check what can be checked offline, then replace the three files."""
    made = newest_root(root)
    check_follows(data, made, root)
    believed = parse_trusted_root(target)
    provenance = {
        "what": "Sigstore's public-good trust root, and the TUF root that vouches for its successors",
        "repository": f"{PUBLIC_GOOD_URL} (source: github.com/sigstore/root-signing)",
        **origin,
        "rootVersion": made.version,
        "rootExpires": f"{made.expires:%FT%TZ}",
        "sha256": {"trusted_root.json": digest(target), "root.json": digest(root)},
        "refreshedBy": "tools/refresh_embedded_root.py",
    }
    data.mkdir(parents=True, exist_ok=True)
    (data / "root.json").write_bytes(root)
    (data / "trusted_root.json").write_bytes(target)
    (data / "provenance.json").write_text(json.dumps(provenance, indent=2) + "\n", encoding="utf-8")
    count = (
        len(believed.authorities),
        len(believed.logs),
        len(believed.ct_logs),
        len(believed.timestamp_authorities),
    )
    print(
        "root.json {}; {} CAs, {} logs, {} CT logs, {} time-stamping authorities".format(made.version, *count)
    )


def check_follows(data: Path, made: Role, root: bytes) -> None:
    """The new root must not be older than the embedded one, and the next one must be signed by it."""
    try:
        here = newest_root((data / "root.json").read_bytes())
    except OSError:
        print("no root is embedded yet: this one is taken on trust, compare it with another source")
        return
    if made.version < here.version:
        raise VerificationError(
            "trust-rollback", f"expected root {here.version} or newer, got {made.version}"
        )
    if made.version == here.version and made.covered != here.covered:
        raise VerificationError("trust-fork", f"expected root {here.version} as it is embedded, got another")
    if made.version == here.version + 1:
        newest_root((data / "root.json").read_bytes(), (root,))
    elif made.version > here.version:
        print(
            f"roots {here.version + 1} to {made.version - 1} are not here: refresh by network to check the chain"
        )


def digest(blob: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(blob).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
