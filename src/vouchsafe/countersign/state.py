"""What is in force at this moment: the applied policy, the tombstones and the CA, or the problem with them.

While the policy does not parse, could have been written by others, or is edited but not applied, there is a
problem and every answer is 503. What was good a moment ago is never kept. Nothing is answered from memory
before the files have been looked at again; a change starts a new generation, and everything that was
remembered belongs to an older one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from vouchsafe.countersign.authority import Authority
from vouchsafe.countersign.derived import Rotation
from vouchsafe.countersign.scopes import Table, for_judging
from vouchsafe.errors import ConfigurationError, HostError, VouchsafeError
from vouchsafe.policy import applied as record
from vouchsafe.policy import revocation
from vouchsafe.policy.compile import Compiled, Host
from vouchsafe.policy.requirement import Requirement, SignedBy, SigstoreAttested, SigstoreSigned, Source
from vouchsafe.policy.revocation import Tombstones
from vouchsafe.policy.scope import Policy, Rule
from vouchsafe.ports import Clock, HostConfiguration, Standing
from vouchsafe.record import Record

RETRY = timedelta(seconds=2)  # after which a problem is looked at again although no file has changed


class InForce(Record):
    """The applied policy: the rule and the marker of each scope that is judged here.

    `judged` are the rules as a question without a tag can be judged (`scopes.for_judging`).
    """

    policy: Policy
    epoch: str
    rules: Mapping[str, Rule]
    judged: Mapping[str, Rule]
    markers: Mapping[str, str]
    table: Table
    compiled: Compiled
    host: Host


class State(Record):
    """`problem` says why nothing is answered; then the rest must not be used."""

    generation: int
    in_force: InForce | None = None
    tombstones: Tombstones = Tombstones()
    authority: Authority | None = None
    rotation: Rotation | None = None
    problem: VouchsafeError | None = None


class Grounds(Record):
    """What is judged on: a State without a problem, whether or not anything can be signed."""

    generation: int
    in_force: InForce
    tombstones: Tombstones


class Ready(Grounds):
    """What is judged on, and who signs. `rotation` where the form needs a key of each scope's own."""

    authority: Authority
    rotation: Rotation | None = None


def in_force(found: Standing) -> InForce:
    """The policy, if /etc/containers says what it compiles to. ConfigurationError."""
    if found.policy is None:
        raise ConfigurationError("policy-missing", "expected a policy in /etc/vouchsafe, got none")
    if found.applied is None:
        raise ConfigurationError(
            "not-applied", "expected a policy that was applied, got none", hint=record.NOT_APPLIED
        )
    applied = record.parse(found.applied)
    compiled = record.in_force(found.policy, applied, found.containers_policy, found.registries)
    docker = found.policy.transports.get("docker", {})
    markers = {each.scope: each.marker for each in compiled.countersigned}
    return InForce(
        policy=found.policy,
        epoch=compiled.epoch,
        rules={scope: docker[scope] for scope in markers},
        judged={scope: for_judging(docker[scope]) for scope in markers},
        markers=markers,
        table=Table(docker),
        compiled=compiled,
        host=applied.host,
    )


def authority(found: Standing, at: datetime) -> Authority:
    """The CA of this machine, published and not at its end. HostError."""
    if found.certificate is None or found.key is None:
        hint = "`vouchsafe countersign init` makes it; its unit does so at every boot."
        raise HostError("authority-missing", "expected this host's CA, got none", hint=hint)
    if not found.machine_id:
        raise HostError("machine-id", "expected this machine's id in /etc/machine-id, got none")
    made = Authority.load(found.certificate, found.key)
    if not made.belongs_to(found.machine_id):
        raise HostError("authority-machine", "expected the CA of this machine, got another's")
    if at >= made.not_after:
        raise HostError(
            "authority-ended", f"expected a CA that is valid, got one that ended {made.not_after:%F}"
        )
    if found.published != made.certificate_pem:
        raise HostError(
            "authority-published", "expected the published CA certificate to be this CA's, got another"
        )
    return made


def rotation(found: Standing, now: InForce) -> Rotation | None:
    """Whose keys are published; None where certificates say it. HostError while they are another policy's."""
    if now.host.form == "pki":
        return None
    known = Rotation.parse(found.rotation or b"")
    if known.epoch != now.epoch:
        Rotation.parse(b"")
    return known


def materials(policy: Policy | None) -> tuple[str, ...]:
    """The paths that a policy's docker scopes name: keys, CAs and trust roots."""
    if policy is None:
        return ()
    rules = policy.transports.get("docker", {}).values()
    return tuple(dict.fromkeys(path for rule in rules for r in rule.requirements for path in _paths(r)))


def _paths(requirement: Requirement) -> list[str]:
    found: list[Source | None] = []
    extra: list[str] = []
    match requirement:
        case SignedBy(keys=keys):
            found.append(keys)
        case SigstoreSigned(signer=signer) | SigstoreAttested(signer=signer):
            found += [signer.keys, signer.rekor]
            extra.append(signer.log_root)
            if signer.fulcio is not None:
                found.append(signer.fulcio.ca)
                extra.append(signer.fulcio.trusted_root)
            if signer.pki is not None:
                found += [signer.pki.roots, signer.pki.intermediates]
        case _:
            pass
    return [path for source in found if source is not None for path in source.paths] + [p for p in extra if p]


class Keeper:
    """Knows the state, and notices when it is another. Thread-safe."""

    def __init__(
        self, configuration: HostConfiguration, clock: Clock, report: Callable[[BaseException], None]
    ) -> None:
        """Nothing is read yet; `report` is told of errors that are our own fault."""
        self._configuration = configuration
        self._clock = clock
        self._report = report
        self._lock = threading.Lock()
        self._materials: tuple[str, ...] = ()
        self._stamp: object = None
        self._looked_at = clock.now()
        self._state = State(
            generation=0, problem=HostError("starting", "expected to be ready, got no further")
        )

    def peek(self) -> State | None:
        """The state, if no file has changed since it was read; cheap."""
        state, stamp = self._state, self._stamp
        if state.problem is not None and abs(self._clock.now() - self._looked_at) > RETRY:
            return None
        return state if state.generation and self._stamps(self._materials) == stamp else None

    def now(self) -> State:
        """The state, read anew if a file has changed."""
        with self._lock:
            known = self.peek()
            return known if known is not None else self._renew()

    def forget(self) -> None:
        """Read everything anew when next asked."""
        with self._lock:
            self._stamp = object()

    def _renew(self) -> State:
        # Taken before reading: what changes while we read is noticed the next time.
        ours = self._configuration.stamp()
        self._looked_at = self._clock.now()
        state = State(generation=self._state.generation + 1)
        policy: Policy | None = None
        try:
            found = self._configuration.read()
            policy = found.policy
            now = in_force(found)
            state = state.replace(
                tombstones=revocation.read(found.tombstones),
                in_force=now,
                authority=authority(found, self._looked_at),
            )
            state = state.replace(rotation=rotation(found, now))
        except VouchsafeError as error:
            state = state.replace(problem=error)
        except Exception as error:  # noqa: BLE001  # an edge: what we cannot read denies
            self._report(error)
            problem = HostError("internal", f"expected to read the policy, got {type(error).__name__}")
            state = state.replace(problem=problem)
        self._materials = materials(policy)
        self._stamp = (ours, self._configuration.stamp(*self._materials) if self._materials else None)
        self._state = state
        return state

    def _stamps(self, paths: tuple[str, ...]) -> object:
        return (self._configuration.stamp(), self._configuration.stamp(*paths) if paths else None)


def ready(state: State) -> Ready | None:
    """The state as one that may be used; None when there is a problem."""
    if state.problem is not None or state.in_force is None or state.authority is None:
        return None
    return Ready(
        generation=state.generation,
        in_force=state.in_force,
        tombstones=state.tombstones,
        authority=state.authority,
        rotation=state.rotation,
    )
