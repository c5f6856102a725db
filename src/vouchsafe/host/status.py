"""Is this host enforcing, open or broken, and why: by what its files say now, whoever wrote them.

Enforcing: what policy.json says is what our policy compiles to, and nothing outranks it. Open: images pass that
nobody judges. Broken: it refuses more than it should, or nobody can say what it does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from vouchsafe.errors import ConfigurationError, HostError
from vouchsafe.host import change, containers, surroundings, units
from vouchsafe.host.objection import Objection
from vouchsafe.host.places import LARGEST_FILE, POLICY, REGISTRIES
from vouchsafe.host.plan import edited_since, read_applied
from vouchsafe.host.surroundings import User
from vouchsafe.machine import HostFiles
from vouchsafe.policy import applied as applying
from vouchsafe.policy import document
from vouchsafe.policy.applied import Applied
from vouchsafe.policy.compile import Compiled, compile_policy
from vouchsafe.policy.scope import Policy
from vouchsafe.record import Record

ENFORCING, OPEN, BROKEN = "enforcing", "open", "broken"


class Status(Record):
    """`word` is enforcing, open or broken; `reasons` say why, the gravest first; `notes` are worth knowing."""

    word: str
    epoch: str = ""
    since: str = ""
    scopes: tuple[str, ...] = ()
    reasons: tuple[Objection, ...] = ()
    notes: tuple[Objection, ...] = ()


class _Faults(Record):
    opening: tuple[Objection, ...] = ()
    breaking: tuple[Objection, ...] = ()
    notes: tuple[Objection, ...] = ()


def status(
    load: Policy | ConfigurationError | None,
    files: HostFiles,
    *,
    is_live: bool,
    homes: tuple[User, ...] = (),
    problem: Callable[[str], str] = lambda _: "",
) -> Status:
    """`load`: our policy, or why it does not load, or None when there is none.

    `problem`: why the countersigner at a URL would refuse everything, empty when it would not.
    """
    try:
        current = read_applied(files)
    except (ConfigurationError, HostError) as error:
        return Status(word=BROKEN, reasons=(_of(error),))
    if current is None:
        return _never_enabled(files)
    if not isinstance(load, Policy):
        missing = ConfigurationError("policy-missing", "expected a policy in /etc/vouchsafe, got none")
        return _judged(current, (), _Faults(breaking=(_of(load or missing),)), files)
    try:
        compiled = compile_policy(load, current.host)
    except ConfigurationError as error:
        return _judged(current, (), _Faults(breaking=(_of(error),)), files)
    breaking = tuple(_breaking(current, compiled, files, is_live=is_live))
    if is_live and compiled.countersigned and not breaking:
        breaking = tuple(_silent(current.host.lookaside, problem))
    faults = _Faults(
        opening=tuple(_opening(files, homes)),
        breaking=breaking,
        notes=(
            *_notes(files, homes),
            *(surroundings.unprivileged_port(current.host.lookaside, files) if is_live else ()),
        ),
    )
    return _judged(current, tuple(each.scope for each in compiled.countersigned), faults, files)


def _judged(current: Applied, scopes: tuple[str, ...], faults: _Faults, files: HostFiles) -> Status:
    broken = faults.breaking
    if change.is_unfinished(files):
        message = "expected no unfinished change, got one that a crash left"
        broken = (Objection(code="host-unfinished", message=message, fix="vouchsafe host recover"), *broken)
    word = OPEN if faults.opening else BROKEN if broken else ENFORCING
    return Status(
        word=word,
        epoch=current.epoch,
        since=current.at,
        scopes=scopes,
        reasons=(*faults.opening, *broken),
        notes=faults.notes,
    )


def _never_enabled(files: HostFiles) -> Status:
    message = "expected a host that vouchsafe was enabled on, got none"
    reason = Objection(code="host-not-enabled", message=message, fix="vouchsafe host enable")
    blob = files.read(POLICY, largest=LARGEST_FILE)
    if blob is None:
        return Status(word=BROKEN, reasons=(reason,))
    try:
        policy = document.parse(blob, dialect="containers", source=POLICY)
    except ConfigurationError as error:
        return Status(word=BROKEN, reasons=(reason, _of(error)))
    return Status(word=OPEN, reasons=(reason, *containers.open_bottom(policy)))


def _opening(files: HostFiles, homes: tuple[User, ...]) -> Iterator[Objection]:
    """What lets images pass that nobody judges."""
    blob = files.read(POLICY, largest=LARGEST_FILE)
    if blob is not None:
        try:
            there = document.parse(blob, dialect="containers", source=POLICY)
        except ConfigurationError:
            return  # clients refuse everything: broken, not open
        yield from containers.open_bottom(there)
        for scope in applying.glass(there):
            yield Objection(
                code="host-glass-broken",
                message=f"expected no image to pass unjudged, got {scope}",
                fix="vouchsafe break-glass --end",
            )
    for objection in surroundings.outranking(files, homes):
        if objection.severity == "refuses":
            yield objection


def _breaking(
    current: Applied, compiled: Compiled, files: HostFiles, *, is_live: bool
) -> Iterator[Objection]:
    why = applying.difference(compiled, files.read(POLICY, largest=LARGEST_FILE))
    if compiled.epoch != current.epoch:
        message = (
            f"expected policy {current.epoch} in /etc/vouchsafe, got {compiled.epoch}: edited, not applied"
        )
        yield Objection(code="host-not-applied", message=message, fix="vouchsafe host enable")
    elif why:
        yield Objection(code="host-edited", message=why, fix="vouchsafe host enable --overwrite-edits")
    elif REGISTRIES in edited_since(current, files):
        message = f"expected {REGISTRIES} as vouchsafe wrote it, got one that somebody else has edited"
        yield Objection(code="host-edited", message=message, fix="vouchsafe host enable --overwrite-edits")
    yield from (each for each in containers.conflicts(compiled, files) if each.severity == "refuses")
    yield from surroundings.writers(files)
    if is_live and compiled.countersigned and files.look(current.host.ca_path).kind == "absent":
        yield Objection(
            code="host-authority-absent",
            message=f"expected this host's CA certificate at {current.host.ca_path}, got nothing",
            fix="systemctl start vouchsafe-authority.service",
        )


def _silent(lookaside: str, problem: Callable[[str], str]) -> Iterator[Objection]:
    why = problem(lookaside) if lookaside.startswith("http://") else ""
    if why:
        yield Objection(
            code="host-countersigner-silent",
            message=f"expected the countersigner to answer at {lookaside}, got: {why}",
            fix="systemctl status vouchsafe-countersign.socket vouchsafe-countersign.service",
        )


def _notes(files: HostFiles, homes: tuple[User, ...]) -> Iterator[Objection]:
    for objection in surroundings.outranking(files, homes):
        if objection.severity == "warns":
            yield objection
    if units.systemd_runs(files) and (absent := units.missing(files)):
        yield Objection(code="host-units-missing", message=f"expected the unit {absent[0]}, got none")


def _of(error: ConfigurationError | HostError) -> Objection:
    return Objection(code=error.code, message=error.message, fix=error.hint)
