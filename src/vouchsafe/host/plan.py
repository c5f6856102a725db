"""What enabling would change on a host: every file, what speaks against it, and what follows from it.

Nothing is changed here. A plan with an objection that refuses is not carried out by anybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from vouchsafe.errors import ConfigurationError
from vouchsafe.host import containers, originals, state, surroundings, units
from vouchsafe.host.change import Edit
from vouchsafe.host.containers import Containers
from vouchsafe.host.objection import Consequence, Objection, refusing
from vouchsafe.host.places import (
    CA,
    GLASS,
    LARGEST_FILE,
    LOOKASIDE,
    NO_REGISTRIES,
    ORIGINALS,
    POLICY,
    PUBLIC_MODE,
    REGISTRIES,
    SECRET_MODE,
)
from vouchsafe.host.state import State, state_of
from vouchsafe.host.surroundings import User
from vouchsafe.machine import HostFiles
from vouchsafe.policy import applied as applying
from vouchsafe.policy.applied import Applied
from vouchsafe.policy.compile import LOCAL_TRANSPORTS, Host
from vouchsafe.policy.scope import Policy
from vouchsafe.record import Record


class Wish(Record):
    """How the operator wants it. `is_live`: this running machine, not an image that is being built."""

    is_live: bool
    host: Host = Host(ca_path=CA, lookaside=LOOKASIDE, open_transports=LOCAL_TRANSPORTS)
    insecure_default: bool = False
    overwrite_edits: bool = False
    with_units: bool = True
    homes: tuple[User, ...] = ()


class Plan(Record):
    """What would be done."""

    epoch: str
    edits: tuple[Edit, ...]
    objections: tuple[Objection, ...]
    consequences: tuple[Consequence, ...]
    containers: Containers
    was_enabled: bool = False

    @property
    def refusals(self) -> tuple[Objection, ...]:
        """What keeps it from being carried out."""
        return refusing(self.objections)

    @property
    def changes(self) -> tuple[Edit, ...]:
        """The edits that change something."""
        return tuple(edit for edit in self.edits if edit.changes)


def enabling(policy: Policy, wish: Wish, files: HostFiles, *, at: datetime) -> Plan:
    """The plan to put `policy` into force. ConfigurationError when it cannot be enforced at all."""
    made = containers.written(policy, wish.host)
    current = read_applied(files)
    known = originals.read(files)
    linked = units.edits(files) if wish.with_units and not units.missing(files) else ()
    compiled = made.compiled
    registries = state.file(compiled.registries, PUBLIC_MODE) if compiled.registries else state.ABSENT
    together = (
        _edit(REGISTRIES, registries, files).replace(neutral=NO_REGISTRIES),
        _edit(POLICY, state.file(compiled.policy, PUBLIC_MODE), files),
    )
    record = Applied(
        epoch=compiled.epoch,
        host=wish.host,
        files={edit.path: edit.after.hash for edit in together},
        insecure_default=wish.insecure_default,
        at=f"{at:%Y-%m-%dT%H:%M:%SZ}",
    )
    if current is not None and record.replace(at=current.at) == current:
        record = current
    kept = {edit.path: edit.before for edit in (*together, *linked)} | (known or {})
    notes = (
        _edit(ORIGINALS, state.file(originals.write(kept), SECRET_MODE), files),
        _edit(applying.PATH, state.file(applying.write(record), PUBLIC_MODE), files),
    )
    return Plan(
        epoch=compiled.epoch,
        edits=(*(note.replace(when="first") for note in notes), *linked, *together),
        objections=tuple(_objections(wish, made, files, current)),
        consequences=containers.consequences(policy, made),
        containers=made,
        was_enabled=current is not None,
    )


def read_applied(files: HostFiles) -> Applied | None:
    """What is in force, by our own record; None when nothing is. ConfigurationError."""
    blob = files.read(applying.PATH, largest=LARGEST_FILE)
    return None if blob is None else applying.parse(blob)


def edited_since(current: Applied | None, files: HostFiles) -> tuple[str, ...]:
    """The files that somebody else has written since; a broken glass is no such edit."""
    if current is None:
        return ()
    return tuple(path for path, known in current.files.items() if state_of(files, path).hash != known)


def _edit(path: str, after: State, files: HostFiles) -> Edit:
    before = state_of(files, path)
    same = before.kind == after.kind == "file" and before.replace(owner=None) == after
    return Edit(path=path, before=before, after=before if same else after, when="together")


def _objections(
    wish: Wish, made: Containers, files: HostFiles, current: Applied | None
) -> Iterator[Objection]:
    if not wish.insecure_default:
        yield from containers.open_bottom(made.as_read)
    if wish.is_live:
        yield from _etc(files)
        yield from surroundings.unprivileged_port(wish.host.lookaside, files)
    yield from surroundings.writers(files)
    yield from surroundings.outranking(files, wish.homes)
    yield from containers.conflicts(made.compiled, files)
    yield from _broken_glass(files)
    if not wish.overwrite_edits and files.look(GLASS).kind == "absent":
        for path in edited_since(current, files):
            yield Objection(
                code="host-edited",
                message=f"expected {path} as vouchsafe wrote it, got one that somebody else has edited",
                fix="put the change into /etc/vouchsafe/policy.json, then --overwrite-edits",
            )
    absent = units.missing(files) if wish.with_units else ()
    if absent:
        yield Objection(
            code="host-units-missing",
            message=f"expected the unit {absent[0]} to be installed, got none",
            fix="install it (docs/host.md#install), or run the countersigner yourself and say --without-units",
        )


def _etc(files: HostFiles) -> Iterator[Objection]:
    """Whether /etc is the place for something that shall last."""
    if why := surroundings.forgets_etc(files):
        yield Objection(
            code="host-etc-transient",
            message=f"expected an /etc that outlives a boot, got {why}",
            fix="build it into the image: vouchsafe host enable --root DIR",
        )
    elif surroundings.is_image_mode(files):
        yield Objection(
            code="host-image-mode",
            message="expected a policy that comes with the operating system's image, got a change of this"
            " deployment's /etc: later upgrades keep it, and it hides the policy of every later image",
            fix="for good: `RUN vouchsafe host enable --root /` in the image's Containerfile",
            severity="warns",
        )


def _broken_glass(files: HostFiles) -> Iterator[Objection]:
    if files.look(GLASS).kind != "absent":
        yield Objection(
            code="host-glass-broken",
            message="expected no image to pass unjudged, got an exception that is still open",
            fix="vouchsafe break-glass --end",
        )


def disabling(files: HostFiles, *, overwrite_edits: bool) -> tuple[tuple[Edit, ...], tuple[Objection, ...]]:
    """The edits that put back what was there before the first change, and what speaks against it."""
    known = originals.read(files)
    if known is None:
        raise ConfigurationError(
            "host-not-enabled", "expected a host that vouchsafe was enabled on, got none"
        )
    wanted = {**known, applying.PATH: state.ABSENT, ORIGINALS: state.ABSENT}
    return putting_back(wanted, files, overwrite_edits=overwrite_edits)


def putting_back(
    wanted: Mapping[str, State], files: HostFiles, *, overwrite_edits: bool
) -> tuple[tuple[Edit, ...], tuple[Objection, ...]]:
    """The edits that make these files what they were, and what speaks against it."""
    edits = tuple(
        Edit(
            path=path,
            before=state_of(files, path),
            after=original,
            when="together" if path in {POLICY, REGISTRIES} else "last",
            neutral=NO_REGISTRIES if path == REGISTRIES else None,
        )
        for path, original in wanted.items()
    )
    glass = tuple(_broken_glass(files))
    edited = () if overwrite_edits or glass else edited_since(read_applied(files), files)
    return edits, glass + tuple(
        Objection(
            code="host-edited",
            message=f"expected {path} as vouchsafe wrote it, got one that somebody else has edited",
            fix="keep what you need of it, then --overwrite-edits",
        )
        for path in edited
    )
