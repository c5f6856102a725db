"""What a judgement without the countersigner needs: the files that decide, and registries as the host reaches them."""

from __future__ import annotations

from datetime import timedelta

from vouchsafe.adapters import accounts
from vouchsafe.adapters.guarded import GuardedFiles
from vouchsafe.admission.material import World
from vouchsafe.ports import Rules
from vouchsafe.protocol.request import Credentials
from vouchsafe.record import Record
from vouchsafe.wiring import Host, this_host
from vouchsafe.wiring.places import ACCOUNT, Places
from vouchsafe.wiring.rules import read_rules


class Surroundings(Record):
    """As this process has them."""

    places: Places
    host: Host

    def rules(self) -> Rules:
        """The files that decide. ConfigurationError, HostError."""
        uid, account = self.host.settings.uid, accounts.uid_of(ACCOUNT)
        state = GuardedFiles(uid, *(() if account is None else (account,)))
        return read_rules(self.places, GuardedFiles(uid), state, uid)


def surroundings(credentials: Credentials, *, root: str, seconds: float) -> Surroundings:
    """With credentials by reference. Nothing is read yet."""
    host = this_host(
        authfile=credentials.auth_file,
        cert_dir=credentials.cert_dir,
        tls_verify=credentials.tls_verify,
        timeout=timedelta(seconds=max(seconds, 0.0)),
    )
    world = World(
        files=GuardedFiles(host.settings.uid, root=root.rstrip("/")),
        trust=host.world.trust,
        openpgp=host.world.openpgp,
    )
    return Surroundings(
        places=Places.below(root), host=host.replace(settings=host.settings.below(root), world=world)
    )
