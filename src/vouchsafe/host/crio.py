"""The policies of Kubernetes namespaces on a CRI-O host: what would be written, and what speaks against it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vouchsafe.errors import ConfigurationError
from vouchsafe.host import state
from vouchsafe.host.change import Edit
from vouchsafe.host.objection import Objection
from vouchsafe.host.places import LARGEST_FILE, POLICY, PUBLIC_MODE, REGISTRIES
from vouchsafe.host.plan import read_applied
from vouchsafe.host.state import state_of
from vouchsafe.machine import HostEdits, HostFiles
from vouchsafe.policy import applied, crio
from vouchsafe.policy.applied import NOT_APPLIED
from vouchsafe.policy.scope import Policy
from vouchsafe.record import Record


class Namespaces(Record):
    """One policy for several namespaces."""

    content: bytes
    edits: tuple[Edit, ...]
    objections: tuple[Objection, ...]

    @property
    def changes(self) -> tuple[Edit, ...]:
        """The edits that change something."""
        return tuple(edit for edit in self.edits if edit.before.content != edit.after.content)


def planned(
    policy: Policy,
    files: HostFiles,
    names: Sequence[str],
    *,
    scopes: Sequence[str] = (),
    folder: str = crio.FOLDER,
    overwrite_edits: bool = False,
) -> Namespaces:
    """By the policy that is in force. ConfigurationError, HostError, MalformedError."""
    record = read_applied(files)
    if record is None:
        raise ConfigurationError(
            "not-applied", "expected a policy that was applied, got none", hint=NOT_APPLIED
        )
    compiled = applied.in_force(
        policy,
        record,
        files.read(POLICY, largest=LARGEST_FILE),
        files.read(REGISTRIES, largest=LARGEST_FILE),
    )
    content = crio.narrowed(compiled, record.host, scopes)
    after = state.file(content, PUBLIC_MODE)
    paths = tuple(dict.fromkeys(crio.path(name, folder) for name in names))
    edits = tuple(Edit(path=path, before=state_of(files, path), after=after, when="first") for path in paths)
    foreign = () if overwrite_edits else tuple(_foreign(edits, record))
    return Namespaces(content=content, edits=edits, objections=foreign)


def _foreign(edits: tuple[Edit, ...], record: applied.Applied) -> Iterator[Objection]:
    for edit in edits:
        if edit.before.kind != "absent" and not crio.is_ours(edit.before.content, record.host):
            yield Objection(
                code="crio-foreign",
                message=f"expected no policy at {edit.path} but one of vouchsafe's, got somebody else's",
                fix="keep what you need of it, then --overwrite-edits",
            )


def write(plan: Namespaces, files: HostEdits) -> None:
    """Each file whole: CRI-O reads one of them at a time. HostError."""
    for edit in plan.changes:
        state.put(files, edit.path, edit.after)
