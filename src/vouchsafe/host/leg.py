"""One pull of a proof, and what it came to."""

from __future__ import annotations

from vouchsafe.host.pullers import Puller, Rules
from vouchsafe.record import Record


class Leg(Record):
    """One pull by one client, what it should have come to, and what it came to."""

    client: str
    name: str
    why: str
    allowed: bool
    pulled: bool
    said: str = ""

    @property
    def behaved(self) -> bool:
        """Whether it is as it should be."""
        return self.pulled == self.allowed


def leg(client: Puller, name: str, why: str, image: str, rules: Rules, *, allowed: bool) -> Leg:
    """Let a client pull. Never raises."""
    outcome = client.pull(image, rules)
    return Leg(
        client=client.name, name=name, why=why, allowed=allowed, pulled=outcome.pulled, said=outcome.said
    )
