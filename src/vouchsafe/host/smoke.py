"""Proof with the host's own clients: what must be pulled is pulled, and everything else is refused.

Every refusal is worth something only beside an acceptance by the same client: a client that cannot pull at
all refuses too. So each of them has legs of both kinds, and all must behave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from vouchsafe.host.leg import Leg, leg
from vouchsafe.host.pullers import Puller, Rules, lookaside, rules
from vouchsafe.host.rehearsal import Rehearsal

HARVESTED, SHORT = "/harvested", "/short"  # below the scratch root: lookasides of files
LONG_LIFE, SHORT_LIFE = "10m", "1s"
PAUSE_SECONDS = 2.0  # until a countersignature of SHORT_LIFE has ended, whatever the fraction of a second
SIGNED = "legacy"  # the laboratory's plainest image


def smoke(host: Rehearsal, clients: tuple[Puller, ...], *, pause: Callable[[float], None]) -> Iterator[Leg]:
    """Every leg, as it ends. HostError, ConfigurationError, Unavailable when one cannot even be tried."""
    for client in clients:
        yield from _images(host, client)
    yield from _in_advance(host, clients, pause)
    yield from _another_policy(host, clients)
    host.stop()
    image = host.laboratory.pull(SIGNED).reference
    for client in clients:
        yield leg(client, "stopped", "the countersigner is not running", image, host.rules, allowed=False)


def _images(host: Rehearsal, client: Puller) -> Iterator[Leg]:
    for pull in host.laboratory.pulls:
        yield leg(client, pull.name, pull.why, pull.reference, host.rules, allowed=pull.allowed)
    image = host.laboratory.pull(SIGNED).reference.replace("127.0.0.1", "LOCALHOST")
    why = "the same image, its host written in capitals"
    yield leg(client, "capitals", why, image, host.rules, allowed=False)


def _in_advance(
    host: Rehearsal, clients: tuple[Puller, ...], pause: Callable[[float], None]
) -> Iterator[Leg]:
    """Countersignatures in files: one that lives, and one whose time is over."""
    image = host.laboratory.pull(SIGNED).reference
    for folder, lasting in ((HARVESTED, LONG_LIFE), (SHORT, SHORT_LIFE)):
        host.admit(image, f"{host.tools.scratch.root}{folder}", lasting)
    pause(PAUSE_SECONDS)
    for client in clients:
        kept = _files(host, HARVESTED, "kept")
        yield leg(client, "in advance", "countersigned before, in a file", image, kept, allowed=True)
        if host.script.form == "key":
            continue  # a bare key's signature does not end by itself: its key is replaced
        over = _files(host, SHORT, "over")
        yield leg(client, "expired", "the countersignature's time is over", image, over, allowed=False)


def _another_policy(host: Rehearsal, clients: tuple[Puller, ...]) -> Iterator[Leg]:
    """What was harvested under one policy is worth nothing under the next, whoever answers with it."""
    image = host.laboratory.pull(SIGNED).reference
    host.apply(more_scopes=True)
    replayed = _files(host, HARVESTED, "replayed")
    for client in clients:
        yield leg(client, "changed", "the policy was changed and applied", image, host.rules, allowed=True)
        why = "a countersignature of the policy before, replayed"
        yield leg(client, "replayed", why, image, replayed, allowed=False)


def _files(host: Rehearsal, folder: str, name: str) -> Rules:
    """The rehearsal's policy of this moment, with a lookaside of files."""
    policy = host.files.read("/etc/containers/policy.json", largest=1024 * 1024) or b""
    registry = host.laboratory.registry
    url = f"file://{host.tools.scratch.root}{folder}/{registry}"
    return rules(host.tools.scratch, name, policy, lookaside(registry, url))


def summary(legs: tuple[Leg, ...]) -> str:
    """Why this proves nothing; empty when every leg behaved and there were legs of both kinds for each client."""
    if not legs:
        return "there is no client to try"
    wrong = [each for each in legs if not each.behaved]
    if wrong:
        first = wrong[0]
        got = "it was pulled" if first.pulled else first.said
        return f"{len(wrong)} of {len(legs)} legs; {first.client}, {first.name} ({first.why}): {got}"
    return ""
