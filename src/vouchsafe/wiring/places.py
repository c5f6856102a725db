"""Where things stand on a host that countersigns, and what its single files say."""

from __future__ import annotations

import re
from collections.abc import Mapping

from vouchsafe.adapters import guarded
from vouchsafe.adapters.files import Missing, read_regular
from vouchsafe.errors import ConfigurationError, HostError, MalformedError
from vouchsafe.image.reference import Reference
from vouchsafe.record import Record

STATE = "/var/lib/vouchsafe"
KEY = "ca.key"
ACCOUNT = "vouchsafe"  # whose the service is: deploy/sysusers.d
LARGEST_TRACKED = 1024 * 1024  # bytes
LONGEST_MACHINE_ID = 128  # bytes of the file
_MACHINE_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)


class Places(Record):
    """Where things stand. `etc` and `run` are /etc and /run but for tests and images.

    `keys`: a folder that holds the CA in place of `state`: systemd's LoadCredential=, or a mounted token.
    """

    etc: str = "/etc"
    run: str = "/run"
    state: str = STATE
    keys: str = ""
    root: str = ""

    @classmethod
    def below(cls, root: str, *, state: str = "") -> Places:
        """Of a machine whose root is a folder: what a policy names lies below it too."""
        base = root.rstrip("/")
        return cls(etc=f"{base}/etc", run=f"{base}/run", state=state or f"{base}{STATE}", root=base)

    def with_credentials(self, environ: Mapping[str, str]) -> Places:
        """The CA in what systemd loaded for this process, where there is one (systemd.exec(5), LoadCredential=)."""
        folder = environ.get("CREDENTIALS_DIRECTORY", "")
        is_there = bool(folder) and guarded.stamp(f"{folder}/{KEY}") is not None
        return self.replace(keys=folder) if is_there else self

    @property
    def ours(self) -> str:
        """Our configuration."""
        return f"{self.etc}/vouchsafe"

    @property
    def applied(self) -> str:
        """How the policy was put in force."""
        return f"{self.ours}/host/applied.json"

    @property
    def containers_policy(self) -> str:
        """What clients read."""
        return f"{self.etc}/containers/policy.json"

    @property
    def registries(self) -> str:
        """Where clients ask for signatures, as we wrote it."""
        return f"{self.etc}/containers/registries.d/vouchsafe.yaml"

    @property
    def certificate(self) -> str:
        """The CA's certificate."""
        return f"{self.keys or self.state}/ca.crt"

    @property
    def key(self) -> str:
        """The CA's key, 0600."""
        return f"{self.keys or self.state}/{KEY}"

    @property
    def published(self) -> str:
        """Where everybody reads the CA's certificate, and policy.json names it."""
        return f"{self.run}/vouchsafe/ca.crt"

    @property
    def tombstones(self) -> str:
        """What was revoked."""
        return f"{self.state}/revoked"

    @property
    def rotation(self) -> str:
        """Which policy's keys are published, where clients cannot read certificates."""
        return f"{self.state}/rotation"

    @property
    def database(self) -> str:
        """What is remembered."""
        return f"{self.state}/countersign.db"

    @property
    def broker(self) -> str:
        """Where root hands its registry credentials to the service."""
        return f"{self.run}/vouchsafe/credentials.sock"

    @property
    def tracked(self) -> str:
        """References whose indexes are looked at first, one a line."""
        return f"{self.ours}/track"


def machine_id(places: Places) -> str:
    """The id of this machine (machine-id(5)). HostError."""
    found = known_machine_id(places)
    if not found:
        raise HostError(
            "machine-id",
            f"expected 32 hexadecimal digits in {places.etc}/machine-id, got something else",
            hint="`systemd-machine-id-setup` makes one; an image is shipped without.",
        )
    return found


def known_machine_id(places: Places) -> str:
    """Empty where there is none: in an image that is being built."""
    try:
        content = read_regular(f"{places.etc}/machine-id", largest=LONGEST_MACHINE_ID)
    except Missing:
        return ""
    found = content.decode("ascii", "replace").strip()
    return found if _MACHINE_ID.fullmatch(found) else ""


def tracked(places: Places) -> tuple[Reference, ...]:
    """References whose indexes are looked at first. ConfigurationError names the line."""
    try:
        return listed(read_regular(places.tracked, largest=LARGEST_TRACKED), places.tracked)
    except Missing:
        return ()


def listed(content: bytes, path: str) -> tuple[Reference, ...]:
    """References, one a line; `#` begins a comment. ConfigurationError names the line."""
    found = []
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        text = line.partition("#")[0].strip()
        try:
            found += [Reference.parse(text)] if text else []
        except MalformedError as error:
            raise ConfigurationError("tracked", f"{path}:{number}: {error.message}") from error
    return tuple(found)
