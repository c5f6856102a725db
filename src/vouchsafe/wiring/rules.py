"""The files that an image is judged by, read only where nobody but root, or whoever runs us, could have written."""

from __future__ import annotations

from vouchsafe.adapters import guarded, policyfiles
from vouchsafe.adapters.guarded import GuardedFiles
from vouchsafe.policy import revocation
from vouchsafe.ports import Rules
from vouchsafe.wiring.places import Places


def read_rules(places: Places, files: GuardedFiles, state: GuardedFiles, uid: int) -> Rules:
    """All of them. ConfigurationError, HostError. `state` reads what the service's account may own too."""
    policy = policyfiles.of_host(places.ours)
    if policy is not None:
        for document in policy.documents:
            guarded.refuse_writable(document.source, uid)
    state.guard(places.state)  # a tombstone that somebody took away revokes nothing
    return Rules(
        policy=policy,
        applied=files.read_if_there(places.applied),
        containers_policy=files.read_if_there(places.containers_policy),
        registries=files.read_if_there(places.registries),
        tombstones=state.read_if_there(places.tombstones, largest=revocation.LARGEST) or b"",
    )
